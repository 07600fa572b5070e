"""Backpropagation against loops written index by index: exactly where nothing rounds,
else equation by equation within its rounding.

Nothing rounds where a_prev and a are quarters in [-1, 1], W is in halves, and dC/da is
in quarters: with at most four layers of at most seven units no sum or product needs
more than 53 bits, in whatever order it is formed.
"""

import inspect
import io
import tokenize
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refnet
from refnet import (
    Dense,
    Identity,
    LayerTrace,
    LeakyReLU,
    Loss,
    Network,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES

EPS = np.finfo("float64").eps
TRAINABLE = (Identity(), Sigmoid(), Tanh(), ReLU(), LeakyReLU(slope=0.25), Softmax())
PAIRS = [
    (name, output.name)
    for name, loss in LOSSES.items()
    for output in TRAINABLE
    if not loss.outputs or isinstance(output, loss.outputs)
]  # every loss with every output it can stand behind

pairs = pytest.mark.parametrize(("loss", "output"), PAIRS)
widths = st.integers(1, 7)
seeds = st.integers(0, 2**16)


class Given(Loss):
    """A loss whose gradient is its target: any dC/da can be sent back."""

    name, reads, outputs = "given", "values", ()

    def value(self, a, y):
        """No cost."""
        return 0.0

    def gradient(self, a, y):
        """dC/da = y."""
        return y


@st.composite
def exact_networks(draw):
    """A network of one to four layers with parameters in halves, of any trainable
    activations; a trace in quarters; dC/da in quarters.
    """
    sizes = draw(st.lists(widths, min_size=2, max_size=5))
    kinds = draw(
        st.lists(st.sampled_from(TRAINABLE), min_size=len(sizes) - 1, max_size=len(sizes) - 1)
    )
    rng, rows = np.random.default_rng(draw(seeds)), draw(st.integers(1, 6))
    net = refnet.mlp(sizes, hidden=kinds[:-1], output=kinds[-1])
    net.parameters[:] = rng.integers(-3, 4, net.parameters.size) / 2
    return (
        net,
        exact_trace(net, rng.integers(-4, 5, (rows, sizes[0])) / 4),
        rng.integers(-8, 9, (rows, sizes[-1])) / 4,
    )


def exact_trace(net, x):
    """What forward does, with each activation rounded to a quarter in [-1, 1] before
    the next layer reads it.
    """
    trace = []
    for layer in net.layers:
        step = Network([layer]).forward(x)[0]
        trace.append(LayerTrace(step.a_prev, step.z, np.clip(np.round(4 * step.a) / 4, -1, 1)))
        x = trace[-1].a
    return trace


# the loops: rows and matrices are lists, numbers are floats or fractions


def derivative(f, z, a):
    """f'(z), from the formula in the textbook."""
    return {
        "identity": lambda: 1,
        "sigmoid": lambda: a * (1 - a),
        "tanh": lambda: 1 - a * a,
        "relu": lambda: 1 if z > 0 else 0,
        "leaky_relu": lambda: 1 if z > 0 else Fraction(1, 4),
    }[f.name]()


def pulled_back(f, grad_a, z, a):
    """dC/dz of one row: the sum over i of dC/da_i da_i/dz_j."""
    units = range(len(a))
    if isinstance(f, Softmax):
        return [
            sum(grad_a[i] * (a[i] * ((1 if i == j else 0) - a[j])) for i in units) for j in units
        ]
    return [grad_a[j] * derivative(f, z[j], a[j]) for j in units]


def sent_down(delta, W):
    """dC/da of the layer below, of one row: the sum over j of delta_j W_jk."""
    return [sum(delta[j] * W[j][k] for j in range(len(delta))) for k in range(len(W[0]))]


def summed(delta, a_prev):
    """dW_jk and db_j: the sums over rows of delta_j a_prev_k and of delta_j."""
    units, inputs = range(len(delta[0])), range(len(a_prev[0]))
    pairs_of_rows = list(zip(delta, a_prev, strict=True))
    return [[sum(d[j] * a[k] for d, a in pairs_of_rows) for k in inputs] for j in units], [
        sum(d[j] for d in delta) for j in units
    ]


def fractions(array):
    """The array's exact numbers, as nested lists."""
    return [fractions(row) for row in array] if array.ndim else Fraction(float(array))


@given(exact_networks())
def test_backward_is_the_loop_form_exactly(case):
    """BP1 to BP4 give the fractions of the loops, to the last bit, for any depth,
    width, batch and activation.
    """
    net, trace, upstream = case
    got = net.backward(trace, Given(), upstream)
    grad_a = fractions(upstream)
    for layer, step, gradient in reversed(list(zip(net.layers, trace, got, strict=True))):
        rows = zip(grad_a, fractions(step.z), fractions(step.a), strict=True)
        delta = [pulled_back(layer.activation, *row) for row in rows]
        dW, db = summed(delta, fractions(step.a_prev))
        assert (fractions(gradient.delta), fractions(gradient.dW), fractions(gradient.db)) == (
            delta,
            dW,
            db,
        )
        grad_a = [sent_down(row, fractions(layer.W)) for row in delta]


@given(exact_networks(), st.data())
def test_permuting_hidden_units_permutes_their_gradients(case, data):
    """Hidden units have no order: permuting rows of W and b, and columns of the W
    above, permutes z, a, delta, dW, db to the last bit.
    """
    net, trace, upstream = case
    hidden = [data.draw(st.permutations(range(size))) for size in net.sizes[1:-1]]
    orders = [range(net.sizes[0]), *hidden, range(net.sizes[-1])]
    twin = net.copy()
    for (below, order), layer in zip(pairwise(orders), twin.layers, strict=True):
        layer.W[:], layer.b[:] = layer.W[np.ix_(order, below)], layer.b[order]
    moved = exact_trace(twin, trace[0].a_prev)
    gradients, permuted = (
        net.backward(trace, Given(), upstream),
        twin.backward(moved, Given(), upstream),
    )
    for (below, order), old, new, g, p in zip(
        pairwise(orders), trace, moved, gradients, permuted, strict=True
    ):
        assert np.array_equal(new.z, old.z[:, order])
        assert np.array_equal(new.a, old.a[:, order])
        assert np.array_equal(p.delta, g.delta[:, order])
        assert np.array_equal(p.dW, g.dW[np.ix_(order, below)])
        assert np.array_equal(p.db, g.db[order])


# with rounding


def targets(loss, rng, rows, columns):
    """Labels for a loss on classes, else numbers between 0 and 1."""
    on_classes = issubclass(LOSSES[loss], refnet.CrossEntropy | refnet.SoftmaxCrossEntropy)
    return rng.integers(0, columns, rows) if on_classes else rng.uniform(size=(rows, columns))


def network(loss, output, dtype="float64"):
    """A 3-5-4-2 network with tanh and softmax below the output, x, and targets that the
    loss takes.
    """
    rng = np.random.default_rng(0)
    top = next(f for f in TRAINABLE if f.name == output)
    x, y = rng.normal(size=(4, 3)).astype(dtype), targets(loss, rng, 4, 2)
    return (
        refnet.mlp([3, 5, 4, 2], hidden=["tanh", "softmax"], output=top, dtype=dtype),
        x,
        y if y.ndim == 1 else y.astype(dtype),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pairs
@np.errstate(all="ignore")  # BLAS may leave flags behind finite products
def test_each_equation_is_its_loop_within_its_rounding(loss, output, dtype):
    """From its own inputs z, BP1, BP2, BP3 and BP4 are each off by at most one eps per
    term, and six for f', times the sum of |terms|.
    """
    net, x, y = network(loss, output, dtype)
    eps = float(np.finfo(dtype).eps)
    trace = net.forward(x)
    gradients = net.backward(trace, loss, y)
    grad_a, terms = LOSSES[loss]().gradient(trace.output, y).astype("float64"), 0
    sizes = np.abs(grad_a)
    for layer, step, gradient in reversed(list(zip(net.layers, trace, gradients, strict=True))):
        W, b, a_prev, z, a, delta = (
            array.astype("float64")
            for array in (layer.W, layer.b, step.a_prev, step.z, step.a, gradient.delta)
        )
        z_loop = [
            [
                sum(w * p for w, p in zip(units, row, strict=True)) + c
                for units, c in zip(W, b, strict=True)
            ]
            for row in a_prev
        ]
        assert (
            np.abs(z - z_loop)
            <= (layer.fan_in + 1) * eps * (np.abs(a_prev) @ np.abs(W).T + np.abs(b))
        ).all()
        if isinstance(layer.activation, Softmax):
            sizes, terms = (
                a * (sizes + (sizes * a).sum(axis=1, keepdims=True)),
                terms + layer.fan_out,
            )
        delta_loop = [
            [float(entry) for entry in pulled_back(layer.activation, *row)]
            for row in zip(grad_a, z, a, strict=True)
        ]
        assert (np.abs(delta - delta_loop) <= (terms + 6) * eps * sizes).all()
        dW_loop, db_loop = summed(delta, a_prev)
        assert (
            np.abs(gradient.dW - dW_loop) <= len(x) * eps * (np.abs(delta).T @ np.abs(a_prev))
        ).all()
        assert (np.abs(gradient.db - db_loop) <= len(x) * eps * np.abs(delta).sum(axis=0)).all()
        grad_a, sizes, terms = (
            np.array([sent_down(row, W) for row in delta]),
            np.abs(delta) @ np.abs(W),
            layer.fan_out,
        )


@pytest.mark.parametrize(
    ("loss", "output"), [("softmax_cross_entropy", "identity"), ("cross_entropy", "softmax")]
)
@given(rows=st.integers(1, 6), columns=widths, seed=seeds)
def test_deltas_of_softmax_and_cross_entropy_sum_to_zero(loss, output, rows, columns, seed):
    """A row of deltas sums to zero: p and y both sum to one, within k roundings of each
    and four of each delta, all over n.
    """
    rng = np.random.default_rng(seed)
    net = refnet.mlp([3, columns], output=output, seed=seed)
    _, gradients = net.loss_and_gradients(
        rng.normal(size=(rows, 3)), rng.integers(0, columns, rows), loss
    )
    assert (np.abs(gradients[0].delta.sum(axis=1)) <= (2 * columns + 2 * 4) * EPS / rows).all()


@settings(max_examples=40)
@given(
    sizes=st.lists(widths, min_size=2, max_size=5),
    rows=st.integers(1, 6),
    seed=seeds,
    data=st.data(),
)
def test_gradients_are_differences_of_the_cost(sizes, rows, seed, data):
    """Whatever the architecture, the activations and the loss, no gradient is further
    from a difference than this one's own error.
    """
    loss, output = data.draw(st.sampled_from(PAIRS))
    hidden = data.draw(
        st.lists(st.sampled_from(TRAINABLE), min_size=len(sizes) - 2, max_size=len(sizes) - 2)
    )
    rng = np.random.default_rng(seed)
    net = refnet.mlp(sizes, hidden=hidden, output=output, seed=seed)
    x, y = rng.normal(size=(rows, sizes[0])), targets(loss, rng, rows, sizes[-1])
    analytic = LOSSES[loss].analytic and all(layer.activation.analytic for layer in net.layers)
    for method in ("central", "complex") if analytic else ("central",):
        check = refnet.gradient_check(net, x, y, loss, method=method)
        assert all(array.passed for array in check.arrays if array.judged), check


# the whole pass


def test_two_two_two_by_hand():
    """One row through 2-2-2, ReLU then identity, half the squared error: small
    integers, worked out as one would on paper.
    """
    net = Network(
        [Dense([[1, -1], [2, 1]], [0, -1], "relu"), Dense([[1, 2], [-1, 3]], [1, 0], "identity")]
    )
    x, y = [[1, 2]], [[5, 10]]
    trace = net.forward(x)
    assert trace[0].z.tolist() == [[1 * 1 - 1 * 2 + 0, 2 * 1 + 1 * 2 - 1]]
    assert trace[0].a.tolist() == [[0, 3]]
    assert trace[1].a.tolist() == [[1 * 0 + 2 * 3 + 1, -1 * 0 + 3 * 3 + 0]]
    value, (first, last) = net.loss_and_gradients(x, y, "half_squared_error")
    assert value == ((7 - 5) ** 2 + (9 - 10) ** 2) / 2
    assert last.delta.tolist() == [[7 - 5, 9 - 10]]
    assert last.dW.tolist() == [[2 * 0, 2 * 3], [-1 * 0, -1 * 3]]
    assert last.db.tolist() == [2, -1]
    assert first.delta.tolist() == [[0 * (1 * 2 - 1 * -1), 1 * (2 * 2 + 3 * -1)]]
    assert first.dW.tolist() == [[0 * 1, 0 * 2], [1 * 1, 1 * 2]]
    assert first.db.tolist() == [0, 1]


def test_a_published_example():
    """Mazur, A Step by Step Backpropagation Example (2015): cost, outputs and, at a
    learning rate of 1/2, new weights as printed there.
    """
    hidden = Dense([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35], "sigmoid")
    net = Network([hidden, Dense([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60], "sigmoid")])
    value, gradients = net.loss_and_gradients([[0.05, 0.10]], [[0.01, 0.99]], "half_squared_error")
    new = [
        w
        for layer, gradient in zip(net.layers, gradients, strict=True)
        for w in (layer.W - 0.5 * gradient.dW).ravel()
    ]
    printed = "0.298371109 0.75136507 0.772928465 0.149780716 0.19956143 0.24975114 0.29950229 "
    printed += "0.35891648 0.408666186 0.511301270 0.561370121"
    for got, digits in zip(
        [value, *net.predict([[0.05, 0.10]])[0], *new], printed.split(), strict=True
    ):
        assert f"{got:.{len(digits) - 2}f}" == digits


@pytest.mark.parametrize("loss", ["mse", "half_squared_error", "mae"])
def test_the_batch_twice_changes_nothing_where_nothing_rounds(loss):
    """The 1/n makes cost, BP3 and BP4 means: doubling a batch of dyadic numbers leaves
    every bit of them.
    """
    rng = np.random.default_rng(1)
    net = refnet.mlp([3, 5, 2], hidden="relu", output="identity")
    net.parameters[:] = rng.integers(-3, 4, net.parameters.size) / 2
    x, y = rng.integers(-4, 5, (4, 3)) / 4, rng.integers(-4, 5, (4, 2)) / 4
    (value, gradients), (twice, again) = (
        net.loss_and_gradients(np.tile(x, (n, 1)), np.tile(y, (n, 1)), loss) for n in (1, 2)
    )
    assert twice == value > 0
    assert np.array_equal(again.vector, gradients.vector)


@pairs
@np.errstate(all="ignore")  # BLAS may leave flags behind finite products
def test_the_batch_twice_changes_only_rounding(loss, output):
    """With z exact every delta halves exactly, so BP3 and BP4 differ by the order of
    sums of 2n terms only.
    """
    _, _, y = network(loss, output)
    net = refnet.mlp([3, 2], output=output, init=refnet.Constant(0.5, 0.25))
    net.layers[0].W[1] = [-0.5, 1.0, 0.25]
    x = np.random.default_rng(2).integers(-8, 9, (4, 3)) / 8
    (_, (once,)), (_, (twice,)) = (
        net.loss_and_gradients(np.concatenate([x] * n), np.concatenate([y] * n), loss)
        for n in (1, 2)
    )
    assert np.array_equal(twice.delta, np.concatenate([once.delta, once.delta]) / 2)
    assert (
        np.abs(twice.dW - once.dW) <= 2 * len(x) * EPS * (np.abs(once.delta).T @ np.abs(x))
    ).all()
    assert (np.abs(twice.db - once.db) <= 2 * len(x) * EPS * np.abs(once.delta).sum(axis=0)).all()


@pairs
def test_nothing_given_is_changed(loss, output):
    """Forward and backward leave x, y, the parameters and the trace as they were, and
    give the same bits again.
    """
    net, x, y = network(loss, output)
    before = [array.copy() for array in (x, y, net.parameters)]
    trace = net.forward(x)
    before += [part.copy() for step in trace for part in step]
    first = net.backward(trace, loss, y)
    net.loss_and_gradients(2 * x, y, loss)
    after = [x, y, net.parameters, *(part for step in trace for part in step)]
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert np.array_equal(net.backward(trace, loss, y).vector, first.vector)


@pairs
def test_one_call_is_forward_value_and_backward(loss, output):
    """loss_and_gradients gives the bits of its parts, and the flat vector has the order
    of the parameters.
    """
    net, x, y = network(loss, output)
    value, gradients = net.loss_and_gradients(x, y, loss)
    trace = net.forward(x)
    assert value == LOSSES[loss]().value(trace.output, y)
    assert np.array_equal(gradients.vector, net.backward(trace, loss, y).vector)
    parts = [part.ravel() for gradient in gradients for part in (gradient.dW, gradient.db)]
    assert np.array_equal(gradients.vector, np.concatenate(parts))
    assert [part.size for part in parts] == [5 * 3, 5, 4 * 5, 4, 2 * 4, 2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pairs
def test_gradients_keep_shape_and_dtype(loss, output, dtype):
    """dW and db have the shapes of W and b, delta that of z, all in the network's
    dtype, also for targets given in another.
    """
    net, x, y = network(loss, output, dtype)
    for given_y in (y, y.tolist()):
        value, gradients = net.loss_and_gradients(x, given_y, loss)
        assert type(value) is float
        for layer, step, gradient in zip(net.layers, net.forward(x), gradients, strict=True):
            assert [part.shape for part in gradient] == [step.z.shape, layer.W.shape, layer.b.shape]
            assert {part.dtype for part in gradient} == {np.dtype(dtype)}


def test_each_equation_stands_once_under_its_label():
    """BP1, BP2, BP3 and BP4 are each the comment of exactly one line of backprop.py."""
    tokens = tokenize.generate_tokens(io.StringIO(inspect.getsource(refnet.backprop)).readline)
    labels = [
        token.string for token in tokens if token.type == tokenize.COMMENT and "BP" in token.string
    ]
    assert sorted(labels) == ["# BP1", "# BP2", "# BP3", "# BP4"]


def test_every_trainable_activation_is_among_those_tested():
    """What is tested here are all activations but Heaviside."""
    tested, wanted = {f.name for f in TRAINABLE}, set(ACTIVATIONS) - {"heaviside"}
    assert tested == wanted, f"tests/test_backprop.py: TRAINABLE lacks {wanted - tested}"
