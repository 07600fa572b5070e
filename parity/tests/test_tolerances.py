"""No test compares with a tolerance that somebody picked, but where a file says why."""

import ast
from pathlib import Path

import pytest

import parity

HOUSE = Path(parity.__file__).parent
ROOT = HOUSE.parent
BESIDE = ROOT / "tests" if (ROOT / "pyproject.toml").exists() else HOUSE  # in a checkout
TESTS = sorted({*HOUSE.rglob("tests/*.py"), *BESIDE.rglob("test_*.py")})
COMPARATORS = {
    *("allclose", "isclose", "approx", "assert_allclose", "assert_close"),
    *("assert_almost_equal", "assert_array_almost_equal"),
}
TOLERANCES = {"rtol", "atol", "rel", "abs", "decimal"}
MAY = {
    "parity/tests/test_parity.py": "the plain test that everybody writes; it says so",
    "parity/bench/tests/test_timing.py": "a fit of exponents to times that were made up",
    "parity/experiments/tests/test_mutation_score.py": "others' tolerances are measured there",
}


def picked(source: str) -> list[int]:
    """The lines that call a comparator with a tolerance that is not 0."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if name(call) in COMPARATORS and not is_exact(call)]


def name(call: ast.Call) -> str:
    """What is called, without the module that it comes from."""
    return ast.unparse(call.func).rpartition(".")[2]


def is_exact(call: ast.Call) -> bool:
    """Whether every tolerance that is given is 0, and at least one is."""
    given = [keyword.value for keyword in call.keywords if keyword.arg in TOLERANCES]
    return bool(given) and all(isinstance(v, ast.Constant) and v.value == 0 for v in given)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_tolerance_is_picked(file):
    """Numbers are equal, or within a bound that follows from rounding."""
    lines = picked(file.read_text(encoding="utf-8"))
    assert bool(lines) == (file.relative_to(ROOT).as_posix() in MAY), lines


def test_a_picked_tolerance_is_found():
    """Given, by default or by position, in any of the comparators."""
    assert picked("np.allclose(a, b)\nx == pytest.approx(y, rel=1e-6)") == [1, 2]
    assert picked("np.testing.assert_allclose(a, b, rtol=0, atol=bound)") == [1]
    assert picked("assert_allclose(a, b, rtol=0, atol=0)\nnp.array_equal(a, b)") == []
