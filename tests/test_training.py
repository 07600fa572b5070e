"""Training: fit against a loop written by hand, bit for bit, and everything that goes
on around the loop.
"""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet import checks

RNG = np.random.default_rng(7)
X, Y, LABELS = (
    RNG.standard_normal((7, 3)),
    RNG.standard_normal((7, 2)),
    np.array([0, 1, 1, 0, 0, 1, 0]),
)
XV, YV = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 2))


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def network(output="identity", dtype="float64", width=2):
    return refnet.mlp([3, 5, width], hidden="tanh", output=output, dtype=dtype)


def by_hand(net, x, y, loss, optimizer, epochs, batch_size, rng):
    """The loop that fit stands for: the loss of each epoch, the weighted mean of its
    batches before their own updates.
    """
    losses = []
    for _ in range(epochs):
        total = 0.0
        for rows in refnet.minibatches(len(x), batch_size, rng):
            value, gradients = net.loss_and_gradients(x[rows], y[rows], loss)
            optimizer.step(net, gradients)
            total += value * len(x[rows])
        losses.append(total / len(x))
    return losses


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 9))
def test_each_row_is_in_one_minibatch(rows, batch_size, seed):
    """Every row comes once; all batches are full but the last; the order is the
    generator's permutation, and without one the rows' own.
    """
    for rng, order in (
        (np.random.default_rng(seed), np.random.default_rng(seed).permutation(rows)),
        (None, np.arange(rows)),
    ):
        batches = [np.arange(rows)[batch] for batch in refnet.minibatches(rows, batch_size, rng)]
        assert np.concatenate(batches).tolist() == order.tolist()
        assert {len(batch) for batch in batches[:-1]} <= {batch_size}
        assert len(batches[-1]) == (rows - 1) % batch_size + 1


def test_no_batch_size_is_one_batch_in_order():
    """batch_size None is one slice of all rows and draws nothing, even where a
    generator is given.
    """
    rng = np.random.default_rng(0)
    assert list(refnet.minibatches(7, None, rng)) == [slice(0, 7)]
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    ("rows", "batch_size", "rng", "kind", "sentence"),
    [
        (0, 2, None, ValueError, "rows has 0, expected an integer >= 1"),
        (7.0, None, None, TypeError, "rows has type float, expected an integer"),
        (7, 0, None, ValueError, "batch_size has 0, expected an integer >= 1"),
        (7, 2.0, None, TypeError, "batch_size has type float, expected an integer"),
        (7, None, 3, TypeError, "rng has type int, expected a numpy.random.Generator or None"),
    ],
)
def test_minibatches_refuse_at_the_call(rows, batch_size, rng, kind, sentence):
    """Rows, batch size and generator are looked at when the batches are asked for, not
    when the first of them is drawn.
    """
    with refuses(kind, f"minibatches: {sentence}"):
        refnet.minibatches(rows, batch_size, rng)


def test_each_epoch_has_a_permutation_of_its_own():
    """One generator goes on from epoch to epoch."""
    rng = np.random.default_rng(0)
    first, second = (
        np.concatenate(list(refnet.minibatches(20, 6, rng))).tolist() for _ in range(2)
    )
    assert first != second
    assert sorted(first) == sorted(second) == list(range(20))


