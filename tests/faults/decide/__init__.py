"""Faults of the decision experiment: of its arms, of its record, and of what it asks outside."""
