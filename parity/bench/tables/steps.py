"""One row of the steps' table: the sides shown to take the right step, then timed in
turns, a step alone and inside a training.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.judge import JUDGED_LR, Judgement, judge
from parity.bench.sides.refnet import multiply, products, refnet_fit, refnet_step
from parity.bench.sides.setting import Setting, Side
from parity.bench.timing import Timing, interleaved

EPOCHS = 2  # of the data set in one call of `fit` and of the loop
CHOOSING = 3  # repeats that choose the fastest form of a side
# parameters times rows that are judged in about a second; for a larger network a
# smaller one is judged, which takes the same way through the code
JUDGED_WORK = 1e7
Makers = dict[str, Callable[[Setting], Side]]


@dataclass(frozen=True)
class StepRow:
    """The timings by side: refnet, PyTorch, JAX where it is installed, products; fit,
    loop. `forms` are the fastest of PyTorch and JAX.
    """

    setting: Setting
    timings: dict[str, Timing]
    forms: dict[str, str]
    judged: dict[str, Judgement]
    judged_as: str

    @property
    def problem(self) -> str:
        """Which side takes a wrong step, and what is wrong with it."""
        return next(
            (
                f"{name}, {self.title}: {judgement.problem}"
                for name, judgement in self.judged.items()
                if judgement.problem
            ),
            "",
        )

    @property
    def name(self) -> str:
        """The network, with what is neither ReLU nor SGD."""
        more = [
            word
            for word, usual in ((self.setting.hidden, "relu"), (self.setting.rule, "SGD"))
            if word != usual
        ]
        return " ".join([self.setting.net_name, *more])

    @property
    def title(self) -> str:
        """The same and the dtype."""
        return f"{self.name} {self.setting.dtype}"

    def ratio(self, side: str, to: str = "refnet") -> float | None:
        """How many times as long a side takes as another."""
        return (
            self.timings[side].median / self.timings[to].median
            if side in self.timings and to in self.timings
            else None
        )

    def busy(self) -> Iterator[tuple[str, float]]:
        """The cores that each side kept busy."""
        yield from (
            (f"{name}, {self.title}", timing.cores) for name, timing in self.timings.items()
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data, with every repeat."""
        s = self.setting
        return {
            "net": s.net_name,
            "sizes": list(s.sizes),
            "rows": s.rows,
            **{name: getattr(s, name) for name in ("dtype", "hidden", "rule")},
            "forms": self.forms,
            "sides": {name: timing.as_json() for name, timing in self.timings.items()},
            "ratios": {
                "PyTorch/refnet": self.ratio("PyTorch"),
                "JAX/refnet": self.ratio("JAX"),
                "refnet/products": self.ratio("refnet", "products"),
                "loop/fit": self.ratio("loop", "fit"),
            },
            "judged": {name: each._asdict() for name, each in self.judged.items()},
            "judged_as": self.judged_as,
        }

    def line(self) -> str:
        """The row of the table of steps."""
        times = "".join(f"{self._microseconds(name):>9}" for name in SHOWN)
        pairs = (("PyTorch", "refnet"), ("JAX", "refnet"), ("refnet", "products"))
        ratios = "".join(f"{self._ratio(*pair):>9}" for pair in pairs)
        return f"{self._start}{times}{ratios}"

    def training_line(self) -> str:
        """The row of the table of steps inside a training."""
        fit, loop, ratio = (
            self._microseconds("fit"),
            self._microseconds("loop"),
            self._ratio("loop", "fit"),
        )
        return f"{self._start}{fit:>9}{loop:>9}{ratio:>9}   {', '.join(self.forms.values())}"

    @property
    def _start(self) -> str:
        return f"{self.name:<28} {self.setting.dtype:<8}"

    def _microseconds(self, side: str) -> str:
        return f"{self.timings[side].median * 1e6:.1f}" if side in self.timings else "-"

    def _ratio(self, side: str, to: str) -> str:
        ratio = self.ratio(side, to)
        return "-" if ratio is None else f"{ratio:.2f}"


