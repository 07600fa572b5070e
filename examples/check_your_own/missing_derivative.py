"""The error goes back through the weights, but not through the hidden activation.

Re-created from iamtrask/Grokking-Deep-Learning: the layers are numbered, and a weight
matrix has one row for each input.
https://github.com/iamtrask/Grokking-Deep-Learning/issues/50

parity says about it:

    BP2 (hidden delta) of layer 1: delta^l = delta^(l+1) W^(l+1), expected
    delta^l = (delta^(l+1) W^(l+1)) * f'(z^l). The error is passed down through the
    weights, but not through the activation. The chain rule has a factor for each
    function on the way: between a and z that is f'(z).
"""

import numpy as np

import parity


def gradient(W, b, x, y):
    """The loss and its gradients. parity takes the steps."""
    weights_0_1, weights_1_2 = W
    layer_1 = np.tanh(x @ weights_0_1 + b[0])
    layer_2 = layer_1 @ weights_1_2 + b[1]
    loss = np.mean((layer_2 - y) ** 2)

    layer_2_delta = 2 * (layer_2 - y) / y.size
    layer_1_delta = layer_2_delta @ weights_1_2.T

    dW = [x.T @ layer_1_delta, layer_1.T @ layer_2_delta]
    db = [layer_1_delta.sum(axis=0), layer_2_delta.sum(axis=0)]
    return loss, dW, db


# for parity: what the function can do

activations, outputs = "tanh", "identity"
losses = "mse"
sizes = (3, 4, 2)
layout = "in_out"


if __name__ == "__main__":
    print(parity.check(parity.from_gradient(gradient)))
