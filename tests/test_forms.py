"""refnet.forms: what the forms refuse, keep and give back; exact equality where
arithmetic is exact; what the perceptron knows.
"""

import inspect
import re
from fractions import Fraction

import numpy as np
import pytest

import refnet
from refnet import Dense, Network
from refnet.forms import Worked, accumulated, contract, graph, loops, perceptron, separation

FORMS = {"loops": loops, "accumulated": accumulated, "graph": graph}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
SQUARE = [[0, 0], [0, 1], [1, 0], [1, 1]]


def small(dtype="float64"):
    """A 3-5-2 network with four rows of x and y."""
    rng = np.random.default_rng(3)
    net = refnet.mlp([3, 5, 2], "tanh", "sigmoid", seed=1, dtype=dtype)
    return net, rng.normal(size=(4, 3)), rng.normal(size=(4, 2))


def integers(rng, dtype, sizes, activations):
    """A network of small integers."""

    def draw(*shape):
        return rng.integers(-3, 4, shape).astype(dtype)

    return Network(
        [
            Dense(draw(out, into), draw(out), f)
            for into, out, f in zip(sizes, sizes[1:], activations, strict=False)
        ]
    )


# equal to backprop.py where every sum and product is exact


@every_form
@every_dtype
@pytest.mark.parametrize("loss", ["half_squared_error", "mse"])
@pytest.mark.parametrize(
    "activations",
    [
        ("identity",) * 3,
        ("relu", refnet.LeakyReLU(0.5), "identity"),
        (refnet.LeakyReLU(-2.0), "relu", "relu"),
    ],
)
def test_exactly_backprop_on_small_integers(form, dtype, loss, activations):
    """Integers, slopes and divisors that are powers of two: nothing is rounded, in
    whatever order it is added up.
    """
    rng = np.random.default_rng(7)
    net = integers(rng, dtype, (3, 5, 2, 4), activations)
    x, y = rng.integers(-3, 4, (8, 3)), rng.integers(-3, 4, (8, 4))
    worked, trace = form.gradient(net, x, y, loss), net.forward(x)
    value, gradients = net.loss_and_gradients(x, y, loss)
    assert worked.loss == value
    assert any(layer.dW.any() for layer in gradients)
    for name, layers in {
        "z": trace,
        "a": trace,
        "delta": gradients,
        "dW": gradients,
        "db": gradients,
    }.items():
        for found, layer in zip(getattr(worked, name), layers, strict=True):
            assert found.dtype == dtype
            assert np.array_equal(found, getattr(layer, name)), name


@every_dtype
def test_exactly_the_step_of_sgd_on_small_integers(dtype):
    """accumulated.step is W - lr dW, with the cost before it."""
    rng = np.random.default_rng(8)
    net = integers(rng, dtype, (3, 5, 2), ("relu", "identity"))
    other = net.copy()
    x, y = rng.integers(-3, 4, (8, 3)), rng.integers(-3, 4, (8, 2))
    value, gradients = other.loss_and_gradients(x, y, "mse")
    refnet.SGD(lr=0.25).step(other, gradients)
    assert accumulated.step(net, x, y, "mse", 0.25) == value
    assert np.array_equal(net.parameters, other.parameters)
    assert net.parameters.dtype == dtype


def test_feed_forward_index_by_index():
    """Thomas, section 3.2: the 3-3-1 network for x = 1.5, 2, 3, digits cut off after
    four as there; a step function can be fed, too.
    """
    net = Network(
        [
            Dense([[0.2] * 3, [0.4] * 3, [0.6] * 3], [0.8] * 3, "sigmoid"),
            Dense([[0.5] * 3], [0.2], "sigmoid"),
        ]
    )
    h, z = loops.propagate(net.layers, np.array([1.5, 2.0, 3.0]))
    assert [f"{each:.9f}"[:6] for each in (*h[2], *h[3])] == [
        "0.8909",
        "0.9677",
        "0.9909",
        "0.8354",
    ]
    assert sorted(z) == [2, 3]
    assert loops.feed_forward(net, [[1.5, 2.0, 3.0]]).tolist() == [h[3].tolist()]
    steps = Network([Dense([[2, -1]], [0], "heaviside")])
    assert loops.feed_forward(steps, [[1, 1], [1, 2], [1, 3]]).tolist() == [[1.0], [0.0], [0.0]]


# shapes, dtype, what is changed


def test_float32_is_summed_in_float32():
    """1 + 2^-24 + 2^-24, one after the other: each of the small ones is lost, as each
    sum is rounded to even.
    """
    tiny = np.float32(2.0**-24)
    net = Network([Dense(np.float32([[1, 1, 1]]), np.float32([0]))])
    assert loops.feed_forward(net, [[1, tiny, tiny]]).tolist() == [[1.0]]
    flat = Network([Dense(np.float32([[0]]), np.float32([0]))])
    y = [[1.0], [2.0**-12], [2.0**-12]]
    for form in (loops, accumulated):
        assert form.gradient(flat, np.ones((3, 1)), y, "mse").loss == np.float32(1) / np.float32(3)


