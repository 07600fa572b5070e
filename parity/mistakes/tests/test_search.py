"""The search over the runs of one program: mistakes in some tasks or steps only, sets
of conventions, conventions before mistakes, and none by chance.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.index import BY_ID, CATALOGUE
from parity.mistakes.catalogue.own_constants import GUESSED, OWN
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.search import candidates as ways
from parity.mistakes.search.candidates import candidates, furthest
from parity.mistakes.search.replay import run_of, run_of_case, showing, simulate
from parity.mistakes.search.scopes import Scope
from parity.mistakes.search.search import Search
from parity.mistakes.search.sources import agreeing, at_once, known, scoped, unlisted, within
from parity.mistakes.search.suspects import Suspect
from parity.mistakes.search.trials import Trials, remembered
from parity.mistakes.tests.tasks import (
    BASE,
    EVERYTHING,
    GRADIENTS,
    NAMES,
    changed,
    program,
    programs,
)


def walked(runs, *right):
    """The search over these runs."""
    search = Search(runs, tuple(Suspect(BY_ID[name]) for name in right))
    search.walk()
    return search


def entries(search):
    """What was added to the program: ids and scopes."""
    return [(each.mistake.id, each.scope) for each in search.program[len(search.right) :]]


def noise(run, *quantities, layer=None):
    """The run with numbers in the first step that nothing explains."""
    rng = np.random.default_rng(0)
    return changed(
        run,
        lambda where, array: (
            rng.normal(size=array.shape)
            if where[0] in quantities and layer in (None, where[1])
            else array
        ),
    )


def exchanged(run):
    """The run with z under the name of a, and a under that of z."""
    names = {"z": "a", "a": "z"}
    steps = tuple(
        replace(step, arrays={(names.get(w, w), l): a for (w, l), a in step.arrays.items()})
        for step in run.steps
    )
    return replace(run, steps=steps)


# the walk


def test_a_right_program_has_nothing():
    """And all runs are explained by it."""
    search = walked(programs(shown=EVERYTHING))
    assert (entries(search), search.unknown, search.presented) == ([], [], [])
    assert search.trials.explained(search.program) == len(NAMES)
    assert not search.single


@pytest.mark.parametrize(
    ("task", "scope"), [("5 samples", None), ("8 samples", Scope("optimizer", "adam"))]
)
def test_a_mistake_is_named_though_one_task_stays_unexplained(task, scope):
    """The first of them or another."""
    names = ("5 samples", "8 samples", "Adam")
    runs = programs(("db-averaged", scope), names=names)
    runs[names.index(task)] = noise(program(task, ("db-averaged", scope)), "db")
    search = walked([showing(run, *GRADIENTS) for run in runs])
    assert [name for name, _ in entries(search)] == ["db-averaged"]
    (unknown,) = search.unknown
    assert unknown.station.where == ("db", len(unknown.run.spec.sizes) - 1)
    assert unknown.numbers == (names.index(task),)


SCOPES = [
    Scope("optimizer", "adam"),
    Scope("without", "momentum"),
    Scope("steps over", 1),
    Scope("steps under", 2),
]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.words)
def test_a_mistake_in_some_tasks_or_steps(scope):
    """It explains every run, and stands in no step in which it would spoil one."""
    search = walked(programs(("dW-averaged", scope)))
    ((name, narrower),) = entries(search)
    assert name == "dW-averaged"
    assert search.trials.explained(search.program) == len(NAMES)
    for run in search.trials.runs:
        for step in run.steps:
            here = step.circumstances
            # one sample is its own average
            assert here.samples == 1 or (narrower is None or narrower.holds(here)) == scope.holds(
                here
            )


def test_two_mistakes_in_steps_of_their_own():
    """Each is named with its scope."""
    adam, large = Scope("optimizer", "adam"), Scope("samples over", 7)
    search = walked(programs(("db-averaged", adam), ("dW-averaged", large)))
    assert entries(search) == [("db-averaged", adam), ("dW-averaged", Scope("samples over", 5))]
    assert search.unknown == []


def test_what_is_declared_is_not_searched_for():
    """It is in the program from the start."""
    runs = programs("momentum-with-lr-inside", names=NAMES[3:6])
    assert [name for name, _ in entries(walked(runs))] == ["momentum-with-lr-inside"]
    assert entries(walked(runs, "momentum-with-lr-inside")) == []


def test_what_is_made_of_an_unknown_delta_is_one_unknown():
    """dW and db of one layer, and db alone where dW is right."""
    both = [showing(noise(program("5 samples"), "dW", "db", layer=1), "dW", "db")]
    (unknown,) = walked(both).unknown
    assert (unknown.station.where, unknown.beside.where) == (("db", 1), ("dW", 1))
    (unknown,) = walked([showing(noise(program("5 samples"), "db", layer=1), "dW", "db")]).unknown
    assert (unknown.station.where, unknown.beside) == (("db", 1), None)


def test_what_is_shown_wrongly_but_used_rightly_spoils_no_step_after_it():
    """Both are set aside together: what is unknown was not used, so all else is right;
    and no weight is taken for a gradient, because a gradient is not judged.
    """
    run = noise(program("5 samples"), "dW", "db", layer=2)
    for shown in (("delta", "dW", "db"), ("delta", "dW", "db", "b")):
        search = walked([showing(run, *shown)])
        assert [each.station.where for each in search.unknown] == [("db", 2)]
        assert search.presented == []


def test_what_nothing_explains_is_counted_by_its_quantity():
    """In one task dW, in the other db; and what is off in other layers is not made of
    the same delta.
    """
    runs = [noise(program("8 samples"), "dW"), noise(program("Adam"), "db")]
    search = walked([showing(run, "dW", "db") for run in runs])
    numbers = {each.station.quantity: each.numbers for each in search.unknown}
    assert numbers == {"dW": (0,), "db": (1,)}
    apart = noise(noise(program("8 samples"), "dW", layer=1), "db", layer=2)
    search = walked([showing(apart, "dW", "db")])
    assert [(each.station.where, each.beside) for each in search.unknown] == [
        (("db", 2), None),
        (("dW", 1), None),
    ]


def test_what_is_wrong_and_used_is_gone_on_with():
    """A delta that nothing explains, with the right gradients of it."""
    rng = np.random.default_rng(1)
    wild = replace(
        BY_ID["hidden-derivative-missing"],
        slots={"BP2": lambda s, l, right: right() * 0.0 + rng.normal(size=(5, 4))},
    )
    search = walked([showing(program("5 samples", wild), "delta", "dW", "db")])
    assert [each.station.quantity for each in search.unknown] == ["delta"]
    assert entries(search) == []


def test_what_comes_of_an_unknown_array_is_not_unknown():
    """The gradients of a delta of noise; but not where it is no number."""
    run = noise(program("5 samples"), "delta", layer=2)
    wheres = [each.station.where for each in walked([showing(run, "delta")]).unknown]
    assert wheres == [("delta", 2)]
    holed = changed(run, lambda where, a: a * np.nan if where == ("z", 1) else a)
    assert [each.station.where for each in walked([holed]).unknown] == [("z", 1)]


# conventions


def test_conventions_come_before_mistakes():
    """Of what explains a run equally well."""
    runs = programs("loss-summed", shown=("loss", *GRADIENTS), names=NAMES[:3])
    search = walked(runs)
    assert [name for name, _ in entries(search)] == ["loss-summed"]
    assert all(BY_ID[name].verdict == CONVENTION for name, _ in entries(search))
    best, *_ = candidates(Trials(runs), 0, ())
    assert [each.mistake.id for each in best.added] == ["loss-summed"]


SETS = [
    ("gradients-negated-and-added", "averaged-in-the-update"),
    ("momentum-with-lr-inside", "averaged-in-the-gradients"),
    ("loss-summed", "momentum-with-lr-inside"),
]
SHOWN = ("loss", "delta", *GRADIENTS)


@pytest.mark.parametrize("group", SETS, ids=" and ".join)
def test_conventions_together_are_as_harmless_as_each(group):
    """No mistake is among them, and every run is explained."""
    search = walked(programs(*group, shown=SHOWN, names=("8 samples", "momentum")))
    assert search.trials.explained(search.program) == 2
    assert {name for name, _ in entries(search)} == set(group)


def test_conventions_that_only_together_explain_one_number():
    """A penalty in the cost, divided by n, that leaves the biases out."""
    case = replace(BASE, settings={"lr": 0.5, "weight_decay": 0.3})
    group = ("penalty-in-the-cost", "decay-divided-by-n", "decay-not-on-b")
    bugs = [(BY_ID[name], {1, 2, 3}) for name in group]
    run = showing(run_of(simulate(run_of_case(case), bugs)), *SHOWN)
    trials = Trials([run])
    assert trials.first_off(0, ()).quantity == "loss"
    assert {frozenset(each.mistake.id for each in way) for way in agreeing(trials, 0, ())} == {
        frozenset(group)
    }
    assert known(trials, 0, ()) == agreeing(trials, 0, ())
    assert {name for name, _ in entries(walked([run]))} == set(group)


def test_a_convention_and_a_mistake_are_told_apart():
    """The convention is not blamed for what the mistake does."""
    search = walked(programs("momentum-with-lr-inside", "dW-transposed", names=NAMES[4:6]))
    assert [BY_ID[name].verdict for name, _ in entries(search)] == [WRONG, CONVENTION]


def test_conventions_alone_may_be_asked_for():
    """No mistake is given then."""
    runs = programs("db-averaged", shown=("loss", *GRADIENTS), names=NAMES[:2])
    assert candidates(Trials(runs), 0, (), conventions=True) == []
    assert candidates(Trials(runs), 0, ()) != []


# constants


def test_no_constant_by_chance():
    """A number that is read off one run has to be that of another, too."""
    factor = next(family for family in FAMILIES if family.id == "factor {c} in dW")
    names = NAMES[:2]
    same = [showing(program(name, factor.at(3.5)), "delta", "dW") for name in names]
    assert entries(walked(same)) == [("factor 3.5 in dW", None)]
    apart = [
        showing(program(name, factor.at(c)), "delta", "dW")
        for name, c in zip(names, (3.5, 7.3), strict=True)
    ]
    search = walked(apart)
    assert "factor" not in "".join(name for name, _ in entries(search))
    assert search.unknown


@settings(max_examples=3)
@given(seed=st.integers(0, 10**6), quantity=st.sampled_from(("delta", "dW", "db")))
def test_noise_is_never_named(seed, quantity):
    """Neither by a mistake, a convention, nor a constant."""
    rng = np.random.default_rng(seed)
    run = changed(
        program("8 samples"),
        lambda where, a: rng.normal(size=a.shape) if where[0] == quantity else a,
    )
    search = walked([showing(run, "delta", "dW", "db")])
    assert entries(search) == []
    assert [each.station.quantity for each in search.unknown] == [quantity]


# without the catalogue


def without_catalogue(runs):
    """The search over these runs that the catalogue has no part in."""
    search = Search(runs, (), catalogue=False)
    search.walk()
    return search


IN_THE_CATALOGUE = {
    "an entry": ("5 samples", "db-averaged"),
    "a mistake in some steps": ("5 samples", ("db-averaged", Scope("steps over", 1))),
    "a family": ("5 samples", next(f for f in FAMILIES if f.id == "factor {c} in dW").at(3.5)),
    "a convention's constant": ("5 samples", OWN[0].at(0.3)),
    "constants that people write": ("Adam", GUESSED[0]),
}


@pytest.mark.parametrize(("name", "bug"), IN_THE_CATALOGUE.values(), ids=IN_THE_CATALOGUE)
def test_what_the_catalogue_names_has_no_name_without_it(name, bug):
    """Whatever part of it has the name; and what is right stays right."""
    runs = programs(bug, names=(name,), shown=("loss", *GRADIENTS))
    search = walked(runs)
    assert (len(entries(search)), search.unknown) == (1, [])
    assert all(name for name, _ in entries(search))
    search = without_catalogue(runs)
    assert not any(name for name, _ in entries(search))
    assert entries(search) or search.unknown
    right = without_catalogue(programs(names=(name,)))
    assert (entries(right), right.unknown) == ([], [])


@pytest.mark.parametrize("unlike", ["set aside", "presented"])
def test_it_stays_without_the_catalogue_further_on(unlike):
    """Behind an array that nothing explains, and behind two that are exchanged."""
    run = program("5 samples", "db-averaged")
    odd = noise(run, "z") if unlike == "set aside" else exchanged(run)
    search = walked([odd])
    assert entries(search) == [("db-averaged", None)]
    assert search.unknown or search.presented
    search = without_catalogue([odd])
    assert entries(search) == [("", None)]
    assert search.program[0].mistake.equation == "BP3"


# where they come from


def test_sources_give_what_lets_the_walk_go_on():
    """Conventions alone, the catalogue, constants; and none where nothing is off."""
    trials = Trials(programs("db-averaged"))
    assert [*agreeing(trials, 0, ())] == []
    by_name = {each.mistake.id for (each,) in known(trials, 0, ())}
    assert "db-averaged" in by_name
    assert by_name <= {each.mistake.id for each, *_ in unlisted(trials, 0, ())}
    right = Trials(programs())
    for source in (agreeing, known, scoped, unlisted, at_once):
        assert [*source(right, 0, ())] == []
    program_ = (Suspect(BY_ID["db-averaged"]),)
    assert [*known(trials, 0, program_)] == []


def test_a_scope_separates_the_step_from_those_before():
    """After step 1: in the second it is off, in the first it is not."""
    trials = Trials(programs(("db-averaged", Scope("steps over", 1)), names=NAMES[:1]))
    everything = [*scoped(trials, 0, ())]
    assert {each.scope for each, *_ in everything} == {Scope("steps over", 1)}
    assert (Suspect(BY_ID["db-averaged"], scope=Scope("steps over", 1)),) in everything
    assert {*everything} <= {*unlisted(trials, 0, ())}


def test_a_mistake_keeps_the_scope_that_it_has():
    """One without gets it."""
    one, other = Scope("steps over", 1), Scope("samples over", 7)
    bug = Suspect(BY_ID["db-averaged"])
    (narrow,) = within((bug,), one)
    assert narrow.scope == one
    assert within((narrow,), other) == (narrow,)


def test_two_mistakes_that_only_together_explain_the_weights():
    """Pairs of the catalogue, each of which explains the whole run."""
    bugs = ("hidden-derivative-missing", "dW-last-sample-only")
    runs = programs(*bugs, names=("11 samples",), shown=("W", "b"))
    trials = Trials(runs)
    pairs = at_once(trials, 0, ())
    assert {*bugs} in [{each.mistake.id for each in pair} for pair in pairs]
    assert all(trials.first_off(0, pair) is None for pair in pairs)
    assert all(each.mistake in CATALOGUE for pair in pairs for each in pair)
    # with a third mistake in b they explain the first array alone
    trials = Trials(programs(*bugs, "db-averaged", names=("11 samples",), shown=("W", "b")))
    assert at_once(trials, 0, ()) == []
    # one of the two alone shows in the first step
    later = Trials(programs(("db-averaged", Scope("steps over", 1)), names=("11 samples",)))
    assert at_once(later, 0, ()) == []


def test_the_fewest_mistakes_are_taken():
    """Then what explains most runs, then the likeliest."""
    trials = Trials(programs("db-averaged"))
    found = candidates(trials, 0, ())
    assert [each.mistake.id for each in found[0].added] == ["db-averaged"]
    assert {len(each.added) for each in found} == {1}
    explained = [each.explained for each in found]
    assert explained[0] == len(NAMES)
    assert explained == sorted(explained, reverse=True)


def test_more_mistakes_than_needed_are_no_candidate():
    """However likely they are."""
    one, other = Suspect(BY_ID["db-averaged"]), Suspect(BY_ID["dW-averaged"])
    trials = Trials(programs("db-averaged", names=NAMES[:2]))
    in_order = ways._in_order(trials, (), [(one, other), (one,)])
    assert [each.added for each in in_order] == [(one,)]


def test_what_would_spoil_a_right_run_is_kept_to_other_steps():
    """Or is not taken, where nothing separates them."""
    names = ("5 samples", "Adam")
    runs = [showing(program(names[0], "db-averaged"), "db"), showing(program(names[1]), "db")]
    ((name, scope),) = entries(walked(runs))
    assert (name, scope) == ("db-averaged", Scope("optimizer", "sgd"))
    again = [runs[0], showing(program(names[0]), "db")]
    search = walked(again)
    assert search.trials.explained(search.program) < 2 or search.unknown
    assert entries(search) == []


def test_the_furthest_is_not_the_end():
    """With the mistakes on the way to what nothing explains."""
    run = noise(program("5 samples", "hidden-weights-transposed"), "dW", layer=1)
    trials = Trials([showing(run, "delta", "dW")])
    there = furthest(trials, 0, ())
    assert [each.mistake.id for each in there] == ["hidden-weights-transposed"]
    assert trials.first_off(0, there).where == ("dW", 1)


# trials


def test_a_trial_counts_what_it_explains():
    """Arrays up to the first that is off, and whole runs."""
    runs = programs("db-averaged", names=NAMES[:2], shown=("delta", "db", "dW"))
    trials, bug = Trials(runs), (Suspect(BY_ID["db-averaged"]),)
    assert trials.first_off(0, ()).where == ("db", 3)
    assert trials.reached(0, ()) == 1  # delta of layer 3 comes before
    assert trials.first_off(0, bug) is None
    assert trials.reached(0, bug) == sum(len(step.arrays) for step in runs[0].steps)
    assert trials.reached_in_all(()) == 2
    assert (trials.explained(()), trials.explained(bug)) == (0, 2)
    assert ([*trials.off(())], trials.off(bug)) == ([0, 1], {})


def test_what_does_not_fit_the_shapes_explains_nothing():
    """The transpose of a W that is not square."""
    trials = Trials(programs(names=NAMES[:1]))
    bug = replace(BY_ID["dW-transposed"], slots={"z": lambda s, l, right: s.a(l - 1) @ s.W(l)})
    bug = replace(bug, stands=lambda spec, l: True)
    off = trials.first_off(0, (Suspect(bug),))
    assert off.off
    assert off.quantity == ""
    assert trials.reached(0, (Suspect(bug),)) == 0


def test_without_a_quantity_it_is_not_judged():
    """Hidden or taken, in all runs or in some."""
    runs = [noise(run, "dW", layer=2) for run in programs(names=(NAMES[0], "momentum"))]
    trials = Trials(runs)
    assert trials.first_off(0, ()).where == ("dW", 2)
    assert trials.without(["dW"], 0, ()).explained(()) == 2
    assert [*trials.without(["dW"], 0, (), [0]).off(())] == [1]


def test_a_search_is_done_once():
    """For each run and program."""
    asked = []

    @remembered
    def source(trials, number, program):
        asked.append((number, program))
        return iter([()])

    one, other = Trials([]), Trials([])
    assert source(one, 0, ()) == source(one, 0, ()) == [()]
    source(one, 1, ())
    source(other, 0, ())
    assert asked == [(0, ()), (1, ()), (0, ())]


def test_conventions_stand_first_of_all_ways():
    """What no catalogue has comes after them."""
    assert ways.WAYS[1 : 1 + len(ways.CATALOGUED)] == ways.CATALOGUED
    runs = programs("averaged-in-the-update", shown=("loss", *GRADIENTS), names=NAMES[:2])
    best, *_ = candidates(Trials(runs), 0, (), conventions=True)
    assert [each.mistake.id for each in best.added] == ["averaged-in-the-update"]
    assert best.added in ways.WAYS[0](Trials(runs), 0, ())
