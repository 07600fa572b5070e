"""Schedules: each formula against another way to write it, exact where binary is, and
what is refused.
"""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet

U = Fraction(1, 2**53)  # half the distance from 1 to the next float64
rates = st.floats(1e-6, 1e3)
epochs = st.integers(0, 200)


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def off_by_at_most(roundings, got, exact):
    """Whether `got` differs from `exact` by no more than that many roundings, each by a
    factor of at most 1 + U.
    """
    return abs(Fraction(got) - exact) <= ((1 + U) ** roundings - 1) * abs(exact)


@given(rates, epochs)
def test_constant_is_lr(lr, epoch):
    """ConstantLR gives back what it got."""
    assert refnet.ConstantLR()(lr, epoch) == lr


@given(rates, epochs, st.integers(1, 20))
def test_step_halves_every_step_size_epochs(lr, epoch, step_size):
    """StepLR with gamma 1/2 halves lr once for each full step_size: exact in binary."""
    halvings = sum(e % step_size == 0 for e in range(1, epoch + 1))
    assert refnet.StepLR(step_size, gamma=0.5)(lr, epoch) == lr * 2.0**-halvings


@given(rates, epochs, st.floats(0.5, 1.5))
def test_exponential_is_a_power(lr, epoch, gamma):
    """ExponentialLR is lr gamma^e: pow is off by less than a last place, 2 roundings,
    the product by one.
    """
    exact = Fraction(lr)
    for _ in range(epoch):
        exact *= Fraction(gamma)
    assert off_by_at_most(3, refnet.ExponentialLR(gamma)(lr, epoch), exact)


@given(rates, epochs, st.floats(0.0, 10.0))
def test_inverse_time_is_a_quotient(lr, epoch, decay):
    """InverseTimeLR is lr / (1 + decay e): product, sum and quotient round, and a
    fourth rounding pays for dividing by a rounded one.
    """
    assert off_by_at_most(
        4, refnet.InverseTimeLR(decay)(lr, epoch), Fraction(lr) / (1 + Fraction(decay) * epoch)
    )


@pytest.mark.parametrize(("sixths", "quarters"), [(0, 4), (2, 3), (3, 2), (4, 1), (6, 0), (8, 1)])
@given(rates, st.integers(1, 50), st.floats(0.0, 1e-6))
def test_cosine_at_its_known_angles(sixths, quarters, lr, k, lr_min):
    """CosineLR falls from lr to lr_min by (1 + cos) / 2, which is known at multiples of
    60 and 90 degrees, and rises again as torch's does.

    The angle has 3 roundings (pi, product, quotient), which reach its cosine at most
    undiminished; the cosine itself is within a last place, 2 U. Difference, sum,
    product and outer sum round once each, at most lr U; halving is exact. A fifth pays
    for second orders.
    """
    got, spread = refnet.CosineLR(6 * k, lr_min)(lr, sixths * k), Fraction(lr) - Fraction(lr_min)
    angle_off = 3 * U * Fraction(np.pi) * Fraction(sixths, 6)
    bound = spread * (angle_off + 2 * U) / 2 + 5 * U * Fraction(lr)
    assert abs(Fraction(got) - (Fraction(lr_min) + spread * Fraction(quarters, 4))) <= bound


SCHEDULES = [
    refnet.ConstantLR(),
    refnet.StepLR(3),
    refnet.ExponentialLR(0.9),
    refnet.CosineLR(7),
    refnet.InverseTimeLR(0.5),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@given(rates)
def test_first_epoch_has_the_lr_given(schedule, lr):
    """Epochs count from 0, where every schedule gives exactly lr, as a Python float."""
    assert schedule(lr, 0) == lr
    assert type(schedule(lr, 0)) is float


@pytest.mark.parametrize("schedule", SCHEDULES[1:], ids=repr)
def test_later_epochs_have_less(schedule):
    """Within its span every schedule but the constant one comes down."""
    values = [schedule(0.5, epoch) for epoch in range(8)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


REFUSED = [
    (lambda: refnet.StepLR(0), ValueError, "StepLR: step_size has 0, expected an integer >= 1"),
    (
        lambda: refnet.StepLR(2.0),
        TypeError,
        "StepLR: step_size has type float, expected an integer",
    ),
    (
        lambda: refnet.StepLR(True),
        TypeError,
        "StepLR: step_size has type bool, expected an integer",
    ),
    (
        lambda: refnet.StepLR(2, gamma=-0.1),
        ValueError,
        "StepLR: gamma has -0.1, expected a finite number >= 0",
    ),
    (
        lambda: refnet.StepLR(2, gamma="0.1"),
        TypeError,
        "StepLR: gamma has type str, expected a number",
    ),
    (
        lambda: refnet.ExponentialLR(-1.0),
        ValueError,
        "ExponentialLR: gamma has -1.0, expected a finite number >= 0",
    ),
    (
        lambda: refnet.ExponentialLR(np.nan),
        ValueError,
        "ExponentialLR: gamma has nan, expected a finite number >= 0",
    ),
    (lambda: refnet.CosineLR(0), ValueError, "CosineLR: epochs has 0, expected an integer >= 1"),
    (
        lambda: refnet.CosineLR(1.5),
        TypeError,
        "CosineLR: epochs has type float, expected an integer",
    ),
    (
        lambda: refnet.CosineLR(5, lr_min=-1),
        ValueError,
        "CosineLR: lr_min has -1, expected a finite number >= 0",
    ),
    (
        lambda: refnet.InverseTimeLR(-0.5),
        ValueError,
        "InverseTimeLR: decay has -0.5, expected a finite number >= 0",
    ),
    (
        lambda: refnet.InverseTimeLR(np.inf),
        ValueError,
        "InverseTimeLR: decay has inf, expected a finite number >= 0",
    ),
    (
        lambda: refnet.InverseTimeLR(None),
        TypeError,
        "InverseTimeLR: decay has type NoneType, expected a number",
    ),
]


@pytest.mark.parametrize(
    ("make", "kind", "sentence"), REFUSED, ids=[sentence for *_, sentence in REFUSED]
)
def test_bad_argument_is_refused(make, kind, sentence):
    """An argument out of range is refused when the schedule is made."""
    with refuses(kind, sentence):
        make()