@every_form
@every_dtype
def test_shapes_and_dtypes(form, dtype):
    """Worked has one array of each kind for each layer, in the network's dtype, and the
    loss as a float.
    """
    net, x, y = small(dtype)
    worked = form.gradient(net, x, y, refnet.MSE())
    assert type(worked) is Worked
    assert type(worked.loss) is float
    assert [[a.shape for a in arrays] for arrays in worked[1:]] == [[(4, 5), (4, 2)]] * 3 + [
        [(5, 3), (2, 5)],
        [(5,), (2,)],
    ]
    assert {a.dtype for arrays in worked[1:] for a in arrays} == {np.dtype(dtype)}
    assert all(a.flags.c_contiguous for arrays in worked[1:] for a in arrays)


@every_form
def test_a_gradient_changes_nothing(form):
    """Neither the network nor x and y; and it is the same for whatever layout and class
    of x and y.
    """
    net, x, y = small()
    given = x.copy(), y.copy(), net.parameters.copy()
    worked = form.gradient(net, x, y, "mse")
    assert all(np.array_equal(*pair) for pair in zip(given, (x, y, net.parameters), strict=True))
    again = form.gradient(net, np.asfortranarray(x), y.tolist(), "mse")
    assert again.loss == worked.loss
    assert all(
        np.array_equal(a, b)
        for one, two in zip(again[1:], worked[1:], strict=True)
        for a, b in zip(one, two, strict=True)
    )


def test_the_step_is_in_place():
    """The arrays stay the same objects over the same vector, and gradient descent
    descends.
    """
    net, x, y = small("float32")
    vector, arrays = net.parameters, [array for layer in net.layers for array in (layer.W, layer.b)]
    before = vector.copy()
    costs = [accumulated.step(net, x, y, "half_squared_error", lr=0.5) for _ in range(3)]
    assert costs[0] > costs[1] > costs[2]
    assert net.parameters is vector
    assert all(
        a is b
        for a, b in zip(
            arrays, [array for layer in net.layers for array in (layer.W, layer.b)], strict=True
        )
    )
    assert not np.array_equal(vector, before)
    accumulated.step(net, x, y, "half_squared_error", lr=0)
    assert vector.dtype == np.float32


def test_a_step_that_is_not_finite_is_refused():
    """By layer and place, and with the network as it was."""
    net = Network([Dense([[1.0]], [0.0])])
    with pytest.raises(
        FloatingPointError,
        match=r"^layer 1: new value of W has -inf at \[0, 0\], expected finite values; no parameter",
    ):
        accumulated.step(net, [[1e200]], [[0.0]], "mse", 1e10)
    assert net.parameters.tolist() == [1.0, 0.0]


# refused by name


@every_form
@pytest.mark.parametrize(
    "loss",
    [
        "mae",
        "cross_entropy",
        refnet.SigmoidCrossEntropy(),
        type("Half", (refnet.HalfSquaredError,), {})(),
    ],
)
def test_another_loss_is_refused(form, loss):
    """Also one that is derived from a known one and may be changed."""
    net, x, y = small()
    name = {"mae": "MAE", "cross_entropy": "CrossEntropy"}.get(str(loss), str(loss))
    with pytest.raises(
        ValueError, match=f"^forms: loss has {name}, expected HalfSquaredError or MSE$"
    ):
        form.gradient(net, x, y, loss)


@every_form
def test_an_unknown_loss_is_refused(form):
    """As everywhere in refnet."""
    net, x, y = small()
    with pytest.raises(ValueError, match=r"^loss: name has 'sse', expected one of mse, "):
        form.gradient(net, x, y, "sse")


MIXED = (
    "activation has Softmax, expected an elementwise one: its outputs depend on the other nodes "
    "of the layer"
)
FLAT = "activation has Heaviside, expected a trainable one: its derivative is zero everywhere"


@every_form
def test_activations_are_refused_by_name(form):
    """Softmax is not elementwise, the step function not trainable."""
    _, x, y = small()
    for hidden, output, sentence in (
        ("softmax", "sigmoid", f"Dense 1 (W 5x3): {MIXED}"),
        ("sigmoid", "softmax", f"Dense 2 (W 2x5): {MIXED}"),
        ("heaviside", "sigmoid", f"Dense 1 (W 5x3): {FLAT}"),
        ("sigmoid", "heaviside", f"Dense 2 (W 2x5): {FLAT}"),
    ):
        net = refnet.mlp([3, 5, 2], hidden, output)
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            form.gradient(net, x, y, "mse")


def test_softmax_cannot_be_fed_index_by_index():
    """A node's output would need the others."""
    with pytest.raises(ValueError, match=f"^{re.escape(f'Dense 1 (W 2x3): {MIXED}')}$"):
        loops.feed_forward(refnet.mlp([3, 2]), [[1, 2, 3]])


