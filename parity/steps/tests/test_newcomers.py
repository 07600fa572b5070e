"""An activation, a loss or an optimizer that is new in refnet is missed by name, with
the file of this wing to edit.
"""

import numpy as np
import pytest

import refnet
from parity.steps.cases import RULES, TRAINABLE, outputs_of, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.pytorch.counterparts import (
    HYPERPARAMETERS,
    MODULES,
    TORCH_LOSSES,
    TORCH_OPTIMIZERS,
)
from parity.steps.tests import test_pytorch
from parity.steps.tests.newcomers import lacking, trainable
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

COUNTERPARTS, CASE_TABLE = "parity/steps/pytorch/counterparts.py", "parity/steps/cases.py"


@pytest.mark.parametrize(
    ("file", "table", "keys", "kinds"),
    [
        (COUNTERPARTS, "MODULES", MODULES, ACTIVATIONS),
        (COUNTERPARTS, "TORCH_LOSSES", TORCH_LOSSES, LOSSES),
        (COUNTERPARTS, "TORCH_OPTIMIZERS", TORCH_OPTIMIZERS, OPTIMIZERS),
        (COUNTERPARTS, "HYPERPARAMETERS", HYPERPARAMETERS, OPTIMIZERS),
        ("parity/steps/tests/test_pytorch.py", "MODULES", test_pytorch.MODULES, ACTIVATIONS),
        (CASE_TABLE, "TRAINABLE", TRAINABLE, trainable(ACTIVATIONS)),
        (CASE_TABLE, "_RULES", {case.optimizer for case in RULES}, OPTIMIZERS),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_every_kind_of_refnet_has_its_entry(file, table, keys, kinds):
    """The room has an entry for each, and none besides."""
    assert lacking(file, table, keys, kinds) == []


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, each) for name, kind in ACTIVATIONS.items() for each in kind().parameters],
)
def test_every_parameter_of_an_activation_goes_to_torch_and_comes_back(name, parameter):
    """A value that is not the default is the twin's, and is read from it."""
    activation = ACTIVATIONS[name](**{parameter: 0.375})
    model = twin(refnet.mlp([2, 3], output=activation))
    optimizer = twin_optimizer(refnet.SGD(), model)
    x, y = np.ones((5, 2)), np.ones((5, 3))
    read = record_torch(model, x, y, twin_loss("mse"), optimizer).spec.activations
    assert read == ((name, activation.parameters),), (
        f"parity/steps/pytorch: module_of in counterparts.py should hand on {parameter!r} of "
        f"{name}, and _spec in records.py read it"
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_setting_of_an_optimizer_has_its_name_in_torch(name):
    """What refnet asks for can be handed to PyTorch and read from it."""
    ours = tuple(OPTIMIZERS[name]().hyperparameters)
    assert set(HYPERPARAMETERS[name]) == set(ours), f"{COUNTERPARTS}: HYPERPARAMETERS[{name!r}]"


@pytest.mark.parametrize("name", LOSSES)
def test_the_case_table_knows_which_targets_a_loss_takes(name):
    """Labels are tried where the loss takes labels, and only there."""
    loss, tried = LOSSES[name](), targets_of(name)
    assert outputs_of(name)
    try:
        loss.targets(np.array([0, 1]), 2, 3, np.dtype("float64"))
    except (TypeError, ValueError):
        assert "labels" not in tried, f"{CASE_TABLE}: targets_of({name!r}) has labels"
    else:
        assert "labels" in tried, f"{CASE_TABLE}: targets_of({name!r}) has no labels"


def test_what_lacks_an_entry_is_named():
    """The sentence has the file, the table and the class."""
    assert lacking("a.py", "T", ["old"], {"new": ValueError}) == [
        "a.py: T has no entry for ValueError ('new')",
        "a.py: T has 'old', which refnet does not have",
    ]
