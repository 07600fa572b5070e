"""The gaps between two records: the largest absolute differences, by kind."""

import math
from dataclasses import replace

import numpy as np
import pytest

from parity.experiments.job.gaps import Gaps, gaps_between, largest
from parity.experiments.job.sweep import sweep
from parity.steps.cases import Case
from parity.steps.record import record_refnet
from refnet.building import mlp
from refnet.optimizers import SGD

OFF = 0.5  # a power of two, and larger than what rounding does to the sum below


def record(dtype="float64"):
    """A step of 7-5-3."""
    case = Case("", dtype=dtype)
    x, y, _ = next(case.steps())
    return record_refnet(case.network(), x, y, case.make_loss(), case.make_optimizer())


def changed(step, name, layer, change):
    """The record with one array of one layer changed."""
    if name in ("W", "b"):
        arrays = list(getattr(step.after, name))
        arrays[layer] = change(arrays[layer])
        return replace(step, after=replace(step.after, **{name: tuple(arrays)}))
    layers = list(step.layers)
    layers[layer] = replace(layers[layer], **{name: change(getattr(layers[layer], name))})
    return replace(step, layers=tuple(layers))


def moved(array, by=OFF):
    """The array with its last entry off by so much."""
    array = array.copy()
    array.flat[-1] += by
    return array


KINDS = {
    ("a", 0): {"activations"},
    ("a", 1): {"activations", "outputs"},
    ("dW", 0): {"gradients"},
    ("dW", 1): {"gradients"},
    ("db", 0): {"gradients"},
    ("db", 1): {"gradients"},
    ("W", 0): {"weights"},
    ("W", 1): {"weights"},
    ("b", 0): {"weights"},
    ("b", 1): {"weights"},
    ("z", 0): set(),
}
every_array = pytest.mark.parametrize(("name", "layer"), KINDS)


def test_equal_records_have_no_gaps():
    """Not one of the four."""
    assert gaps_between(record(), record()) == Gaps(0.0, 0.0, 0.0, 0.0)


@every_array
@pytest.mark.parametrize("by", [OFF, -OFF])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_gap_is_the_largest_difference_of_its_kind_alone(name, layer, by, dtype):
    """An entry that is off, whichever way, makes the gap of its kind, and no other."""
    ours = record(dtype)
    theirs = changed(ours, name, layer, lambda array: moved(array, by))
    for pair in ((ours, theirs), (theirs, ours)):
        gaps = gaps_between(*pair)._asdict()
        assert {kind for kind, gap in gaps.items() if gap} == KINDS[name, layer]
        eps = np.finfo(dtype).eps  # the changed entry, of at most 4, was rounded once
        assert all(abs(gaps[kind] - OFF) <= 4 * eps for kind in KINDS[name, layer])


@every_array
@pytest.mark.parametrize(
    "change",
    [
        lambda array: np.full_like(array, np.nan),
        lambda array: moved(array, np.inf),
        lambda array: array[..., :-1],
    ],
    ids=["NaN", "inf", "shape"],
)
def test_where_no_difference_is_defined_the_gap_is_nan(name, layer, change):
    """It does not pass for a small one."""
    ours = record()
    gaps = gaps_between(ours, changed(ours, name, layer, change))._asdict()
    assert {kind for kind, gap in gaps.items() if math.isnan(gap)} == KINDS[name, layer]


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", ["a", "dW", "db"])
def test_where_an_array_is_missing_the_gap_is_nan(name, layer):
    """A record may leave out any array of a layer."""
    ours = record()
    gaps = gaps_between(changed(ours, name, layer, lambda array: None), ours)._asdict()
    assert {kind for kind, gap in gaps.items() if math.isnan(gap)} == KINDS[name, layer]


def test_where_no_new_weights_are_shown_their_gap_is_nan():
    """A record may leave out what comes after the step."""
    ours = record()
    assert math.isnan(gaps_between(ours, replace(ours, after=None)).weights)


def test_the_largest_of_many_steps_is_taken_by_kind():
    """A step without a comparison does not count; NaN is not lost, wherever it is."""
    steps = [Gaps(1.0, 2.0, 0.0, 4.0), None, Gaps(0.5, 3.0, 1.0, 0.0)]
    assert largest(steps) == Gaps(1.0, 3.0, 1.0, 4.0)
    assert largest([]) == Gaps(0.0, 0.0, 0.0, 0.0)
    for order in ([Gaps(outputs=math.nan), *steps], [*steps, Gaps(outputs=math.nan)]):
        assert math.isnan(largest(order).outputs)
        assert largest(order)[1:] == (3.0, 1.0, 4.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_sweep_measures_every_step(dtype):
    """The gaps are there, and of the size of rounding: a hundred units in the last
    place of 1 are more than 7-5-3 comes to.
    """
    (outcome,) = sweep([Case("", dtype=dtype)])
    for step in outcome.steps:
        assert all(0.0 <= gap <= 100 * np.finfo(dtype).eps for gap in step.gaps)
    assert max(max(step.gaps) for step in outcome.steps) > 0.0


def test_a_layer_without_biases_has_no_gap_of_them():
    """Neither side shows db there."""
    net = mlp([3, 4, 2], output="identity", bias=False)
    x, y = np.ones((5, 3)), np.zeros((5, 2))
    records = [record_refnet(net.copy(), x, y, "mse", SGD()) for _ in "12"]
    assert all(layer.db is None for record in records for layer in record.layers)
    assert gaps_between(*records) == Gaps()