@every_form
def test_data_that_does_not_fit_is_refused(form):
    """By the sentences of the network's door."""
    net, x, y = small()
    for bad_x, bad_y, sentence in (
        (x[:, :2], y, "Dense 1 (W 5x3): input has shape (4, 2), expected (n, 3)"),
        (x[0], y, "Dense 1 (W 5x3): input has shape (3,), expected (n, 3)"),
        (
            np.full_like(x, np.nan),
            y,
            "Dense 1 (W 5x3): input has nan at row 0, column 0, expected finite values",
        ),
        (x, y[:3], "MSE: y has shape (3, 2), expected (4, 2)"),
        (x, y[:, 0], "MSE: y has shape (4,), expected (4, 2)"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            form.gradient(net, bad_x, bad_y, "mse")


def test_a_learning_rate_that_is_none_is_refused():
    """As an optimizer refuses it."""
    net, x, y = small()
    with pytest.raises(
        ValueError, match=r"^accumulated\.step: lr has -1, expected a finite number >= 0$"
    ):
        accumulated.step(net, x, y, "mse", -1)


# graph: chains that are no network


class Square(graph.Gate):
    """A = Z^2; dZ = U * 2 Z."""

    def output(self, value):
        """A."""
        return value**2

    def downstream(self, upstream, value, output):
        """dZ."""
        return upstream * 2 * value


@every_dtype
def test_two_linear_gates_are_one_with_their_product(dtype):
    """Integers, exactly: dW of each from the one's, by the product rule, and dX."""
    rng = np.random.default_rng(4)
    W1, W2, X, Y = (
        rng.integers(-3, 4, shape).astype(dtype) for shape in ((3, 2), (5, 3), (2, 8), (5, 8))
    )
    b1, b2 = rng.integers(-3, 4, 3).astype(dtype), rng.integers(-3, 4, 5).astype(dtype)
    first, second = graph.Linear(W1, b1), graph.Linear(W2, b2)
    chain = graph.Chain([first, second, graph.Cost("half_squared_error", Y)])
    error = W2 @ W1 @ X + (W2 @ b1 + b2)[:, np.newaxis] - Y
    assert chain.forward(X) == (error**2).sum() / 16
    dX = chain.backward()
    M = error @ X.T / 8  # of the one gate with W2 W1
    assert np.array_equal(first.dW, W2.T @ M)
    assert np.array_equal(second.dW, M @ W1.T + np.outer(error.sum(axis=1) / 8, b1))
    assert np.array_equal(first.db, W2.T @ error.sum(axis=1) / 8)
    assert np.array_equal(second.db, error.sum(axis=1) / 8)
    assert np.array_equal(dX, (W2 @ W1).T @ error / 8)
    assert {
        array.dtype for array in (first.dW, first.db, dX, *chain.values[:-1], *chain.upstream[:-1])
    } == {np.dtype(dtype)}


def test_two_activations_in_a_row():
    """sigmoid, then tanh, is a network whose second W is the identity matrix: exactly,
    as no sum has more than one term that is not 0.
    """
    net = Network(
        [
            Dense([[0.5], [-1.5], [2.0]], [0.1, 0.2, 0.3], "sigmoid"),
            Dense(np.eye(3), [0.0] * 3, "tanh"),
        ]
    )
    linear = graph.Linear(net.layers[0].W, net.layers[0].b)
    y = np.array([[0.3], [-0.2], [0.9]])
    chain = graph.Chain(
        [
            linear,
            graph.Activate("sigmoid"),
            graph.Activate("tanh"),
            graph.Cost("half_squared_error", y),
        ]
    )
    value, gradients = net.loss_and_gradients([[0.7]], y.T, "half_squared_error")
    cost = chain.forward([[0.7]])
    chain.backward()
    assert np.array_equal(chain.values[2].T, net.predict([[0.7]]))
    assert np.array_equal(linear.dW, gradients[0].dW)
    assert np.array_equal(linear.db, gradients[0].db)
    assert f"{cost:.15g}" == f"{value:.15g}"


def test_a_gate_of_your_own():
    """Exactly: Cost = 1/m sum of 1/2 (y - (w x + b)^2)^2, so dCost/dw = 1/m sum of
    -(y - z^2) 2 z x.
    """
    linear = graph.Linear([[2]], [-1])
    chain = graph.Chain([linear, Square(), graph.Cost(refnet.HalfSquaredError(), [[1, 2]])])
    assert chain.forward([[1, 3]]) == ((1 - 1) ** 2 + (2 - 25) ** 2) / 4
    assert chain.backward().tolist() == [[0.0, 23 * 10 * 2 / 2]]
    assert (linear.dW.tolist(), linear.db.tolist()) == ([[23 * 10 * 3 / 2]], [23 * 10 / 2])
    assert [np.asarray(value).tolist() for value in chain.values] == [
        [[1.0, 5.0]],
        [[1.0, 25.0]],
        132.25,
    ]
    assert [np.asarray(each).tolist() for each in chain.upstream] == [
        [[0.0, 115.0]],
        [[0.0, 11.5]],
        1.0,
    ]


def test_a_chain_without_linear_gates_and_one_of_a_cost_alone():
    """Cost of X itself; relu of X; float32 stays, whatever the dtype of y; mse divides
    by m k.
    """
    assert (
        graph.Chain([graph.Cost("mse", [[1, 2], [3, 4]])]).forward([[2, 2], [3, 6]]) == (1 + 4) / 4
    )
    chain = graph.Chain([graph.Activate("relu"), graph.Cost("mse", [[1.0, 2.0]])])
    assert chain.forward(np.float32([[-1, 4]])) == (1 + 4) / 2
    assert chain.backward().tolist() == [[0.0, 2.0]]
    assert chain.values[0].dtype == chain.upstream[0].dtype == np.float32


def test_gates_by_themselves():
    """A cost takes an upstream gradient as every gate does; a linear gate works in the
    dtype of its W, also on integers.
    """
    cost = graph.Cost("half_squared_error", [[1, 2]])
    assert cost.forward([[3, 5]]) == (4 + 9) / 4
    assert cost.backward(1).tolist() == [[1.0, 1.5]]
    assert cost.backward(-2).tolist() == [[-2.0, -3.0]]
    linear = graph.Linear(np.float32([[2, 1]]), np.float32([3]))
    assert linear.forward([[1, 0], [1, 5]]).tolist() == [[6.0, 8.0]]
    assert linear.backward([[1, 2]]).tolist() == [[2.0, 4.0], [1.0, 2.0]]
    assert (linear.dW.tolist(), linear.db.tolist()) == ([[1.0, 11.0]], [3.0])
    assert {array.dtype for array in (linear.kept[1], linear.dW, linear.db)} == {
        np.dtype(np.float32)
    }


def test_a_linear_gate_keeps_the_arrays_of_the_network():
    """So that a step taken with dW and db moves the network; and backward is of the
    last forward.
    """
    net, x, y = small()
    chain = graph.chain(net, y.T, "mse")
    first = chain.gates[0]
    assert np.shares_memory(first.W, net.parameters)
    before = chain.forward(x.T)
    chain.backward()
    first.W -= 0.1 * first.dW
    assert chain.forward(x.T) < before
    assert chain.upstream == ()


class Refuses(Square):
    """A = Z^2 up to 5."""

    def output(self, value):
        """A."""
        if value.max() > 5:
            raise OverflowError
        return super().output(value)


def test_a_forward_that_failed_is_not_gone_back_from():
    """Neither in the chain, of which some gates had the new X, nor in the gate itself;
    a forward that succeeds is.
    """
    gates = linear, gate, cost = (
        graph.Linear([[1.0]], [0.0]),
        Refuses(),
        graph.Cost("half_squared_error", [[0.0]]),
    )
    chain = graph.Chain(gates)
    chain.forward([[1.0]])
    chain.backward()
    with pytest.raises(OverflowError):
        chain.forward([[9.0]])
    assert (chain.values, chain.upstream) == ((), ())
    for backward in (chain.backward, lambda: cost.backward(1.0), lambda: gate.backward([[1.0]])):
        with pytest.raises(
            ValueError,
            match=r"^(Cost|Refuses): backward has no forward before it, expected forward first$",
        ):
            backward()
    gate.forward([[1.0]])
    with pytest.raises(OverflowError):
        gate.forward([[9.0]])
    assert gate.kept is None
    chain.forward([[2.0]])
    # of (w x)^4 / 2 in x and in w
    assert (chain.backward().tolist(), linear.dW.tolist()) == ([[16.0]], [[32.0]])


def test_what_a_chain_keeps_is_its_own():
    """X, Y and what a gate gave can be written over between forward and backward."""
    X, Y = np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]])
    linear, gate = graph.Linear([[1.0]], [0.0]), graph.Activate("sigmoid")
    chain = graph.Chain([linear, gate, graph.Cost("mse", Y)])
    cost, dX, dW = chain.forward(X), chain.backward(), linear.dW
    chain.forward(X)
    X[:] = Y[:] = 9.0
    for value in chain.values[:-1]:
        value[:] = 9.0
    assert np.array_equal(chain.backward(), dX)
    assert np.array_equal(linear.dW, dW)
    assert chain.forward([[1.0, 2.0]]) == cost


