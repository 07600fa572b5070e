"""Dropout: the masks, a step with them, and what `fit` draws."""

import copy
import pickle
from fractions import Fraction
from math import comb, nextafter

import numpy as np
import pytest

import refnet
from refnet import Dense, Network, backprop, mlp, network
from refnet.regularisers import draw_masks

X = np.random.default_rng(5).normal(size=(6, 4))
Y = np.random.default_rng(6).integers(0, 3, 6)
KINDS = pytest.mark.parametrize("dtype", ["float64", "float32"])
# of the inputs, and of the two hidden layers
DROPS = [(0.2, (0.5, 0.25)), (0.0, (0.5, 0.0)), (0.3, (0.0, 0.0)), (0.0, (0.0, 0.9))]
each_drop = pytest.mark.parametrize(("of_inputs", "of_hidden"), DROPS)


def dropping(of_inputs=0.2, of_hidden=(0.5, 0.25), dtype="float64", sizes=(4, 5, 2, 3)):
    """A network that drops inputs and hidden units."""
    return mlp(
        sizes,
        ["tanh", "relu"],
        "identity",
        seed=3,
        dtype=dtype,
        dropout=of_hidden,
        input_dropout=of_inputs,
    )


def equal(some, others):
    """Whether two sequences of arrays or None have the same bits."""
    return len(some) == len(others) and all(
        a is b is None or (a.dtype == b.dtype and a.tobytes() == b.tobytes())
        for a, b in zip(some, others, strict=True)
    )


# The masks


@KINDS
@each_drop
def test_a_mask_is_0_or_the_scale(of_inputs, of_hidden, dtype):
    """Each entry is 0 or 1 / (1 - p) in the network's dtype; None where p is 0."""
    net = dropping(of_inputs, of_hidden, dtype)
    masks = net.draw_masks(200, np.random.default_rng(0))
    for layer, mask in zip(net.layers, masks, strict=True):
        if layer.dropout == 0.0:
            assert mask is None
            continue
        scale = net.dtype.type(1.0 / (1.0 - layer.dropout))
        assert mask.dtype == net.dtype
        assert mask.shape == (200, layer.fan_in)
        assert set(np.unique(mask)) == {net.dtype.type(0.0), scale}


def test_without_dropout_there_are_no_masks():
    """A network that drops nothing has none, and draws no number."""
    rng = np.random.default_rng(0)
    assert mlp([3, 4, 2]).draw_masks(5, rng) == ()
    assert rng.random() == np.random.default_rng(0).random()


def test_a_mask_is_made_of_the_generators_numbers():
    """One number each, layer by layer and row by row; 0 where it is less than p."""
    net = dropping(0.2, (0.5, 0.0))
    rng = np.random.default_rng(8)
    first, second = rng.random((7, 4)), rng.random((7, 5))
    expected = [(first >= 0.2) * (1.0 / (1.0 - 0.2)), (second >= 0.5) * 2.0]
    assert equal(net.draw_masks(7, np.random.default_rng(8)), [*expected, None])


def test_the_same_seed_gives_the_same_masks_in_both_dtypes():
    """Equal in one dtype; between the two the same entries are dropped."""
    net = dropping()
    masks, again, narrow = (
        kind.draw_masks(50, np.random.default_rng(4)) for kind in (net, net, net.astype("float32"))
    )
    other = net.draw_masks(50, np.random.default_rng(5))
    assert equal(masks, again)
    assert not equal(masks, other)
    assert equal([m != 0.0 for m in masks], [m != 0.0 for m in narrow])


def is_rare(count, n, p, odds):
    """Whether of n entries so many are dropped, or fewer, or so many or more, less
    often than once in `odds` draws: exact.
    """
    dropped, of = p.numerator, p.denominator

    def ways(counts):
        return sum(comb(n, k) * dropped**k * (of - dropped) ** (n - k) for k in counts)

    return odds * min(ways(range(count + 1)), ways(range(count, n + 1))) < of**n


