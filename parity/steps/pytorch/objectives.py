"""What a step makes smaller: a loss with its settings, the weights of the rows, and a
penalty; and how the gradient is clipped.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity.steps.pytorch.chains import Link
from parity.steps.pytorch.counterparts import TORCH_CLIPPINGS, TORCH_LOSSES, TORCH_PENALTIES
from parity.steps.record import IGNORED, Spec
from refnet.checks import Array
from refnet.losses import LOSSES, Loss
from refnet.regularisers import PENALTIES, Penalty


def loss_module(name: str, settings: Mapping[str, Any], dtype: str) -> nn.Module:
    """The module of a loss with settings that are not by default; its weights are
    tensors in the dtype.
    """
    kept = {key: value for key, value in settings.items() if value is not None}
    tensors = {
        key: torch.tensor(value, dtype=getattr(torch, dtype))
        for key, value in kept.items()
        if isinstance(value, tuple)
    }
    return TORCH_LOSSES[name](**{**kept, **tensors})


def loss_of(module: nn.Module, y: ArrayLike, dtype: str) -> Loss:
    """The loss of refnet with the module's settings, for these targets.

    Errors: TypeError for a module that refnet has no counterpart of, and for weights in
        another dtype than the model's; ValueError for settings it has none of.
    """
    names = {kind: name for name, kind in TORCH_LOSSES.items()}
    if type(module) not in names:
        raise TypeError(
            f"record_torch: loss has {type(module).__name__}, expected one of "
            f"{', '.join(kind.__name__ for kind in names)}"
        )
    kind = LOSSES[names[type(module)]]
    settings = {key: _plain(module, key, dtype) for key in kind.defaults}
    if settings["reduction"] not in ("mean", "sum"):
        raise ValueError(
            f"record_torch: {type(module).__name__} has reduction={settings['reduction']}, "
            f"expected mean or sum"
        )
    if settings.get("ignore_index") == IGNORED and not _has_ignored(y):
        del settings["ignore_index"]
    return kind(**settings)


def _plain(module: nn.Module, setting: str, dtype: str) -> Any:
    """A setting as plain data."""
    value = getattr(module, setting)
    if not isinstance(value, Tensor):
        return value
    given = str(value.dtype).removeprefix("torch.")
    if given != dtype:
        raise TypeError(
            f"record_torch: {type(module).__name__} has {setting} in {given}, expected {dtype} as "
            f"the model: twin_loss(loss, dtype), or loss.to(torch.{dtype})"
        )
    return value.tolist()


def _has_ignored(y: ArrayLike) -> bool:
    labels = np.asarray(y)
    return labels.ndim == 1 and bool((labels == IGNORED).any())


def cost(module: nn.Module, a: Tensor, y: Tensor, sample_weight: Array | None) -> Tensor:
    """The loss: with weights of the rows sum s_i C_i / D, of the module's own C_i."""
    if sample_weight is None:
        value: Tensor = module(a, y)
        return value
    each: Any = copy.copy(module)
    each.reduction = "none"
    s = torch.tensor(sample_weight)
    rows = each(a, y)
    total = (rows * (s if rows.ndim == 1 else s[:, None])).sum()
    return total if module.reduction == "sum" else total / _divisor(module, rows, y, s)


def _divisor(module: Any, rows: Tensor, y: Tensor, s: Tensor) -> Any:
    """D: the sum of the weights of the rows, with labels each times its class's; for a
    loss of each output times their number.
    """
    if y.ndim == 2:
        return s.sum() * (1 if rows.ndim == 1 else rows.shape[1])
    counted = y != module.ignore_index
    weight = module.weight
    return (s[counted] if weight is None else s[counted] * weight[y[counted]]).sum()


def penalised(value: Tensor, spec: Spec, links: Sequence[Link]) -> Tensor:
    """The loss, and the penalty on top of it."""
    if spec.penalty is None:
        return value
    name, settings = spec.penalty
    strengths = {key: each for key, each in settings.items() if key != "biases"}
    for link in links:
        for part, theta in link.parameters.items():
            if part == "W" or settings["biases"]:
                value = value + TORCH_PENALTIES[name](theta, **strengths)
    return value


def check_penalty(penalty: Penalty | None) -> None:
    """Refuse a penalty of one's own."""
    if penalty is not None and type(penalty) not in PENALTIES.values():
        raise TypeError(
            f"record_torch: penalty has {type(penalty).__name__}, expected one of "
            f"{', '.join(kind.__name__ for kind in PENALTIES.values())}"
        )


def clip(spec: Spec, parameters: Sequence[Tensor]) -> None:
    """Clip every .grad in place, as the step is told to."""
    if spec.clip is not None:
        name, limit = spec.clip
        TORCH_CLIPPINGS[name](parameters, limit)
