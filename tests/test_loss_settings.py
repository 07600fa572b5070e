"""Settings of losses: what they accept and refuse, and losses as values."""

import copy
import inspect
import pickle
import re

import numpy as np
import pytest

import refnet
from refnet import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    HalfSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from refnet.losses import LOSSES

SET = [
    (MSE("sum"), "MSE(reduction='sum')"),
    (HalfSquaredError(reduction="sum"), "HalfSquaredError(reduction='sum')"),
    (MAE(reduction="sum"), "MAE(reduction='sum')"),
    (CrossEntropy([1, 2]), "CrossEntropy(weight=(1.0, 2.0))"),
    (CrossEntropy(ignore_index=np.int8(-100)), "CrossEntropy(ignore_index=-100)"),
    (
        SoftmaxCrossEntropy(np.array([1.0, 2.0]), 1, "sum", 0.1),
        (
            "SoftmaxCrossEntropy(weight=(1.0, 2.0), ignore_index=1, reduction='sum', "
            "label_smoothing=0.1)"
        ),
    ),
    (BinaryCrossEntropy((0.5,)), "BinaryCrossEntropy(weight=(0.5,))"),
    (SigmoidCrossEntropy(pos_weight=[3]), "SigmoidCrossEntropy(pos_weight=(3.0,))"),
]


def sentence(text):
    """The whole message, word for word."""
    return f"^{re.escape(text)}$"


# losses as values


@pytest.mark.parametrize(("loss", "text"), SET)
def test_a_loss_shows_its_settings_and_comes_back_from_them(loss, text):
    """Its repr makes an equal one; so do its settings, pickle and copies."""
    assert repr(loss) == text
    others = [
        eval(text, vars(refnet)),  # noqa: S307 - the texts above
        type(loss)(**loss.settings),
        pickle.loads(pickle.dumps(loss)),  # noqa: S301 - its own bytes
        copy.copy(loss),
        copy.deepcopy(loss),
    ]
    assert others == [loss] * 5
    assert {hash(other) for other in others} == {hash(loss)}


@pytest.mark.parametrize("kind", LOSSES.values())
def test_a_plain_loss_is_equal_to_itself_alone(kind):
    """Without settings it is shown as before, is equal to the loss of its name, and to
    no other and none with settings.
    """
    loss = kind()
    assert (repr(loss), loss.settings) == (kind.__name__, {})
    assert loss == kind(**kind.defaults)
    assert loss != kind(reduction="sum")
    assert [other for other in LOSSES.values() if other() == loss] == [kind]
    assert loss != type("Own", (kind,), {})()


def test_settings_are_plain_data():
    """Tuples of floats and plain numbers, which json and a hash take."""
    loss = SoftmaxCrossEntropy(np.float32([1, 2]), np.int64(3), label_smoothing=np.float32(0.5))
    assert loss.settings == {"weight": (1.0, 2.0), "ignore_index": 3, "label_smoothing": 0.5}
    assert {type(value) for value in loss.settings.values()} == {tuple, int, float}


@pytest.mark.parametrize("kind", LOSSES.values())
def test_defaults_are_those_of_the_constructor(kind):
    """`defaults` lists each argument with its default, in another order perhaps."""
    parameters = inspect.signature(kind).parameters
    assert {name: p.default for name, p in parameters.items()} == dict(kind.defaults)


# formulas


@pytest.mark.parametrize("kind", LOSSES.values())
def test_weighted_formulas_are_those_of_the_docstring(kind):
    """Each stands in the paragraph about weights, up to the end of a clause."""
    said = " ".join(kind.__doc__.split())
    said = said[said.index("With weights") :]
    lacking = [f for f in kind.weighted.values() if not re.search(re.escape(f) + r"[;,.]", said)]
    assert not lacking, f"{kind.__name__}: the docstring lacks {lacking}"
    assert {*kind.formulas} < {*kind.weighted}
    assert "D" in kind.weighted


# bad settings

