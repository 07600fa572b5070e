"""What runs in place: refusals in the teaching form's words, classes of one's own
through their own methods, the rules' steps in bits.
"""

import math
import pickle
import re
from functools import partial

import numpy as np
import pytest

import refnet
from refnet.activations import ACTIVATIONS, Activation, Elementwise
from refnet.blockwise import CACHED
from refnet.fast.inplace import _PULLBACKS, _VALUES, loss_into, pullback_into, value_into
from refnet.fast.workspace import Workspace
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

ON_CLASSES = ("cross_entropy", "softmax_cross_entropy")
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def written(array):
    """Its bytes, with every NaN written alike: of two that meet IEEE 754 leaves open
    which one comes out.
    """
    return np.where(np.isnan(array), np.array(np.nan, array.dtype), array).tobytes()


def passed(compute, trace, x, *given):
    """What it computes in bits, or its refusal: class and sentence."""
    with np.errstate(all="ignore"):
        try:
            value, gradients = compute(x, *given)
        except ValueError as error:
            return type(error), str(error)
        return written(np.array(value)), [
            written(array) for part in (*trace(x), *gradients) for array in part
        ]


def same(net, loss, batches):
    """What the teaching form gives for each batch, after one workspace has given the
    same bits for all of them.
    """
    ready = [(np.asarray(x, net.dtype), net.check_targets(loss, y, len(x))) for x, y in batches]
    workspace = Workspace(net, loss, max(len(x) for x, _ in ready))
    expected = [passed(net.loss_and_gradients, net.forward, x, y, loss) for x, y in ready]
    assert [
        passed(workspace.loss_and_gradients, workspace.trace, x, y) for x, y in ready
    ] == expected
    return expected


def sample(rows=6, seed=8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 4)), rng.uniform(size=(rows, 3))


# refusals


def saturated(output, dtype, z=1e4):
    """One layer whose two outputs have the weighted inputs z x and -z x."""
    return refnet.Network([refnet.Dense(np.array([[z], [-z]], dtype), np.zeros(2, dtype), output)])


UNBOUNDED = [
    ("softmax", "cross_entropy", [0, 1, 1]),
    ("softmax", "cross_entropy", [[1, 0], [0.5, 0.5], [0, 1]]),
    ("sigmoid", "cross_entropy", [0, 1, 1]),
    ("sigmoid", "cross_entropy", [[1, 0], [0.5, 0.5], [0, 1]]),
    ("sigmoid", "binary_cross_entropy", [[1, 0], [0.5, 0], [1, 1]]),
    ("sigmoid", "binary_cross_entropy", [[1, 0], [1, 0.5], [1, 1]]),
]


@dtypes
@pytest.mark.parametrize(("output", "loss", "y"), UNBOUNDED)
def test_an_unbounded_gradient_is_refused_in_the_same_words(output, loss, y, dtype):
    """A probability of 0 given to the target raises with row and class, as in
    losses.py; the next step has its bits again.
    """
    refusal, after = same(
        saturated(output, dtype), LOSSES[loss](), [(np.ones((3, 1)), y), (np.full((3, 1), 1e-4), y)]
    )
    assert refusal[0] is ValueError
    assert " at row 1, class " in refusal[1]
    assert isinstance(after[0], bytes)


@dtypes
@pytest.mark.parametrize("row", [0, 6000])
def test_the_refusal_finds_its_row_in_any_block(row, dtype):
    """One probability of 0 among many rows, in the first block or the last, is refused
    with its row.
    """
    x, y = np.zeros((6001, 1)), np.ones((6001, 2))
    x[row] = 1.0
    (refusal,) = same(saturated("sigmoid", dtype), refnet.BinaryCrossEntropy(), [(x, y)])
    assert f" at row {row}, class 1," in refusal[1]


@dtypes
@pytest.mark.parametrize(
    ("output", "loss"),
    [(kind.__name__, name) for name, loss in LOSSES.items() for kind in loss.outputs],
)
def test_infinite_z_goes_the_same_way(output, loss, dtype):
    """Where x W^T overflows, rows are infinite, zero or NaN: the same bits, or the same
    refusal.
    """
    net = saturated(output.lower(), dtype, float(np.finfo(dtype).max))
    for y in (
        ([[1, 0], [0.5, 0.5], [0, 1]], [0, 1, 1])
        if loss in ON_CLASSES
        else ([[1, 0], [0.5, 0.5], [0, 1]],)
    ):
        assert len(same(net, LOSSES[loss](), [([[4.0], [0.0], [-4.0]], y)])) == 1


