"""What a step costs that has weights, a penalty, clipping, dropout or no biases, beside
the same step without, and beside PyTorch's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from parity.bench.sides.parts import problem, refnet_step, torch_step
from parity.bench.sides.setting import TIMED_LR
from parity.bench.timing import Timing, interleaved
from parity.steps.cases import Case
from refnet.regularisers import L1, L2, ElasticNet

HEAD = f"{'64-30-10 n32':<34}{'refnet':>10}{'PyTorch':>10}{'with/out':>10}{'PyT/ref':>10}"
_PLAIN = Case("part", (64, 30, 10), ("relu",), batch=32, deviation=0.1)
_LOGITS = replace(_PLAIN, loss="sigmoid_cross_entropy", targets="probabilities")
_VALUES = replace(_PLAIN, loss="mse", targets="values")
_WEIGHTS = tuple(0.5 + 0.25 * j for j in range(10))
# by name: the step without the part, and with it
PARTS: dict[str, tuple[Case, Case]] = {
    "class weights": (_PLAIN, replace(_PLAIN, loss_settings={"weight": _WEIGHTS})),
    "label smoothing": (_PLAIN, replace(_PLAIN, loss_settings={"label_smoothing": 0.1})),
    "ignore_index": (_PLAIN, replace(_PLAIN, loss_settings={"ignore_index": -100})),
    "a sum": (_PLAIN, replace(_PLAIN, loss_settings={"reduction": "sum"})),
    "weights of rows": (_PLAIN, replace(_PLAIN, weighted=True)),
    "pos_weight": (_LOGITS, replace(_LOGITS, loss_settings={"pos_weight": _WEIGHTS})),
    "MSE, a sum": (_VALUES, replace(_VALUES, loss_settings={"reduction": "sum"})),
    "L1": (_PLAIN, replace(_PLAIN, penalty=L1(1e-3))),
    "L2": (_PLAIN, replace(_PLAIN, penalty=L2(1e-3))),
    "elastic net": (_PLAIN, replace(_PLAIN, penalty=ElasticNet(1e-3, 1e-3))),
    "clip_norm": (_PLAIN, replace(_PLAIN, clip=("norm", 0.1))),
    "clip_value": (_PLAIN, replace(_PLAIN, clip=("value", 1e-3))),
    "dropout, hidden": (_PLAIN, replace(_PLAIN, dropout=(0.0, 0.5))),
    "dropout, hidden and inputs": (_PLAIN, replace(_PLAIN, dropout=(0.2, 0.5))),
    "no biases": (_PLAIN, replace(_PLAIN, bias=False)),
}


@dataclass(frozen=True)
class PartRow:
    """The timings of one part: refnet's step with it and without, and PyTorch's with
    it.
    """

    name: str
    dtype: str
    timings: dict[str, Timing]
    problem: str

    @property
    def with_over_without(self) -> float:
        """How many times as long refnet's step takes with the part."""
        return self.timings["refnet"].median / self.timings["without"].median

    @property
    def ratio(self) -> float:
        """How many times as long PyTorch's step takes as refnet's."""
        return self.timings["PyTorch"].median / self.timings["refnet"].median

    def line(self) -> str:
        """The row of the table, in microseconds."""
        refnet, torch = (1e6 * self.timings[side].median for side in ("refnet", "PyTorch"))
        return (
            f"{f'{self.name}, {self.dtype}':<34}{refnet:>10.1f}{torch:>10.1f}"
            f"{self.with_over_without:>10.2f}{self.ratio:>10.2f}"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        timings = {side: timing.as_json() for side, timing in self.timings.items()}
        return {"name": self.name, "dtype": self.dtype, "timings": timings}


def measure(
    parts: tuple[str, ...], dtype: str, repeats: int, seconds: float, seed: int
) -> Iterator[PartRow]:
    """The rows of these parts, each timed in turns with the step without it."""
    for name in parts:
        without, having = (replace(case, dtype=dtype, seed=seed) for case in PARTS[name])
        timings = interleaved(
            {
                "without": refnet_step(without, TIMED_LR),
                "refnet": refnet_step(having, TIMED_LR),
                "PyTorch": torch_step(having, TIMED_LR),
            },
            repeats,
            seconds,
        )
        yield PartRow(name, dtype, timings, problem(having))
