"""The catalogue: every mistake shows in a probe, differs from every other, hides where
its entry says so, and is named.
"""

import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pytest

from parity.mistakes import catalogue
from parity.mistakes.catalogue.factors import FACTORS
from parity.mistakes.catalogue.index import BY_ID, CATALOGUE, sources
from parity.mistakes.catalogue.published import OUT, PUBLISHED
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.functions import RIGHT
from parity.mistakes.mistake import CONVENTION, WRONG, Catalogue
from parity.mistakes.probes import PROBES
from parity.mistakes.rules import STATE
from parity.mistakes.search.judging import explains, judged
from parity.mistakes.search.replay import run_of, showing, simulate
from parity.proof.certificate import certify
from parity.steps.cases import DTYPES
from refnet.equations import EQUATIONS

FILE = "parity/mistakes/tests/test_catalogue.py"
each_mistake = pytest.mark.parametrize("bug", CATALOGUE, ids=lambda bug: bug.id)


@cache
def inputs(probe, dtype="float64"):
    """The probe's run, which shows no arrays yet."""
    return probe.run(dtype)


@cache
def records(bug, probe, dtype="float64"):
    """The records of a program with the mistake in every layer where it can occur, or
    of the right one where `bug` is None.
    """
    run = inputs(probe, dtype)
    return simulate(run, [(bug, bug.layers(run.spec))] if bug else [])


@cache
def shown_run(bug, probe, dtype="float64"):
    """The run that these records show."""
    return run_of(records(bug, probe, dtype))


@cache
def first_off(bug, probe, dtype="float64"):
    """The first array of that run that the right program cannot give, or None."""
    if not bug.layers(inputs(probe, dtype).spec):
        return None
    run, right = shown_run(bug, probe, dtype), shown_run(None, probe, dtype)
    if same_bits(run, right):
        return None  # other tests show that the right program's arrays are never off
    last = judged(run)[-1]
    return last if last.off else None


def same_bits(run, other):
    """Whether two runs show the same arrays, bit for bit."""
    return all(
        step.arrays.keys() == right.arrays.keys()
        and all(step.arrays[name].tobytes() == a.tobytes() for name, a in right.arrays.items())
        for step, right in zip(run.steps, other.steps, strict=True)
    )


@cache
def home(bug, dtype="float64"):
    """The first probe in which the mistake shows; in float32, its home in float64 if it
    shows there too.
    """
    others = (home(bug),) if dtype != "float64" else ()
    shows = (probe for probe in (*others, *PROBES) if first_off(bug, probe, dtype))
    probe = next(shows, None)
    assert probe, f"parity/mistakes/probes.py: {bug.id!r} shows in no probe"
    return probe


def first_broken(steps):
    """The first result of the steps' certificates that is broken."""
    for record, previous in zip(steps, [None, *steps], strict=False):
        broken = certify(record, previous).broken
        if broken:
            return broken[0]
    return None


