"""What the first calls show: a program without biases, one that trains from weights of
its own, and one that is neither.
"""

from shutil import copy

import numpy as np
import pytest

from parity.checking.calling.first_calls import learn
from parity.checking.calling.reliance import Reliance
from parity.checking.checker import cases_for, check
from parity.checking.program.adapters import from_gradient, from_step
from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.task import tasks_for
from parity.checking.tests import plain
from parity.checking.tests.programs import PLAIN, everything, gradients, train
from parity.steps.cases import PLAIN as TABLE
from parity.steps.cases import Case
from parity.tests.command import run as parity

DOES = {"activations": "sigmoid", "losses": "mse"}


def sentences(program, **declared):
    """What is said of a program."""
    return [(finding.verdict, finding.sentence) for finding in check(program, **declared).findings]


# no biases


def without(W, b, x, y):
    """The gradients of W of a network without biases."""
    return gradients(W, [0.0 * c for c in b], x, y)["dW"]


NOTHING = {
    "None": lambda b: None,
    "a list of None": lambda b: [None for _ in b],
    "an empty list": lambda b: [],
    "zeros": lambda b: [0.0 * c for c in b],
}


@pytest.mark.parametrize("what", NOTHING)
def test_a_network_without_biases_is_right(what):
    """As a gradient, whatever it gives for db; the note says how it was judged."""
    db = NOTHING[what]
    says = "the same numbers come whatever case.b is" if what == "zeros" else "shows None for db"
    report = check(from_gradient(lambda W, b, x, y: (without(W, b, x, y), db(b))), **DOES)
    assert [each.sentence for each in report.findings] == [
        f"<lambda>: {says}: judged as a network without biases, as bias = False says"
    ]
    assert report.strictly_passed
    declared = check(
        from_gradient(lambda W, b, x, y: (without(W, b, x, y), db(b))), bias=False, **DOES
    )
    assert declared.findings == ()


@pytest.mark.parametrize("b_after", [lambda b: None, lambda b: b, lambda b: [None, None, None]])
def test_a_step_without_biases_is_right(b_after):
    """With None for b, or with b as it was given; also in three layers."""

    def step(W, b, x, y, lr):
        return [w - lr * g for w, g in zip(W, without(W, b, x, y), strict=True)], b_after(b)

    report = check(from_step(step), sizes=(3, 5, 4, 2), **DOES)
    assert report.passed
    assert [each.verdict for each in report.findings] == ["note"]
    assert "as bias = False says" in report.findings[0].got


def test_a_run_without_biases_is_right():
    """Which shows none, and for which none are declared."""

    def run(case):
        W = case.W
        for x, y, lr in case.steps:
            step = gradients(W, [0.0 * c for c in case.b], x, y)
            W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
            yield {"output": step["output"], "loss": step["loss"], "dW": step["dW"], "W": W}

    report = check(run, **PLAIN)
    assert (report.passed, [each.verdict for each in report.findings]) == (True, ["note"])
    assert check(run, bias=False, **PLAIN).findings == ()
    # the tasks of a test suite, too
    assert all(check(run, task, **PLAIN).passed for task in cases_for(run, **PLAIN))


def test_biases_that_are_not_shown_are_asked_for():
    """A network that has biases and gives None for db cannot be trained."""
    returned = sentences(
        from_gradient(lambda W, b, x, y: (gradients(W, b, x, y)["dW"], None)), **DOES
    )
    assert returned == [
        (
            "wrong",
            (
                "<lambda>: shows None for db, but with other biases it shows other numbers, "
                "expected one array per layer"
            ),
        )
    ]


def test_forgotten_biases_are_still_a_mistake():
    """A network that steps its b, and leaves it out of z."""

    def run(case):
        W, b = case.W, case.b
        for x, y, lr in case.steps:
            step = gradients(W, [0.0 * c for c in b], x, y)
            W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
            b = [c - lr * g for c, g in zip(b, step["db"], strict=True)]
            yield step | {"W": W, "b": b}

    assert "bias-forgotten" in [finding.bug for finding in check(run, **PLAIN).findings]


# weights and data of its own


def own(name):
    """A right training from weights, biases or data of its own."""

    def run(case):
        rng = np.random.default_rng(5)
        if name == "data":
            case.steps[:] = [
                step._replace(x=rng.normal(size=step.x.shape), y=rng.normal(size=step.y.shape))
                for step in case.steps
            ]
        else:
            arrays = getattr(case, name)
            arrays[:] = [rng.normal(size=array.shape) for array in arrays]
        return train(case)

    return run


