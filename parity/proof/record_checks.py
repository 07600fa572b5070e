"""What a record must be for anything in it to be judged: known names, whole settings,
and a start of the right shapes.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from parity.proof.equations.updates import RULE_ENTRIES
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


def check_usable(record: StepRecord) -> None:
    """Refuse with a ValueError or a TypeError a record of which nothing can be
    judged.
    """
    _is("record", record, StepRecord)
    spec, before, after = record.spec, record.before, record.after
    _check_kinds(record)
    depth, n = len(spec.sizes) - 1, len(record.x) if record.x.ndim else 0
    if n < 1:
        raise ValueError(f"certify: x has shape {record.x.shape}, expected at least one row")
    if depth < 1 or min(spec.sizes) < 1:
        raise ValueError(
            f"certify: sizes has {spec.sizes}, expected at least an input and an output, of 1 or "
            f"more"
        )
    if spec.step < 1:
        raise ValueError(f"certify: step has {spec.step}, expected 1 or more")
    _known("dtype", spec.dtype, ("float32", "float64"))
    counts = {
        "activations": spec.activations,
        "layers": record.layers,
        "W": before.W,
        "b": before.b,
    }
    counts |= {} if after is None else {"W after the step": after.W, "b after the step": after.b}
    for what, given in counts.items():
        if len(given) != depth:
            raise ValueError(
                f"certify: record has {len(given)} {what}, expected {depth} as its sizes "
                f"{spec.sizes}"
            )
    activations = [
        _made("activation", name, ACTIVATIONS, parameters) for name, parameters in spec.activations
    ]
    _made("optimizer", spec.optimizer, OPTIMIZERS, spec.hyperparameters)
    loss = _made("loss", spec.loss, LOSSES, {})
    loss.check_output(activations[-1])
    _fits("x", record.x, (n, spec.sizes[0]), spec.dtype)
    targets = loss.targets(record.y, n, spec.sizes[-1], np.dtype(spec.dtype))
    integers = isinstance(record.y, np.ndarray) and record.y.dtype.kind in "iu"
    _fits(
        "y",
        record.y,
        targets.shape,
        record.y.dtype if targets.ndim == 1 and integers else targets.dtype,
    )
    for i, (into, out) in enumerate(pairwise(spec.sizes)):
        _fits(f"W of layer {i + 1} before the step", before.W[i], (out, into), spec.dtype)
        _fits(f"b of layer {i + 1} before the step", before.b[i], (out,), spec.dtype)
    total = sum(W.size + b.size for W, b in zip(before.W, before.b, strict=True))
    for name, vector in before.state.items():
        _fits(f"{name} before the step", vector, (total,), spec.dtype)
    kept = RULE_ENTRIES[spec.optimizer]().keeps(spec.hyperparameters)
    for name in [*before.state, *({} if after is None else after.state)]:
        if name not in kept:
            raise ValueError(
                f"certify: state has {name!r}, expected {', '.join(kept) or 'nothing'}, which "
                f"{spec.optimizer} keeps"
            )
    for name in kept:
        if name not in before.state and not (
            name == "momentum_buffer" and spec.optimizer == "sgd" and spec.step == 1
        ):
            raise ValueError(
                f"certify: state before step {spec.step} has no {name}, expected it: "
                f"{spec.optimizer} reads it"
            )


def _check_kinds(record: StepRecord) -> None:
    spec, before, after = record.spec, record.before, record.after
    _is("spec", spec, Spec)
    _is("before", before, Snapshot)
    _is("after", after, Snapshot | None)
    _is("x", record.x, np.ndarray)
    for what, several in {
        "sizes": spec.sizes,
        "layers": record.layers,
        "activations": spec.activations,
    }.items():
        _is(what, several, tuple | list)
    for layer in record.layers:
        _is("layer", layer, LayerRecord)
    for number in (*spec.sizes, spec.step):
        _is("sizes and step", number, int)
    for state in (before.state, spec.hyperparameters, *([] if after is None else [after.state])):
        _is("state and hyperparameters", state, Mapping)


def _made(kind: str, name: str, known: Mapping[str, type[Any]], settings: Mapping[str, Any]) -> Any:
    """What the name stands for, made with its settings; ValueError where a setting is
    missing, unknown or unusable.
    """
    _known(kind, name, known)
    needed = _settings_of(known[name]())
    if settings.keys() != needed.keys():
        raise ValueError(
            f"certify: {name} has the settings {', '.join(settings) or 'none'}, expected "
            f"{', '.join(needed) or 'none'}"
        )
    try:
        return known[name](**settings)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _settings_of(made: Any) -> dict[str, Any]:
    """The hyper-parameters of an optimizer, the parameters of an activation; a loss has
    none.
    """
    return (
        made.hyperparameters
        if hasattr(made, "hyperparameters")
        else getattr(made, "parameters", {})
    )


def _known(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"certify: {kind} has {name!r}, expected one of {', '.join(known)}")


def _is(what: str, given: Any, kind: Any) -> None:
    """Refuse with a TypeError what is of another kind; a boolean is no integer, a
    masked array or a matrix no array.
    """
    odd = (
        isinstance(given, bool) if kind is int else isinstance(given, np.ma.MaskedArray | np.matrix)
    )
    if odd or not isinstance(given, np.integer | int if kind is int else kind):
        wanted = "an array" if kind is np.ndarray else getattr(kind, "__name__", kind)
        raise TypeError(f"certify: {what} has type {type(given).__name__}, expected {wanted}")


def _fits(what: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    _is(what, array, np.ndarray)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"certify: {what} has {array.dtype} {array.shape}, expected {dtype} {shape}"
        )
