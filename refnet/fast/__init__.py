"""What `fit` runs: the four equations in preallocated arrays.

It gives the bits of backprop.py, which is the reference.

    written      which of them are still refnet's own
    inplace      activations and losses in place
    weighted     losses with settings, and with weights of the rows
    penalties    penalties in place
    workspace    the forward pass and BP1 to BP4 in preallocated arrays
    threads      how many of them BLAS gets
"""
