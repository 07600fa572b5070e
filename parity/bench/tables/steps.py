"""One row of the steps' table: the sides shown to take the right step, then timed in
turns, a step alone and inside a training, beside the products that a step cannot do
without.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.judge import JUDGED_LR, Judgement, judge
from parity.bench.sides.refnet import floor, multiply, products, refnet_fit, refnet_step
from parity.bench.sides.setting import Setting, Side
from parity.bench.timing import Timing, fastest, interleaved

EPOCHS = 2  # of the data set in one call of `fit` and of the loop
# parameters times rows that are judged in about a second; for a larger network a
# smaller one is judged, which takes the same way through the code
JUDGED_WORK = 1e7
Makers = dict[str, Callable[[Setting], Side]]


@dataclass(frozen=True)
class StepRow:
    """The timings by side: refnet, PyTorch, JAX where it is installed, products, floor;
    fit, loop. `forms` are the fastest of PyTorch and JAX, `floor_forms` those of each
    product.
    """

    setting: Setting
    timings: dict[str, Timing]
    forms: dict[str, str]
    floor_forms: tuple[str, ...]
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
            "floor_forms": list(self.floor_forms),
            "sides": {name: timing.as_json() for name, timing in self.timings.items()},
            "ratios": {
                "PyTorch/refnet": self.ratio("PyTorch"),
                "JAX/refnet": self.ratio("JAX"),
                "refnet/products": self.ratio("refnet", "products"),
                "floor/refnet": self.ratio("floor"),
                "loop/fit": self.ratio("loop", "fit"),
            },
            "judged": {name: each._asdict() for name, each in self.judged.items()},
            "judged_as": self.judged_as,
        }

    def line(self) -> str:
        """The row of the table of steps."""
        times = "".join(f"{self._microseconds(name):>{wide}}" for name, wide in SHOWN.items())
        ratios = "".join(f"{self._ratio(*pair):>{len(head) + 1}}" for head, pair in RATIOS.items())
        share = "-" if (part := self.ratio("floor")) is None else f"{part:.0%}"
        return f"{self._start}{times}{ratios}{share:>6}"

    def cores_line(self) -> str:
        """The cores that each side kept busy, below its time."""
        cores = (
            f"{self.timings[name].cores:>{wide}.2f}" if name in self.timings else f"{'-':>{wide}}"
            for name, wide in SHOWN.items()
        )
        return f"{'  cores kept busy':<36}{''.join(cores)}"

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
        return f"{self.name:<28} {self.setting.dtype:<7}"

    def _microseconds(self, side: str) -> str:
        """The median; tenths of a microsecond say something of small nets only."""
        if side not in self.timings:
            return "-"
        shown = self.timings[side].median * 1e6
        return f"{shown:.1f}" if shown < 1e3 else f"{shown:.0f}"

    def _ratio(self, side: str, to: str) -> str:
        ratio = self.ratio(side, to)
        return "-" if ratio is None else f"{ratio:.2f}"


# the columns of the table and their widths
SHOWN = {"refnet": 8, "PyTorch": 8, "JAX": 7, "products": 9, "floor": 7}
RATIOS = {
    "PyT/ref": ("PyTorch", "refnet"),
    "JAX/ref": ("JAX", "refnet"),
    "ref/prod": ("refnet", "products"),
}
SIGNS = (
    "(PyT/ref: PyTorch / refnet; ref/prod: refnet / products; floor: each product in its",
    "fastest form, as asked or transposed; share: what part of refnet's step the floor is)",
)
HEAD = (
    f"{'ReLU and SGD where not said':<28} {'dtype':<7}"
    + "".join(f"{name:>{wide}}" for name, wide in SHOWN.items())
    + "".join(f"{head:>{len(head) + 1}}" for head in RATIOS)
    + f"{'share':>6}"
)
TRAINING_HEAD = (
    f"{'':<28} {'dtype':<7}{'fit':>9}{'loop':>9}{'loop/fit':>9}   fastest form of PyTorch, of JAX"
)


class Chosen(NamedTuple):
    """What is timed of a setting: the call of each side, the fastest of its forms, and
    what refnet multiplies.
    """

    setting: Setting
    calls: dict[str, Callable[[], object]]
    forms: dict[str, str]
    floor_forms: tuple[str, ...]

    def row(self, timings: dict[str, Timing], judged: dict[str, Judgement]) -> StepRow:
        """The row with these timings."""
        small = judged_as(self.setting).net_name
        return StepRow(self.setting, timings, self.forms, self.floor_forms, judged, small)


def measure(setting: Setting, repeats: int, seconds: float) -> StepRow:
    """Judge the sides, choose the fastest form of PyTorch, JAX and the products, and
    time all of them in turns.
    """
    chosen = choose(setting, seconds)
    form = chosen.forms["PyTorch"]
    inside = {
        "fit": refnet_fit(setting, setting.batches, EPOCHS).step,
        "loop": torch_side.torch_loop(setting, setting.batches, EPOCHS, form).step,
    }
    judged = judgements(setting, [*chosen.calls, *inside], chosen.forms)
    timings = interleaved({**chosen.calls, **inside}, repeats, seconds)
    timings.update({name: timings[name].over(EPOCHS * setting.batches) for name in inside})
    return chosen.row(timings, judged)


def judgements(
    setting: Setting, names: Sequence[str], forms: dict[str, str]
) -> dict[str, Judgement]:
    """What is said of those of the sides that take steps, in the setting's dtype and in
    float64.
    """
    small = judged_as(setting)
    return {
        name if dtype == setting.dtype else f"{name} in float64": _judged(
            replace(small, dtype=dtype), name, forms.get(name, "")
        )
        for dtype in dict.fromkeys((setting.dtype, "float64"))
        for name in _makers(forms)
        if name in names
    }


def judged_as(setting: Setting) -> Setting:
    """The same where it is small enough to be judged in a second, else with narrower
    layers and fewer rows.
    """
    sizes, rows = setting.sizes, setting.rows
    while rows * sum(a * b for a, b in pairwise(sizes)) > JUDGED_WORK:
        sizes, rows = (sizes[0], *(size // 2 for size in sizes[1:-1]), sizes[-1]), rows // 2
    return replace(setting, sizes=sizes, rows=rows, lr=JUDGED_LR)


def choose(setting: Setting, seconds: float) -> Chosen:
    """The sides, of each that has forms the fastest."""
    sides, forms = {"refnet": refnet_step(setting)}, {}
    makers: dict[str, Any] = {"PyTorch": (torch_side.torch_step, torch_side.FORMS)}
    if jax_side.jax() is not None:
        makers["JAX"] = jax_side.jax_step, jax_side.FORMS
    for name, (make, known) in makers.items():
        sides[name] = fastest_form([make(setting, form) for form in known], seconds)
        forms[name] = sides[name].form
    needed = products(setting)
    least = floor(needed, seconds)
    calls: dict[str, Callable[[], object]] = {name: side.step for name, side in sides.items()}
    calls |= {"products": partial(multiply, needed), "floor": partial(multiply, least)}
    return Chosen(setting, calls, forms, tuple(product.form for product in least))


def fastest_form(sides: Sequence[Side], seconds: float) -> Side:
    """Which of several ways to write a side takes the least time."""
    forms = {side.form: side for side in sides}
    return forms[fastest({form: side.step for form, side in forms.items()}, seconds)]


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
