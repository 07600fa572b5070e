"""Right code is never called wrong, however it is spelled; and each of the spellings is
called wrong once something is wrong with it.
"""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest

import parity
import refnet
from parity.bench.sides.jax import jax
from parity.checking.calling import calls
from parity.checking.calling.answers import fitted
from parity.checking.checker import cases_for, check
from parity.checking.program.adapters import from_gradient
from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.task import task_of
from parity.checking.tests.spellings.activations import ACTIVATIONS
from parity.checking.tests.spellings.derivatives import DERIVATIVES, differences
from parity.checking.tests.spellings.libraries import FORMS, LIBRARIES
from parity.checking.tests.spellings.losses import LOSSES
from parity.checking.tests.spellings.rules import RULES
from parity.checking.tests.spellings.shapes import SHAPES
from parity.checking.tests.spellings.spelling import PLAIN
from parity.checking.tests.spellings.sums import SUMS
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.finding import IMPRECISE
from parity.mistakes.mistake import CONVENTION
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import simulate
from parity.mistakes.search.suspects import Suspect, placed
from parity.steps.cases import PLAIN as TABLE
from parity.steps.cases import TRAINABLE
from refnet.optimizers import OPTIMIZERS

TABLES = (SUMS, SHAPES, ACTIVATIONS, LOSSES, DERIVATIVES, LIBRARIES, RULES)
SPELLINGS = {name: spelling for table in TABLES for name, spelling in table.items()}
NEEDS = {
    "JAX": pytest.mark.skipif(
        jax() is None, reason="JAX is not installed: pip install -c constraints.txt jax"
    )
}
# every so many-th task of a spelling beside the first, from another one on in each: all
# tasks of all would take half a minute. A convention of a setting may need all of them
STRIDES = dict.fromkeys(SPELLINGS, 5) | dict.fromkeys(RULES, 3) | dict.fromkeys(FORMS, 9)
STRIDES |= {"torch.optim, foreach, gradients read late": 1}
STRIDES |= {n: 1 for n, each in SPELLINGS.items() if each.follows and each.declared["settings"]}


def spellings(names, marks=NEEDS):
    """A test for each, with its marks."""
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=marks.get(name, ())) for name in names]
    )


def tasks_of(name):
    """Some of the tasks of a spelling."""
    spelling, stride = SPELLINGS[name], STRIDES[name]
    first, *others = cases_for(spelling.run, **spelling.declared)
    return [first, *others[[*SPELLINGS].index(name) % stride :: stride]]


def test_every_spelling_has_a_name_of_its_own():
    """No table hides an entry of another."""
    assert len(SPELLINGS) == sum(map(len, TABLES))


@spellings(SPELLINGS)
def test_a_right_program_is_right_however_it_is_spelled(name):
    """It has its conventions, each by name, and nothing else is said of it."""
    spelling = SPELLINGS[name]
    report = check(spelling.run, tasks_of(name), **spelling.declared)
    assert report.verdict.startswith("RIGHT"), str(report)
    assert sorted(finding.bug for finding in report.conventions) == sorted(spelling.follows)
    others = {finding.verdict for finding in report.findings} - {CONVENTION}
    assert others <= set(spelling.besides), str(report)


# each can fail


def first_step_alone(name):
    """The first of its tasks, of which the first step is left: enough to be wrong
    in.
    """
    spelling = SPELLINGS[name]
    task = cases_for(spelling.run, **spelling.declared)[0]
    steps = task.inputs.steps[:1]
    assert len(steps[0].x) > 1
    return task_of(task.name, replace(task.inputs, steps=steps), declaration(**spelling.declared))


def a_thousandth_too_far(run):
    """The program, whose last W moves by 1.001 times its step; what else it shows is
    right.
    """

    def broken(case):
        before = np.array(case.W[-1])
        for step in run(case):
            *below, W = (np.array(W, float) for W in step["W"])
            yield {**step, "W": [*below, before + 1.001 * (W - before)]}
            before = W

    return broken


def without_the_last_sample(run, samples):
    """The program, to which the last sample of a batch never comes: it is given the
    first one twice.
    """

    def seen(array):
        array = array.copy()
        rows = array.T if array.ndim > 1 and samples == "columns" else array
        rows[-1] = rows[0]
        return array

    def broken(case):
        steps = [step._replace(x=seen(step.x), y=seen(step.y)) for step in case.steps]
        return run(replace(case, steps=steps))

    return broken


