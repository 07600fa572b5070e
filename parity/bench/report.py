"""What is to be measured, and what was: ratios, warnings, all of it as plain data."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from parity.bench.sides.setting import Setting
from parity.bench.tables.digits import Trainings
from parity.bench.tables.growth import AXES, Axis, Growth
from parity.bench.tables.loops import Headlines
from parity.bench.tables.parts import PARTS, PartRow
from parity.bench.tables.steps import StepRow
from parity.bench.tables.threads import ThreadRow
from parity.bench.tables.wide import Wide
from parity.bench.timing import LEAST_CORES, MOST_CORES

NETS = (
    Setting((2, 2), 4),
    Setting((64, 30, 10), 1),
    Setting((64, 30, 10), 32),
    Setting((64, 30, 10), 256),
    Setting((64, *(64,) * 8, 10), 32),
    Setting((784, 128, 10), 64),
    Setting((784, 256, 128, 10), 128, batches=8),
    Setting((784, 1024, 1024, 10), 256, batches=2),
)
OTHERS = tuple(
    replace(net, hidden=hidden, rule=rule)
    for net in (NETS[2], NETS[6])
    for hidden, rule in (
        ("relu", "momentum"),
        ("relu", "Adam"),
        ("tanh", "SGD"),
        ("sigmoid", "SGD"),
    )
)
POOLED = (
    NETS[2],
    Setting((64, 30, 10), 1797, batches=1),
    NETS[5],
    # the largest product is just below what `fit` takes for small
    Setting((784, 160, 10), 128, batches=4),
    NETS[7],
)
WIDE = (NETS[6], NETS[7], replace(NETS[6], rule="Adam"))  # with two threads


@dataclass(frozen=True)
class Plan:
    """What is measured: every net of `nets` and `others` in each dtype, and so on."""

    description: str
    repeats: int
    seconds: float  # of one repeat of one side
    nets: tuple[Setting, ...] = NETS
    others: tuple[Setting, ...] = OTHERS
    parts: tuple[str, ...] = tuple(PARTS)
    dtypes: tuple[str, ...] = ("float32", "float64")
    epochs: int = 20
    images: int | None = None  # of the digits; None for all
    iterations: int = 10  # of the loops in one repeat
    axes: tuple[Axis, ...] = AXES
    pooled: tuple[Setting, ...] = POOLED
    busy_repeats: int = 15
    wide: tuple[Setting, ...] = WIDE

    @property
    def rows(self) -> int:
        """How many measurements there are."""
        return (
            len(self.dtypes) * (len(self.nets) + len(self.others) + len(self.parts) + 1)
            + 1
            + len(self.axes)
            + len(self.pooled)
            + len(self.wide)
        )


FULL = Plan("the whole benchmark", repeats=9, seconds=0.025)
QUICK = Plan(
    "--quick: shorter repeats, float32 alone, fewer epochs, smaller sizes of what grows, fewer "
    "nets of the other rules and of threads",
    repeats=7,
    seconds=0.005,
    others=OTHERS[:4],
    dtypes=("float32",),
    epochs=5,
    iterations=2,
    axes=tuple(axis.scaled(0.5) for axis in AXES),
    pooled=POOLED[1:3],
    busy_repeats=7,
    wide=WIDE[:1],
)


# what the JSON file says of the plan
PLANNED = ("description", "repeats", "seconds", "epochs", "images", "iterations", "busy_repeats")


@dataclass
class BenchReport:
    """What the benchmark measured."""

    plan: Plan
    jax: str
    rows: list[StepRow] = field(default_factory=list)
    others: list[StepRow] = field(default_factory=list)
    parts: list[PartRow] = field(default_factory=list)
    digits: list[Trainings] = field(default_factory=list)
    loops: Headlines | None = None
    growth: list[Growth] = field(default_factory=list)
    threads: list[ThreadRow] = field(default_factory=list)
    wide: Wide = field(default_factory=Wide)
    took: float = 0.0

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words."""
        judged: list[Any] = [
            *self.rows,
            *self.others,
            *self.parts,
            *self.digits,
            *([self.loops] if self.loops else []),
            *self.wide.rows,
        ]
        return [each.problem for each in judged if each.problem]

    @property
    def passed(self) -> bool:
        """Whether every side did the work that was timed."""
        return not self.problems

    @property
    def verdict(self) -> str:
        """The main ratios in one line."""
        if self.problems:
            return f"WRONG. {self.problems[0]}"
        digits = f"training on digits {self._least('PyTorch'):.1f}"
        loops = f"; loops / refnet: {self.loops.factor:.0f}" if self.loops else ""
        return f"Measured. PyTorch / refnet: a step {self._span('PyTorch')}, {digits}{loops}"

    def ratios(self) -> Iterator[str]:
        """How many times as long others take, the least and the most of all rows."""
        yield f"PyTorch / refnet, a step: {self._span('PyTorch')}"
        if any("JAX" in row.timings for row in self.rows):
            yield f"JAX / refnet, a step: {self._span('JAX')}"
        yield f"refnet / products, a step: {self._span('refnet', 'products')}"
        least, most = (f"{end:.0%}" for end in self._ends("floor", "refnet"))
        yield f"floor / refnet, the share that no step can do without: {least} to {most}"
        yield (
            f"training on digits: PyTorch / fit {self._least('PyTorch'):.1f}, scikit-learn / fit "
            f"{self._least('scikit-learn'):.1f}"
        )

    def _span(self, side: str, to: str = "refnet") -> str:
        least, most = self._ends(side, to)
        return f"{least:.2f} to {most:.2f}"

    def _ends(self, side: str, to: str) -> tuple[float, float]:
        """The least and the most of all rows."""
        steps = (row.ratio(side, to) for row in (*self.rows, *self.others))
        ratios = [ratio for ratio in steps if ratio is not None]
        return min(ratios), max(ratios)

    def _least(self, side: str) -> float:
        return min(each.ratio(side) for each in self.digits)

    def warnings(self) -> Iterator[str]:
        """Sides that used more than one core, or had to share it."""
        cores = [entry for row in (*self.rows, *self.others) for entry in row.busy()]
        for title, used in cores:
            if used > MOST_CORES:
                yield f"WARNING: {title} used {used:.2f} cores, expected one thread"
        shared = [title for title, used in cores if used < LEAST_CORES]
        if shared:
            yield (
                f"WARNING: the machine was busy: {len(shared)} of {len(cores)} timings got less "
                f"than {LEAST_CORES} of a core; {shared[0]}"
            )

        together = max(
            (row.idle["step, pool"].cores / row.threads for row in self.threads), default=1.0
        )
        if together < LEAST_CORES:
            yield (
                f"WARNING: the machine was not idle: a pool of threads had {together:.0%} of its "
                f"cores; the table of threads shows that"
            )
        yield from (f"WARNING: {warning}" for warning in self.wide.warnings())

    def cores(self) -> str:
        """The most cores that each side kept busy in any row."""
        most: dict[str, float] = {}
        for row in (*self.rows, *self.others):
            most |= {
                name: max(most.get(name, 0.0), timing.cores) for name, timing in row.timings.items()
            }
        return (
            f"Most cores kept busy: "
            f"{', '.join(f'{name} {cores:.2f}' for name, cores in most.items())}"
        )

    def judgements(self) -> Iterator[str]:
        """How much of what was shown could be judged."""
        judged = [each for row in (*self.rows, *self.others) for each in row.judged.values()]
        arrays, vague = sum(each.arrays for each in judged), sum(each.vague for each in judged)
        small = dict.fromkeys(
            f"{r.setting.net_name} as {r.judged_as}"
            for r in self.rows
            if r.judged_as != r.setting.net_name
        )
        yield (
            f"Judged: {arrays:,} arrays of {len(judged)} trainings; of {vague:,} of them rounding "
            f"leaves half of the digits or less"
        )
        yield from (f"judged on a smaller net: {each}" for each in small)

    def as_json(self) -> dict[str, Any]:
        """Everything, with every repeat."""
        return {
            "plan": {name: getattr(self.plan, name) for name in PLANNED},
            "jax": self.jax,
            "steps": [row.as_json() for row in self.rows],
            "others": [row.as_json() for row in self.others],
            "parts": [row.as_json() for row in self.parts],
            "digits": [each.as_json() for each in self.digits],
            "loops": self.loops.as_json() if self.loops else None,
            "growth": [each.as_json() for each in self.growth],
            "threads": [row.as_json() for row in self.threads],
            "two_threads": self.wide.as_json(),
            "warnings": list(self.warnings()),
            "problems": self.problems,
            "seconds": self.took,
        }
