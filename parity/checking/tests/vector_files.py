"""The test vectors as tests read them, and programs beside what they expect."""

import json

import numpy as np

import refnet
from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.task import task_of
from parity.checking.vectors import files
from parity.checking.vectors.writing import OF_THE_STEP
from parity.mistakes.search.replay import Run, Shown
from parity.steps.record import Spec
from refnet.optimizers import OPTIMIZERS

LAYERS = ("z", "a", "delta", "dW", "db")


def text(name):
    """A file of the version."""
    return (files.HOME / name).read_text(encoding="utf-8")


def vectors():
    """Every vector by its name."""
    return {name: json.loads(text(name)) for name in files.vectors()}


def task(vector):
    """What a program is given, from the file alone."""
    run = run_of(vector)
    return task_of(vector["name"], run, declaration(bias=vector["bias"]))


def run_of(vector):
    """The inputs of a vector, as a run that shows nothing."""
    dtype = vector["dtype"]
    slopes = [{} if slope is None else {"slope": slope} for slope in vector["slopes"]]
    settings = {k: (*v,) if isinstance(v, list) else v for k, v in vector["settings"].items()}
    names = (
        tuple(vector["sizes"]),
        tuple(zip(vector["activations"], slopes, strict=True)),
        vector["loss"],
        vector["optimizer"],
    )
    target = np.intp if vector["targets"] == "labels" else dtype
    steps = (
        Shown(
            Spec(*names, {**settings, "lr": step["lr"]}, t, dtype),
            np.array(step["x"], dtype),
            np.array(step["y"], target),
            {},
        )
        for t, step in enumerate(vector["steps"], start=1)
    )
    optimizer = OPTIMIZERS[vector["optimizer"]](**settings)
    optimizer.bind(refnet.mlp(vector["sizes"], dtype=dtype))
    state = {name: vector for name, vector in optimizer.state.items() if name != "steps"}
    W, b = (tuple(np.array(each, dtype) for each in vector[name]) for name in ("W", "b"))
    return Run(W, b, state, tuple(steps))


def arrays_of(record):
    """What a record shows, under the names of a vector."""
    shown = {name: [getattr(layer, name) for layer in record.layers] for name in LAYERS}
    after = {"W": record.after.W, "b": record.after.b}
    return {**shown, **after, "output": record.layers[-1].a, "loss": record.loss}


def shares(shown, vector):
    """The largest share of its allowed error that each array of a program uses, by step
    and name, of those that it shows: 0 where nothing is off, and inf where an entry is
    and may not be, or has another shape.
    """
    return {
        (number, name): max(map(share, *of_layers(name, step[name], *each.values())))
        for number, (step, expected) in enumerate(zip(shown, vector["expected"], strict=True))
        for name, each in expected.items()
        if name in step
    }


def of_layers(name, *arrays):
    """Arrays as lists of those of the layers; of an output and a loss there is one."""
    return [[each] if name in OF_THE_STEP else each for each in arrays]


def share(got, value, allowed):
    """The largest share of its allowed error that an entry uses."""
    got, value, allowed = (np.asarray(each, np.float64) for each in (got, value, allowed))
    if got.shape != value.shape:
        return np.inf
    gap = np.abs(got - value)
    with np.errstate(all="ignore"):
        used = np.where(gap == 0, 0.0, gap / allowed)
    return float(np.where(np.isnan(used), np.inf, used).max())