def test_gates_refuse_by_name():
    """What does not fit, and where."""
    linear, sigmoid, cost = (
        graph.Linear([[1.0, 2.0]], [0.0]),
        graph.Activate("sigmoid"),
        graph.Cost("mse", [[0, 1, 1]]),
    )
    used, nan = graph.Cost("mse", [[0]]), np.nan
    used.forward([[1]])
    given = [[1, 2, 3], [4, 5, 6]]
    half = graph.Linear(np.float32([[1]]), np.float32([0]))

    def after(upstream):
        linear.forward(given)
        linear.backward(upstream)

    for sentence, kind, call in (
        ("Chain: has 0 gates, expected at least a Cost", ValueError, lambda: graph.Chain([])),
        (
            (
                "Chain: gate 2 of 2 has Activate (Sigmoid), expected a Cost as the last gate and "
                "nowhere else"
            ),
            ValueError,
            lambda: graph.Chain([linear, sigmoid]),
        ),
        (
            "Chain: gate 1 of 2 has Cost, expected a Cost as the last gate and nowhere else",
            ValueError,
            lambda: graph.Chain([cost, linear]),
        ),
        (
            (
                "Chain: gate 2 has Activate (Sigmoid) for a second time, expected a new gate: each "
                "keeps what its forward got"
            ),
            ValueError,
            lambda: graph.Chain([sigmoid, sigmoid, cost]),
        ),
        (
            "Chain: gate 1 has type str, expected a Gate",
            TypeError,
            lambda: graph.Chain(["sigmoid", cost]),
        ),
        (
            "Chain: W has dtypes float32 and float64, expected one for all gates",
            TypeError,
            lambda: graph.Chain([linear, half, cost]),
        ),
        (
            "Linear (W 1x2): value has shape (3, 4), expected (2, m)",
            ValueError,
            lambda: linear.forward(np.ones((3, 4))),
        ),
        (
            "Linear (W 1x2): value has shape (2,), expected (features, m) with both at least 1",
            ValueError,
            lambda: linear.forward([1, 2]),
        ),
        (
            "Linear (W 1x2): value has inf at row 1, column 0, expected finite values",
            ValueError,
            lambda: linear.forward([[1], [np.inf]]),
        ),
        (
            "Linear (W 1x2): upstream gradient has shape (2, 3), expected (1, 3)",
            ValueError,
            lambda: after(np.ones((2, 3))),
        ),
        (
            "Linear (W 1x2): upstream gradient has nan at row 0, column 1, expected finite values",
            ValueError,
            lambda: after([[1, nan, 2]]),
        ),
        (
            "Cost: upstream gradient has inf at row 0, expected finite values",
            ValueError,
            lambda: used.backward(np.inf),
        ),
        (
            "Linear (W 1x1): backward has no forward before it, expected forward first",
            ValueError,
            lambda: half.backward([[1.0]]),
        ),
        (
            "Cost: backward has no forward before it, expected forward first",
            ValueError,
            lambda: graph.Chain([sigmoid, cost]).backward(),
        ),
        (
            "Cost: value has shape (2, 3), expected (1, 3) as y",
            ValueError,
            lambda: cost.forward(np.ones((2, 3))),
        ),
        (
            "Cost: y has shape (3,), expected (features, m) with both at least 1",
            ValueError,
            lambda: graph.Cost("mse", [0, 1, 1]),
        ),
        (
            "forms: loss has MAE, expected HalfSquaredError or MSE",
            ValueError,
            lambda: graph.Cost("mae", [[0]]),
        ),
        (
            "Dense: W has shape (2,), expected (fan_out, fan_in) with both at least 1",
            ValueError,
            lambda: graph.Linear([1, 2], [0]),
        ),
        (f"Activate: {MIXED}", ValueError, lambda: graph.Activate("softmax")),
        (f"Activate: {FLAT}", ValueError, lambda: graph.Activate(refnet.Heaviside())),
        (
            "graph.chain: y has shape (4, 2), expected (2, m)",
            ValueError,
            lambda: graph.chain(small()[0], np.ones((4, 2)), "mse"),
        ),
    ):
        with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
            call()


