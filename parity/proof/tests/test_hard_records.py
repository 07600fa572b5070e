"""Records that once got past a certificate, or that a right program gave and a
certificate refused: each stays as it should be.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import refnet
from parity import certify, compare, record_refnet, record_torch
from parity.experiments.job.sweep import side_by_side
from parity.steps.cases import CASES, DTYPES

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def first_step(optimizer, dtype="float64", hidden="tanh", y=None):
    """A first step of a small network by refnet."""
    net = refnet.mlp([4, 5, 3], hidden, "identity", seed=2, dtype=dtype)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(6, 4)).astype(dtype)
    y = rng.normal(size=(6, 3)).astype(dtype) if y is None else y
    return record_refnet(net, x, y, "mse" if y.ndim == 2 else "softmax_cross_entropy", optimizer)


@pytest.mark.parametrize("lr", [1e-5, 1e-8, 1e-10, 1e-12])
def test_a_rate_that_underflows_before_the_division_is_allowed(lr):
    """torch.optim.RMSprop forms lr d first: what that loses is not scaled by lr, and is
    within the bound.
    """
    model = nn.Sequential(nn.Linear(1, 1))
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=lr, eps=1e-30)
    record = record_torch(model, [[1.3e-17]], [[1.7e-17]], nn.MSELoss(), optimizer)
    assert certify(record).broken == ()


def test_a_difference_that_overflows_on_the_way_to_a_mean_is_not_judged():
    """torch.optim.Adam forms g - m, which overflows where g and m are as large as can
    be and of opposite signs.
    """
    record = first_step(refnet.Adam(), "float32")
    m = record.before.state["exp_avg"].copy()
    m[0], dW = -2.5e38, record.layers[0].dW.copy()
    dW[0, 0] = 2.5e38
    layers = (replace(record.layers[0], dW=dW), record.layers[1])
    record = replace(
        record,
        layers=layers,
        before=replace(record.before, state={**record.before.state, "exp_avg": m}),
    )
    (mean,) = [r for r in certify(record).results if (r.quantity, r.layer) == ("exp_avg of W", 1)]
    assert (mean.status, mean.note) == ("not judged", "overflow in 1 of 20 entries")


@in_both_dtypes
@pytest.mark.parametrize(
    "optimizer",
    [refnet.Adam, refnet.AdamW, refnet.RMSprop, refnet.Adagrad],
    ids=lambda kind: kind.name,
)
def test_a_first_step_starts_from_the_state_of_its_rule(optimizer, dtype):
    """Moments that start from 1, or an accumulator that ignores its initial value, are
    wrong; the rule's own start is right.
    """
    for given in ({}, {"initial_accumulator_value": 0.3} if optimizer is refnet.Adagrad else {}):
        record = first_step(optimizer(**given), dtype)
        assert certify(record).passed
        for name, vector in record.before.state.items():
            wrong = replace(
                record,
                before=replace(
                    record.before,
                    state={**record.before.state, name: vector + vector.dtype.type(1)},
                ),
            )
            (result,) = [r for r in certify(wrong).results if r.quantity == f"{name} before"]
            start = given.get("initial_accumulator_value", 0)
            assert (result.status, result.note) == (
                "wrong",
                f"other values than {start:g}, from which {optimizer.name} starts",
            )


def test_the_next_step_is_of_the_same_run():
    """Another activation, loss or hyper-parameter than in the step before is wrong
    wiring; only the rate may change.
    """
    case = next(case for case in CASES if case.settings == {"momentum": 0.9, "weight_decay": 0.1})
    (first, _), (second, _), *_ = side_by_side(case)
    assert first.spec.hyperparameters["lr"] != second.spec.hyperparameters["lr"]
    assert certify(second, first).passed
    changes = {
        "activations": (*[("relu", {})] * (len(case.sizes) - 2), first.spec.activations[-1]),
        "hyperparameters": {**first.spec.hyperparameters, "weight_decay": 0.2},
    }
    for field, value in changes.items():
        other = replace(first, spec=replace(first.spec, **{field: value}))
        named = {r.quantity for r in certify(second, other).broken if r.equation == "wiring"}
        assert named == {"weight_decay" if field == "hyperparameters" else field}


def test_what_masks_its_entries_does_not_pass():
    """A masked array compares with nothing: it is no array here, wherever it stands."""
    record = first_step(refnet.SGD())
    masked = np.ma.masked_array(2.0 * record.after.W[0], mask=True)
    certificate = certify(
        replace(record, after=replace(record.after, W=(masked, record.after.W[1])))
    )
    assert [(r.quantity, r.layer, r.note) for r in certificate.broken] == [
        ("W", 1, "type MaskedArray, expected an array")
    ]
    layers = (
        replace(record.layers[0], a=np.ma.masked_array(record.layers[0].a, mask=True)),
        record.layers[1],
    )
    assert (
        certify(replace(record, layers=layers)).broken[0].note
        == "type MaskedArray, expected an array"
    )
    with pytest.raises(TypeError, match=r"^certify: x has type MaskedArray, expected an array$"):
        certify(replace(record, x=np.ma.masked_array(record.x, mask=True)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda r: {"spec": replace(r.spec, step=1.5)},
            "sizes and step has type float, expected int",
        ),
        (
            lambda r: {"spec": replace(r.spec, sizes=(4.0, 5.0, 3.0))},
            "sizes and step has type float, expected int",
        ),
        (
            lambda r: {"spec": replace(r.spec, hyperparameters=None)},
            "state and hyperparameters has type NoneType, expected Mapping",
        ),
        (lambda r: {"layers": (None, None)}, "layer has type NoneType, expected LayerRecord"),
        (lambda r: {"before": None}, "before has type NoneType, expected Snapshot"),
        (lambda r: {"x": None}, "x has type NoneType, expected an array"),
        (
            lambda r: {"x": r.x[:0], "y": r.y[:0]},
            r"x has shape \(0, 4\), expected at least one row",
        ),
        (
            lambda r: {"after": replace(r.after, state={"v": r.after.W[0]})},
            "state has 'v', expected nothing, which sgd keeps",
        ),
    ],
)
def test_a_record_of_another_make_is_refused_in_a_sentence(change, sentence):
    """What cannot be part of a record is refused by name, not by an exception from
    deep inside.
    """
    record = first_step(refnet.SGD())
    with pytest.raises((TypeError, ValueError), match=f"^certify: {sentence}$"):
        certify(replace(record, **change(record)))


@pytest.mark.parametrize("loss", ["0.7", 1j, np.array([0.7])])
def test_a_cost_that_is_no_number_is_wrong(loss):
    """Text, a complex number or an array of one is no cost, whatever could be read in
    it.
    """
    (result,) = certify(replace(first_step(refnet.SGD()), loss=loss)).broken
    assert (result.equation, result.status) == ("C", "wrong")
    assert result.note.endswith("expected a real number")


def test_labels_are_integers():
    """Booleans would pick entries by a mask instead of by their number."""
    record = first_step(refnet.SGD(), y=np.array([0, 1, 0, 1, 1, 0]))
    assert certify(record).passed
    with pytest.raises((TypeError, ValueError), match=r"^certify: y has bool \(6,\), expected "):
        certify(replace(record, y=record.y.astype(bool)))


def test_an_infinite_running_bound_is_no_agreement():
    """A dead unit leaves Adam's second moment at 0 give or take rounding: its weights
    are judged, and 1000 off is refused.
    """
    net = refnet.mlp([4, 5, 3], "relu", "identity", seed=2, dtype="float32")
    net.layers[0].b[:] = -100.0
    rng = np.random.default_rng(2)
    record = record_refnet(
        net, rng.normal(size=(6, 4)), rng.normal(size=(6, 3)), "mse", refnet.Adam()
    )
    assert compare(record, record).passed
    W = record.after.W[0].copy()
    W[0, 0] += 1000.0
    other = compare(replace(record, after=replace(record.after, W=(W, record.after.W[1]))), record)
    assert (other.first.quantity, other.first.layer, other.first.index) == ("W", 1, (0, 0))