START = "expected a training that starts from case."
OWN = {
    "W": f"W: the same numbers come whatever case.W is, {START}W",
    "b": f"b: the same numbers come whatever case.b is, {START}b",
    "data": "x, y: the same numbers come whatever x and y are, expected a training on the x and y "
    "of case.steps",
}


@pytest.mark.parametrize("name", OWN)
def test_a_training_from_inputs_of_its_own_is_told_so_and_nothing_else(name):
    """What it shows is not judged by weights that it does not have."""
    report = check(own(name), **PLAIN)
    assert [(each.verdict, each.sentence) for each in report.findings] == [("wrong", OWN[name])]
    assert report.verdict == "WRONG. run: 1 finding, in 0 tasks"
    assert "Not tried" not in str(report)
    assert "Not shown" not in str(report)


def test_the_command_says_so_too(tmp_path):
    """With status 1."""
    file = tmp_path / "net.py"
    copy(plain.__file__, tmp_path)
    file.write_text(
        "from plain import PLAIN, train\n"
        "globals().update(PLAIN)\n\n\n"
        "def run(case):\n    case.W[:] = [0 * w + 0.1 for w in case.W]\n    return train(case)\n",
        encoding="utf-8",
    )
    status, out, err = parity("check", str(file))
    assert (status, err) == (1, "")
    assert "\n   Where:     W\n   You have:  the same numbers come whatever case.W is\n" in out
    assert "1. A mistake outside the equations" in out
    assert "\n2. " not in out


def test_a_gradient_may_ignore_its_weights():
    """Though parity steps those of the task."""
    kept = {}

    def gradient(W, b, x, y):
        W0, b0 = kept.setdefault(
            tuple(w.shape for w in W), ([np.ones_like(w) for w in W], [np.ones_like(c) for c in b])
        )
        step = gradients(W0, b0, x, y)
        return step["dW"], step["db"]

    assert sentences(from_gradient(gradient), **DOES) == [("wrong", OWN["W"])]


@pytest.mark.parametrize("case", [*TABLE[:: len(TABLE) // 40]], ids=lambda case: case.id)
def test_a_right_program_relies_on_all_of_its_inputs(case):
    """Across the table; and where its numbers are the same nevertheless, nothing is
    said.
    """
    known = learn(everything, declaration(dtype=case.dtype), case)
    assert known.judged
    assert known.problems == ()
    assert known.declared.bias


def test_numbers_that_were_stored_for_a_task_may_be_right():
    """As those of a program in another language: they are right for the weights of the
    task, and the same for others.
    """
    stored = {}

    def run(case):
        return stored.setdefault(case.name, train(case))

    assert check(run, **PLAIN).findings == ()


def test_numbers_that_are_the_same_in_a_right_program_say_nothing():
    """A rectifier that lets nothing through, a gradient that is 0: these are no weights
    of its own.
    """
    (task,) = cases_for(train, **PLAIN)[:1]
    declared = declaration(**PLAIN)

    def nothing(case):
        return [{"dW": [0 * w for w in case.W]} for _ in case.steps]

    def constant(case):
        return [{"dW": [0 * w + 1.0 for w in case.W]} for _ in case.steps]

    assert not Reliance(nothing, task, declared).ignores("W")
    assert Reliance(constant, task, declared).ignores("W")
    assert not Reliance(lambda case: [], task, declared).ignores("W")

    def no_number(case):
        return [{"dW": [0 * w + np.nan for w in case.W]} for _ in case.steps]

    assert not Reliance(no_number, task, declared).ignores("W")
    # of one class alone every output is 1
    one_class = Case("probe", (3, 1), (), "softmax", "cross_entropy")
    (task,) = tasks_for(declared, one_class)

    def certain(case):
        return [{"output": np.ones((len(step.x), 1))} for step in case.steps]

    assert not Reliance(certain, task, declared).ignores("W")


# leaky_relu


def test_a_slope_that_the_code_fixes_can_be_declared():
    """Every task has it; otherwise the task says which."""
    does = {"activations": "leaky_relu", "losses": "mse", "optimizers": "sgd", "settings": ()}
    for slope, slopes in ((0.05, {0.05}), (0, {0.0})):
        tasks = cases_for(everything, slope=slope, **does)
        assert {each for task in tasks for each in task.slopes} == slopes
        assert check(everything, slope=slope, **does).findings == ()
    asked = {each for task in cases_for(everything, **does) for each in task.slopes}
    assert len(asked) == 1
    assert asked != {0.01}
    with pytest.raises(ValueError, match=r"^declaration: slope has '0.1', expected a number$"):
        check(everything, slope="0.1", **does)
