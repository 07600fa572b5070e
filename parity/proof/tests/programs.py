"""Backpropagation as somebody else writes it: a program in which each equation can be
exchanged for another form of it, or for a mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import run_of, showing
from parity.proof.certificate import certify
from parity.proof.tests.spelled_rules import RULE_FORMS
from parity.steps.cases import DTYPES
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


@dataclass(frozen=True)
class Program:
    """One function for each equation.

    `rule` works on flat vectors; `weights` says which of their entries belong to a W.
    """

    z: Callable = lambda a_prev, W, b: a_prev @ W.T + b
    a: Callable = lambda f, z: f.value(z)
    cost: Callable = lambda loss, a, y: loss.value(a, y)
    bp1: Callable = lambda loss, f, z, a, y: f.pullback(loss.gradient(a, y), z, a)
    bp2: Callable = lambda f, z, a, above, W_above, W_updated: f.pullback(above @ W_above, z, a)
    bp3: Callable = lambda delta: delta.sum(axis=0)
    bp4: Callable = lambda delta, a_prev: delta.T @ a_prev
    # (theta, g, state, hyper-parameters, t, weights) to the new theta and state
    rule: Callable | None = None


def run(case, steps=2, scale=1.0, targets=None, start=None, **exchanged):
    """The records of the case's first steps as the program with these functions takes
    them; `start` sets theta.
    """
    program = Program(**exchanged)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    optimizer.bind(net)
    theta = net.parameters.copy() if start is None else start(net.parameters.copy())
    state = {name: vector.copy() for name, vector in optimizer.state.items() if name != "steps"}
    shapes = [array.shape for layer in net.layers for array in (layer.W, layer.b)]
    weights = np.concatenate([np.full(np.prod(shape), len(shape) == 2) for shape in shapes])
    functions = [layer.activation for layer in net.layers]
    activations = tuple((f.name, f.parameters) for f in functions)
    records = []
    for t, (drawn, given, lr) in enumerate(case.steps(), start=1):
        if t > steps:
            break
        x = (drawn * scale).astype(case.dtype)
        y = given if targets is None else targets(net, x, given)
        h = {**optimizer.hyperparameters, "lr": lr}
        before = Snapshot(*parts(theta, shapes), dict(state))
        with np.errstate(all="ignore"):
            layers, value = passes(program, before, functions, x, y, loss, lr)
            g = np.concatenate([p.ravel() for layer in layers for p in (layer.dW, layer.db)])
            theta, state = (program.rule or RULE_FORMS[case.optimizer]["plain"])(
                theta, g, state, h, t, weights
            )
        spec = Spec(case.sizes, activations, case.loss, case.optimizer, h, t, case.dtype)
        records.append(
            StepRecord(
                spec,
                x,
                y,
                before,
                layers,
                float(value),
                Snapshot(*parts(theta, shapes), dict(state)),
            )
        )
    return records


def parts(theta, shapes):
    """Every W and every b of the flat vector, as copies."""
    arrays = np.split(theta.copy(), np.cumsum([np.prod(shape) for shape in shapes])[:-1])
    shaped = [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
    return tuple(shaped[::2]), tuple(shaped[1::2])


def passes(program, before, functions, x, y, loss, lr):
    """Forward and backward: what each layer did, and the cost."""
    trace, a = [], x
    for W, b, f in zip(before.W, before.b, functions, strict=True):
        z = program.z(a, W, b)
        trace.append((a, z, a := program.a(f, z)))
    delta, layers = None, []
    for i, (a_prev, z, a_own) in reversed(list(enumerate(trace))):
        if delta is None:
            delta = program.bp1(loss, functions[i], z, a_own, y)
        else:
            W_above = before.W[i + 1]
            delta = program.bp2(functions[i], z, a_own, delta, W_above, W_above - lr * layers[0].dW)
        layers.insert(
            0, LayerRecord(z, a_own, delta, program.bp4(delta, a_prev), program.bp3(delta))
        )
    return tuple(layers), program.cost(loss, a, y)


def assert_passes(records):
    """Every equation of every record holds; and nothing is accused where gradients and
    weights alone are shown.
    """
    for record in records:
        cert = certify(record)
        assert cert.passed, str(cert)
    # the deeper of the networks, or an update
    if len(records[0].spec.sizes) == 4 or len(records) > 1:
        off = [
            station
            for station in judged(showing(run_of(records), "dW", "db", "W", "b"))
            if station.off
        ]
        assert not off, off