# the other one needs 1 / (1 - 1)
@pytest.mark.parametrize(("output", "loss", "y"), [*UNBOUNDED[:4], UNBOUNDED[5]])
def test_a_logarithm_below_the_floor_counts_as_the_floor(output, loss, y):
    """Where the target has a probability of exp(-600) or less, with a finite
    reciprocal, the value has the bits of losses.py.
    """
    ((value, _),) = same(
        saturated(output, "float64", 600.0 if output == "sigmoid" else 300.0),
        LOSSES[loss](),
        [(np.ones((3, 1)), y)],
    )
    assert 0.0 < np.frombuffer(value).item() < 600.0


@pytest.mark.parametrize(
    "f", [kind() for kind in ACTIVATIONS.values() if kind.trainable], ids=lambda f: f.name
)
def test_nan_in_z_comes_through_as_in_activations(f):
    """Of NaN, infinities and zeros of both signs in z, a and what comes back have the
    bits of `value` and `pullback`.
    """
    z = np.array(
        [[np.nan, 1.0, -1.0], [np.inf, -np.inf, 0.0], [-0.0, 0.0, 5e-324], [1e3, -1e3, -0.0]]
    )
    grad_a = np.array(
        [[1.0, -1.0, 0.0], [np.inf, 1.0, -1.0], [-0.0, 2.0, -1.0], [np.nan, 1.0, 1.0]]
    )
    net = refnet.mlp([1, 3], output=f)
    room = Workspace(net, refnet.MSE(), 4)._batch(4).layers[0].room
    with np.errstate(all="ignore"):
        expected = f.value(z), f.pullback(grad_a.copy(), z, f.value(z))
        a, delta = z if isinstance(f, refnet.Identity) else np.full_like(z, 7.0), grad_a.copy()
        value_into(f)(f, z, a, room)
        pullback_into(f)(f, delta, z, a, room)
    assert [written(array) for array in (a, delta)] == [written(array) for array in expected]


# classes of one's own


def derived(kind):
    """The class with other numbers: 3/4 of the value, and of what comes back."""

    class Own(kind):
        def value(self, z):
            return super().value(z) * z.dtype.type(0.75)

        def pullback(self, grad_a, z, a):
            return super().pullback(grad_a, z, a) * z.dtype.type(0.75)

    return Own()


class Bent(refnet.Tanh):
    """Tanh with another derivative alone."""

    def derivative(self, z, a):
        return a * a + 1.0


class Cube(Elementwise):
    """f(z) = z^3."""

    name = "cube"

    def value(self, z):
        return z * z * z

    def derivative(self, z, a):
        return 3.0 * z * z


class Centred(Activation):
    """f(z) = z - mean z, row by row, whose Jacobian is its own transpose."""

    name = "centred"

    def value(self, z):
        return z - z.mean(axis=1, keepdims=True)

    def pullback(self, grad_a, z, a):
        return self.value(grad_a)


class Itself(Elementwise):
    """f(z) = z, returned as it is, with the derivative of something else."""

    name = "itself"

    def value(self, z):
        return z

    def derivative(self, z, a):
        return a + 2.0


OWN = {
    f: type(f).__base__()
    for f in [*(derived(kind) for kind in ACTIVATIONS.values() if kind.trainable), Bent()]
}
OWN |= {Cube(): refnet.Identity(), Centred(): refnet.Identity(), Itself(): refnet.Identity()}


@dtypes
@pytest.mark.parametrize("place", ["hidden", "output"])
@pytest.mark.parametrize(
    ("own", "ours"), OWN.items(), ids=[f"{type(f).__name__} {f.name}" for f in OWN]
)
def test_an_activation_of_ones_own_goes_through_its_methods(own, ours, place, dtype):
    """A class derived from ours, or written anew, gives its own numbers below the
    output and as the output, not those of ours.
    """
    bits = []
    for f in (own, ours):
        settings = (
            {"hidden": f, "output": "identity"}
            if place == "hidden"
            else {"hidden": "tanh", "output": f}
        )
        net = refnet.mlp([4, 5, 3], **settings, init=refnet.Normal(std=0.6), dtype=dtype)
        bits.append(same(net, refnet.MSE(), [sample(), sample(2), sample()]))
    assert bits[0] != bits[1]