@pytest.mark.parametrize("p", [Fraction(1, 10), Fraction(1, 5), Fraction(1, 2), Fraction(9, 10)])
def test_the_share_of_dropped_entries_is_the_probability(p):
    """Of 2,000 entries so many are dropped as a right program drops in all but one of a
    million draws; with p off by a quarter less than one in a thousand would be like it.
    """
    layer = Dense(np.ones((1, 10)), np.zeros(1), dropout=float(p))
    (mask,) = draw_masks([layer], 200, np.random.default_rng(1))
    count = int((mask == 0.0).sum())
    assert not is_rare(count, mask.size, p, 10**6)
    assert is_rare(count, mask.size, p * Fraction(3, 4), 10**3)


def test_p_just_below_1_and_just_above_0():
    """Both ends are taken: 1 / (1 - p) is finite, and 1 where p is tiny."""
    almost = nextafter(1.0, 0.0)
    net = Network([Dense(np.ones((1, 3)), np.zeros(1), dropout=almost)])
    assert not net.draw_masks(4, np.random.default_rng(0))[0].any()
    net = Network([Dense(np.ones((1, 3)), np.zeros(1), dropout=5e-324)])
    assert (net.draw_masks(4, np.random.default_rng(0))[0] == 1.0).all()


# A step with them


@KINDS
@each_drop
def test_forward_multiplies_what_a_layer_reads(of_inputs, of_hidden, dtype):
    """a_prev is the a below times the mask; z is of a_prev; the trace has the masks."""
    net = dropping(of_inputs, of_hidden, dtype)
    masks = net.draw_masks(6, np.random.default_rng(2))
    trace = net.forward(X, masks)
    below = X.astype(dtype)
    for layer, step, mask in zip(net.layers, trace, masks, strict=True):
        a_prev = below if mask is None else below * mask
        assert step.a_prev.tobytes() == a_prev.tobytes()
        assert step.z.tobytes() == (np.dot(a_prev, layer.W.T) + layer.b).tobytes()
        below = step.a
    assert equal(trace.masks, masks)


def test_backward_multiplies_by_the_mask_of_the_way_forward():
    """BP2 reads (delta W) * m; BP4 reads the masked input; dC/dx has the first mask."""
    net = dropping()
    masks = net.draw_masks(6, np.random.default_rng(2))
    trace = net.forward(X, masks)
    gradients = net.backward(trace, "softmax_cross_entropy", Y)
    for l in range(2):
        g = np.dot(gradients[l + 1].delta, net.layers[l + 1].W) * masks[l + 1]
        f, (_, z, a) = net.layers[l].activation, trace[l]
        assert gradients[l].delta.tobytes() == f.pullback(g, z, a).tobytes()
    for step, gradient in zip(trace, gradients, strict=True):
        assert gradient.dW.tobytes() == np.dot(gradient.delta.T, step.a_prev).tobytes()
    dx = np.dot(gradients[0].delta, net.layers[0].W) * masks[0]
    assert gradients.wrt_input(net).tobytes() == dx.tobytes()
    assert gradients.over(gradients.vector).wrt_input(net).tobytes() == dx.tobytes()


def test_a_dropped_unit_has_no_gradient():
    """A hidden unit that every row drops learns nothing, on either side of it."""
    net = dropping(0.0, (0.5, 0.0))
    mask = np.full((6, 5), 2.0)
    mask[:, 1] = 0.0
    _, gradients = net.loss_and_gradients(X, Y, "softmax_cross_entropy", masks=(None, mask, None))
    assert not gradients[0].dW[1].any()
    assert gradients[0].db[1] == 0.0
    assert not gradients[1].dW[:, 1].any()
    assert gradients[0].dW[0].any()


