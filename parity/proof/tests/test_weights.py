"""Losses with weights: their bounds contain the true error, every right way to write
them passes, and what lacks a weight is refused.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity.proof.agreement import compare
from parity.proof.certificate import certify
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.statements import statements
from parity.proof.tests.test_truth import shares
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES, Case, outputs_of, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet
from refnet import Softmax, one_hot
from refnet.losses import LOSSES

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
W, W2, P = (0.3, 2.7, 0.7), (0.3, 2.7), (0.001, 30.0)
# of each loss, settings that are tried
ON_LABELS = ({"ignore_index": 1}, {"weight": W, "label_smoothing": 0.3, "ignore_index": 1})
ON_CLASSES = (
    *({"weight": W}, {"label_smoothing": 0.1}, {"label_smoothing": 1.0}),
    *({"weight": W, "label_smoothing": 0.3}, {"weight": W, "reduction": "sum"}),
)
SETTINGS = {
    **dict.fromkeys(("mse", "half_squared_error", "mae"), ({}, {"reduction": "sum"})),
    **dict.fromkeys(("cross_entropy", "softmax_cross_entropy"), ({}, *ON_CLASSES)),
    "binary_cross_entropy": ({}, {"weight": W2}, {"weight": W2, "reduction": "sum"}),
    "sigmoid_cross_entropy": (
        *({}, {"weight": W2}, {"pos_weight": P}),
        *({"weight": W2, "pos_weight": (7.0, 0.2)}, {"pos_weight": P, "reduction": "sum"}),
    ),
}


def cases(loss, dtype="float64", **given):
    """A case of each of its settings, kinds of targets and outputs."""
    k = 2 if loss in ("binary_cross_entropy", "sigmoid_cross_entropy") else 3
    for targets in targets_of(loss):
        for output in outputs_of(loss):
            for settings in (*SETTINGS[loss], *(ON_LABELS if targets == "labels" else ())):
                what = {"output": output, "targets": targets, "loss_settings": settings}
                yield Case("", (3, 4, k), loss=loss, dtype=dtype, batch=7, **what, **given)


def record(case):
    """The first step of a case by refnet."""
    given, net = next(case.given()), case.network()
    rest = case.make_loss(), case.make_optimizer()
    return record_refnet(net, given.x, given.y, *rest, sample_weight=given.sample_weight)


def by_torch(case):
    """The first step of a case by PyTorch."""
    given, model = next(case.given()), twin(case.network())
    rest = twin_loss(case.make_loss(), case.dtype), twin_optimizer(case.make_optimizer(), model)
    return record_torch(model, given.x, given.y, *rest, sample_weight=given.sample_weight)


def weighted(loss, dtype, **given):
    """The records of its cases with weights of rows and without, by either side."""
    for rows in (False, True):
        for i, case in enumerate(cases(loss, dtype, weighted=rows, **given)):
            if rows or case.loss_settings:
                yield (record, by_torch)[i % 2](case)


def of_loss(record):
    """What a record says of C and BP1."""
    return [each for each in statements(record) if each.equation in ("C", "BP1")]


@in_both_dtypes
@pytest.mark.parametrize("loss", LOSSES)
def test_every_bound_contains_the_true_error(loss, dtype):
    """C and every entry of the output delta, in fifty digits, of refnet and of PyTorch;
    and the exact value is as good as it says.
    """
    for spread in (0.6, 3.0):
        for step in weighted(loss, dtype, deviation=spread):
            for statement in of_loss(step):
                for index in np.ndindex(statement.got.shape):
                    assert max(shares(step, statement, index)) <= 1.0, (step.spec, index)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_1_make_the_plain_numbers(loss):
    """So does a smoothing of 0, and no bound is narrower with them."""
    for case in cases(loss):
        step = record(replace(case, loss_settings={}))
        fmt, k, top = FORMATS["float64"], step.spec.sizes[-1], step.layers[-1]
        ones = {"weight": (1.0,) * k, "pos_weight": (1.0,) * k, "label_smoothing": 0.0}
        settings = {name: each for name, each in ones.items() if name in LOSSES[loss].defaults}
        claim = LOSS_ENTRIES[loss](**settings).value(fmt, top.a, step.y, np.ones(len(step.y)))
        plain = LOSS_ENTRIES[loss]().value(fmt, top.a, step.y)
        assert abs(claim.exact - plain.exact) <= plain.bound * plain.slack
        assert (claim.bound >= plain.bound).all()


def broken(record):
    """The equations that do not hold."""
    return {result.equation for result in certify(record).broken}


@in_both_dtypes
@pytest.mark.parametrize("loss", LOSSES)
def test_a_program_that_knows_of_no_weights_is_refused(loss, dtype):
    """C and BP1 of the plain loss, where the task has settings and weights of rows."""
    for case in cases(loss, dtype, weighted=True):
        plain = record(replace(case, loss_settings={}, weighted=False))
        spec = replace(plain.spec, loss_settings=record(case).spec.loss_settings)
        claimed = replace(plain, spec=spec, sample_weight=next(case.given()).sample_weight)
        assert {"C", "BP1"} <= broken(claimed)


# other right ways to write them: of (a or z, y, s) with W, EPS or P


EPS = 0.3


def rows(array):
    """A column."""
    return array[:, np.newaxis]


def log_softmax(z):
    """s - log sum e^s."""
    below = z - z.max(axis=1, keepdims=True)
    return below - np.log(np.exp(below).sum(axis=1, keepdims=True))


def in_two_parts(z, y, s):
    """PyTorch's (1 - eps) nll + eps / k smooth, each divided by the sum."""
    w, log_p = np.asarray(W, z.dtype), -log_softmax(z)
    D = (s * w[y]).sum()
    nll = (s * w[y] * log_p[np.arange(len(y)), y]).sum() / D
    smooth = (s * (log_p * w).sum(axis=1)).sum() / D
    return (1 - EPS) * nll + EPS / z.shape[1] * smooth


