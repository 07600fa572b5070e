"""Records of networks in which some layers, or all, have no biases: every equation that
there is holds, nothing is said of a db or a step of b, and a record that shows one is
refused.
"""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import refnet
from parity import FitRecorder, certify, compare, record_refnet
from parity.proof.agreement import compare_restated
from parity.proof.equations.sums import weighted_input
from parity.proof.statements import statements
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES
from refnet import Dense, Network

SIZES = (4, 3, 5, 2)
PATTERNS = ((False, False, False), (False, True, True), (True, False, True), (True, True, False))
patterns = pytest.mark.parametrize("has_bias", PATTERNS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
RULES = (
    lambda: refnet.SGD(lr=0.1),
    lambda: refnet.SGD(lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda: refnet.Adam(amsgrad=True, weight_decay=0.1),
    refnet.AdamW,
    lambda: refnet.RMSprop(centered=True, momentum=0.5),
    refnet.Adagrad,
)
rules = pytest.mark.parametrize("rule", RULES)


def network(has_bias, dtype="float64"):
    """A 4-3-5-2 network in which these layers have biases."""
    rng = np.random.default_rng(1)
    layers = zip(pairwise(SIZES), has_bias, ("tanh", "relu", "identity"), strict=True)
    return Network(
        Dense(
            rng.normal(size=(fan_out, fan_in)).astype(dtype),
            rng.normal(size=fan_out).astype(dtype) if has else None,
            f,
        )
        for (fan_in, fan_out), has, f in layers
    )


def batch(dtype="float64"):
    """Six rows and their labels."""
    rng = np.random.default_rng(2)
    return rng.normal(size=(6, 4)).astype(dtype), rng.integers(0, 2, 6)


def recorded(has_bias, rule=RULES[2], dtype="float64", steps=2):
    """The records of some steps."""
    net, optimizer = network(has_bias, dtype), rule()
    given = (net, *batch(dtype), "softmax_cross_entropy", optimizer)
    return [record_refnet(*given) for _ in range(steps)]


@dtypes
@patterns
@rules
def test_every_equation_that_there_is_holds(rule, has_bias, dtype):
    """All is shown and judged, of the first step and of the next, and BP3 and the step
    of b are those of the layers with biases.
    """
    for record, previous in pairwise([None, *recorded(has_bias, rule, dtype)][::-1]):
        certificate = certify(record, previous)
        assert certificate.passed, str(certificate)
        biased = [l for l, has in enumerate(has_bias, start=1) if has]
        results = certificate.results
        assert sorted(r.layer for r in results if r.equation == "BP3") == biased
        for quantity in ("b", *(f"{name} of b" for name in record.after.state)):
            assert [r.layer for r in results if r.quantity == quantity] == biased
        for quantity in ("z", "a", "delta", "dW", "W"):
            assert sorted(r.layer for r in results if r.quantity == quantity) == [1, 2, 3]
        assert ("b before" in {r.quantity for r in results}) == (
            previous is not None and any(biased)
        )


@patterns
def test_a_record_has_zeros_for_b_and_no_db(has_bias):
    """Before and after; vectors of the state have entries for what there is."""
    record, _ = recorded(has_bias)
    net = network(has_bias)
    assert record.spec.biases == has_bias
    assert [layer.db is not None for layer in record.layers] == [*has_bias]
    for at in (record.before, record.after):
        assert [b.shape for b in at.b] == [(size,) for size in SIZES[1:]]
        assert [b.any() for b in at.b] == [*has_bias]
        assert {vector.shape for vector in at.state.values()} == {net.parameters.shape}


@patterns
def test_what_fit_does_is_certified(has_bias):
    """The fast form's steps hold too, each from where the last one ended."""
    net, optimizer, records = network(has_bias), refnet.Adam(), []
    recorder = FitRecorder(net, "softmax_cross_entropy", optimizer, records.append)
    x, y = batch()
    refnet.fit(
        net,
        x,
        y,
        loss="softmax_cross_entropy",
        optimizer=optimizer,
        epochs=2,
        batch_size=4,
        on_step=recorder,
    )
    for record, previous in zip(records, [None, *records], strict=False):
        assert certify(record, previous).passed


@patterns
@dtypes
def test_two_records_agree(has_bias, dtype):
    """A record agrees with itself, and with its equations computed once more; a dW that
    is off is said to be.
    """
    record, _ = recorded(has_bias, dtype=dtype)
    for agreement in (compare(record, record), compare_restated(record, record)):
        assert (agreement.passed, agreement.worst) == (True, 0.0)
    (first, *others) = record.layers
    wrong = replace(record, layers=(replace(first, dW=first.dW * 2), *others))
    worst = compare(wrong, record).first
    assert (worst.equation, worst.layer, worst.quantity) == ("BP4", 1, "dW")


def test_a_bias_that_is_added_all_the_same_is_wrong():
    """z of a layer without biases is W a alone."""
    record, _ = recorded((False, True, True))
    (first, *others) = record.layers
    certificate = certify(replace(record, layers=(replace(first, z=first.z + 0.5), *others)))
    assert (certificate.broken[0].equation, certificate.broken[0].layer) == ("z", 1)


def test_the_bound_of_z_allows_for_the_products_alone():
    """As `weighted_input` has it without b, in the layer that has none."""
    record, _ = recorded((False, True, True))
    first, *_ = statements(record)
    fmt, W = FORMATS["float64"], record.before.W[0]
    assert np.array_equal(first.claim.bound, weighted_input(fmt, record.x, W, None).bound)
    assert (first.claim.bound < weighted_input(fmt, record.x, W, np.zeros(3)).bound).all()


def test_another_network_in_the_next_step_is_wrong():
    """One that has lost a bias is not the same run."""
    (first, second), (other, _) = recorded((True, True, False)), recorded((True, False, False))
    assert certify(second, first).passed
    broken = [result.quantity for result in certify(second, other).broken]
    assert "biases" in broken


def unusable():
    """A record that is refused, and why."""
    record, _ = recorded((False, True, True))
    first, *others = record.layers
    spec, before, after = record.spec, record.before, record.after
    ones = np.ones(3)
    size = network((False, True, True)).parameters.size
    longer = {name: np.append(vector, ones) for name, vector in before.state.items()}
    return {
        "db": (
            replace(record, layers=(replace(first, db=ones), *others)),
            ValueError,
            "certify: db of layer 1 is shown, expected None: it has no biases",
        ),
        "b before": (
            replace(record, before=replace(before, b=(ones, *before.b[1:]))),
            ValueError,
            (
                "certify: b of layer 1 before the step has [1. 1. 1.], expected zeros: it has no "
                "biases"
            ),
        ),
        "b after": (
            replace(record, after=replace(after, b=(ones, *after.b[1:]))),
            ValueError,
            "certify: b of layer 1 after the step has [1. 1. 1.], expected zeros: it has no biases",
        ),
        "a vector with entries for b": (
            replace(record, before=replace(before, state=longer)),
            ValueError,
            (
                f"certify: exp_avg before the step has float64 ({size + 3},), expected float64 "
                f"({size},)"
            ),
        ),
        "count": (
            replace(record, spec=replace(spec, biases=(False, True))),
            ValueError,
            "certify: record has 2 biases, expected 3 as its sizes (4, 3, 5, 2)",
        ),
        "kind": (
            replace(record, spec=replace(spec, biases=(0, 1, 1))),
            TypeError,
            "certify: biases has type int, expected bool",
        ),
        "group": (
            replace(record, spec=replace(spec, groups=((("b1",), {"lr": 0.1}),))),
            ValueError,
            "certify: group has 'b1', expected one of W1, W2, b2, W3, b3",
        ),
    }


@pytest.mark.parametrize("what", unusable())
def test_what_cannot_be_is_refused(what):
    """By name, in one sentence."""
    record, kind, sentence = unusable()[what]
    with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
        certify(record)
