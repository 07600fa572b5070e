"""The catalogue of mistakes, by the part of a step that they break.

forward          z, a and C
output_deltas    BP1: sign, factors and divisor
derivatives      f' in BP1 and BP2
hidden_deltas    BP2: the way down through the weights
gradients        BP3 and BP4
updates          the step and the weight decay of every rule
momentum         momentum and the state
adaptive         Adagrad, RMSprop and Adam
conventions      what is right by another convention than PyTorch's
published        where mistakes were published
index            all of them in one order, by id, and the constant factors
"""
