"""The picture of the benchmark: a step of every net by side, and how `fit` grows."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from parity.bench.report import BenchReport
from parity.bench.tables.growth import Growth
from parity.bench.tables.steps import StepRow

SIDES = (
    ("refnet", "refnet", "tab:blue", "o"),
    ("PyTorch", "PyTorch", "tab:orange", "s"),
    ("JAX", "JAX, compiled", "tab:green", "^"),
    ("floor", "floor: products alone", "black", "|"),
)


def draw(report: BenchReport, path: Path) -> None:
    """Draw the steps of each dtype, the time and the memory of what grows.
    Errors: ValueError for an unknown format.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    rows = sorted(report.rows, key=lambda row: row.setting.dtype)
    by_dtype = [list(same) for _, same in groupby(rows, key=lambda row: row.setting.dtype)]
    figure: Any = Figure(figsize=(13.0, 9.0), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    panels = top.subplots(1, len(by_dtype), squeeze=False)[0]
    for axes, same in zip(panels, by_dtype, strict=True):
        _steps(axes, same)
    left, right = bottom.subplots(1, 2)
    times = [(g, [t.median * 1e3 for t in g.timings], g.time) for g in report.growth]
    _growth(left, report.growth, times)
    left.set(title="Time of fit", ylabel="milliseconds")
    traced = [g for g in report.growth if g.memory is not None]
    peaks = [(g, [peak / 1024 for peak in g.peaks], g.memory) for g in traced]
    _growth(right, report.growth, peaks)
    right.set(title="Peak memory of fit beyond x, y and the network", ylabel="KiB")
    figure.savefig(path, dpi=150)


def _steps(axes: Any, rows: Sequence[StepRow]) -> None:
    """A row of dots for each net, on a logarithmic axis, with how many times as long
    PyTorch takes.
    """
    at = range(len(rows), 0, -1)
    _marks(axes, rows, at)
    for row, y in zip(rows, at, strict=True):
        ends = [row.timings[name].median * 1e6 for name in ("refnet", "PyTorch")]
        axes.plot(ends, [y] * 2, "-", color="lightgray", zorder=0)
        axes.annotate(
            f"{row.ratio('PyTorch'):.1f}x",
            (max(ends), y),
            xytext=(8, -3),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_yticks(list(at), [row.setting.net_name for row in rows])
    axes.margins(x=0.12, y=0.08)
    axes.set(
        title=f"One training step, {rows[0].setting.dtype} (numbers: PyTorch / refnet)",
        xlabel="microseconds",
    )
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower left" if len(rows) < 3 else "upper right", fontsize=8)


def _marks(axes: Any, rows: Sequence[StepRow], at: Sequence[int]) -> None:
    """A mark for each net and side, where it was timed."""
    style = {"markersize": 9, "markeredgewidth": 1.5, "alpha": 0.8}
    for name, label, colour, marker in SIDES:
        times = {
            y: row.timings[name].median * 1e6
            for row, y in zip(rows, at, strict=True)
            if name in row.timings
        }
        if times:
            axes.plot([*times.values()], [*times], marker, color=colour, label=label, **style)


def _growth(
    axes: Any, growth: Sequence[Growth], lines: Sequence[tuple[Growth, list[float], float | None]]
) -> None:
    """A line for each, over its sizes relative to the smallest."""
    for each, figures, exponent in lines:
        sizes = [size / each.axis.sizes[0] for size in each.axis.sizes]
        axes.plot(
            sizes,
            figures,
            "o-",
            color=f"C{growth.index(each)}",
            label=f"{each.axis.name}: exponent {exponent:.2f}",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set(xlabel="size, relative to the smallest")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
