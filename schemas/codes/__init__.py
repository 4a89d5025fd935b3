"""Code systems, extension addresses and code lists that the messages use."""