def test_the_catalogue_is_large_and_its_ids_are_words():
    """There are at least 60 mistakes, and every id is made of words."""
    assert sum(bug.verdict == WRONG for bug in CATALOGUE) >= 60
    assert len(BY_ID) == len(CATALOGUE)
    assert all(re.fullmatch(r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*", bug.id) for bug in CATALOGUE)


MODULES = [module.name for module in walk_packages(catalogue.__path__, f"{catalogue.__name__}.")]


@pytest.mark.parametrize("module", [name for name in MODULES if not name.endswith(".index")])
def test_every_mistake_of_a_module_is_in_the_index(module):
    """What is not in BY_ID is never looked for."""
    for name, value in vars(import_module(module)).items():
        if isinstance(value, Catalogue):
            lacking = [bug for bug in value.by_id if bug not in BY_ID]
            says = f"parity/mistakes/catalogue/index.py: BY_ID lacks {name} of {module}"
            assert not lacking, says


def test_an_id_that_is_in_use_is_refused():
    """Neither another entry nor another catalogue can take its place."""
    fields = {"equation": "BP1", "formula": "delta^L = 0", "happens": "A.", "why": "B."}
    one, other = Catalogue(), Catalogue()
    for each in (one, other):
        each.add(id="zero", **fields)(lambda s, l, right: right() * 0.0)
    refused = pytest.raises(
        ValueError, match=r"^catalogue: id 'zero' is already in use, expected a new one$"
    )
    with refused:
        one.add(id="zero", **fields)(lambda s, l, right: right())
    with refused:
        Catalogue(one, other)


def test_the_words_are_no_docstrings():
    """Python reads the same catalogue where -OO drops the docstrings."""
    code = (
        "from parity.mistakes.catalogue.factors import FACTORS\n"
        "from parity.mistakes.catalogue.index import CATALOGUE\n"
        "for mistake in (*CATALOGUE, *FACTORS): print(*mistake.lines(), sep='\\n')"
    )
    shown = subprocess.run(
        [sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == [
        line for mistake in (*CATALOGUE, *FACTORS) for line in mistake.lines()
    ]


@each_mistake
def test_a_mistake_explains_itself(bug):
    """It names its equation, has a formula and two sentences, and hides only under
    conditions that are made below.
    """
    assert bug.equation in EQUATIONS
    unknown = set(bug.slots) - {*RIGHT, *STATE}
    assert not unknown, f"parity/mistakes/program.py: no step has the slots {unknown} of {bug.id}"
    assert "=" in bug.formula
    assert bug.verdict in (WRONG, CONVENTION)
    for sentence in (bug.happens, bug.why):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert 25 < len(sentence) < 320
    unmade = set(bug.hidden) - set(CONDITIONS)
    assert not unmade, f"{FILE}: CONDITIONS does not make {unmade}, under which {bug.id} hides"


def test_every_convention_may_be_declared_and_no_mistake_that_is_never_right():
    """What a file declares is the entry's id, or a line of the entry's own."""
    for bug in CATALOGUE:
        assert bug.declarable or bug.verdict == WRONG
    assert BY_ID["decay-not-on-b"].if_meant == "conventions = ('decay-not-on-b',)"
    assert BY_ID["bias-at-twice-the-rate"].verdict == WRONG
    assert BY_ID["bias-at-twice-the-rate"].declarable
    assert BY_ID["bias-forgotten"].if_meant == "bias = False"
    assert not BY_ID["bias-forgotten"].declarable
    assert BY_ID["hidden-derivative-missing"].if_meant == ""
    assert not any(factor.if_meant for factor in FACTORS)


@pytest.mark.parametrize("dtype", DTYPES)
@each_mistake
def test_no_mistake_stays_hidden(bug, dtype):
    """In some probe an equation is broken."""
    result = first_broken(records(bug, home(bug, dtype), dtype))
    assert result is not None
    assert result.used > 1.0


@each_mistake
def test_a_mistake_is_named(bug):
    """With everything shown it is the only finding: it is named, or it is among the
    entries that nothing tells apart in that network.
    """
    # every second mistake in float32
    dtype = DTYPES[CATALOGUE.index(bug) % 2]
    (finding,) = diagnose_runs([shown_run(bug, home(bug, dtype), dtype)])
    assert bug.id in (finding.bug, *finding.alike)
    assert bug.verdict == finding.verdict or bug.id in finding.alike
    assert finding.evidence


@pytest.mark.parametrize("bug", CATALOGUE[::5], ids=lambda bug: bug.id)
def test_a_mistake_is_named_from_the_gradients_alone(bug):
    """With dW, db and the weights after the step shown it is the only finding, named or
    among the entries that these arrays do not tell apart.
    """
    run = showing(shown_run(bug, home(bug)), "dW", "db", "W", "b")
    if not any(station.off for station in judged(run)):
        # it shows in the loss or the outputs alone, or is a convention for delta alone
        assert bug.equation in ("C", "a") or bug.verdict == CONVENTION
        return
    (finding,) = diagnose_runs([run])
    of_cost = bug.verdict == CONVENTION and {"C", "P", "weighing"} & set(bug.slots)
    if of_cost:  # without the cost, it is wrong
        is_penalty = bug.id == "penalty-of-its-own" or "P" in bug.slots
        assert (finding.verdict, finding.equation) == (WRONG, "BP4" if is_penalty else "BP1")
        return
    assert bug.id in (finding.bug, *finding.alike)


EVERYTHING_BUT_STATE = ("z", "a", "loss", "delta", "dW", "db", "W", "b")
# where both can occur, both leave NaN alone
ALL_NAN = {"lr-not-a-number", "adam-t-from-zero"}


def test_every_two_mistakes_are_distinct():
    """For any two there is a probe in which the one gives an array that the other
    cannot give, beyond the bounds of both.
    """
    alike = [
        (one.id, two.id)
        for i, one in enumerate(CATALOGUE)
        for two in CATALOGUE[:i]
        if not distinct(one, two)
    ]
    assert all(set(pair) == ALL_NAN for pair in alike), alike


def distinct(one, two):
    """Whether some probe tells them apart."""
    # their homes first: mostly those do
    probes = dict.fromkeys((home(one), home(two), *PROBES))
    return any(
        differs(a, b, probe)
        for probe in probes
        for a, b in ((one, two), (two, one))
        if first_off(a, probe)
    )


def differs(one, two, probe):
    """Whether the other cannot give the first array in which the one shows."""
    station = first_off(one, probe)
    run, layers = shown_run(one, probe), two.layers(inputs(probe).spec)
    if not layers or np.array_equal(shown(two, probe, station), shown(None, probe, station)):
        return True  # the other gives the right array there
    return not explains(run, [(two, layers)], station) or any(
        each.off for each in judged(run, [(two, layers)])
    )


def shown(bug, probe, station):
    """That array, as a program with the mistake gives it, or the right one."""
    return shown_run(bug, probe).steps[station.step].arrays[station.where]


# where mistakes hide


def first_step(run):
    return replace(run, steps=run.steps[:1])


def zero_biases(run):
    return replace(run, b=tuple(np.zeros_like(b) for b in run.b), steps=run.steps[:1])


def constant_rate(run):
    lr = run.spec.hyperparameters["lr"]
    same = [
        replace(
            step, spec=replace(step.spec, hyperparameters={**step.spec.hyperparameters, "lr": lr})
        )
        for step in run.steps
    ]
    return replace(run, steps=tuple(same))


def positive(run):
    W, b = (tuple(np.abs(array) for array in getattr(run, name)) for name in ("W", "b"))
    return replace(
        run, W=W, b=b, steps=tuple(replace(step, x=np.abs(step.x)) for step in run.steps[:1])
    )


def summing_to_one(run):
    return replace(
        run,
        steps=tuple(
            replace(step, x=np.abs(step.x) / np.abs(step.x).sum(axis=1, keepdims=True))
            for step in run.steps
        ),
    )


def nearly_right(run):
    outputs = [record.layers[-1].a for record in simulate(run)]
    return replace(
        run,
        steps=tuple(
            replace(step, y=a + 0.01 * step.y)
            for step, a in zip(run.steps[:1], outputs, strict=False)
        ),
    )


def on_run(edit):
    return lambda probe: replace(probe, edit=lambda run: edit(probe.edit(run)))


def on_case(edit):
    return lambda probe: replace(probe, case=edit(probe.case))


CLASSES = {"output": "softmax", "loss": "cross_entropy", "targets": "labels", "deviation": 0.6}
NO_MOMENTUM = {
    "sgd": {"momentum": 0.0, "nesterov": False, "dampening": 0.0},
    "rmsprop": {"momentum": 0.0},
}
CONDITIONS = {  # how a probe is changed so that some mistakes no longer show
    "one sample": on_case(lambda case: replace(case, batch=1)),
    "an even number of samples": on_case(lambda case: replace(case, batch=4)),
    "one output": on_case(lambda case: replace(case, sizes=(*case.sizes[:-1], 1))),
    "one layer": on_case(
        lambda case: replace(case, sizes=(case.sizes[0], case.sizes[-1]), hidden=())
    ),
    "one hidden layer": on_case(
        lambda case: replace(case, sizes=(*case.sizes[:2], case.sizes[-1]), hidden=case.hidden[:1])
    ),
    "the first step alone": on_run(first_step),
    "a constant learning rate": on_run(constant_rate),
    "zero biases": on_run(zero_biases),
    "equal activations": on_case(
        lambda case: replace(case, hidden=("sigmoid",) * len(case.hidden), output="sigmoid")
    ),
    "no momentum": on_case(
        lambda case: replace(case, settings={**case.settings, **NO_MOMENTUM[case.optimizer]})
    ),
    "no weight decay": on_case(
        lambda case: replace(case, settings={**case.settings, "weight_decay": 0.0})
    ),
    "no penalty": on_case(lambda case: replace(case, penalty=None)),
    "no clipping": on_case(lambda case: replace(case, clip=None)),
    "no weight of exactly 0": lambda probe: replace(probe, edit=lambda run: run),
    "the default slope": on_case(lambda case: replace(case, slope=0.01)),
    "positive weighted inputs": on_run(positive),
    "rows of x that sum to 1": on_run(summing_to_one),
    "small errors": on_run(nearly_right),
    "moderate weighted inputs": on_case(lambda case: replace(case, deviation=0.3)),
    "unsaturated outputs": lambda probe: replace(
        probe, case=replace(probe.case, deviation=0.3), edit=lambda run: run
    ),
    "no weighted input of exactly 0": lambda probe: replace(probe, edit=lambda run: run),
    "softmax with cross-entropy": on_case(lambda case: replace(case, **CLASSES)),
}
HIDING = [(bug, condition) for bug in CATALOGUE for condition in bug.hidden]


@pytest.mark.parametrize(("bug", "condition"), HIDING, ids=lambda part: getattr(part, "id", part))
def test_a_mistake_hides_where_it_says(bug, condition):
    """Under each of its conditions it no longer shows in its home."""
    run = CONDITIONS[condition](home(bug)).run()
    layers = bug.layers(run.spec)
    if condition == "rows of x that sum to 1":
        layers &= {1}  # the only layer that reads x
    hidden = showing(run_of(simulate(run, [(bug, layers)])), *EVERYTHING_BUT_STATE)
    assert not any(station.off for station in judged(hidden))


# where they come from


def test_every_published_mistake_is_in_the_catalogue():
    """A report is of entries of the catalogue, whose sources name it, or it is out for
    a reason; its name always stands for one address.
    """
    file = "parity/mistakes/catalogue/published.py"
    unknown = set(PUBLISHED) - set(BY_ID)
    assert not unknown, f"{file}: PUBLISHED has {unknown}, which the catalogue does not have"
    for name, reports in PUBLISHED.items():
        assert sources(BY_ID[name].id) == tuple(reports.values())
    rows = [
        row for table in (PUBLISHED, OUT) for reports in table.values() for row in reports.items()
    ]
    assert len(dict(rows)) == len(set(rows))
    listed = {name for reports in PUBLISHED.values() for name in reports}
    both = listed & {name for reports in OUT.values() for name in reports}
    assert not both, f"{file}: {both} is in PUBLISHED and in OUT"


def test_factors_are_one_for_each_place_and_constant():
    """Every constant factor is a mistake of its own in every quantity."""
    assert len({factor.id for factor in FACTORS}) == len(FACTORS)
