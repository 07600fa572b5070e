"""The main job in lines of at most 100 columns."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from parity.experiments.job import digits
from parity.experiments.job.digits import EpochPair, Trained
from parity.experiments.job.job_report import MainJobReport, steps_of, worst
from parity.experiments.job.sweep import CaseOutcome, StepOutcome
from parity.steps.cases import DTYPES
from refnet.equations import EQUATIONS

Line = tuple[str, str]  # the text and its style
HEAD, RED = "bold", "red"
WRONG_ROWS = 10  # printed without --verbose
MARKS = (1, 2, 5, 10, 20, 50, 100)  # the steps at which the growth curve is printed
EPOCH_HEAD = (
    f"{'epoch':>5}{'loss, refnet':>22}{'loss, PyTorch':>22}{'difference':>12}"
    f"{'test, refnet':>14}{'test, PyTorch':>15}"
)
GROUPS = {  # the groups of the case table, in words
    "pair": "activations and losses",
    "optimizer": "optimizers",
    "architecture": "architectures",
    "part": "weights, penalties, dropout",
}
# 5 for the count, 46 for the shares and 10 for "  DISAGREE" leave this of 100 columns
NAME = 37


def title() -> str:
    """What is trained."""
    return (
        f"Handwritten digits, {'-'.join(map(str, digits.SIZES))}, softmax cross-entropy, SGD: "
        f"same weights, same mini-batches of {digits.BATCH}"
    )


def epoch(pair: EpochPair) -> str:
    """One epoch of both."""
    return (
        f"{pair.number:>5}{pair.loss:>22.16f}{pair.twin_loss:>22.16f}"
        f"{pair.loss - pair.twin_loss:>12.1e}{pair.accuracy:>14.2%}{pair.twin_accuracy:>15.2%}"
    )


def after_training(trained: Trained) -> Iterator[str]:
    """Whether the labels are the same, and how the difference of the weights grew."""
    same = "the same label" if trained.same_labels else "NOT the same label"
    yield f"After training: {same} for all {len(trained.split.x_test):,} test images"
    marks = [step for step in MARKS if step <= len(trained.growth)]
    gaps = [trained.growth[step - 1] for step in marks] + [trained.weight_difference]
    yield "Largest difference of any weight while each side trains on from its own weights"
    yield "after step" + "".join(f"{step:>9,}" for step in (*marks, len(trained.steps)))
    yield " " * 10 + "".join(f"{gap:>9.1e}" for gap in gaps)


def differences(report: MainJobReport) -> Iterator[Line]:
    """The mission: how far outputs, gradients and new weights are apart."""
    yield "Largest absolute difference between refnet and PyTorch, each step from equal weights", ""
    yield _difference_row("", "float64: digits", "cases", "float32: cases"), HEAD
    rows = list(_gap_rows(report))
    for name, gaps in rows:
        yield _difference_row(name, *map(_gap, gaps)), ""
    counts = [len(report.trained.steps)] + [len(steps_of(report.outcomes, d)) for d in DTYPES]
    yield _difference_row("steps", *(f"{count:,}" for count in counts)), ""
    if any(math.isnan(gap) for _, gaps in rows for gap in gaps if gap is not None):
        yield "undefined: an array is missing, has another shape, or is not finite", RED


def _gap_rows(report: MainJobReport) -> Iterator[tuple[str, list[float | None]]]:
    """A name, and the gaps of the digits and of the cases in float64 and float32."""
    run, cases = report.digits_gaps(), [report.case_gaps(dtype) for dtype in DTYPES]
    sgd, others = ([report.weight_gap(d, sgd=which) for d in DTYPES] for which in (True, False))
    yield "forward outputs (a of the last layer)", [run.outputs, *(c.outputs for c in cases)]
    yield "gradients (dW and db of every layer)", [run.gradients, *(c.gradients for c in cases)]
    yield "weights after SGD (W and b)", [run.weights, *sgd]
    yield "weights after the other optimizers", [None, *others]
    spacing = [float(np.finfo(dtype).eps) for dtype in ("float64", *DTYPES)]
    yield "for scale: from 1.0 to the next float", [*spacing]


def _difference_row(name: str, run: str, float64: str, float32: str) -> str:
    return f"{name:<37}{run:>17}{float64:>11}{float32:>18}"


def _gap(gap: float | None) -> str:
    if gap is None:
        return "-"
    return "undefined" if math.isnan(gap) else f"{gap:.1e}"


def equations(report: MainJobReport) -> Iterator[Line]:
    """What a share of a bound is, and the largest one of each equation."""
    share = _share(report.largest_share)
    for sentence in (
        "Every number has a bound, derived from its formula: rounding alone stays within it.",
        f"A share is the error over the bound, at most {share} in all these steps. Near 1 it says",
        "that the bound is tight, not that something nearly failed; above 1 a number is wrong.",
        "",
    ):
        yield sentence, ""
    yield "Largest share by equation, in the cases", ""
    yield f"{'':>16}{'float64':>14}{'float32':>17}", HEAD
    yield f"{'':>16}" + f"{'refnet':>9}{'PyTorch':>8}" * 2, HEAD
    for label, (ours, theirs, ours32, theirs32) in report.shares():
        shares = f"{_share(ours):>9}{_share(theirs):>8}{_share(ours32):>9}{_share(theirs32):>8}"
        yield f"{EQUATIONS[label].name:>16}{shares}   {EQUATIONS[label].formula}", ""


def groups(report: MainJobReport) -> Iterator[Line]:
    """The digits and each group of cases: how many, and the largest shares."""
    yield "Largest share by group; apart: their difference, of the rounding of both sides", ""
    yield from _share_head()
    run = f"digits, {len(report.trained.steps):,} steps"
    shares = f"{_shares(report.trained.steps)}{_shares([])}"
    yield f"{'':>5}  {run:<{NAME}}{shares}", "" if report.trained.first is None else RED
    for group, outcomes in groupby(report.outcomes, key=lambda outcome: outcome.case.group):
        yield from _row(GROUPS[group], list(outcomes))


def rows(outcomes: Sequence[CaseOutcome], *, verbose: bool) -> Iterator[Line]:
    """The case table in full, or the first rows where something is wrong."""
    by_row = [
        (name, list(members))
        for name, members in groupby(outcomes, key=lambda outcome: outcome.case.row)
    ]
    wrong = [(name, members) for name, members in by_row if not all(o.passed for o in members)]
    chosen = by_row if verbose else wrong[:WRONG_ROWS]
    if chosen:
        yield "", ""
        words = "The case table, row by row" if verbose else "The rows that are wrong"
        yield words, ""
        yield from _share_head()
    for name, members in chosen:
        yield from _row(name, members)
    if not verbose and len(wrong) > WRONG_ROWS:
        yield f"  ... and {len(wrong) - WRONG_ROWS} more; --verbose prints all rows", RED


def _share_head() -> Iterator[Line]:
    yield f"{'':>{7 + NAME}}{'float64':>10}{'float32':>23}", HEAD
    yield f"{'cases':>5}  {'':<{NAME}}" + f"{'refnet':>9}{'PyTorch':>8}{'apart':>6}" * 2, HEAD


def _row(name: str, outcomes: Sequence[CaseOutcome]) -> Iterator[Line]:
    """A line of the table, and more where the name is long."""
    good = all(outcome.passed for outcome in outcomes)
    shares = "".join(_shares(steps_of(outcomes, dtype)) for dtype in DTYPES)
    first, *more = textwrap.wrap(name, NAME)
    mark = "" if good else "  DISAGREE"
    yield f"{len(outcomes):>5}  {first:<{NAME}}{shares}{mark}", "" if good else RED
    yield from ((f"{'':>9}{line}", "") for line in more)


def _shares(steps: Sequence[StepOutcome]) -> str:
    ours, theirs, apart = map(_share, worst(steps)) if steps else "---"
    return f"{ours:>9}{theirs:>8}{apart:>6}"


def _share(share: float) -> str:
    """A share in at most 6 characters: a wrong number may be 10^14 bounds off."""
    return f"{share:.3f}" if share < 10.0 else f"{share:.0e}"
