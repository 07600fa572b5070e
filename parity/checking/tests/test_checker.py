"""check: right and wrong little programs in NumPy, each of the things that somebody's
code may do, and what is said of it.
"""

import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import parity
from parity.checking import adapters, calls
from parity.checking.adapters import from_gradient, from_step
from parity.checking.answers import KEYS
from parity.checking.checker import assert_correct, cases_for, check
from parity.checking.declaration import declaration
from parity.checking.report import CheckReport
from parity.checking.tasks import is_hard, tasks_for
from parity.mistakes.diagnosis import Finding
from parity.mistakes.probes import PROBES
from parity.mistakes.replay import run_of_case, simulate
from parity.steps.cases import TRAINABLE, Case

PLAIN = {"activations": "sigmoid", "losses": "mse", "optimizers": "sgd", "settings": ()}


def sigmoid(z):
    """The activation of every layer."""
    return 1 / (1 + np.exp(-z))


def gradients(W, b, x, y):
    """A right program: z and a, the mean squared error, deltas and gradients."""
    a, z = [x], []
    for w, c in zip(W, b, strict=True):
        z.append(a[-1] @ w.T + c)
        a.append(sigmoid(z[-1]))
    delta = [2 * (a[-1] - y) / y.size * a[-1] * (1 - a[-1])]
    for l in range(len(W) - 1, 0, -1):
        delta.insert(0, delta[0] @ W[l] * a[l] * (1 - a[l]))
    dW = [d.T @ a_prev for d, a_prev in zip(delta, a[:-1], strict=True)]
    loss = np.mean((a[-1] - y) ** 2)
    return {
        "output": a[-1],
        "loss": loss,
        "z": z,
        "a": a[1:],
        "delta": delta,
        "dW": dW,
        "db": [d.sum(0) for d in delta],
    }


def train(case):
    """A right `run` that shows everything, as a list of dicts."""
    W, b, shown = case.W, case.b, []
    for x, y, lr in case.steps:
        step = gradients(W, b, x, y)
        W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
        b = [c - lr * g for c, g in zip(b, step["db"], strict=True)]
        shown.append(step | {"W": W, "b": b})
    return shown


def everything(case):
    """A right `run` for whatever there is, without declarations."""
    return [
        {
            name: [getattr(layer, name) for layer in record.layers]
            for name in ("z", "a", "delta", "dW", "db")
        }
        | {"loss": record.loss, "W": record.after.W, "b": record.after.b}
        for record in simulate(case.inputs)
    ]


def spoiled(change):
    """The right `run`, whose dicts are then changed."""

    def run(case):
        shown = train(case)
        return change(shown) or shown

    return run


def sentences(run, **declared):
    """What check says of a program of one activation, by verdict."""
    return [
        (finding.verdict, finding.sentence)
        for finding in check(run, **{**PLAIN, **declared}).findings
    ]


# what is right


