"""What a power cut could leave of the product's files, built image by image from recorded writes."""
