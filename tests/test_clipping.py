"""Clipping: by hand, at its edges, in the steps of `fit`, and what is not finite."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.blockwise import BLOCK
from refnet.clipping import CLIPPINGS, TINY, ClipNorm, Clipping, ClipValue

DTYPES = ("float64", "float32")
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def clipped(clipping, *entries, dtype="float64"):
    """The entries, clipped."""
    g = np.array(entries, dtype)
    with np.errstate(all="ignore"):  # as in fit
        clipping.clip_into(g)
    return g


def batch(dtype="float64", rows=6):
    """A network, x and y."""
    rng = np.random.default_rng(3)
    net = refnet.mlp((4, 5, 3), "tanh", "identity", seed=2, dtype=dtype)
    return net, rng.normal(size=(rows, 4)).astype(dtype), rng.normal(size=(rows, 3)).astype(dtype)


def test_the_norm_by_hand():
    """|(3, 4)| is 5: at most 2.5 halves it, but for 1e-6, and at most 5 nearly keeps
    it.
    """
    for limit in (2.5, 5.0):
        share = limit / (5.0 + TINY)
        assert clipped(ClipNorm(limit), 3.0, 4.0).tolist() == [3.0 * share, 4.0 * share]
    assert clipped(ClipNorm(5.0 + 2 * TINY), 3.0, 4.0).tolist() == [3.0, 4.0]


@each_dtype
@given(
    entries=st.lists(st.integers(-9, 9), min_size=1, max_size=9),
    limit=st.integers(0, 40).map(float),
)
def test_the_norm_is_exact_where_the_squares_are(dtype, entries, limit):
    """The sum of the squares of integers is exact: what is left rounds as written."""
    square = sum(Fraction(entry) ** 2 for entry in entries)
    share = limit / (float(square) ** 0.5 + TINY)
    g = np.array(entries, dtype)
    expected = g * share if share < 1.0 else g
    assert clipped(ClipNorm(limit), *entries, dtype=dtype).tobytes() == expected.tobytes()


@each_dtype
def test_a_norm_whose_square_overflows(dtype):
    """(3, 4, 0) m of a huge m is (3, 4, 0)/5 of the limit, where PyTorch makes it 0;
    what is shorter than the limit stays.
    """
    info = np.finfo(dtype)
    huge = float(2.0 ** (info.maxexp - 4))
    g = clipped(ClipNorm(5.0), 3 * huge, 4 * huge, 0.0, dtype=dtype)
    # the squares of (3/4, 1) are exact, and so are their sum and its root, 5/4: what
    # rounds is the product alone, by 5 / (5/4) = 4
    assert g[:2].tolist() == [3.0, 4.0]
    assert g[2] == 0.0
    kept = clipped(ClipNorm(float(info.max)), 3 * huge, 4 * huge, 0.0, dtype=dtype)
    assert kept.tolist() == [3 * huge, 4 * huge, 0.0]


@each_dtype
def test_a_norm_beyond_the_largest_float(dtype):
    """Equal entries of the largest number, in more than one block: each becomes the
    limit over the root of their number, where that is exact.
    """
    count = 4 * BLOCK
    g = np.full(count, np.finfo(dtype).max, dtype)
    with np.errstate(all="ignore"):
        ClipNorm(1.0).clip_into(g)
    assert (g == np.dtype(dtype).type(1.0 / count**0.5)).all()


@each_dtype
def test_squares_that_underflow_are_nothing_beside_the_constant(dtype):
    """The norm of subnormal numbers is 0 or nearly: 1e-6 is added to it, so that the
    share is limit / 1e-6.
    """
    smallest = float(np.finfo(dtype).smallest_subnormal)
    g = clipped(ClipNorm(0.5 * TINY), 8 * smallest, -4 * smallest, dtype=dtype)
    assert g.tolist() == [4 * smallest, -2 * smallest]
    assert clipped(ClipNorm(1.0), smallest, dtype=dtype).tolist() == [smallest]


def test_a_limit_of_0_makes_everything_0():
    """As in PyTorch; no step is taken by it."""
    for clipping in (ClipNorm(0.0), ClipValue(0.0)):
        assert clipped(clipping, 3.0, -4.0, 0.0).tolist() == [0.0, 0.0, 0.0]
    assert clipped(ClipNorm(0.0), 1e300, -1e300).tolist() == [0.0, 0.0]


def test_values_by_hand():
    """Each entry between -2 and 2; signs of zero stay."""
    g = clipped(ClipValue(2.0), 3.0, -4.0, 2.0, -2.0, 0.5, -0.0, 1e300, -1e300)
    assert g.tolist() == [2.0, -2.0, 2.0, -2.0, 0.5, 0.0, 2.0, -2.0]
    assert np.signbit(g[5])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clipping", [ClipNorm(1.0), ClipValue(1.0)], ids=repr)
def test_what_is_not_finite_is_left_for_the_step_to_refuse(clipping, bad):
    """Where PyTorch clips inf to the limit, or makes all other entries 0."""
    g = np.array([3.0, bad, -4.0])
    before = g.tobytes()
    with np.errstate(all="ignore"):
        clipping.clip_into(g)
    assert g.tobytes() == before


@pytest.mark.parametrize("clip", [{"clip_norm": 1.0}, {"clip_value": 1.0}], ids=repr)
def test_fit_refuses_a_gradient_that_is_not_finite_by_name(clip):
    """As without clipping, with nothing changed."""
    net, x, y = batch()
    net.layers[1].b[1] = 1e300
    before = net.parameters.tobytes()
    message = r"^epoch 1, batch 1: layer 2: gradient of b has inf at \[1\], expected finite values"
    penalty = refnet.L2(1e10, biases=True)
    with pytest.raises(FloatingPointError, match=message):
        refnet.fit(net, x, y, loss="mse", optimizer="sgd", epochs=1, penalty=penalty, **clip)
    assert net.parameters.tobytes() == before


@each_dtype
@pytest.mark.parametrize("clip", [{"clip_norm": 0.1}, {"clip_value": 0.05}], ids=repr)
@pytest.mark.parametrize("penalty", [None, refnet.L2(0.1)], ids=repr)
def test_fit_clips_before_each_step(dtype, clip, penalty):
    """Its weights are those of steps by hand, whoever looks on; on_step gets the
    gradients of before.
    """
    (net, x, y), seen = batch(dtype), []
    watched, by_hand, optimizer = net.copy(), net.copy(), refnet.SGD(0.5, 0.9)
    for _ in range(3):
        gradients = by_hand.loss_and_gradients(x, y, "mse", penalty=penalty)[1]
        optimizer.step(by_hand, Clipping.of(**clip).clipped(gradients))
    given_to_fit = {"loss": "mse", "epochs": 3, "penalty": penalty, **clip}
    refnet.fit(net, x, y, optimizer=refnet.SGD(0.5, 0.9), **given_to_fit)
    refnet.fit(watched, x, y, optimizer=refnet.SGD(0.5, 0.9), on_step=seen.append, **given_to_fit)
    assert net.parameters.tobytes() == by_hand.parameters.tobytes()
    assert watched.parameters.tobytes() == by_hand.parameters.tobytes()
    start = batch(dtype)[0]
    unclipped = start.loss_and_gradients(x, y, "mse", penalty=penalty)[1]
    assert seen[0].gradients.vector.tobytes() == unclipped.vector.tobytes()


def test_the_norm_is_that_of_all_layers():
    """Every dW and db is multiplied by the same share; the deltas are those of
    before.
    """
    net, x, y = batch()
    gradients = net.loss_and_gradients(x, y, "mse")[1]
    short = ClipNorm(0.1).clipped(gradients)
    vector = gradients.vector
    share = 0.1 / (float(np.sqrt(np.dot(vector, vector))) + TINY)
    for before, after in zip(gradients, short, strict=True):
        assert after.dW.tobytes() == (before.dW * share).tobytes()
        assert after.db.tobytes() == (before.db * share).tobytes()
        assert after.delta is before.delta
    assert gradients.vector.tobytes() == vector.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Clipping.of(1.0, 1.0),
            ValueError,
            r"^fit: clip_norm and clip_value are both given, expected one of them",
        ),
        (
            lambda: Clipping.of(-1.0),
            ValueError,
            r"^clip_norm: limit has -1.0, expected a finite number >= 0$",
        ),
        (
            lambda: Clipping.of(clip_value=np.inf),
            ValueError,
            r"^clip_value: limit has inf, expected a finite number >= 0$",
        ),
        (lambda: Clipping.of("1"), TypeError, r"^clip_norm: limit has type str, expected a number"),
        (lambda: Clipping.of(True), TypeError, r"^clip_norm: limit has type bool, expected a"),
    ],
)
def test_unusable_limits_are_refused(make, error, message):
    """With what they have and what is expected."""
    with pytest.raises(error, match=message):
        make()


def test_fit_refuses_both_before_anything_changes():
    """As every other argument."""
    net, x, y = batch()
    before = net.parameters.tobytes()
    with pytest.raises(ValueError, match=r"^fit: clip_norm and clip_value are both given"):
        refnet.fit(net, x, y, loss="mse", optimizer="sgd", epochs=1, clip_norm=1, clip_value=1)
    assert net.parameters.tobytes() == before


def test_each_has_its_name():
    """The names that records keep."""
    assert {kind.name: kind for kind in (ClipNorm, ClipValue)} == CLIPPINGS
    assert (repr(Clipping.of(2)), repr(Clipping.of(None, 0.5))) == (
        "clip_norm=2.0",
        "clip_value=0.5",
    )
    assert Clipping.of() is None
