"""Whatever `gradient` and `step` return, the check ends with what they returned."""

from functools import partial

import numpy as np
import pytest

from parity.checking.calling import calls
from parity.checking.checker import cases_for, check
from parity.checking.program.adapters import from_gradient, from_step
from parity.checking.program.reading import LARGEST
from parity.checking.tasks.declaration import declaration
from parity.checking.tests.programs import PLAIN, gradients, train, turned

DOES = {"activations": "sigmoid", "losses": "mse", "sizes": (3, 5, 4, 2)}


def right(W, b, x, y):
    """The gradients of a right program."""
    step = gradients(W, b, x, y)
    return step["dW"], step["db"]


def stepped(W, b, x, y, lr):
    """A right step."""
    dW, db = right(W, b, x, y)
    return (
        [w - lr * g for w, g in zip(W, dW, strict=True)],
        [c - lr * g for c, g in zip(b, db, strict=True)],
    )


def sentences(program, **declared):
    """What is said of a program."""
    return [finding.sentence for finding in check(program, **DOES | declared).findings]


def gradient_with(change):
    """A gradient function that returns something else."""

    def gradient(W, b, x, y):
        return change(*right(W, b, x, y))

    return from_gradient(gradient)


PAIR = "expected (dW, db) or (loss, dW, db)"
PER_LAYER = "expected a list of one array per layer"
FIXED = "where the code fixes the number of layers, declare sizes, as in sizes = (3, 4, 2)"
RETURNED = {
    "nothing": (lambda dW, db: None, f"gradient: returned None, {PAIR}"),
    "a dict": (
        lambda dW, db: {"dW": dW, "db": db},
        f"gradient: returned something of type dict, {PAIR}",
    ),
    "four values": (lambda dW, db: (1, 2, dW, db), f"gradient: returned 4 values, {PAIR}"),
    "one array": (
        lambda dW, db: (dW[0], db),
        f"gradient: dW has something of type ndarray, {PER_LAYER}",
    ),
    "too few layers": (
        lambda dW, db: (dW[:2], db[:2]),
        f"gradient: dW is a list of length 2 in a network of 3 layers, {PER_LAYER}; {FIXED}",
    ),
    "too many db": (
        lambda dW, db: (dW, [*db, db[0]]),
        f"gradient: db is a list of length 4 in a network of 3 layers, {PER_LAYER}; {FIXED}",
    ),
    "None for a layer": (
        lambda dW, db: (dW, [None, *db[1:]]),
        "gradient: db of layer 1 is None, expected an array",
    ),
    "None for dW": (
        lambda dW, db: (None, db),
        f"gradient: dW has None, {PER_LAYER}",
    ),
}


@pytest.mark.parametrize("what", RETURNED)
def test_what_cannot_be_read_is_a_finding(what):
    """What was returned and what was expected, once for all tasks."""
    change, sentence = RETURNED[what]
    assert sentences(gradient_with(change)) == [sentence]


def test_what_a_step_returns_is_read_too():
    """Two values, each a list of one array per layer."""
    returned = sentences(from_step(lambda W, b, x, y, lr: W))
    assert returned == ["<lambda>: returned 3 values, expected (W, b)"]
    returned = sentences(from_step(lambda W, b, x, y, lr: None))
    assert returned == ["<lambda>: returned None, expected (W, b)"]
    returned = sentences(from_step(lambda W, b, x, y, lr: (W[:2], b)))
    assert returned[0].startswith("<lambda>: W is a list of length 2 in a network of 3 layers, ")


SPOILED = {
    "db without an axis": (lambda dW, db: (dW, [np.sum(g) for g in db]), "db-summed-over-all"),
    "db in one entry": (
        lambda dW, db: (dW, [np.array([[g.sum()]]) for g in db]),
        "db-summed-over-all",
    ),
    "dW of two axes too many": (lambda dW, db: ([g[None, None] for g in dW], db), None),
    "dW of another shape": (lambda dW, db: ([g[:, :-1] for g in dW], db), None),
    "text in db": (lambda dW, db: (dW, ["much" for g in db]), None),
}


@pytest.mark.parametrize("what", SPOILED)
def test_wrong_shapes_reach_the_diagnosis(what):
    """Nothing is said of what parity itself could not do with them."""
    change, name = SPOILED[what]
    report = check(gradient_with(change), **DOES)
    assert not report.passed
    assert "raised" not in str(report)
    if name:
        assert [finding.bug for finding in report.findings] == [name]


def test_rows_and_columns_of_biases_are_the_same_biases():
    """As they are for `run`."""
    for shape in ((1, -1), (-1, 1)):

        def reshaped(dW, db, shape=shape):
            return dW, [g.reshape(shape) for g in db]

        assert sentences(gradient_with(reshaped)) == []


