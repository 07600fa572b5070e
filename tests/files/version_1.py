"""The files of version 1 of the format, and what is in them.

They never change: others keep such files. This wrote them, while 1 was the version:

    python tests/files/version_1.py
"""

from math import inf, nan
from pathlib import Path

import numpy as np

import refnet
from refnet.history import Reached

FOLDER = Path(__file__).parent / "version_1"


def network(sizes, activations, **settings):
    """Its parameters are k / 8 from -1 on, in float32 and float64 the same numbers."""
    *hidden, output = activations
    net = refnet.mlp(sizes, hidden, output, **settings)
    net.parameters[:] = np.arange(net.parameters.size) / 8 - 1
    return net


def trained(net, optimizer, steps, names, epochs, **reached):
    """The optimizer, bound and with vectors of k / 16, k from 1 on, and a history."""
    optimizer.bind(net)
    vector = np.arange(1, net.parameters.size + 1) / 16
    optimizer.state = {"steps": steps, **dict.fromkeys(names, vector)}
    generator = np.random.default_rng(5).bit_generator.state
    return optimizer, refnet.History(
        epochs,
        "all epochs done",
        Reached(generator=generator, optimizer=optimizer, steps=steps, **reached),
    )


def alone():
    """A network alone, in float64."""
    return network([2, 3, 1], ["tanh", "sigmoid"]), None, None


def leaky():
    """An activation with a parameter, one layer without another."""
    return network([3, 2], [refnet.LeakyReLU(0.25)]), None, None


def every_activation():
    """Each of refnet's activations, by its name."""
    names = ["identity", "sigmoid", "tanh", "relu", "leaky_relu", "heaviside", "softmax"]
    return network([2] * 8, names, dtype="float32"), None, None


def dropping():
    """float32, with dropout and without biases; biases do not decay."""
    net = network(
        [3, 5, 2],
        ["relu", "softmax"],
        dtype="float32",
        bias=False,
        dropout=0.5,
        input_dropout=0.125,
    )
    epochs = [refnet.Epoch(1, 1, 0.75, 0.5, None, None, 0.625)]
    optimizer = refnet.SGD(0.5, momentum=0.5, nesterov=True, weight_decay=0.25, decay_biases=False)
    given = trained(net, optimizer, 3, ["momentum_buffer"], epochs, seed=2**70, shuffle=False)
    return net, *given


def columns():
    """Names of columns of every kind."""
    net = network([7, 1], ["identity"])
    net.columns = ["text \N{GREEK SMALL LETTER ALPHA}", 3, 0.5, None, True, ("a", 1, None), ()]
    return net, None, None


def training():
    """An optimizer with its state, and a history with losses that are not finite."""
    net = network([2, 3, 1], ["tanh", "identity"])
    epochs = [
        refnet.Epoch(1, 3, 0.5, 0.25, inf),
        refnet.Epoch(2, 3, 0.1, 0.125, nan),
        refnet.Epoch(3, 3, 1e-300, 0.0625, -inf),
    ]
    names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    optimizer = refnet.Adam(0.25, (0.5, 0.75), amsgrad=True)
    return net, *trained(net, optimizer, 9, names, epochs, seed=3, shuffle=True)


def optimizer_alone():
    """An optimizer without a history."""
    net = network([2, 1], ["identity"])
    optimizer = refnet.Adagrad(0.5, lr_decay=0.25, initial_accumulator_value=0.125)
    return net, trained(net, optimizer, 2, ["sum"], [], seed=0, shuffle=True)[0], None


CONTENTS = {
    each.__name__: each
    for each in (alone, leaky, every_activation, dropping, columns, training, optimizer_alone)
}


def write(folder):
    """All of them."""
    for name, contents in CONTENTS.items():
        refnet.save(folder / f"{name}.safetensors", *contents())


if __name__ == "__main__":
    write(FOLDER)
