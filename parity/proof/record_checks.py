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
from refnet.checks import Array, place
from refnet.clipping import CLIPPINGS
from refnet.losses import LOSSES, Loss
from refnet.optimizers import OPTIMIZERS
from refnet.regularisers import PENALTIES, Penalty


def check_usable(record: StepRecord) -> None:
    """Refuse a record in which nothing can be judged.

    Errors: TypeError for another kind of thing, ValueError for everything else.
    """
    # each check relies on those above it
    _check_kinds(record)
    _check_sizes(record)
    _check_counts(record)
    loss = _check_names(record.spec)
    _check_shapes(record, loss)
    _check_unbiased(record)
    _check_dropout(record)
    _check_state(record)


def _check_kinds(record: StepRecord) -> None:
    _is("record", record, StepRecord)
    spec, before, after = record.spec, record.before, record.after
    _is("spec", spec, Spec)
    _is("before", before, Snapshot)
    _is("after", after, Snapshot | None)
    _is("x", record.x, np.ndarray)
    sequences = {"sizes": spec.sizes, "layers": record.layers, "activations": spec.activations}
    for what, several in sequences.items():
        _is(what, several, tuple | list)
    for layer in record.layers:
        _is("layer", layer, LayerRecord)
    for number in (*spec.sizes, spec.step):
        _is("sizes and step", number, int)
    _is("biases", spec.biases, tuple | list)
    for has_bias in spec.biases:
        _is("biases", has_bias, bool)
    for state in (before.state, spec.hyperparameters, *([] if after is None else [after.state])):
        _is("state and hyperparameters", state, Mapping)
    _is("loss_settings", spec.loss_settings, Mapping)
    _is("sample_weight", record.sample_weight, np.ndarray | None)
    _is("groups", spec.groups, tuple | list)
    for what, pair in (("penalty", spec.penalty), ("clip", spec.clip)):
        _is(what, pair, tuple | list | None)
        if pair is not None and len(pair) != 2:
            raise ValueError(f"certify: {what} has {len(pair)} entries, expected a pair")
    if spec.penalty is not None:
        _is("settings of the penalty", spec.penalty[1], Mapping)
    for group in spec.groups:
        _is("group", group, tuple | list)
        if len(group) != 2:
            raise ValueError(
                f"certify: group has {len(group)} entries, expected parts and their "
                f"hyper-parameters"
            )
        _is("parts of a group", group[0], tuple | list)
        _is("hyperparameters of a group", group[1], Mapping)


def _check_sizes(record: StepRecord) -> None:
    """At least one row, one layer and one step."""
    spec = record.spec
    if not record.x.ndim or not len(record.x):
        raise ValueError(f"certify: x has shape {record.x.shape}, expected at least one row")
    if len(spec.sizes) < 2 or min(spec.sizes) < 1:
        raise ValueError(
            f"certify: sizes has {spec.sizes}, expected at least an input and an output, of 1 or "
            f"more"
        )
    if spec.step < 1:
        raise ValueError(f"certify: step has {spec.step}, expected 1 or more")
    _known("dtype", spec.dtype, ("float32", "float64"))


def _check_counts(record: StepRecord) -> None:
    """One of each for every layer that the sizes have."""
    spec, before, after = record.spec, record.before, record.after
    depth = len(spec.sizes) - 1
    parts = {
        "activations": spec.activations,
        "layers": record.layers,
        "W": before.W,
        "b": before.b,
    }
    if after is not None:
        parts |= {"W after the step": after.W, "b after the step": after.b}
    if spec.biases:
        parts["biases"] = spec.biases
    for what, given in parts.items():
        if len(given) != depth:
            raise ValueError(
                f"certify: record has {len(given)} {what}, expected {depth} as its sizes "
                f"{spec.sizes}"
            )


def _check_names(spec: Spec) -> Loss:
    """Known names with usable settings, and an output that the loss allows."""
    activations = [
        _configured("activation", name, ACTIVATIONS, parameters)
        for name, parameters in spec.activations
    ]
    _configured("optimizer", spec.optimizer, OPTIMIZERS, spec.hyperparameters)
    _check_groups(spec)
    _check_regularisers(spec)
    loss = _loss(spec)
    loss.check_output(activations[-1])
    return loss


