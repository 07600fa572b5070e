"""What somebody else wrote in the place of a part of refnet: its results are checked,
and a method that was replaced counts everywhere.
"""

import re

import numpy as np
import pytest

import refnet
from refnet.activations import ACTIVATIONS
from refnet.fast.inplace import loss_into, pullback_into, value_into
from refnet.fast.written import as_written
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

RNG = np.random.default_rng(12)
X, Y = RNG.standard_normal((6, 3)), RNG.uniform(size=(6, 2))
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def network(output="identity", hidden="tanh", dtype="float64"):
    return refnet.mlp([3, 4, 2], hidden=hidden, output=output, dtype=dtype, seed=5)


def train(net, loss="mse", optimizer="sgd", y=Y, **settings):
    return refnet.fit(net, X, y, loss=loss, optimizer=optimizer, epochs=2, **settings)


def refuses(sentence, kind=ValueError):
    return pytest.raises(kind, match=f"^(epoch 1, batch 1: )?{re.escape(sentence)}$")


# results that do not fit

WRONG = {
    "column": (lambda array: array[:, :1], "({n}, 1) {dtype}"),
    "row": (lambda array: array[:1], "(1, {k}) {dtype}"),
    "number": (lambda array: 0.5, "() float64"),
    "wide": (lambda array: array.astype(np.longdouble), "({n}, {k}) " + str(np.dtype("g"))),
    "complex": (lambda array: array + 0j, "({n}, {k}) {complex}"),
    "nothing": (lambda array: None, "() object"),
}
wrong = pytest.mark.parametrize(("change", "got"), WRONG.values(), ids=WRONG)


def shown(got, dtype, n, k):
    return got.format(
        n=n, k=k, dtype=dtype, complex={"float32": "complex64", "float64": "complex128"}[dtype]
    )


@dtypes
@wrong
def test_a_gradient_of_ones_own_loss_that_does_not_fit_is_refused(change, got, dtype):
    """In both forms, before anything is broadcast or promoted; nothing is changed."""

    class Mine(refnet.MSE):
        def gradient(self, a, y):
            return change(super().gradient(a, y))

    net, optimizer = network(dtype=dtype), refnet.Adam()
    before = net.parameters.tobytes()
    sentence = f"Mine: gradient has {shown(got, dtype, 6, 2)}, expected (6, 2) {dtype}"
    for call in (
        lambda: net.loss_and_gradients(X, Y, Mine()),
        lambda: net.backward(net.forward(X), Mine(), Y),
        lambda: train(net, Mine(), optimizer),
        lambda: train(net, Mine(), optimizer, on_step=print),
    ):
        with refuses(sentence):
            call()
    assert net.parameters.tobytes() == before
    assert optimizer.state["steps"] == 0


@pytest.mark.parametrize(
    ("value", "kind", "got"),
    [
        (lambda a: a, ValueError, "shape (6, 2), expected a single number"),
        (lambda a: a[:1, 0], ValueError, "shape (1,), expected a single number"),
        (lambda a: None, TypeError, "type NoneType, expected a number"),
        (lambda a: "0.5", TypeError, "type str, expected a number"),
        (lambda a: 0.5 + 0j, TypeError, "type complex, expected a number"),
        (lambda a: a.sum() > 0, TypeError, "type bool, expected a number"),
    ],
)
def test_a_value_of_ones_own_loss_that_is_no_number_is_refused(value, kind, got):
    """In both forms and in the validation; nothing is changed."""

    class Mine(refnet.MSE):
        def value(self, a, y):
            return value(a)

    net = network()
    before = net.parameters.tobytes()
    for call in (lambda: net.loss_and_gradients(X, Y, Mine()), lambda: train(net, Mine())):
        with pytest.raises(kind, match=re.escape(f"Mine: value has {got}")):
            call()
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize("number", [np.float32, np.longdouble, np.array, int])
def test_a_value_of_ones_own_loss_becomes_a_float(number):
    """A NumPy number, an array of one without axes, and an integer are numbers."""

    class Mine(refnet.MSE):
        def value(self, a, y):
            return number(2.0)

    history = train(network(), Mine(), validation=(X, Y))
    assert history.loss == history.validation_loss == [2.0, 2.0]
    assert {type(value) for value in history.loss + history.validation_loss} == {float}
    assert type(network().loss_and_gradients(X, Y, Mine())[0]) is float


