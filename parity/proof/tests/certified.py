"""Records that are certified, the same with one thing changed, and what is said of
them.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import refnet
from parity.proof.statements import statements
from parity.steps.cases import DTYPES, Case
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord, record_refnet

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
SHOWN = ("z", "a", "delta", "dW", "db")
NOT_FINITE = (np.nan, np.inf, -np.inf)
DEEP = Case(
    "",
    (5, 4, 3, 2),
    ("tanh", "sigmoid"),
    "identity",
    "mse",
    "values",
    "adam",
    {"amsgrad": True, "weight_decay": 0.1},
    batch=6,
)
CASE = "5-4-3-2, mse, adam, float64, step 2"  # of good(), as a verdict names it

DECAYED = Case(
    "",
    (7, 5, 3),
    ("tanh",),
    "identity",
    "mse",
    "values",
    "sgd",
    {"lr": 0.1, "weight_decay": 0.1},
    batch=6,
)


def recorded(case, steps=1, net=None, data=None):
    """The last of the case's first steps by refnet, where given from another network or
    on other x and y.
    """
    net, loss, optimizer = net or case.network(), case.make_loss(), case.make_optimizer()
    pairs = zip(range(steps), case.steps(), case.given(), strict=False)
    for _, (x, y, optimizer.lr), given in pairs:
        record = record_refnet(net, *(data or (x, y)), loss, optimizer, masks=given.masks)
    return record


@cache
def good(dtype="float64"):
    """A record of which everything holds: three layers, Adam with amsgrad and weight
    decay, second step.
    """
    return recorded(replace(DEEP, dtype=dtype), 2)


def shown(record, quantity, layer=None):
    """The array of a quantity: z to db, loss, W and b after the step, "exp_avg of W" of
    the new state.
    """
    if quantity == "loss":
        return np.array(record.loss)
    if quantity in (*SHOWN, "a_prev"):
        return getattr(record.layers[layer - 1], quantity)
    if quantity in ("W", "b"):
        return getattr(record.after, quantity)[layer - 1]
    name, _, of = quantity.partition(" of ")
    return record.after.state[name][where(record, of, layer)].reshape(
        getattr(record.after, of)[layer - 1].shape
    )


def where(record, of, layer):
    """Where a W or b stands in a flat vector."""
    before = record.before
    start = sum(
        W.size + b.size for W, b in zip(before.W[: layer - 1], before.b[: layer - 1], strict=True)
    )
    start += before.W[layer - 1].size if of == "b" else 0
    return slice(start, start + getattr(before, of)[layer - 1].size)


def rewritten(record, quantity, layer, array):
    """The record with another array in the place of a quantity; None does not show
    it.
    """
    if quantity == "loss":
        return replace(record, loss=None if array is None else float(array))
    if quantity in (*SHOWN, "a_prev"):
        layers = list(record.layers)
        layers[layer - 1] = replace(layers[layer - 1], **{quantity: array})
        return replace(record, layers=tuple(layers))
    if quantity in ("W", "b"):
        arrays = list(getattr(record.after, quantity))
        arrays[layer - 1] = array
        return replace(record, after=replace(record.after, **{quantity: tuple(arrays)}))
    name, _, of = quantity.partition(" of ")
    state = dict(record.after.state)
    if array is None:
        del state[name]
    else:
        state[name] = state[name].copy()
        state[name][where(record, of, layer)] = array.ravel()
    return replace(record, after=replace(record.after, state=state))


def with_entry(record, quantity, layer, index, number):
    """The record with another number in one entry."""
    array = shown(record, quantity, layer).copy()
    array[index] = number
    return rewritten(record, quantity, layer, array)


def result_of(cert, quantity, layer=None):
    """The result about one quantity of a layer."""
    (result,) = [r for r in cert.results if (r.quantity, r.layer) == (quantity, layer)]
    return result


def everything(record):
    """(quantity, layer) of all that a record shows, in order of computation."""
    return [(s.quantity, s.layer) for s in statements(record)]


def by_hand(z, y, output, loss, dtype, delta=None, **changed):
    """One step of one layer with W = 1, b = 0 and lr = 0 whose weighted inputs are
    these, as the textbook takes it.
    """
    z, y = np.array(z, dtype), np.asarray(y)
    y = y if y.ndim == 1 else y.astype(dtype)
    k = z.shape[1]
    with np.errstate(all="ignore"):
        a = refnet.activations.ACTIVATIONS[output]().value(z)
        delta = (a - (y if y.ndim == 2 else np.eye(k)[y])) / len(z) if delta is None else delta
        delta = delta.astype(dtype)
        W, b = np.eye(k, dtype=dtype), np.zeros(k, dtype)
        layer = LayerRecord(
            **{
                "z": z,
                "a": a,
                "delta": delta,
                "dW": delta.T @ z,
                "db": delta.sum(axis=0),
                **changed,
            }
        )
    h = {"lr": 0.0, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
    spec = Spec((k, k), ((output, {}),), loss, "sgd", h, 1, dtype)
    with np.errstate(over="ignore"):
        value = refnet.losses.LOSSES[loss]().value(layer.a, y)
    return StepRecord(
        spec, z, y, Snapshot((W,), (b,), {}), (layer,), value, Snapshot((W,), (b,), {})
    )
