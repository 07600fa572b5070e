"""Numbers, formulas and notation on the page are those of refnet's text."""

import math
import random
import re
import struct

from parity.page.tests.beside import called
from refnet.activations import ACTIVATIONS
from refnet.explanation.figures import product, shown, total
from refnet.explanation.formulas import FUNCTIONS, operands, readable, right_side, substituted
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

DIGITS = range(1, 18)
SPECIAL = (
    *(0.0, 5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308),
    # halfway between two numbers of few digits, exactly: to the even one
    *(1.0625, 1.1875, 0.5, 1.5, 2.5, 0.125, 0.375, 1.00390625, 2.0**-10, 2.0**60, 0.15625),
    # just below and above, in the last bit
    *(math.nextafter(v, way) for v in (1.0625, 2.5, 0.375) for way in (0.0, 9.0)),
    # where the exponent comes to be written, and where rounding takes one more digit
    *(1e-4, 9.99995e-5, 99999.5, 999995.0, 1e16, 1e17, 9.9999999999999999e22, 1e23, 123456789.0),
    *(9.5, 99.5, 0.095, 9.995e-5, 1e-5, 1e5, 1e15, 1e21, 1e22),
    # just below 1, where there are more digits
    *(0.99995, 0.9, 0.90001, 0.95, 0.99, 0.999, 0.9999, 1.0, 1.00005, 1.0000000000000002),
    *(math.nextafter(1.0, 0.0), 1.0 - 2.0**-52, 1.0 - 2.0**-51, 1.0 - 1e-9, 1.0 - 1e-15),
)
BEYOND = (math.inf, -math.inf, math.nan)


def seeded(count):
    """Numbers of every size, and as many from -2 to 2, and as many of few digits."""
    rng = random.Random(22)
    for _ in range(count):
        (number,) = struct.unpack("<d", rng.randbytes(8))
        if math.isfinite(number):
            yield number
        yield rng.uniform(-2.0, 2.0)
        yield rng.randrange(-(2**12), 2**12) / 2.0 ** rng.randrange(16)
        yield 1.0 - 10.0 ** rng.uniform(-17.0, 0.0)


def test_numbers_are_shown_as_in_the_text(tmp_path):
    """Thousands of them, with 1 to 17 digits, and those where it is hard."""
    signed = [each for number in SPECIAL for each in (number, -number)]
    cases = [(number, digits) for number in (*signed, *BEYOND) for digits in DIGITS]
    cases += [(number, 1 + i % 17) for i, number in enumerate(seeded(3000))]
    answers = called(
        tmp_path,
        [["telling/figures", "shown", [as_json(number), digits]] for number, digits in cases],
    )
    assert len(cases) > 10_000
    for (number, digits), answer in zip(cases, answers, strict=True):
        assert answer == {"value": shown(number, digits)}, (number, digits)


def as_json(number):
    """JSON has no word for what is beyond the range of floats."""
    return number if math.isfinite(number) else {"float": str(number)}


def test_sums_and_products_are_written_alike(tmp_path):
    """With brackets around what has a sign."""
    texts = [["1"], ["-1", "2"], ["1", "-2", "-3"], ["-1.5", "-2e-05", "0", "3*4"]]
    calls = [["telling/figures", "product", each] for each in texts]
    calls += [["telling/figures", "total", [each]] for each in texts]
    expected = [product(*each) for each in texts] + [total(each) for each in texts]
    assert called(tmp_path, calls) == [{"value": each} for each in expected]


FORMULAS = {
    formula
    for kind in (*ACTIVATIONS.values(), *LOSSES.values(), *OPTIMIZERS.values())
    for formula in kind.formulas.values()
}
LETTERS = ("0.25", "-0.25", "3", "-3", "1e-05", "-2.5e+20", "inf", "nan", "0")


def letters(formula, start):
    """A number for every word of a formula that is no function's name."""
    names = sorted({*re.findall(r"dC/da_\w+|[A-Za-z]+\d?(?:_\w+)?", formula)} - {*FUNCTIONS})
    return {name: LETTERS[(start + i) % len(LETTERS)] for i, name in enumerate(names)}


def rights():
    """The right side of every formula, with every branch, and what it was made of."""
    for formula in sorted(FORMULAS):
        for z in (-1.0, 0.0, 2.0):
            if " = " in formula:
                yield formula, z, readable(right_side(formula, z, 3))
        if " := " in formula:
            yield formula, 0.0, formula.partition(" := ")[2]


def test_formulas_are_taken_apart_alike(tmp_path):
    """The branch that holds, a sum written out, the probabilities that a loss makes."""
    calls, expected = [], []
    for formula, z, right in rights():
        calls += [
            ["telling/formulas", "readable", [formula]],
            ["telling/formulas", "operands", [right]],
        ]
        expected += [readable(formula), operands(right)]
        if " = " in formula:
            calls.append(["telling/formulas", "rightSide", [formula, z, 3]])
            expected.append(right_side(formula, z, 3))
    assert called(tmp_path, calls) == [{"value": each} for each in expected]
    assert {formula for formula, *_ in rights()} == FORMULAS


def test_numbers_are_put_in_the_place_of_letters_alike(tmp_path):
    """Numbers of every kind in the place of each."""
    cases = [
        [right, letters(right, start)] for _, _, right in rights() for start in range(len(LETTERS))
    ]
    answers = called(tmp_path, [["telling/formulas", "substituted", case] for case in cases])
    expected = [substituted(*case) for case in cases]
    assert answers == [{"value": each} for each in expected]
    assert all(expected)


def test_a_letter_without_a_number_leaves_nothing(tmp_path):
    """Neither there nor here; and nothing stands behind a formula that is empty."""
    cases = [["a (1 - a)", {}], ["a (1 - a)", {"a": "0.25"}], ["", {"a": "1"}], ["a b", {"a": "1"}]]
    answers = called(tmp_path, [["telling/formulas", "substituted", case] for case in cases])
    assert answers == [{"value": substituted(*case)} for case in cases]
    assert [answer["value"] for answer in answers] == ["", "0.25*(1 - 0.25)", "", ""]