class Counting(refnet.Optimizer):
    """theta := theta - lr d, with the sum of d for a state."""

    name, _settings = "counting", ()

    def __init__(self, change):
        super().__init__(lr=0.1, weight_decay=0.0)
        object.__setattr__(self, "change", change)

    @property
    def _kept(self):
        return {"sum": 0.0}

    def _update(self, d, state):
        state["sum"] += d * d
        return self.change(self.lr * d)


VECTORS = {
    "entry": (lambda u: u[:1], "(1,) {dtype}"),
    "column": (lambda u: u[:, np.newaxis], "(26, 1) {dtype}"),
    "number": (lambda u: 0.5, "() float64"),
    "wide": (lambda u: u.astype(np.longdouble), "(26,) " + str(np.dtype("g"))),
    "nothing": (lambda u: None, "() object"),
}


@dtypes
@pytest.mark.parametrize(("change", "got"), VECTORS.values(), ids=VECTORS)
def test_an_update_of_ones_own_rule_that_does_not_fit_is_refused(change, got, dtype):
    """Neither broadcast nor rounded into the parameters: these, the state and the count
    of steps are as they were, at a later step too.
    """
    net, optimizer = network(dtype=dtype), Counting(lambda u: u)
    train(net, optimizer=optimizer)
    before = [array.tobytes() for array in (net.parameters, optimizer.state["sum"])]
    object.__setattr__(optimizer, "change", change)
    sentence = f"Counting: update has {got.format(dtype=dtype)}, expected (26,) {dtype}"
    gradients = net.loss_and_gradients(X, Y, "mse")[1]
    for call in (lambda: optimizer.step(net, gradients), lambda: train(net, optimizer=optimizer)):
        with refuses(sentence):
            call()
        assert [array.tobytes() for array in (net.parameters, optimizer.state["sum"])] == before
        assert optimizer.state["steps"] == 2


class Failing(refnet.SGD):
    """A rule that gives up after it has written into its state."""

    def _update_into(self, d):
        super()._update_into(d)
        raise ValueError("enough")


def test_a_rule_that_gives_up_leaves_no_trace():
    """The velocity of a first step is gone again; that of a later one, and the arrays
    that somebody holds, have their old numbers.
    """
    net, optimizer = network(), Failing(momentum=0.9)
    gradients = net.loss_and_gradients(X, Y, "mse")[1]
    for state in ({"steps": 0}, {"steps": 3, "momentum_buffer": np.arange(26.0)}):
        optimizer.state = state
        held = optimizer.state.get("momentum_buffer")
        with refuses("enough"):
            optimizer.step(net, gradients)
        assert optimizer.state.keys() == state.keys()
        assert optimizer.state["steps"] == state["steps"]
        assert optimizer.state.get("momentum_buffer") is held
    assert held.tolist() == list(range(26))
    assert net.parameters.tobytes() == network().parameters.tobytes()


@pytest.mark.parametrize(
    ("change", "got"),
    [(lambda a: a[:, :1], "(6, 1) float32"), (lambda a: a * np.float64(2.0), "(6, 2) float64")],
    ids=["column", "float64"],
)
def test_an_activation_of_ones_own_is_refused_in_the_teaching_form_too(change, got):
    """Its value by predict, its pullback by backward."""

    class Mine(refnet.Tanh):
        pass

    net = refnet.mlp([3, 2], output=Mine(), dtype="float32")
    Mine.value = lambda self, z: change(np.tanh(z))
    with refuses(f"Mine: value has {got}, expected (6, 2) float32"):
        net.predict(X)
    del Mine.value
    Mine.pullback = lambda self, grad_a, z, a: change(grad_a)
    with refuses(f"Mine: pullback has {got}, expected (6, 2) float32"):
        net.loss_and_gradients(X, Y, "mse")
    below = refnet.mlp([3, 4, 2], output=Mine(), dtype="float32")
    with pytest.raises(ValueError, match=r"Mine: pullback|not aligned"):
        below.loss_and_gradients(X, Y, "mse")