def _loss(spec: Spec) -> Loss:
    """The loss with its settings, those that are not by default alone."""
    _known("loss", spec.loss, LOSSES)
    for name in spec.loss_settings:
        _known(f"setting of {spec.loss}", name, LOSSES[spec.loss].defaults)
    loss: Loss = LOSSES[spec.loss](**spec.loss_settings)
    return loss


def _check_regularisers(spec: Spec) -> None:
    """A known penalty and a known way to clip, with usable settings."""
    if spec.penalty is not None:
        name, settings = spec.penalty
        _known("penalty", name, PENALTIES)
        _configured("penalty", name, PENALTIES, settings)
    if spec.clip is not None:
        name, limit = spec.clip
        _known("clip", name, CLIPPINGS)
        known: dict[str, Any] = {**CLIPPINGS}
        known[name](limit)


def _check_groups(spec: Spec) -> None:
    """Usable settings of every W and b, each in one group at most."""
    grouped = [part for parts, _ in spec.groups for part in parts]
    known = [f"{name}{layer}" for name, layer in spec.parts]
    for name in grouped:
        _known("group", name, known)
        if grouped.count(name) > 1:
            raise ValueError(f"certify: groups has {name} twice, expected it in one of them")
    for part in spec.parts if grouped else ():
        _configured("optimizer", spec.optimizer, OPTIMIZERS, spec.settings_of(*part))


def _check_shapes(record: StepRecord, loss: Loss) -> None:
    """x, y, and every W and b before the step."""
    spec, n = record.spec, len(record.x)
    _fits("x", record.x, (n, spec.sizes[0]), spec.dtype)
    targets = loss.targets(record.y, n, spec.sizes[-1], np.dtype(spec.dtype))
    integers = isinstance(record.y, np.ndarray) and record.y.dtype.kind in "iu"
    # labels may be integers of any width
    y_dtype = record.y.dtype if targets.ndim == 1 and integers else targets.dtype
    _fits("y", record.y, targets.shape, y_dtype)
    _check_weights(record, loss, targets)
    for i, (into, out) in enumerate(pairwise(spec.sizes)):
        _fits(f"W of layer {i + 1} before the step", record.before.W[i], (out, into), spec.dtype)
        _fits(f"b of layer {i + 1} before the step", record.before.b[i], (out,), spec.dtype)


def _check_unbiased(record: StepRecord) -> None:
    """Nothing about the b of a layer without biases: it stays 0 and has no gradient."""
    spec, before, after = record.spec, record.before, record.after
    for l in (l for l in range(1, len(spec.sizes)) if not spec.has_bias(l)):
        if record.layers[l - 1].db is not None:
            raise ValueError(f"certify: db of layer {l} is shown, expected None: it has no biases")
        for when, b in (("before", before.b), ("after", None if after is None else after.b)):
            if b is not None and np.any(b[l - 1]):
                raise ValueError(
                    f"certify: b of layer {l} {when} the step has {np.asarray(b[l - 1])}, expected "
                    f"zeros: it has no biases"
                )


def _check_weights(record: StepRecord, loss: Loss, targets: Array) -> None:
    """The weights of the rows, and a sum that a mean can be divided by."""
    weights = record.sample_weight
    if weights is not None:
        _fits("sample_weight", weights, (len(record.x),), record.spec.dtype)
        if not np.isfinite(weights).all() or (weights < 0).any():
            worst = weights[~(np.isfinite(weights) & (weights >= 0))][0]
            raise ValueError(f"certify: sample_weight has {worst:g}, expected finite weights >= 0")
    if loss.reduction == "mean":
        loss.total_weight(targets, weights)


