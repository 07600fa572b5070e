"""Mistakes in the forward pass.

sums             z
activations      a, and the softmax that a loss makes of its logits
losses           C, alone or with the gradient to match
"""
