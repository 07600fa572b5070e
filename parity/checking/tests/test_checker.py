"""A right program passes, in every layout and form that was declared, and it is given
all that it needs.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from parity.checking.answers import KEYS
from parity.checking.checker import cases_for, check
from parity.checking.declaration import declaration
from parity.checking.tasks import is_hard, tasks_for
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
from parity.steps.cases import TRAINABLE, Case

# what is right


def test_a_right_program_passes():
    """Everything is shown, everything is judged, and nothing is said of it."""
    report = check(train, **PLAIN)
    assert report.passed
    assert report.strictly_passed
    assert (report.findings, report.shown, report.unsupported) == ((), KEYS, ())
    assert 6 <= len(report.tasks) <= 16
    assert (
        str(report)
        == f"RIGHT. train: {report.arrays} arrays of {len(report.tasks)} tasks, each within what "
        f"rounding allows"
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", ("float64", "float32")])
def test_a_right_program_for_everything_passes_every_probe(dtype):
    """Without a declaration all probes run but the hard ones, in each of the dtypes;
    those too when asked for.
    """
    usual = [probe.name for probe in PROBES if not is_hard(probe)]
    report = check(everything, dtype=dtype)
    assert report.findings == ()
    assert [name.partition(", float")[0] for name in report.tasks] == usual * (
        2 if isinstance(dtype, tuple) else 1
    )
    assert len(cases_for(everything, hard=True)) == len(PROBES) > len(usual)


@pytest.mark.parametrize(
    "keys",
    [("output",), ("loss",), ("dW", "db"), ("W", "b"), ("delta",), ("z",), ("output", "loss", "W")],
)
def test_a_program_may_show_less(keys):
    """Whatever it shows is judged, and what it does not show is said."""
    report = check(
        spoiled(lambda shown: [{key: step[key] for key in keys} for step in shown]), **PLAIN
    )
    assert report.findings == ()
    assert set(keys) <= set(report.shown)
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
        assert {task.steps[0].y.shape for task in tasks if task.name != "one sample"} >= {shape}
        kinds = {task.steps[0].y.dtype.kind for task in tasks}
        assert kinds == ({"i"} if targets == "labels" else {"f"})
        if targets == "one_hot":
            assert all(
                step.y.sum() == len(step.x) and set(np.unique(step.y)) <= {0, 1}
                for task in tasks
                for step in task.steps
            )
    tasks = tasks_for(declaration(losses="cross_entropy", targets="distributions"))
    assert {(task.steps[0].y.ndim, task.activations[-1]) for task in tasks} == {(2, "softmax")}


# what it is given


@pytest.mark.parametrize(
    "declared",
    [
        PLAIN,
        {
            "activations": ("relu", "leaky_relu"),
            "losses": ("mae",),
            "outputs": ("identity",),
            "settings": (),
        },
        {"activations": ("tanh",), "losses": ("softmax_cross_entropy",), "optimizers": ("adam",)},
        {
            "sizes": (2, 3, 1),
            "activations": ("tanh", "sigmoid"),
            "losses": ("binary_cross_entropy",),
            "optimizers": ("sgd", "rmsprop"),
        },
        {
            "sizes": (4, 3),
            "losses": ("half_squared_error",),
            "optimizers": "sgd",
            "settings": ("momentum",),
        },
        {
            "activations": TRAINABLE,
            "losses": "mse",
            "outputs": TRAINABLE,
            "optimizers": "sgd",
            "settings": (),
        },
    ],
)
def test_tasks_are_what_was_declared_and_all_of_it(declared):
    """No task asks for more; every declared loss, output activation, optimizer and
    activation is asked for; one has a single sample.
    """
    said = declaration(**declared)
    tasks = tasks_for(said)
    assert 6 <= len(tasks) <= 16
    assert len({task.name for task in tasks}) == len(tasks)
    for name, asked in (
        ("losses", {task.loss for task in tasks}),
        ("optimizers", {task.optimizer for task in tasks}),
        ("outputs", {task.activations[-1] for task in tasks}),
    ):
        assert getattr(said, name) is None or asked == set(getattr(said, name))
    hidden = {name for task in tasks for name in task.activations[:-1]}
    assert said.activations is None or len(said.sizes or ()) == 2 or hidden == set(said.activations)
    assert (
        {task.sizes for task in tasks} == {said.sizes}
        if said.sizes
        else any(len({*task.sizes}) == 1 for task in tasks)
    )
    assert any(len(task.steps[0].x) == 1 for task in tasks)
    optional = ("momentum", "nesterov", "weight_decay")
    changed = {name for task in tasks for name in optional if task.settings.get(name)}
    assert said.settings is None or changed <= set(said.settings)


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
    assert report.passed
    assert f"Not judged: {report.unjudged} arrays, where rounding alone" in str(report)
    last = check(
        lambda case: [{}, {}, {}, {}, {"loss": records[-1].loss}],
        [case],
        dtype="float32",
        **adapted,
    )
    assert not last.passed
    assert last.verdict == "NOT JUDGED. <lambda>: 1 array of 1 task, too little to judge by"
    assert last.findings[0].sentence.startswith("run: shows nothing that can be judged")
