"""Numbers in a program that only it knows are read off its arrays: each family of such
mistakes, at any number that one writes, and none where there is none.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.factors import FACTORS, NAMED, OF_COSTS, SCALED
from parity.mistakes.catalogue.index import BY_ID, CATALOGUE
from parity.mistakes.catalogue.own_constants import (
    ALPHA,
    BETAS,
    EPS,
    GUESSED,
    IN_THE_CODE,
    OWN,
    TYPICAL,
)
from parity.mistakes.catalogue.variants import SUBSTITUTES, UNFUSED
from parity.mistakes.conditions import anywhere
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.probes import PROBES
from parity.mistakes.search.constants import with_constants
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import run_of, showing, simulate
from parity.mistakes.search.suspects import Suspect
from parity.mistakes.search.trials import Trials
from parity.mistakes.tests.near import STEP, by_difference, by_rounding

BY_NAME = {probe.name: probe for probe in PROBES}
EVERYTHING = ("z", "a", "loss", "delta", "dW", "db", "W", "b")
GRADIENTS = ("dW", "db")
ALL = (*FAMILIES, *OWN)
# where each of them can stand, one after the other: the first that has it is taken
PLACES = ("mixed activations", "weight decay", "binary as probabilities")


def program(run, *bugs):
    """The run of a program with these entries, wherever they can stand."""
    return run_of(simulate(run, [(bug, bug.layers(run.spec)) for bug in bugs]))


def place_of(family):
    """The inputs of the first of the places in which the family can stand."""
    runs = (BY_NAME[name].run() for name in PLACES)
    return next(run for run in runs if run.layers(family.at(0.5)))


def read_off(run, families, right=()):
    """What may explain the first array that is off: families with their numbers."""
    off = Trials([run]).first_off(0, right)
    return [] if off is None else [*with_constants(run, right, off, families)]


family_and_number = pytest.mark.parametrize(
    ("family", "c"),
    [
        (family, c)
        for family in ALL
        for c in (-2.5, 0.9, 0.01, 1e-3, 3e-5)
        if family.limits[0] <= c <= family.limits[1]
    ],
    ids=lambda value: value if isinstance(value, float) else value.formula,
)


@family_and_number
def test_the_number_is_read_off(family, c):
    """As short as it was written, however small it is."""
    shown = program(place_of(family), family.at(c))
    shown = showing(shown, *EVERYTHING)
    first, *_ = read_off(shown, (family,))
    assert first == Suspect(family.at(c))


@settings(max_examples=30)
@given(
    family=st.sampled_from([f for f in FAMILIES if f.limits[0] < -1]),
    digits=st.integers(1, 9999),
    exponent=st.integers(-7, 1),
)
def test_a_number_of_four_digits_is_read_off_whatever_it_is(family, digits, exponent):
    """From 1e-7 on, where rounding leaves all its digits in the arrays."""
    c = float(f"{digits}e{exponent}")
    shown = showing(program(place_of(family), family.at(c)), *EVERYTHING)
    got = read_off(shown, (family,))
    # the right number may show nowhere: a factor of 1
    assert not Trials([shown]).off(()) or got[0].mistake is family.at(c)


@pytest.mark.parametrize("family", FAMILIES[1:], ids=lambda family: family.id)
def test_no_family_has_a_number_for_what_is_noise(family):
    """An array of noise is no constant times anything."""
    shown = program(place_of(family), family.at(0.9))
    shown = showing(shown, *EVERYTHING[3:])  # the loss is one number, which any constant fits
    off = Trials([shown]).first_off(0, ())
    rng = np.random.default_rng(5)
    step = shown.steps[off.step]
    arrays = step.arrays | {off.where: rng.normal(size=step.arrays[off.where].shape)}
    steps = list(shown.steps)
    steps[off.step] = replace(step, arrays=arrays)
    assert read_off(replace(shown, steps=tuple(steps)), ALL) == []


def test_a_number_beyond_its_limits_is_none():
    """An eps of a tenth is another loss, and a momentum of 2 no momentum."""
    eps, momentum = (
        next(each for each in ALL if each.id == name)
        for name in ("eps-in-the-log", "momentum is {c}")
    )
    for family, c, probe in ((eps, 0.1, PLACES[2]), (momentum, 2.0, PLACES[0])):
        shown = showing(program(BY_NAME[probe].run(), family.at(c)), *EVERYTHING)
        assert Trials([shown]).off(())
        assert read_off(shown, (family,)) == []


def test_a_loss_tells_of_its_own_formula_alone():
    """And no other array of a constant in the loss: one number has room for any."""
    cost = [family for family in ALL if "C" in family.at(0.5).slots]
    other = [family for family in ALL if family not in cost]
    run = BY_NAME["binary as probabilities"].run()
    shown = program(run, cost[0].at(0.5))
    assert Trials([shown]).first_off(0, ()).quantity == "loss"
    assert read_off(shown, other) == []
    late = showing(program(run, by_id("lr is {c}").at(0.3)), "loss")
    assert Trials([late]).first_off(0, ()).step == 1
    assert read_off(late, other) == []
    doubled = program(run, by_id("factor {c} in dW").at(3.5))
    assert Trials([doubled]).first_off(0, ()).quantity == "dW"
    assert read_off(doubled, cost) == []


def test_a_convention_stands_everywhere_and_a_mistake_in_any_layers():
    """Half a convention is a mistake."""
    factor = next(family for family in FAMILIES if family.id == "factor {c} in dW")
    run = BY_NAME["three hidden layers"].run()
    for layers, extent in (({1}, "first"), ({2}, "layer 2"), ({1, 2, 3}, "hidden"), ({4}, "last")):
        shown = run_of(simulate(run, [(factor.at(3.5), layers)]))
        assert Suspect(factor.at(3.5), extent) in read_off(shown, (factor,))
    convention = replace(factor, verdict=CONVENTION)
    shown = run_of(simulate(run, [(factor.at(3.5), {4})]))
    assert [each.extent for each in read_off(shown, (convention,))] == ["everywhere"]


def test_what_does_not_fit_has_no_constant():
    """Another shape, and what is no number."""
    run = showing(run_of(simulate(BY_NAME["mixed activations"].run())), "dW")
    for change in (
        lambda a: a[:, :3],
        lambda a: a[:, :1],
        lambda a: np.full_like(a, np.nan),
        lambda a: 0 * a + np.inf,
    ):
        arrays = run.steps[0].arrays | {("dW", 3): change(run.steps[0].arrays["dW", 3])}
        spoiled = replace(run, steps=(replace(run.steps[0], arrays=arrays), *run.steps[1:]))
        assert read_off(spoiled, FAMILIES) == []


# the entries themselves


def test_a_family_has_one_entry_for_a_number():
    """With the number in its words, so that two searches mean the same."""
    for family in ALL:
        entry = family.at(0.25)
        assert entry is family.at(0.25)
        assert entry is not family.at(0.5)
        assert (entry.constant, entry.verdict) == (0.25, family.verdict)
        words = (entry.id, entry.formula, entry.happens, entry.why)
        assert "{c}" not in "".join(words)
        assert "0.25" in entry.formula or "0.25" in entry.happens


def by_id(name):
    """The family with this id: of those with the same, the first."""
    return next(family for family in ALL if family.id == name)


def test_the_families_compute_what_their_formulas_say():
    """By plain arithmetic on the arrays of one step."""
    run = BY_NAME["weight decay"].run()
    right, c = simulate(run)[0], 0.3

    def after(name):
        return program(run, by_id(name).at(c)).steps[0].arrays

    W, b, layer = run.W[1], run.b[1], right.layers[1]
    decay = run.spec.hyperparameters["weight_decay"]
    lr = run.spec.hyperparameters["lr"]
    for name, where, expected in (
        ("factor {c} in dW", ("dW", 2), layer.dW * c),
        ("factor {c} in db", ("db", 2), layer.db * c),
        ("factor {c} in C", ("loss", 3), right.loss * c),
        ("penalty of {c} W in dW", ("dW", 2), layer.dW + W * c),
        ("penalty of {c} W in dW", ("db", 2), layer.db),
        ("penalty of {c} theta in the gradients", ("db", 2), layer.db + b * c),
        ("step of theta times {c}", ("b", 2), b + (right.after.b[1] - b) * c),
        ("step of W times {c}", ("W", 2), W + (right.after.W[1] - W) * c),
        ("step of W times {c}", ("b", 2), right.after.b[1]),
        ("step of b times {c}", ("W", 2), right.after.W[1]),
        ("lr is {c}", ("W", 2), W + (right.after.W[1] - W) * (c / lr)),
        ("weight_decay is {c}", ("W", 2), W - lr * (layer.dW + c * W)),
        ("decay times {c}", ("W", 2), W - lr * (layer.dW + c * decay * W)),
    ):
        assert by_rounding(after(name)[where], expected), name


def test_a_decay_that_nobody_asked_for_is_added_to_what_is_stepped_by():
    """Where the task has none."""
    run, c = BY_NAME["mixed activations"].run(), 0.3
    (right, *_), lr = simulate(run), run.spec.hyperparameters["lr"]
    W, b, layer = run.W[1], run.b[1], right.layers[1]
    for name, where, expected in (
        ("decay of {c} W in the update", ("W", 2), W - lr * (layer.dW + c * W)),
        ("decay of {c} W in the update", ("b", 2), right.after.b[1]),
        ("decay of {c} theta in the update", ("b", 2), b - lr * (layer.db + c * b)),
    ):
        shown = program(run, by_id(name).at(c)).steps[0].arrays
        assert by_rounding(shown[where], expected), name
    assert (
        not by_id("decay of {c} W in the update").at(c).layers(BY_NAME["weight decay"].run().spec)
    )


@pytest.mark.parametrize("biases", [False, True])
def test_the_gradient_of_a_penalty_is_that_of_its_cost(biases):
    """By a difference of the cost itself."""
    family = [each for each in OWN if each.id == "penalty-of-its-own"][biases]
    run, h = BY_NAME["mixed activations"].run(), STEP
    bug = family.at(0.3)

    def cost(by):
        moved = replace(run, b=(run.b[0], run.b[1] + by * np.eye(4)[1], run.b[2]))
        return simulate(moved, [(bug, bug.layers(run.spec))])[0].loss

    db = program(run, bug).steps[0].arrays["db", 2]
    assert by_difference((cost(h) - cost(-h)) / (2 * h), db[1])


@pytest.mark.parametrize("probe", ["classes as probabilities", "binary as probabilities"])
def test_an_eps_in_the_logarithm_and_its_gradient_belong_together(probe):
    """By a difference of the cost, with an eps that is far from small."""
    family = next(each for each in OWN if "delta^L to match" in each.formula)
    run, h, bug = BY_NAME[probe].run(), STEP, family.at(0.2)

    def cost(by):
        moved = replace(run, b=(run.b[0], run.b[1] + by * (np.arange(len(run.b[1])) == 1)))
        return simulate(moved, [(bug, bug.layers(run.spec))])[0].loss

    db = program(run, bug).steps[0].arrays["db", 2]
    assert by_difference((cost(h) - cost(-h)) / (2 * h), db[1])


@pytest.mark.parametrize(
    "probe", ["classes", "binary", "classes as probabilities", "binary as probabilities"]
)
def test_an_eps_of_nothing_changes_nothing(probe):
    """The textbook's formula of each cross-entropy, with its logits or without."""
    run = BY_NAME[probe].run()
    for family in (each for each in OWN if each.id.startswith("eps")):
        if run.layers(family.at(0.0)):
            shown = program(run, family.at(0.0))
            assert not any(each.off for each in judged(shown, whole=True))
            assert any(each.off for each in judged(program(run, family.at(1e-4)), whole=True))