CASES = {
    "values": ("identity", "mse", Y),
    "labels": ("softmax", "cross_entropy", LABELS),
    "distributions": ("identity", "softmax_cross_entropy", refnet.one_hot(LABELS, 2)),
    "probabilities": ("sigmoid", "binary_cross_entropy", refnet.one_hot(LABELS, 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("batch_size", "shuffle"),
    [(None, True), (None, False), (1, True), (3, True), (3, False), (7, True), (100, True)],
)
@pytest.mark.parametrize(("output", "loss", "y"), CASES.values(), ids=CASES)
def test_fit_is_the_loop_by_hand(output, loss, y, batch_size, shuffle, dtype):
    """Parameters, optimizer state and the loss of every epoch have the bits of the loop
    written by hand.
    """
    net, other = network(output, dtype), network(output, dtype)
    optimizer, another = refnet.Adam(lr=0.05), refnet.Adam(lr=0.05)
    history = refnet.fit(
        net,
        X,
        y,
        loss=loss,
        optimizer=optimizer,
        epochs=4,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=3,
    )
    losses = by_hand(
        other, X, y, loss, another, 4, batch_size, np.random.default_rng(3) if shuffle else None
    )
    assert net.parameters.dtype == dtype
    assert net.parameters.tobytes() == other.parameters.tobytes()
    assert history.loss == losses
    assert history.stopped == "all epochs done"
    assert {name: np.asarray(v).tobytes() for name, v in optimizer.state.items()} == {
        name: np.asarray(v).tobytes() for name, v in another.state.items()
    }


def train(net=None, x=X, y=Y, **settings):
    net = network() if net is None else net
    return net, refnet.fit(
        net,
        x,
        y,
        **{"loss": "mse", "optimizer": refnet.SGD(lr=0.1, momentum=0.9), "epochs": 3, **settings},
    )


def test_last_batch_is_averaged_over_its_own_rows():
    """Seven rows by fours in order are a step on rows 0 to 3 and a step on rows 4 to 6
    alone.
    """
    net, _ = train(batch_size=4, shuffle=False, epochs=1, optimizer=refnet.SGD(lr=0.1))
    other, optimizer = network(), refnet.SGD(lr=0.1)
    for rows in (slice(0, 4), slice(4, 7)):
        refnet.fit(other, X[rows], Y[rows], loss="mse", optimizer=optimizer, epochs=1)
    assert net.parameters.tobytes() == other.parameters.tobytes()


def test_loss_of_an_epoch_weighs_rows_not_batches():
    """A batch of 4 counts 4/7 and one of 3 counts 3/7; at learning rate 0 both are
    taken from the same weights.
    """
    parts = [
        network().loss_and_gradients(X[rows], Y[rows], "mse")[0]
        for rows in (slice(0, 4), slice(4, 7))
    ]
    _, history = train(batch_size=4, shuffle=False, epochs=1, optimizer=refnet.SGD(lr=0.0))
    assert history.loss == [(parts[0] * 4 + parts[1] * 3) / 7]
    assert history.loss != [(parts[0] + parts[1]) / 2]


def test_loss_is_taken_before_the_update():
    """The first loss of batch gradient descent is that of the network as it came."""
    value, _ = network().loss_and_gradients(X, Y, "mse")
    assert train(epochs=2)[1].loss[0] == value


def test_seed_makes_the_order():
    """The same seed trains the same bits, another seed others, and batch gradient
    descent knows no seed.
    """
    runs = [train(batch_size=2, seed=seed)[0].parameters.tobytes() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert train(seed=1)[0].parameters.tobytes() == train(seed=2)[0].parameters.tobytes()


def test_two_trainings_in_a_row_are_one_long_one():
    """The optimizer's momentum goes on from one fit to the next."""
    net, optimizer = network(), refnet.SGD(lr=0.1, momentum=0.9)
    first, second = (train(net, optimizer=optimizer, epochs=2)[1] for _ in range(2))
    longer, history = train(epochs=4)
    assert net.parameters.tobytes() == longer.parameters.tobytes()
    assert first.loss + second.loss == history.loss


@pytest.mark.parametrize("loss", ["mse", refnet.MSE()])
@pytest.mark.parametrize("optimizer", [lambda: "adam", refnet.Adam], ids=["name", "object"])
def test_names_and_objects_are_the_same(loss, optimizer):
    """A loss or an optimizer given by name is the object with its defaults."""
    net, other = network(), network()
    by_hand(other, X, Y, refnet.MSE(), refnet.Adam(), 3, None, None)
    train(net, loss=loss, optimizer=optimizer())
    assert net.parameters.tobytes() == other.parameters.tobytes()


def test_validation_is_the_network_as_it_stands_after_the_epoch():
    """Validation loss is the network's own on the held-out rows after each epoch,
    whatever the batches were; None without validation.
    """
    losses = []
    net = network()
    _, history = train(
        net,
        validation=(XV, YV),
        batch_size=2,
        on_epoch=lambda _: losses.append(net.loss_and_gradients(XV, YV, "mse")[0]),
    )
    assert history.validation_loss == losses
    assert history.validation_accuracy == [None] * 3
    assert train()[1].validation_loss == [None] * 3


ONE_HOT = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]])
JUDGED = {
    "labels": ("softmax", "cross_entropy", [0, 1, 1, 0, 1], [0, 1, 1, 0, 1]),
    "labels of logits": ("identity", "softmax_cross_entropy", [0, 1, 1, 0, 1], [0, 1, 1, 0, 1]),
    "one-hot rows": ("softmax", "cross_entropy", ONE_HOT, [0, 1, 1, 0, 1]),
    "one-hot values": ("sigmoid", "mse", ONE_HOT, [0, 1, 1, 0, 1]),
    "one-hot probabilities": ("sigmoid", "binary_cross_entropy", ONE_HOT, [0, 1, 1, 0, 1]),
    "0 or 1": ("sigmoid", "binary_cross_entropy", [[0], [1], [1], [0], [1]], [0, 1, 1, 0, 1]),
    "0 or 1 of logits": (
        "identity",
        "sigmoid_cross_entropy",
        [[0], [1], [1], [0], [1]],
        [0, 1, 1, 0, 1],
    ),
    "two at once": (
        "sigmoid",
        "binary_cross_entropy",
        [[1, 1], [0, 1], [0, 1], [1, 0], [0, 1]],
        None,
    ),
    "soft rows": ("softmax", "cross_entropy", [[0.5, 0.5], [0, 1], [0, 1], [1, 0], [0, 1]], None),
    "soft probabilities": ("sigmoid", "binary_cross_entropy", [[0.5], [1], [1], [0], [1]], None),
    "values": ("identity", "mse", [[0.3, 1], [0, 1], [0, 1], [1, 0], [0, 1]], None),
    "one value": ("identity", "mse", [[0], [1], [1], [0], [1]], None),
}


