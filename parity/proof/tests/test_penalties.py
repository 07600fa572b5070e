"""Penalties in C, BP3 and BP4: certified, against fifty digits, by hand, in other right
spellings, and refused where they are wrong.
"""

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest

import refnet
from parity.proof.agreement import compare, compare_restated
from parity.proof.certificate import certify
from parity.proof.equations.penalties import STRENGTHS
from parity.proof.statements import statements
from parity.proof.tests.truth import DIGITS, exact, truth
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES, Case
from parity.steps.pytorch import record_torch, restate, twin, twin_loss, twin_optimizer
from parity.steps.record import FitRecorder, record_refnet
from refnet.regularisers import PENALTIES

EACH = [
    kind(**dict.fromkeys(STRENGTHS_OF, 0.3), biases=biases)
    for kind, STRENGTHS_OF in (
        (refnet.L1, ("strength",)),
        (refnet.L2, ("strength",)),
        (refnet.ElasticNet, ("l1", "l2")),
    )
    for biases in (False, True)
]
each_penalty = pytest.mark.parametrize("penalty", EACH, ids=repr)
in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
CASE = Case("", (5, 4, 3), ("tanh",), "identity", "mse", "values", "sgd", {"momentum": 0.9})


@cache
def recorded(penalty, dtype="float64", side="refnet"):
    """A step with weights of exactly 0, by refnet or by PyTorch."""
    case = replace(CASE, dtype=dtype)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    net.layers[0].W[1, :2], net.layers[1].b[0] = (0.0, -0.0), 0.0
    x, y, _ = next(case.steps())
    if side == "refnet":
        return record_refnet(net, x, y, loss, optimizer, penalty=penalty)
    model = twin(net)
    torch_optimizer = twin_optimizer(optimizer, model)
    return record_torch(model, x, y, twin_loss(loss), torch_optimizer, penalty=penalty)


def with_layer(record, layer, **arrays):
    """The record with other arrays in one layer, which counts from 1."""
    layers = list(record.layers)
    layers[layer - 1] = replace(layers[layer - 1], **arrays)
    return replace(record, layers=tuple(layers))


def result_of(record, quantity, layer=None):
    """What the certificate says of one array."""
    return next(r for r in certify(record).results if (r.quantity, r.layer) == (quantity, layer))


def test_every_penalty_is_restated():
    """A new one is added to the table of strengths, and above."""
    assert set(STRENGTHS) == set(PENALTIES) == {penalty.name for penalty in EACH}


@each_penalty
@in_both_dtypes
@pytest.mark.parametrize("side", ["refnet", "torch"])
def test_a_step_with_a_penalty_passes(penalty, dtype, side):
    """By either side, and computed once more by PyTorch."""
    record = recorded(penalty, dtype, side)
    assert certify(record).passed, certify(record).verdict
    assert compare_restated(record, restate(record)).passed


@each_penalty
@in_both_dtypes
def test_the_two_sides_agree(penalty, dtype):
    """From equal weights."""
    agreement = compare(recorded(penalty, dtype, "torch"), recorded(penalty, dtype))
    assert agreement.passed, str(agreement)


@each_penalty
def test_the_steps_of_fit_pass(penalty):
    """The fast form's, each following on the one before."""
    net, loss, optimizer = CASE.network(), CASE.make_loss(), CASE.make_optimizer()
    x, y, _ = next(CASE.steps())
    records = []
    recorder = FitRecorder(net, loss, optimizer, records.append, penalty=penalty)
    refnet.fit(
        net, x, y, loss=loss, optimizer=optimizer, epochs=2, on_step=recorder, penalty=penalty
    )
    for record, previous in zip(records, [None, *records], strict=False):
        assert certify(record, previous).passed


@each_penalty
@in_both_dtypes
@pytest.mark.parametrize("side", ["refnet", "torch"])
def test_every_bound_contains_the_true_error(penalty, dtype, side):
    """Of C, dW and db, against fifty digits; each exact value is as good as it says."""
    record, fmt = recorded(penalty, dtype, side), FORMATS[dtype]
    for s in statements(record):
        if s.equation not in ("C", "BP3", "BP4"):
            continue
        for index in np.ndindex(s.got.shape):
            with mpmath.workdps(DIGITS):
                true = truth(record, s.equation, s.layer, s.quantity, index)
                bound = mpmath.mpf(float(s.claim.bound[index]))
                assert abs(exact(s.got[index]) - true) <= bound
                assert abs(exact(s.claim.exact[index]) - true) <= bound * mpmath.mpf(fmt.slack)