def test_arrays_of_objects_are_lists():
    """As np.array makes them of arrays of several shapes, or of one."""

    def objects(arrays):
        kept = np.empty(len(arrays), dtype=object)
        kept[:] = arrays
        return kept

    assert sentences(gradient_with(lambda dW, db: (objects(dW), objects(db)))) == []

    def square(W, b, x, y):
        return [np.array(arrays, dtype=object) for arrays in right(W, b, x, y)]

    assert sentences(from_gradient(square), sizes=(3, 3, 3)) == []


def test_a_step_that_cannot_go_on_shows_what_it_has():
    """W of a wrong shape after the first step is a finding about W, and nothing else
    is.
    """

    def step(W, b, x, y, lr):
        W, b = stepped(W, b, x, y, lr)
        return [w.T for w in W], b

    report = check(from_step(step), **DOES)
    assert [finding.got for finding in report.findings] == ["W has shape (3, 5)"]


# layouts


def test_shapes_and_places_are_those_of_the_program():
    """Whatever layout it declares: the number that is off, and the shape."""

    def spoil(change, case):
        for step in turned("in_out", "columns", case):
            yield change(step)

    def one_number(step):
        step["dW"][0][2, 1] += 0.1  # input 2, unit 1
        return step

    def shapes(step):
        return step | {"z": [np.zeros((2, 3, 4)) for _ in step["z"]], "db": [np.eye(9)] * 3}

    way = {"layout": "in_out", "samples": "columns"} | DOES | PLAIN
    (finding,) = check(partial(spoil, one_number), **way).findings
    assert finding.got.startswith("dW[2, 1] = ")
    report = check(partial(spoil, shapes), **way)
    db = next(each for each in report.findings if each.equation == "BP3")
    assert db.got.startswith("db has shape (9, 9) in step 1")
    assert db.expected.startswith("shape (2, 1), by ")
    z = next(each for each in report.findings if each.equation == "z")
    assert z.got.startswith("z has shape (2, 3, 4) in step 1")
    assert z.expected.startswith("shape (5, ")


def test_a_program_that_refuses_another_layout_is_not_told_to_declare_it():
    """NotImplementedError is no success, and neither is a call that shows nothing: the
    program's own exception is reported.
    """

    def run(case):
        if case.steps[0].x.shape[1] != case.sizes[0]:
            raise NotImplementedError("samples must be rows")
        raise ValueError("my own mistake")

    (finding,) = check(run, **PLAIN).findings
    assert finding.got.startswith("raised ValueError in test_adapters.py, line ")
    assert finding.evidence[-1] == "The message: my own mistake"
    task, declared = cases_for(train, **PLAIN)[0], declaration(**PLAIN)

    def shows_nothing(case):
        if case.W[0].shape[1] == case.sizes[0]:
            raise ValueError
        return [{} for _ in case.steps]

    assert calls.layout_of(run, task, declared) == declared
    assert calls.layout_of(shows_nothing, task, declared) == declared


def test_arrays_may_be_as_large_as_what_is_declared():
    """A million entries are many, but not where layers of a thousand units are
    declared.
    """
    sizes = (1100, 1000, 2)
    assert sizes[0] * sizes[1] > LARGEST
    case = cases_for(train, sizes=sizes, **PLAIN)[0]
    assert check(train, [case], sizes=sizes, **PLAIN).findings == ()


@pytest.mark.parametrize(
    ("layout", "samples"), [("out_in", "rows"), ("in_out", "rows"), ("out_in", "columns")]
)
def test_gradients_that_have_changed_places_are_said_to_have(layout, samples):
    """In every layout, and with one output, where NumPy would stretch them to the
    weights.
    """

    def gradient(W, b, x, y):
        W = [array.T if layout == "in_out" else array for array in W]
        x, y = (array.T if samples == "columns" else array for array in (x, y))
        dW, db = right(W, [array.reshape(-1) for array in b], x, y)
        dW = [array.T if layout == "in_out" else array for array in dW]
        return [array[:, None] if samples == "columns" else array for array in db], dW

    for sizes in ((3, 5, 4, 2), (3, 3, 1)):
        report = check(
            from_gradient(gradient), **DOES | {"sizes": sizes}, layout=layout, samples=samples
        )
        (finding,) = report.findings
        assert finding.sentence.startswith(
            "what is shown as dW and db: dW and db have changed places: your dW is what db should "
            "be, expected each under its own name"
        )


def test_an_array_of_another_shape_is_not_laid_on_delta():
    """Though dW is off as well: a delta of the right shape gives a db of the right
    shape.
    """
    other = gradient_with(
        lambda dW, db: ([w * w + 0.1 for w in dW], [np.append(c, 0.0) for c in db])
    )
    first, *_ = sentences(other)
    assert first.startswith("BP3 (bias gradient) of layer 3: db has shape (3,) in step 1")
