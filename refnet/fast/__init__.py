"""What `fit` runs: the four equations in preallocated arrays.

It gives the bits of backprop.py, which is the reference.

    written      which of them are still refnet's own
    room         room for what is computed on the way, made once
    inplace      activations and losses in place
    shares       what each row counts for, where rows or classes have weights
    classes      cross-entropies of classes with settings and weights
    weighted     the other losses with settings and weights
    penalties    penalties in place
    dropout      the masks of dropout
    workspace    the forward pass and BP1 to BP4 in preallocated arrays
    threads      how many of them BLAS gets
"""
