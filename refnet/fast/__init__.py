"""What `fit` runs: the four equations in arrays that are made once.

Its bits are those of backprop.py, which is the norm; this wing is a guest.

    blocks       blocks for temporaries
    inplace      activations and losses in place
    workspace    the forward pass and BP1 to BP4 in preallocated arrays
    threads      how many of them BLAS gets
"""
