"""An excuse is as narrow as its theorem: a number two of its bounds off is wrong, half
of one is what it says, and where its condition does not hold there is none.
"""

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import mpmath
import numpy as np
import pytest

import parity
from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.weights import Rows
from parity.proof.tests.excuses import excuses, no_excuses
from parity.proof.tests.known import ARITHMETICS, Known, judged_first

ROWS = "parity/proof/tests/excuses.py"


@cache
def rows(arithmetic):
    """The excuses by name, worked out in 50 digits."""
    with mpmath.workdps(50):
        table = list(excuses(arithmetic))
    assert len({excuse.name for excuse in table}) == len(table)
    return {excuse.name: excuse for excuse in table}


@cache
def none(arithmetic):
    """Where there is no excuse, by name."""
    table = list(no_excuses(arithmetic))
    assert len({row.name for row in table}) == len(table)
    return {row.name: row for row in table}


NAMES = [(arithmetic, name) for arithmetic in ARITHMETICS for name in rows(arithmetic)]
NUMBERS = [key for key in NAMES if rows(key[0])[key[1]].bound is not None]
NO_NUMBERS = [key for key in NAMES if rows(key[0])[key[1]].bound is None]
NONE = [(arithmetic, name) for arithmetic in ARITHMETICS for name in none(arithmetic)]


def at(excuse, arithmetic, share, sign):
    """A number of its dtype that is so many bounds off, and no less for a share above
    1; no more for one below. Where the bound is 0 it is the number itself, or the next.
    """
    fmt, far = ARITHMETICS[arithmetic], share > 1
    kind = fmt.dtype.type
    with mpmath.workdps(50):
        gap = mpmath.mpf(share) * excuse.bound * (1 + mpmath.mpf(fmt.slack))
        number = kind(float(excuse.exact + sign * gap))
        towards = kind(sign * np.inf) if far else kind(float(excuse.exact))
        for _ in range(3):  # one step may be less than the rounding to the dtype
            off = abs(mpmath.mpf(float(number)) - excuse.exact)
            if (off >= gap and off) if far else off <= gap:
                return number
            number = np.nextafter(number, towards)
    raise AssertionError(f"no number of {arithmetic} is {share} bounds from {excuse.exact}")


@pytest.mark.parametrize("sign", [1, -1], ids=["above", "below"])
@pytest.mark.parametrize(("arithmetic", "name"), NUMBERS)
def test_half_an_excuse_is_taken_and_two_are_not(arithmetic, name, sign):
    """A number half a bound from the other formula's has its status, and is not taken
    by the claim itself; one that is two bounds off is wrong and has no name.
    """
    excuse = rows(arithmetic)[name]
    result = judged_first(excuse.claim, at(excuse, arithmetic, excuse.within, sign))
    assert (result.status, result.deviation) == (excuse.status, excuse.deviation)
    assert result.note
    result = judged_first(excuse.claim, at(excuse, arithmetic, 2.0, sign))
    assert (result.status, result.deviation, result.note) == ("wrong", "", "")


@pytest.mark.parametrize(("arithmetic", "name"), NO_NUMBERS)
def test_an_excuse_of_what_is_no_number_is_of_nothing_else(arithmetic, name):
    """NaN has the name of the deviation; a number in its place is wrong without it."""
    excuse = rows(arithmetic)[name]
    result = judged_first(excuse.claim, np.nan)
    assert (result.status, result.deviation) == (excuse.status, excuse.deviation)
    assert result.note
    exact, bound = float(excuse.claim.exact.flat[0]), float(excuse.claim.bound.flat[0])
    result = judged_first(excuse.claim, exact + 4.0 * bound)
    assert (result.status, result.deviation, result.note) == ("wrong", "", "")


@pytest.mark.parametrize(("arithmetic", "name"), NONE)
def test_where_its_condition_fails_there_is_no_excuse(arithmetic, name):
    """Another formula's number, a step too late or on this side of the kink, is wrong
    and has no name.
    """
    row = none(arithmetic)[name]
    result = judged_first(row.claim, row.number)
    assert (result.status, result.deviation, result.note, result.index) == (
        "wrong",
        "",
        "",
        (0,) * row.claim.exact.ndim,
    )


def made(source, module):
    """How often each function, by module and name, makes an `Other`; what a function
    has inside is part of it.
    """

    def calls(node, names, inside=False):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and called(child) == "Other":
                yield ".".join(names)
            function = isinstance(child, ast.FunctionDef)
            named = not inside and (function or isinstance(child, ast.ClassDef))
            yield from calls(child, [*names, child.name] if named else names, inside or function)

    return Counter(calls(ast.parse(source), [module]))


def called(call):
    """The name of what is called, without where it comes from."""
    return ast.unparse(call.func).rpartition(".")[2]


def test_every_other_formula_has_a_row():
    """Each `Other` that product code makes, with as many notes as there are calls."""
    house, there = Path(parity.__file__).parent, Counter()
    for file in sorted(house.rglob("*.py")):
        if "tests" not in file.parts and "Other(" in (source := file.read_text(encoding="utf-8")):
            there += made(source, file.stem)
    notes = {}
    for arithmetic, name in NAMES:
        excuse = rows(arithmetic)[name]
        number = np.nan if excuse.bound is None else at(excuse, arithmetic, excuse.within, 1)
        notes.setdefault(excuse.place, set()).add(judged_first(excuse.claim, number).note)
    for place, count in there.items():
        has = len(notes.get(place, ()))
        assert has >= count, f"{ROWS} has {has} rows for {place}, expected {count}"
    gone = set(notes) - set(there)
    assert not gone, f"{ROWS} has rows for {', '.join(gone)}, which makes no Other"


def test_an_other_formula_is_found_wherever_it_is_made():
    """In a function, in a method, and in what they have inside."""
    source = """
class A:
    def f(self):
        def inner():
            return claim.Other(1)
        return lambda: [Other(2)]
def g():
    return Other(3)
"""
    assert made(source, "m") == {"m.A.f": 2, "m.g": 1}


def test_every_kink_has_a_row():
    """Each value that an activation or a loss takes at a kink by convention."""
    known, zeros = Known("float64"), np.zeros((1, 1))
    kinks = {
        f"{f.name}'(0) = {value:g}"
        for f in (known.function[name] for name in ACTIVATION_ENTRIES)
        for value, _ in getattr(f, "kinks", lambda z: ())(zeros)
    } | {
        note.partition(" instead")[0]
        for loss in (known.loss[name] for name in LOSS_ENTRIES)
        for note, _ in getattr(loss, "kinks", lambda *_: ())(known.fmt, zeros, Rows(1, 0.0))
    }
    assert len(kinks) >= 6
    for arithmetic in ARITHMETICS:
        notes = [
            judged_first(excuse.claim, at(excuse, arithmetic, excuse.within, 1)).note
            for excuse in rows(arithmetic).values()
            if excuse.bound is not None
        ]
        lacking = kinks - {note.partition(" instead")[0] for note in notes}
        assert not lacking, f"{ROWS} has no row for {', '.join(lacking)}"