@pytest.mark.parametrize(("output", "loss", "y", "labels"), JUDGED.values(), ids=JUDGED)
def test_validation_accuracy_where_targets_are_classes(output, loss, y, labels):
    """Labels, one-hot rows and single probabilities of 0 or 1 have an accuracy, the
    network's own; other targets have none.
    """
    net = network(output, width=2 if np.ndim(y) == 1 else len(y[0]))
    expected = []
    history = refnet.fit(
        net,
        XV,
        y,
        loss=loss,
        optimizer="sgd",
        epochs=3,
        validation=(XV, y),
        on_epoch=lambda _: expected.append(None if labels is None else net.accuracy(XV, labels)),
    )
    assert history.validation_accuracy == expected


def test_schedule_sets_lr_and_fit_puts_it_back():
    """Every step of an epoch has the schedule's learning rate, computed from the first
    one; afterwards the optimizer has its own again.
    """
    optimizer, seen = refnet.SGD(lr=0.5), []
    settings = {"schedule": refnet.ExponentialLR(0.5), "batch_size": 3, "epochs": 3}
    _, history = train(optimizer=optimizer, on_step=lambda step: seen.append(step.lr), **settings)
    assert history.lr == [0.5, 0.25, 0.125]
    assert seen == [0.5] * 3 + [0.25] * 3 + [0.125] * 3
    assert optimizer.lr == 0.5


def test_schedule_is_what_the_steps_use():
    """A schedule of halves trains the bits of three trainings whose learning rate is
    set by hand.
    """
    net, optimizer = network(), refnet.SGD(lr=0.5, momentum=0.9)
    for optimizer.lr in (0.5, 0.25, 0.125):
        train(net, optimizer=optimizer, epochs=1)
    scheduled, _ = train(
        optimizer=refnet.SGD(lr=0.5, momentum=0.9),
        schedule=lambda lr, epoch: np.float64(lr / 2**epoch),
    )
    assert net.parameters.tobytes() == scheduled.parameters.tobytes()


class Interrupted(Exception):
    """No error: a reader who has seen enough."""


@pytest.mark.parametrize("where", ["on_step", "on_epoch", "schedule"])
def test_lr_is_put_back_after_an_exception(where):
    """An exception out of a callback passes through, and the optimizer has its own
    learning rate again.
    """
    optimizer = refnet.SGD(lr=0.5)

    def interrupt(*given):
        if where == "schedule" and given[1] == 0:
            return 0.25
        raise Interrupted

    with pytest.raises(Interrupted):
        train(optimizer=optimizer, **{"schedule": lambda lr, epoch: 0.25, where: interrupt})
    assert optimizer.lr == 0.5


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_on_step_sees_every_step(batch_size):
    """Each step shows its numbers, rows, trace, loss and gradients, with the bits that
    the weights before it give; lr g moved them.
    """
    net, seen = network(), []
    before = net.copy()

    def watch(step):
        value, gradients = before.loss_and_gradients(step.x, step.y, "mse")
        assert (step.loss, step.gradients.vector.tobytes()) == (value, gradients.vector.tobytes())
        assert step.trace.output.tobytes() == before.predict(step.x).tobytes()
        assert (
            net.parameters.tobytes()
            == (before.parameters - step.lr * step.gradients.vector).tobytes()
        )
        before.parameters[:] = net.parameters
        seen.append((step.epoch, step.batch, step.x.tolist(), step.y.tolist()))

    train(net, optimizer=refnet.SGD(lr=0.1), epochs=2, batch_size=batch_size, seed=5, on_step=watch)
    rng = np.random.default_rng(5)
    assert seen == [
        (epoch, batch, X[rows].tolist(), Y[rows].tolist())
        for epoch in (1, 2)
        for batch, rows in enumerate(refnet.minibatches(7, batch_size, rng), start=1)
    ]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_on_step_cannot_write_into_what_fit_was_given(batch_size, shuffle):
    """x and y of a step, and the x that its trace shows, refuse to be written into,
    views of the user's own arrays or not.
    """
    x, y, tried = X.copy(), Y.copy(), []

    def meddle(step):
        for array in (step.x, step.y, step.trace[0].a_prev):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0.0
            tried.append(array.copy().flags.writeable)

    settings = {"batch_size": batch_size, "shuffle": shuffle, "on_step": meddle}
    refnet.fit(network(), x, y, loss="mse", optimizer="sgd", epochs=1, **settings)
    assert (x.tobytes(), y.tobytes()) == (X.tobytes(), Y.tobytes())
    assert (x.flags.writeable, y.flags.writeable) == (True, True)
    assert tried
    assert all(tried)


