"""The main job with little to do, and what it says."""

import io
import re
import sys
from functools import cache
from importlib.metadata import version

import pytest
from threadpoolctl import threadpool_info

import refnet
from parity import cli
from parity.experiments import digits
from parity.steps.cases import CASES, RATES
from parity.tests.command import run

FEW = tuple(
    case
    for case in CASES
    if (case.sizes, case.batch) == ((4, 4, 4), 2)
    or (case.hidden, case.output, case.loss) == (("sigmoid",), "softmax", "mse")
    or (case.sizes, case.settings) == ((3, 7, 2), {"momentum": 0.9, "dampening": 0.5})
)
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
    patch.setattr(cli, "CASES", FEW)
    patch.setattr("parity.steps.cases.RATES", RATES[:2])
    patch.setattr(digits, "load", first_digits)


def once(*argv, out=None, cases=FEW[:1]):
    """The main job with one epoch of the digits, and one case unless more are given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "CASES", cases)
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
    yield re.escape(
        "Handwritten digits, 64-30-10, softmax cross-entropy, SGD, mini-batches of 32: same "
        "weights, same batches"
    )
    yield (
        "epoch          loss, refnet         loss, PyTorch  difference  test, refnet  test, PyTorch"
    )
    for epoch in (1, 2):
        yield rf"    {epoch}    \d\.\d{{16}}    \d\.\d{{16}}    [ -]{GAP} +(\d\d\.\d\d%) +\1"
    used = rf"at most ({SHARE}) \(refnet\) and ({SHARE}) \(PyTorch\) of a bound used"
    yield f"68 steps certified, {used}; the same label for all 719 test images"
    yield f"From equal weights, 68 steps: the two differ by at most {SHARE} of the running bound"
    growth = "  ".join(f"{step}: {GAP}" for step in (1, 2, 5, 10, 20, 50, 68))
    yield f"Running freely, largest weight difference after step  {growth}"
    yield ""
    yield (
        f"The case table: {len(FEW)} cases; largest share of a bound used by each side, of the "
        f"running bound by their difference"
    )
    yield "cases  float64: refnet  PyTorch  apart  float32: refnet  PyTorch  apart"
    for row in ROWS:
        yield f"    2{f' {{12}}{SHARE}    {SHARE}  {SHARE}' * 2}   {re.escape(row)}"
    yield ""
    yield "Largest share of its bound that each equation used over the case table"
    yield "                  float64: refnet  PyTorch  float32: refnet  PyTorch"
    for equation in refnet.EQUATIONS.values():
        yield (
            f"{equation.name:>16}{f' {{12}}{SHARE}    {SHARE}' * 2}   {re.escape(equation.formula)}"
        )
    yield ""
    steps = 68 + sum(5 if case.group == "optimizer" else 2 for case in FEW)
    holds = (
        f"every equation holds in all {steps} training steps of refnet and of PyTorch, and from "
        f"equal weights they agree"
    )
    yield rf"Proven: {holds}; test accuracy \d\d\.\d\d%, at most {SHARE} of a bound used"
