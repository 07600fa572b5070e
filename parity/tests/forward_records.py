"""A forward pass by whatever program as the record of a step that shows z and a
alone.
"""

from dataclasses import replace

import numpy as np

from parity.proof.certificate import certify
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord, copied_biases


def forward_record(net, x, pairs):
    """The record of these z and a of every layer, which somebody computed from x with
    the weights of the network.
    """
    layers = net.layers
    spec = Spec(
        net.sizes,
        tuple((layer.activation.name, layer.activation.parameters) for layer in layers),
        loss="mse",  # which every output goes with; C is not shown
        optimizer="sgd",
        hyperparameters={
            "lr": 0.1,
            "momentum": 0.0,
            "dampening": 0.0,
            "nesterov": False,
            "weight_decay": 0.0,
        },
        step=1,
        dtype=str(net.dtype),
        biases=tuple(layer.b is not None for layer in layers),
    )
    before = Snapshot(
        tuple(layer.W.copy() for layer in layers), tuple(map(copied_biases, layers)), {}
    )
    y = np.zeros((len(x), net.sizes[-1]), net.dtype)
    shown = tuple(LayerRecord(z=z, a=a) for z, a in pairs)
    return StepRecord(spec, x, y, before, shown, None, None)


def forward_results(record):
    """The results of the certificate on z and a, layer by layer."""
    return [result for result in certify(record).results if result.equation in ("z", "a")]


def with_wrong(record, result):
    """The record with the entry of a result off by three times its bound, or by one
    last place where it must be exact.
    """
    layer = record.layers[result.layer - 1]
    array = getattr(layer, result.quantity).copy()
    expected = array.dtype.type(result.expected)
    off = array.dtype.type(result.expected + 3.0 * result.allowed)
    array[result.index] = max(off, np.nextafter(expected, array.dtype.type(np.inf)))
    layers = list(record.layers)
    layers[result.layer - 1] = replace(layer, **{result.quantity: array})
    return replace(record, layers=tuple(layers))
