"""Floating-point flags: refnet is silent where its results are finite, whatever flags
were left on the way, and NumPy speaks where they are not.
"""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import refnet
from refnet.activations import ACTIVATIONS
from refnet.flags import quiet_where_finite
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

# the decorator


@quiet_where_finite
def through(x, *, then=np.array):
    """What `then` makes of x, after an overflow, a division by zero, an invalid number
    and an underflow that nobody keeps.
    """
    for waste in (1e308 * x * 10.0, 1.0 / np.zeros(1), np.log(-np.ones(1)), np.exp(-800.0 * x)):
        del waste
    return then(x)


@pytest.mark.parametrize(
    "then",
    [
        np.array,
        lambda x: float(x[0]),
        lambda x: (1.0, (x, x)),
        lambda x: x[:0],
        lambda x: (1.0, ((x, None), (x, x))),
    ],
    ids=["array", "number", "tuple", "nothing", "no gradient of a bias"],
)
@pytest.mark.parametrize("state", ["warn", "raise", "log"])
def test_flags_on_the_way_to_finite_results_are_silent(then, state):
    """An array, a number, tuples of tuples, nothing at all, gradients of layers without
    biases: not warned of, raised or logged (where there is no log, an error), and the
    caller finds NumPy as it was.
    """
    with np.errstate(all=state):
        before = np.geterr()
        result = through(np.ones(1), then=then)
        assert np.geterr() == before
    assert type(result) is type(then(np.ones(1)))


@pytest.mark.parametrize(
    "then",
    [lambda x: x / 0.0, lambda x: float(x[0]) * np.inf, lambda x: (1.0, (x, x * np.nan))],
    ids=["array", "number", "tuple"],
)
def test_a_result_that_is_not_finite_is_told_of_as_numpy_tells(then):
    """It warns of all four, or raises the first, as the caller's np.errstate has it."""
    with np.errstate(all="warn"), warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        through(np.ones(1), then=then)
    words = " ".join(str(warning.message) for warning in given)
    assert all(word in words for word in ("overflow", "divide by zero", "invalid", "underflow"))
    with (
        np.errstate(all="raise"),
        pytest.raises(FloatingPointError, match="overflow encountered in multiply"),
    ):
        through(np.ones(1), then=then)
    with np.errstate(all="ignore"):
        assert through(np.ones(1), then=lambda x: x / 0.0) == np.inf


def test_what_leaves_no_flag_is_called_once():
    """An infinite number that was there before is no news: nothing is computed anew."""
    calls = []
    twice = quiet_where_finite(lambda x: (calls.append(x), x)[1])
    assert twice(np.inf) == np.inf
    assert calls == [np.inf]


# a BLAS that leaves flags for lanes that it throws away


@pytest.fixture
def false_flags(monkeypatch):
    """All four flags after each np.dot, as NumPy looks for them there; its numbers stay
    as they are.
    """
    dot = np.dot

    def flagged(*given, **out):
        product = dot(*given, **out)
        largest, zero = np.array([1e308, 1e-308]), np.zeros(1)
        for flag in (largest * largest, 1.0 / zero, np.log(zero - 1.0)):
            del flag
        return product

    monkeypatch.setattr(np, "dot", flagged)


PAIRS = [
    ("cross_entropy", "softmax"),
    ("softmax_cross_entropy", "identity"),
    ("binary_cross_entropy", "sigmoid"),
    ("sigmoid_cross_entropy", "identity"),
    ("mse", "tanh"),
]


def problem(loss, output, dtype):
    rng = np.random.default_rng(4)
    net = refnet.mlp([3, 4, 2], hidden="tanh", output=output, dtype=dtype)
    on_classes = loss in ("cross_entropy", "softmax_cross_entropy")
    y = rng.integers(0, 2, 5) if on_classes else rng.uniform(size=(5, 2))
    return net, rng.standard_normal((5, 3)), y


@pytest.mark.parametrize(("loss", "output"), PAIRS)
@pytest.mark.parametrize(("dtype", "state"), [("float32", "warn"), ("float64", "raise")])
def test_no_door_heeds_false_flags(false_flags, loss, output, dtype, state):
    """predict, the gradients, gradient_check, explain, fit and its validation give what
    they gave, in silence; a warning is an error here.
    """
    net, x, y = problem(loss, output, dtype)

    def doors():
        _, gradients = net.loss_and_gradients(x, y, loss)
        trained, watched = net.copy(), net.copy()
        settings = {"loss": loss, "optimizer": "adam", "epochs": 2, "validation": (x, y)}
        histories = [
            refnet.fit(trained, x, y, batch_size=2, **settings),
            refnet.fit(watched, x, y, **settings, on_step=lambda _: None),
        ]
        stepped = net.copy()
        refnet.SGD(lr=0.1).step(stepped, gradients)
        return [
            *(array.tobytes() for array in (net.predict(x), net.classify(x), gradients.vector)),
            gradients.wrt_input(net).tobytes(),
            *(each.parameters.tobytes() for each in (trained, watched, stepped)),
            repr(histories[0].validation_loss + histories[1].validation_loss),
            str(refnet.gradient_check(net, x, y, loss)),
            str(refnet.explain(net, x, y, loss, lr=0.1, weight=(1, 0, 0))),
        ]

    with np.errstate(all="ignore"):
        expected = doors()
    with np.errstate(all=state), pytest.raises((RuntimeWarning, FloatingPointError)):
        np.dot(x, x.T)
    with np.errstate(all=state):
        assert doors() == expected


