"""The programs of the catalogue: the right one is right, what it shows is explained,
and what is moved is off.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import PROBES
from parity.mistakes.search.judging import Station, distance, explains, judged
from parity.mistakes.search.replay import (
    hiding,
    run_of,
    run_of_case,
    showing,
    simulate,
    steps,
)
from parity.mistakes.slots import Part
from parity.proof.certificate import certify
from parity.rounding.plain import Plain
from parity.steps.cases import CASES, DTYPES
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet

MODES = {
    "everything": ("z", "a", "loss", "delta", "dW", "db", "W", "b"),
    "outputs and weights": ("a", "loss", "W", "b"),
    "gradients": ("dW", "db", "W", "b"),
    "weights": ("W", "b"),
}


def off(run, mistakes=()):
    """The arrays of a run that cannot come of a program with these mistakes."""
    return [station for station in judged(run, mistakes, whole=True) if station.off]


def moved(run, where, change, number=0):
    """The run with one of its arrays changed."""
    step = run.steps[number]
    arrays = {**step.arrays, where: change(np.array(step.arrays[where]))}
    return replace(
        run, steps=(*run.steps[:number], replace(step, arrays=arrays), *run.steps[number + 1 :])
    )


@pytest.mark.parametrize("case", CASES[::6], ids=lambda case: case.id)
def test_the_right_program_is_backpropagation(case):
    """Every equation of every step that the program takes on plain numbers holds."""
    previous = None
    for record in simulate(run_of_case(case)):
        certificate = certify(record, previous)
        assert certificate.passed, str(certificate)
        previous = record


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_right_run_is_explained_however_little_it_shows(probe, dtype, mode):
    """No probe is accused: neither with everything shown nor with weights alone,
    through all of its steps.
    """
    run = run_of(simulate(probe.run(dtype)))
    assert off(showing(run, *MODES[mode])) == []


@pytest.mark.parametrize("case", CASES[3::17], ids=lambda case: case.id)
def test_refnet_and_pytorch_are_explained(case):
    """What refnet and PyTorch record can come of the right program, with gradients and
    weights alone.
    """
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    model = twin(net)
    theirs = twin_loss(loss, case.dtype), twin_optimizer(optimizer, model)
    ours, others = [], []
    for (x, y, lr), given in zip(case.steps(), case.given(), strict=True):
        optimizer.lr = theirs[1].param_groups[0]["lr"] = lr
        asked = case.asked(given)
        ours.append(record_refnet(net, x, y, loss, optimizer, **asked))
        del asked["masks"]  # PyTorch draws its own
        others.append(record_torch(model, x, y, *theirs, **asked))
    assert off(showing(run_of(ours), *MODES["gradients"])) == []
    assert off(showing(run_of(others), *MODES["gradients"])) == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("quantity", MODES["everything"])
def test_a_moved_entry_is_off(quantity, dtype):
    """An entry that is a ten-thousandth of the dtype's digits away is off, in the array
    that was moved, as far as one equation reads it.
    """
    run = run_of(simulate(PROBES[0].run(dtype)))
    where = (quantity, 3 if quantity == "loss" else 2)
    by = 1e4 * float(np.finfo(dtype).eps)
    stations = off(moved(run, where, lambda array: array * (1 + by)))
    assert stations[0].where == where
    assert stations[0].used > 1.0


def test_what_was_shown_takes_the_place_of_what_was_predicted():
    """A wrong hidden delta is off once, for the gradients that follow from it are
    right.
    """
    run = run_of(simulate(PROBES[0].run()))
    changed = moved(run, ("delta", 2), lambda array: array * 2)
    wheres = {station.where for station in off(changed)}
    # the arrays that read it are not those that the changed one would make
    assert wheres == {("delta", 2), ("delta", 1), ("db", 2), ("dW", 2)}
    bug = BY_ID["hidden-derivative-missing"]
    broken = run_of(simulate(PROBES[0].run(), [(bug, frozenset({2}))]))
    assert {station.where for station in off(broken)} == {("delta", 2)}


def test_shape_and_nan_are_off_whatever_the_bounds():
    """A NaN where the program has a number, and an array of another shape, are
    infinitely off.
    """
    run = run_of(simulate(PROBES[0].run()))
    holed = off(moved(run, ("dW", 1), lambda array: np.full_like(array, np.nan)))
    assert holed[0].where == ("dW", 1)
    assert holed[0].used == np.inf
    shaped = off(moved(run, ("db", 1), lambda array: np.tile(array, (5, 1))))
    assert shaped[0].shape == (4,)


def test_one_array_is_judged_alone():
    """`explains` and `distance` look at one station, with everything else as it is
    shown.
    """
    bug = BY_ID["dW-transposed"]
    run = PROBES[0].run()
    placed = [(bug, bug.layers(run.spec))]
    broken = run_of(simulate(run, placed))
    station = Station(1, "dW", 2, 0.0)
    assert explains(broken, placed, station)
    assert not explains(broken, (), station)
    assert distance(broken, placed, station) == 0.0
    assert distance(broken, (), station) > 0.1
    assert (
        distance(moved(broken, ("dW", 2), lambda array: array[:, :1], 1), placed, station) == np.inf
    )


def test_a_step_is_lazy_and_makes_each_array_once():
    """A part of a step asks for what it needs alone, and the functions in its slots are
    called once.
    """
    run = PROBES[0].run()
    order = []

    def observe(number, quantity, predicted):
        order.append((number, quantity))
        return predicted

    first = next(steps(run, (), Plain, observe))
    first.dW(3)
    forward = [(0, (name, l)) for l in (1, 2, 3) for name in ("z", "a")]
    assert order == [*forward, (0, ("delta", 3)), (0, ("dW", 3))]
    first.dW(3)
    first.new(Part("b", 3))
    assert order[8:] == [(0, ("db", 3)), (0, ("b", 3))]


def test_mistakes_wrap_each_other_in_their_own_layers():
    """Two mistakes in one slot both take effect, and a mistake takes effect in its
    layers alone.
    """
    scaled, transposed = BY_ID["dW-scaled"], BY_ID["dW-transposed"]
    run = PROBES[0].run()
    right, both = (
        simulate(run, placed)[0]
        for placed in ((), [(scaled, frozenset({2})), (transposed, frozenset({2}))])
    )
    np.testing.assert_array_equal(both.layers[1].dW, 2 * right.layers[1].dW.T)
    np.testing.assert_array_equal(both.layers[2].dW, right.layers[2].dW)


def probe(name):
    """The probe of that name."""
    return next(each for each in PROBES if each.name == name)


def placed(run, *bugs):
    """These mistakes wherever they can stand in the network of the run."""
    return [(bug, bug.layers(run.spec)) for bug in bugs]


@pytest.mark.parametrize("name", ["weight decay", "Adagrad", "AdamW"])
def test_weight_decays_compose(name):
    """A decay of W alone, divided by n, and doubled is W's at 2/n of its strength; a
    decoupled rule, too, takes what is left of it from theta.
    """
    run = probe(name).run()
    decays = (BY_ID[f"decay-{how}"] for how in ("not-on-b", "divided-by-n", "doubled"))
    together = simulate(run, placed(run, *decays))[0]

    def weaker(decay):
        step = run.steps[0]
        settings = {**step.spec.hyperparameters, "weight_decay": decay}
        spec = replace(step.spec, hyperparameters=settings)
        return simulate(replace(run, steps=(replace(step, spec=spec),)))[0]

    decay, n = run.spec.hyperparameters["weight_decay"], len(run.steps[0].x)
    weights, biases = weaker(2 * decay / n).after.W, weaker(0.0).after.b
    for got, expected in zip(
        (*together.after.W, *together.after.b), (*weights, *biases), strict=True
    ):
        assert close(got, expected)


def close(got, expected):
    """Equal but for the few roundings of another order of the same operations."""
    few = 8 * np.finfo(got.dtype).eps * np.abs(expected).max()
    return bool(np.abs(got - expected).max() <= few)


def with_settings(name="settings", **other):
    """A mistake: the program has these hyper-parameters, whatever it is told."""
    return Mistake(
        name,
        "step",
        "h = other",
        "It has its own settings.",
        "It should have those that it is given.",
        {"settings": lambda s, right: {**right(), **other}},
        lambda spec, l: True,
    )


def test_a_program_can_have_settings_of_its_own():
    """All of a step goes by them: the state that it keeps, the averages, the rate."""
    run = probe("momentum").run()
    fixed = simulate(run, placed(run, with_settings(lr=0.125, momentum=0.0)))
    for record, before in zip(fixed, [None, *fixed], strict=False):
        assert not record.after.state
        start = run.W if before is None else before.after.W
        for W, layer, new in zip(start, record.layers, record.after.W, strict=True):
            np.testing.assert_array_equal(new, W - layer.dW * 0.125)
    adam = probe("Adam").run()
    betas = simulate(adam, placed(adam, with_settings(betas=(0.9, 0.999), eps=1e-8)))[0]
    g = np.concatenate([np.r_[each.dW.ravel(), each.db] for each in betas.layers])
    assert close(betas.after.state["exp_avg"], 0.1 * g)


def test_settings_may_add_to_the_state():
    """A velocity that the task does not ask for starts at 0."""
    run = probe("RMSprop").run()
    step = simulate(run, placed(run, with_settings(momentum=0.5)))[0]
    assert "momentum_buffer" in step.after.state
    assert close(step.after.W[0], simulate(run)[0].after.W[0])


def test_settings_of_a_mistake_that_stands_nowhere_are_not_taken():
    """As where it is thought to stand with another optimizer alone."""
    run = probe("momentum").run()
    records = simulate(run, [(with_settings(lr=0.125), frozenset())])
    np.testing.assert_array_equal(records[0].after.W[0], simulate(run)[0].after.W[0])


def test_what_acts_last_is_made_of_what_the_others_make():
    """Whatever the order in which mistakes are placed."""
    run = PROBES[0].run()
    added = replace(
        BY_ID["dW-scaled"], slots={"BP4": lambda s, l, right: right() + 1.0}, acts_last=True
    )
    right, *both = (
        simulate(run, each)[0].layers[0].dW
        for doubled in [placed(run, BY_ID["dW-scaled"])]
        for plus in [placed(run, added)]
        for each in ((), doubled + plus, plus + doubled)
    )
    for each in both:
        np.testing.assert_array_equal(each, 2 * right + 1.0)


def test_a_run_can_hide_a_quantity_or_end_before_the_update():
    """All but the hidden one is shown as before; a step without weights shows none."""
    records = simulate(PROBES[0].run())
    run = run_of(records)
    hidden = hiding(run, "dW")
    for step, whole in zip(hidden.steps, run.steps, strict=True):
        assert set(whole.arrays) - set(step.arrays) == {("dW", l) for l in (1, 2, 3)}
    (ended,) = run_of([replace(records[0], after=None)]).steps
    assert {name for name, _ in ended.arrays} == {"z", "a", "delta", "dW", "db", "loss"}