def test_what_stands_in_the_code_is_guessed_for_each_rule():
    """Every eps, alone and with every other constant of the rule; and once each."""
    in_the_code = [each for each in GUESSED if each.id == IN_THE_CODE]
    assert len({each.formula + rule_of(each) for each in in_the_code}) == len(in_the_code)
    alone = {rule_of(each) for each in in_the_code if each.formula.startswith("eps = 1e-08 ")}
    assert alone == {"adagrad", "adam", "adamw", "rmsprop"}
    both = [each for each in in_the_code if " and eps = " in each.formula]
    assert len(both) == len(EPS) * (2 * len(BETAS) + len(ALPHA))
    clipped = [each for each in GUESSED if each.id == "probabilities-clipped"]
    # in the loss and in the output, and the logarithm at PyTorch's own limit
    assert len(clipped) == 2 * len(EPS) + 1
    assert len(GUESSED) == len(in_the_code) + len(clipped)
    assert {each.verdict for each in GUESSED} == {CONVENTION}


def rule_of(mistake):
    """The one optimizer with which it can stand."""
    runs = [BY_NAME[name].run() for name in ("Adagrad", "RMSprop", "Adam", "AdamW", "momentum")]
    (rule,) = [run.spec.optimizer for run in runs if mistake.layers(run.spec)]
    return rule


