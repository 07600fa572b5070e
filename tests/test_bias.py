"""Layers without biases, alone and beside others that have them: b and db are None, the
flat vectors have no entries for them, and all that refnet does with a network goes on.
"""

import copy
import pickle
import re
from itertools import pairwise, product

import numpy as np
import pytest

import refnet
from refnet import Dense, Network
from refnet.fast.workspace import Workspace
from refnet.forms import accumulated, graph, loops

FORMS = (loops, accumulated, graph)
RULES = (
    refnet.SGD,
    lambda: refnet.SGD(lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.1),
    refnet.Adam,
    refnet.AdamW,
    lambda: refnet.RMSprop(centered=True, momentum=0.5),
    refnet.Adagrad,
)
SIZES = (4, 3, 5, 2)
# which of three layers have biases
PATTERNS = [which for which in product((False, True), repeat=3) if not all(which)]
patterns = pytest.mark.parametrize("has_bias", PATTERNS)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def network(has_bias, dtype="float64", output="identity"):
    """A 4-3-5-2 network in which these layers have biases."""
    rng = np.random.default_rng(1)
    layers = [
        Dense(rng.normal(size=(fan_out, fan_in)).astype(dtype), None, f)
        for (fan_in, fan_out), f in zip(pairwise(SIZES), ("tanh", "sigmoid", output), strict=True)
    ]
    biased = [
        Dense(layer.W, rng.normal(size=layer.fan_out).astype(dtype), layer.activation)
        for layer in layers
    ]
    which = zip(has_bias, layers, biased, strict=True)
    return Network([with_b if has else without for has, without, with_b in which])


def batch(dtype="float64", rows=6):
    """Rows of x and values y for it."""
    rng = np.random.default_rng(2)
    return tuple(rng.normal(size=(rows, size)).astype(dtype) for size in (SIZES[0], SIZES[-1]))


def parts(pairs):
    """Of pairs of W and b, the arrays that there are."""
    return [part for pair in pairs for part in pair if part is not None]


def parameters(net):
    """Every W and b that there is, first layer first."""
    return parts((layer.W, layer.b) for layer in net.layers)


def same_bits(some, others):
    """Whether both have the same arrays, bit for bit, and None in the same places."""
    return all(
        (one is other) if one is None or other is None else one.tobytes() == other.tobytes()
        for one, other in zip(some, others, strict=True)
    )


# by hand


def test_a_step_by_hand():
    """Layer 1 has no biases: its z is W a alone, and there is no db. All numbers are
    exact in binary.
    """
    net = Network([Dense([[1.0, 2.0], [-1.0, 0.5]], None), Dense([[2.0, 4.0]], [0.5])])
    x, y = [[1.0, 3.0]], [[14.5]]
    first, second = net.forward(x)
    assert first.z.tolist() == [[1.0 + 2.0 * 3.0, -1.0 + 0.5 * 3.0]]
    assert second.z.tolist() == [[2.0 * 7.0 + 4.0 * 0.5 + 0.5]]
    below, top = net.backward((first, second), "half_squared_error", y)
    assert top.delta.tolist() == [[16.5 - 14.5]]
    assert (top.dW.tolist(), top.db.tolist()) == ([[2.0 * 7.0, 2.0 * 0.5]], [2.0])
    assert below.delta.tolist() == [[2.0 * 2.0, 2.0 * 4.0]]
    assert below.dW.tolist() == [[4.0 * 1.0, 4.0 * 3.0], [8.0 * 1.0, 8.0 * 3.0]]
    assert below.db is None


@dtypes
def test_nothing_is_added_to_the_product(dtype):
    """z is the product as BLAS has it, down to the sign of a zero; a b of zeros would
    turn -0.0 into 0.0.
    """
    tiny = np.finfo(dtype).tiny
    x = np.array([[tiny], [-tiny], [1.0]], dtype)
    net = Network([Dense(np.array([[-tiny]], dtype), None, "identity")])
    workspace = Workspace(net, refnet.MSE(), 3)
    workspace.loss_and_gradients(x, np.ones_like(x))
    for trace in (net.forward(x), workspace.trace(x)):
        assert trace[0].z.tobytes() == np.dot(x, net.layers[0].W.T).tobytes()


# the vector


@patterns
def test_the_vector_has_only_what_there_is(has_bias):
    """W1, b1 where there is one, W2, ...: `entry` finds each, `summary` counts them,
    and the gradient's vector has the same order.
    """
    net = network(has_bias)
    flat = parameters(net)
    assert np.array_equal(net.parameters, np.concatenate([part.ravel() for part in flat]))
    assert [layer.b is not None for layer in net.layers] == [*has_bias]
    places = [net.entry(i) for i in range(net.parameters.size)]
    layers = [(layer.W, layer.b) for layer in net.layers]
    for value, (l, name, index) in zip(net.parameters, places, strict=True):
        assert layers[l - 1][name == "b"][index] == value
    assert len(set(places)) == net.parameters.size
    *rows, total = net.summary().splitlines()[2:]
    assert [int(row.split()[-1]) for row in rows] == [
        sum(part.size for part in parts([pair])) for pair in layers
    ]
    assert int(total.split()[-1]) == net.parameters.size
    gradients = net.loss_and_gradients(*batch(), "mse")[1]
    computed = parts((layer.dW, layer.db) for layer in gradients)
    assert np.array_equal(gradients.vector, np.concatenate([each.ravel() for each in computed]))
    assert [layer.db is not None for layer in gradients] == [*has_bias]