@pytest.mark.parametrize("on_step", [None, lambda step: None])
def test_a_loss_of_ones_own_cannot_write_into_y(on_step):
    """In fit a batch of neighbouring rows is a view of the user's array."""

    class Meddling(refnet.MSE):
        def gradient(self, a, y):
            y[...] = 0.0
            return super().gradient(a, y)

    y = Y.copy()
    settings = {"loss": Meddling(), "optimizer": "sgd", "epochs": 1, "on_step": on_step}
    with pytest.raises(ValueError, match="read-only"):
        refnet.fit(network(), X, y, **settings)
    assert y.tobytes() == Y.tobytes()


def test_on_epoch_sees_every_epoch():
    """Each epoch is shown as it will stand in the history."""
    seen = []
    _, history = train(on_epoch=seen.append, validation=(XV, YV))
    assert seen == history.epochs
    assert [(epoch.number, epoch.of) for epoch in seen] == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("chunk", [2**18, 4])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_array_on_disk_trains_as_in_memory(tmp_path, monkeypatch, batch_size, chunk):
    """A float64 x and y on disk train a float32 network to the bits of the arrays in
    memory, however small the parts they are read in.
    """
    monkeypatch.setattr(checks, "CHUNK", chunk)
    disk = []
    for name, array in (("x", X), ("y", Y)):
        disk.append(np.memmap(tmp_path / name, dtype="float64", mode="w+", shape=array.shape))
        disk[-1][:] = array
    nets = [
        train(network(dtype="float32"), x, y, batch_size=batch_size, validation=(x, y))
        for x, y in (disk, (X, Y))
    ]
    assert nets[0][0].parameters.tobytes() == nets[1][0].parameters.tobytes()
    assert nets[0][1] == nets[1][1]
    single = [network(dtype="float32").loss_and_gradients(x, y, "mse") for x, y in (disk, (X, Y))]
    assert single[0][0] == single[1][0]
    assert single[0][1].vector.tobytes() == single[1][1].vector.tobytes()


def test_learning_rate_without_bound_is_refused_by_name():
    """A schedule that grows past every number is refused at that epoch, with the
    optimizer's own learning rate put back.
    """
    net, optimizer = refnet.mlp([3, 2], output="identity"), refnet.SGD(lr=0.1)
    growing = refnet.ExponentialLR(1e200)
    with refuses(ValueError, "SGD: lr has inf, expected a finite number >= 0"):
        refnet.fit(
            net,
            X * 0.0,
            LABELS,
            loss="softmax_cross_entropy",
            optimizer=optimizer,
            epochs=3,
            schedule=growing,
        )
    assert optimizer.lr == 0.1


def test_a_validation_loss_that_is_never_finite_is_said_so():
    """Early stopping has no best epoch to speak of where no validation loss was
    finite.
    """
    net = refnet.mlp([3, 5, 2], hidden="relu", output="identity")
    settings = {"validation": (X * 1e200, Y), "stop": refnet.EarlyStopping(patience=2)}
    history = refnet.fit(net, X, Y, loss="mse", optimizer="sgd", epochs=9, **settings)
    assert history.stopped == "validation loss never finite in 2 epochs"
    assert (
        repr(history) == f"<History of 2 epochs, last loss {history.loss[-1]}; {history.stopped}>"
    )


