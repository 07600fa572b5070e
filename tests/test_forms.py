"""refnet.forms: what the forms refuse, keep and give back, and chains that are no
network.
"""

import inspect
import re

import numpy as np
import pytest

import refnet
from refnet import Dense, Network
from refnet.forms import Worked, accumulated, contract, graph, loops, perceptron, separation

FORMS = {"loops": loops, "accumulated": accumulated, "graph": graph}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def small(dtype="float64"):
    """A 3-5-2 network with four rows of x and y."""
    rng = np.random.default_rng(3)
    net = refnet.mlp([3, 5, 2], "tanh", "sigmoid", seed=1, dtype=dtype)
    return net, rng.normal(size=(4, 3)), rng.normal(size=(4, 2))


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
        match=r"^layer 1: new value of W has -inf at \[0, 0\], "
        r"expected finite values; no parameter",
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
@np.errstate(all="ignore")  # BLAS may leave flags behind finite products
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
    """The equation, then Shapes, Torch, Errors where it raises, and Source."""
    first, *lines = inspect.getdoc(thing).splitlines()
    parts = [
        match[1] for line in lines if (match := re.match(r"(Shapes|Torch|Source|Errors): \S", line))
    ]
    assert not re.match(r"(Shapes|Torch|Source|Errors):", first)
    assert parts in (["Shapes", "Torch", "Source"], ["Shapes", "Torch", "Errors", "Source"])
