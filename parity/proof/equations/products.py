"""Sums of products as z, BP2 and BP4 have them, and what can be told of a whole array
where the worst case of a long sum tells nothing.

Their worst case grows with the number of terms, until it covers factors of half the
digits: of TF32 from about 1,000 inputs on, of bfloat16 from 4,000. So there is a second
judgement, of the array as a whole and with a probability. It says `imprecise` where the
error goes along with what coarser factors would give, or is beyond that of independent
roundings, and it is never the reason why something is wrong. Where the same factors,
summed up term by term, come out nearly as far off, it says nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from parity.proof.equations.kinds import Summed
from parity.rounding.claim import INACCURATE, Claim, Doubt, Other, near, size
from parity.rounding.formats import Format
from parity.rounding.independent import (
    CHANCE,
    FEW,
    ORDERS,
    chance,
    distinct,
    root_mean_square,
    roundings,
    term_by_term,
)
from parity.rounding.precision import Precision, coarser
from refnet.checks import Array

ALL = slice(None)
# entries, and columns, of a product by which one can tell how all of it is made
SAMPLE, COLUMNS = 4096, 64
MADE = "made of factors"
BUT = f"but for a chance of {CHANCE:.0e}"
# what an equation claims of these entries of an array, of which this is the sum
Claimed = Callable[[Summed, Any], Claim]


class Factors(NamedTuple):
    """A B, and what is added to each row. Shapes: A (n, k), B (k, m), plus (m,)."""

    A: Array
    B: Array
    plus: Array | None = None

    def summed(self, fmt: Format) -> Summed:
        """Its exact value, and how many terms it has."""
        terms, value = size(self.A) @ size(self.B), fmt.dot(self.A, self.B)
        k = float(self.A.shape[1])
        if self.plus is None:
            return Summed(value, terms, k, k)
        return Summed(value + fmt.widen(self.plus), terms + size(self.plus), k + 1.0, k + 1.0)

    def rounded(self, precision: Precision) -> "Factors":
        """With both factors in a coarser precision."""
        return self._replace(A=precision.rounded(self.A), B=precision.rounded(self.B))

    def some(self, rows: Array, columns: Array) -> "Factors":
        """Of some entries of the product."""
        plus = None if self.plus is None else self.plus[columns]
        return Factors(self.A[rows], self.B[:, columns], plus)

    def by_programs(self) -> Iterator[Array]:
        """The sum as BLAS has it, and term by term from either end, in the dtype."""
        plus = 0 if self.plus is None else self.plus
        yield self.A @ self.B + plus
        for step in (1, -1):
            yield term_by_term(self.A[:, ::step], self.B[::step]) + plus

    @property
    def terms(self) -> Array:
        """How many terms an entry has at most that are not 0."""
        rows, columns = np.count_nonzero(self.A, axis=1), np.count_nonzero(self.B, axis=0)
        return np.minimum(rows[:, None], columns[None, :])


def product_claim(
    fmt: Format, factors: Factors, claimed: Claimed, *, whole_rows: bool = False
) -> Claim:
    """The claim of an equation about a product, with the factors that others have, and
    the second judgement of the whole array. Where the equation mixes the entries of a
    row, it is asked about `whole_rows`.
    """
    product = _Product(fmt, factors, claimed, whole_rows)
    if product.is_short:
        return replace(product.worst, others=product.others)
    return replace(product.worst, others=product.others, doubt=product.doubt)


class _Product:
    """A product, and what its equation claims of it."""

    def __init__(self, fmt: Format, factors: Factors, claimed: Claimed, whole_rows: bool) -> None:
        self.fmt, self.factors, self.claimed = fmt, factors, claimed
        self.whole_rows, self.is_short = whole_rows, factors.A.shape[1] <= FEW
        self.summed = factors.summed(fmt)
        self.worst = claimed(self.summed, ALL)

    def others(self) -> Iterator[Other]:
        """The equation's own, and coarser factors."""
        yield from self.worst.others()
        for precision in coarser(self.fmt):
            fits = self._all_of(precision)
            yield Other(INACCURATE, f"{MADE} {precision}", fits, factors=f"{precision}")

    def doubt(self, got: Array) -> Doubt:
        """Why the array is imprecise, if it is."""
        if self._sample.is_usual(got):
            return Doubt()
        precision = self._sample.factors_of(got)
        if precision and self._sample.chance_of(got, precision) < CHANCE:
            return Doubt(f"{MADE} {precision}, {BUT}", f"{precision}")
        return excess(self.worst, got, self._likely())

    def _likely(self) -> Claim:
        """The claim with independent roundings in place of the worst case."""
        few = roundings(self.summed.value, self.summed.terms, self.factors.terms)
        # of a row together, for softmax mixes the entries of one
        rounded = replace(self.summed, roundings=few.max(axis=1, keepdims=True))
        return self.claimed(rounded, ALL)

    def _all_of(self, precision: Precision) -> Callable[[Array], Array]:
        """Whether an array is made of such factors. They are those of the whole array,
        so every entry of it must fit.
        """

        def all_or_none(got: Array) -> Array:
            if self._sample.factors_of(got, beyond_rounding=not self.is_short) != precision:
                return np.zeros(got.shape, bool)
            coarse = self.claimed(self.factors.rounded(precision).summed(self.fmt), ALL)
            fits = near(self.fmt, coarse.exact, coarse.bound)(got)
            return np.full(got.shape, bool((fits | ~self.worst.judged).all()))

        return all_or_none

    @cached_property
    def _sample(self) -> "_Sample":
        return _Sample(self)