def test_step_shows_where_it_started():
    """`before` is the vector that the step started from, whatever happened since the
    last one.
    """
    net, started = network(), []
    settings = {"loss": "mse", "optimizer": "sgd", "epochs": 3}

    def meddle(step):
        started.append((step.before.copy(), net.parameters.copy()))
        net.parameters[:] = 1.0

    first = net.parameters.copy()
    refnet.fit(net, X, Y, **settings, on_step=meddle)
    assert started[0][0].tobytes() == first.tobytes()
    assert (started[1][0] == 1.0).all()
    assert not (started[1][1] == 1.0).all()


class Flat(refnet.Loss):
    """Mean squared error of a single output against values (n,)."""

    name = "flat"
    reads = "values"
    outputs = ()

    def targets(self, y, rows, width, dtype):
        return np.asarray(y, dtype)

    def value(self, a, y):
        return float(((a[:, 0] - y) ** 2).mean())

    def gradient(self, a, y):
        return (2.0 * (a[:, 0] - y) / len(a)).reshape(-1, 1)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_targets_of_ones_own_loss_keep_their_dtype(batch_size):
    """Values (n,) are not taken for labels: the training is that of the same values in
    a column.
    """
    net, other = network(width=1), network(width=1)
    train(net, X, Y[:, 0], loss=Flat(), batch_size=batch_size)
    train(other, X, Y[:, :1], loss="mse", batch_size=batch_size)
    assert np.abs(net.parameters - other.parameters).max() <= 32 * np.finfo(float).eps
    assert np.abs(net.parameters - network(width=1).parameters).max() > 0.01


class Clipped(refnet.SGD):
    """Plain gradient descent on a gradient cut to a hundredth."""

    def step(self, net, gradients):
        super().step(net, Cut(np.clip(gradients.vector, -0.01, 0.01)))


@dataclass
class Cut:
    vector: np.ndarray


@pytest.mark.parametrize("watch", [None, lambda step: None])
@pytest.mark.parametrize("by", ["class", "object"])
def test_an_optimizer_with_a_step_of_its_own_takes_it(by, watch):
    """Watched or not: at a hundredth of a unit at most, ten epochs at learning rate 1
    move no parameter by more than a tenth.
    """
    net, start = network(), network().parameters
    optimizer = Clipped(lr=1.0) if by == "class" else refnet.SGD(lr=1.0)
    if by == "object":
        vars(optimizer)["step"] = lambda net, gradients: refnet.SGD.step(
            optimizer, net, Cut(np.clip(gradients.vector, -0.01, 0.01))
        )
    train(net, optimizer=optimizer, epochs=10, on_step=watch)
    assert 0.05 < np.abs(net.parameters - start).max() <= 0.1 * (1.0 + 100 * np.finfo(float).eps)


@pytest.mark.parametrize("watch", [None, lambda step: None])
def test_nobody_s_numpy_settings_change(watch):
    """Where NumPy raises on everything, training goes on in silence, and callbacks find
    NumPy as it was, after an error too.
    """
    seen = []

    def look(_):
        seen.append((np.getbufsize(), np.geterr()))

    with np.errstate(all="raise"):
        look(None)
        x = np.full((4, 2), 1e-158)
        net = refnet.mlp([2, 2], output="identity")
        refnet.fit(
            net,
            x,
            np.ones((4, 2)),
            loss="mse",
            optimizer="adam",
            epochs=2,
            on_epoch=look,
            on_step=watch and look,
        )
        with pytest.raises(
            FloatingPointError, match="epoch 2, batch 1: layer 1: new value of W has -inf"
        ):
            refnet.fit(
                net,
                x,
                np.ones((4, 2)),
                loss="mse",
                optimizer=refnet.SGD(lr=1e308),
                epochs=2,
                on_step=watch,
            )
        look(None)
    assert len(seen) == 4 + 2 * (watch is not None)
    assert all(each == seen[0] for each in seen)


class Keeping(refnet.SGD):
    """Plain gradient descent that keeps what it is given."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.kept = []

    def step(self, net, gradients):
        self.kept.append(gradients)
        super().step(net, gradients)


def test_gradients_that_are_kept_are_a_step_s_own():
    """What an optimizer or on_step keeps of one step is not written over by the
    next.
    """
    optimizer, seen = Keeping(lr=0.1), []
    train(optimizer=optimizer, epochs=3)
    train(on_step=lambda step: seen.append(step.gradients), epochs=3)
    for kept in (optimizer.kept, seen):
        assert len({gradients.vector.tobytes() for gradients in kept}) == 3
        assert len({gradients[0].delta.tobytes() for gradients in kept}) == 3
