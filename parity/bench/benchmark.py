"""The benchmark: how long a training step takes, refnet's beside PyTorch's, JAX's and
the matrix products alone, and what comes of it.

A *step* is: the batch ready in place, forward, the value of the loss, backward, update.
refnet's step, `Workspace` and `step_into`, checks besides that the update is finite.
PyTorch's is eager mode: zero_grad, forward, loss, backward, optimizer step,
loss.item(), with the optimizer's implementation that is fastest here. JAX's is one
compiled function, in the form that is fastest here, and the loss as a number.
*products* are the matrix products of forward and backward alone, by NumPy, into arrays
that are there, as refnet asks for them; the *floor* is the same products, each in the
form that is fastest here, as asked or transposed. *fit* is `refnet.fit` for one step:
checks of x and y, shuffling, gathering, history; *loop* the plain PyTorch loop that
does the same, without the checks. Neither validates.

All sides run on one thread, except in the two tables of threads, in turns, within one
run; a figure is the median of the repeats. How many cores a side really kept busy is
measured. In every row of the tables of steps the sides have to take the right step:
three steps of each are judged as `parity check` judges a program; so are Thomas' loops.
Of whole trainings the steps are counted.
"""

import os
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

from parity.bench.report import FULL, QUICK, BenchReport, Plan
from parity.bench.sides import jax as jax_side
from parity.bench.tables import digits, growth, loops, parts, steps, threads, wide
from parity.screen import Screen

__all__ = ["FULL", "QUICK", "run"]


def run(screen: Screen, plan: Plan, seed: int) -> BenchReport:
    """Measure all of it and print it table by table."""
    start = time.perf_counter()
    module = jax_side.jax()
    report = BenchReport(plan, "not installed" if module is None else module.__version__)
    for line in _header(plan, report.jax):
        screen.line(line)
    with screen.progress("measurements", plan.rows) as advance:
        for part in (_steps, _parts, _digits, _loops, _growth, _threads, _wide):
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
        screen.line(title)
        for line in steps.SIGNS:
            screen.line(line)
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


def _wide(screen: Screen, report: BenchReport, seed: int, advance: Callable[[], None]) -> None:
    plan = report.plan
    settings = [replace(setting, seed=seed) for setting in plan.wide]
    screen.line()
    report.wide.left_out = wide.left_out()
    if report.wide.left_out:
        screen.line(report.wide.left_out)
        return
    for line in wide.TITLE:
        screen.line(line)
    screen.line(steps.HEAD, "bold")
    for row in wide.measure(report.wide, settings, plan.repeats, plan.seconds):
        screen.line(row.line())
        screen.line(row.cores_line())
        advance()
    for row in report.wide.rows:
        if row.problem:
            screen.line(f"WRONG: {row.problem}", "red")
