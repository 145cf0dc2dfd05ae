"""Faults of the data: what `medtune data` must refuse, remove or show on its card."""
