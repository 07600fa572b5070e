"""What is right, but shown as something else, is said so and is not called a mistake of
backpropagation; and arrays that have the numbers of others are told by name.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.probes import PROBES
from parity.mistakes.search.equality import equals
from parity.mistakes.search.judging import Station
from parity.mistakes.search.presentation import PRESENTATIONS, presented
from parity.mistakes.search.replay import LAYER, run_of, showing, simulate, taking
from parity.mistakes.search.trials import Trials

BY_NAME = {probe.name: probe for probe in PROBES}
EVERYTHING = (*LAYER, "loss", "W", "b")
GRADIENTS = ("dW", "db", "W", "b")
TASKS = ("three hidden layers", "momentum")
SAYS = {way.got: way for way in PRESENTATIONS}
# back to front, or each for the other: to show it so is to undo it
INVOLUTIONS = [way for way in PRESENTATIONS if "reverse" in way.got or "places" in way.got]


@cache
def right(name, *bugs):
    """What the probe shows, by a program with these entries of the catalogue."""
    run = BY_NAME[name].run()
    placed = [(BY_ID[bug], BY_ID[bug].layers(run.spec)) for bug in bugs]
    return showing(run_of(simulate(run, placed)), *EVERYTHING)


def changed(run, change):
    """The run with other arrays: a function of those of each step, and its number."""
    steps = [
        replace(step, arrays=change(step.arrays, number)) for number, step in enumerate(run.steps)
    ]
    return replace(run, steps=tuple(steps))


def renamed(run, name, meant):
    """The run in which `name` has the numbers of `meant`, which is not shown."""
    return changed(
        run,
        lambda arrays, _: {
            (name if each == meant else each, l): array
            for (each, l), array in arrays.items()
            if each != name
        },
    )


def late(run):
    """The run in which every step shows the weights that it started from."""

    def before(arrays, number):
        if number:
            old = run.steps[number - 1].arrays
        else:
            old = {(part.name, part.layer): array for part, array in run.parts.items()}
        return arrays | {where: old[where] for where in arrays if where[0] in ("W", "b")}

    return changed(run, before)


def ways(run):
    """How the first array that is off may have been shown."""
    return [way.got for way in presented(Trials([run]), 0, ())]


@pytest.mark.parametrize("way", INVOLUTIONS, ids=lambda way: way.got)
@pytest.mark.parametrize("shown", [EVERYTHING, GRADIENTS], ids=len)
def test_an_order_or_two_names_are_recognised(way, shown):
    """Whether all is shown, or gradients and weights alone; of two that are shown for
    each other it is said before what it would be of one.
    """
    run = showing(right("three hidden layers"), *shown)
    if set(way.quantities) <= set(shown):
        first, *rest = ways(way.corrected(run))
        assert first == way.got
        assert not rest or len(way.quantities) == 2


@pytest.mark.parametrize(
    ("name", "meant"), [("z", "a"), ("a", "z"), ("dW", "W"), ("W", "dW"), ("db", "b"), ("b", "db")]
)
def test_one_array_under_the_name_of_another(name, meant):
    """Where nothing is shown under the other name, nothing has changed places."""
    run = renamed(right("three hidden layers"), name, meant)
    assert ways(run) == [f"your {name} is what {meant} should be"]


def test_one_array_under_two_names():
    """The one that is right stays where it is."""
    run = right("mixed activations")
    both = changed(run, lambda arrays, _: arrays | {("z", l): arrays["a", l] for l in (1, 2, 3)})
    assert ways(both) == ["your z is what a should be"]


@pytest.mark.parametrize("shown", [EVERYTHING, GRADIENTS, ("W", "b")], ids=len)
def test_weights_from_before_the_step(shown):
    """Not the same as weights that are never updated, nor as a step that is late."""
    run = showing(right("three hidden layers"), *shown)
    assert ways(late(run)) == ["W and b are shown as they were before the step"]
    never = showing(right("three hidden layers", "weights-never-updated"), *shown)
    (finding,) = diagnose_runs([never])
    assert finding.bug == "weights-never-updated"


def test_the_same_in_all_tasks_is_one_finding():
    """It names the tasks, what is shown and what should be, and no equation."""
    way = SAYS["dW is shown in reverse order, from the last layer to the first"]
    runs = [way.corrected(showing(right(task), "dW")) for task in TASKS]
    (finding,) = diagnose_runs([*runs, runs[0]], (), (*TASKS, "again"))
    assert (finding.bug, finding.verdict, finding.equation) == ("", "wrong", "")
    assert finding.sentence == f"what is shown as dW: {way.got}, expected the first layer first"
    assert finding.tasks == (*TASKS, "again")
    (finding,) = diagnose_runs([late(showing(right("one layer"), "W", "b"))])
    assert finding.sentence == (
        "what is shown as W and b: W and b are shown as they were before the step, expected the "
        "weights and biases after it"
    )


def test_a_mistake_beside_it_is_named_too():
    """db in reverse order, and dW that is transposed in a square layer."""
    run = showing(right("square layers", "dW-transposed"), *GRADIENTS)
    reverse = SAYS["db is shown in reverse order, from the last layer to the first"]
    findings = diagnose_runs([reverse.corrected(run)])
    assert [finding.bug or finding.got for finding in findings] == [reverse.got, "dW-transposed"]


def test_what_would_spoil_another_task_is_no_way_of_showing():
    """One task in reverse order, and another that is right, have no order in common."""
    reverse = SAYS["dW is shown in reverse order, from the last layer to the first"]
    runs = [showing(right(task), "dW") for task in TASKS]
    findings = diagnose_runs([reverse.corrected(runs[0]), runs[1]])
    assert reverse.got not in [finding.got for finding in findings]


def test_noise_is_shown_as_what_it_is():
    """It is no other array, in no order."""
    rng = np.random.default_rng(2)
    for name in EVERYTHING:
        run = changed(
            right("mixed activations"),
            lambda arrays, _, name=name: {
                where: rng.normal(size=array.shape) if where[0] == name else array
                for where, array in arrays.items()
            },
        )
        assert ways(run) == []
    assert ways(right("mixed activations")) == []


def test_columns_of_biases_in_reverse_order():
    """A column is the vector that it is in its own layer."""
    run = changed(
        right("three hidden layers"),
        lambda arrays, _: {
            (name, 5 - l if name == "db" else l): array[:, None] if name == "db" else array
            for (name, l), array in arrays.items()
        },
    )
    assert ways(run) == ["db is shown in reverse order, from the last layer to the first"]


# equality


def spoiled(name, where, array):
    """The probe with one array of the second step exchanged, which is then off."""
    run = changed(
        right(name), lambda arrays, number: arrays | ({where: array(arrays)} if number else {})
    )
    return run, Station(1, *where, np.inf)


@pytest.mark.parametrize(
    ("where", "array", "names"),
    [
        (("dW", 2), lambda arrays: arrays["dW", 2].T, ["the transpose of dW of layer 2"]),
        (("dW", 2), lambda arrays: arrays["W", 2], ["W of layer 2"]),
        (("delta", 2), lambda arrays: arrays["a", 1], ["a of layer 1"]),
        (("db", 1), lambda arrays: arrays["db", 2], ["db of layer 2"]),
        (("a", 1), lambda arrays: arrays["z", 1], ["z of layer 1"]),
        (("delta", 1), lambda arrays: arrays["delta", 2].T, ["the transpose of delta of layer 2"]),
        (("dW", 2), lambda arrays: 2 * arrays["dW", 2], []),
        (("dW", 2), lambda arrays: arrays["dW", 2], []),
        (("dW", 2), lambda arrays: arrays["dW", 2] * np.nan, []),
    ],
)
def test_an_array_that_has_the_numbers_of_another(where, array, names):
    """Of the same step, transposed where its shape asks for it; nothing is said of what
    is all the same or no number.
    """
    run, station = spoiled("mixed activations", where, array)
    assert [*equals(run, (), station)] == names


def test_what_is_all_the_same_equals_nothing():
    """One number repeated, or one number alone, is that of another array by chance."""
    run, station = spoiled("mixed activations", ("db", 2), lambda _: np.full(4, 0.7))
    step = run.steps[1]
    same = replace(step, arrays=step.arrays | {("b", 2): np.full(4, 0.7)})
    run = replace(run, steps=(run.steps[0], same, *run.steps[2:]))
    assert [*equals(run, (), station)] == []
    run, station = spoiled("one output", ("db", 2), lambda arrays: arrays["b", 2])
    assert [*equals(run, (), station)] == []


def test_what_is_not_judged_fits_nothing():
    """A gradient that was set aside is no weight, whatever the weights are."""
    bias = changed(
        right("mixed activations"),
        lambda arrays, _: {w: a + (w == ("b", 2)) for w, a in arrays.items()},
    )
    assert ways(bias) == []
    assert ways(taking(taking(bias, "db"), "dW")) == []


def test_the_inputs_are_an_array_too():
    """Without a layer."""
    run, station = spoiled("one layer", ("z", 1), lambda arrays: 0)
    step = run.steps[1]
    arrays = step.arrays | {("z", 1): step.x.copy()}
    run = replace(run, steps=(run.steps[0], replace(step, arrays=arrays), *run.steps[2:]))
    assert [*equals(run, (), station)] == ["x"]


def test_the_numbers_are_those_of_the_right_array_even_where_it_is_not_shown():
    """delta is hidden, and dW is delta of the layer above."""
    run, station = spoiled("square layers", ("dW", 2), lambda arrays: arrays["W", 1])
    hidden = showing(run, "dW", "db", "W", "b")
    assert [*equals(hidden, (), station)] == ["W of layer 1"]
    of_delta = changed(
        right("square layers"),
        lambda arrays, _: {
            where: arrays["delta", 1].T @ arrays["a", 3] if where == ("dW", 1) else array
            for where, array in arrays.items()
        },
    )
    assert [*equals(of_delta, (), Station(0, "dW", 1, np.inf))] == []
