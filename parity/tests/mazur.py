"""Mazur's example: its steps, its figures and its errata."""

from functools import cache, partial

import numpy as np

import refnet
from parity.tests.figures import MAZUR, Erratum, Figure, network, record
from refnet.backprop import backward, forward

MAZUR_X, MAZUR_Y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
MAZUR_W = [[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]]
MAZUR_B = [[0.35, 0.35], [0.60, 0.60]]
MAZUR_LR = 0.5


def mazur_record(side, W, b, y=MAZUR_Y):
    """One step of the example from the given weights and biases."""
    net = network(W, b, "sigmoid", "sigmoid")
    return record(side, net, MAZUR_X, y, refnet.HalfSquaredError(), refnet.SGD(lr=MAZUR_LR))


@cache
def mazur(side):
    """The step of the example."""
    return mazur_record(side, MAZUR_W, MAZUR_B)


@cache
def mazur_one_output(side, k):
    """The step of the network with output k alone. Its cost is the error of that
    output.
    """
    return mazur_record(
        side,
        [MAZUR_W[0], MAZUR_W[1][k : k + 1]],
        [MAZUR_B[0], MAZUR_B[1][k : k + 1]],
        MAZUR_Y[:, k : k + 1],
    )


@cache
def mazur_after(side):
    """The step that follows, from the new weights and, as in the example, the old
    biases.
    """
    first = mazur(side)
    return mazur_record(side, first.after.W, first.before.b)


@cache
def mazur_after_with_biases(side):
    """The step that follows where the biases were updated too."""
    first = mazur(side)
    return mazur_record(side, first.after.W, first.after.b)


@cache
def mazur_trained(steps, *, late=False):
    """The network after so many steps of refnet on the weights alone.

    `late` makes the mistake that explains the published errata: W2 is updated first,
    and the hidden deltas then pass through the new W2.
    """
    net, loss = network(MAZUR_W, MAZUR_B, "sigmoid", "sigmoid"), refnet.HalfSquaredError()
    hidden, output = net.layers
    for _ in range(steps):
        trace = forward(net.layers, MAZUR_X)
        gradients = backward(net.layers, trace, loss, MAZUR_Y)
        output.W[...] -= MAZUR_LR * gradients[1].dW
        if late:
            gradients = backward(net.layers, trace, loss, MAZUR_Y)
        hidden.W[...] -= MAZUR_LR * gradients[0].dW
    return net


@cache
def mazur_step_after(side, steps, *, late=False):
    """The step that follows so many steps, the last forward pass by either side."""
    net = mazur_trained(steps, late=late).copy()
    return record(side, net, MAZUR_X, MAZUR_Y, refnet.HalfSquaredError(), refnet.SGD(lr=MAZUR_LR))


def slope(layer):
    """f' of a sigmoid layer at the one sample."""
    return layer.a[0] * (1.0 - layer.a[0])