def normalised_first(z, y, s):
    """Weights that sum to 1, and no division after them."""
    w = np.asarray(W, z.dtype)
    share = s * w[y] / (s * w[y]).sum()
    even = share / w[y]
    T = (1 - EPS) * one_hot(y, 3, z.dtype) + EPS / z.shape[1]
    return -((rows(even) * w) * T * log_softmax(z)).sum()


def smoothed_by_k_minus_1(z, y, s):
    """1 - eps (k - 1) / k at the label, eps / k elsewhere."""
    w, k = np.asarray(W, z.dtype), z.shape[1]
    T = np.where(one_hot(y, k) == 1, 1 - EPS * (k - 1) / k, EPS / k).astype(z.dtype)
    return (rows(s) * (w * (T * -log_softmax(z)))).sum() / np.dot(s, w[y])


def weighted_targets(z, y, s):
    """T as it is defined, in another order."""
    w = np.asarray(W, z.dtype)
    T = w * (one_hot(y, 3, z.dtype) - EPS * one_hot(y, 3, z.dtype) + EPS / z.shape[1])
    return T * rows(s), np.dot(s, w[y])


def delta_in_order(z, y, s):
    """(p sum T - T) / D."""
    T, D = weighted_targets(z, y, s)
    return (Softmax().value(z) * T.sum(axis=1, keepdims=True) - T) / D


def delta_divided_first(z, y, s):
    """T / D first, as autograd has it."""
    T, D = weighted_targets(z, y, s)
    g = -T / D
    return g - np.exp(log_softmax(z)) * g.sum(axis=1, keepdims=True)


def by_log_weight(z, y, s):
    """PyTorch's (1 - y) z + (1 + (p - 1) y) (log(1 + e^-|z|) + max(-z, 0)), times w."""
    w, p = np.asarray(W2, z.dtype), np.asarray(P, z.dtype)
    soft = np.log1p(np.exp(-np.abs(z))) + np.maximum(-z, 0)
    each = ((1 - y) * z + (1 + (p - 1) * y) * soft) * w
    return (rows(s) * each).sum() / (s.sum() * z.shape[1])


