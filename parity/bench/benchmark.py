"""The benchmark: how long a training step takes, refnet's beside PyTorch's, JAX's and
the matrix products alone, and what comes of it.

A *step* is: the batch ready in place, forward, the value of the loss, backward, update.
refnet's step, `Workspace` and `step_into`, checks besides that the update is finite.
PyTorch's is eager mode: zero_grad, forward, loss, backward, optimizer step,
loss.item(), with the optimizer's implementation that is fastest here. JAX's is one
compiled function, in the form that is fastest here, and the loss as a number.
*products* are the matrix products of forward and backward alone, by NumPy, into arrays
that are there, as refnet asks for them. *fit* is `refnet.fit` for one step: checks of x
and y, shuffling, gathering, history; *loop* the plain PyTorch loop that does the same,
without the checks. Neither validates.

All sides run on one thread, in turns, within one run; a figure is the median of the
repeats. How many cores a side really kept busy is measured. In every row of the tables
of steps the sides have to take the right step: three steps of each are judged as
`parity check` judges a program; so are Thomas' loops. Of whole trainings the steps are
counted.
"""

import os
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from parity.bench.sides import jax as jax_side
from parity.bench.sides.setting import Setting
from parity.bench.tables import digits, growth, loops, parts, steps, threads
from parity.bench.tables.digits import Trainings
from parity.bench.tables.growth import AXES, Axis, Growth
from parity.bench.tables.loops import Headlines
from parity.bench.tables.parts import PARTS, PartRow
from parity.bench.tables.steps import StepRow
from parity.bench.tables.threads import ThreadRow
from parity.screen import Screen

# cores kept busy, CPU time over time: on an idle machine one thread keeps 1.00 to 1.01
MOST_CORES = 1.2  # a side that used more was not on one thread
LEAST_CORES = 0.8  # a side that got less shared its core with another process
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

    @property
    def rows(self) -> int:
        """How many measurements there are."""
        return (
            len(self.dtypes) * (len(self.nets) + len(self.others) + len(self.parts) + 1)
            + 1
            + len(self.axes)
            + len(self.pooled)
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
        yield (
            f"training on digits: PyTorch / fit {self._least('PyTorch'):.1f}, scikit-learn / fit "
            f"{self._least('scikit-learn'):.1f}"
        )

    def _span(self, side: str, to: str = "refnet") -> str:
        ratios = [
            ratio
            for row in (*self.rows, *self.others)
            if (ratio := row.ratio(side, to)) is not None
        ]
        return f"{min(ratios):.2f} to {max(ratios):.2f}"

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
            "warnings": list(self.warnings()),
            "problems": self.problems,
            "seconds": self.took,
        }


def run(screen: Screen, plan: Plan, seed: int) -> BenchReport:
    """Measure all of it and print it table by table."""
    start = time.perf_counter()
    module = jax_side.jax()
    report = BenchReport(plan, "not installed" if module is None else module.__version__)
    for line in _header(plan, report.jax):
        screen.line(line)
    with screen.progress("measurements", plan.rows) as advance:
        for part in (_steps, _parts, _digits, _loops, _growth, _threads):
            part(screen, report, seed, advance)
    screen.line()
    for line in (*report.judgements(), report.cores(), *report.ratios()):
        screen.line(line)
    for warning in report.warnings():
        for line in wrapped(warning):
            screen.line(line, "yellow")
    report.took = time.perf_counter() - start
    screen.line(f"{report.took:.0f} s")
    return report


def wrapped(text: str) -> list[str]:
    """Lines of at most 100 columns."""
    return textwrap.wrap(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def _header(plan: Plan, jax: str) -> Iterator[str]:
    pinned = ", 1 thread" if jax != "not installed" else ""
    yield f"JAX {jax}{pinned}   usable cores {threads.usable_cores()}"
    yield from wrapped(f"Medians of {plan.repeats}, {plan.description}")
    kernel = os.environ.get("OPENBLAS_CORETYPE")
    if kernel:
        yield f"WARNING: OPENBLAS_CORETYPE={kernel}: NumPy's BLAS did not choose its kernel itself"


def _steps(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    plan = report.plan
    for title, nets, rows in (
        ("One training step, microseconds", plan.nets, report.rows),
        ("Other rules and activations, microseconds", plan.others, report.others),
    ):
        screen.line()
        screen.line(f"{title} (PyT/ref: PyTorch / refnet; ref/prod: refnet / products)")
        screen.line(steps.HEAD, "bold")
        for net, dtype in product(nets, plan.dtypes):
            row = steps.measure(replace(net, dtype=dtype, seed=seed), plan.repeats, plan.seconds)
            rows.append(row)
            screen.line(row.line())
            if row.problem:
                screen.line(f"WRONG: {row.problem}", "red")
            advance()
        screen.line()
        screen.line("The same step inside refnet.fit and inside PyTorch's plain loop, microseconds")
        screen.line(steps.TRAINING_HEAD, "bold")
        for row in rows:
            screen.line(row.training_line())


def _parts(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    plan = report.plan
    screen.line()
    screen.line("A step with one thing more, microseconds (with/out: the same step without it)")
    screen.line(parts.HEAD, "bold")
    for dtype in plan.dtypes:
        for row in parts.measure(plan.parts, dtype, plan.repeats, plan.seconds, seed):
            report.parts.append(row)
            screen.line(row.line())
            if row.problem:
                screen.line(f"WRONG: {row.problem}", "red")
            advance()


def _digits(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    plan = report.plan
    screen.line()
    screen.line(
        f"Training on handwritten digits, 64-30-10, ReLU, {plan.epochs} epochs of mini-batches "
        f"of 32, SGD, lr {digits.LR}"
    )
    screen.line(digits.HEAD, "bold")
    for dtype in plan.dtypes:
        report.digits.append(
            digits.trainings(dtype, plan.epochs, plan.repeats, plan.seconds, seed, plan.images)
        )
        for line in report.digits[-1].lines():
            screen.line(line)
        advance()


def _loops(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    plan = report.plan
    report.loops = loops.headlines(plan.repeats, plan.seconds, plan.iterations, seed, plan.images)
    screen.line()
    for line in report.loops.lines():
        screen.line(line)
    advance()


def _growth(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    screen.line()
    screen.line("How fit grows, float32: time, and peak memory beyond x, y and the network", "bold")
    for axis in report.plan.axes:
        report.growth.append(growth.grow(axis, report.plan.repeats, report.plan.seconds, seed))
        for line in report.growth[-1].lines():
            screen.line(line)
        advance()


def _threads(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    plan, cores = report.plan, threads.usable_cores()
    screen.line()
    screen.line(
        f"A step with one BLAS thread and with a pool of {cores}, alone and in fit, float32, "
        f"microseconds,"
    )
    screen.line(
        f"on the idle machine and beside {cores} busy processes (medians of {plan.busy_repeats} "
        f"there)"
    )
    for line in threads.HEAD:
        screen.line(line, "bold")
    for setting in plan.pooled:
        given = replace(setting, seed=seed)
        report.threads.append(
            threads.thread_row(given, cores, plan.repeats, plan.seconds, plan.busy_repeats)
        )
        for line in report.threads[-1].lines():
            screen.line(line)
        advance()