@pytest.mark.parametrize(
    ("probe", "formula"),
    [
        ("Adam", "betas = (0.9, 0.999) and eps = 1e-08 whatever the task says"),
        ("AdamW", "betas = (0.9, 0.99) whatever the task says"),
        ("RMSprop", "alpha = 0.99 and eps = 1e-05 whatever the task says"),
        ("Adagrad", "eps = 1e-10 whatever the task says"),
    ],
)
def test_constants_in_the_code_are_a_convention(probe, formula):
    """One finding, with its constants, which passes and may be declared."""
    run = BY_NAME[probe].run()
    bug = next(each for each in GUESSED if each.formula == formula and run.layers(each))
    shown = showing(program(run, bug), *GRADIENTS, "W", "b")
    (finding,) = diagnose_runs([shown])
    assert (finding.bug, finding.verdict) == (IN_THE_CODE, CONVENTION)
    assert finding.formula == formula
    assert finding.declare == f"conventions = ({IN_THE_CODE!r},)"


def test_typical_constants_stand_in_the_catalogue():
    """Each convention once, so that it can be declared."""
    guessed = {each.id for each in GUESSED}
    assert set(TYPICAL.by_id) == {family.id for family in OWN} | guessed
    assert all(BY_ID[name] is mistake for name, mistake in TYPICAL.by_id.items())
    # where there are two, the one that is in the reported loss alone
    assert set(BY_ID["eps-in-the-log"].slots) == {"C"}