def off(run, task, spelling):
    """The first array that is off, by a program with the spelling's conventions."""
    declared = declaration(**spelling.declared)
    (shown,), problems = fitted([task], [calls.outcome(run, task, declared).arrays], declared)
    assert not problems
    follows = placed(shown, tuple(Suspect(BY_ID[name]) for name in spelling.follows))
    return [station.where for station in judged(shown, follows) if station.off]


@spellings(SPELLINGS)
def test_every_spelling_is_off_where_a_step_is_too_long(name):
    """By a thousandth, in one layer: its W is the first that is off. What `check` does
    next is to look for a name, which is left out here: it takes a tenth of a second.
    """
    spelling, task = SPELLINGS[name], first_step_alone(name)
    assert off(spelling.run, task, spelling) == []
    assert off(a_thousandth_too_far(spelling.run), task, spelling) == [("W", len(task.W))]


@spellings([*SPELLINGS][::17])
def test_a_spelling_is_wrong_where_it_misses_a_sample(name):
    """All that it shows fits together, but is that of another batch; some of them,
    with the search.
    """
    spelling = SPELLINGS[name]
    broken = without_the_last_sample(spelling.run, spelling.declared.get("samples"))
    report = check(broken, first_step_alone(name), **spelling.declared)
    assert report.verdict.startswith("WRONG"), str(report)


# what trains everything


def network_of(case):
    """refnet's network of a task, and its optimizer."""
    layers = [
        refnet.Dense(W, b, name if slope is None else refnet.LeakyReLU(slope))
        for W, b, name, slope in zip(case.W, case.b, case.activations, case.slopes, strict=True)
    ]
    return refnet.Network(layers), OPTIMIZERS[case.optimizer](**case.settings)


def shown(record):
    """What a record has, as a step of a program."""
    layers = {
        name: [getattr(layer, name) for layer in record.layers]
        for name in ("z", "a", "delta", "dW", "db")
    }
    return {**layers, "loss": record.loss, "W": record.after.W, "b": record.after.b}


def by_refnet(case):
    """refnet, by its public names."""
    net, optimizer = network_of(case)
    for x, y, lr in case.steps:
        optimizer.lr = lr
        yield shown(parity.record_refnet(net, x, y, case.loss, optimizer))


def by_pytorch(case):
    """PyTorch, by nn.Sequential and torch.optim."""
    net, given = network_of(case)
    model, loss = parity.twin(net), parity.twin_loss(case.loss)
    optimizer = parity.twin_optimizer(given, model)
    for x, y, lr in case.steps:
        optimizer.param_groups[0]["lr"] = lr
        yield shown(parity.record_torch(model, x, y, loss, optimizer))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("program", "start"), [(by_refnet, 0), (by_pytorch, 3)])
def test_the_case_table_is_right(program, start, dtype):
    """An eighth of its cases each: in both, every activation, loss and optimizer."""
    cases = [case for case in TABLE if case.dtype == dtype][start::8]
    for name in ("loss", "output", "optimizer", "group"):
        assert {getattr(case, name) for case in cases} == {getattr(case, name) for case in TABLE}
    report = check(program, cases, dtype=dtype)
    assert report.findings == (), str(report)
    assert report.verdict.startswith("RIGHT")


# they start below 3; of the tasks that settle, none goes beyond 60, and those that do
# not go on to 1e4 and more
LARGEST = 100.0


@pytest.mark.parametrize(
    ("activation", "loss"),
    [*product(TRAINABLE, ["mse", "half_squared_error", "mae"])],
)
def test_no_task_leads_a_right_program_astray(activation, loss):
    """Its weights stay small: refnet refuses a step that is not finite, and where
    weights grow, rounding does.
    """
    for output in (activation, "identity"):
        declared = {**PLAIN, "activations": activation, "losses": loss, "outputs": output}
        for task in cases_for(by_refnet, **declared):
            weights = [W for record in simulate(task.inputs) for W in record.after.W]
            assert max(np.abs(W).max() for W in weights) < LARGEST, task.name


# what is right but for its digits


def test_central_differences_lose_digits_and_are_not_wrong():
    """The gradient is the right one, to ten digits; with a step as wide as a hundredth,
    it is not.
    """
    tasks = cases_for(from_gradient(differences), **PLAIN)[:3]
    report = check(from_gradient(differences), tasks, **PLAIN)
    assert report.verdict.startswith("RIGHT")
    assert {finding.verdict for finding in report.findings} == {IMPRECISE}
    assert not check(from_gradient(partial(differences, h=1e-2)), tasks, **PLAIN).passed