class _Sample:
    """Some entries of a product, and what programs make of them."""

    def __init__(self, product: _Product) -> None:
        n, m = len(product.factors.A), product.factors.B.shape[1]
        columns = _spread(m, m if product.whole_rows else COLUMNS)
        rows = _spread(n, max(SAMPLE // len(columns), 2))
        self.fmt, self._claimed, self._index = product.fmt, product.claimed, np.ix_(rows, columns)
        self._factors = product.factors.some(rows, columns)
        bound = product.worst.bound[self._index]
        self._exact, self._scale = product.worst.exact[self._index], np.where(bound > 0, bound, 1.0)
        self._judged = product.worst.judged[self._index] & (bound > 0)

    def is_usual(self, got: Array) -> bool:
        """Whether an array is off by no more than programs in some order may be."""
        error = self._rms(got[self._index])
        # by BLAS first: a loop over the terms takes as long as all the rest
        return error <= ORDERS * self._by_blas or error <= ORDERS * self._usual

    def factors_of(self, got: Array, *, beyond_rounding: bool = True) -> Precision | None:
        """The coarser factors that come nearest to an array; where they are to be told
        from others `beyond_rounding`, those that leave what rounding does.
        """
        left = {
            each: self._rms(got[self._index] - coarse + self._exact)
            for each, coarse in self._coarse.items()
        }
        nearest = min(left, key=lambda each: left[each])
        is_made = left[nearest] <= ORDERS * self._usual or not beyond_rounding
        return nearest if is_made else None

    def chance_of(self, got: Array, precision: Precision) -> float:
        """How probable it is that errors go along with those of such factors."""
        here = got[self._index]
        kept = distinct(here) & self._judged
        return chance((here - self._exact)[kept], (self._coarse[precision] - self._exact)[kept])

    def _rms(self, array: Array) -> float:
        return root_mean_square(np.where(self._judged, array - self._exact, 0.0), self._scale)

    def _made(self, summed: Summed) -> Array:
        return self._claimed(summed, self._index).exact

    @cached_property
    def _by_blas(self) -> float:
        return self._error_of(next(self._factors.by_programs()))

    @cached_property
    def _usual(self) -> float:
        """How far off programs are that add up the same factors."""
        return max(map(self._error_of, self._factors.by_programs()))

    def _error_of(self, sums: Array) -> float:
        return self._rms(self._made(replace(self._summed, value=self.fmt.widen(sums))))

    @cached_property
    def _summed(self) -> Summed:
        return self._factors.summed(self.fmt)

    @cached_property
    def _coarse(self) -> dict[Precision, Array]:
        """What coarser factors give."""
        return {
            each: self._made(self._factors.rounded(each).summed(self.fmt))
            for each in coarser(self.fmt)
        }


def _spread(count: int, most: int) -> Array:
    """At most so many of the indices, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def excess(worst: Claim, got: Array, likely: Claim) -> Doubt:
    """By how much the error of an array is beyond that of independent roundings, if it
    is.
    """
    allowed = np.minimum(likely.bound, worst.bound) * (1.0 + worst.slack)
    error = np.where(worst.judged, got - worst.exact, 0.0)
    beyond = root_mean_square(error, np.where(worst.judged, allowed, 0.0))
    if beyond <= 1.0:
        return Doubt()
    return Doubt(f"off by {beyond:.3g} times what independent roundings stay within, {BUT}")
