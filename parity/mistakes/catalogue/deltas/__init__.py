"""Mistakes in the deltas.

output           BP1: sign, factors and divisor
derivatives      f' of the elementwise activations, in BP1 and BP2
softmax          the derivative of the softmax
hidden           BP2: the way down through the weights
"""