def _check_dropout(record: StepRecord) -> None:
    """A probability for each layer, a mask for each that drops inputs, and no a_prev of
    the others.
    """
    spec, depth = record.spec, len(record.layers)
    _is("dropout", spec.dropout, tuple | list)
    _is("masks", record.masks, tuple | list)
    drops = tuple(spec.dropout) or (0.0,) * depth
    for what, given in (("dropout", drops), ("masks", record.masks or (None,) * depth)):
        if len(given) != depth:
            raise ValueError(
                f"certify: record has {len(given)} {what}, expected {depth} as its sizes "
                f"{spec.sizes}"
            )
    for layer, p in enumerate(drops, start=1):
        _is("dropout", p, float | int)
        if not 0.0 <= p < 1.0:
            raise ValueError(f"certify: dropout of layer {layer} has {p}, expected 0 <= p < 1")
        _check_mask(record, layer, p)


def _check_mask(record: StepRecord, layer: int, p: float) -> None:
    what, mask = f"mask of layer {layer}", record.mask(layer)
    if not p:
        for name, given in (
            (what, mask),
            (f"a_prev of layer {layer}", record.layers[layer - 1].a_prev),
        ):
            if given is not None:
                raise ValueError(f"certify: {name} has an array, expected None without dropout")
        return
    _fits(what, mask, (len(record.x), record.spec.sizes[layer - 1]), record.spec.dtype)
    if mask is not None:
        _refuse_unscaled(what, mask, p)


def _refuse_unscaled(what: str, mask: Array, p: float) -> None:
    """Refuse an entry that is neither 0 nor 1 / (1 - p), but for the roundings of p, of
    1 - p and of the quotient: u p / (1 - p) + 2 u of it, at most 2 u / (1 - p).
    """
    scale, eps = 1.0 / (1.0 - p), float(np.finfo(mask.dtype).eps)
    bad = np.argwhere((mask != 0.0) & ~(np.abs(mask - scale) <= eps * scale * scale))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        note = "; it is not scaled" if (mask[tuple(bad.T)] == 1.0).all() else ""
        raise ValueError(
            f"certify: {what} has {mask[index]:g} at {place(index)}, expected 0 or 1 / (1 - p) = "
            f"{scale:g}{note}"
        )


def _check_state(record: StepRecord) -> None:
    """Every vector that the rule keeps, of the right length, and no other."""
    spec, before, after = record.spec, record.before, record.after
    total = sum(getattr(before, name)[layer - 1].size for name, layer in spec.parts)
    for name, vector in before.state.items():
        _fits(f"{name} before the step", vector, (total,), spec.dtype)
    rule = RULE_ENTRIES[spec.optimizer]()
    of_parts = (rule.keeps(spec.settings_of(*part)) for part in spec.parts)
    # a vector has entries for all parts, also for those that do not keep it
    keeps = tuple(dict.fromkeys(name for each in of_parts for name in each))
    for name in [*before.state, *({} if after is None else after.state)]:
        if name not in keeps:
            raise ValueError(
                f"certify: state has {name!r}, expected {', '.join(keeps) or 'nothing'}, which "
                f"{spec.optimizer} keeps"
            )
    # SGD makes its buffer in the first step, where PyTorch has none before it
    optional = {"momentum_buffer"} if spec.optimizer == "sgd" and spec.step == 1 else set()
    for name in keeps:
        if name not in before.state and name not in optional:
            raise ValueError(
                f"certify: state before step {spec.step} has no {name}, expected it: "
                f"{spec.optimizer} reads it"
            )


def _configured(
    kind: str, name: str, known: Mapping[str, type[Any]], settings: Mapping[str, Any]
) -> Any:
    """The activation or optimizer of that name with these settings; ValueError where a
    setting is missing, unknown or unusable.
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


def _settings_of(thing: Any) -> dict[str, Any]:
    """The hyper-parameters of an optimizer, the settings of a penalty, the parameters
    of an activation.
    """
    if isinstance(thing, Penalty):
        return thing.settings
    if hasattr(thing, "hyperparameters"):
        return thing.hyperparameters
    return getattr(thing, "parameters", {})


def _known(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"certify: {kind} has {name!r}, expected one of {', '.join(known)}")


def _is(what: str, given: Any, kind: Any) -> None:
    """Refuse another kind with a TypeError; a boolean does not count as an integer, nor
    a masked array or a matrix as an array.
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
