"""Dialects of FHIR messages, each in a file of its own; ``table`` has a row for each (docs/dialects.md)."""
