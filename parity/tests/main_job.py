"""The main job with little to do, and what it says."""

import io
import re
import sys
from functools import cache
from importlib.metadata import version

import pytest
from threadpoolctl import threadpool_info

import refnet
from parity.cli import commands
from parity.experiments.job import digits
from parity.steps.cases import CASES, RATES
from parity.tests.command import run
from refnet.equations import PLAIN

FEW = tuple(
    case
    for case in CASES
    if (case.sizes, case.batch) == ((4, 4, 4), 2)
    or (case.hidden, case.output, case.loss) == (("sigmoid",), "softmax", "mse")
    or (case.sizes, case.settings) == ((3, 7, 2), {"momentum": 0.9, "dampening": 0.5})
)
STEPS_OF_FEW = sum(5 if case.group == "optimizer" else 2 for case in FEW)
ROWS = list(dict.fromkeys(case.row for case in FEW))
BATCHES = 2  # of the digits, the last one half full, where not all of them are needed
GAP = r"\d\.\de[+-]\d\d"
SHARE = r"(?:0\.\d{3}|1\.000)"


load_all = cache(digits.load)


def first_digits(seed):
    """The split with all test images and the first few to train on."""
    split, rows = load_all(seed), BATCHES * digits.BATCH - digits.BATCH // 2
    return split._replace(x=split.x[:rows], labels=split.labels[:rows])


class Terminal(io.StringIO):
    """Says that someone is looking."""

    def isatty(self):
        return True


def make_little(patch):
    """Leave little to do: what is slow is the number of steps."""
    patch.setattr(commands, "CASES", FEW)
    patch.setattr("parity.steps.cases.RATES", RATES[:2])
    patch.setattr(digits, "load", first_digits)


def once(*argv, out=None, cases=FEW[:1]):
    """The main job with one epoch of the digits, and one case unless more are given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "CASES", cases)
        return run(*argv, "--epochs", "1", out=out)


def verdict_of(out):
    """The last line, which nothing follows."""
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    return out.splitlines()[-1]


def epochs_of(out):
    """The words of the lines that tell of an epoch."""
    return [line.split() for line in out.splitlines() if re.match(r" +\d+ +\d\.\d{16} ", line)]


def refuse(constant):
    """JSON knows no NaN and no Infinity."""
    raise AssertionError(constant)


def lines_of_the_main_job():
    """A pattern for each line that the main job prints with two epochs of all
    digits.
    """
    numpy, torch_, sklearn, python = (
        re.escape(v)
        for v in (*map(version, ("numpy", "torch", "scikit-learn")), sys.version.split()[0])
    )
    known = any(pool["user_api"] == "blas" for pool in threadpool_info())
    blas = (
        r"\S+ \S+, kernel \S+   threads: NumPy 1" if known else "unknown   threads: NumPy unknown"
    )
    yield (
        rf"refnet {re.escape(refnet.__version__)}   Python {python}   NumPy {numpy}   PyTorch "
        rf"{torch_}   scikit-learn {sklearn}"
    )
    yield f"BLAS {blas}, PyTorch 1"
    yield ""
    yield (
        "Handwritten digits, 64-30-10, softmax cross-entropy, SGD: same weights, same mini-batches "
        "of 32"
    )
    yield (
        "epoch          loss, refnet         loss, PyTorch  difference  test, refnet  test, PyTorch"
    )
    for epoch in (1, 2):
        yield rf"    {epoch}    \d\.\d{{16}}    \d\.\d{{16}}    [ -]{GAP} +(\d\d\.\d\d%) +\1"
    yield "After training: the same label for all 719 test images"
    yield "Largest difference of any weight while each side trains on from its own weights"
    yield "after step        1        2        5       10       20       50       68"
    yield rf" {{10}}(?:  {GAP}){{7}}"
    yield ""
    yield (
        rf"The case table: {len(FEW)} cases \(activations, losses, optimizers, layer sizes; both "
        rf"dtypes\)"
    )
    yield ""
    yield from lines_of_the_differences()
    yield ""
    yield from lines_of_the_shares()
    yield ""
    steps = 68 + STEPS_OF_FEW
    yield (
        rf"Proven: every equation holds in all {steps} steps, both agree in all {steps} compared; "
        rf"accuracy \d\d\.\d\d%"
    )


def lines_of_the_differences():
    """A pattern for each line of the mission's own words."""
    yield "Largest absolute difference between refnet and PyTorch, each step from equal weights"
    yield " +float64: digits +cases +float32: cases"
    for name in (
        "forward outputs (a of the last layer)",
        "gradients (dW and db of every layer)",
        "weights after SGD (W and b)",
        "weights after the other optimizers",
        "for scale: from 1.0 to the next float",
    ):
        digits_gap = "-" if "other" in name else GAP
        yield rf"{re.escape(name)} +{digits_gap} +{GAP} +{GAP}"
    yield rf"steps +68 +{STEPS_OF_FEW // 2} +{STEPS_OF_FEW // 2}"


def lines_of_the_shares():
    """A pattern for each line that says how much of the bounds is used."""
    yield "Every number has a bound, derived from its formula: rounding alone stays within it."
    yield (
        f"A share is the error over the bound, at most {SHARE} in all these steps. Near 1 it says"
    )
    yield "that the bound is tight, not that something nearly failed; above 1 a number is wrong."
    yield ""
    yield "Largest share by equation, in the cases"
    yield " +float64 +float32"
    yield " +refnet PyTorch +refnet PyTorch"
    for equation in map(refnet.EQUATIONS.__getitem__, PLAIN):
        shares = f"(?: {{4}}{SHARE} {{3}}{SHARE}){{2}}"
        yield f"{equation.name:>16}{shares}   {re.escape(equation.formula)}"
    yield ""
    yield "Largest share by group; apart: their difference, of the rounding of both sides"
    yield " +float64 +float32"
    yield "cases +refnet PyTorch apart   refnet PyTorch apart"
    shares = rf" {{4}}{SHARE}   {SHARE} {SHARE}"
    yield rf" {{7}}digits, 68 steps +{shares} +- +- +-"
    for words in ("activations and losses", "optimizers", "architectures"):
        yield rf" {{4}}2  {words} +{shares}{shares}"