def test_a_right_program_passes():
    """Everything is shown, everything is judged, and nothing is said of it."""
    found = check(train, **PLAIN)
    assert found.passed
    assert found.strictly_passed
    assert (found.findings, found.shown, found.unsupported) == ((), KEYS, ())
    assert 6 <= len(found.tasks) <= 16
    assert (
        str(found)
        == f"RIGHT. train: {found.arrays} arrays of {len(found.tasks)} tasks, each within what "
        f"rounding allows"
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", ("float64", "float32")])
def test_a_right_program_for_everything_passes_every_probe(dtype):
    """Without a declaration all probes run but the hard ones, in each of the dtypes;
    those too when asked for.
    """
    usual = [probe.name for probe in PROBES if not is_hard(probe)]
    found = check(everything, dtype=dtype)
    assert found.findings == ()
    assert [name.partition(", float")[0] for name in found.tasks] == usual * (
        2 if isinstance(dtype, tuple) else 1
    )
    assert len(cases_for(everything, hard=True)) == len(PROBES) > len(usual)


@pytest.mark.parametrize(
    "keys",
    [("output",), ("loss",), ("dW", "db"), ("W", "b"), ("delta",), ("z",), ("output", "loss", "W")],
)
def test_a_program_may_show_less(keys):
    """Whatever it shows is judged, and what it does not show is said."""
    found = check(
        spoiled(lambda shown: [{key: step[key] for key in keys} for step in shown]), **PLAIN
    )
    assert found.findings == ()
    assert set(keys) <= set(found.shown)
    hidden = [key for key in KEYS[1:] if key not in (*keys, *(["a"] if "output" in keys else []))]
    assert str(found).endswith(
        f"Not shown, and so judged by what comes of it alone: {', '.join(hidden)}"
    )


def turned(layout, samples, case):
    """The right program in another layout: turned on the way in, and on the way out."""
    into, columns = layout == "in_out", samples == "columns"
    W = [w.T if into else w for w in case.W]
    b = [c.ravel() for c in case.b]
    for x, y, lr in case.steps:
        if columns:
            assert all(c.shape == (c.size, 1) for c in case.b)
        step = gradients(W, b, x.T if columns else x, y.T if columns else y)
        W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
        b = [c - lr * g for c, g in zip(b, step["db"], strict=True)]
        step |= {"W": W, "b": b}
        for name in ("dW", "W") * into + ("z", "a", "delta") * columns:
            step[name] = [array.T for array in step[name]]
        step["output"] = step["a"][-1]
        step["db"] = [g.reshape(-1, 1) if columns else g for g in step["db"]]
        yield step


LAYOUTS = [(layout, samples) for layout in ("out_in", "in_out") for samples in ("rows", "columns")]


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
    monkeypatch.setitem(globals(), "layout", "in_out")
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


# what is wrong


def test_a_mistake_is_named_and_explained(monkeypatch):
    """The diagnosis is that of the whole: sentence, evidence, sources."""
    found = check(
        spoiled(lambda shown: [s | {"delta": [2 * d for d in s["delta"]]} for s in shown]), **PLAIN
    )
    assert not found.passed
    assert found.findings[0].equation in ("BP1", "BP2")
    told = Finding(
        "a-b",
        "wrong",
        "BP9: so and so.",
        evidence=("seen here",),
        sources=("https://x",),
        alike=("c-d", "e-f"),
    )
    monkeypatch.setattr("parity.checking.checker.diagnose_runs", lambda runs, conventions: [told])
    lines = str(check(train, **PLAIN)).splitlines()
    assert lines[0].startswith("WRONG. train: 1 finding, in ")
    assert lines[1:] == [
        "1. BP9: so and so.",
        "   seen here",
        "   What was shown cannot tell it from: c-d, e-f",
        "   Others have made it: https://x",
        "   In the catalogue: a-b",
    ]


def no_activation_derivative(case):
    """A real mistake, from the gradients on: the deltas of the hidden layers lack
    f'(z).
    """
    W, b, shown = case.W, case.b, []
    for x, y, lr in case.steps:
        step = gradients(W, b, x, y)
        a, delta = [x, *step["a"]], step["delta"][-1:]
        for l in range(len(W) - 1, 0, -1):
            delta.insert(0, delta[0] @ W[l])
        dW, db = (
            [d.T @ a_prev for d, a_prev in zip(delta, a, strict=False)],
            [d.sum(0) for d in delta],
        )
        W = [w - lr * g for w, g in zip(W, dW, strict=True)]
        b = [c - lr * g for c, g in zip(b, db, strict=True)]
        shown.append({"delta": delta, "dW": dW, "db": db, "W": W, "b": b})
    return shown


@pytest.mark.parametrize("keys", [("delta",), ("dW",), ("W", "b")])
def test_a_real_mistake_is_found_however_little_is_shown(keys):
    """By its name in the catalogue, also from the weights alone."""
    found = check(
        lambda case: [{key: step[key] for key in keys} for step in no_activation_derivative(case)],
        **PLAIN,
    )
    assert [finding.bug for finding in found.findings] == ["hidden-derivative-missing"]


def fail(kind, *words):
    """A `run` that raises."""

    def run(case):
        raise kind(*words)

    return run


WANT = "expected one dict for each step"
LINE = fail.__code__.co_firstlineno + 4


@pytest.mark.parametrize(
    ("kind", "words"),
    [(ZeroDivisionError, "by 0"), (SystemExit, "3"), (GeneratorExit, ""), (RecursionError, "")],
)
def test_an_exception_is_a_finding(kind, words):
    """With its type, its line and its message, once for all tasks."""
    finding = check(fail(kind, words), **PLAIN).findings[0]
    place = f"{Path(__file__).name}, line {LINE}"
    assert (finding.verdict, finding.sentence) == (
        "wrong",
        f"run: raised {kind.__name__} in {place}, {WANT}",
    )
    assert re.fullmatch(
        rf"In '.+', '.+', '.+' and \d+ more{f': {words}' if words else ''}", finding.evidence[0]
    )


def test_an_interruption_is_no_finding():
    """Ctrl-C ends the check."""
    with pytest.raises(KeyboardInterrupt):
        check(fail(KeyboardInterrupt), **PLAIN)


def test_what_is_not_supported_is_left_out():
    """NotImplementedError is no mistake, but that nothing at all is supported is
    one.
    """

    def run(case):
        if case.optimizer != "sgd" or case.settings["momentum"]:
            raise NotImplementedError
        return everything(case)

    found = check(run)
    assert found.findings == ()
    assert {"Adam", "Nesterov momentum"} <= set(found.unsupported)
    assert "mixed activations" in found.tasks
    assert "Not supported (NotImplementedError), and so not tried: 'momentum', " in str(found)
    nothing = check(fail(NotImplementedError), **PLAIN)
    assert [finding.sentence[:42] for finding in nothing.findings] == [
        "run: shows nothing that can be judged, exp"
    ]


RETURNED = {
    "nothing": (
        lambda shown: [{} for _ in shown],
        "run: shows nothing that can be judged, expected dicts with keys among output, ",
    ),
    "a dict": (
        lambda shown: shown[0],
        "run: returned something of type dict, expected 3 dicts, one for each step",
    ),
    "a number": (
        lambda shown: 3.0,
        "run: returned something of type float, expected 3 dicts, one for each step",
    ),
    "too few": (
        lambda shown: shown[:2],
        "run: returned 2 dicts, expected 3 dicts, one for each step",
    ),
    "too many": (
        lambda shown: [*shown, *shown],
        "run: returned more than 3 dicts, expected 3 dicts, one for each step",
    ),
    "lists": (
        lambda shown: [[1]] * 3,
        "run: returned something of type list for a step, expected a dict",
    ),
}


@pytest.mark.parametrize("change", RETURNED)
def test_what_is_no_list_of_dicts_is_a_finding(change):
    """What was returned and what was expected is said, and what can be judged is."""
    made, sentence = RETURNED[change]
    verdict, said = sentences(spoiled(made))[0]
    assert (verdict, said.startswith(sentence)) == ("wrong", True)
    assert len(sentences(spoiled(made))) == 1


def test_a_generator_without_end_is_a_finding():
    """It is asked for one dict too many, and no more."""

    def run(case):
        for number in range(100):
            assert number < 5
            yield {}

    assert sentences(run)[0] == (
        "wrong",
        "run: returned more than 3 dicts, expected 3 dicts, one for each step",
    )


def test_none_returned_is_a_finding():
    """As where the return is forgotten."""
    assert sentences(lambda case: None) == [
        ("wrong", "run: returned None, expected 3 dicts, one for each step")
    ]


class NoArray:
    """Something whose conversion fails."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError


PER_LAYER = "expected a list of one array per layer (None where one is not shown)"
NUMBERS = "expected an array of real numbers, as small as the task's"
ENTRIES = {
    "unknown key": (
        {"grads": 1},
        "a step has the key 'grads', expected keys among output, loss, z, a, delta, dW, db, W, b",
    ),
    "array for list": ({"dW": np.zeros((2, 2))}, f"dW has something of type ndarray, {PER_LAYER}"),
    "length": ({"db": [1, 2, 3, 4, 5]}, f"db has 5 entries, {PER_LAYER}"),
    "text": ({"loss": "much"}, f"loss has dtype <U4, {NUMBERS}"),
    "complex": ({"loss": 1j}, f"loss has dtype complex128, {NUMBERS}"),
    "ragged": (
        {"output": [[1.0], [1.0, 2.0]]},
        "output has something of type list that is no array (ValueError), expected real numbers",
    ),
    "no array": (
        {"loss": NoArray()},
        "loss has something of type NoArray that is no array (RuntimeError), expected real numbers",
    ),
    "huge": ({"output": np.zeros(10**6 + 1)}, f"output has shape (1000001,), {NUMBERS}"),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_cannot_be_read_is_a_finding(entry):
    """The rest is judged, and is right."""
    wrong, sentence = ENTRIES[entry]
    assert sentences(spoiled(lambda shown: [step | wrong for step in shown])) == [
        ("wrong", f"run: {sentence}")
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_none_are_wrong(value):
    """NaN, infinity and nonsense in a gradient."""

    def spoil(shown):
        shown[0]["dW"][0] = np.full_like(shown[0]["dW"][0], value)

    found = check(spoiled(spoil), **PLAIN)
    assert not found.passed
    assert "dW" in str(found)


def not_summed(case):
    """db with a row for each sample, which makes a matrix of b."""
    W, b = case.W, case.b
    for x, y, lr in case.steps:
        step = gradients(W, b, x, y)
        W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
        b = [c - lr * g for c, g in zip(b, step["delta"], strict=True)]
        yield step | {"db": step["delta"], "W": W, "b": b}


def test_a_wrong_shape_is_wrong():
    """One that the catalogue explains, and one that nothing does."""
    assert [finding.bug for finding in check(not_summed, **PLAIN).findings] == ["db-not-summed"]
    assert "has shape (2, 2, 2), expected" in str(
        check(spoiled(lambda shown: [{"z": [np.zeros((2, 2, 2))] * 2} for _ in shown]), **PLAIN)
    )


def test_a_mutated_input_is_a_finding():
    """Data that are scaled in place will be scaled again; weights may be stepped in
    place.
    """

    def scaling(case):
        shown = train(case)
        for step in case.steps:
            step.x[:] *= 2
        return shown

    want = "has other numbers after the call, expected an input that is only read"
    assert sentences(scaling) == [("wrong", f"run: x of the task {want}")]

    def in_place(case):
        for step, (_, _, lr) in zip(train(case), case.steps, strict=True):
            for w, c, g, d in zip(case.W, case.b, step["dW"], step["db"], strict=True):
                np.subtract(w, lr * g, out=w)
                np.subtract(c, lr * d, out=c)
            yield step | {"W": case.W, "b": case.b}

    assert sentences(in_place) == [
        ("note", f"run: {name} of the task {want}") for name in ("W", "b")
    ]
    assert check(in_place, **PLAIN).passed


def test_the_lists_of_a_task_are_its_own():
    """Steps may be taken off the list, and weights put into it."""

    def run(case):
        while case.steps:
            x, y, lr = case.steps.pop(0)
            step = gradients(case.W, case.b, x, y)
            case.W[:] = [w - lr * g for w, g in zip(case.W, step["dW"], strict=True)]
            case.b[:] = [c - lr * g for c, g in zip(case.b, step["db"], strict=True)]
            yield step | {"W": case.W, "b": case.b}

    assert sentences(run) == []


def test_arrays_that_are_overwritten_later_are_a_finding():
    """A list of dicts that all show the same array shows only its last numbers; the
    steps before are not judged by them.
    """

    def run(case):
        W, b, shown = [w.copy() for w in case.W], [c.copy() for c in case.b], []
        for x, y, lr in case.steps:
            step = gradients(W, b, x, y)
            for w, c, g, d in zip(W, b, step["dW"], step["db"], strict=True):
                np.subtract(w, lr * g, out=w)
                np.subtract(c, lr * d, out=c)
            shown.append({"dW": step["dW"], "W": W, "b": b})
        return shown

    told = (
        "is the same array in several steps, and so shows only the last of them, expected a copy "
        "for each, as in"
    )
    assert sentences(run) == [
        ("wrong", f"run: {name} {told} [array.copy() for array in {name}]") for name in ("W", "b")
    ]


def test_weights_that_are_never_updated_are_a_mistake_of_their_own():
    """The same array in every step, because nothing was done to it."""
    found = check(
        lambda case: [
            gradients(case.W, case.b, x, y) | {"W": case.W, "b": case.b} for x, y, _ in case.steps
        ],
        **PLAIN,
    )
    assert [finding.bug for finding in found.findings] == ["weights-never-updated"]


def test_two_calls_must_agree():
    """What is drawn, or kept from an earlier call, shows."""
    rng = np.random.default_rng(0)
    drawn = sentences(spoiled(lambda shown: [step | {"loss": rng.normal()} for step in shown]))
    assert drawn[0] == (
        "wrong",
        (
            "run: a second call with the same task gives another loss, expected the same: does it "
            "keep or draw something?"
        ),
    )


def test_what_is_printed_is_a_note():
    """It makes nothing wrong, but it is said, and does not get out."""

    def run(case):
        print("epoch 1\nepoch 2" + "." * 10**5)
        return train(case)

    assert sentences(run) == [
        ("note", "run: printed 'epoch 1', expected nothing on standard output")
    ]
    assert check(run, **PLAIN).strictly_passed
    assert "1. Note: run: printed 'epoch 1'" in str(check(run, **PLAIN))
    heard = calls._Heard()
    print("." * 10**5, file=heard)
    assert len(heard.text) < 100  # of what is printed without end, the rest is not kept


def test_an_output_that_is_not_the_last_activation_is_wrong():
    """Where both are shown, they are the same."""
    found = sentences(
        spoiled(lambda shown: [step | {"output": step["output"] + 1} for step in shown])
    )
    assert found == [
        (
            "wrong",
            (
                "run: output has other numbers than the last array of a, expected the same, for "
                "the "
                "output is the last activation"
            ),
        )
    ]


# wrong declarations


@pytest.mark.parametrize(("layout", "samples"), LAYOUTS[1:])
def test_a_program_in_another_layout_is_told_which(layout, samples):
    """One that cannot run in the declared layout is run in its own, and its numbers are
    judged in that.
    """

    def run(case):
        x, y, _ = case.steps[0]
        if samples == "columns":
            assert x.shape[0] == case.sizes[0]
            x, y = x.T, y.T
        for w, into in zip(case.W, case.sizes, strict=False):
            assert w.shape[0 if layout == "in_out" else 1] == into
        assert x.shape[1] == case.sizes[0]
        return list(turned(layout, samples, case))

    has = "raises an exception with layout = 'out_in', samples = 'rows', as declared or by default"
    want = f"but none with layout = '{layout}', samples = '{samples}': declare that"
    assert sentences(run) == [("wrong", f"run: {has}, {want}")]
    # the first task is square
    assert sentences(run, losses="half_squared_error")[0] == ("wrong", f"run: {has}, {want}")


def test_gradients_the_other_way_round_are_told_so_once():
    """All of dW in the other layout is a matter of layout, in the square layers too,
    and not a wrong equation.
    """
    found = sentences(
        spoiled(lambda shown: [step | {"dW": [g.T for g in step["dW"]]} for step in shown])
    )
    judged = "it is judged as layout = 'in_out', which can be declared"
    assert found == [
        ("wrong", f"run: dW has shape (3, 4), expected (4, 3) by layout = 'out_in'; {judged}")
    ]
    found = sentences(
        spoiled(lambda shown: [step | {"z": [z.T for z in step["z"]]} for step in shown])
    )
    judged = "it is judged as samples = 'columns', which can be declared"
    assert found == [
        ("wrong", f"run: z has shape (4, 5), expected (5, 4) by samples = 'rows'; {judged}")
    ]


def test_another_dtype_is_noted():
    """float64 from a float32 program is judged by float32's precision; float32 from a
    float64 program has lost its digits.
    """
    found = check(everything, "mixed activations", dtype="float32")
    assert found.findings == ()

    def cast(dtype, case):
        for step in train(case):
            yield {
                key: [each.astype(dtype) for each in step[key]] for key in ("dW", "db", "W", "b")
            }

    wide = sentences(partial(cast, "float64"), dtype="float32")
    assert wide == [
        (
            "note",
            (
                "run: dW, db, W, b: dtype is float64, expected float32, by whose precision "
                "it is judged"
            ),
        )
    ]
    narrow = check(partial(cast, "float32"), **PLAIN)
    assert (
        narrow.findings[-1].sentence
        == "run: dW, db, W, b: dtype is float32, expected float64, by whose precision it is judged"
    )
    assert len(narrow.findings) > 1


def test_conventions_are_said_and_pass_or_are_declared(monkeypatch):
    """A convention passes, but not strictly; declared, it counts as right; and one that
    is not followed is noted.
    """
    other, lost = (
        Finding("c-1", "convention", "C: the loss is summed."),
        Finding("", "imprecise", "z: too far off."),
    )

    def diagnose(runs, conventions):
        return [] if "decay-not-on-b" in conventions else [lost, other]

    monkeypatch.setattr("parity.checking.checker.diagnose_runs", diagnose)
    found = check(train, **PLAIN)
    assert (found.passed, found.strictly_passed, found.conventions) == (True, False, (other,))
    assert "1. Another convention, which is not wrong: C: the loss is summed." in str(found)
    assert "2. Digits are lost: z: too far off." in str(found)
    assert found.verdict.endswith(
        "each within what rounding allows, 1 other convention, 1 loss of digits"
    )
    assert check(train, conventions="decay-not-on-b", **PLAIN).findings == ()


def test_a_convention_that_is_not_followed_is_noted(monkeypatch):
    """The program is judged without it."""
    wrong = Finding("", "wrong", "C: something.")
    monkeypatch.setattr(
        "parity.checking.checker.diagnose_runs",
        lambda runs, conventions: [wrong] * len(conventions),
    )
    found = check(train, conventions=("decay-not-on-b",), **PLAIN)
    assert [(each.verdict, each.sentence) for each in found.findings] == [
        ("note", "declaration: conventions has 'decay-not-on-b', which run does not follow")
    ]


def test_without_declarations_what_fails_may_not_be_supported():
    """A program that is given more than it says that it can do is told how to say
    so.
    """
    found = check(train, "mixed activations", losses="mse")
    assert not found.passed
    told = (
        "declaration: says nothing of activations and optimizers, so run was given all of them; "
        "if it knows only some, say which, as in "
    )
    assert [(each.verdict, each.sentence) for each in found.findings[-1:]] == [
        ("note", f"{told}optimizers = ('sgd',)")
    ]
    assert all(each.verdict != "note" for each in check(fail(ValueError), **PLAIN).findings)


# adapters and doors


@pytest.mark.parametrize("with_loss", [True, False])
def test_a_gradient_is_enough(with_loss):
    """The steps are taken by parity, also from arrays that the gradient function
    overwrites.
    """

    def gradient(W, b, x, y):
        step = gradients(W, b, x, y)
        for array in (*W, *b):
            array[:] = 0
        return (*([step["loss"]] if with_loss else []), step["dW"], step["db"])

    gradient.activations, gradient.losses = "sigmoid", "mse"
    found = check(from_gradient(gradient))
    assert found.findings == ()
    assert ("loss" in found.shown) == with_loss
    wrong = check(
        from_gradient(
            lambda W, b, x, y: (
                gradients(W, b, x, y)["dW"],
                [2 * g for g in gradients(W, b, x, y)["db"]],
            )
        ),
        **PLAIN,
    )
    assert [finding.equation for finding in wrong.findings] == ["BP3"]


def test_one_trained_step_is_enough():
    """Only the weights after it are seen."""

    def step(W, b, x, y, lr, sign=-1):
        found = gradients(W, b, x, y)
        for array, g in zip((*W, *b), (*found["dW"], *found["db"]), strict=True):
            np.add(array, sign * lr * g, out=array)
        return W, b

    found = check(from_step(step), activations="sigmoid", losses="mse")
    assert (found.findings, found.shown) == ((), ("W", "b"))
    wrong = check(from_step(partial(step, sign=1)), activations="sigmoid", losses="mse")
    assert "step-uphill" in [
        name for finding in wrong.findings for name in (finding.bug, *finding.alike)
    ]


def test_assert_correct_raises_the_report():
    """For a test suite: nothing where it is right, else the report."""
    assert_correct(train, **PLAIN)
    with pytest.raises(
        AssertionError, match=r"^WRONG\. run: 1 finding, in \d+ tasks\n1\. run: raised ValueError "
    ):
        assert_correct(fail(ValueError), **PLAIN)


@pytest.mark.parametrize("case", cases_for(train, **PLAIN), ids=str)
def test_assert_correct_in_a_parametrised_test(case):
    """One line each."""
    assert_correct(train, case)


def test_the_report_is_plain_data_too():
    """With the verdict and all of the findings."""
    found = check(fail(ValueError), **PLAIN).as_json()
    assert (found["passed"], found["name"], found["findings"][0]["verdict"]) == (
        False,
        "run",
        "wrong",
    )
    assert isinstance(CheckReport("", (), ()).as_json(), dict)


def test_the_front_door_has_all_of_it():
    """parity.check and what goes with it."""
    names = (
        "check",
        "assert_correct",
        "cases_for",
        "from_gradient",
        "from_step",
        "Task",
        "TaskStep",
        "CheckReport",
    )
    assert all(name in parity.__all__ and hasattr(parity, name) for name in names)
    assert parity.check is check


def test_targets_are_split_at_their_last_colon():
    """A file, a module, a path of Windows, each with and without a name."""
    assert adapters.split("net.py") == ("net.py", "")
    assert adapters.split("net.py:train") == ("net.py", "train")
    assert adapters.split("a.b:run") == ("a.b", "run")
    assert adapters.split(r"C:\net.py") == (r"C:\net.py", "")
    assert adapters.split(r"C:\net.py:run") == (r"C:\net.py", "run")
    assert "parity.checking.calls" in sys.modules


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
