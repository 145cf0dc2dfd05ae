"""De-identification of text: find what names a person, and put a consistent surrogate there."""