# methods that were replaced


def halved(method):
    return lambda self, *given: method(self, *given) / 2


def by_hand(net, loss, y, optimizer):
    for _ in range(2):
        optimizer.step(net, net.loss_and_gradients(X, y, loss)[1])
    return net.parameters.tobytes()


def is_followed(output="identity", hidden="tanh", loss="mse", y=Y, make=refnet.SGD, watch=None):
    """Whether fit does what the teaching form does now; its bits."""
    net, other = network(output, hidden), network(output, hidden)
    train(net, loss, make(), y, on_step=watch)
    return net.parameters.tobytes() == by_hand(other, loss, y, make()), net.parameters.tobytes()


PATCHED = [
    (kind, name)
    for kind in ACTIVATIONS.values()
    for name in ("value", "pullback", "derivative")
    if kind.trainable
    and hasattr(kind, name)
    # nobody asks the identity for its derivative
    and (kind, name) != (refnet.Identity, "derivative")
]


@pytest.mark.parametrize("place", ["hidden", "output"])
@pytest.mark.parametrize(("kind", "name"), PATCHED)
def test_a_patched_activation_acts_in_fit_as_in_predict(monkeypatch, kind, name, place):
    """`Sigmoid.value = my_value`, or the method of the base, with and without an
    onlooker; what was there before comes back.
    """
    where = {place: kind.name}
    plain = is_followed(**where)
    with monkeypatch.context() as patch:
        patch.setattr(kind, name, halved(getattr(kind, name)))
        assert not as_written(kind())
        patched = is_followed(**where)
        assert patched == is_followed(**where, watch=lambda _: None)
    assert (plain[0], patched[0]) == (True, True)
    assert plain[1] != patched[1]
    assert is_followed(**where) == plain


@pytest.mark.parametrize("name", ["value", "derivative"])
def test_a_method_replaced_after_an_epoch_acts_from_the_next_on(monkeypatch, name):
    """`on_epoch` may replace one while fit runs."""
    net, other = network(), network()
    optimizer, own = refnet.SGD(lr=0.1), halved(getattr(refnet.Tanh, name))
    optimizer.step(other, other.loss_and_gradients(X, Y, "mse")[1])
    train(
        net,
        optimizer=refnet.SGD(lr=0.1),
        on_epoch=lambda _: monkeypatch.setattr(refnet.Tanh, name, own),
    )
    optimizer.step(other, other.loss_and_gradients(X, Y, "mse")[1])
    assert net.parameters.tobytes() == other.parameters.tobytes()


def test_a_patched_identity_has_an_array_of_its_own(monkeypatch):
    """In place a is z for the identity, but not for what somebody made of it."""
    monkeypatch.setattr(refnet.Identity, "value", lambda self, z: z / 2)
    net, seen = network(), []
    expected = network().forward(X)[-1]
    train(
        net, on_step=lambda step: seen.append((step.trace[-1].z.copy(), step.trace.output.copy()))
    )
    assert [array.tobytes() for array in seen[0]] == [expected.z.tobytes(), expected.a.tobytes()]


def test_a_patched_base_acts_on_every_class_below_it(monkeypatch):
    """Elementwise.pullback is sigmoid's, too."""
    plain = is_followed(hidden="sigmoid")
    monkeypatch.setattr(refnet.Elementwise, "pullback", halved(refnet.Elementwise.pullback))
    patched = is_followed(hidden="sigmoid")
    assert patched[0]
    assert patched[1] != plain[1]


