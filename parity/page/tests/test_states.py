"""The state of an optimizer, as the page's engine has it."""

import numpy as np
import pytest

import refnet
from refnet.explanation.page.words import STATE
from refnet.optimizers import OPTIMIZERS

# settings with which an optimizer keeps all that it can
KEEPS = {
    "sgd": {"momentum": 0.9},
    "adagrad": {},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "adam": {"amsgrad": True},
    "adamw": {"amsgrad": True},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_vector_of_a_state_has_its_name_in_the_engine(name):
    """By the vectors that a step leaves."""
    net = refnet.Network([refnet.Dense(np.eye(2), np.zeros(2), "tanh")])
    rule = OPTIMIZERS[name](**KEEPS[name])
    rule.step(net, net.loss_and_gradients([[1.0, 2.0]], [[0.0, 1.0]], "mse")[1])
    assert {*rule.state} - {"steps"} == {*STATE[name]}
    assert {*rule.letters.values()} == {*STATE[name]}