# the perceptron


@pytest.mark.parametrize(
    ("labels", "w", "b"), [([0, 0, 0, 1], [2.0, 1.0], -2.0), ([0, 1, 1, 1], [1.0, 1.0], 0.0)]
)
def test_it_learns_and_and_or(labels, w, b):
    """The rule by hand, from zero: AND ends with 2 x1 + x2 - 2, OR with x1 + x2."""
    learned = perceptron.learn(SQUARE, labels)
    assert (learned.w.tolist(), learned.b, learned.separable) == (w, b, True)
    assert learned.predict(SQUARE).tolist() == labels
    assert learned.why == f"a line separates the labels: epoch {learned.epochs} has no mistake"
    assert (learned.mistakes[-1], sum(learned.mistakes), len(learned.mistakes)) == (
        0,
        learned.counts.sum(),
        learned.epochs,
    )


def test_what_it_learned_of_a_seeded_set_is_the_sum_of_its_mistakes():
    """w = lr sum of counts s x, exactly on integers; the labels of 40 points beside a
    plane are all learned.
    """
    rng = np.random.default_rng(5)
    x = rng.integers(-9, 10, (40, 3))
    labels = (x @ [2, -1, 1] > 1).astype(int)
    learned = perceptron.learn(x, labels)
    signed = learned.counts * (2 * labels - 1)
    assert learned.separable is True
    assert (learned.w.tolist(), learned.b) == ((signed @ x).tolist(), signed.sum())
    assert np.array_equal(learned.predict(x), labels)


@pytest.mark.parametrize("lr", [0.25, 1.0, 8.0])
@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 1, 1, 0]])
def test_the_learning_rate_changes_nothing_but_the_scale(lr, labels):
    """From zero weights, exactly for powers of two: the same mistakes, w and b lr times
    as large.
    """
    one, other = perceptron.learn(SQUARE, labels), perceptron.learn(SQUARE, labels, lr=lr)
    assert other.mistakes == one.mistakes
    assert (other.w.tolist(), other.b, other.separable) == (
        (lr * one.w).tolist(),
        lr * one.b,
        one.separable,
    )


def proves(x, labels, learned):
    """The counts are a proof, by substitution."""
    assert min(learned.counts) >= 0 < max(learned.counts)
    for column in (*np.array(x, float).T, np.ones(len(x))):
        terms = zip(learned.counts.tolist(), labels, column.tolist(), strict=True)
        assert sum(k * (2 * int(y) - 1) * Fraction(value) for k, y, value in terms) == 0


XOR = {
    "in order": (SQUARE, [0, 1, 1, 0]),
    "turned": ([[0, 1], [1, 1], [0, 0], [1, 0]], [1, 0, 0, 1]),
    "tenths": ([[0.1 * a, 0.1 * b] for a, b in SQUARE], [0, 1, 1, 0]),
    "from -1 to 1": ([[2 * a - 1, 2 * b - 1] for a, b in SQUARE], [0, 1, 1, 0]),
}


