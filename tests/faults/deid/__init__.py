"""Identifiers planted in notes, tables and FHIR resources."""
