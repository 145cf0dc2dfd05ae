"""The checks of the quality card: pure functions from records to findings, one subject a file.

Those that read text look at a sample of at most 50,000 records; the others at all.
"""
