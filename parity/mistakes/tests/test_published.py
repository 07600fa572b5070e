"""Every published mistake is diagnosed by name in a program that knows nothing of the
catalogue: the student's.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from parity.mistakes.catalogue.false_alarms import FALSE_ALARMS
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.catalogue.published import PUBLISHED
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.probes import PROBES, Probe
from parity.mistakes.tests.false_alarms import CONVENTIONAL, OTHERWISE, RIGHT
from parity.mistakes.tests.recreated import MISTAKES
from parity.mistakes.tests.student import EVERYTHING, GRADIENTS, trained
from parity.steps.cases import Case

# where they are shown


def whole_numbers(inputs):
    """The run with whole numbers for weights and biases, as in arrays of integers."""
    W, b = (tuple(np.rint(3 * array) for array in arrays) for arrays in (inputs.W, inputs.b))
    return replace(inputs, W=W, b=b)


def from_zero(inputs):
    return replace(inputs, W=tuple(0 * W for W in inputs.W), b=tuple(0 * b for b in inputs.b))


def of_two_classes(inputs):
    """The run with targets that are 0 or 1."""
    return replace(inputs, steps=tuple(replace(step, y=np.round(step.y)) for step in inputs.steps))


def at_a_constant_rate(inputs):
    lr = inputs.spec.hyperparameters["lr"]
    specs = (
        replace(step.spec, hyperparameters={**step.spec.hyperparameters, "lr": lr})
        for step in inputs.steps
    )
    return replace(
        inputs,
        steps=tuple(
            replace(step, spec=spec) for step, spec in zip(inputs.steps, specs, strict=True)
        ),
    )


def case(*sizes, **what):
    return Case("probe", sizes, **{"loss": "mse", "targets": "values", "batch": 4, **what})


XOR = case(2, 2, 1, hidden=("sigmoid",), output="sigmoid", loss="half_squared_error")
OWN = (
    Probe("XOR", XOR),
    Probe(
        "XOR with cross-entropy", replace(XOR, loss="binary_cross_entropy", targets="probabilities")
    ),
    Probe("all tanh", case(3, 4, 3, 2, hidden=("tanh", "tanh"), output="tanh")),
    Probe(
        "tanh and softmax", case(2, 3, 3, output="softmax", loss="cross_entropy", targets="labels")
    ),
    Probe(
        "softmax regression", case(4, 3, hidden=(), loss="softmax_cross_entropy", targets="labels")
    ),
    Probe(
        "one sample of four classes",
        case(3, 4, output="softmax", hidden=(), loss="cross_entropy", targets="labels", batch=1),
    ),
    Probe("whole numbers", case(3, 4, 2), whole_numbers),
    Probe(
        "Adam with weight decay",
        case(3, 4, 2, optimizer="adam", settings={"lr": 0.1, "weight_decay": 0.3, "eps": 0.01}),
    ),
)
STANDARD = {probe.name: probe for probe in PROBES}
EDITED = (
    Probe("softmax regression from zero", OWN[4].case, from_zero),
    Probe("binary classes", STANDARD["binary as probabilities"].case, of_two_classes),
    *(
        Probe(f"{name} at a constant rate", STANDARD[name].case, at_a_constant_rate)
        for name in ("momentum", "Nesterov momentum")
    ),
)
INPUTS = {probe.name: probe for probe in (*PROBES, *OWN, *EDITED)}


@cache
def inputs(name, dtype="float64", steps=3):
    run = INPUTS[name].run(dtype)
    return replace(run, steps=run.steps[:steps])


@cache
def findings(name, shown):
    where, exchanged = (MISTAKES | RIGHT | OTHERWISE)[name]
    return diagnose_runs([trained(inputs(probe), shown, **exchanged) for probe in where])


# the tests

# what was published too, where no address leads to the original: the ids by the name
UNCITED = {
    "divide-by-classes": ("loss-divided-by-outputs",),
    "template-alias": ("gradients-not-reset",),
}
# the ids of each report, by its name
MAPPED = UNCITED | {
    name: tuple(bug for bug, reports in PUBLISHED.items() if name in reports)
    for listed in PUBLISHED.values()
    for name in listed
}
# what a cost of one's own is called where it is not shown: the gradient alone is wrong
ITS_GRADIENT = {
    "loss-summed": "not-averaged",
    "shards-averaged-without-sizes-in-the-cost-too": "shards-averaged-without-sizes",
}
ALARMS = {each.name: each for each in FALSE_ALARMS if not each.out}
IN_THE_LOSS_ALONE = ("divide-by-classes",)  # its gradients are right
BOTH = pytest.mark.parametrize("shown", [EVERYTHING, GRADIENTS], ids=["everything", "gradients"])


def first_ids(name, shown):
    """As many of the first findings as there are mistakes."""
    return {finding.bug for finding in findings(name, shown)[: len(MAPPED[name])]}


def expected(name, shown):
    """The ids that it is called by."""
    without_the_loss = ITS_GRADIENT if "loss" not in shown else {}
    return {without_the_loss.get(bug, bug) for bug in MAPPED[name]}


def test_every_published_mistake_is_made_here():
    """Each report of the tables has its function in the student's program."""
    unmade = MAPPED.keys() - MISTAKES.keys()
    assert not unmade, f"parity/mistakes/tests/recreated.py: MISTAKES has no {unmade}"
    assert MISTAKES.keys() == MAPPED.keys()
    assert RIGHT.keys() == ALARMS.keys()


