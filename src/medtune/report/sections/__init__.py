"""The sections of the report: each turns an artifact into blocks, or none into none."""
