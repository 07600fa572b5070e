"""Each layer's weights are updated as soon as their gradient is known, before the layer
below has used them.

Re-created from Bot-Academy/NeuralNetworkFromScratch: a function takes one step, and
each sample is a column. https://github.com/Bot-Academy/NeuralNetworkFromScratch/pull/3

parity says about it:

    BP2 (hidden delta) of layer 1: delta^l = delta^(l+1) W_new^(l+1) * f'(z), expected
    delta^l = (delta^(l+1) W^(l+1)) * f'(z^l). The delta goes down through weights that
    this step has already changed. The gradient is taken at the weights that made the
    prediction: all deltas come first, then the updates.
"""

import numpy as np

import parity


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def step(W, b, x, y, lr):
    w_i_h, w_h_o = W
    b_i_h, b_h_o = b
    n = x.shape[1]

    h = sigmoid(w_i_h @ x + b_i_h)
    o = sigmoid(w_h_o @ h + b_h_o)

    delta_o = (o - y) * o * (1 - o) / n
    w_h_o -= lr * delta_o @ h.T
    b_h_o -= lr * delta_o.sum(axis=1, keepdims=True)

    delta_h = w_h_o.T @ delta_o * h * (1 - h)
    w_i_h -= lr * delta_h @ x.T
    b_i_h -= lr * delta_h.sum(axis=1, keepdims=True)
    return [w_i_h, w_h_o], [b_i_h, b_h_o]


# for parity: what the step can do

activations = outputs = "sigmoid"
losses = "half_squared_error"
sizes = (4, 5, 3)
samples = "columns"


if __name__ == "__main__":
    print(parity.check(parity.from_step(step)))
