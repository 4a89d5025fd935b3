"""From the insurance export to the transfer's FHIR message, and back to the export without loss."""
