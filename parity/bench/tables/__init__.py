"""The tables of the benchmark.

steps      a row for each network
digits     whole trainings of handwritten digits
loops      a tutorial's loops
growth     time and memory by size
threads    one BLAS thread, and a pool of them
"""
