"""An activation, a loss or an optimizer that is new in refnet is missed by name, with
the file of this wing to edit: its restatements, its formulas, and the oracles and
spellings that these are tried with.
"""

import numpy as np
import pytest

from parity.proof import formulas
from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.entries import ALL_STATE
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.tests import spelled_rules, spellings, test_formulas, truth
from parity.rounding.bounded import Bounded
from parity.rounding.formats import FORMATS
from parity.steps.cases import outputs_of, targets_of
from parity.steps.tests.newcomers import Consulted, averages_over_outputs, lacking, trainable
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

EQUATIONS = "parity/proof/equations"
FORMULAS, TRUTH = "parity/proof/formulas.py", "parity/proof/tests/truth.py"
SPELLINGS, ROWWISE = "parity/proof/tests/spellings.py", {"softmax"}
FORMULAS_TEST = "parity/proof/tests/test_formulas.py"
TRAINABLE = trainable(ACTIVATIONS)


def losses_of(gradients, pairs):
    """The losses with a gradient, or with an output delta of their own."""
    return {*gradients, *(loss for loss, _ in pairs)}


TABLES = [
    (
        "parity/proof/equations/activations.py",
        "ACTIVATION_ENTRIES",
        ACTIVATION_ENTRIES,
        ACTIVATIONS,
    ),
    (f"{EQUATIONS}/losses.py", "LOSS_ENTRIES", LOSS_ENTRIES, LOSSES),
    (f"{EQUATIONS}/updates.py", "RULE_ENTRIES", RULE_ENTRIES, OPTIMIZERS),
    (FORMULAS, "VALUES", formulas.VALUES, ACTIVATIONS),
    (FORMULAS, "PULLBACKS", formulas.PULLBACKS, ACTIVATIONS),
    (FORMULAS, "COSTS", formulas.COSTS, LOSSES),
    (FORMULAS, "GRADIENTS or FUSED", losses_of(formulas.GRADIENTS, formulas.FUSED), LOSSES),
    (FORMULAS, "STATES", formulas.STATES, OPTIMIZERS),
    (FORMULAS, "STEPS", formulas.STEPS, OPTIMIZERS),
    (TRUTH, "VALUES", {*truth.VALUES, *truth.KINKED, *ROWWISE}, ACTIVATIONS),
    (TRUTH, "DERIVATIVES", {*truth.DERIVATIVES, *truth.KINKED, *ROWWISE}, TRAINABLE),
    (TRUTH, "COSTS", truth.COSTS, LOSSES),
    (TRUTH, "GRADIENTS or CANCELLED", losses_of(truth.GRADIENTS, truth.CANCELLED), LOSSES),
    (TRUTH, "RULES", truth.RULES, OPTIMIZERS),
    (FORMULAS_TEST, "VALUES", test_formulas.VALUES, ACTIVATIONS),
    (FORMULAS_TEST, "PULLBACKS", test_formulas.PULLBACKS, ACTIVATIONS),
    (SPELLINGS, "VALUE_FORMS", spellings.VALUE_FORMS, TRAINABLE),
    (SPELLINGS, "PULLBACKS", spellings.PULLBACKS, TRAINABLE),
    (SPELLINGS, "COST_FORMS", spellings.COST_FORMS, LOSSES),
    (
        SPELLINGS,
        "GRADIENTS or DELTA_FORMS",
        losses_of(spellings.GRADIENTS, spellings.DELTA_FORMS),
        LOSSES,
    ),
    ("parity/proof/tests/spelled_rules.py", "RULE_FORMS", spelled_rules.RULE_FORMS, OPTIMIZERS),
]


@pytest.mark.parametrize(
    ("file", "table", "keys", "kinds"), TABLES, ids=[f"{file} {name}" for file, name, *_ in TABLES]
)
def test_every_kind_of_refnet_has_its_entry(file, table, keys, kinds):
    """The room has an entry for each, and none besides."""
    assert lacking(file, table, keys, kinds) == []


@pytest.mark.parametrize("loss", LOSSES)
def test_every_output_of_a_loss_has_its_delta(loss):
    """A loss without a gradient of its own has a formula for each output it allows."""
    if loss not in formulas.GRADIENTS:
        outputs = {output for name, output in formulas.FUSED if name == loss}
        assert outputs == set(outputs_of(loss)), f"{FORMULAS}: FUSED, {loss!r}"


@pytest.mark.parametrize("name", [name for name in LOSSES if "labels" not in targets_of(name)])
def test_the_truth_divides_as_the_loss_does(name):
    """The losses that take labels have no value for a single output."""
    mean = averages_over_outputs(LOSSES[name]())
    says = f"{TRUTH}: OVER_OUTPUTS should {'' if mean else 'not '}have {name}"
    assert (name in truth.OVER_OUTPUTS) == mean, says


@pytest.mark.parametrize("rule", RULE_ENTRIES)
def test_every_vector_of_a_rule_has_its_formula(rule):
    """The state that a rule's entry keeps is the state that the formulas and the truth
    step.
    """
    vectors = set(RULE_ENTRIES[rule]().keeps(ALL_STATE))
    assert set(formulas.STATES[rule]) == vectors, f"{FORMULAS}: STATES[{rule!r}]"
    assert set(truth.RULES[rule]) == {"theta", *vectors}, f"{TRUTH}: RULES[{rule!r}]"


@pytest.mark.parametrize("rule", RULE_ENTRIES)
def test_every_vector_is_made_of_the_inputs_that_its_entry_names(rule):
    """The formulas read those of the new state, and no others."""
    entry, h = RULE_ENTRIES[rule](), OPTIMIZERS[rule]().hyperparameters
    h |= {name: value for name, value in ALL_STATE.items() if name in h}
    vectors, theta = entry.keeps(h), np.ones(1)
    one = Bounded(theta, np.zeros(1), FORMATS["float64"])
    for vector in vectors:
        new = Consulted(dict.fromkeys(vectors, one))
        formulas.new_state(rule, vector, h, theta, one, dict.fromkeys(vectors, theta), new)
        says = f"parity/proof/equations: inputs({vector!r}) of the entry of {rule!r}"
        assert {*entry.inputs(vector, h)} == new.asked, says
