"""The HTTP shell: one file per interaction, named as FHIR names it."""