def test_a_patched_object_acts_alone():
    """A method set on one activation, frozen as it is, counts in its layer, and not in
    that of another.
    """
    f = refnet.Sigmoid()
    object.__setattr__(f, "value", lambda z: np.full_like(z, 0.25))
    assert is_followed(hidden=f)[0]
    assert is_followed(hidden=f)[1] != is_followed(hidden="sigmoid")[1]
    assert (as_written(f), as_written(refnet.Sigmoid())) == (False, True)


ON_CLASSES = ("cross_entropy", "softmax_cross_entropy")


@pytest.mark.parametrize("method", ["value", "gradient"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_patched_loss_acts_in_fit(monkeypatch, name, method):
    """`MSE.gradient = my_gradient` changes the steps, `MSE.value` the history."""
    kind, y = LOSSES[name], Y.argmax(axis=1) if name in ON_CLASSES else Y
    output = kind.outputs[0].name if kind.outputs else "tanh"
    value = train(network(output), name, y=y).loss[0]
    plain = is_followed(output, loss=name, y=y)
    monkeypatch.setattr(kind, method, halved(getattr(kind, method)))
    patched = is_followed(output, loss=name, y=y)
    assert (plain[0], patched[0]) == (True, True)
    if method == "value":
        assert train(network(output), name, y=y).loss[0] == value / 2
    else:
        assert plain[1] != patched[1]


@pytest.mark.parametrize(
    ("kind", "loss"),
    [(refnet.Softmax, "softmax_cross_entropy"), (refnet.Sigmoid, "sigmoid_cross_entropy")],
)
def test_a_loss_on_logits_follows_the_activation_that_it_calls(monkeypatch, kind, loss):
    """Its gradient is softmax(z) - y, by whatever softmax there is now."""
    y = Y.argmax(axis=1) if loss in ON_CLASSES else Y
    plain = is_followed(loss=loss, y=y)
    monkeypatch.setattr(kind, "value", halved(kind.value))
    patched = is_followed(loss=loss, y=y)
    assert patched[0]
    assert patched[1] != plain[1]


@pytest.mark.parametrize("base", [True, False], ids=["Optimizer", "SGD"])
def test_a_patched_step_is_taken(monkeypatch, base):
    """`Optimizer.step = my_step` counts in fit, as SGD.step does."""
    taken, step = [], refnet.Optimizer.step

    def counted(self, net, gradients):
        taken.append(len(gradients))
        step(self, net, gradients)

    monkeypatch.setattr(refnet.Optimizer if base else refnet.SGD, "step", counted, raising=False)
    train(network())
    assert taken == [2, 2]


@pytest.mark.parametrize("kind", [kind for kind in OPTIMIZERS.values() if kind is not refnet.AdamW])
def test_a_patched_rule_is_followed(monkeypatch, kind):
    """`Adam._update = my_update`, or SGD's _update_into."""
    plain = is_followed(make=kind)
    if "_update" in vars(kind):
        monkeypatch.setattr(kind, "_update", lambda self, d, state: d * 0.5)
    else:
        monkeypatch.setattr(kind, "_update_into", lambda self, d: np.multiply(d, 0.5, out=d))
    patched = is_followed(make=kind)
    assert patched[0]
    assert patched[1] != plain[1]


def test_what_nobody_touched_runs_in_place():
    """Every class of refnet is as written when it is imported."""
    own = type("Own", (refnet.Activation,), {"value": None, "pullback": None})()
    for kind in ACTIVATIONS.values():
        f = kind()
        assert as_written(f)
        assert not f.trainable or value_into(f) is not value_into(own)
        assert not f.trainable or pullback_into(f) is not pullback_into(own)
    for kind in LOSSES.values():
        assert as_written(kind())
        mine = type("Mine", (kind,), {})()
        softmax = refnet.Softmax()
        assert loss_into(kind(), softmax) is not loss_into(mine, softmax)
