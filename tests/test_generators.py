"""TorchGenerator: the Mersenne Twister's published numbers, and how each becomes a
number in a range.

The proof against PyTorch itself stands beside its twin, in parity/steps/tests.
"""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refnet.generators import TorchGenerator

# mt19937 of C++ from its default seed; the last is the 10,000th number, which the
# standard itself states ([rand.predef])
SEED, FIRST, TEN_THOUSANDTH = 5489, [3499211612, 581869302, 3890346734, 3586334585], 4123659995

bounds = st.floats(2.0**-20, 2.0**20)
seeds = st.integers(0, 2**64 - 1)


def generator(seed, dtype, fused=True):
    return TorchGenerator(seed, np.dtype(dtype), fused=fused)


def k_of(draws, dtype):
    """The integers that become numbers: 24 bits of a draw, or 53 of two."""
    if dtype == "float32":
        return [draw % 2**24 for draw in draws]
    return [(high * 2**32 + low) % 2**53 for high, low in zip(draws[::2], draws[1::2], strict=True)]


def draws_of(seed, count):
    """What the Mersenne Twister draws from the low 32 bits of the seed: NumPy's,
    started by the recurrence that its authors publish (init_genrand).
    """
    key = [seed % 2**32]
    for j in range(1, 624):
        key.append((1812433253 * (key[-1] ^ key[-1] >> 30) + j) % 2**32)
    twister = np.random.MT19937()
    twister.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.array(key, dtype=np.uint32), "pos": len(key)},
    }
    return twister.random_raw(count).tolist()


def is_nearest(number, exact):
    """Whether no number of its dtype is nearer to the exact one, the even one of two
    that are as near.
    """
    off = abs(Fraction(float(number)) - exact)
    beside = [
        abs(Fraction(float(np.nextafter(number, number.dtype.type(way)))) - exact)
        for way in (-np.inf, np.inf)
    ]
    even = number.view(f"u{number.itemsize}") % 2 == 0
    return off < min(beside) or (off == min(beside) and even)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_draws_are_the_published_ones(dtype):
    """The first numbers and the 10,000th of the seed that is published are there, in
    pairs for float64: within +-1 and fused, each is k / 2^23 - 1, or k / 2^52 - 1.
    """
    half = 2 ** np.finfo(dtype).nmant
    numbers = generator(SEED, dtype).uniform(-1.0, 1.0, 10_000 // (1 + (dtype == "float64")))
    k = [int(number) for number in (numbers.astype("float64") + 1) * half]
    first = k_of(FIRST, dtype)
    assert k[: len(first)] == first
    low = min(2**32, 2 * half)  # the bits of the last draw that are in k
    assert k[-1] % low == TEN_THOUSANDTH % low


@given(seed=seeds, bound=bounds, dtype=st.sampled_from(["float32", "float64"]))
@example(seed=0, bound=1 / 3, dtype="float32")
@example(seed=2**64 - 1, bound=1 / 3, dtype="float64")
def test_fused_is_the_exact_sum_rounded_once(seed, bound, dtype):
    """x (high - low) + low in exact fractions, rounded once to the nearest, is the
    number of the fused form.
    """
    numbers = generator(seed, dtype).uniform(-bound, bound, 20)
    high = Fraction(float(np.dtype(dtype).type(bound)))
    whole = 2 ** (np.finfo(dtype).nmant + 1)
    assert numbers.dtype == dtype
    for number, k in zip(numbers, k_of(draws_of(seed, 40), dtype)[:20], strict=True):
        assert is_nearest(number, Fraction(k, whole) * (2 * high) - high)


@given(seed=seeds, bound=bounds, dtype=st.sampled_from(["float32", "float64"]))
def test_not_fused_is_the_product_rounded_and_then_the_sum(seed, bound, dtype):
    """Product and sum, each rounded to the nearest, is the number of the other form."""
    numbers = generator(seed, dtype, fused=False).uniform(-bound, bound, 20)
    high = np.dtype(dtype).type(bound)
    whole = 2 ** (np.finfo(dtype).nmant + 1)
    for number, k in zip(numbers, k_of(draws_of(seed, 40), dtype)[:20], strict=True):
        assert number == np.dtype(dtype).type(k) / whole * (high + high) + -high


def test_the_two_forms_differ():
    """The forms part ways in many numbers, so a test of one is none of the other."""
    for dtype in ("float32", "float64"):
        fused, rounded = (
            generator(1, dtype, form).uniform(-1 / 3, 1 / 3, 100) for form in (True, False)
        )
        assert (fused != rounded).sum() > 10


def test_calls_go_on_where_the_last_one_ended():
    """Two calls draw what one call for both draws, row by row."""
    for dtype in ("float32", "float64"):
        parts = generator(7, dtype)
        first, second = parts.uniform(-1.0, 1.0, (2, 3)), parts.uniform(-1.0, 1.0, 5)
        assert first.shape == (2, 3)
        assert np.array_equal(
            np.concatenate([first.ravel(), second]), generator(7, dtype).uniform(-1.0, 1.0, 11)
        )


def test_a_range_is_symmetric():
    """The one rounding is that of the fused form in a symmetric range alone."""
    text = "TorchGenerator: low has 0.0, expected -high, -1.0"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        generator(0, "float32").uniform(0.0, 1.0, 3)
