"""One training in several processes, started by torchrun or Ray: on many GPUs, or many machines.

Every process runs the same fit over the same data and takes its share of each step. The first one
leads: it alone reads the clock, the signals and the checkpoints, and writes files.
"""
