"""A finding for a mistake that has a name: where it stands, in which tasks, what they
have in common, and what may be declared.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.catalogue.constants import FAMILIES
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.diagnosis.naming import expected, in_common, named, names_of
from parity.mistakes.search.judging import Station
from parity.mistakes.search.replay import run_of_case, showing
from parity.mistakes.search.scopes import Scope
from parity.mistakes.search.search import Search
from parity.mistakes.search.suspects import Suspect
from parity.mistakes.search.trials import Trials
from parity.mistakes.tests.tasks import (
    BASE,
    EVERYTHING,
    GRADIENTS,
    NAMES,
    inputs,
    program,
    programs,
)
from refnet.equations import EQUATIONS
from refnet.optimizers import OPTIMIZERS


def findings(runs, *conventions):
    """What is said of these runs, which have the names of all tasks."""
    return diagnose_runs(runs, conventions, NAMES)


@pytest.mark.parametrize(
    ("bug", "where", "tasks"),
    [
        (
            ("db-averaged", Scope("optimizer", "adam")),
            "BP3 (bias gradient) of layers 1, 2 and 3, only with adam",
            ("Adam",),
        ),
        (
            ("db-averaged", Scope("setting", "nesterov")),
            "BP3 (bias gradient) of layers 1, 2 and 3, only with nesterov",
            ("Nesterov",),
        ),
        (
            ("dW-averaged", Scope("samples over", 7)),
            "BP4 (weight gradient) of layers 1 and 2, only with more than 5 samples",
            ("8 samples", "11 samples"),
        ),
        (
            ("dW-averaged", Scope("steps over", 1)),
            "BP4 (weight gradient) of layers 1, 2 and 3, only after the first step",
            tuple(name for name in NAMES if name != "1 sample"),
        ),
        (
            "dW-transposed",
            "BP4 (weight gradient) of layer 2, only with more than one hidden layer",
            ("5 samples", *NAMES[4:]),
        ),
        ("hidden-derivative-missing", "BP2 (hidden delta) of layers 1 and 2", NAMES),
        ("momentum-with-lr-inside", "step (update), only with momentum", ("momentum", "Nesterov")),
    ],
    ids=str,
)
def test_where_it_stands_and_in_which_tasks(bug, where, tasks):
    """What these tasks have in common, unless they are all, or as all that can show it
    have a square layer.
    """
    (finding,) = findings(programs(bug))
    assert (finding.where, finding.tasks) == (where, tasks)


def test_nothing_in_common_is_not_said():
    """Two tasks that no condition tells from the others, and all of them."""
    trials = Trials(programs("db-averaged"))
    off = trials.off(())
    assert in_common(trials.runs, {i: off[i] for i in (0, 2)}) == ""
    assert in_common(trials.runs[:3], {i: off[i] for i in (0, 1, 2)}) == ""
    assert in_common(trials.runs, off) == "only with more than one sample"


def test_what_they_have_in_common_is_that_of_the_steps_in_which_it_shows():
    """A smaller batch that comes later is none of them."""
    large = run_of_case(replace(BASE, batch=8, last=2))
    runs = [large, inputs("5 samples")]
    assert in_common(runs, {0: Station(0, "dW", 1, np.inf)}) == "only with more than 5 samples"
    assert in_common(runs, {0: Station(1, "dW", 1, np.inf)}) == "only with fewer than 5 samples"


def test_runs_without_names_have_none():
    """As where a record is diagnosed."""
    assert names_of((0, 2), NAMES) == (NAMES[0], NAMES[2])
    assert names_of((0, 2), ("one",)) == ("one",)
    assert names_of((0, 2), ()) == ()
    (finding,) = diagnose_runs(programs("db-averaged", names=NAMES[:2]))
    assert finding.tasks == ()


@pytest.mark.parametrize(
    ("bug", "equations", "layers"),
    [
        ("output-delta-negated", "BP1 (output delta)", (3,)),
        ("hidden-weights-transposed", "BP2 (hidden delta)", (1,)),
        ("gradients-not-reset", "BP4 (weight gradient) and BP3 (bias gradient)", (1, 2, 3)),
        ("loss-summed", "C (", (3,)),
    ],
)
def test_the_equations_that_are_broken(bug, equations, layers):
    """A delta's by where it stands, both gradients' where both are."""
    finding, *_ = findings(programs(bug, names=NAMES[:1], shown=EVERYTHING))
    assert finding.bug == bug
    assert finding.where.startswith(equations)
    assert finding.layers == layers
    assert finding.equation == equations.split()[0]
    assert finding.expected == EQUATIONS[finding.equation].formula


def test_a_derivative_in_all_layers_breaks_both_deltas():
    """That of the output, and those that are hidden."""
    finding, *_ = findings(programs("derivative-at-a", names=("8 samples",), shown=EVERYTHING))
    assert finding.where.startswith("BP2 (hidden delta)")
    square = inputs("5 samples")
    assert finding.layers == (1,)
    assert square.spec.sizes == (3, 4, 4, 2)


@pytest.mark.parametrize("task", ["momentum", "Adam"])
def test_the_right_update_is_the_optimizer_s_own(task):
    """And any other equation has its formula."""
    run = inputs(task)
    own = OPTIMIZERS[run.spec.optimizer].equation.partition(". ")[0]
    assert expected("step", run.spec) == re.sub(r"\bd\b", "g", own)
    assert expected("BP4", run.spec) == EQUATIONS["BP4"].formula


def test_the_layers_are_said_of_mistakes_alone():
    """A convention stands everywhere, and the cost has no layer."""
    (convention,) = findings(
        programs("averaged-in-the-gradients", names=("8 samples",), shown=("delta", *GRADIENTS))
    )
    assert " of layer" not in convention.where
    doubled = next(each for each in FAMILIES if each.id == "factor {c} in C").at(3.5)
    (cost,) = findings([showing(program(name, doubled), "loss") for name in NAMES[1:3]])
    assert cost.where == f"C ({EQUATIONS['C'].name})"


# what may be declared


def test_a_convention_says_what_to_declare():
    """Its id; and of a mistake nothing may be declared."""
    (finding,) = findings(programs("momentum-with-lr-inside"))
    assert finding.declare == "conventions = ('momentum-with-lr-inside',)"
    (finding,) = findings(programs("dW-transposed"))
    assert finding.declare == ""


def test_the_gradient_of_a_sum_says_what_to_declare_if_it_is_meant():
    """Where no loss is shown it is wrong, but it would be right by the convention."""
    (finding,) = findings(programs("loss-summed", shown=("dW", "db")))
    assert finding.verdict == "wrong"
    assert finding.declare == "conventions = ('loss-summed',)"
    # a hidden delta that is n k times the right one is no gradient of the sum
    assert finding.equation == "BP1"
    (finding,) = findings(programs("dW-averaged", shown=("delta", "dW", "db")))
    assert finding.declare == ""


def test_a_declared_convention_is_no_other_finding():
    """What stands beside it is not said to stand with it."""
    (finding,) = findings(programs("loss-summed", "db-averaged"), "loss-summed")
    assert finding.bug == "db-averaged"
    assert not any("other findings" in sentence for sentence in finding.evidence)


# what it rests on


def test_what_nothing_needs_any_more_is_no_finding():
    """Its arrays were set aside, or it stands in layers that no run has."""
    search = Search(programs(names=NAMES[:2]), ())
    suspect = Suspect(BY_ID["db-averaged"])
    search.program, search.alike = (suspect,), {suspect: ()}
    assert named(search, suspect) is None


def test_the_evidence_is_of_the_first_task_that_shows_it():
    """Up to the step in which it shows, with the figures."""
    (finding,) = findings(programs(("db-averaged", Scope("steps over", 1))))
    (sentence,) = finding.evidence
    assert sentence.startswith("In step 2, all 10 numbers of db of layers 1, 2 and 3 fit")
    (figures,) = finding.measured
    assert figures.startswith("db of layers 1, 2 and 3 is what this formula gives")


def test_what_else_explains_it_is_named():
    """In one task with a single sample an average is none."""
    search = Search(programs("hidden-derivative-missing", names=("1 sample",)), ())
    search.walk()
    (suspect,) = search.program
    finding = named(search, suspect, ("1 sample",))
    assert finding.alike == search.alike[suspect]
    assert "hidden-derivative-missing" in (finding.bug, *finding.alike)
    assert finding.tasks == ("1 sample",)