MAZUR_FIGURES = [
    Figure(MAZUR, name, printed, run, read)
    for name, printed, run, read in [
        ("net_h1", "0.3775", mazur, lambda r: r.layers[0].z[0, 0]),
        ("out_h", ("0.593269992", "0.596884378"), mazur, lambda r: r.layers[0].a[0]),
        ("net_o1", "1.105905967", mazur, lambda r: r.layers[1].z[0, 0]),
        ("out_o", ("0.75136507", "0.772928465"), mazur, lambda r: r.layers[1].a[0]),
        ("E_o1", "0.274811083", partial(mazur_one_output, k=0), lambda r: r.loss),
        ("E_o2", "0.023560026", partial(mazur_one_output, k=1), lambda r: r.loss),
        ("E_total", "0.298371109", mazur, lambda r: r.loss),
        (
            "dE/dout_o1",
            "0.74136507",
            mazur,
            lambda r: (r.layers[1].delta[0] / slope(r.layers[1]))[0],
        ),
        (
            "dout_o1/dnet_o1",
            "0.186815602",
            mazur,
            lambda r: (r.layers[1].delta / (r.layers[1].a - r.y))[0, 0],
        ),
        ("delta_o1", "0.138498562", mazur, lambda r: r.layers[1].delta[0, 0]),
        (
            "dE_o1/dout_h1",
            "0.055399425",
            mazur,
            lambda r: r.layers[1].delta[0, 0] * r.before.W[1][0, 0],
        ),
        (
            "dE/dout_h1",
            "0.036350306",
            mazur,
            lambda r: (r.layers[0].delta[0] / slope(r.layers[0]))[0],
        ),
        (
            "dout_h1/dnet_h1",
            "0.241300709",
            mazur,
            lambda r: (r.layers[0].delta / (r.layers[1].delta @ r.before.W[1]))[0, 0],
        ),
        ("dE/dw5", "0.082167041", mazur, lambda r: r.layers[1].dW[0, 0]),
        ("dE/dw1", "0.000438568", mazur, lambda r: r.layers[0].dW[0, 0]),
        (
            "new W2",
            (("0.35891648", "0.408666186"), ("0.511301270", "0.561370121")),
            mazur,
            lambda r: r.after.W[1],
        ),
        (
            "new W1",
            (("0.149780716", "0.19956143"), ("0.24975114", "0.29950229")),
            mazur,
            lambda r: r.after.W[0],
        ),
        # from backprop-trace: nine significant digits, and -dE/dw instead of dE/dw
        ("net_o, again", ("1.10590597", "1.22492140"), mazur, lambda r: r.layers[1].z[0]),
        ("E_o2, again", "0.0235600256", partial(mazur_one_output, k=1), lambda r: r.loss),
        ("-delta_o", ("-0.138498562", "0.0380982365"), mazur, lambda r: -r.layers[1].delta[0]),
        ("-delta_h", ("-0.00877135469", "-0.00995425471"), mazur, lambda r: -r.layers[0].delta[0]),
        (
            "-dW2",
            (("-0.0821670406", "-0.0826676278"), ("0.0226025405", "0.0227402422")),
            mazur,
            lambda r: -r.layers[1].dW,
        ),
        (
            "-dW1",
            (("-0.000438567734", "-0.000877135469"), ("-0.000497712735", "-0.000995425471")),
            mazur,
            lambda r: -r.layers[0].dW,
        ),
        (
            "out_h after the step",
            ("0.593256764", "0.596869409"),
            mazur_after,
            lambda r: r.layers[0].a[0],
        ),
        (
            "out_o after the step",
            ("0.742088111", "0.775284968"),
            mazur_after,
            lambda r: r.layers[1].a[0],
        ),
        ("E_total after the step", "0.291027774", mazur_after, lambda r: r.loss),
    ]
]
_LATE = "the hidden deltas passed through the W2 that was already updated"
MAZUR_10000 = partial(mazur_step_after, steps=10_000)
MAZUR_ERRATA = [
    Erratum(MAZUR, name, printed, run, read, right=right, because=because)
    for name, printed, right, run, read, because in [
        (
            "dE_o2/dout_h1",
            "-0.019049119",
            "-0.019049118",
            mazur,
            lambda r: r.layers[1].delta[0, 1] * r.before.W[1][1, 0],
            "half of -0.038098237, a figure already rounded, was rounded up once more",
        ),
        (
            "E_total after the step",
            "0.291027924",
            "0.291027774",
            mazur_after,
            lambda r: r.loss,
            _LATE,
        ),
        (
            "out_o1 after 10,000 steps",
            "0.015912196",
            "0.015913620",
            MAZUR_10000,
            lambda r: r.layers[1].a[0, 0],
            _LATE,
        ),
        (
            "out_o2 after 10,000 steps",
            "0.984065734",
            "0.984064274",
            MAZUR_10000,
            lambda r: r.layers[1].a[0, 1],
            _LATE,
        ),
        (
            "E_total after 10,000 steps",
            "0.0000351085",
            "0.0000351019",
            MAZUR_10000,
            lambda r: r.loss,
            f"{_LATE}, and a 1 slipped in",
        ),
    ]
]
