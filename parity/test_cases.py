"""The case table as tests, and what the table itself must contain."""

from dataclasses import replace

import numpy as np
import pytest

from parity.cases import ARCHITECTURES, CASES, PAIRS, RATES, RULES, STEPS, TRAINABLE
from parity.sweep import Outcome, sweep
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


def check(outcome: Outcome) -> None:
    """Every step agrees; the failure names case, step, equation, layer and entry."""
    assert outcome.passed, str(outcome)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_two_train_alike(case):
    """Outputs, gradients, state and weights agree over five free-running steps with a changing learning rate."""
    (outcome,) = sweep([case])
    assert len(outcome.steps) == STEPS
    check(outcome)


@pytest.mark.parametrize("case", CASES[:: len(CASES) // 40], ids=lambda case: case.id)
def test_other_seeds_train_alike(case):
    """The agreement does not hang on the weights and data of one seed."""
    for outcome in sweep([replace(case, seed=seed) for seed in (1, 2)]):
        check(outcome)


def test_every_allowed_pair_stands_in_the_table():
    """Each loss stands behind every output that it reads, under every trainable hidden activation."""
    allowed = {
        (loss, output)
        for loss, kind in LOSSES.items()
        for output, activation in ACTIVATIONS.items()
        if activation.trainable and (not kind.outputs or issubclass(activation, kind.outputs))
    }
    assert {(case.loss, case.output, case.hidden) for case in PAIRS} == {(*pair, (hidden,)) for pair in allowed for hidden in TRAINABLE}


def test_every_rule_stands_in_the_table_with_each_of_its_settings():
    """Each optimizer is there plainly, and each of its settings departs from its default somewhere."""
    for name, kind in OPTIMIZERS.items():
        default = kind().hyperparameters
        given = [case.make_optimizer().hyperparameters for case in RULES if case.optimizer == name]
        unvaried = {key for key in default if all(settings[key] == default[key] for settings in given)}
        # lr varies from step to step; these four keep their default in a float comparison of no interest, or have only one sensible value
        assert unvaried <= {"lr", "eps", "alpha", "betas"}, (name, unvaried)


def test_layer_sizes_are_distinct_primes_or_a_place_where_mistakes_hide():
    """No array of an ordinary case fits where another belongs."""
    for case in (*PAIRS, *RULES):
        assert len(set(case.sizes)) == len(case.sizes)
        assert all(size > 1 and all(size % k for k in range(2, size)) for size in case.sizes)
    shapes = {case.sizes for case in ARCHITECTURES}
    assert any(len(sizes) == 2 for sizes in shapes), "one layer"
    assert any(1 in sizes[1:-1] for sizes in shapes), "width 1"
    assert any(len(set(sizes)) == 1 and len(sizes) > 2 for sizes in shapes), "square layers"
    assert {case.batch for case in ARCHITECTURES} >= {1, 2}


@pytest.mark.parametrize("case", CASES[::17], ids=lambda case: case.id)
def test_no_case_has_a_blind_spot(case):
    """Weights are asymmetric, biases are not zero, no two steps share data, and the learning rate changes."""
    for layer in case.network().layers:
        assert (layer.b != 0).all()
        if layer.fan_in == layer.fan_out > 1:
            assert not np.array_equal(layer.W, layer.W.T)
    xs = [x for x, _, _ in case.steps()]
    assert not np.array_equal(xs[0], xs[1])
    assert len(set(RATES)) == len(RATES) == STEPS


def test_ids_are_unique():
    """A failure names exactly one case."""
    assert len({case.id for case in CASES}) == len(CASES)
