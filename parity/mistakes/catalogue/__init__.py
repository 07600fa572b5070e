"""The catalogue of mistakes, by the part of a step that they break.

forward          z, a and C
deltas           BP1 and BP2
penalised        the penalty of a cost
gradients        BP3 and BP4
shards           the mean over shards of a batch, without their sizes
dropout          what a layer with dropout reads, and its mask on the way back
precision        products of factors in a coarser format
updates          the step, and what the update rules keep
conventions      what is right by another convention than PyTorch's
published        where mistakes were published
false_alarms     right code that was reported as wrong
index            all of them in one order, by id
factors          factors that stand where none belongs
constants        mistakes with a number in them that only the program knows
own_constants    conventions with such a number
variants         mistakes in programs of another form, and other activations
"""