SHOWN = ("refnet", "PyTorch", "JAX", "products")
HEAD = (
    f"{'ReLU and SGD where not said':<28} {'dtype':<8}"
    + "".join(f"{name:>9}" for name in SHOWN)
    + f"{'PyT/ref':>9}{'JAX/ref':>9}{'ref/prod':>9}"
)
TRAINING_HEAD = (
    f"{'':<28} {'dtype':<8}{'fit':>9}{'loop':>9}{'loop/fit':>9}   fastest form of PyTorch, of JAX"
)


def measure(setting: Setting, repeats: int, seconds: float) -> StepRow:
    """Judge the sides, choose the fastest form of PyTorch and JAX, and time all of them
    in turns.
    """
    sides, forms = _chosen(setting, seconds)
    small = judged_as(setting)
    judged = {
        name if dtype == setting.dtype else f"{name} in float64": _judged(
            replace(small, dtype=dtype), name, forms.get(name, "")
        )
        for dtype in dict.fromkeys((setting.dtype, "float64"))
        for name in _makers(forms)
    }
    needed = products(setting)
    steps = {name: side.step for name, side in sides.items()}
    form = forms["PyTorch"]
    inside = {
        "fit": refnet_fit(setting, setting.batches, EPOCHS).step,
        "loop": torch_side.torch_loop(setting, setting.batches, EPOCHS, form).step,
    }
    timings = interleaved(
        {**steps, "products": lambda: multiply(needed), **inside}, repeats, seconds
    )
    timings.update({name: timings[name].over(EPOCHS * setting.batches) for name in inside})
    return StepRow(setting, timings, forms, judged, small.net_name)


def judged_as(setting: Setting) -> Setting:
    """The same where it is small enough to be judged in a second, else with narrower
    layers and fewer rows.
    """
    sizes, rows = setting.sizes, setting.rows
    while rows * sum(a * b for a, b in pairwise(sizes)) > JUDGED_WORK:
        sizes, rows = (sizes[0], *(size // 2 for size in sizes[1:-1]), sizes[-1]), rows // 2
    return replace(setting, sizes=sizes, rows=rows, lr=JUDGED_LR)


def _chosen(setting: Setting, seconds: float) -> tuple[dict[str, Side], dict[str, str]]:
    """The sides, of each that has forms the fastest."""
    sides, forms = {"refnet": refnet_step(setting)}, {}
    makers: dict[str, Any] = {"PyTorch": (torch_side.torch_step, torch_side.FORMS)}
    if jax_side.jax() is not None:
        makers["JAX"] = jax_side.jax_step, jax_side.FORMS
    for name, (make, known) in makers.items():
        sides[name] = fastest([make(setting, form) for form in known], seconds)
        forms[name] = sides[name].form
    return sides, forms


def fastest(sides: Sequence[Side], seconds: float) -> Side:
    """Which of several ways to write a side takes the least time, by a few shorter
    repeats.
    """
    timings = interleaved({side.form: side.step for side in sides}, CHOOSING, seconds / CHOOSING)
    return min(sides, key=lambda side: timings[side.form].median)


def _makers(forms: dict[str, str]) -> Makers:
    """What is judged: each side's step, and what `fit` and the loop come to on a single
    batch, which is a step.
    """
    makers: Makers = {
        "refnet": refnet_step,
        "PyTorch": lambda setting: torch_side.torch_step(setting, forms["PyTorch"]),
        "fit": lambda setting: refnet_fit(setting, 1, 1),
        "loop": lambda setting: torch_side.torch_loop(setting, 1, 1, forms["PyTorch"]),
    }
    if "JAX" in forms:
        makers["JAX"] = lambda setting: jax_side.jax_step(setting, forms["JAX"])
    return makers


@cache
def _judged(setting: Setting, name: str, form: str) -> Judgement:
    forms = {"PyTorch": form or "default", **({"JAX": form} if name == "JAX" else {})}
    side = _makers(forms)[name](setting)
    return judge(side, setting.network(), setting.data(), setting.loss(), setting.optimizer())