@pytest.mark.parametrize("change", ["value", "gradient"])
@pytest.mark.parametrize(
    ("name", "labels"),
    [*((name, False) for name in LOSSES), *((name, True) for name in ON_CLASSES)],
)
def test_a_loss_of_ones_own_goes_through_its_methods(name, labels, change):
    """A loss derived from ours with another value, or another gradient alone, gives its
    own numbers in both forms.
    """

    class Own(LOSSES[name]):
        def value(self, a, y):
            return super().value(a, y) + (change == "value")

        def gradient(self, a, y):
            return super().gradient(a, y) * (2.0 if change == "gradient" else 1.0)

    output = {"probabilities": "sigmoid"}.get(Own.reads, "identity")
    net, (x, y), bits = refnet.mlp([4, 5, 3], hidden="tanh", output=output), sample(), []
    y = y.argmax(axis=1) if labels else y / y.sum(axis=1, keepdims=True)
    for loss in (Own(), LOSSES[name]()):
        bits += same(net, loss, [(x, y)])
    assert bits[0] != bits[1]


class Twice(refnet.Softmax):
    """No probabilities: each row sums to two."""

    def value(self, z):
        return 2.0 * super().value(z)


@pytest.mark.parametrize("y", [[0], [[1.0, 0.0]]])
def test_probabilities_of_ones_own_output_are_checked(y):
    """An output derived from softmax whose values leave [0, 1] is refused in the words
    of the teaching form.
    """
    net = refnet.Network([refnet.Dense([[4.0], [-4.0]], [0.0, 0.0], Twice())])
    (refusal,) = same(net, refnet.CrossEntropy(), [([[1.0]], y)])
    assert refusal == (
        ValueError,
        "CrossEntropy: prediction has 1.99933 at row 0, column 0, expected values in [0, 1]",
    )


@pytest.mark.parametrize("table", ["_VALUES", "_PULLBACKS"])
def test_every_activation_is_computed_in_place(table):
    """Without an entry a step would still have the right bits, but would take memory
    for whole arrays.
    """
    entries = {"_VALUES": _VALUES, "_PULLBACKS": _PULLBACKS}[table]
    lacking = [
        kind.__name__ for kind in ACTIVATIONS.values() if kind.trainable and kind not in entries
    ]
    assert not lacking, f"refnet/fast/inplace.py: {table} has no entry for {', '.join(lacking)}"


def test_only_exact_classes_are_computed_in_place():
    """What stands in place of ours is looked up by the exact class; a derived one is
    asked itself.
    """
    for kind in ACTIVATIONS.values():
        own = type("Own", (kind,), {})()
        assert (value_into(own), pullback_into(own)) == (value_into(Cube()), pullback_into(Cube()))
    for kind in LOSSES.values():
        assert loss_into(type("Own", (kind,), {})(), refnet.Softmax()) is loss_into(
            LOSSES["cross_entropy"](), Twice()
        )
        says = f"refnet/fast/inplace.py: _LOSSES has no entry for {kind.__name__}"
        assert loss_into(kind(), refnet.Softmax()) is not loss_into(
            LOSSES["cross_entropy"](), Twice()
        ), says


# optimizers: each rule as the textbook's assignment on whole vectors, (theta before u
# is taken off, u)


def sgd(theta, g, t, s, lr, momentum, dampening, nesterov, weight_decay):
    d = g + weight_decay * theta if weight_decay else g
    if momentum:
        v = s["momentum_buffer"] = (
            d if t == 1 else momentum * s["momentum_buffer"] + (1 - dampening) * d
        )
        d = d + momentum * v if nesterov else v
    return theta, lr * d


def adagrad(theta, g, t, s, lr, lr_decay, initial_accumulator_value, eps, weight_decay):
    d = g + weight_decay * theta if weight_decay else g
    v = s["sum"] = s.get("sum", g.dtype.type(initial_accumulator_value)) + d * d
    return theta, lr / (1 + (t - 1) * lr_decay) * d / (np.sqrt(v) + eps)


def rmsprop(theta, g, t, s, lr, alpha, eps, momentum, centered, weight_decay):
    d = g + weight_decay * theta if weight_decay else g
    v = s["square_avg"] = alpha * s.get("square_avg", 0 * d) + (1 - alpha) * (d * d)
    if centered:
        mean = s["grad_avg"] = alpha * s.get("grad_avg", 0 * d) + (1 - alpha) * d
        v = np.maximum(v - mean * mean, 0)
    q = d / (np.sqrt(v) + eps)
    if momentum:
        q = s["momentum_buffer"] = momentum * s.get("momentum_buffer", 0 * d) + q
    return theta, lr * q