@patterns
@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        Network.copy,
        lambda net: pickle.loads(pickle.dumps(net)),  # noqa: S301 - its own bytes
        lambda net: net.astype("float32").astype("float64"),
        lambda net: Network(net.layers),
    ],
    ids=["copy", "deepcopy", "Network.copy", "pickle", "astype", "Network"],
)
def test_a_copy_has_no_more_biases(copied, has_bias):
    """W and b of a copy are views of its own vector, and b is None where it was."""
    net = network(has_bias)
    net.parameters[:] = np.arange(net.parameters.size)
    other = copied(net)
    assert same_bits([net.parameters], [other.parameters])
    assert [layer.b is None for layer in other.layers] == [layer.b is None for layer in net.layers]
    assert all(np.shares_memory(part, other.parameters) for part in parameters(other))
    assert not np.shares_memory(other.parameters, net.parameters)


def test_mlp_leaves_out_every_b():
    """Its W are those of the same seed with biases, where b is no draw of its own."""
    given = {"hidden": "relu", "output": "identity", "init": "he_normal", "seed": 3}
    without, biased = (refnet.mlp(SIZES, bias=bias, **given) for bias in (False, True))
    assert [layer.b for layer in without.layers] == [None] * 3
    assert same_bits([layer.W for layer in without.layers], [layer.W for layer in biased.layers])


# the fast form, and training


@dtypes
@patterns
@pytest.mark.parametrize(
    ("loss", "output"),
    [("mse", "tanh"), ("softmax_cross_entropy", "identity"), ("cross_entropy", "softmax")],
)
def test_in_place_gives_the_bits_of_the_teaching_form(loss, output, has_bias, dtype):
    """For full batches and smaller ones, also after the optimizer has stepped."""
    net = network(has_bias, dtype, output)
    x, values = batch(dtype, rows=7)
    y = values if loss == "mse" else np.arange(7) % SIZES[-1]
    workspace = Workspace(net, net.trainable_with(loss), 7)
    for rows in (7, 2, 1, 7):
        value, gradients = workspace.loss_and_gradients(x[:rows], y[:rows])
        right, expected = net.loss_and_gradients(x[:rows], y[:rows], loss)
        assert value == right
        for one, other in zip(gradients, expected, strict=True):
            assert same_bits(one, other)
        assert same_bits([gradients.vector], [expected.vector])
        net.parameters[:] -= gradients.vector * net.dtype.type(0.5)


@patterns
@pytest.mark.parametrize("rule", RULES)
def test_fit_is_the_steps_of_the_teaching_form(rule, has_bias):
    """The parameters after three epochs, bit for bit; every vector of the state has an
    entry for each parameter, and no other.
    """
    trained, stepped = network(has_bias), network(has_bias)
    x, y = batch()
    fitting, stepping = rule(), rule()
    history = refnet.fit(trained, x, y, loss="mse", optimizer=fitting, epochs=3)
    losses = []
    for _ in range(3):
        value, gradients = stepped.loss_and_gradients(x, y, "mse")
        stepping.step(stepped, gradients)
        losses.append(value)
    assert history.loss == losses
    assert same_bits([trained.parameters], [stepped.parameters])
    vectors = [vector for name, vector in fitting.state.items() if name != "steps"]
    assert {vector.shape for vector in vectors} <= {trained.parameters.shape}
    assert [layer.b is not None for layer in trained.layers] == [*has_bias]


@patterns
def test_on_step_and_early_stopping_go_on(has_bias):
    """Copies of gradients have no db either, and the best weights come back."""
    net, seen = network(has_bias), []
    x, y = batch()
    stop = refnet.EarlyStopping(patience=1)
    refnet.fit(
        net,
        x,
        y,
        loss="mse",
        optimizer=refnet.SGD(lr=0.1),
        epochs=3,
        validation=(x, y),
        stop=stop,
        on_step=lambda step: seen.append([g.db is not None for g in step.gradients]),
    )
    assert seen == [[*has_bias]] * 3


def test_a_penalty_on_biases_is_on_those_that_there_are():
    """P' is added to the db of layer 2 alone, and C has its b alone."""
    net = network((False, True, False))
    x, y = batch()
    value, plain = net.loss_and_gradients(x, y, "mse")
    penalty = refnet.L2(0.5, biases=True)
    penalised, gradients = net.loss_and_gradients(x, y, "mse", penalty=penalty)
    assert penalised == value + penalty.cost(net.layers)
    assert [layer.db is None for layer in gradients] == [True, False, True]
    assert same_bits([gradients[1].db], [plain[1].db + 0.5 * net.layers[1].b])


# gradient checks


