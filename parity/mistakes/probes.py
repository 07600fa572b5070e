"""The probes: small runs, chosen so that every mistake of the catalogue shows in one of
them.

Without some things a mistake stays hidden, so most probes have them: several samples
and outputs, biases, another activation in each layer, square layers with an asymmetric
W beside layers of distinct widths, dead units, several steps, a learning rate that
changes, settings far from their defaults. Some mistakes show only in a special run: one
sample, one output, logits beyond the range of exp, outputs of exactly 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.mistakes.search.replay import Run, run_of_case
from parity.steps.cases import Case
from refnet.checks import Array
from refnet.regularisers import L1, L2, ElasticNet


@dataclass(frozen=True, eq=False)
class Probe:
    """A case, its name, and a change to its inputs."""

    name: str
    case: Case
    edit: Callable[[Run], Run] = lambda run: run

    def run(self, dtype: str = "float64") -> Run:
        """Its inputs, as a run that shows no arrays yet."""
        return self.edit(run_of_case(replace(self.case, dtype=dtype)))


def sure(run: Run) -> Run:
    """The run with targets of 1 and outputs that round to exactly 1."""
    # nothing is negative, so each z is at least 60; sigmoid rounds to 1 from 37 on
    W, b = tuple(np.abs(W) for W in run.W), tuple(np.abs(b) + b.dtype.type(60) for b in run.b)
    return replace(
        run,
        W=W,
        b=b,
        steps=tuple(replace(step, x=np.abs(step.x), y=np.ones_like(step.y)) for step in run.steps),
    )


def idle(run: Run) -> Run:
    """The run in which the first unit of each hidden layer has no weights and no bias:
    its weighted input is exactly 0.
    """

    def without_the_first(array: Array) -> Array:
        rest = array.copy()
        rest[0] = 0
        return rest

    W, b = (tuple(map(without_the_first, arrays[:-1])) for arrays in (run.W, run.b))
    return replace(run, W=(*W, run.W[-1]), b=(*b, run.b[-1]))


def faint(run: Run) -> Run:
    """The run with weights, biases and targets near 0: so are its gradients."""
    W, b = (tuple(array * array.dtype.type(2.0**-13) for array in each) for each in (run.W, run.b))
    steps = tuple(replace(step, y=step.y * step.y.dtype.type(2.0**-13)) for step in run.steps)
    return replace(run, W=W, b=b, steps=steps)


def _probe(name: str, *edits: Callable[[Run], Run], **what: Any) -> Probe:
    case = Case(
        "probe",
        sizes=(3, 4, 4, 2),
        hidden=("sigmoid", "tanh"),
        loss="mse",
        targets="values",
        batch=5,
    )
    return Probe(name, replace(case, **what), *edits)


def rule(optimizer: str, **settings: Any) -> dict[str, Any]:
    """What a case says of its update rule."""
    return {"optimizer": optimizer, "settings": settings}


_CLASSES: dict[str, Any] = {
    "sizes": (3, 4, 3),
    "hidden": ("tanh",),
    "loss": "softmax_cross_entropy",
    "targets": "labels",
}
_BINARY: dict[str, Any] = {
    "sizes": (3, 4, 2),
    "hidden": ("tanh",),
    "loss": "sigmoid_cross_entropy",
    "targets": "probabilities",
}

_WEIGHTED: dict[str, Any] = {"weight": (0.5, 1.5, 3.0), "label_smoothing": 0.2}

PROBES = (
    _probe("mixed activations"),
    _probe(
        "square layers",
        sizes=(3, 3, 3, 3),
        hidden=("tanh", "sigmoid"),
        output="sigmoid",
        loss="half_squared_error",
    ),
    _probe(
        "rectifiers", sizes=(3, 5, 5, 2), hidden=("relu", "leaky_relu"), output="tanh", slope=0.2
    ),
    _probe(
        "units at exactly 0",
        idle,
        sizes=(3, 5, 5, 2),
        hidden=("relu", "leaky_relu"),
        output="tanh",
        slope=0.2,
    ),
    _probe(
        "softmax and squares",
        sizes=(3, 4, 3),
        hidden=("relu",),
        output="softmax",
        loss="half_squared_error",
    ),
    _probe("classes", **_CLASSES),
    _probe(
        "classes as probabilities",
        **{**_CLASSES, "output": "softmax", "loss": "cross_entropy", "targets": "distributions"},
    ),
    _probe("binary", **_BINARY),
    _probe(
        "binary as probabilities",
        **{**_BINARY, "output": "sigmoid", "loss": "binary_cross_entropy"},
    ),
    _probe(
        "absolute error",
        sizes=(3, 4, 2),
        hidden=("leaky_relu",),
        output="sigmoid",
        loss="mae",
        slope=0.3,
    ),
    _probe("dropout", sizes=(3, 4, 4, 2), dropout=(0.2, 0.3, 0.4)),
    _probe("one sample", sizes=(4, 5, 3), hidden=("sigmoid",), batch=1),
    _probe("one output", sizes=(3, 4, 1), hidden=("tanh",)),
    _probe("one layer", sizes=(3, 3), hidden=(), output="sigmoid", loss="half_squared_error"),
    # the largest |z| are 7e3 and 2e7: exp overflows from 710 on
    _probe("huge logits", **{**_CLASSES, "deviation": 2000.0}),
    _probe(
        "huge logits as probabilities",
        sizes=(3, 4, 3),
        hidden=("identity",),
        output="softmax",
        loss="mse",
        deviation=2000.0,
    ),
    _probe("huge binary logits", **{**_BINARY, "deviation": 2000.0}),
    _probe("sure of it", sure, **{**_BINARY, "output": "sigmoid", "loss": "binary_cross_entropy"}),
    _probe("momentum", **rule("sgd", lr=0.5, momentum=0.7)),
    _probe("momentum with dampening", **rule("sgd", lr=0.5, momentum=0.7, dampening=0.3)),
    _probe("Nesterov momentum", **rule("sgd", lr=0.5, momentum=0.7, nesterov=True)),
    _probe("weight decay", **rule("sgd", lr=0.5, momentum=0.7, weight_decay=0.3)),
    _probe(
        "Adagrad",
        **rule(
            "adagrad",
            lr=0.1,
            lr_decay=0.2,
            weight_decay=0.3,
            initial_accumulator_value=0.1,
            eps=0.01,
        ),
    ),
    _probe("RMSprop", **rule("rmsprop", lr=0.1, alpha=0.8, eps=0.01, weight_decay=0.3)),
    _probe(
        "RMSprop with momentum",
        **rule("rmsprop", lr=0.1, alpha=0.8, eps=0.01, momentum=0.7, centered=True),
    ),
    _probe("Adam", **rule("adam", lr=0.1, betas=(0.7, 0.9), eps=0.01)),
    _probe(
        "Adam on square layers",
        sizes=(3, 3, 3),
        hidden=("tanh",),
        **rule("adam", lr=0.1, betas=(0.7, 0.9), eps=0.01),
    ),
    _probe(
        "AMSGrad with weight decay",
        **rule("adam", lr=0.1, betas=(0.7, 0.4), eps=0.01, amsgrad=True, weight_decay=0.3),
    ),
    _probe("AdamW", **rule("adamw", lr=0.1, betas=(0.7, 0.9), eps=0.01, weight_decay=0.3)),
    _probe(
        "L1 penalty with weights of exactly 0",
        idle,
        penalty=L1(0.3),
        **rule("sgd", lr=0.5),
    ),
    _probe("elastic net", penalty=ElasticNet(0.2, 0.3), **rule("sgd", lr=0.5, momentum=0.7)),
    _probe("clipped norm and L2", penalty=L2(0.3), clip=("norm", 0.1), **rule("sgd", lr=0.5)),
    _probe(
        "clipped norm of faint gradients",
        faint,
        sizes=(3, 2),
        hidden=(),
        clip=("norm", 2.0**-14),
        **rule("sgd", lr=0.1),
    ),
    _probe("norm below its limit", clip=("norm", 100.0), **rule("sgd", lr=0.01)),
    _probe("clipped values", clip=("value", 0.05), **rule("sgd", lr=0.5, momentum=0.7)),
    _probe(
        "more samples than inputs, more inputs than classes",
        **{**_CLASSES, "sizes": (4, 5, 3), "batch": 7},
    ),
    _probe("class weights and smoothing", **_CLASSES, loss_settings=_WEIGHTED),
    _probe("ignored labels", **_CLASSES, loss_settings={"ignore_index": 1}, weighted=True, batch=7),
    _probe(
        "weighted distributions",
        **{**_CLASSES, "output": "softmax", "loss": "cross_entropy", "targets": "distributions"},
        loss_settings=_WEIGHTED,
        weighted=True,
    ),
    _probe(
        "weighted positive targets",
        **_BINARY,
        loss_settings={"weight": (0.5, 2.0), "pos_weight": (3.0, 0.25)},
    ),
    _probe("weighted rows", weighted=True),
    _probe("summed", loss_settings={"reduction": "sum"}, weighted=True),
    _probe(
        "three hidden layers",
        sizes=(3, 4, 2, 4, 2),
        hidden=("tanh", "softmax", "leaky_relu"),
        slope=0.2,
    ),
)
