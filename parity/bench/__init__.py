"""How long a training step takes, beside others.

timing       sides in turns, medians, exponents
sides        the same step by refnet, PyTorch and JAX, and the judge of it
tables       what is timed, in tables
report       the plan, and what was measured, in words and as data
benchmark    the run, table by table
figure       its picture
"""