@in_both_dtypes
def test_bounds_by_hand(dtype):
    """L2 of two weights 3 and 4 with strength 1/2: P = 25/4, and P' = (3/2, 2). One
    row, a_prev = (1, 2), delta = 2 (a - y) = 4.
    """
    net = refnet.Network([refnet.Dense(np.array([[3.0, 4.0]], dtype), np.array([0.0], dtype))])
    x, y = np.array([[1.0, 2.0]], dtype), np.array([[9.0]], dtype)
    record = record_refnet(net, x, y, "mse", "sgd", penalty=refnet.L2(0.5))
    fmt = FORMATS[dtype]
    u, lam, r = fmt.unit, fmt.tiny, fmt.scalar
    claims = {s.quantity: s.claim for s in statements(record)}
    assert (float(claims["loss"].exact), claims["dW"].exact.tolist()) == (4 + 25 / 4, [[5.5, 10.0]])
    # of the loss 5 u 4 + 2 lam; of P (2 + 3 + r) u; one array is added
    P = 25 / 4
    due = 5 * u * 4 + 2 * lam + (5 + r) * u * P + 2 * (2 + 0.5) * lam + u * (4 + P)
    assert claims["loss"].bound == due
    # one product and P': two terms, and the product of P' rounds 1 + r times
    for got, term, slope in zip(claims["dW"].bound[0], (4.0, 8.0), (1.5, 2.0), strict=True):
        assert got == 2 * u * (term + slope) + lam + (u * (1 + r) * slope + lam)


SPELLINGS = {
    "each weight by itself": lambda c, W: (c / 2 * W * W).sum(),
    "the sum first": lambda c, W: (W * W).sum() * c / 2,
    "row by row": lambda c, W: sum(0.5 * c * row.dot(row) for row in W),
    "backwards": lambda c, W: np.add.accumulate((W * W).ravel()[::-1])[-1] * c / 2,
}


@in_both_dtypes
@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_other_right_spellings_of_the_value_pass(dtype, spelled):
    """In any order, the strength within the sum or outside, in the dtype."""
    record, c = recorded(refnet.L2(0.3), dtype), np.dtype(dtype).type(0.3)
    loss = np.dtype(dtype).type(refnet.MSE().value(record.layers[-1].a, record.y))
    for W in record.before.W:
        loss = loss + spelled(c, W)
    assert loss.dtype == dtype
    assert result_of(replace(record, loss=loss), "loss").status == "passed"


@in_both_dtypes
def test_other_right_spellings_of_the_gradient_pass(dtype):
    """The penalty first, and the products added to it one by one."""
    record, c = recorded(refnet.L2(0.3), dtype), np.dtype(dtype).type(0.3)
    for l, (layer, a_prev) in enumerate(
        zip(record.layers, (record.x, record.layers[0].a), strict=True), start=1
    ):
        dW = c * record.before.W[l - 1]
        for delta_row, a_row in zip(layer.delta, a_prev, strict=True):
            dW = dW + np.outer(delta_row, a_row)
        assert result_of(with_layer(record, l, dW=dW), "dW", l).status == "passed"


WRONG = {
    "no penalty": lambda record, P, slope: (-P, -slope),
    "doubled": lambda record, P, slope: (P, slope),
    "half of it": lambda record, P, slope: (-P / 2, -slope / 2),
    "the wrong sign": lambda record, P, slope: (-2 * P, -2 * slope),
    "divided by n": lambda record, P, slope: (P / len(record.x) - P, slope / len(record.x) - slope),
}


@each_penalty
@in_both_dtypes
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused(penalty, dtype, change):
    """In C and in dW, each by itself."""
    record = recorded(penalty, dtype)
    arrays = [*record.before.W, *(record.before.b if penalty.biases else ())]
    P = sum(penalty.value(theta) for theta in arrays)
    for l, (layer, W) in enumerate(zip(record.layers, record.before.W, strict=True), start=1):
        in_cost, in_gradient = change(record, P, penalty.gradient(W))
        assert result_of(replace(record, loss=record.loss + in_cost), "loss").status == "wrong"
        off = with_layer(record, l, dW=layer.dW + in_gradient)
        assert result_of(off, "dW", l).status == "wrong"


