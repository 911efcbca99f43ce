"""FHIR R4 to and from the rules' own types; pure. The only importer of ``fhir.resources``."""