@patterns
@pytest.mark.parametrize("method", ["central", "complex"])
def test_the_gradient_check_lists_what_there_is(method, has_bias):
    """It passes, judges every entry, and has no row for a b that there is not."""
    net = network(has_bias)
    check = refnet.gradient_check(net, *batch(), "mse", method)
    names = [
        f"d{name}{l}"
        for l, has in enumerate(has_bias, start=1)
        for name in (("W", "b") if has else ("W",))
    ]
    assert check.passed
    assert (check.judged, check.unjudged) == (net.parameters.size, 0)
    assert [array.name for array in check.arrays] == names


def test_the_gradient_check_sees_a_wrong_gradient(monkeypatch):
    """Of the W above a layer without biases: its rows are counted from the right
    place.
    """

    def wrong(self, *given):
        gradients = backward(self, *given)
        gradients[1].dW[0, 1] += 1.0
        return gradients

    backward = Network.backward
    monkeypatch.setattr(Network, "backward", wrong)
    check = refnet.gradient_check(network((False, False, True)), *batch(), "mse")
    assert [(array.name, array.index) for array in check.arrays if array.off] == [("dW2", (0, 1))]


# the forms of tutorials


def whole_numbers():
    """A 2-3-1 network of integers whose first layer has no biases, with x and y for a
    batch of four: every form computes it exactly.
    """
    net = Network(
        [Dense([[1.0, -2.0], [3.0, 1.0], [0.0, 2.0]], None), Dense([[1.0, 2.0, -1.0]], [3.0])]
    )
    return net, [[1.0, 2.0], [0.0, -1.0], [3.0, 1.0], [2.0, 2.0]], [[8.0], [4.0], [16.0], [2.0]]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_no_db_where_there_is_no_b(form):
    """All else is what refnet computes."""
    net, x, y = whole_numbers()
    worked = form.gradient(net, x, y, "half_squared_error")
    value, gradients = net.loss_and_gradients(x, y, "half_squared_error")
    trace = net.forward(x)
    assert worked.loss == value
    assert worked.db[0] is None
    for l, (step, gradient) in enumerate(zip(trace, gradients, strict=True)):
        shown = (worked.z[l], worked.a[l], worked.delta[l], worked.dW[l])
        right = (step.z, step.a, gradient.delta, gradient.dW)
        assert all(np.array_equal(*pair) for pair in zip(shown, right, strict=True))
    assert np.array_equal(worked.db[1], gradients[1].db)


def test_a_step_of_the_accumulated_form():
    """It steps what there is, and refuses by name what would not be finite."""
    net, x, y = whole_numbers()
    other = net.copy()
    accumulated.step(net, x, y, "half_squared_error", 0.5)
    gradients = other.loss_and_gradients(x, y, "half_squared_error")[1]
    assert np.array_equal(net.parameters, other.parameters - 0.5 * gradients.vector)
    assert net.layers[0].b is None
    before = net.parameters.copy()
    with pytest.raises(FloatingPointError, match="new value"):
        accumulated.step(net, x, y, "half_squared_error", 1e308)
    assert np.array_equal(net.parameters, before)


def test_a_gate_without_b():
    """Z = W X, and backward leaves no db."""
    linear = graph.Linear([[1.0, 2.0]], None)
    assert linear.forward([[3.0], [5.0]]).tolist() == [[13.0]]
    assert linear.backward([[2.0]]).tolist() == [[2.0], [4.0]]
    assert (linear.dW.tolist(), linear.db) == ([[6.0, 10.0]], None)


# explanations


def explained(has_bias=(False, True, True), **given):
    return refnet.explain(network(has_bias), *batch(rows=1), "mse", 0.1, **given)


def test_an_explanation_shows_no_b_that_there_is_not():
    """z of layer 1 is a sum of products, nothing is said of its db, and the step has W
    alone.
    """
    net, (x, _) = network((False, True, True)), batch(rows=1)
    sections = explained().sections
    assert [(s.label, s.layer) for s in sections if s.label == "BP3"] == [("BP3", 3), ("BP3", 2)]
    said = str(explained())
    assert "Layer 1: 4 inputs, 3 units, Tanh, without biases" in said
    assert said.count("The layer has no biases, so there is no b^l to add.") == 1
    assert re.search(r"\bb\^1", said) is None
    assert "b^2_5 := " in said
    assert all(f"W^1_{j},{k} := " in said for j in (1, 2, 3) for k in (1, 2, 3, 4))
    (line,) = [line for line in said.splitlines() if line.startswith("  z^1_1 = ")]
    terms = line.split(" = ")[1]
    assert terms.count("*") == net.layers[0].fan_in == x.shape[1]
    for text in (explained().markdown(), explained().latex()):
        assert text.count("no biases, so there is no") == 1


def test_one_weight_of_a_layer_without_biases():
    """Its derivative is found path by path; a bias of the layer is refused."""
    last = str(explained(weight=(1, 2, 3)).sections[-1])
    assert "W^1_3,4" in last
    with pytest.raises(
        ValueError,
        match=re.escape(
            "explain: weight has (1, 0), expected (layer, row, column): layer 1 has no biases"
        ),
    ):
        explained(weight=(1, 0))
    assert "b^2_1" in str(explained(weight=(2, 0)).sections[-1])