def test_loss_and_gradients_are_those_of_forward_and_backward():
    """With masks as without: the same bits."""
    net = dropping()
    masks = net.draw_masks(6, np.random.default_rng(2))
    trace = net.forward(X, masks)
    value, gradients = net.loss_and_gradients(X, Y, "softmax_cross_entropy", masks=masks)
    assert value == refnet.SoftmaxCrossEntropy().value(trace.output, Y)
    again = net.backward(trace, "softmax_cross_entropy", Y)
    assert gradients.vector.tobytes() == again.vector.tobytes()


def test_evaluation_drops_nothing():
    """predict, classify and accuracy are those of the same weights without dropout."""
    net = dropping()
    plain = dropping(0.0, (0.0, 0.0))
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    assert net.predict(X).tobytes() == plain.predict(X).tobytes()
    assert net.classify(X).tobytes() == plain.classify(X).tobytes()
    assert net.accuracy(X, Y) == plain.accuracy(X, Y)
    assert net.forward(X).masks == ()


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (4, 1, 2, 3)])
def test_width_1_and_one_row(sizes):
    """A dropped unit that is the only one leaves b alone."""
    net = dropping(0.0, (0.5, 0.0), sizes=sizes)
    mask = np.zeros((1, net.sizes[1]))
    trace = net.forward(np.ones((1, sizes[0])), (None, mask, None))
    assert trace[1].z.tobytes() == net.layers[1].b.tobytes()


@pytest.mark.parametrize("method", ["central", "complex"])
@each_drop
def test_the_gradient_is_that_of_the_cost_with_these_masks(of_inputs, of_hidden, method):
    """By differences of C in training with the same masks, in every layer."""
    net = mlp(
        (4, 5, 2, 3),
        ["tanh", "sigmoid"],
        "identity",
        seed=3,
        dropout=of_hidden,
        input_dropout=of_inputs,
    )
    masks = net.draw_masks(6, np.random.default_rng(2))
    check = refnet.gradient_check(net, X, Y, "softmax_cross_entropy", method=method, masks=masks)
    assert check.passed, str(check)
    assert check.unjudged == 0


def test_a_way_back_without_masks_fails_the_gradient_check(monkeypatch):
    """Where BP2 forgets them, the layers below are off."""
    net = dropping()
    masks = net.draw_masks(6, np.random.default_rng(2))

    def forgetful(layers, trace, loss, y, masks):
        return backprop.backward(layers, trace, loss, y)

    monkeypatch.setattr(network, "backward", forgetful)
    check = refnet.gradient_check(net, X, Y, "softmax_cross_entropy", masks=masks)
    assert [array.name for array in check.arrays if array.off] == ["dW1", "db1", "dW2", "db2"]


def test_masks_of_float32_are_checked_in_float64():
    """gradient_check copies the network into float64, and takes its masks along."""
    net = dropping(dtype="float32")
    masks = net.draw_masks(6, np.random.default_rng(2))
    check = refnet.gradient_check(net, X, Y, "softmax_cross_entropy", masks=masks)
    assert check.passed, str(check)


# What is refused


def masks_with(index, mask):
    """The masks of `dropping`, one of them replaced."""
    masks = [*dropping().draw_masks(6, np.random.default_rng(0))]
    masks[index] = mask
    return masks


BAD = {
    "an array": (np.ones((6, 4)), TypeError, r"Network: masks has type ndarray, expected a seq"),
    "None": (None, TypeError, r"Network: masks has type NoneType, expected a sequence"),
    "too few": ([None], ValueError, r"Network: masks has 1 entry, expected 3, one per layer"),
    "none given": (
        masks_with(1, None),
        ValueError,
        r"Dense 2 \(W 2x5\): mask has None, expected shape \(6, 5\) with dropout 0\.5",
    ),
    "another shape": (
        masks_with(0, np.zeros((5, 4))),
        ValueError,
        r"Dense 1 \(W 5x4\): mask has shape \(5, 4\), expected \(6, 4\)",
    ),
    "not scaled": (
        masks_with(2, np.ones((6, 2))),
        ValueError,
        r"Dense 3 \(W 3x2\): mask has 1 at row 0, column 0, expected 0 or 1 / \(1 - 0\.25\) = 1",
    ),
    "not finite": (masks_with(2, np.full((6, 2), np.nan)), ValueError, "finite values"),
    "text": (masks_with(2, [["a", "b"]] * 6), TypeError, "mask has dtype <U1, expected real"),
}


