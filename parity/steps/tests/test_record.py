"""Records of steps: whole, plain and theirs alone; what `fit` did is what the recorder
says; restated, every equation agrees.
"""

import json
import re
from dataclasses import asdict, replace
from itertools import islice, pairwise

import numpy as np
import pytest

import refnet
from parity import CASES, FitRecorder, compare_restated, record_refnet, restate
from parity.experiments.job.sweep import side_by_side
from parity.steps.cases import RULES, Case

SQUARE = Case("", (4, 4, 4), ("leaky_relu",), optimizer="adam", settings={"amsgrad": True}, batch=5)
CHOSEN = [
    *RULES[::3],
    *(replace(case, dtype="float32") for case in RULES[1::3]),
    *CASES[::90],
    SQUARE,
]
chosen = pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.id)


def bits(record):
    """Every number of a record with dtype and shape, to the bit."""

    def of(part):
        if isinstance(part, np.ndarray):
            return part.dtype.str, part.shape, part.tobytes()
        if isinstance(part, dict):
            return {key: of(entry) for key, entry in part.items()}
        return [of(entry) for entry in part] if isinstance(part, tuple | list) else part

    return of(asdict(record))


def run(case):
    """The network, the optimizer, and the records of the case's steps."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    records = []
    for (x, y, lr), given in zip(case.steps(), case.given(), strict=True):
        optimizer.lr = lr
        records.append(record_refnet(net, x, y, loss, optimizer, **case.asked(given)))
    return net, optimizer, records


def kinds(part):
    """The exact types of a value and of all within it; NumPy's float64 is a float to
    json, but it promotes float32 arrays.
    """
    within = part.values() if isinstance(part, dict) else part if isinstance(part, tuple) else ()
    return {type(part)}.union(*map(kinds, within))


def arrays(record):
    """Every array of a record."""
    for moment in (record.before, record.after):
        yield from (*moment.W, *moment.b, *moment.state.values())
    yield from (
        record.x,
        record.y,
        *(array for layer in record.layers for array in vars(layer).values() if array is not None),
    )


@chosen
def test_a_record_is_whole(case):
    """Every quantity of every layer is shown, in its shape and in the network's dtype,
    with every vector of the state before and after.
    """
    net, optimizer, records = run(case)
    for step, record in enumerate(records):
        spec = record.spec
        assert (spec.sizes, spec.dtype, spec.loss, spec.optimizer) == (
            case.sizes,
            case.dtype,
            case.loss,
            case.optimizer,
        )
        assert isinstance(record.loss, float)
        for moment in (record.before, record.after):
            assert [W.shape for W in moment.W] == [layer.W.shape for layer in net.layers]
            assert [b.shape for b in moment.b] == [layer.b.shape for layer in net.layers]
            made_by_the_first_step = (
                {"momentum_buffer"}
                if case.optimizer == "sgd" and step == 0 and moment is record.before
                else set()
            )
            assert set(moment.state) == set(optimizer.state) - {"steps"} - made_by_the_first_step
            assert all(vector.shape == net.parameters.shape for vector in moment.state.values())
        for shown, layer in zip(record.layers, net.layers, strict=True):
            assert [shown.z.shape, shown.a.shape, shown.delta.shape] == [
                (case.batch, layer.fan_out)
            ] * 3
            assert [shown.dW.shape, shown.db.shape] == [layer.W.shape, layer.b.shape]
        assert {str(array.dtype) for array in arrays(record)} <= {case.dtype, record.y.dtype.name}


@chosen
def test_a_record_says_what_the_network_computes(case):
    """z, a, the loss and the gradients are those of the network as it was before the
    step, and `after` is what it became.
    """
    net, loss = case.network(), case.make_loss()
    _, _, records = run(case)
    for record in records:
        net.parameters[:] = np.concatenate(
            [p.ravel() for pair in zip(record.before.W, record.before.b, strict=True) for p in pair]
        )
        trace = net.forward(record.x)
        value, gradients = net.loss_and_gradients(record.x, record.y, loss)
        assert value == record.loss
        for shown, forward, backward in zip(record.layers, trace, gradients, strict=True):
            for name, array in (
                ("z", forward.z),
                ("a", forward.a),
                ("delta", backward.delta),
                ("dW", backward.dW),
                ("db", backward.db),
            ):
                assert getattr(shown, name).tobytes() == array.tobytes(), name


@chosen
def test_a_step_begins_where_the_last_one_ended(case):
    """Each `before` is the `after` of the step before it, the last `after` is what
    network and optimizer hold.
    """
    net, optimizer, records = run(case)
    start = case.network()
    assert [W.tobytes() for W in records[0].before.W] == [
        layer.W.tobytes() for layer in start.layers
    ]
    assert [b.tobytes() for b in records[0].before.b] == [
        layer.b.tobytes() for layer in start.layers
    ]
    for earlier, later in pairwise(records):
        assert bits(earlier.after) == bits(later.before)
        assert bits(later.before) != bits(later.after)
    last = records[-1].after
    assert [W.tobytes() for W in last.W] == [layer.W.tobytes() for layer in net.layers]
    assert [b.tobytes() for b in last.b] == [layer.b.tobytes() for layer in net.layers]
    assert {name: vector.tobytes() for name, vector in last.state.items()} == {
        name: vector.tobytes() for name, vector in optimizer.state.items() if name != "steps"
    }


@chosen
def test_spec_is_plain_data_with_this_step_s_lr(case):
    """The spec is Python's own data, counts steps from 1, and has the learning rate of
    its own step, whatever comes later.
    """
    _, _, records = run(case)
    for number, (record, (_, _, lr)) in enumerate(zip(records, case.steps(), strict=True), start=1):
        assert kinds(asdict(record.spec)) <= {dict, tuple, str, int, float, bool, type(None)}
        assert (record.spec.step, record.spec.hyperparameters["lr"]) == (number, lr)
        assert record.spec.hyperparameters == {**case.make_optimizer().hyperparameters, "lr": lr}
        assert record.spec.activations == tuple(
            (name, {"slope": 0.01} if name == "leaky_relu" else {})
            for name in (*case.hidden, case.output)
        )


def test_spec_is_plain_whatever_the_settings_were_given_as():
    """NumPy scalars given as settings become Python numbers in the spec."""
    net = refnet.mlp(
        [np.int64(3), np.int32(2)], output=refnet.LeakyReLU(np.float32(0.25)), dtype=np.float32
    )
    optimizer = refnet.SGD(lr=np.float64(0.5), momentum=np.float32(0.5), nesterov=np.bool(True))
    spec = record_refnet(net, np.ones((2, 3)), np.ones((2, 2)), "mse", optimizer).spec
    assert kinds(asdict(spec)) <= {dict, tuple, str, int, float, bool, type(None)}
    assert json.loads(json.dumps(asdict(spec))) == {
        "sizes": [3, 2],
        "activations": [["leaky_relu", {"slope": 0.25}]],
        "loss": "mse",
        "optimizer": "sgd",
        "hyperparameters": {
            "lr": 0.5,
            "momentum": 0.5,
            "dampening": 0.0,
            "nesterov": True,
            "weight_decay": 0.0,
        },
        "step": 1,
        "dtype": "float32",
        "groups": [],
        "loss_settings": {},
        "penalty": None,
        "clip": None,
        "dropout": [],
        "biases": [],
    }


@chosen
def test_a_record_is_a_copy(case):
    """Neither later steps nor writing into network, state or data change a record, and
    no two records share an array.
    """
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    (x, y, _), (x2, y2, _) = list(case.steps())[:2]
    record = record_refnet(net, x, y, loss, optimizer)
    kept = bits(record)
    later = record_refnet(net, x2, y2, loss, optimizer)
    for array in (
        net.parameters,
        x,
        y,
        *(vector for name, vector in optimizer.state.items() if name != "steps"),
    ):
        assert not any(
            np.shares_memory(array, shown) for shown in (*arrays(record), *arrays(later))
        )
        array[:] = 0
    assert not any(
        np.shares_memory(mine, other) for mine in arrays(record) for other in arrays(later)
    )
    optimizer.lr = 9.0
    assert bits(record) == kept


@pytest.mark.parametrize(
    "batch_size",
    [None, 1, 4, 5, 100],
    ids=["batch", "stochastic", "mini-batch, last one partial", "whole", "large"],
)
@pytest.mark.parametrize(
    "schedule", [None, refnet.ExponentialLR(0.5)], ids=["constant", "schedule"]
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fit_recorder_records_the_steps_of_fit(batch_size, schedule, dtype):
    """Number, order, rows, lr and every number are those of steps replayed one by one
    on a copy; nothing that `fit` lends is kept.
    """
    rng, loss, rows, epochs = np.random.default_rng(5), refnet.SoftmaxCrossEntropy(), 10, 3
    x, y = rng.normal(size=(rows, 5)).astype(dtype), rng.integers(0, 3, rows)
    net = refnet.mlp([5, 7, 3], "tanh", "identity", seed=3, dtype=dtype)
    copy, optimizer, other, records = net.copy(), refnet.Adam(lr=0.1), refnet.Adam(lr=0.1), []
    recorder, settings = (
        FitRecorder(net, loss, optimizer, records.append),
        {"epochs": epochs, "batch_size": batch_size, "seed": 8},
    )

    def on_step(step):
        recorder(step)
        lent = [
            step.x,
            step.y,
            *(array for part in (*step.trace, *step.gradients) for array in part),
        ]
        assert not any(
            np.shares_memory(mine, array) for mine in arrays(records[-1]) for array in lent
        )

    refnet.fit(
        net, x, y, loss=loss, optimizer=optimizer, schedule=schedule, on_step=on_step, **settings
    )
    shuffle, replayed = np.random.default_rng(8), []
    for epoch in range(epochs):
        other.lr = 0.1 * 0.5**epoch if schedule else 0.1
        order = np.arange(rows) if batch_size is None else shuffle.permutation(rows)
        for start in range(0, rows, batch_size or rows):
            batch = order[start : start + (batch_size or rows)]
            replayed.append(record_refnet(copy, x[batch], y[batch], loss, other))
    assert [record.spec.step for record in records] == list(range(1, len(replayed) + 1))
    assert [bits(record) for record in records] == [bits(record) for record in replayed]
    assert net.parameters.tobytes() == copy.parameters.tobytes()


def test_fit_recorder_goes_on_over_two_trainings():
    """A second `fit` with the same recorder goes on counting and begins where the first
    ended; recording changes no bit of it.
    """
    x, y = np.random.default_rng(1).normal(size=(2, 6, 3))
    net, loss, optimizer, records = (
        refnet.mlp([3, 2, 3], "tanh", "identity"),
        refnet.MSE(),
        refnet.SGD(0.1, momentum=0.9),
        [],
    )
    recorder, copy, other = (
        FitRecorder(net, loss, optimizer, records.append),
        net.copy(),
        refnet.SGD(0.1, momentum=0.9),
    )
    for seed in (0, 1):
        refnet.fit(
            net,
            x,
            y,
            loss=loss,
            optimizer=optimizer,
            epochs=2,
            batch_size=4,
            seed=seed,
            on_step=recorder,
        )
        refnet.fit(copy, x, y, loss=loss, optimizer=other, epochs=2, batch_size=4, seed=seed)
    assert [record.spec.step for record in records] == list(range(1, 9))
    for earlier, later in pairwise(records):
        assert bits(earlier.after) == bits(later.before)
    assert net.parameters.tobytes() == copy.parameters.tobytes()


GOOD = np.ones((2, 3))
BAD = {
    "NaN": (
        [[1, 2, np.nan]] * 2,
        [0, 1],
        "softmax_cross_entropy",
        "input has nan at row 0, column 2, expected finite values",
    ),
    "width": (
        np.ones((2, 4)),
        [0, 1],
        "softmax_cross_entropy",
        "input has shape (2, 4), expected (n, 3)",
    ),
    "empty": (
        np.ones((0, 3)),
        [],
        "softmax_cross_entropy",
        "input has shape (0, 3), expected (n, 3) with at least one row",
    ),
    "label": (
        GOOD,
        [0, 2],
        "softmax_cross_entropy",
        "SoftmaxCrossEntropy: y has label 2 at row 1, expected 0 to 1",
    ),
    "rows": (
        GOOD,
        [0],
        "softmax_cross_entropy",
        "SoftmaxCrossEntropy: y has shape (1,), expected labels (2,) or distributions (2, 2)",
    ),
    "loss": (GOOD, GOOD, "l2", "loss: name has 'l2', expected one of mse, "),
    "pair": (
        GOOD,
        [0, 1],
        "cross_entropy",
        "CrossEntropy: reads probabilities, but the output layer has Identity",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_refused_with_nothing_changed(bad):
    """Unusable x, y or loss is refused with refnet's own sentence, and weights, state
    and step count stay as they were.
    """
    x, y, loss, sentence = BAD[bad]
    net, optimizer = refnet.mlp([3, 5, 2], "tanh", "identity"), refnet.Adam()
    record_refnet(net, GOOD, [0, 1], "softmax_cross_entropy", optimizer)
    weights, state = (
        net.parameters.copy(),
        {name: np.copy(entry) for name, entry in optimizer.state.items()},
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        record_refnet(net, x, y, loss, optimizer)
    assert net.parameters.tobytes() == weights.tobytes()
    assert all(np.array_equal(state[name], entry) for name, entry in optimizer.state.items())


def test_another_network_s_optimizer_is_refused():
    """An optimizer bound to one network records no step of another, nor of one that
    cannot learn.
    """
    net, optimizer = refnet.mlp([3, 2], output="identity"), refnet.SGD()
    record_refnet(net, GOOD, [0, 1], "softmax_cross_entropy", optimizer)
    other = net.copy()
    with pytest.raises(
        ValueError, match=r"^SGD: got another network, expected the one of its first step"
    ):
        record_refnet(other, GOOD, [0, 1], "softmax_cross_entropy", optimizer)
    with pytest.raises(
        ValueError, match=r"^SGD: got another network, expected the one of its first step"
    ):
        FitRecorder(other, refnet.MSE(), optimizer, print)
    with pytest.raises(
        ValueError, match=r"^Dense 1 \(W 2x3\): activation has Heaviside, expected a trainable one"
    ):
        record_refnet(
            refnet.mlp([3, 2], output="heaviside"), GOOD, GOOD[:, :2], "mse", refnet.SGD()
        )


def test_the_recorder_notices_another_optimizer():
    """Given another optimizer than the one that fit uses, it would record nonsense: it
    says so at the first step. Names are taken.
    """
    net, mine = refnet.mlp([3, 2], output="identity"), refnet.SGD()
    recorder = FitRecorder(net, "softmax_cross_entropy", mine, print)
    settings = {
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
        "epochs": 1,
        "on_step": recorder,
    }
    with pytest.raises(
        ValueError,
        match=r"^FitRecorder: SGD has taken 0 steps, expected 1; it wants the optimizer of fit$",
    ):
        refnet.fit(net, GOOD, np.zeros(len(GOOD), int), **settings)


def test_a_recorder_outlives_a_fit_and_what_happens_between():
    """`before` is where each step really started: after early stopping put other
    weights back, and after a hand changed them.
    """
    net, optimizer, records = (
        refnet.mlp([3, 4, 2], hidden="tanh", output="identity", seed=2),
        refnet.SGD(0.5, momentum=0.9),
        [],
    )
    recorder = FitRecorder(net, "softmax_cross_entropy", optimizer, records.append)
    labels = np.arange(len(GOOD)) % 2
    settings = {
        "loss": "softmax_cross_entropy",
        "optimizer": optimizer,
        "epochs": 2,
        "on_step": recorder,
    }
    refnet.fit(net, GOOD, labels, **settings)
    net.parameters[:] *= 0.5
    refnet.fit(net, GOOD, labels, **settings)
    for record in records:
        W, b = record.before.W[0], record.before.b[0]
        assert np.array_equal(np.dot(record.x, W.T) + b, record.layers[0].z)
    assert not np.array_equal(records[2].before.W[0], records[1].after.W[0])


def test_names_are_taken_where_refnet_takes_them():
    """record_refnet takes the optimizer by name as fit does; FitRecorder wants the
    object itself and says so.
    """
    net = refnet.mlp([3, 2], output="identity")
    assert (
        record_refnet(
            net, GOOD, np.zeros(len(GOOD), int), "softmax_cross_entropy", "sgd"
        ).spec.optimizer
        == "sgd"
    )
    with pytest.raises(TypeError, match=r"^record_refnet: net has type int, expected Network$"):
        record_refnet(5, GOOD, np.zeros(len(GOOD), int), "softmax_cross_entropy", "sgd")
    with pytest.raises(TypeError, match=r"^FitRecorder: net has type int, expected Network$"):
        FitRecorder(5, "mse", refnet.SGD(), print)
    with pytest.raises(
        TypeError, match=r"^FitRecorder: optimizer has type str, expected the object given to fit$"
    ):
        FitRecorder(net, "mse", "sgd", print)


def test_an_activation_of_one_s_own_is_recorded():
    """A user's own Elementwise needs no dataclass: its attributes are its
    parameters.
    """

    class Square(refnet.Elementwise):
        name = "square"

        def value(self, z):
            return z * z

        def derivative(self, z, a):
            return 2 * z

    net = refnet.mlp([3, 2, 2], hidden=Square(), output="identity")
    record = record_refnet(
        net, GOOD, np.zeros(len(GOOD), int), "softmax_cross_entropy", refnet.SGD()
    )
    assert record.spec.activations == (("square", {}), ("identity", {}))


def test_a_refused_step_binds_no_optimizer():
    """After a refused step the optimizer is as fresh as before, and may go with another
    network.
    """
    net, optimizer = refnet.mlp([3, 2], output="identity"), refnet.Adam()
    with pytest.raises(ValueError, match="expected finite values"):
        record_refnet(net, GOOD * np.nan, [0, 1], "softmax_cross_entropy", optimizer)
    record_refnet(net.copy(), GOOD, [0, 1], "softmax_cross_entropy", optimizer)


@chosen
def test_restated_records_agree(case):
    """refnet's record of a first step and PyTorch's of a second agree with every
    equation computed once more from their own inputs.
    """
    (ours, _), (_, theirs) = islice(side_by_side(case), 2)
    for record in (ours, theirs):
        agreement = compare_restated(record, restate(record))
        assert agreement.passed, str(agreement)


INHERITED = {  # a wrong quantity of a layer, from 0 on, and the equations that write or read it
    ("z", 0): {"z", "a", "BP2"},
    ("a", 0): {"a", "z", "BP4"},
    ("delta", 0): {"BP2", "BP3", "BP4"},
    ("z", 1): {"z", "a"},
    ("a", 1): {"a", "C", "BP1"},
    ("delta", 1): {"BP1", "BP2", "BP3", "BP4"},
    ("dW", 1): {"BP4", "step"},
    ("db", 1): {"BP3", "step"},
    ("loss", None): {"C"},
}


@pytest.mark.parametrize(("quantity", "layer"), INHERITED)
def test_restating_inherits_nothing(quantity, layer):
    """One wrong quantity fails at its own equation and at those that read it, and
    nowhere down the line.
    """
    case = next(case for case in CASES if case.sizes == (4, 4, 4))
    for record in next(side_by_side(case)):
        layers = list(record.layers)
        if layer is None:
            wrong = replace(record, loss=-2.0 * record.loss)
        else:
            layers[layer] = replace(
                layers[layer], **{quantity: -2.0 * getattr(layers[layer], quantity)}
            )
            wrong = replace(record, layers=tuple(layers))
        agreement = compare_restated(wrong, restate(wrong))
        assert {d.equation for d in agreement.differences if not d.passed} == INHERITED[
            quantity, layer
        ]
        assert agreement.first.quantity == quantity


def test_restate_refuses_a_partial_record():
    """What an equation reads must be shown."""
    record = next(side_by_side(CASES[0]))[0]
    partial = [
        replace(record, layers=(replace(record.layers[0], **{name: None}), *record.layers[1:]))
        for name in vars(record.layers[0])
        if name != "a_prev"
    ]
    for case in (*partial, replace(record, loss=None), replace(record, after=None)):
        with pytest.raises(
            ValueError,
            match=r"^restate: record has quantities that are not shown, expected a whole one$",
        ):
            restate(case)
