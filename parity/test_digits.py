"""Real handwritten digits: the steps that `fit` took, compared one by one with the twin's."""

import numpy as np
import pytest

from parity.digits import load, train
from refnet.optimizers import Adam


@pytest.fixture(scope="module")
def trained():
    """Two epochs of the main job: 68 free-running steps of plain gradient descent."""
    return train(seed=0, epochs=2)


def test_the_seed_is_that_of_the_split_too(trained):
    """Another seed trains on other digits, from other weights."""
    other = train(seed=1, epochs=1)
    assert np.array_equal(other.split.x, load(1).x)
    assert not np.array_equal(other.split.x, trained.split.x)
    assert other.epochs[0].loss != trained.epochs[0].loss


def test_fifty_and_more_sgd_steps_agree(trained):
    """Every quantity of every step agrees, with nothing corrected on the way."""
    assert len(trained.steps) >= 50
    assert trained.first is None, trained.first


def test_losses_labels_and_accuracies_are_the_same(trained):
    """What a user looks at agrees too: the two losses, the labels of the test images, the accuracies."""
    assert trained.same_labels
    for pair in trained.epochs:
        assert pair.accuracy == pair.twin_accuracy
        rows = len(trained.split.x)
        assert abs(pair.loss - pair.twin_loss) <= rows * np.finfo(np.float64).eps * pair.loss
    assert trained.epochs[-1].loss < trained.epochs[0].loss


def test_the_twin_went_on_its_own_way(trained):
    """The twin's weights are its own: they differ from refnet's by rounding, and both have moved."""
    assert trained.weight_difference > 0.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adam_steps_agree(dtype):
    """An adaptive rule agrees as well, in both dtypes."""
    result = train(seed=1, epochs=1, dtype=dtype, optimizer=Adam(lr=0.01))
    assert result.first is None, result.first


def test_a_wrong_step_is_seen(monkeypatch):
    """Were refnet's derivative of tanh wrong, the first step would say so and name the equation."""
    monkeypatch.setattr("refnet.activations.Tanh.derivative", lambda self, z, a: 1.0 - a)
    result = train(seed=0, epochs=1)
    step, agreement = result.first
    assert (step, agreement.first.equation, agreement.first.layer) == (1, "BP2", 1)


def test_the_split_is_sixty_to_forty_and_scaled_on_the_training_part():
    """No number of the test part enters the scaling."""
    split = load(seed=0)
    assert (len(split.x), len(split.x_test)) == (1078, 719)
    constant = split.x.std(axis=0) == 0
    bound = len(split.x) * np.finfo(np.float64).eps * np.abs(split.x).max()
    assert np.abs(split.x.mean(axis=0)).max() <= bound
    assert np.abs(split.x.std(axis=0)[~constant] - 1).max() <= bound
    assert np.abs(split.x_test.mean(axis=0)).max() > bound
