"""What this wing has to know of a new activation, loss or optimizer of refnet: where it
is missing, a test names the file.

What is not listed here needs no word: the right program runs the formulas of `proof`,
and most mistakes ask refnet's tables which layers they can occur in.
"""

import numpy as np
import pytest

import refnet
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.conditions import BY_ENTRIES, BY_SAMPLES, ZERO_OR_ONE
from parity.mistakes.probes import PROBES
from parity.mistakes.rules import ADAM_RULES, ADAPTIVE_RULES, MOMENTUM_RULES, STATE, has_state
from parity.mistakes.search.replay import simulate
from parity.mistakes.slots import is_decoupled
from parity.mistakes.tests.student import RULES
from parity.proof.equations.updates import RULE_ENTRIES
from parity.steps.cases import targets_of
from parity.steps.record import record_refnet
from parity.steps.tests.newcomers import averages_over_outputs
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

SPECS = [probe.run().spec for probe in PROBES]
SETTINGS = {name: kind().hyperparameters for name, kind in OPTIMIZERS.items()}
WITH_RULES = [probe for probe in PROBES if probe.case.optimizer != "sgd"]
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def missing(wanted, listed, file, what):
    """What to say of names that a table should have and has not, or the other way
    round.
    """
    names = ", ".join(sorted(set(wanted) ^ set(listed)))
    return f"parity/mistakes/{file}: {what}: {names}"


def test_every_activation_that_trains_has_a_probe():
    """Its mistakes are seen in no other network."""
    wanted = {name for name, kind in ACTIVATIONS.items() if kind.trainable}
    probed = {name for spec in SPECS for name, _ in spec.activations}
    assert wanted == probed, missing(wanted, probed, "probes.py", "no probe has the activation")


def test_every_loss_has_a_probe():
    """Its mistakes are seen in no other network."""
    probed = {spec.loss for spec in SPECS}
    assert set(LOSSES) == probed, missing(LOSSES, probed, "probes.py", "no probe has the loss")


def test_every_optimizer_has_a_probe():
    """Its mistakes are seen in no other network."""
    probed = {spec.optimizer for spec in SPECS}
    says = missing(OPTIMIZERS, probed, "probes.py", "no probe has the optimizer")
    assert set(OPTIMIZERS) == probed, says


def test_the_student_of_the_tests_knows_every_optimizer():
    """The published mistakes are recreated in that program."""
    says = missing(OPTIMIZERS, RULES, "tests/student.py", "RULES differs from refnet's table in")
    assert set(OPTIMIZERS) == set(RULES), says


def test_every_setting_of_an_optimizer_is_changed_in_a_probe():
    """What ignores a setting is seen only where it is not the default."""
    wanted = {setting for defaults in SETTINGS.values() for setting in defaults}
    changed = {
        setting
        for spec in SPECS
        for setting, value in spec.hyperparameters.items()
        if value != SETTINGS[spec.optimizer][setting]
    }
    says = missing(wanted, changed, "probes.py", "no probe has another value than the default of")
    assert wanted == changed, says


def test_every_loss_is_a_mean_over_samples_or_over_entries():
    """The divisor of each loss is known."""
    listed = [*BY_SAMPLES, *BY_ENTRIES]
    says = missing(LOSSES, listed, "conditions.py", "not in one of BY_SAMPLES and BY_ENTRIES")
    assert sorted(LOSSES) == sorted(listed), says


@pytest.mark.parametrize("name", [name for name in LOSSES if "labels" not in targets_of(name)])
def test_a_loss_has_the_divisor_that_is_listed(name):
    """The losses that take labels have no value for a single output."""
    mean = averages_over_outputs(LOSSES[name]())
    table = "BY_ENTRIES" if mean else "BY_SAMPLES"
    says = f"parity/mistakes/conditions.py: {table} should have {name}"
    assert name in (BY_ENTRIES if mean else BY_SAMPLES), says