@pytest.mark.parametrize(("masks", "error", "match"), BAD.values(), ids=BAD)
def test_masks_that_do_not_fit_are_refused(masks, error, match):
    """Another kind, number, shape or value, by a sentence that says where."""
    with pytest.raises(error, match=match):
        dropping().forward(X, masks)


def test_a_mask_where_nothing_is_dropped_is_refused():
    """A layer without dropout takes none."""
    net = dropping(0.0, (0.5, 0.0))
    masks = [np.ones((6, 4)), *net.draw_masks(6, np.random.default_rng(0))[1:]]
    with pytest.raises(ValueError, match=r"mask has type ndarray, expected None with dropout 0"):
        net.forward(X, masks)


def test_a_mask_of_float32_counts_in_float64():
    """1 / (1 - p) may be rounded in the dtype that the mask comes in."""
    net = dropping(0.3, (0.3, 0.3))
    narrow = net.astype("float32").draw_masks(6, np.random.default_rng(0))
    assert equal(net.forward(X, narrow).masks, [mask.astype(float) for mask in narrow])


@pytest.mark.parametrize("p", [-0.1, 1.0, np.nan])
def test_a_probability_outside_of_its_range_is_refused(p):
    """[0, 1), of a layer, of hidden layers, and of inputs."""
    with pytest.raises(ValueError, match=r"Dense: dropout has"):
        Dense(np.ones((1, 1)), np.zeros(1), dropout=p)
    with pytest.raises(ValueError, match=r"mlp: dropout has"):
        mlp([1, 2, 1], dropout=p)
    with pytest.raises(ValueError, match=r"dropout has"):
        mlp([1, 2, 1], input_dropout=p)


@pytest.mark.parametrize("text", ["0.5", "x"])
def test_text_is_no_list_of_probabilities(text):
    """Though it is a sequence, of letters."""
    with pytest.raises(TypeError, match=r"^mlp: dropout has type str, expected a number$"):
        mlp([4, 5, 3], dropout=text)


def test_a_trace_that_has_lost_its_masks_is_refused():
    """BP2 needs them; a trace in evaluation has none, as a plain list too."""
    net = dropping()
    trace, plain = net.forward(X, net.draw_masks(6, np.random.default_rng(0))), net.forward(X)
    text = r"^Dense 2 \(W 2x5\): trace has a masked input but no masks, expected the Trace of"
    with pytest.raises(ValueError, match=text):
        net.backward(list(trace), "softmax_cross_entropy", Y)
    vectors = [
        net.backward(each, "softmax_cross_entropy", Y).vector
        for each in (plain, list(plain), copy.deepcopy(plain), copy.deepcopy(list(plain)))
    ]
    assert equal(vectors, vectors[:1] * 4)


def test_draw_masks_refuses_other_rows_and_generators():
    """At least one row, and a Generator."""
    with pytest.raises(ValueError, match=r"Network.draw_masks: rows has 0, expected an integer >"):
        dropping().draw_masks(0, np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"Network.draw_masks: rng has type int, expected Generato"):
        dropping().draw_masks(1, 0)


# Copies and words


def test_copies_drop_the_same():
    """A copy, a deep copy, a pickled one and one in another dtype."""
    net = dropping()
    drops = [layer.dropout for layer in net.layers]
    assert drops == [0.2, 0.5, 0.25]
    for other in (
        net.copy(),
        copy.copy(net),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),  # noqa: S301 - from this line
        net.astype("float32"),
        Network(net.layers),
    ):
        assert [layer.dropout for layer in other.layers] == drops


