"""One number, told by what a program has at hand: a product of powers of n, k, lr, t
and the settings, times a simple number, which gives it in every witness.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

import numpy as np

from parity.mistakes.program import StepProgram
from parity.mistakes.recovery.expression import Expression, as_expression, node
from parity.mistakes.recovery.parts import (
    IN_GRADIENTS,
    OF_LAYERS,
    OF_UPDATES,
    SCALARS,
    SETTINGS,
    scalar,
)
from refnet.checks import Array

SIMPLE = (1.0, -1.0, 2.0, 0.5, -2.0, -0.5, 3.0, 4.0, 0.25, 10.0, 0.1)
# what such a factor adds to the cost; for the others it is 2
UNUSUAL = {1.0: 0, -1.0: 1, 2.0: 1, 0.5: 1, -2.0: 2, -0.5: 2}
POWERS = (1, -1, 2, -2, 0.5, -0.5)
# how near a number must be, as a share of it: it was solved for to about half of the
# digits that float64 has
NEAR = 1e-7
# digits that a number of nothing else may have
SHORT = 3
Atoms = Mapping[Expression, float]


def atoms(s: StepProgram, l: int, *, of_update: bool) -> dict[Expression, float]:
    """The numbers that a program has at hand in a layer, or in an update, and their
    complements.
    """
    values: dict[Expression, float] = {}
    one = as_expression(1.0)
    for kind in OF_UPDATES if of_update else OF_LAYERS:
        try:
            values[scalar(kind)] = float(SCALARS[kind](s, l))
        except (KeyError, IndexError):  # a setting of others, or of the layer above the last
            continue
    for kind in SETTINGS if of_update else IN_GRADIENTS:
        if s.h().get(kind):
            values[scalar(kind)] = float(s.h()[kind])
    for kind in ("momentum", "dampening", "alpha", "beta1", "beta2", "slope"):
        if scalar(kind) in values:
            values[node("-", one, scalar(kind))] = 1.0 - values[scalar(kind)]
    for kind in ("n", "t", "k"):
        leaf = scalar(kind)
        if leaf not in values:
            continue
        values[node("-", leaf, one)] = values[leaf] - 1.0
        values[node("+", leaf, one)] = values[leaf] + 1.0
    if scalar("lr") in values:
        values[node("+", one, scalar("lr"))] = 1.0 + values[scalar("lr")]
    for kind in ("beta1", "beta2"):
        if scalar(kind) in values:
            beta, t = scalar(kind), scalar("t")
            b, at = values[beta], values[t]
            values[node("-", one, node("**", beta, t))] = 1.0 - b**at
            values[node("-", one, node("**", beta, node("+", t, one)))] = 1.0 - b ** (at + 1)
            values[node("-", one, node("**", beta, node("-", t, one)))] = 1.0 - b ** (at - 1)
    return {leaf: value for leaf, value in values.items() if np.isfinite(value) and value > 0.0}


def recognised(numbers: Sequence[float], of: Sequence[Atoms]) -> Iterator[tuple[Expression, int]]:
    """The expressions that are these numbers, each where the atoms are these, with
    their costs; the simplest first.
    """
    c = np.array(numbers)
    if not np.isfinite(c).all() or not c.all():
        return
    same = abs(c - c[0]).max() <= NEAR * abs(c[0])
    short = _short(c[0]) if same else None
    if short is not None:
        yield as_expression(short), 1 if short in UNUSUAL else 2
    yield from _monomials(c, of)
    yield from _powers(c, of)
    if same and short is None and len(c) > 1:
        yield as_expression(float(np.median(c))), 5


def _short(c: float) -> float | None:
    for digits in range(1, SHORT + 1):
        number = float(f"{c:.{digits - 1}e}")
        if abs(c - number) <= NEAR * abs(c):
            return number
    return None


def _monomials(c: Array, of: Sequence[Atoms]) -> Iterator[tuple[Expression, int]]:
    shared = [leaf for leaf in of[0] if all(leaf in each for each in of)]
    logs = {leaf: np.log([each[leaf] for each in of]) for leaf in shared}
    powers = [((leaf, power),) for leaf in shared for power in POWERS if logs[leaf].any()]
    plain = [each for each in powers if abs(each[0][1]) == 1 and _is_usual(each[0][0])]
    others = [each for each in powers if each not in plain]
    seldom = [each for each in others if abs(each[0][1]) == 1]
    pairs = [(one, other) for (one,), (other,) in combinations(plain, 2) if one[0] is not other[0]]
    rare = [(one, other) for (one,), (other,) in product(plain, seldom) if one[0] is not other[0]]
    of_all, of_few = SIMPLE, (*UNUSUAL,)
    for cost, products, factors in (
        (1, plain, of_all),
        (3, others, of_few),
        (3, pairs, of_few),
        (3, rare, (1.0, -1.0)),
    ):
        if not products:
            continue
        table = np.array([sum(p * logs[leaf] for leaf, p in each) for each in products])
        for number in factors:
            if not (np.sign(c) == np.sign(number)).all():
                continue
            gap = np.abs(np.log(np.abs(c) / abs(number)) - table).max(axis=1)
            for i in np.flatnonzero(gap <= NEAR):
                yield _product(number, products[i]), cost + UNUSUAL.get(number, 4)


def _is_usual(leaf: Expression) -> bool:
    """Whether programs multiply by it: seldom by a count less one, or another lr."""
    if leaf.op != "name":
        return leaf.parts[0].op == "number"  # 1 - beta
    return "lr of" not in leaf.detail[0]


def _product(number: float, powers: Sequence[tuple[Expression, float]]) -> Expression:
    if number == -1.0:
        return -_product(1.0, powers)
    over = [_power(leaf, p) for leaf, p in powers if p > 0]
    under = [_power(leaf, -p) for leaf, p in powers if p < 0]
    if number != 1.0 or not over:
        over.insert(0, as_expression(number))
    tree = _times(over)
    return node("/", tree, _times(under)) if under else tree


def _times(factors: Sequence[Expression]) -> Expression:
    tree = factors[0]
    for factor in factors[1:]:
        tree = node("*", tree, factor)
    return tree


def _power(leaf: Expression, p: float) -> Expression:
    if p == 0.5:
        return node("sqrt", leaf)
    return leaf if p == 1 else node("**", leaf, as_expression(float(p)))


def _powers(c: Array, of: Sequence[Atoms]) -> Iterator[tuple[Expression, int]]:
    """A number to the power of a count: 0.95^(t - 1)."""
    one, t = as_expression(1.0), scalar("t")
    for exponent in (node("-", t, one), t, scalar("l"), scalar("L")):
        counts = np.array([each.get(exponent, 0.0) for each in of])
        if (c > 0).all() and np.ptp(counts) > 0 and counts.all():
            base = np.exp(np.log(c) / counts)
            if abs(base - base[0]).max() <= NEAR * base[0]:
                short = _short(float(base[0]))
                if short is not None and short != 1.0:
                    yield node("**", as_expression(short), exponent), 2
    for exponent in (t, node("-", t, one)):
        times = [each.get(exponent, 0.0) for each in of]
        for kind in ("momentum", "beta1", "beta2", "alpha", "lr"):
            base_of = [each.get(scalar(kind), 0.0) for each in of]
            if all(base_of) and all(times) and np.ptp(times) > 0:
                powers = np.array([b**e for b, e in zip(base_of, times, strict=True)])
                if abs(c - powers).max() <= NEAR * abs(c).max():
                    yield node("**", scalar(kind), exponent), 2
