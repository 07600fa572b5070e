"""How long a training step takes, beside others.

timing       sides in turns, medians, exponents
sides        the same step by refnet, PyTorch and JAX, and the judge of it
tables       what is timed, in tables
benchmark    the plan and the report
figure       its picture
"""