# factors


def test_a_factor_multiplies_its_quantity_by_what_it_is_called():
    """Each of them, at 5 samples, 2 outputs and a rate of its own."""
    run = BY_NAME["mixed activations"].run()
    values = {"n": 5.0, "k": 2.0, "lr": run.spec.hyperparameters["lr"]}
    right = simulate(run)[0]
    shown = {"C": right.loss, "BP1": right.layers[2].delta, "BP2": right.layers[1].delta}
    shown |= {"BP3": right.layers[2].db, "BP4": right.layers[2].dW}
    for bug in FACTORS:
        (slot,) = bug.slots
        factor = bug.id.removeprefix("factor ").removesuffix(f" in {SCALED[slot]}")
        number = eval(factor.replace("n k", "n*k").replace("2 n", "2*n"), {}, values)  # noqa: S307
        got = simulate(run, [(bug, bug.layers(run.spec))])[0]
        arrays = {"C": got.loss, "BP1": got.layers[2].delta, "BP3": got.layers[2].db}
        arrays |= {"BP4": got.layers[2].dW}
        # the delta above is the right one, but not where it is the output's
        arrays |= {"BP2": got.layers[1].delta}
        assert by_rounding(arrays[slot], number * shown[slot]), bug.id
    assert len({bug.id for bug in FACTORS}) == len(FACTORS)
    assert len(FACTORS) == 5 * len(NAMED) + 2 * len(OF_COSTS)


# variants of the catalogue's mistakes


def test_a_mistake_in_a_derivative_spoils_the_output_of_a_program_that_multiplies_by_it():
    """Where others write p - y; the pole and the derivative cancel if it is right."""
    own = [each for each in CATALOGUE if set(each.slots) == {"pullback"}]
    assert [each.id for each in UNFUSED] == [each.id for each in own]
    for probe in ("classes as probabilities", "binary as probabilities", "classes"):
        run = BY_NAME[probe].run()
        unfused = replace(UNFUSED[0], slots={"BP1": UNFUSED[0].slots["BP1"]}, stands=anywhere)
        assert not any(each.off for each in judged(program(run, unfused), whole=True))
    run = BY_NAME["binary as probabilities"].run()
    bug = next(each for each in UNFUSED if each.id == "sigmoid-derivative-without-one-minus")
    assert (bug.layers(run.spec), BY_ID[bug.id].layers(run.spec)) == ({2}, frozenset())
    (finding,) = diagnose_runs([showing(program(run, bug), *GRADIENTS)])
    assert (finding.bug, finding.equation, finding.layers) == (bug.id, "BP1", (2,))


def is_first(spec, l):
    """The first layer."""
    return l == 1


def test_another_activation_is_named():
    """With its own derivative, or with the derivative of the one that was declared."""
    run = BY_NAME["mixed activations"].run()
    for name in ("relu", "leaky_relu"):
        for rest in ("", ", its derivative is not"):
            bug = next(each for each in SUBSTITUTES if each.id == f"activation is {name}{rest}")
            shown = showing(program(run, bug), "a", *GRADIENTS)
            (finding,) = diagnose_runs([shown])
            assert (finding.bug, finding.verdict) == (bug.id, WRONG)
            a = shown.steps[0].arrays["a", 1]
            z = program(run).steps[0].arrays["z", 1]
            slope = {"relu": 0.0, "leaky_relu": 0.01}[name]
            np.testing.assert_array_equal(a, np.where(z > 0, z, slope * z))
            delta = program(run, replace(bug, stands=is_first)).steps[0].arrays
            own = delta["delta", 2] @ run.W[1] * np.where(z > 0, 1.0, slope)
            assert by_rounding(delta["delta", 1], own) is not bool(rest)


def test_what_a_loss_on_logits_reads_has_no_other_activation():
    """It reads z itself."""
    run = BY_NAME["classes"].run()
    for bug in SUBSTITUTES:
        assert 2 not in bug.layers(run.spec)
    relu = next(each for each in SUBSTITUTES if each.id == "activation is relu")
    assert relu.layers(run.spec) == {1}
    rectifiers = BY_NAME["rectifiers"].run()
    assert relu.layers(rectifiers.spec) == {2, 3}  # the first is one
