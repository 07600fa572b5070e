"""The eight equations restated for their proof, each with its exact value and a bound.

sums           z, BP2, BP3, BP4: sums of products
activations    a, and how a gradient comes back through f in BP1 and BP2
losses         C, and BP1 for each loss and output
updates        step: what an update is, and gradient descent
adaptive       step: Adagrad, RMSprop, Adam and AdamW
shared         what these have in common
entries        the table of all of them, to be read
"""