BAD = [
    (lambda: MSE("none"), ValueError, "MSE: reduction has 'none', expected 'mean' or 'sum'"),
    (lambda: MAE(None), ValueError, "MAE: reduction has None, expected 'mean' or 'sum'"),
    (
        lambda: CrossEntropy([[1.0]]),
        ValueError,
        "CrossEntropy: weight has shape (1, 1), expected (k,)",
    ),
    (
        lambda: CrossEntropy([]),
        ValueError,
        "CrossEntropy: weight has shape (0,), expected (k,)",
    ),
    (
        lambda: SoftmaxCrossEntropy([1.0, -0.5]),
        ValueError,
        "SoftmaxCrossEntropy: weight has -0.5, expected weights >= 0",
    ),
    (
        lambda: BinaryCrossEntropy([np.nan]),
        ValueError,
        "BinaryCrossEntropy: weight has nan at row 0, expected finite values",
    ),
    (
        lambda: SigmoidCrossEntropy(pos_weight=2.0),
        ValueError,
        "SigmoidCrossEntropy: pos_weight has shape (), expected (k,)",
    ),
    (
        lambda: SigmoidCrossEntropy(pos_weight=["2"]),
        TypeError,
        "SigmoidCrossEntropy: pos_weight has dtype <U1, expected real numbers",
    ),
    (
        lambda: CrossEntropy(ignore_index=1.0),
        TypeError,
        "CrossEntropy: ignore_index has type float, expected an integer",
    ),
    (
        lambda: CrossEntropy(label_smoothing=-0.1),
        ValueError,
        "CrossEntropy: label_smoothing has -0.1, expected a finite number >= 0",
    ),
    (
        lambda: CrossEntropy(label_smoothing=1.5),
        ValueError,
        "CrossEntropy: label_smoothing has 1.5, expected a number in [0, 1]",
    ),
    (
        lambda: CrossEntropy(label_smoothing="0.1"),
        TypeError,
        "CrossEntropy: label_smoothing has type str, expected a number",
    ),
]


@pytest.mark.parametrize(("make", "error", "text"), BAD, ids=[text for *_, text in BAD])
def test_a_setting_that_cannot_be_is_refused(make, error, text):
    """At the constructor, where it says what and what it expected."""
    with pytest.raises(error, match=sentence(text)):
        make()


def step(loss, y, output="identity", dtype="float64", **given):
    """The first of a network of two inputs and three outputs."""
    net = refnet.mlp([2, 3], output=output, dtype=dtype)
    return net.loss_and_gradients([[1.0, 0.0], [0.0, 1.0]], y, loss, **given)