@pytest.mark.parametrize("name", [name for name, kind in ACTIVATIONS.items() if kind.trainable])
def test_an_activation_whose_derivative_is_0_or_1_is_listed(name):
    """There a second factor f' changes nothing, so it is no mistake."""
    z, f = np.linspace(-3.0, 3.0, 13).reshape(1, -1), ACTIVATIONS[name]()
    a, g = f.value(z), np.arange(1.0, 14.0).reshape(1, -1)
    once = f.pullback(g, z, a)
    same = np.array_equal(f.pullback(once, z, a), once)
    says = f"parity/mistakes/conditions.py: ZERO_OR_ONE should {'' if same else 'not '}have {name}"
    assert same == (name in ZERO_OR_ONE), says


@each_optimizer
def test_the_tables_of_rules_know_every_optimizer(name):
    """Those with an eps, those with betas and those with a momentum."""
    for table, listed, setting in (
        ("ADAPTIVE_RULES", ADAPTIVE_RULES, "eps"),
        ("ADAM_RULES", ADAM_RULES, "betas"),
        ("MOMENTUM_RULES", MOMENTUM_RULES, "momentum"),
    ):
        has = setting in SETTINGS[name]
        says = f"parity/mistakes/rules.py: {table} should {'' if has else 'not '}have {name}"
        assert (name in listed) == has, says


@pytest.mark.parametrize("spec", SPECS, ids=[probe.name for probe in PROBES])
def test_the_vectors_of_every_rule_are_listed(spec):
    """Those that a rule keeps, with the settings of each probe."""
    keeps = RULE_ENTRIES[spec.optimizer]().keeps(spec.hyperparameters)
    says = f"parity/mistakes/rules.py: STATE should have {', '.join({*keeps} - {*STATE})}"
    assert set(keeps) <= set(STATE), says
    says = f"parity/mistakes/rules.py: has_state is wrong of {spec.optimizer}"
    assert has_state(spec, 1) == bool(keeps), says


def weights(records):
    """W and b after every step, as bytes."""
    return [array.tobytes() for record in records for array in (*record.after.W, *record.after.b)]


@pytest.mark.parametrize("probe", WITH_RULES, ids=[probe.name for probe in WITH_RULES])
def test_every_mistake_that_a_rule_can_have_changes_its_steps(probe):
    """What is no mistake of a rule must not be looked for there, and what cannot be run
    with it lacks a word.
    """
    run, where = probe.run(), f"in the probe {probe.name!r}, with {probe.case.optimizer}"
    right = weights(simulate(run))
    for mistake in CATALOGUE:
        layers = mistake.layers(run.spec)
        if mistake.equation != "step" or not layers:
            continue
        try:
            wrong = weights(simulate(run, [(mistake, layers)]))
        except (KeyError, RecursionError) as error:
            pytest.fail(
                f"parity/mistakes/rules.py: averaged, new_averages or another helper of "
                f"{mistake.id!r} fails {where}: {error!r}"
            )
        says = f"parity/mistakes/catalogue/updates: {mistake.id!r} changes nothing {where}"
        assert wrong != right, f"{says}; its `where` should leave that out"


@each_optimizer
def test_a_rule_that_decouples_the_weight_decay_is_known(name):
    """With a gradient of zeros its state stays as it is, while the weights shrink; a
    coupled rule takes the decay for a gradient.
    """
    net = refnet.mlp([1, 1], seed=0)
    settings = {"weight_decay": 0.5} | ({"momentum": 0.5} if name in MOMENTUM_RULES else {})
    x = np.ones((1, 1))
    record = record_refnet(net, x, net.predict(x), "mse", OPTIMIZERS[name](**settings))
    assert not any(layer.dW.any() or layer.db.any() for layer in record.layers)
    assert any(map(np.not_equal, record.before.W, record.after.W))
    decoupled = not any(vector.any() for vector in record.after.state.values())
    says = f"parity/mistakes/program.py: is_decoupled is wrong of {name}"
    assert is_decoupled(record.spec) == decoupled, says