@pytest.mark.parametrize("call", ["predict", "forward", "loss_and_gradients"])
def test_an_output_that_is_not_finite_is_still_told_of(call):
    """Where z itself overflows NumPy warns, and raises where it is told to."""
    net = refnet.Network([refnet.Dense([[1e300]], [0.0])])
    given = ([[1e300]],) if call != "loss_and_gradients" else ([[1e300]], [[0.0]], "mse")
    with pytest.raises(RuntimeWarning, match="overflow encountered in dot"):
        getattr(net, call)(*given)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        getattr(net, call)(*given)
    with np.errstate(all="ignore"):
        assert net.predict([[1e300]]) == np.inf


def test_an_output_that_saturates_is_finite():
    """The sigmoid of an infinite z is 1, and predict gives nothing else."""
    net = refnet.Network([refnet.Dense([[1e300]], [0.0], "sigmoid")])
    with np.errstate(all="raise"):
        assert net.predict([[1e300]]) == 1.0


def test_numbers_that_vanish_in_float32_pass_every_door():
    """x and y of 1e-60 become 0 in a float32 network, where underflow raises too."""
    net, x, y = refnet.mlp([1, 1], output="identity", dtype="float32"), [[1e-60]], [[1e-60]]
    with np.errstate(all="raise"):
        history = refnet.fit(net, x, y, loss="mse", optimizer="sgd", epochs=1, validation=(x, y))
        assert np.isfinite(history.loss + history.validation_loss).all()


# every activation, loss and rule, with numbers that leave flags

# an example draws twelve of the 22 numbers and tries every class on them
few = settings(max_examples=25)


def special(dtype):
    """Zeros, subnormal numbers, the smallest normal, ones whose exponential over- or
    underflows, whose square does, and the largest.
    """
    limits = np.finfo(dtype)
    sizes = [0.0, limits.smallest_subnormal, limits.tiny, limits.eps, 0.3, 1.0, 90.0, 800.0]
    sizes += [limits.max**0.5 * 2.0, limits.max / 4.0, limits.max]
    return [dtype(sign * size) for size in sizes for sign in (1, -1)]


@st.composite
def cases(draw):
    """Two arrays (2, 3) of special numbers in one dtype."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    numbers = st.lists(st.sampled_from(special(dtype)), min_size=6, max_size=6)
    return tuple(np.array(draw(numbers), dtype).reshape(2, 3) for _ in range(2))


def says(compute, state):
    """The bits of what it gives, or the sentence of its refusal."""
    with np.errstate(all=state):
        try:
            return True, compute()
        except ValueError as error:
            return True, str(error)
        except FloatingPointError as error:
            return False, str(error)


def heeds_results_alone(compute):
    """Whether, where NumPy raises on everything, it does so exactly where the result is
    not finite, and else gives the same bits.
    """
    _, expected = says(compute, "ignore")
    came, result = says(compute, "raise")
    if isinstance(expected, str):
        return came and result == expected
    if not np.isfinite(expected).all():
        return not came
    return came and np.asarray(result).tobytes() == np.asarray(expected).tobytes()


@few
@given(cases())
@example((np.full((2, 3), -800.0), np.full((2, 3), 1e-320)))
@example((np.array([[1.7e308, -1.7e308, 0.0]] * 2), np.ones((2, 3))))
def test_activations_heed_their_results_alone(case):
    """f, f' and the pullback, where exp, a square or a difference goes out of range."""
    z, grad_a = case
    for kind in ACTIVATIONS.values():
        f = kind()
        assert heeds_results_alone(lambda f=f: f.value(z)), f
        if f.trainable:
            with np.errstate(all="ignore"):
                a = f.value(z)
            assert heeds_results_alone(lambda f=f, a=a: f.pullback(grad_a, z, a)), f
            if isinstance(f, refnet.Elementwise):
                assert heeds_results_alone(lambda f=f, a=a: f.derivative(z, a)), f


@few
@given(cases())
@example((np.array([[0.0, 1e-320, 1.0]] * 2), np.array([[0.0, 1.0, 1.0]] * 2)))
def test_losses_heed_their_results_alone(case):
    """C and its gradient, on values and logits of any size, and on probabilities that
    are 0, subnormal or 1.
    """
    for kind in LOSSES.values():
        loss, (a, y) = kind(), case
        if loss.reads == "probabilities":
            a = np.minimum(np.abs(a), a.dtype.type(1.0))
        if loss.reads != "values":
            y = np.minimum(np.abs(y), y.dtype.type(1.0))
        assert heeds_results_alone(lambda loss=loss, a=a, y=y: loss.value(a, y)), loss
        assert heeds_results_alone(lambda loss=loss, a=a, y=y: loss.gradient(a, y)), loss


RULES = [
    *OPTIMIZERS.values(),
    lambda: refnet.SGD(lr=1e-30, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda: refnet.RMSprop(centered=True, momentum=0.5),
    lambda: refnet.Adam(amsgrad=True, weight_decay=1e-30),
]


@few
@given(cases())
@example((np.full((2, 3), 1e-320), np.full((2, 3), 1e-200)))
def test_optimizers_refuse_by_name_or_are_silent(case):
    """Two steps of every rule give the same parameters where NumPy raises, or the same
    refusal with layer and index.
    """
    theta, g = case
    for make in RULES:

        def steps(make=make):
            net = refnet.mlp([3, 2], output="identity", dtype=theta.dtype)
            net.layers[0].W[...] = theta
            optimizer = make()
            one = refnet.LayerGradient(g, g, g[:, 0])
            for _ in range(2):
                optimizer.step(net, refnet.Gradients([one]))
            return net.parameters.tobytes()

        with np.errstate(all="ignore"):
            came, expected = says(steps, "ignore")
        assert says(steps, "raise") == (came, expected)
        assert came or expected.startswith("layer 1: ")
