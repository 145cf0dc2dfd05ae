"""Faults of the evaluation: of models, of numbers, of judges and files."""