def by_softplus(z, y, s):
    """p y softplus(-z) + (1 - y) softplus(z)."""
    w, p = np.asarray(W2, z.dtype), np.asarray(P, z.dtype)
    above, below = np.logaddexp(0, z), np.logaddexp(0, -z)
    each = (p * y * below + (1 - y) * above).astype(z.dtype)
    return (each * w * rows(s) / s.sum()).mean(axis=1).sum()


def delta_by_log_weight(z, y, s):
    """PyTorch's ((p y + 1 - y) sigmoid(z) - p y) w / D."""
    w, p = np.asarray(W2, z.dtype), np.asarray(P, z.dtype)
    t = p * y
    return ((t + 1 - y) / (1 + np.exp(-z)) - t) * w * rows(s) / (s.sum() * z.shape[1])


def delta_of_both_terms(z, y, s):
    """w s ((1 - y) sigmoid(z) - p y sigmoid(-z)) / D."""
    w, p = np.asarray(W2, z.dtype), np.asarray(P, z.dtype)
    D = s.sum() * z.shape[1]
    return w * rows(s / D) * ((1 - y) / (1 + np.exp(-z)) - p * y / (1 + np.exp(z)))


def squares_normalised_first(a, y, s):
    """Weights of mean 1, and a mean over n."""
    return (rows(s * len(s) / s.sum()) * (a - y) ** 2).mean()


def delta_normalised_first(a, y, s):
    """2 (a - y) / k, times s over its sum."""
    return 2 * (a - y) / a.shape[1] * rows(s / s.sum())


FORMS = [
    ("softmax_cross_entropy", {"weight": W, "label_smoothing": EPS}, costs, deltas)
    for costs, deltas in (
        ((in_two_parts, normalised_first, smoothed_by_k_minus_1), ()),
        ((), (delta_in_order, delta_divided_first)),
    )
] + [
    (
        "sigmoid_cross_entropy",
        {"weight": W2, "pos_weight": P},
        (by_log_weight, by_softplus),
        (delta_by_log_weight, delta_of_both_terms),
    ),
    ("mse", {}, (squares_normalised_first,), (delta_normalised_first,)),
]


@in_both_dtypes
@pytest.mark.parametrize(("loss", "settings", "costs", "deltas"), FORMS)
def test_every_way_to_write_them_passes(loss, settings, costs, deltas, dtype):
    """As PyTorch has it, and as books and other libraries do."""
    k, kind = len(settings.get("weight", W)), targets_of(loss)[0]
    for spread in (0.6, 4.0):
        what = {"targets": kind, "loss_settings": settings, "deviation": spread}
        step = record(Case("", (3, 4, k), loss=loss, dtype=dtype, weighted=True, **what))
        given, top = (step.y, step.sample_weight), step.layers[-1]
        for form in costs:
            value = float(form(top.a, *given))
            assert "C" not in broken(replace(step, loss=value)), form.__name__
        for form in deltas:
            layer = replace(top, delta=np.asarray(form(top.a, *given), dtype))
            # what is computed from it is another matter
            bad = broken(replace(step, layers=(*step.layers[:-1], layer)))
            assert "BP1" not in bad, form.__name__


# records


