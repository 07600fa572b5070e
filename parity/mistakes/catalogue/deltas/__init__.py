"""Mistakes in the deltas.

output           BP1: sign, factors and divisor
derivatives      f' of the elementwise activations, in BP1 and BP2
weights          BP1 of a loss with weights
softmax          the derivative of the softmax
hidden           BP2: the way down through the weights
"""
