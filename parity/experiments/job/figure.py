"""The picture of the main job: how far two free-running trainings part, and how much of
its bound each equation used.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parity.experiments.job.job_report import MainJobReport
from refnet.equations import EQUATIONS, PLAIN

ULP = 2.0**-52  # the distance from 1.0 to the next float64
TOP = 1.1  # where a share beyond the bound is drawn
SIDES = (("refnet", "ours", "tab:blue", -0.17), ("PyTorch", "theirs", "tab:orange", 0.17))


def formats() -> list[str]:
    """The endings of the files that can be drawn: .png, .svg, .pdf and more.
    Errors: ModuleNotFoundError without matplotlib.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    return sorted(f".{ending}" for ending in Figure().canvas.get_supported_filetypes())


def draw(report: MainJobReport, path: Path) -> None:
    """Draw the growth curve on the digits, and every array's share of its bound by
    equation.
    Errors: ValueError for an unknown format.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    figure = Figure(figsize=(11.0, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _growth(left, report.trained.growth)
    _shares(right, report)
    figure.savefig(path, dpi=150)


def _growth(axes: Any, growth: Sequence[float]) -> None:
    steps = range(1, len(growth) + 1)
    axes.plot(steps, growth, ".-", label="largest weight difference, running freely")
    axes.axhline(ULP, color="gray", linestyle=":", label="one last place of 1.0")
    axes.set_yscale("log")
    axes.set(
        title=f"refnet and PyTorch on digits, the first {len(growth)} steps",
        xlabel="step",
        ylabel="largest difference of a weight",
    )
    axes.legend()


def _shares(axes: Any, report: MainJobReport) -> None:
    """A dash for each array of the last step of each case; above 1 a bound is broken,
    by however much.
    """
    results = [
        r for o in report.outcomes for _, side, *_ in SIDES for r in getattr(o.steps[-1], side)
    ]
    shown = {result.equation for result in results}
    labels = [label for label in EQUATIONS if label in PLAIN or label in shown]
    for name, side, colour, shift in SIDES:
        at: list[float] = []
        used: list[float] = []
        for outcome in report.outcomes:
            for result in getattr(outcome.steps[-1], side):
                if result.equation in EQUATIONS:
                    at.append(labels.index(result.equation) + shift)
                    used.append(min(result.used, TOP))
        axes.plot(at, used, "_", color=colour, alpha=0.3, markersize=12, label=name)
    axes.axhline(1.0, color="tab:red", label="the bound")
    axes.set_xticks(range(len(labels)), labels)
    axes.set(
        title="Share of its derived bound that each array used",
        xlabel="equation",
        ylim=(0.0, 1.02 * TOP),
    )
    legend = axes.legend(loc="center left", bbox_to_anchor=(0.22, 0.7))
    for handle in legend.legend_handles:
        handle.set_alpha(1.0)
