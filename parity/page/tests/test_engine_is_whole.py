"""The page's engine has all that refnet has, so that a class that is new is not
forgotten there.
"""

import subprocess

import numpy as np
import pytest

import refnet
from parity.checking.tests.test_other_languages import EXAMPLES
from parity.tests.needed import tool
from refnet.activations import ACTIVATIONS
from refnet.explanation.page.words import STATE
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples lie in a checkout alone")
def test_what_is_proved_of_the_engine_is_all_that_refnet_has():
    """`parity check` tries what the engine declares: every activation that can be
    trained, every loss, every optimizer.
    """
    command = [tool("node"), str(EXAMPLES / "engine.js"), "--describe"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    trained = {name for name, kind in ACTIVATIONS.items() if kind.trainable}
    assert {*lines["activations"].split()} == trained
    assert {*lines["losses"].split()} == {*LOSSES}
    assert {*lines["optimizers"].split()} == {*OPTIMIZERS}


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