@BOTH
@pytest.mark.parametrize(
    "where",
    sorted({probe for each in (MISTAKES | RIGHT | OTHERWISE).values() for probe in each.probes}),
)
def test_nothing_is_said_of_the_right_program(where, shown):
    """The student's program, with nothing exchanged, has no finding in any probe."""
    assert diagnose_runs([trained(inputs(where), shown)]) == []


@BOTH
@pytest.mark.parametrize("where", ["mixed activations", "classes", "rectifiers", "Adam"])
def test_nothing_is_said_of_the_right_program_in_float32(where, shown):
    """Nor has it in float32."""
    assert diagnose_runs([trained(inputs(where, "float32"), shown)]) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_a_published_mistake_is_named_where_everything_is_shown(name):
    """The first findings are the entries that it was entered as."""
    assert first_ids(name, EVERYTHING) == expected(name, EVERYTHING)


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in IN_THE_LOSS_ALONE])
def test_a_published_mistake_is_named_from_gradients_and_weights(name):
    """The first finding names it, or lists it among those that nothing tells apart."""
    first, *_ = findings(name, GRADIENTS)
    assert first_ids(name, GRADIENTS) | set(first.alike) >= expected(name, GRADIENTS)


def test_published_mistakes_are_named_first_from_gradients_and_weights():
    """For all but a twentieth the first name is the right one."""
    seen = [name for name in MISTAKES if name not in IN_THE_LOSS_ALONE]
    others = {
        name: findings(name, GRADIENTS)[0].bug
        for name in seen
        if first_ids(name, GRADIENTS) != expected(name, GRADIENTS)
    }
    assert len(others) <= 0.05 * len(seen), (
        f"published: {len(others)} of {len(seen)} mistakes are named otherwise: {others}"
    )


@BOTH
def test_no_published_mistake_is_cleared_as_a_convention(shown):
    """Only an entry that is a convention may be called one."""
    wrong = [
        name
        for name in MISTAKES
        if WRONG in {BY_ID[bug].verdict for bug in MAPPED[name]} and name not in IN_THE_LOSS_ALONE
    ]
    assert [name for name in wrong if findings(name, shown)[0].verdict != WRONG] == []


@pytest.mark.parametrize("name", IN_THE_LOSS_ALONE)
def test_a_mistake_in_the_loss_alone_leaves_the_gradients_right(name):
    """Where the loss is not shown, it has no finding."""
    assert findings(name, GRADIENTS) == []


@BOTH
@pytest.mark.parametrize("name", [*RIGHT, *OTHERWISE])
def test_what_is_right_is_not_called_wrong(name, shown):
    """It has no finding but the convention that it follows."""
    for finding in findings(name, shown):
        assert (finding.bug, finding.verdict) == (CONVENTIONAL.get(name), CONVENTION)


@pytest.mark.parametrize("name", CONVENTIONAL)
def test_another_convention_is_named(name):
    """It is the only finding."""
    assert [finding.bug for finding in findings(name, EVERYTHING)] == [CONVENTIONAL[name]]


@pytest.mark.parametrize("alarm", FALSE_ALARMS, ids=lambda alarm: alarm.name)
def test_a_false_alarm_is_explained(alarm):
    """Its claim and its reason are sentences, and it has an address."""
    assert all(sentence.endswith(".") for sentence in (alarm.claim, alarm.why))
    assert alarm.url.startswith("https://")