@pytest.mark.parametrize(("x", "labels"), XOR.values(), ids=XOR)
@pytest.mark.parametrize("lr", [1.0, 0.1])
def test_xor_is_proven_impossible(x, labels, lr):
    """The counts are the proof: a sum of signed rows (x, 1), not all zero times, is
    zero, so no line has all on their sides.
    """
    learned = perceptron.learn(x, labels, lr=lr)
    assert learned.separable is False
    proves(x, labels, learned)
    mistakes = (
        r"the mistakes of epochs? (?:(\d+) to )?(\d+), rows \(x, 1\) with the signs of their "
        r"labels, sum to zero"
    )
    said = re.fullmatch(f"no line separates the labels: {mistakes}", learned.why)
    first, last = int(said[1] or said[2]), int(said[2])
    assert (last, sum(learned.mistakes[first - 1 :])) == (learned.epochs, learned.counts.sum())


@pytest.mark.parametrize("lr", [1.0, 0.1])
def test_a_long_cycle_is_found(lr):
    """Twelve seeded sets of 3 columns of integers with random labels, of which some
    cannot be separated: nothing stays unknown, and only powers of two are looked back
    at.
    """
    rng = np.random.default_rng(6)
    found = []
    for _ in range(12):
        x, labels = rng.integers(-2, 3, (9, 3)), rng.integers(0, 2, 9)
        learned = perceptron.learn(x, labels, lr, epochs=4000)
        found.append(learned.separable)
        if learned.separable:
            assert np.array_equal(learned.predict(x), labels)
        else:
            proves(x, labels, learned)
            first = int(re.search(r"the mistakes of epochs? (\d+)", learned.why)[1])
            assert (first - 1) & (first - 2) == 0  # comes after 0 or a power of two
    assert {*found} == {True, False}


def test_the_proof_is_exact_where_w_is_rounded():
    """With lr = 0.1 the mistakes of three epochs sum to zero, while what was added to w
    and taken from it does not.
    """
    learned = perceptron.learn([[1, 2], [-2, 2], [-2, -1], [0, -1]], [0, 1, 0, 1], lr=0.1)
    assert (learned.separable, learned.epochs, learned.counts.tolist()) == (False, 3, [2, 2, 3, 3])
    assert 0.0 < learned.w[1] < 1e-16
    assert "the mistakes of epochs 1 to 3," in learned.why


def test_what_could_be_learned_but_is_not_yet_is_said():
    """After two epochs, and at lr = 0: a line is there, so `separable` is True, and
    what the rule still misses is said.
    """
    rng = np.random.default_rng(9)
    x = rng.integers(-9, 10, (30, 2))
    labels = (x @ [3, -2] > 4).astype(int)
    learned = perceptron.learn(x, labels, epochs=2)
    assert (learned.separable, learned.epochs, learned.mistakes[-1] > 1) == (True, 2, True)
    assert learned.why == (
        f"a line separates the labels, but epoch 2 still has {learned.mistakes[-1]} mistakes: "
        "more epochs may find one, sooner where x is centred and scaled"
    )
    assert learned.counts.sum() == sum(learned.mistakes)
    still = perceptron.learn(SQUARE, [0, 0, 0, 1], lr=0.0, epochs=5)
    assert (still.separable, still.mistakes, still.w.tolist()) == (True, (1,) * 5, [0.0, 0.0])
    assert (
        still.why
        == "a line separates the labels, but epoch 5 still has 1 mistake: at lr = 0 nothing is "
        "learned"
    )


def test_one_mistake_is_no_plural():
    """AND is missed once in its first epoch, at the last row, from zero: z = 0 is 0."""
    assert perceptron.learn(SQUARE, [0, 0, 0, 1], epochs=1).why == (
        "a line separates the labels, but epoch 1 still has 1 mistake: more epochs may find one, "
        "sooner where x is centred and scaled"
    )


def test_a_thousand_epochs_unless_another_number_is_given():
    """The rule waits 1000 epochs for a line between 2^20 and 2^20 + 1, which takes it
    longer: each of its epochs moves b by at most 1, and b has to come down to -2^20.
    """
    learned = perceptron.learn([[2**20], [2**20 + 1]], [0, 1])
    assert (learned.epochs, learned.separable, learned.mistakes[-1] > 0) == (1000, True, True)


def test_what_no_epoch_proves_is_decided():
    """One epoch of XOR, and heights and weights for which no mistakes come back to
    zero: the weights of the sum are the proof.
    """
    once = perceptron.learn(SQUARE, [0, 1, 1, 0], epochs=1)
    assert (once.separable, once.counts.tolist()) == (False, [1, 1, 1, 1])
    assert once.why == (
        "no line separates the labels: rows 0, 1, 2, 3, as (x, 1) with the signs of their labels "
        "and the weights in counts, sum to zero"
    )
    people, labels = [[160, 34], [175, 51], [170, 40], [168, 44], [171, 41]], [0, 1, 1, 0, 0]
    learned = perceptron.learn(people, labels, epochs=20)
    assert (learned.separable, learned.epochs, learned.counts.tolist(), learned.counts.dtype) == (
        False,
        20,
        [3, 2, 41, 0, 40],
        np.int64,
    )
    proves(people, labels, learned)


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_labels_at_random_are_always_decided(decimals):
    """Twenty rows of 2, also of floats that have no short sums: the weights are then
    Python ints beyond int64.
    """
    rng = np.random.default_rng(3)
    for _ in range(5):
        x, labels = 10 * rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
        x = x if decimals is None else x.round(decimals)
        learned = perceptron.learn(x, labels, epochs=10)
        assert learned.separable is False
        proves(x, labels, learned)
        if decimals is None:
            assert max(learned.counts) > 2**63
            assert {type(count) for count in learned.counts.tolist()} == {int}


