"""A step as data: where the page starts from, and what refnet itself computed of it."""

from math import isfinite
from typing import Any

import numpy as np

from refnet.activations import ACTIVATIONS
from refnet.checks import Array, finite
from refnet.explanation.lines import ComputedStep
from refnet.explanation.page.words import STATE, rule_words, settings_of
from refnet.explanation.paths import Weight
from refnet.losses import LOSSES
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, SGD, Optimizer

# A choice: with more the page takes seconds for each step, and its file megabytes.
NUMBERS = 200_000


def scene_of(
    step: ComputedStep,
    title: str,
    text: str,
    weight: Weight | None = None,
    digits: int = 4,
    about: str = "",
) -> dict[str, Any]:
    """The scene of a step, which its explanation tells in `text`.

    Errors: ValueError or TypeError where the page cannot compute such a step.
    """
    _check(step)
    net, wide, rule = step.net, step.net.astype("float64"), step.optimizer or SGD()
    return {
        "title": title,
        "about": about,
        "text": text,
        "dtype": net.dtype.name,
        "layers": [
            {
                "W": layer.W.tolist(),
                "b": None if layer.b is None else layer.b.tolist(),
                "activation": layer.activation.name,
                "slope": layer.activation.parameters.get("slope", 0),
            }
            for layer in wide.layers
        ],
        "x": step.x.astype("float64").tolist(),
        "y": (step.y if step.y.ndim == 1 else step.y.astype("float64")).tolist(),
        "loss": step.loss.name,
        "lr": step.lr,
        "optimizer": _optimizer(rule, wide),
        "rule": rule_words(rule),
        "weight": weight and [weight.layer - 1, weight.row, weight.column],
        "digits": digits,
        "refnet": None if net.dtype != wide.dtype else _computed(step),
    }


def _computed(step: ComputedStep) -> dict[str, Any]:
    """What refnet computed, by the page's names; JSON has no infinity and no NaN."""
    whole: dict[str, list[Array | None]] = {
        "z": [passed.z for passed in step.trace],
        "a": [passed.a for passed in step.trace],
        "delta": [each.delta for each in step.gradients],
        "dW": [each.dW for each in step.gradients],
        "db": [each.db for each in step.gradients],
    }
    if step.after is not None:
        whole["W"] = [layer.W for layer in step.after.layers]
        whole["b"] = [layer.b for layer in step.after.layers]
    lists = {
        name: [_as_list(f"{name} of layer {l}", array) for l, array in enumerate(arrays, start=1)]
        for name, arrays in whole.items()
    }
    if not isfinite(step.cost):
        raise ValueError(f"Explanation.html: C has {step.cost}, expected a finite value")
    return {"C": step.cost, **lists}


def _as_list(name: str, array: Array | None) -> Any:
    return None if array is None else finite(f"Explanation.html: {name}", array).tolist()


def _optimizer(rule: Optimizer, net: Network) -> dict[str, Any]:
    """The update rule with its settings, and its state before the step."""
    names, state = STATE[rule.name], rule.state
    steps = state.pop("steps")
    vectors = {names[key]: _by_layers(net, v) for key, v in state.items()} if steps else {}
    counted = {"t": steps} if steps else {}
    return {"name": rule.name, "settings": settings_of(rule), "state": {**vectors, **counted}}


def _by_layers(net: Network, vector: Array) -> list[list[Any]]:
    """A flat vector laid out as the W and b of each layer."""
    like = net.copy()
    like.parameters[:] = vector
    return [
        [part.tolist() for part in (layer.W, layer.b) if part is not None] for layer in like.layers
    ]


def _check(step: ComputedStep) -> None:
    """Refuse what the page does not compute, or what takes it too long."""
    for layer in step.net.layers:
        _known("activation", layer.activation, ACTIVATIONS)
    _known("loss", step.loss, LOSSES)
    rule = step.optimizer
    if rule is not None:
        _known("optimizer", rule, OPTIMIZERS)
    others = {
        "settings of the loss": bool(step.loss.settings),
        "sample_weight": step.sample_weight is not None,
        "masks": bool(step.trace.masks) and any(m is not None for m in step.trace.masks),
        "a penalty": step.penalty is not None,
        "clipping": step.clipping is not None,
        "biases that do not decay": rule is not None and not rule.decay_biases,
    }
    for name, has in others.items():
        if has:
            raise ValueError(
                f"Explanation.html: the step has {name}, expected none: the page does not compute "
                f"them; print, markdown and latex tell it"
            )
    size = step.net.parameters.size + np.size(step.x)
    if size > NUMBERS:
        raise ValueError(
            f"Explanation.html: the network and the batch have {size:,} numbers, expected at most "
            f"{NUMBERS:,}"
        )


def _known(what: str, thing: Any, table: Any) -> None:
    if table.get(thing.name) is not type(thing):
        raise TypeError(
            f"Explanation.html: {what} has type {type(thing).__name__}, expected refnet's own "
            f"{', '.join(kind.__name__ for kind in table.values())}"
        )
