"""Mistakes in the forward pass.

sums             z
activations      a, and the softmax that a loss makes of its logits
logarithms       log 0, and e^z that overflows in a logarithm
losses           C, alone or with the gradient to match
weights          C of a loss with weights: smoothing, classes, positive targets
means            what the mean of such a loss divides by
costs            C by another average, with the gradient to match: no mistakes
"""