def test_repr_and_summary_say_what_is_dropped():
    """And say nothing of it where nothing is."""
    assert repr(dropping()) == (
        "<Network 4-5-2-3 (tanh, relu, identity; dropout 0.2, 0.5, 0.25), float64>"
    )
    head, _, *rows, _ = dropping(0.0, (0.5, 0.0)).summary().splitlines()
    assert head.endswith("  parameters  drops inputs")
    assert [row[head.index("drops") :].strip() for row in rows] == ["", "0.5", ""]
    assert "drop" not in dropping(0.0, (0.0, 0.0)).summary()
    assert "drop" not in repr(dropping(0.0, (0.0, 0.0)))


# fit


@KINDS
@each_drop
@pytest.mark.parametrize("looks_on", [True, False])
def test_fit_is_the_loop_by_hand(of_inputs, of_hidden, dtype, looks_on):
    """Permutation and masks from one generator, the last batch smaller: the same bits
    as the teaching form, whether somebody looks on or not.
    """
    net, by_hand = (dropping(of_inputs, of_hidden, dtype) for _ in range(2))
    x = X.astype(dtype)
    seen = []

    def look(step):
        seen.append([None if mask is None else mask.copy() for mask in step.trace.masks])

    settings = {"loss": "softmax_cross_entropy", "optimizer": refnet.Adam(lr=0.01), "epochs": 2}
    refnet.fit(net, x, Y, batch_size=4, seed=7, **settings, on_step=look if looks_on else None)
    rng, optimizer, drawn = np.random.default_rng(7), refnet.Adam(lr=0.01), []
    optimizer.bind(by_hand)
    for _ in range(2):
        order = rng.permutation(6)
        for rows in (order[:4], order[4:]):
            masks = by_hand.draw_masks(len(rows), rng)
            drawn.append(masks)
            _, gradients = by_hand.loss_and_gradients(
                x[rows], Y[rows], "softmax_cross_entropy", masks=masks
            )
            optimizer.step(by_hand, gradients)
    assert net.parameters.tobytes() == by_hand.parameters.tobytes()
    assert not looks_on or all(map(equal, seen, drawn))


def test_what_a_step_shows_is_the_teaching_form():
    """Trace, loss and gradients of on_step, with dC/dx, to the bit."""
    net, before = dropping(), dropping()
    steps = []

    def look(step):
        before.parameters[:] = step.before
        trace = before.forward(step.x, step.trace.masks)
        value, gradients = before.loss_and_gradients(
            step.x, step.y, "softmax_cross_entropy", masks=step.trace.masks
        )
        assert step.loss == value
        assert all(map(equal, step.trace, trace))
        assert all(map(equal, step.gradients, gradients))
        dx = step.gradients.wrt_input(before)
        assert dx.tobytes() == gradients.wrt_input(before).tobytes()
        steps.append(step)

    refnet.fit(
        net,
        X,
        Y,
        loss="softmax_cross_entropy",
        optimizer="sgd",
        epochs=2,
        batch_size=4,
        on_step=look,
    )
    assert len(steps) == 4


def test_validation_drops_nothing():
    """The validation loss is that of the weights alone."""
    net = dropping()
    history = refnet.fit(
        net, X, Y, loss="softmax_cross_entropy", optimizer="sgd", epochs=1, validation=(X, Y)
    )
    assert history.validation_loss == [refnet.SoftmaxCrossEntropy().value(net.predict(X), Y)]


def test_a_plain_network_trains_as_before():
    """Without dropout fit draws permutations alone."""
    nets = [mlp([4, 5, 3], seed=1), mlp([4, 5, 3], seed=1, dropout=0.0, input_dropout=0.0)]
    for net in nets:
        refnet.fit(net, X, Y, loss="cross_entropy", optimizer="sgd", epochs=2, batch_size=4)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
