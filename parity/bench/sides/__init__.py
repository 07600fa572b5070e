"""The sides of the benchmark, each in its best form.

setting    the same task for every side
refnet     refnet's step, `fit`, and the matrix products alone
torch      PyTorch's step
parts      both with weights, a penalty, clipping, dropout, or no biases
jax        JAX's step
judge      does a side take the right step
"""