@pytest.mark.parametrize(
    ("loss", "y", "text"),
    [
        (
            SoftmaxCrossEntropy([1, 2]),
            [0, 1],
            "weight has shape (2,), expected (3,), one for each output",
        ),
        (
            SigmoidCrossEntropy(pos_weight=[1, 2, 3, 4]),
            np.zeros((2, 3)),
            "pos_weight has shape (4,), expected (3,), one for each output",
        ),
        (
            SigmoidCrossEntropy(weight=[1]),
            np.zeros((2, 3)),
            "weight has shape (1,), expected (3,), one for each output",
        ),
        (
            SoftmaxCrossEntropy(ignore_index=1),
            [[1, 0, 0], [0, 0, 1]],
            "y has distributions, expected labels (2,), as ignore_index is 1",
        ),
        (
            SoftmaxCrossEntropy(ignore_index=-100),
            [-100, -100],
            "y has the label -100 in every row, which is ignored, expected at least one other",
        ),
        (SoftmaxCrossEntropy(ignore_index=-1), [-2, 0], "y has label -2 at row 0, expected 0 to 2"),
        (
            SoftmaxCrossEntropy([0, 0, 1]),
            [0, 1],
            (
                "weights of the rows have the sum 0, expected a finite sum > 0; leave such rows "
                "out, take larger batches, or reduction='sum'"
            ),
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(loss, y, text):
    """With the network's outputs, or the targets, in the words of the loss."""
    with pytest.raises(ValueError, match=sentence(f"{loss}: {text}")):
        step(loss, y)


def test_a_weight_beyond_float32_is_refused():
    """It would be infinite in a network of float32; NumPy has nothing to warn of."""
    assert step(SoftmaxCrossEntropy([1e39, 1, 1]), [0, 1])[0] > 0.0
    loss = SoftmaxCrossEntropy([1e39, 1, 1])
    text = "SoftmaxCrossEntropy: weight has 1e+39, expected weights that float32 can hold"
    with pytest.raises(ValueError, match=sentence(text)):
        step(loss, [0, 1], dtype="float32")
    net = refnet.mlp([2, 3], output="identity", dtype="float32")
    with pytest.raises(ValueError, match=sentence(text)):
        refnet.fit(net, np.eye(2), [0, 1], loss=loss, optimizer="sgd", epochs=1)


def test_a_negative_ignore_index_leaves_distributions_alone():
    """PyTorch's default of -100 is no class, so it ignores nothing there."""
    y = [[1, 0, 0], [0, 0.5, 0.5]]
    value, _ = step(SoftmaxCrossEntropy(ignore_index=-100), y)
    assert value == step(SoftmaxCrossEntropy(ignore_index=-1), y)[0]


@pytest.mark.parametrize("kind", [CrossEntropy, SoftmaxCrossEntropy])
def test_a_sum_may_ignore_all(kind):
    """Its C is 0, and so are its gradients."""
    output = "softmax" if kind is CrossEntropy else "identity"
    value, gradients = step(kind(ignore_index=2, reduction="sum"), [2, 2], output)
    assert (value, np.abs(gradients.vector).max()) == (0.0, 0.0)


@pytest.mark.parametrize("label", [np.uint8(255), np.int16(-1)])
def test_an_ignored_label_may_be_of_any_integer_type(label):
    """Unsigned labels have no negative ones, and 255 is what images use."""
    loss = SoftmaxCrossEntropy(ignore_index=int(label))
    value, _ = step(loss, np.array([label, 1], label.dtype))
    assert value == step(loss, [int(label), 1])[0]


# weights of rows

BAD_WEIGHTS = [
    ([1.0], ValueError, "sample_weight has shape (1,), expected (2,)"),
    ([[1.0], [1.0]], ValueError, "sample_weight has shape (2, 1), expected (2,)"),
    ([1.0, -1.0], ValueError, "sample_weight has -1 at row 1, expected weights >= 0"),
    ([np.nan, 1.0], ValueError, "sample_weight has nan at row 0, expected finite values"),
    ([1.0, np.inf], ValueError, "sample_weight has inf at row 1, expected finite values"),
    ([0.0, 0.0], ValueError, "sample_weight has the sum 0, expected at least one weight > 0"),
    (["1", "2"], TypeError, "sample_weight has dtype <U1, expected real numbers"),
    ("balanced", TypeError, "sample_weight has dtype <U8, expected real numbers"),
]


@pytest.mark.parametrize(
    ("weights", "error", "text"), BAD_WEIGHTS, ids=[text for *_, text in BAD_WEIGHTS]
)
def test_weights_that_cannot_be_are_refused_everywhere(weights, error, text):
    """By the network's own methods, fit, gradient_check and explain, with nothing
    changed.
    """
    net, x, y = refnet.mlp([2, 3]), np.eye(2), [0, 1]
    loss, before = CrossEntropy(), net.parameters.tobytes()
    settings = {"loss": loss, "optimizer": "sgd", "epochs": 1, "sample_weight": weights}
    for call in (
        lambda: net.loss_and_gradients(x, y, loss, weights),
        lambda: net.backward(net.forward(x), loss, y, weights),
        lambda: refnet.fit(net, x, y, **settings),
        lambda: refnet.gradient_check(net, x, y, loss, sample_weight=weights),
        lambda: refnet.explain(net, x, y, loss, 0.1, sample_weight=weights),
    ):
        with pytest.raises(error, match=sentence(text)):
            call()
    assert net.parameters.tobytes() == before


def test_a_sum_of_weights_beyond_the_range_is_refused():
    """It would divide everything to 0."""
    with pytest.raises(
        ValueError,
        match=r"^MSE: weights of the rows have the sum inf, expected a finite sum > 0; scale "
        r"the weights down$",
    ):
        step(MSE(), np.zeros((2, 3)), sample_weight=[1e308, 1e308])
    # 3e38 is within float32, and 3 outputs times it is not
    with pytest.raises(ValueError, match=r"^MSE: weights of the rows have the sum inf, "):
        step(MSE(), np.zeros((2, 3)), dtype="float32", sample_weight=[3e38, 0.0])


def test_the_least_weights_there_are_count_as_others():
    """Of two rows with the least subnormal each counts half."""
    y, least = np.ones((2, 3)), 2.0**-1074
    assert (
        step(MSE(), y, sample_weight=[least, least])[0] == step(MSE(), y, sample_weight=[1, 1])[0]
    )


class Unaware(refnet.Loss):
    """A loss of one's own that knows nothing of weights."""

    name, reads, outputs = "unaware", "values", ()

    def value(self, a, y):
        return float(((a - y) ** 2).sum())

    def gradient(self, a, y):
        return 2.0 * (a - y)


class Aware(Unaware):
    """The same with weights, which stand in its sum."""

    def value(self, a, y, sample_weight=None):
        s = np.ones(len(a)) if sample_weight is None else sample_weight
        return float((s[:, np.newaxis] * (a - y) ** 2).sum() / self.D(a, y, sample_weight))

    def gradient(self, a, y, sample_weight=None):
        return 2.0 * (a - y) * self.shares(a, y, sample_weight)[:, np.newaxis]


def test_a_loss_of_ones_own_need_not_know_of_weights():
    """Without weights it trains; with them it is refused before anything changes, in a
    sentence that says what it lacks.
    """
    net, x, y = refnet.mlp([2, 3]), np.eye(2), np.zeros((2, 3))
    settings = {"loss": Unaware(), "optimizer": "sgd", "epochs": 1}
    refnet.fit(net, x, y, **settings)
    before = net.parameters.tobytes()
    text = (
        "Unaware: value takes (a, y), expected (a, y, sample_weight=None), as sample_weight is "
        "given"
    )
    for call in (
        lambda: refnet.fit(net, x, y, sample_weight=[1, 2], **settings),
        lambda: net.loss_and_gradients(x, y, Unaware(), [1, 2]),
        lambda: net.backward(net.forward(x), Unaware(), y, [1, 2]),
        lambda: refnet.gradient_check(net, x, y, Unaware(), sample_weight=[1, 2]),
        lambda: refnet.explain(net, x, y, Unaware(), 0.1, sample_weight=[1, 2]),
    ):
        with pytest.raises(TypeError, match=sentence(text)):
            call()
    assert net.parameters.tobytes() == before


class ByKeyword(Aware):
    """Its weights come by keyword alone, where fit gives them by their place."""

    def value(self, a, y, *, sample_weight=None):
        return super().value(a, y, sample_weight)


def test_a_loss_that_takes_weights_by_keyword_alone_is_refused():
    """Before anything changes, in the sentence that says what it should take."""
    net, optimizer = refnet.mlp([2, 3], output="tanh"), refnet.Adam()
    data = np.eye(2), np.zeros((2, 3))
    text = (
        "ByKeyword: value takes (a, y, *, sample_weight), expected (a, y, sample_weight=None), "
        "as sample_weight is given"
    )
    settings = {"loss": ByKeyword(), "optimizer": optimizer, "epochs": 1}
    with pytest.raises(TypeError, match=sentence(text)):
        refnet.fit(net, *data, sample_weight=[1, 2], **settings)
    assert optimizer.state == {"steps": 0}
    assert len(refnet.fit(net, *data, **settings).loss) == 1


def test_a_loss_of_ones_own_may_know_of_weights():
    """It gets them in training, in checks and in explanations."""
    net, x, y = refnet.mlp([2, 3], output="tanh"), np.eye(2), np.zeros((2, 3))
    assert refnet.gradient_check(net, x, y, Aware(), sample_weight=[1, 2]).passed
    value, _ = net.loss_and_gradients(x, y, Aware(), [1, 2])
    settings = {"optimizer": "sgd", "epochs": 1, "sample_weight": [1, 2]}
    assert refnet.fit(net.copy(), x, y, loss=Aware(), **settings).loss == [value]
    assert "C = loss(a^L, y)" in str(refnet.explain(net, x, y, Aware(), 0.1, sample_weight=[1, 2]))


@pytest.mark.parametrize("power", [1015, 600, -600, -1070])
def test_the_loss_of_an_epoch_is_that_of_weights_of_any_size(power):
    """Weights times a power of 2 change no bit of it, where the sum over the rows would
    overflow, or be lost below the smallest floats.
    """
    rng = np.random.default_rng(0)
    net, x, y = refnet.mlp([2, 3], output="identity"), rng.normal(size=(7, 2)), np.eye(7, 3) * 1e4
    settings = {"loss": "mse", "optimizer": refnet.SGD(0.0), "epochs": 2, "batch_size": 3}
    weights = np.array([1, 2, 1, 3, 1, 0, 5])
    losses = [
        refnet.fit(net, x, y, sample_weight=weights * scale, **settings).loss
        for scale in (1.0, 2.0**power)
    ]
    assert losses[0] == losses[1]