def test_many_rows_of_a_proof_are_counted_not_listed():
    """Nine and more."""
    rng = np.random.default_rng(4)
    learned = perceptron.learn(rng.normal(size=(60, 9)), rng.integers(0, 2, 60), epochs=1)
    assert (learned.separable, np.count_nonzero(learned.counts)) == (False, 11)
    assert learned.why.startswith("no line separates the labels: 11 rows, as (x, 1) with")


def test_an_epoch_without_mistakes_by_rounding_alone_is_no_proof():
    """(1 + e)(e - 1) + 1 = e^2 > 0 is rounded to 0, which is the right side of label 0
    in floating point only.
    """
    e = 2.0**-30
    x, labels = [[1 + e], [e - 1]], [1, 0]
    rounded = (
        "a line separates the labels, not yet that of epoch 2, which has no mistake only because "
        "z is rounded: row"
    )
    learned = perceptron.learn(x, labels)
    assert (learned.mistakes[-1], learned.separable, learned.predict(x).tolist()) == (
        0,
        True,
        labels,
    )
    assert learned.why == f"{rounded} 1 lies on its other side"
    assert (
        perceptron.learn([[1 + e], [-1 - e]], labels).why
        == "a line separates the labels: epoch 2 has no mistake"
    )
    # 1e400 - 5e399 > 0 is NaN, and so no 1
    huge = perceptron.learn([[1e200, -1e200], [1e200, 5e199]], labels)
    assert (huge.mistakes, huge.separable, huge.w.tolist()) == ((1, 0), True, [1e200, -1e200])
    assert huge.why == f"{rounded} 1 lies on its other side"
    tenths = perceptron.learn([[2, 1], [-2, 3], [3, 0], [3, 2]], [1, 1, 1, 1], lr=0.1)
    assert (tenths.mistakes, tenths.why) == ((1, 0), f"{rounded} 1 lies on it")
    alike = perceptron.learn([[1 + e], [e - 1], [e - 1]], [1, 0, 1], epochs=1)
    assert alike.separable is False


def test_separate_finds_the_line_or_the_sum():
    """Exactly one of them, by substitution, for 400 seeded sets of integers in few
    places, a third of them in columns of any size.
    """
    found = {True: 0, False: 0}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x = rng.integers(-2, 3, rng.integers([1, 1], [14, 5])).astype(float)
        x *= 10.0 ** rng.integers(-150, 150, x.shape[1]) if seed % 3 == 0 else 1.0
        rows = separation.signed_rows(x, rng.integers(0, 2, len(x)))
        line, weights = separation.separate(rows)
        assert (line is None) != (weights is None)
        if weights is None:
            assert (rows @ line > 0).all()
        else:
            assert (weights >= 0).all()
            assert weights.any()
            assert not (weights @ rows).any()
        found[weights is None] += 1
    assert min(found.values()) > 100


def test_separate_by_hand():
    """Two points: the nearest one in the middle; the line between 1 and 3; a third of a
    way, exactly; x = 5 with both labels.
    """
    assert separation.affine_minimum(np.array([[2, 1], [1, 2]], object)).tolist() == [1, 1]
    line, weights = separation.separate(
        separation.signed_rows(np.array([[1.0], [3.0]]), np.array([0, 1]))
    )
    assert (line.tolist(), weights) == ([1, -2], None)
    line, weights = separation.separate(
        separation.signed_rows(np.array([[0.0], [0.1], [0.3]]), np.array([1, 0, 1]))
    )
    tenth, three = Fraction(0.1), Fraction(0.3)
    assert line is None
    assert [Fraction(int(weight), int(weights[1])) for weight in weights] == [
        1 - tenth / three,
        1,
        tenth / three,
    ]
    assert separation.separate(
        separation.signed_rows(np.array([[5.0], [5.0]]), np.array([0, 1]))
    ).weights.tolist() == [1, 1]


def test_step_function_and_weighted_sum():
    """The step at 0 is 0, as Heaviside's; shapes are kept, and a row alone has the bits
    that it has among others.
    """
    z = np.array([[-1.0, 0.0, -0.0], [5e-324, 1.0, np.inf]])
    assert perceptron.step_function(z).tolist() == [[0, 0, 0], [1, 1, 1]]
    assert np.array_equal(perceptron.step_function(z), refnet.Heaviside().value(z))
    assert perceptron.step_function(0.0) == 0
    assert perceptron.weighted_sum([2, 3], 1, [10, 100]) == 321
    assert perceptron.weighted_sum(np.int8([100]), 0, np.int8([100])) == 10000
    assert perceptron.weighted_sum(np.uint8([200]), 0, np.uint8([[2], [3]])).tolist() == [
        400.0,
        600.0,
    ]
    assert perceptron.weighted_sum([2**62], 0, [4]) == 2.0**64
    rng = np.random.default_rng(1)
    w, x = rng.normal(size=37), np.asfortranarray(rng.normal(size=(5, 37)))
    assert perceptron.weighted_sum(w, 0.1, x).tolist() == [
        perceptron.weighted_sum(w, 0.1, row) for row in x
    ]


