"""The gradient check of a course: its network, its measure, and how much rounding can
change that measure.
"""

from functools import cache
from itertools import takewhile

import numpy as np
import torch

import parity
import refnet
from parity.tests.figures import network, record

EPSILON = 1e-7
# the course calls this or less great; its assignment itself had to compare with 2e-7
RULE_OF_THUMB = 1e-7
WITH_MISTAKES, FIXED = "0.2850931567761623", "1.1890913024229996e-07"
COURSERA_Y = np.array([[1.0], [1.0], [0.0]])


def coursera():
    """x, whose rows are samples, and the network 4-5-3-1, drawn in the order of the
    assignment.
    """
    # the published figures come from this legacy generator
    draw = np.random.RandomState(1).randn
    x, W1, b1, W2, b2, W3, b3 = (
        draw(4, 3),
        draw(5, 4),
        draw(5, 1),
        draw(3, 5),
        draw(3, 1),
        draw(1, 3),
        draw(1, 1),
    )
    return x.T, network([W1, W2, W3], [b1[:, 0], b2[:, 0], b3[:, 0]], "relu", "relu", "sigmoid")


@cache
def coursera_step(side):
    """One step, whose gradient is checked."""
    x, net = coursera()
    return record(side, net, x, COURSERA_Y, refnet.BinaryCrossEntropy(), refnet.SGD())


def cost_function(side):
    """The cost as a function of the flat parameters, by refnet or by its twin."""
    (x, net), loss = coursera(), refnet.BinaryCrossEntropy()
    model, torch_loss = parity.twin(net), parity.twin_loss(loss)
    torch_x, torch_y = torch.tensor(x), torch.tensor(COURSERA_Y)

    def cost(vector):
        net.parameters[:] = vector
        if side == "refnet":
            return loss.value(net.predict(x), COURSERA_Y)
        parity.copy_to_torch(net, model)
        return torch_loss(model(torch_x), torch_y).item()

    return cost


@cache
def quotients(side, epsilon=EPSILON):
    """(C(theta + eps) - C(theta - eps)) / 2 eps for each parameter, as the assignment
    takes it.
    """
    cost, start = cost_function(side), coursera()[1].parameters
    steps = epsilon * np.eye(start.size)
    return np.array([(cost(start + step) - cost(start - step)) / (2 * epsilon) for step in steps])


def gradient(side, *, mistakes):
    """The flat gradient. With the planted mistakes dW2 is twice and db1 four times as
    large.
    """
    layers = [(layer.dW, layer.db) for layer in coursera_step(side).layers]
    if mistakes:
        (dW1, db1), (dW2, db2), last = layers
        layers = [(dW1, 4 * db1), (2 * dW2, db2), last]
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def difference(g, n):
    """The assignment's measure, ||g - n|| / (||g|| + ||n||)."""
    return np.linalg.norm(g - n) / (np.linalg.norm(g) + np.linalg.norm(n))


def cost_noise():
    """How much rounding can change the cost, to first order: by dC/da da over the
    outputs, and by the logarithms and their sum.

    Each layer rounds z fan_in + 1 times, relative to the size of its terms. exp adds a
    last place, 2 u; 1 + exp(-z) and the quotient add one rounding each. 1 - a is exact
    for a >= 1/2, but the error of a is large beside it: dC/da is 1 / (1 - a) / n.
    """
    u, (x, net), loss = np.finfo(float).eps / 2, coursera(), refnet.BinaryCrossEntropy()
    a, size = net.predict(x), np.abs(x)
    for layer in net.layers:
        size = size @ np.abs(layer.W).T + np.abs(layer.b)
    roundings = sum(layer.fan_in + 1 for layer in net.layers)
    a_off = a * (1 - a) * (roundings * u * size + 2 * u) + 2 * u * a
    return (np.abs(loss.gradient(a, COURSERA_Y)) * a_off).sum() + (len(x) + 3) * u * loss.value(
        a, COURSERA_Y
    )


def difference_noise(g):
    """How much rounding can change the measure: each quotient is off by the noise of
    two costs over 2 eps, and by the rounding of theta +- eps.
    """
    vector = coursera()[1].parameters
    off = (
        cost_noise() / EPSILON
        + np.finfo(float).eps / 2 * np.abs(vector * gradient("refnet", mistakes=False)) / EPSILON
    )
    total = np.linalg.norm(g) + np.linalg.norm(gradient("refnet", mistakes=False))
    # the measure is below 1, and its denominator moves as well
    return np.linalg.norm(off) * (1 + 1) / total


def stable_digits(printed, noise):
    """The leading digits of a printed figure that no change within +- noise affects."""
    low, high = (f"{float(printed) + way * noise:.16f}" for way in (-1, 1))
    return "".join(
        digit
        for digit, other in takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=True))
    )
