"""The README's picture: a training step that is certified, and beside it the same step
with a mistake that is named.

Both steps are taken and judged while it is drawn: no word of the verdicts is written
here. To draw it again: `python -m parity.experiments.first_screen FILE`.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose
from parity.mistakes.search.replay import run_of_case, simulate
from parity.proof.certificate import Certificate, certify
from parity.proof.result import Result
from parity.steps.cases import Case
from parity.steps.record import StepRecord
from refnet.equations import EQUATIONS

MISTAKE, LAYER = "hidden-derivative-missing", 1
CASE = Case(
    "", sizes=(2, 3, 2), hidden=("tanh",), output="sigmoid", loss="mse", targets="values", batch=5
)
GREEN, RED, GREY, INK = "#1a7f37", "#cf222e", "#8c959f", "#1f2328"
TITLES = ("A training step", "The same step, without f' in layer 1")
MARKS = {True: "\N{CHECK MARK}", False: "\N{BALLOT X}"}
# Where things stand: the distance of two layers, of two lines of equations, and the
# heights of the title, of the names, of the first equations and of the words.
ACROSS, DOWN = 1.35, 0.4
TITLE, NAMES, LABELS, VERDICT = 1.6, 1.05, -1.3, -3.1


def steps() -> tuple[StepRecord, StepRecord]:
    """The right step, and the one with the mistake."""
    run = run_of_case(CASE)
    right, wrong = simulate(run), simulate(run, [(BY_ID[MISTAKE], frozenset({LAYER}))])
    return right[0], wrong[0]


def words(record: StepRecord) -> list[str]:
    """What is said of a step: the verdict, and what it rests on."""
    findings = diagnose(record)
    if not findings:
        count = len(certify(record).results)
        return ["RIGHT", f"all {count} arrays are within what rounding allows"]
    finding = findings[0]
    return [
        f"WRONG: {finding.bug}",
        f"you have  {finding.formula}",
        f"expected  {EQUATIONS[finding.equation].formula}",
    ]


def draw(path: Path) -> None:
    """Draw both steps side by side.

    Errors: ModuleNotFoundError without matplotlib, ValueError for an unknown format.
    """
    import matplotlib as mpl  # noqa: PLC0415 - an optional extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    # letters stay letters, which a test reads, and the same steps give the same file
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "refnet"}):
        figure = Figure(figsize=(9.2, 4.1), facecolor="white")
        figure.subplots_adjust(left=0.0, right=1.0, bottom=0.0, top=1.0, wspace=0.0)
        panels = zip(figure.subplots(1, 2), steps(), TITLES, strict=True)
        for axes, record, title in panels:
            certificate = certify(record)
            axes.text(-0.3, TITLE, title, color=INK, size=12)
            _network(axes, certificate)
            _words(axes, words(record), GREEN if certificate.passed else RED)
            axes.set(xlim=(-0.5, 3.5), ylim=(-4.1, 2.0))
            axes.axis("off")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _heights(units: int) -> list[float]:
    return [1 - 2 * (unit + 0.5) / units for unit in range(units)]


def _network(axes: Any, certificate: Certificate) -> None:
    """Units and weights; the equations of a layer below it."""
    sizes = certificate.record.spec.sizes
    for layer, (width, above) in enumerate(pairwise(sizes)):
        for start in _heights(width):
            for end in _heights(above):
                at = [ACROSS * layer, ACROSS * (layer + 1)]
                axes.plot(at, [start, end], color=GREY, linewidth=0.8, zorder=1)
    for layer, width in enumerate(sizes):
        results = [result for result in certificate.results if _layer(result, sizes) == layer]
        colour = RED if any(result.broken for result in results) else GREEN if layer else GREY
        units = {"s": 220, "color": "white", "edgecolors": colour, "linewidths": 2}
        axes.scatter([ACROSS * layer] * width, _heights(width), zorder=2, **units)
        name = f"layer {layer}" if layer else "x"
        axes.text(ACROSS * layer, NAMES, name, ha="center", color=INK, size=10)
        _equations(axes, ACROSS * layer, results)


def _layer(result: Result, sizes: Sequence[int]) -> int:
    """The layer below which it stands: the cost below the output."""
    return len(sizes) - 1 if result.layer is None else result.layer


def _equations(axes: Any, x: float, results: Sequence[Result]) -> None:
    """Each equation of a layer with its mark, two in a line."""
    labels = [label for label in EQUATIONS if any(label == r.equation for r in results)]
    for number, label in enumerate(labels):
        right = not any(result.broken for result in results if result.equation == label)
        line, column = divmod(number, 2)
        axes.text(
            x - 0.45 + 0.55 * column,
            LABELS - DOWN * line,
            f"{MARKS[right]} {label}",
            color=GREEN if right else RED,
            weight="normal" if right else "bold",
            size=10,
        )


def _words(axes: Any, sentences: Sequence[str], colour: str) -> None:
    verdict, *others = sentences
    axes.text(-0.3, VERDICT, verdict, color=colour, weight="bold", size=12)
    for number, sentence in enumerate(others, start=1):
        axes.text(-0.3, VERDICT - DOWN * number, sentence, color=INK, size=9.5, family="monospace")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