def test_the_perceptron_refuses_by_name():
    """Its arguments."""
    nan = [[0.0, 1.0], [np.nan, 1.0]]
    for sentence, kind, call in (
        (
            "perceptron: x has shape (4,), expected (n, features) with both at least 1",
            ValueError,
            lambda: perceptron.learn([1, 2, 3, 4], [0, 0, 1, 1]),
        ),
        (
            "perceptron: x has shape (0, 2), expected (n, features) with both at least 1",
            ValueError,
            lambda: perceptron.learn(np.ones((0, 2)), []),
        ),
        (
            "perceptron: x has nan at row 1, column 0, expected finite values",
            ValueError,
            lambda: perceptron.learn(nan, [0, 1]),
        ),
        (
            "perceptron: labels has shape (3,), expected (4,)",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1]),
        ),
        (
            "perceptron: labels has label 2 at row 3, expected 0 to 1",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1, 2]),
        ),
        (
            "perceptron: labels has labels of dtype float64, expected integers",
            TypeError,
            lambda: perceptron.learn(SQUARE, [0.0, 1, 1, 1]),
        ),
        (
            "perceptron: lr has -1, expected a finite number >= 0",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1, 1], lr=-1),
        ),
        (
            "perceptron: epochs has 0, expected an integer >= 1",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1, 1], epochs=0),
        ),
        (
            "weighted_sum: x has shape (3,), expected (n, features) with w (2,) as (features,)",
            ValueError,
            lambda: perceptron.weighted_sum([1, 2], 0, [1, 2, 3]),
        ),
        (
            (
                "weighted_sum: x has shape (2, 3, 2), expected (n, features) with w (2,) as "
                "(features,)"
            ),
            ValueError,
            lambda: perceptron.weighted_sum([1, 2], 0, np.ones((2, 3, 2))),
        ),
        (
            "weighted_sum: x has nan at row 1, column 0, expected finite values",
            ValueError,
            lambda: perceptron.weighted_sum([1, 2], 0, nan),
        ),
        (
            "weighted_sum: w has nan at row 1, expected finite values",
            ValueError,
            lambda: perceptron.weighted_sum([1, np.nan], 0, [1, 2]),
        ),
        (
            "weighted_sum: b has type str, expected a number",
            TypeError,
            lambda: perceptron.weighted_sum([1], "a", [1]),
        ),
        (
            "step_function: z has dtype <U1, expected real numbers",
            TypeError,
            lambda: perceptron.step_function("a"),
        ),
        (
            "Learned.predict: x has shape (1, 3), expected (n, 2)",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 0, 0, 1]).predict([[1, 2, 3]]),
        ),
    ):
        with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
            call()
    with pytest.raises(
        FloatingPointError,
        match=r"^perceptron: epoch 1: w and b have \[inf, 1e\+308\], expected finite values$",
    ):
        perceptron.learn([[10.0]], [1], lr=1e308)


# the rooms


PUBLIC = [
    thing
    for room in (contract, loops, accumulated, graph, perceptron, separation)
    for name, thing in vars(room).items()
    if not name.startswith("_")
    and (inspect.isclass(thing) or inspect.isfunction(thing))
    and thing.__module__ == room.__name__
]


@pytest.mark.parametrize(
    "thing", PUBLIC, ids=[f"{thing.__module__.split('.')[-1]}.{thing.__name__}" for thing in PUBLIC]
)
def test_docstring_has_its_parts_in_order(thing):
    """The equation, then Shapes, Torch and Source, and the Errors last."""
    first, *lines = inspect.getdoc(thing).splitlines()
    parts = [
        found[1] for line in lines if (found := re.match(r"(Shapes|Torch|Source|Errors): \S", line))
    ]
    assert not re.match(r"(Shapes|Torch|Source|Errors):", first)
    assert parts in (["Shapes", "Torch", "Source"], ["Shapes", "Torch", "Source", "Errors"])


def test_the_forms_stand_on_their_own(monkeypatch):
    """They work where the backprop that they are compared with, the losses and the
    pullbacks do not.
    """

    def refuse(*_arguments):
        raise AssertionError("not the form's own")

    for place in (refnet.backprop, refnet.network):
        for name in ("forward", "backward"):
            monkeypatch.setattr(place, name, refuse)
    monkeypatch.setattr(refnet.Elementwise, "pullback", refuse)
    for name in ("value", "gradient"):
        monkeypatch.setattr(refnet.MSE, name, refuse)
    rng = np.random.default_rng(2)
    net = integers(rng, "float64", (3, 5, 2), ("relu", "identity"))
    x, y = rng.integers(-3, 4, (4, 3)), rng.integers(-3, 4, (4, 2))
    with pytest.raises(AssertionError):
        net.loss_and_gradients(x, y, "mse")
    one, other, third = (form.gradient(net, x, y, "mse") for form in FORMS.values())
    assert one.loss == other.loss == third.loss == accumulated.step(net, x, y, "mse", 0.5) > 0.0
    assert all(
        np.array_equal(a, b) and np.array_equal(b, c)
        for a, b, c in zip(one.dW, other.dW, third.dW, strict=True)
    )
    for room in (contract, loops, accumulated, graph, perceptron, separation):
        imported = set(
            re.findall(r"^from refnet\.(\S+) import", inspect.getsource(room), re.MULTILINE)
        )
        assert imported <= {
            "activations",
            "checks",
            "forms.contract",
            "forms.separation",
            "layer",
            "losses",
            "network",
        }