def adam(theta, g, t, s, lr, betas, eps, amsgrad, weight_decay):
    return theta, adam_step(
        g + weight_decay * theta if weight_decay else g, t, s, lr, betas, eps, amsgrad
    )


def adamw(theta, g, t, s, lr, betas, eps, amsgrad, weight_decay):
    return (1 - lr * weight_decay) * theta if weight_decay else theta, adam_step(
        g, t, s, lr, betas, eps, amsgrad
    )


def adam_step(d, t, s, lr, betas, eps, amsgrad):
    m = s["exp_avg"] = betas[0] * s.get("exp_avg", 0 * d) + (1 - betas[0]) * d
    v = s["exp_avg_sq"] = betas[1] * s.get("exp_avg_sq", 0 * d) + (1 - betas[1]) * (d * d)
    if amsgrad:
        v = s["max_exp_avg_sq"] = np.maximum(s.get("max_exp_avg_sq", 0 * d), v)
    return lr / (1 - betas[0] ** t) * m / (np.sqrt(v) / math.sqrt(1 - betas[1] ** t) + eps)


RULES = {
    refnet.SGD: sgd,
    refnet.Adagrad: adagrad,
    refnet.RMSprop: rmsprop,
    refnet.Adam: adam,
    refnet.AdamW: adamw,
}
SETTINGS = [
    (refnet.SGD, {}),
    (refnet.SGD, {"weight_decay": 0.3}),
    (refnet.SGD, {"momentum": 0.9}),
    (refnet.SGD, {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.3}),
    (refnet.SGD, {"momentum": 0.9, "nesterov": True}),
    (refnet.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.3}),
    (refnet.Adagrad, {}),
    (
        refnet.Adagrad,
        {"lr_decay": 0.2, "weight_decay": 0.3, "initial_accumulator_value": 0.1, "eps": 0.01},
    ),
    (refnet.RMSprop, {}),
    (refnet.RMSprop, {"momentum": 0.7}),
    (refnet.RMSprop, {"centered": True}),
    (
        refnet.RMSprop,
        {"alpha": 0.8, "eps": 0.01, "weight_decay": 0.3, "momentum": 0.7, "centered": True},
    ),
    (refnet.Adam, {}),
    (refnet.Adam, {"amsgrad": True}),
    (refnet.Adam, {"betas": (0.8, 0.5), "eps": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    (refnet.AdamW, {}),
    (refnet.AdamW, {"weight_decay": 0.0}),
    (refnet.AdamW, {"betas": (0.8, 0.5), "eps": 0.01, "weight_decay": 0.3, "amsgrad": True}),
]
every_rule = pytest.mark.parametrize(
    ("kind", "settings"),
    SETTINGS,
    ids=[f"{kind.__name__} {settings}" for kind, settings in SETTINGS],
)


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_every_optimizer_is_tried(kind):
    """Its assignment on whole vectors is written here."""
    says = f"has no entry for {kind.__name__}"
    assert kind in RULES, f"tests/test_inplace.py: RULES {says}"
    assert kind in [tried for tried, _ in SETTINGS], f"tests/test_inplace.py: SETTINGS {says}"


def vector_network(size, dtype):
    """A network of `size` parameters: one unit."""
    return refnet.mlp([size - 1, 1], output="identity", init=refnet.Normal(std=0.6), dtype=dtype)


def lengths(dtype):
    """Vectors shorter than a block, of exactly one, one entry longer, and of several
    with a short last one.
    """
    whole = CACHED // np.dtype(dtype).itemsize
    return 5, whole, whole + 1, 3 * whole + 77


@dtypes
@every_rule
@np.errstate(all="ignore")  # as fit calls it
def test_a_step_is_the_assignment_on_whole_vectors(kind, settings, dtype):
    """u, state and theta have the bits of the textbook's assignment, whatever the
    length; step does the same and leaves the gradient.
    """
    for size in lengths(dtype):
        rng, net, state = np.random.default_rng(size), vector_network(size, dtype), {}
        optimizer, another, twin = kind(**settings), kind(**settings), net.copy()
        for t, lr in enumerate((0.1, 0.1, 0.03), start=1):
            optimizer.lr = another.lr = lr
            g = (10.0 ** -(t % 2) * rng.standard_normal(size)).astype(dtype)
            shrunk, u = RULES[kind](
                net.parameters.copy(), g.copy(), t, state, **optimizer.hyperparameters
            )
            given, before = type("Given", (), {"vector": g})(), g.tobytes()
            another.step(twin, given)
            assert g.tobytes() == before
            optimizer.step_into(net, g)
            assert g.tobytes() == u.tobytes()
            assert net.parameters.tobytes() == (shrunk - g).tobytes() == twin.parameters.tobytes()
            kept = [
                {name: vector.tobytes() for name, vector in o.state.items() if name != "steps"}
                for o in (optimizer, another)
            ]
            assert kept[0] == kept[1] == {name: vector.tobytes() for name, vector in state.items()}
            assert u.dtype == net.dtype


def refuses(sentence):
    return pytest.raises(
        FloatingPointError,
        match=f"^{re.escape(sentence)}, expected finite values; no parameter was changed$",
    )


@dtypes
@every_rule
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@np.errstate(all="ignore")  # as fit calls it
def test_a_bad_gradient_changes_nothing(kind, settings, value, dtype):
    """An entry that is not finite, the last of the last block, is refused by its place;
    theta and state keep their bits.
    """
    for size in lengths(dtype):
        rng, net, optimizer = (
            np.random.default_rng(1),
            vector_network(size, dtype),
            kind(**settings),
        )
        optimizer.step_into(net, rng.standard_normal(size).astype(dtype))
        before = (
            net.parameters.tobytes(),
            {name: np.asarray(v).tobytes() for name, v in optimizer.state.items()},
        )
        for index, where in (
            (size - 1, "b has {} at [0]"),
            (size - 2, f"W has {{}} at [0, {size - 2}]"),
        ):
            g = rng.standard_normal(size).astype(dtype)
            g[index] = value
            with refuses(f"layer 1: gradient of {where.format(value)}"):
                optimizer.step_into(net, g)
            assert (
                net.parameters.tobytes(),
                {name: np.asarray(v).tobytes() for name, v in optimizer.state.items()},
            ) == before


OVERFLOWS = {
    "lr g": (partial(refnet.SGD, lr=1e30), 1.0, 1e10, "-inf"),
    "0 / 0": (partial(refnet.Adagrad, eps=0.0), 1.0, 0.0, "nan"),
    "theta - u": (partial(refnet.SGD, lr=1.0), 3e38, -3e38, "inf"),
    "decay": (partial(refnet.AdamW, lr=1.0, weight_decay=4.0), 3e38, 1.0, "-inf"),
}


@pytest.mark.parametrize(("make", "theta", "g", "value"), OVERFLOWS.values(), ids=OVERFLOWS)
def test_a_step_out_of_range_leaves_theta(make, theta, g, value):
    """A new value that is not finite, the last entry of the last block, is refused by
    its place, and theta keeps its bits.
    """
    for size in lengths("float32"):
        net, vector = vector_network(size, "float32"), np.ones(size, "float32")
        net.parameters[-1], vector[-1] = theta, g
        before = net.parameters.tobytes()
        with refuses(f"layer 1: new value of b has {value} at [0]"), np.errstate(all="ignore"):
            make().step_into(net, vector)
        assert net.parameters.tobytes() == before


def exploding(self, d):
    """u = 3e38 where d is 1."""
    np.multiply(d, 3e38, out=d)


class Exploding(refnet.SGD):
    _update_into = exploding


class Scheduled(refnet.SGD):
    """A rule whose rate is computed."""

    lr = property(lambda self: -3e38, lambda self, lr: None)


@pytest.mark.parametrize("by", ["subclass", "class", "object", "rate"])
def test_no_bound_is_taken_for_granted_of_ones_own_rule(by, monkeypatch):
    """lr d is at most d where lr is 1 or less, but only by refnet's own SGD: what a
    derived class, or a replaced method of the class or the object gives is looked at.
    """
    kinds = {"subclass": Exploding, "rate": Scheduled}
    optimizer = kinds.get(by, refnet.SGD)(lr=0.5)
    if by == "class":
        monkeypatch.setattr(refnet.SGD, "_update_into", exploding)
    if by == "object":
        optimizer._update_into = partial(exploding, optimizer)
    net = vector_network(5, "float32")
    net.parameters[...] = 3e38 if by == "rate" else -3e38
    before, value = net.parameters.tobytes(), "inf" if by == "rate" else "-inf"
    with refuses(f"layer 1: new value of W has {value} at [0, 0]"), np.errstate(all="ignore"):
        optimizer.step_into(net, np.ones(5, "float32"))
    assert net.parameters.tobytes() == before


class Decoupled(refnet.SGD):
    """SGD with the decay of AdamW, made as AdamW is made of Adam."""

    _decoupled = True


def test_a_derived_sgd_keeps_its_decoupled_decay():
    """theta := (1 - lr weight_decay) theta where the gradient is 0."""
    net = vector_network(5, "float64")
    before, optimizer = net.parameters.copy(), Decoupled(lr=0.5, weight_decay=0.1)
    optimizer.step_into(net, np.zeros(5))
    assert net.parameters.tobytes() == (0.95 * before).tobytes()


@every_rule
def test_the_room_of_a_rule_is_made_once_and_goes_nowhere(kind, settings):
    """Steps after the second use the same room; a copy or a pickle has none, and goes
    on with the same bits.
    """
    net = vector_network(lengths("float32")[-1], "float32")
    g, optimizer, rooms = np.ones(net.parameters.size, "float32"), kind(**settings), []
    for _ in range(3):
        optimizer.step_into(net, g.copy())
        rooms.append(optimizer._spare._array)
    assert rooms[1] is rooms[2]
    assert rooms[2].nbytes <= CACHED
    twin, other = pickle.loads(pickle.dumps((net, optimizer)))  # noqa: S301 - our own
    assert len(pickle.dumps(optimizer)) < (1 + len(optimizer._kept)) * net.parameters.nbytes + 2**12
    other.step_into(twin, g.copy())
    optimizer.step_into(net, g.copy())
    assert net.parameters.tobytes() == twin.parameters.tobytes()


@dtypes
@np.errstate(all="ignore")  # as fit calls it
def test_an_lr_of_0_and_a_first_momentum_are_exact(dtype):
    """The first v is the gradient in an array of its own, though the gradient's is left
    as u; at lr 0 nothing moves.
    """
    net, optimizer = vector_network(lengths(dtype)[-1], dtype), refnet.SGD(lr=0.0, momentum=0.9)
    g, before = (
        np.random.default_rng(2).standard_normal(net.parameters.size).astype(dtype),
        net.parameters.tobytes(),
    )
    given = g.tobytes()
    optimizer.step_into(net, g)
    assert optimizer.state["momentum_buffer"].tobytes() == given
    assert net.parameters.tobytes() == before
    assert not np.shares_memory(g, optimizer.state["momentum_buffer"])


class Wide(refnet.Elementwise):
    """z^2, given in an array of another shape or dtype."""

    name = "wide"

    def __init__(self, shape=lambda a: a):
        self.shape = shape

    def value(self, z):
        return self.shape(z * z)

    def derivative(self, z, a):
        return 2.0 * z


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        (lambda a: a[:, :1], "(4, 1) float32"),
        (lambda a: a[:1], "(1, 3) float32"),
        (lambda a: a.astype("float64"), "(4, 3) float64"),
    ],
    ids=["column", "row", "float64"],
)
def test_what_does_not_fit_is_refused_by_name(shape, got):
    """An array of one's own activation, pullback or loss is neither broadcast nor
    rounded into the buffer; what loses nothing is taken.
    """
    z = np.ones((4, 3), "float32")
    f = Wide(shape)
    with pytest.raises(
        ValueError, match=re.escape(f"Wide: value has {got}, expected (4, 3) float32")
    ):
        value_into(f)(f, z, z.copy(), None)
    f.pullback = lambda grad_a, z, a: shape(grad_a)
    with pytest.raises(
        ValueError, match=re.escape(f"Wide: pullback has {got}, expected (4, 3) float32")
    ):
        pullback_into(f)(f, z.copy(), z, z, None)
    loss = type("Mine", (refnet.MSE,), {"gradient": lambda self, a, y: shape(a)})()
    with pytest.raises(
        ValueError, match=re.escape(f"Mine: gradient has {got}, expected (4, 3) float32")
    ):
        loss_into(loss, refnet.Identity())(loss, z, z, z.copy(), None)
    a = np.empty((4, 3))
    narrow = Wide(lambda a: a.astype("float32"))
    value_into(narrow)(narrow, np.full((4, 3), 0.1), a, None)
    assert (a == np.float32(0.1 * 0.1)).all()


def test_a_loss_changed_by_hand_is_the_changed_one():
    """A method that is set on the object itself counts in the fast form too."""
    a, y, delta, loss = np.ones((4, 3)), np.zeros((4, 3)), np.empty((4, 3)), refnet.MSE()
    loss.gradient = lambda a, y: 7.0 * (a - y)
    assert loss_into(loss, refnet.Identity())(loss, a, y, delta, None) == 1.0
    assert (delta == 7.0).all()