@pytest.mark.parametrize("penalty", [refnet.L1(0.3), refnet.ElasticNet(0.3, 0.1)], ids=repr)
@in_both_dtypes
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_at_0_is_a_convention(penalty, dtype, sign):
    """Where a weight is exactly 0, 1 or -1 are slopes too; elsewhere they are wrong."""
    record = recorded(penalty, dtype)
    W, dW, c1 = record.before.W[0], record.layers[0].dW, np.dtype(dtype).type(0.3)
    other = with_layer(record, 1, dW=np.where(W == 0.0, dW + sign * c1, dW).astype(dtype))
    result = result_of(other, "dW", 1)
    assert (result.status, result.note) == ("convention", f"sign(0) = {sign:+g} instead of 0")
    everywhere = with_layer(record, 1, dW=(dW + sign * c1).astype(dtype))
    assert result_of(everywhere, "dW", 1).status == "wrong"


def test_a_penalty_on_biases_is_seen_in_db():
    """db with it where they are spared is wrong, and without it where they are not."""
    spared, reached = (recorded(refnet.L2(0.3, biases=biases)) for biases in (False, True))
    for record, other in ((spared, reached), (reached, spared)):
        for l in (1, 2):
            mixed = with_layer(record, l, db=other.layers[l - 1].db)
            assert result_of(mixed, "db", l).status == "wrong"


def test_a_penalty_that_overflows_is_not_judged():
    """A weight whose square is beyond the floats: C is inf, and nothing is said of
    it.
    """
    case = replace(CASE, settings={"lr": 0.0, "momentum": 0.0})
    net, (x, y, _) = case.network(), next(case.steps())
    net.layers[0].W[0, 0] = 1e200
    with np.errstate(over="ignore"):
        record = record_refnet(net, x, y, "mse", refnet.SGD(0.0), penalty=refnet.L2(0.3))
    result = result_of(record, "loss")
    assert (record.loss, result.status) == (np.inf, "not judged")


def test_the_loss_s_other_formulas_are_known_beside_a_penalty():
    """A logarithm without a floor is a convention, with a penalty as without."""
    W = np.array([[200.0], [0.0]])
    net = refnet.Network([refnet.Dense(W, np.zeros(2), "softmax")])
    x, y = np.array([[1.0]]), np.array([1])
    for penalty, P in ((None, 0.0), (refnet.L2(1e-3), 20.0)):
        record = record_refnet(net.copy(), x, y, "cross_entropy", "sgd", penalty=penalty)
        assert record.loss == 100.0 + P
        without = replace(record, loss=200.0 + P)
        result = result_of(without, "loss")
        assert (result.status, result.note) == ("convention", "log has no floor at -100")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("l3", {}), ValueError, r"^certify: penalty has 'l3', expected one of l1, l2, elastic"),
        (("l2", {}), ValueError, r"^certify: l2 has the settings none, expected strength, biases$"),
        (
            ("l2", {"strength": -1.0, "biases": False}),
            ValueError,
            r"^L2: strength has -1.0, expected a finite number >= 0$",
        ),
        (("l2",), ValueError, r"^certify: penalty has 1 entries, expected a pair$"),
        ("l2", TypeError, r"^certify: penalty has type str, expected tuple"),
    ],
)
def test_unusable_penalties_are_refused(given, error, message):
    """With what they have and what is expected."""
    record = recorded(refnet.L2(0.3))
    with pytest.raises(error, match=message):
        certify(replace(record, spec=replace(record.spec, penalty=given)))


def test_another_penalty_is_another_run():
    """A step follows on one with the same penalty alone, and is compared with such."""
    net, optimizer, (x, y, _) = CASE.network(), CASE.make_optimizer(), next(CASE.steps())
    first, second = (
        record_refnet(net, x, y, "mse", optimizer, penalty=refnet.L2(c)) for c in (0.3, 0.1)
    )
    broken = certify(second, first).broken[0]
    assert (broken.equation, broken.quantity) == ("wiring", "penalty")
    with pytest.raises(ValueError, match=r"^compare: penalty has \('l2', .*0.3"):
        compare(recorded(refnet.L2(0.3)), recorded(refnet.L2(0.3, biases=True)))


@each_penalty
@pytest.mark.parametrize("quantity", ["loss", "dW"])
def test_two_records_may_differ_by_rounding_alone(penalty, quantity):
    """A thousandth of P or of P' is far beyond it."""
    record = recorded(penalty)
    W, layer = record.before.W[1], record.layers[1]
    if quantity == "loss":
        off = replace(record, loss=record.loss + 1e-3 * penalty.value(W))
    else:
        off = with_layer(record, 2, dW=layer.dW + 1e-3 * penalty.gradient(W))
    first = compare(off, record).first
    assert first is not None
    assert (first.quantity, first.kind) == (quantity, "value")
