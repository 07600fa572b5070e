"""A right program passes, in every layout and form that was declared, and it is given
all that it needs.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from parity.checking.checker import cases_for, check
from parity.checking.program.reading import KEYS
from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.edges import FAR
from parity.checking.tasks.task import tasks_for
from parity.checking.tests.programs import (
    LAYOUTS,
    PLAIN,
    everything,
    sentences,
    spoiled,
    train,
    turned,
)
from parity.mistakes.probes import PROBES
from parity.mistakes.search.replay import run_of_case, simulate
from parity.steps.cases import Case

# what is right


def test_a_right_program_passes():
    """Everything is shown, everything is judged, and nothing is said of it."""
    report = check(train, **PLAIN)
    assert report.passed
    assert report.strictly_passed
    assert (report.findings, report.shown, report.unsupported) == ((), KEYS, ())
    assert 8 <= len(report.tasks) <= 12
    assert report.verdict == (
        f"RIGHT. train: {report.arrays} arrays of {len(report.tasks)} tasks, each within what "
        f"rounding allows"
    )
    assert [*report.lines()] == [
        report.verdict,
        "Tried: 1, 2 and 3 hidden layers; 1, 5, 7, 11 and 13 samples; 3 and 7 steps; hidden",
        "sigmoid; output sigmoid; mse; sgd; float64.",
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32", ("float64", "float32")])
def test_a_right_program_for_everything_passes_every_task(dtype):
    """Without a declaration, it is given all that parity knows, in each of the dtypes;
    what is at the edge of floats too when asked for.
    """
    report = check(everything, dtype=dtype, hard=True)
    assert (report.findings, report.passed, report.untried) == ((), True, ())
    usual = cases_for(everything, dtype=dtype)
    assert report.tasks[: len(usual)] == tuple(task.name for task in usual)
    assert 25 <= len(usual) <= 40
    edge = report.tasks[len(usual) :]
    for words in (f"logits around {FAR}", "huge logits", "sure of it"):
        assert any(name.startswith(words) for name in edge)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_right_program_passes_every_probe(probe):
    """Those that go to the edge of floats, too."""
    assert check(everything, probe.name).findings == ()


@pytest.mark.parametrize(
    "keys",
    [("output",), ("loss",), ("dW", "db"), ("W", "b"), ("delta",), ("z",), ("output", "loss", "W")],
)
def test_a_program_may_show_less(keys):
    """Whatever it shows is judged, and what it does not show is said; without gradients
    and weights it is not said to be right.
    """
    report = check(
        spoiled(lambda shown: [{key: step[key] for key in keys} for step in shown]), **PLAIN
    )
    assert report.findings == ()
    assert set(keys) <= set(report.shown)
    assert report.passed == (not {"dW", "W", "delta"}.isdisjoint(keys))
    hidden = [key for key in KEYS[1:] if key not in (*keys, *(["a"] if "output" in keys else []))]
    assert " ".join(str(report).split()).endswith(
        f"Not shown by your program: {', '.join(hidden)}. A mistake there is found only where "
        f"it changes something that is shown."
    )


@pytest.mark.parametrize(("layout", "samples"), LAYOUTS)
def test_every_layout_is_spoken(layout, samples):
    """W with inputs in rows or columns, samples in rows or columns: as declared."""
    assert (
        check(partial(turned, layout, samples), layout=layout, samples=samples, **PLAIN).findings
        == ()
    )


def test_python_lists_column_vectors_and_loose_numbers_are_read():
    """Lists for arrays, db as a row, an array of one entry for the loss, None for what
    is not shown.
    """

    def loosely(shown):
        for step in shown:
            step["dW"] = tuple(g.tolist() for g in step["dW"])
            step["db"] = [g[None, :] for g in step["db"]]
            step["loss"] = np.array([step["loss"]])
            step["z"] = [None, *step["z"][1:]]
            step["delta"] = None

    assert sentences(spoiled(loosely)) == []


def test_labels_come_as_declared():
    """As integers, or as one-hot rows."""
    for targets, shape in (("labels", (5,)), ("one_hot", (5, 3))):
        tasks = tasks_for(declaration(losses="softmax_cross_entropy", targets=targets))
        assert {task.steps[0].y.shape for task in tasks} >= {shape}
        kinds = {task.steps[0].y.dtype.kind for task in tasks}
        assert kinds == ({"i"} if targets == "labels" else {"f"})
        if targets == "one_hot":
            assert all(
                step.y.sum() == len(step.x) and set(np.unique(step.y)) <= {0, 1}
                for task in tasks
                for step in task.steps
            )
    tasks = tasks_for(declaration(losses="cross_entropy", targets="distributions"))
    both = {(2, "softmax"), (2, "sigmoid")}
    assert {(task.steps[0].y.ndim, task.activations[-1]) for task in tasks} == both


# what it is given


def test_a_task_has_what_a_program_needs():
    """At least three steps, a learning rate that changes, plain names; and it prints as
    its name.
    """
    for task in cases_for(everything):
        assert len(task.steps) >= 3
        assert len({step.lr for step in task.steps}) > 1
        assert (
            len(task.W)
            == len(task.b)
            == len(task.activations)
            == len(task.slopes)
            == len(task.sizes) - 1
        )
        assert all(
            (slope is not None) == (name == "leaky_relu")
            for name, slope in zip(task.activations, task.slopes, strict=True)
        )
        assert "lr" not in task.settings
        assert str(task) == task.name
        assert {array.dtype for array in (*task.W, *task.b, task.steps[0].x)} == {
            np.dtype(task.dtype)
        }


def test_declarations_are_read_off_the_function_and_its_module(monkeypatch):
    """A keyword goes before an attribute of the function, and that before a name in its
    module.
    """
    monkeypatch.setitem(everything.__globals__, "layout", "in_out")
    assert {task.W[0].shape for task in cases_for(everything, sizes=(2, 3, 1))} == {(2, 3)}
    run = partial(everything)
    run.sizes = (2, 3, 1)
    assert {task.sizes for task in cases_for(run)} == {(2, 3, 1)}
    assert {task.sizes for task in cases_for(run, sizes=[2, 2])} == {(2, 2)}
    assert {task.sizes for task in cases_for(run, sizes=None)} == {(2, 3, 1)}


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"layout": "rows"}, "declaration: layout has 'rows', expected one of out_in, in_out"),
        ({"samples": 3}, "declaration: samples has 3, expected one of rows, columns"),
        ({"losses": ("mse", "l2")}, "declaration: losses has 'l2', expected one of mse, "),
        ({"activations": "swish"}, "declaration: activations has 'swish', expected one of "),
        ({"optimizers": "lion"}, "declaration: optimizers has 'lion', expected one of sgd, "),
        ({"settings": "warmup"}, "declaration: settings has 'warmup', expected one of momentum, "),
        (
            {"dtype": np.float16},
            "declaration: dtype has 'float16', expected one of float64, float32",
        ),
        ({"conventions": "mine"}, "declaration: conventions has 'mine', expected one of "),
        ({"sizes": (3,)}, r"declaration: sizes has \(3,\), expected at least two integers >= 1"),
        ({"sizes": ("3", 2)}, "declaration: sizes has .*, expected at least two integers >= 1"),
        ({"loss": "mse"}, "declaration: has the name 'loss', expected one of activations, "),
        (
            {"cases": "nothing"},
            "cases: has 'nothing', expected a Task, a Case or one of mixed activations, ",
        ),
        (
            {"losses": "softmax_cross_entropy", "outputs": "relu"},
            "declaration: leaves no task, expected a loss that some declared output",
        ),
    ],
)
def test_unknown_names_are_refused(declared, sentence):
    """With the known ones in the sentence."""
    with pytest.raises(ValueError, match=f"^{sentence}"):
        check(train, **declared)


def test_what_cannot_be_called_is_refused():
    """A program is a function."""
    with pytest.raises(TypeError, match=r"^check: run has type list, expected a function$"):
        check([])


def test_cases_may_be_tasks_cases_and_names():
    """One of them, or several."""
    assert check(everything, "Adam").tasks == ("Adam",)
    assert (
        check(train, Case("probe", (3, 4, 2), ("sigmoid",), "sigmoid", "mse", "values")).findings
        == ()
    )
    task = cases_for(train, **PLAIN)[0]
    assert check(train, [task, task]).tasks == (task.name,) * 2


# what once went wrong


def test_views_of_one_history_are_different_arrays():
    """Arrays that interleave in memory are not the same array; the same array in two
    steps is.
    """

    def history(case):
        kept = [np.zeros((*W.shape, len(case.steps))) for W in case.W]
        shown = train(case)
        for t, step in enumerate(shown):
            for array, W in zip(kept, step["W"], strict=True):
                array[..., t] = W
            step["W"] = [array[..., t] for array in kept]
        return shown

    assert check(history, **PLAIN).passed


def test_wide_layers_are_not_saturated():
    """Tasks of the sizes that a program declares stay where floats have digits."""
    sizes = {
        "sizes": (784, 30, 10),
        "activations": "sigmoid",
        "outputs": "sigmoid",
        "losses": "mse",
        "optimizers": "sgd",
        "settings": (),
    }
    for task in cases_for(train, **sizes):
        z = task.steps[0].x @ task.W[0].T + task.b[0]
        assert np.abs(z).max() < 8.0
    assert check(train, **sizes).passed


def test_what_cannot_be_judged_is_not_counted():
    """Losses alone, four steps of RMSprop on in float32, are said not to be judged,
    instead of being right.
    """
    adapted = {
        "optimizers": "rmsprop",
        "settings": ("momentum", "centered"),
        "losses": "mse",
        "activations": ("sigmoid", "tanh"),
    }
    (probe,) = (probe for probe in PROBES if probe.name == "RMSprop with momentum")
    case = replace(probe.case, group="optimizer", dtype="float32")  # five steps
    records = simulate(run_of_case(case))
    report = check(
        lambda case: [{"loss": record.loss} for record in records],
        [case],
        dtype="float32",
        **adapted,
    )
    assert not report.passed
    assert f"Not judged: {report.unjudged} arrays, where rounding alone" in str(report)
    last = check(
        lambda case: [{}, {}, {}, {}, {"loss": records[-1].loss}],
        [case],
        dtype="float32",
        **adapted,
    )
    assert (last.passed, last.judged, last.findings) == (False, False, ())
    assert last.verdict.startswith("NOT JUDGED. <lambda>: shows loss alone, no gradient and no ")


def test_what_rounding_makes_doubtful_is_not_judged():
    """The weights after five steps of RMSprop in float32, and no others."""
    (probe,) = (probe for probe in PROBES if probe.name == "RMSprop with momentum")
    case = replace(probe.case, dtype="float32", count=5)
    records = simulate(run_of_case(case))
    last = {"W": [records[-1].after.W[0], None, None]}
    report = check(lambda case: [{}, {}, {}, {}, last], [case])
    assert (report.judged, report.findings) == (False, ())
    assert report.verdict == (
        "NOT JUDGED. <lambda>: rounding may take half of the digits of every array that is shown"
    )
