"""What a random run may have beside a network, a loss and a rule: settings of the loss,
weights of the rows, a penalty, clipping, dropout, and layers without biases.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.checks import Array
from refnet.losses import LOSSES
from refnet.regularisers import PENALTIES, Penalty

# weights of rows, by kind; those of a batch of one row are not all 0
WEIGHTS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "even": lambda rng, rows: rng.uniform(0.5, 2.0, rows),
    "whole": lambda rng, rows: _not_all_zero(rng.integers(0, 4, rows).astype(float)),
    "few": lambda rng, rows: _not_all_zero((rng.random(rows) < 0.2) * 1.0),
    "spread": lambda rng, rows: 10.0 ** rng.uniform(-6.0, 6.0, rows),
    "tiny": lambda rng, rows: 1e-30 * rng.uniform(0.5, 2.0, rows),
    "huge": lambda rng, rows: 1e15 * rng.uniform(0.5, 2.0, rows),
}
IGNORED = -100
# a limit of clipping, as a multiple of what it is compared with
FACTORS = (0.0, 1e-3, 0.1, 0.5, 1.0 - 1e-7, 1.0, 1.0 + 1e-7, 2.0, 1e3)
DROPS = (0.0, 0.1, 0.5, 0.9, 0.999, 2.0**-10, 1 / 3)
SMOOTHINGS = (0.1, 0.5, 1.0, 1e-8, 1 / 3)


@dataclass(frozen=True)
class Parts:
    """The parts of a run; without any the run is a plain one."""

    loss_settings: dict[str, Any] = field(default_factory=dict)
    weights: str = ""  # the kind of the rows' weights
    penalty: Penalty | None = None
    clip: tuple[str, float] | None = None  # ("norm", limit) or ("value", limit)
    dropout: tuple[float, ...] = ()  # on the input of each layer
    biases: tuple[bool, ...] = ()  # whether each layer has any; empty where all have

    def __str__(self) -> str:
        named = {
            **self.loss_settings,
            "weights": self.weights,
            "penalty": self.penalty,
            "clip": self.clip,
            "dropout": self.dropout,
            "biases": self.biases,
        }
        return ", ".join(f"{name} {value}" for name, value in named.items() if value)

    @property
    def clipping(self) -> dict[str, float]:
        """clip_norm or clip_value, as fit and the recorders take them."""
        return {} if self.clip is None else {f"clip_{self.clip[0]}": self.clip[1]}

    def row_weights(self, rng: np.random.Generator, rows: int, dtype: str) -> Array | None:
        """Weights of the rows; None where there are none."""
        return WEIGHTS[self.weights](rng, rows).astype(dtype) if self.weights else None


def random_parts(rng: np.random.Generator, loss: str, targets: str, sizes: Sequence[int]) -> Parts:
    """Each part in about every other run."""
    layers = len(sizes) - 1
    return Parts(
        loss_settings=_loss_settings(rng, loss, targets, sizes[-1]) if _tossed(rng) else {},
        weights=str(rng.choice(list(WEIGHTS))) if _tossed(rng) else "",
        penalty=_penalty(rng) if _tossed(rng) else None,
        dropout=tuple(map(float, rng.choice(DROPS, layers))) if _tossed(rng) else (),
        biases=tuple(map(bool, rng.random(layers) < 0.5)) if _tossed(rng) else (),
    )


def random_clip(rng: np.random.Generator, gradient: Array) -> tuple[str, float]:
    """A limit around what it is compared with, where that is a number: the norm of a
    gradient, or its largest entry.
    """
    kind = str(rng.choice(["norm", "value"]))
    with np.errstate(all="ignore"):
        size = np.sqrt(gradient @ gradient) if kind == "norm" else np.abs(gradient).max()
    limit = float(rng.choice(FACTORS)) * float(size)
    return kind, limit if np.isfinite(limit) else 1.0


def _loss_settings(
    rng: np.random.Generator, loss: str, targets: str, outputs: int
) -> dict[str, Any]:
    """Some of the settings that the loss has."""
    ignored = [IGNORED, int(rng.integers(outputs))]
    drawn: dict[str, Any] = {
        "weight": _weights(rng, outputs),
        "pos_weight": _weights(rng, outputs),
        "ignore_index": ignored[int(rng.integers(2))],
        "label_smoothing": float(rng.choice(SMOOTHINGS)),
        "reduction": "sum",
    }
    settings = {name: drawn[name] for name in LOSSES[loss].defaults if rng.random() < 0.6}
    if targets == "distributions":
        settings.pop("ignore_index", None)  # of labels alone, and refused by PyTorch
    return settings


def _weights(rng: np.random.Generator, outputs: int) -> tuple[float, ...]:
    """Weights of classes or outputs, some of them 0."""
    weights = WEIGHTS[str(rng.choice(["even", "whole", "spread"]))](rng, outputs)
    return tuple(weights.tolist())


def _penalty(rng: np.random.Generator) -> Penalty:
    kind = PENALTIES[str(rng.choice(list(PENALTIES)))]
    return kind(**{name: _setting(rng, name) for name in kind().settings})


def _setting(rng: np.random.Generator, name: str) -> Any:
    if name == "biases":
        return _tossed(rng)
    return float(rng.choice([0.0, *10.0 ** rng.uniform(-6, 1, 3)]))


def _not_all_zero(weights: Array) -> Array:
    weights[0] = weights[0] if weights.any() else 1.0
    return weights


def _tossed(rng: np.random.Generator) -> bool:
    return bool(rng.random() < 0.5)
