"""Training that is no longer finite stops at that step, which it names, with the last
finite weights.
"""

import re

import numpy as np
import pytest

import refnet

RNG = np.random.default_rng(11)
X, VALUES = RNG.standard_normal((6, 3)), RNG.standard_normal((6, 2))


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


NOT_FINITE = (
    r"layer [12]: (gradient|new value) of [Wb] has (-?inf|nan) at \[\d(, \d)?\], expected finite "
    r"values; no parameter was changed"
)


@pytest.mark.parametrize(
    ("batch_size", "dtype"), [(None, "float64"), (2, "float64"), (1, "float32")]
)
def test_divergence_is_named_at_its_step_with_the_last_finite_weights(batch_size, dtype):
    """Training that runs away raises at the step that would not be finite, naming
    epoch, batch and layer; the weights before it stay.
    """
    net, other = (
        refnet.mlp([3, 5, 2], hidden="relu", output="identity", dtype=dtype) for _ in range(2)
    )
    optimizer, by_hand, steps = refnet.SGD(lr=1e5), refnet.SGD(lr=1e5), []
    settings = {
        "epochs": 50,
        "batch_size": batch_size,
        "shuffle": False,
        "schedule": lambda lr, _: lr,
        "on_step": steps.append,
    }
    with pytest.raises(FloatingPointError) as caught:
        refnet.fit(net, X, VALUES, loss="mse", optimizer=optimizer, **settings)
    batches = list(refnet.minibatches(6, batch_size, None))
    with np.errstate(all="ignore"):  # the loss overflows some steps before the weights do
        for i in range(len(steps)):
            rows = batches[i % len(batches)]
            by_hand.step(other, other.loss_and_gradients(X[rows], VALUES[rows], "mse")[1])
    assert steps
    assert re.fullmatch(
        f"epoch {len(steps) // len(batches) + 1}, batch {len(steps) % len(batches) + 1}: "
        f"{NOT_FINITE}",
        str(caught.value),
    )
    assert np.isfinite(net.parameters).all()
    assert net.parameters.tobytes() == other.parameters.tobytes()
    assert optimizer.lr == 1e5


def test_divergence_in_one_sentence():
    """A row of 1e150 makes dW = 1e300 and, once lr is 1e100, a step of 1e400: epoch,
    batch, layer, array and index are named.
    """
    net, optimizer, rates = (
        refnet.Network([refnet.Dense([[1.0]], [0.0])]),
        refnet.SGD(lr=0.5),
        [0.0, 1e100],
    )
    settings = {
        "epochs": 2,
        "batch_size": 1,
        "shuffle": False,
        "schedule": lambda lr, epoch: rates[epoch],
    }
    sentence = (
        "epoch 2, batch 2: layer 1: new value of W has -inf at [0, 0], expected finite values; "
        "no parameter was changed"
    )
    with refuses(FloatingPointError, sentence):
        refnet.fit(
            net,
            [[0.0], [1e150]],
            [[0.0], [0.0]],
            loss="half_squared_error",
            optimizer=optimizer,
            **settings,
        )
    assert (net.parameters.tolist(), optimizer.lr) == ([1.0, 0.0], 0.5)


def test_probability_without_gradient_is_named_at_its_step():
    """A probability that has become 0 against its label raises with epoch and batch,
    and points at the loss on logits.
    """
    net = refnet.Network([refnet.Dense([[1.0], [-1.0]], [0.0, 0.0], "softmax")])
    want = "expected one with a finite reciprocal; SoftmaxCrossEntropy on logits has no such limit"
    with refuses(
        ValueError,
        f"epoch 1, batch 2: CrossEntropy: probability given to the target has 0 at row 0, class "
        f"1, {want}",
    ):
        refnet.fit(
            net,
            [[0.0], [1e4]],
            [0, 1],
            loss="cross_entropy",
            optimizer=refnet.SGD(lr=0.0),
            epochs=1,
            batch_size=1,
            shuffle=False,
        )
    assert net.parameters.tolist() == [1.0, -1.0, 0.0, 0.0]
