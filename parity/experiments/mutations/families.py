"""Runs to learn a program from, and runs that tell whether it was learned."""

from dataclasses import replace
from functools import cache
from typing import Any

from parity.mistakes.probes import PROBES, Probe, rule, sure
from parity.mistakes.search.replay import Run
from parity.steps.cases import Case

# probes at the edge of what floats can hold: only what overflows shows there
_AT_THE_EDGE = {"huge logits", "huge logits as probabilities", "huge binary logits", "sure of it"}
EDGES = tuple(probe for probe in PROBES if probe.name in _AT_THE_EDGE)
# the program that is mutated has a network, a loss and a rule, and nothing besides
TRAINING = tuple(probe for probe in PROBES if probe not in EDGES and not probe.case.has_parts)


def _unseen(name: str, *edits: Any, **what: Any) -> Probe:
    """A probe of other sizes, samples, depth, numbers and steps."""
    case = Case(
        "probe",
        sizes=(5, 2, 6, 3, 4),
        hidden=("tanh", "sigmoid", "leaky_relu"),
        loss="mse",
        targets="values",
        batch=6,
        seed=11,
        slope=0.15,
        count=4,
        last=9,
    )
    return Probe(name, replace(case, **what), *edits)


_CLASSES: dict[str, Any] = {"loss": "softmax_cross_entropy", "targets": "labels"}
_BINARY: dict[str, Any] = {"loss": "sigmoid_cross_entropy", "targets": "probabilities"}
_SHALLOW: dict[str, Any] = {"sizes": (2, 5, 3), "hidden": ("sigmoid",), "batch": 4, "last": None}

UNSEEN = (
    _unseen("three hidden layers"),
    _unseen(
        "two tanh and a sigmoid", sizes=(4, 3, 2, 2), hidden=("tanh", "tanh"), output="sigmoid"
    ),
    _unseen(
        "square",
        sizes=(4, 4, 4),
        hidden=("leaky_relu",),
        output="tanh",
        loss="half_squared_error",
    ),
    _unseen("rectifiers", hidden=("relu", "relu", "leaky_relu"), output="leaky_relu", loss="mae"),
    _unseen(
        "softmax and squares",
        sizes=(2, 6, 4),
        hidden=("softmax",),
        output="softmax",
        batch=8,
    ),
    _unseen("identity", sizes=(6, 3, 5), hidden=("identity",), output="relu", seed=13),
    _unseen("classes", **_CLASSES),
    _unseen("distributions", **{**_CLASSES, "targets": "distributions"}, **_SHALLOW),
    _unseen("classes as probabilities", **{**_CLASSES, "loss": "cross_entropy"}, output="softmax"),
    _unseen(
        "distributions as probabilities",
        **{**_CLASSES, "loss": "cross_entropy", "targets": "distributions"},
        **_SHALLOW,
        output="softmax",
    ),
    _unseen(
        "classes by sigmoids",
        **{**_CLASSES, "loss": "cross_entropy"},
        **_SHALLOW,
        output="sigmoid",
    ),
    _unseen("binary", **_BINARY),
    _unseen(
        "binary as probabilities",
        **{**_BINARY, "loss": "binary_cross_entropy"},
        **_SHALLOW,
        output="sigmoid",
    ),
    _unseen("no hidden layer", sizes=(4, 2), hidden=(), batch=3, last=None),
    _unseen("one sample", sizes=(3, 6, 2), hidden=("tanh",), batch=1, last=None),
    _unseen("momentum", **rule("sgd", lr=0.3, momentum=0.6)),
    _unseen("dampening", **rule("sgd", lr=0.3, momentum=0.6, dampening=0.2), **_SHALLOW),
    _unseen(
        "Nesterov with decay",
        **rule("sgd", lr=0.3, momentum=0.6, nesterov=True, weight_decay=0.2),
    ),
    _unseen("decay", **rule("sgd", lr=0.3, weight_decay=0.2), **_SHALLOW),
    _unseen(
        "Adagrad",
        **rule(
            "adagrad",
            lr=0.07,
            lr_decay=0.3,
            weight_decay=0.2,
            initial_accumulator_value=0.2,
            eps=0.02,
        ),
    ),
    _unseen("plain Adagrad", **rule("adagrad", lr=0.07, eps=0.02), **_SHALLOW),
    _unseen("RMSprop", **rule("rmsprop", lr=0.07, alpha=0.7, eps=0.02), **_SHALLOW),
    _unseen(
        "RMSprop with all settings",
        **rule(
            "rmsprop", lr=0.07, alpha=0.7, eps=0.02, momentum=0.6, centered=True, weight_decay=0.2
        ),
    ),
    _unseen("Adam", **rule("adam", lr=0.07, betas=(0.6, 0.8), eps=0.02)),
    _unseen(
        "AMSGrad",
        **rule("adam", lr=0.07, betas=(0.6, 0.5), eps=0.02, amsgrad=True, weight_decay=0.2),
        **_SHALLOW,
    ),
    _unseen("AdamW", **rule("adamw", lr=0.07, betas=(0.6, 0.8), eps=0.02, weight_decay=0.2)),
)
UNSEEN_EDGES = (
    _unseen("huge logits", **_CLASSES, deviation=1500.0),
    _unseen(
        "huge logits as probabilities",
        sizes=(2, 5, 4),
        hidden=("identity",),
        output="softmax",
        deviation=1500.0,
    ),
    _unseen("huge binary logits", **_BINARY, deviation=1500.0),
    _unseen("sure of it", sure, **{**_BINARY, "loss": "binary_cross_entropy"}, output="sigmoid"),
)


@cache
def inputs(probe: Probe) -> Run:
    """The inputs of a probe, with nothing shown yet."""
    return probe.run()
