"""Long sums, whose worst case tells nothing: coarser factors are recognised at any
width, lost digits are said, and a right sum is never doubted, in whatever order.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from parity.proof.certificate import certify, judge
from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.sums import (
    bias_gradient,
    hidden_delta,
    weight_gradient,
    weighted_input,
)
from parity.proof.statements import Statement
from parity.rounding.claim import IMPRECISE, INACCURATE, PASSED, WRONG
from parity.rounding.formats import FORMATS
from parity.rounding.independent import CHANCE, DEVIATIONS
from parity.rounding.precision import PRECISIONS, coarser
from parity.steps.record import record_refnet
from refnet import SGD, mlp

WIDTHS = (64, 1024, 4096)
F32 = FORMATS["float32"]
BY_NAME = {(each.name, each.cut): each for each in PRECISIONS}
TF32, BFLOAT16 = BY_NAME["TF32", False], BY_NAME["bfloat16", False]
LOSSY = (INACCURATE, IMPRECISE)


def result(claim, got):
    """The verdict on an array of which this is claimed."""
    return judge(Statement("z", 1, "z", "", got, claim))


@cache
def factors(k, dtype="float32", n=8, m=24):
    """A (n, k), W (m, k) and b of a layer, or what else is multiplied."""
    rng = np.random.default_rng(k)
    return tuple(rng.normal(size=shape).astype(dtype) for shape in ((n, k), (m, k), (m,)))


def product(A, B, precision=None):
    """A B, with its factors in a precision."""
    return A @ B if precision is None else precision.rounded(A) @ precision.rounded(B)


# in float64 the worst case tells at any width, by sums of which each takes its time
@pytest.mark.parametrize(
    ("k", "dtype"), [*((k, "float32") for k in WIDTHS), (64, "float64"), (1024, "float64")]
)
def test_coarser_factors_of_z_are_named_at_any_width(k, dtype):
    """Each of them by its own name; the right ones hold."""
    A, W, b = factors(k, dtype)
    claim = weighted_input(FORMATS[dtype], A, W, b)
    assert result(claim, product(A, W.T) + b).status == PASSED
    for precision in coarser(FORMATS[dtype]):
        verdict = result(claim, product(A, W.T, precision) + b)
        assert verdict.status in LOSSY
        assert f"made of factors {precision}" in verdict.note


@pytest.mark.parametrize("k", WIDTHS)
@pytest.mark.parametrize("precision", [TF32, BFLOAT16], ids=lambda each: each.name)
def test_coarser_factors_of_the_gradients_are_named_at_any_width(k, precision):
    """BP4 over k samples; BP2 through tanh and through softmax below k units."""
    delta, a_prev, _ = (array.T for array in factors(k))
    claim = weight_gradient(F32, delta, a_prev)
    assert result(claim, product(delta.T, a_prev)).status == PASSED
    assert f"{precision}" in result(claim, product(delta.T, a_prev, precision)).note

    above, W_above, _ = factors(k, m=100)
    W_above = W_above.T
    z = np.random.default_rng(1).normal(size=(8, 100)).astype(np.float32)
    for name in ("tanh", "softmax"):
        f = ACTIVATION_ENTRIES[name]()
        a = f.value(F32, z).exact.astype(np.float32)
        claim = hidden_delta(F32, f, above, W_above, z, a)
        for made_of, holds in ((None, True), (precision, False)):
            g = product(above, W_above, made_of)
            mixed = g - (g * a).sum(axis=1, keepdims=True) if name == "softmax" else g
            slope = a if name == "softmax" else (1 - a) * (1 + a)
            verdict = result(claim, mixed * slope)
            assert (verdict.status == PASSED) == holds, name
            assert holds or f"{precision}" in verdict.note


def test_a_few_numbers_may_go_along_by_chance():
    """Three entries of TF32's factors are no evidence, as long as they are within the
    worst case and within independent roundings.
    """
    A, W, b = factors(4096)
    A, W, b = A[:1], W[:3], b[:3]
    verdict = result(weighted_input(F32, A, W, b), product(A, W.T, TF32) + b)
    assert verdict.status == PASSED


def test_where_the_worst_case_is_broken_the_formula_is_inaccurate_else_imprecise():
    """At 1,024 inputs bfloat16 breaks it and TF32 does not; what is imprecise uses less
    than its bound, and the chance is said.
    """
    A, W, b = factors(1024)
    claim = weighted_input(F32, A, W, b)
    broken, within = (result(claim, product(A, W.T, each) + b) for each in (BFLOAT16, TF32))
    assert (broken.status, within.status) == (INACCURATE, IMPRECISE)
    assert broken.used > 1 > within.used
    assert broken.broken
    assert not within.broken
    assert f"but for a chance of {CHANCE:.0e}" in within.note


def test_coarser_factors_excuse_no_other_mistake():
    """An entry of the array that they do not explain is wrong, at any width."""
    for k in WIDTHS:
        A, W, b = factors(k)
        claim = weighted_input(F32, A, W, b)
        z = product(A, W.T, TF32) + b
        z[3, 5] += np.float32(3 * claim.bound[3, 5])
        assert result(claim, z).status == WRONG


def sums(A, B, order):
    """A B in float32, added up term by term in this order of the terms."""
    total = np.zeros((len(A), B.shape[1]), np.float32)
    for i in order:
        total = total + A[:, i, None] * B[None, i, :]
    return total


def pairwise_sums(A, B):
    """A B in float32, added up by halves."""
    if A.shape[1] == 1:
        return A * B
    half = A.shape[1] // 2
    return pairwise_sums(A[:, :half], B[:half]) + pairwise_sums(A[:, half:], B[half:])


def _kinds(k):
    rng = np.random.default_rng(k)
    normal = [rng.normal(size=shape) for shape in ((4, k), (6, k))]
    ramp = [np.arange(rows * k).reshape(rows, k) / (rows * k) for rows in (4, 6)]
    return {
        "normal": normal,
        "positive": [np.abs(array) for array in normal],
        "sorted": [np.sort(array, axis=1) for array in normal],
        "one sign after the other": [np.sort(normal[0], axis=1), np.ones((6, k))],
        "ramps": ramp,
        "centred ramps": [array - 0.5 for array in ramp],
        "bits": [rng.integers(0, 2, (4, k)), normal[1]],
        "half zeros": [np.maximum(normal[0], 0), normal[1]],
        "sizes from 1e-8 to 1": [normal[0] * 10.0 ** rng.uniform(-8, 0, k), normal[1]],
        "one column that is huge": [normal[0] * np.where(np.arange(k) == 5, 1e4, 1), normal[1]],
        "equal": [np.full((4, k), 0.3), np.full((6, k), 0.1)],
        "few values": [rng.choice([0.1, 0.3, 0.7], (4, k)), np.full((6, k), 0.1)],
        "equal rows": [np.tile(normal[0][:1], (4, 1)), np.tile(normal[1][:1], (6, 1))],
        "zeros": [np.zeros((4, k)), normal[1]],
    }


@pytest.mark.parametrize("k", [100, 1024, 4096])
@pytest.mark.parametrize("kind", _kinds(2))
def test_a_right_sum_is_never_doubted(kind, k):
    """Whatever its numbers and its order: by BLAS, from the first term to the last and
    back, at random, and by halves.
    """
    A, W = (array.astype(np.float32) for array in _kinds(k)[kind])
    claim = weighted_input(F32, A, W, np.zeros(6, np.float32))
    orders = (range(k), range(k - 1, -1, -1), np.random.default_rng(0).permutation(k))
    for got in (A @ W.T, pairwise_sums(A, W.T), *(sums(A, W.T, order) for order in orders)):
        assert result(claim, got).status == PASSED
    delta = A.T
    assert result(bias_gradient(F32, delta), delta.sum(axis=0)).status == PASSED
    claim = weight_gradient(F32, delta, W.T.copy())
    assert result(claim, delta.T @ W.T).status == PASSED


def test_equal_terms_may_be_off_by_more_than_independent_ones():
    """What 2^16 additions of 0.1 lose is in one direction: more than the deviations of
    as many independent roundings, and no more than is allowed to dependent ones.
    """
    delta = np.full((2**16, 1), 0.1, np.float32)
    got = np.add.accumulate(delta)[-1]
    claim = bias_gradient(F32, delta)
    independent = DEVIATIONS * np.sqrt(float(len(delta))) * F32.unit * np.abs(claim.exact)
    assert np.abs(got - claim.exact) > independent
    assert result(claim, got).status == PASSED


def test_roundings_that_are_not_independent_are_no_reason_for_doubt():
    """One delta of 1e8 before 30,000 of the size of 1: row after row each rounding
    loses in the same direction, by more than independent ones do.
    """
    delta = np.abs(np.random.default_rng(0).normal(size=(30_000, 3))).astype(np.float32)
    delta[0] = 1e8
    claim = bias_gradient(F32, delta)
    got = delta.sum(axis=0)
    independent = DEVIATIONS * np.sqrt(float(len(delta))) * F32.unit * np.abs(claim.exact)
    assert (np.abs(got - claim.exact) > independent).all()
    assert result(claim, got).status == PASSED
    coarse = TF32.rounded(delta).sum(axis=0, dtype=np.float64).astype(np.float32)
    assert result(claim, coarse).status == PASSED  # no further off than NumPy's sum is


def test_errors_that_all_entries_share_are_no_evidence_of_coarser_factors():
    """Gradients of a rare class behind a saturated layer, added up sample by sample:
    the columns are nearly equal, and so are their errors and those of TF32.
    """
    rng, n = np.random.default_rng(0), 30_000
    p = 1 / (1 + np.exp(-1e-4 * rng.normal(size=(n, 4))))
    delta = ((p - (rng.random((n, 4)) < 0.01)) / n).astype(np.float32)
    a_prev = np.tanh(5 + rng.normal(size=(n, 16))).astype(np.float32)
    claim = weight_gradient(F32, delta, a_prev)
    assert result(claim, sums(delta.T, a_prev, range(n))).status == PASSED


def test_numbers_that_lie_beside_coarser_ones_have_no_coarser_factors():
    """W is one bit above bfloat16's numbers everywhere, so what a right sum loses goes
    along with what TF32 would; term by term it does as well.
    """
    rng = np.random.default_rng(0)
    W = np.nextafter(BFLOAT16.rounded(rng.normal(size=(24, 256)).astype(np.float32)), np.float32(9))
    x = rng.integers(-9, 9, (32, 256)).astype(np.float32)
    claim = weighted_input(F32, x, W, np.zeros(24, np.float32))
    assert result(claim, x @ W.T).status == PASSED


@pytest.mark.parametrize("k", [1024, 4096, 16384])
def test_a_wrong_factor_is_not_taken_for_coarser_factors(k):
    """dW times 255/256 is off as much as numbers that are cut to bfloat16, and leaves
    what they do not.
    """
    delta, a_prev, _ = (array.T for array in factors(k))
    claim = weight_gradient(F32, delta, a_prev)
    wrong = result(claim, delta.T @ a_prev * np.float32(255 / 256))
    assert wrong.status in (WRONG, IMPRECISE)
    assert "factors" not in wrong.note


def test_a_coarse_sum_that_overflows_explains_nothing():
    """The largest number is beyond all others of its size when it is rounded up."""
    A = np.ones((6, 8), np.float32)
    A[:, 0] = np.finfo(np.float32).max
    W = np.full((3, 8), 0.25, np.float32)
    claim = weighted_input(F32, A, W, np.zeros(3, np.float32))
    right = A @ W.T
    assert result(claim, right).status == PASSED
    for wrong in (0 * right, right / 2):
        assert result(claim, wrong).status == WRONG


def test_a_sum_in_a_coarser_format_is_imprecise_without_a_name():
    """Partial sums in TF32's bits are none of its factors; how far it is off is said,
    and with which chance. The worst case covers it.
    """
    A, W, b = factors(4096)
    z = np.zeros((8, 24), np.float32)
    for block in np.split(np.arange(4096), 64):
        z = TF32.rounded(z + A[:, block] @ W[:, block].T)
    verdict = result(weighted_input(F32, A, W, b), z + b)
    assert verdict.status == IMPRECISE
    assert verdict.used < 1
    assert "times what independent roundings stay within, but for a chance of" in verdict.note
    assert "factors" not in verdict.note


def test_a_long_sum_of_delta_is_judged_as_a_whole():
    """db over 4,096 samples, added up in few bits."""
    delta = factors(4096)[0].T
    claim = bias_gradient(F32, delta)
    db = np.zeros(8, np.float32)
    for rows in np.split(delta, 64):
        db = TF32.rounded(db + rows.sum(axis=0))
    assert result(claim, delta.sum(axis=0)).status == PASSED
    assert result(claim, db).status == IMPRECISE


def test_an_entry_that_is_not_judged_is_no_reason_for_doubt():
    """A row that overflows is left out, and does not hide the others."""
    A, W, b = factors(4096)
    A = A.copy()
    A[2] = 3e38
    with np.errstate(over="ignore", invalid="ignore"):
        right, coarse = (product(A, W.T, each) + b for each in (None, TF32))
    claim = weighted_input(F32, A, W, b)
    assert "overflow" in result(claim, right).note
    assert f"{TF32}" in result(claim, coarse).note


@cache
def wide_record(precision=None):
    """A step of a network with 4,096 inputs and identity layers, of which z^1 is made
    of coarser factors.
    """
    rng = np.random.default_rng(2)
    net = mlp([4096, 24, 3], "identity", "identity", seed=1, dtype="float32")
    x, y = (rng.normal(size=(8, k)).astype(np.float32) for k in (4096, 3))
    if precision is not None:
        net.layers[0].W[...] = precision.rounded(net.layers[0].W)
    return record_refnet(net, precision.rounded(x) if precision else x, y, "mse", SGD())


def with_coarse_z(precision):
    """The record of a right program but for the factors of z^1."""
    record = wide_record()
    W, b = record.before.W[0], record.before.b[0]
    z = product(record.x, W.T, precision) + b
    rest = record.layers[1]
    a = (z @ record.before.W[1].T + record.before.b[1]).astype(np.float32)
    first = replace(record.layers[0], z=z, a=z, delta=None, dW=None, db=None)
    last = replace(rest, z=a, a=a, delta=None, dW=None, db=None)
    return replace(record, layers=(first, last), loss=None, after=None)


def test_a_certificate_says_what_is_imprecise():
    """It does not pass, nothing is broken, and it says which array and why."""
    assert certify(wide_record()).passed
    certificate = certify(with_coarse_z(TF32))
    assert not certificate.passed
    assert not certificate.broken
    (lossy,) = certificate.imprecise
    assert (lossy.equation, lossy.layer, lossy.status) == ("z", 1, IMPRECISE)
    assert str(lossy).startswith(
        f"z (weighted input) of layer 1 is imprecise (made of factors {TF32}, but"
    )
    assert certificate.verdict == f"4096-24-3, mse, sgd, float32, step 1: {lossy}."
    assert certificate.table()[1][1].endswith("~")
    assert "~" not in "".join(certify(wide_record()).table()[1])


def test_what_a_coarse_format_can_hold_loses_nothing():
    """Factors that have no more bits are no coarser ones."""
    assert certify(wide_record(BFLOAT16)).passed