CASE = Case("", (3, 4, 3), batch=7, loss_settings={"weight": W}, weighted=True)
EXPECTED = "expected a finite sum > 0; leave such rows out, take larger batches, or reduction='sum'"
KNOWN = "weight, ignore_index, reduction, label_smoothing"
REFUSED = {
    "unknown": (
        {"loss_settings": {"weigth": W}},
        {},
        f"certify: setting of softmax_cross_entropy has 'weigth', expected one of {KNOWN}",
    ),
    "of another loss": (
        {"loss_settings": {"pos_weight": W}},
        {},
        f"certify: setting of softmax_cross_entropy has 'pos_weight', expected one of {KNOWN}",
    ),
    "negative": (
        {"loss_settings": {"weight": (1.0, -1.0, 1.0)}},
        {},
        "SoftmaxCrossEntropy: weight has -1, expected weights >= 0",
    ),
    "too few": (
        {"loss_settings": {"weight": (1.0, 1.0)}},
        {},
        "SoftmaxCrossEntropy: weight has shape (2,), expected (3,), one for each output",
    ),
    "reduction": (
        {"loss_settings": {"reduction": "none"}},
        {},
        "SoftmaxCrossEntropy: reduction has 'none', expected 'mean' or 'sum'",
    ),
    "rows": (
        {},
        {"sample_weight": np.ones(3)},
        "certify: sample_weight has float64 (3,), expected float64 (7,)",
    ),
    "dtype of rows": (
        {},
        {"sample_weight": np.ones(7, np.float32)},
        "certify: sample_weight has float32 (7,), expected float64 (7,)",
    ),
    "a negative row": (
        {},
        {"sample_weight": np.array([1.0] * 6 + [-2.0])},
        "certify: sample_weight has -2, expected finite weights >= 0",
    ),
    "no number": (
        {},
        {"sample_weight": np.array([1.0] * 6 + [np.nan])},
        "certify: sample_weight has nan, expected finite weights >= 0",
    ),
    "nothing counts": (
        {},
        {"sample_weight": np.zeros(7)},
        f"SoftmaxCrossEntropy: weights of the rows have the sum 0, {EXPECTED}",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_weight_is_refused(what):
    """The sentence says what the record has, and what is expected."""
    spec, changed, sentence = REFUSED[what]
    step = record(CASE)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        certify(replace(step, spec=replace(step.spec, **spec), **changed))


def test_weights_that_are_no_array_are_refused():
    """A list has no dtype; settings that are no mapping have no names."""
    step = record(CASE)
    with pytest.raises(TypeError, match=r"^certify: sample_weight has type list, expected "):
        certify(replace(step, sample_weight=[1.0] * 7))
    with pytest.raises(TypeError, match=r"^certify: loss_settings has type tuple, expected Map"):
        certify(replace(step, spec=replace(step.spec, loss_settings=())))


def test_settings_that_change_on_the_way_break_the_wiring():
    """Two steps of one run have one loss."""
    net, optimizer = CASE.network(), CASE.make_optimizer()
    loss = CASE.make_loss()
    first, second = (
        record_refnet(net, given.x, given.y, loss, optimizer, sample_weight=given.sample_weight)
        for given in CASE.given()
    )
    assert certify(second, first).passed
    changed = replace(second.spec, loss_settings={"weight": W[::-1]})
    wired = [r for r in certify(replace(second, spec=changed), first).broken if not r.allowed]
    assert "loss_settings" in [result.quantity for result in wired]


def test_records_with_other_weights_are_not_compared():
    """Nor is one with weights of rows and one without."""
    step = record(CASE)
    assert compare(step, step).passed
    for other in (None, step.sample_weight * 2):
        with pytest.raises(ValueError, match=r"^compare: sample_weight differs between"):
            compare(replace(step, sample_weight=other), step)
    spec = replace(step.spec, loss_settings={})
    with pytest.raises(ValueError, match=r"^compare: loss_settings has \{\}, expected"):
        compare(replace(step, spec=spec), step)


@in_both_dtypes
@pytest.mark.parametrize("loss", ["mse", "half_squared_error"])
def test_a_row_of_weight_0_that_overflows_is_not_judged(loss, dtype):
    """Its cost is infinite, and 0 times that is no number."""
    fmt, s = FORMATS[dtype], np.array([1, 0], dtype)
    for far, judged in ((2.0, True), (4.0 * float(np.sqrt(np.finfo(dtype).max)), False)):
        a = np.array([[1.0], [far]], dtype)
        with np.errstate(over="ignore"):  # as statements ignores it
            claim = LOSS_ENTRIES[loss]().value(fmt, a, np.zeros_like(a), s)
        assert np.isfinite(claim.exact)
        assert claim.judged.all() == judged
