"""Checking gradients: differences of the cost, how far off they are themselves, and
mistakes that a rule of thumb lets pass.

    python examples/check_gradients.py [--plot DIR]

A difference quotient is off by its truncation, which grows with its step h, and by
rounding, which grows with 1/h. refnet.gradient_check estimates both and judges each
entry by that. The rule of thumb compares norms, |g - n| / (|g| + |n|), with 1e-7,
whatever the network. Sources: Squire and Trapp, Using complex variables to estimate
derivatives of real functions (1998), for the complex step.
"""

from functools import cache, partial
from types import SimpleNamespace

import numpy as np

import refnet
from printed import Printed, run
from refnet.backprop import forward

TITLE = "Checking gradients by differences of the cost: how exact are the differences?"
SIZES, ROWS, THUMB = (4, 5, 3), 20, 1e-7
STEPS = 10.0 ** np.arange(-15, 0.25, 0.25)
METHODS = ("forward", "central", "complex")


class TanhWithoutSquare(refnet.Tanh):
    """A mistake: f' = 1 - a, where it is 1 - a^2."""

    def derivative(self, z, a):
        """Off by far."""
        return 1.0 - a


class ForgotHalf(refnet.HalfSquaredError):
    """A mistake: the gradient of the whole squared error, beside the value of half of
    it.
    """

    def gradient(self, a, y):
        """Twice too large."""
        return 2.0 * super().gradient(a, y)


class WithEpsilon(refnet.HalfSquaredError):
    """A small mistake: 1e-6 added to n, as if it could be 0."""

    def gradient(self, a, y):
        """Too small by a share of 1e-6 / n."""
        return (a - y) / (len(a) + 1e-6)


@cache
def data():
    """x (20, 4), and targets (20, 3) from 0 to 1, at random, so that some cost is left
    after training.
    """
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, SIZES[0])), rng.uniform(size=(ROWS, SIZES[2]))


def network(hidden="tanh"):
    """4-5-3 as it starts."""
    return refnet.mlp(SIZES, hidden=hidden, output="sigmoid", seed=0)


@cache
def trained():
    """The same network after 2,000 epochs with a falling learning rate, where the
    gradient is small.
    """
    net, schedule = network(), refnet.CosineLR(2000)
    refnet.fit(
        net,
        *data(),
        loss="half_squared_error",
        optimizer=refnet.Adam(lr=0.05),
        epochs=2000,
        schedule=schedule,
    )
    return net


@cache
def subjects():
    """What is checked: a name, whether it is right, the network, the loss."""
    loss = refnet.HalfSquaredError()
    return (
        ("a right network", "passed", network(), loss),
        ("a right network, trained", "passed", trained(), loss),
        ("tanh: f' = 1 - a", "failed", network(TanhWithoutSquare()), loss),
        ("loss: (a - y) / n twice", "failed", network(), ForgotHalf()),
        ("loss: (a - y) / (n + 1e-6)", "failed", network(), WithEpsilon()),
    )


def cost(net, loss, theta):
    """C as a function of the flat parameters, which may be complex."""
    x, y = data()
    layers, at = [], 0
    for layer in net.layers:
        W = theta[at : at + layer.W.size].reshape(layer.W.shape)
        at += layer.W.size + layer.b.size
        layers.append(
            SimpleNamespace(W=W, b=theta[at - layer.b.size : at], activation=layer.activation)
        )
    return loss.value(forward(layers, x)[-1].a, y)


def quotients(net, loss, h, method):
    """dC/dtheta by difference quotients: forward, central, or Im C(theta + ih) / h."""
    theta, of = net.parameters, partial(cost, net, loss)
    steps = h * np.eye(theta.size)
    if method == "complex":
        return np.array([np.imag(of(theta + 1j * step)) for step in steps]) / h
    if method == "forward":
        home = of(theta)
        return np.array([of(theta + step) - home for step in steps]) / h
    return np.array([of(theta + step) - of(theta - step) for step in steps]) / (2 * h)


def measure(net, loss, h=1e-7):
    """The rule of thumb's |g - n| / (|g| + |n|), by central differences."""
    _, gradients = net.loss_and_gradients(*data(), loss)
    g, n = gradients.vector, quotients(net, loss, h, "central")
    return np.linalg.norm(g - n) / (np.linalg.norm(g) + np.linalg.norm(n))


@cache
def errors():
    """|n - g| / |g| of each method at each step h."""
    net, loss = network(), refnet.HalfSquaredError()
    _, gradients = net.loss_and_gradients(*data(), loss)
    g = gradients.vector
    off = {
        method: [np.linalg.norm(quotients(net, loss, h, method) - g) for h in STEPS]
        for method in METHODS
    }
    return {method: np.array(norms) / np.linalg.norm(g) for method, norms in off.items()}


def order(method):
    """With which power of h the error grows, from h = .001 to .1."""
    inside = (STEPS > 0.9e-3) & (STEPS < 0.11)
    return np.polyfit(np.log(STEPS[inside]), np.log(errors()[method][inside]), 1)[0]


@cache
def checks():
    """refnet.gradient_check of each subject, central and complex."""
    return [
        [refnet.gradient_check(net, *data(), loss, method) for method in METHODS[1:]]
        for *_, net, loss in subjects()
    ]


def story():
    """A check, mistakes, and the error of the differences themselves."""
    yield str(checks()[0][0])
    yield from verdicts()
    yield from steps()


def verdicts():
    """What the rule of thumb says of each subject, and what gradient_check."""
    off = "off, in shares of the estimated error: central, complex"
    yield f"\n{'':<28}{'rule of thumb, h = 1e-7':>25}{off:>62}"
    for (name, _, net, loss), pair in zip(subjects(), checks(), strict=True):
        thumb = measure(net, loss)
        central, complex_step = (max(array.share for array in check.arrays) for check in pair)
        yield (
            f"{name:<28}{thumb:>14.1e} "
            f"{'passed' if thumb < THUMB else 'FAILED':<10}{central:>38.1e}{complex_step:>12.1e}"
        )
    for (name, right, *_), pair in zip(subjects(), checks(), strict=True):
        for check in pair:
            yield Printed(
                "planted", f"{name}, {check.method}", right, "passed" if check.passed else "failed"
            )
    _, gradients = trained().loss_and_gradients(*data(), "half_squared_error")
    norm = np.linalg.norm(gradients.vector)
    yield (
        f"The rule of thumb does not know rounding: |g| of the trained network is {norm:.0e}, "
        f"and beside it the rounding of C, divided by"
    )
    yield (
        "2 h, is not small. Nor does it know how exact a difference can be, and so passes a "
        "mistake that is smaller than 1e-7."
    )


def steps():
    """The error of each method by its step."""
    yield "\nThe error |n - g| / |g| by the step h:"
    for method in METHODS:
        error, best = errors()[method], errors()[method].argmin()
        yield (
            f"  {method:<8} least {error[best]:.0e} at h = {STEPS[best]:.0e}; {error[0]:.0e} at "
            f"h = {STEPS[0]:.0e}"
        )
    for method, power in zip(METHODS, ("1", "2", "2"), strict=True):
        yield Printed("theory", f"{method}: error for large h, power of h", power, order(method))


def valley():
    """Figure: the error of the three methods by the step."""
    from pictures import LINES, MARKERS, sheet

    figure, ax = sheet(width=6.8, height=4.3)
    for method, line, marker in zip(METHODS, LINES, MARKERS, strict=False):
        ax.loglog(
            STEPS, errors()[method], linestyle=line, marker=marker, markersize=3.5, label=method
        )
    ax.axhline(THUMB, color="0.5", linewidth=0.8)
    ax.text(STEPS[-1], THUMB * 1.3, "rule of thumb", ha="right", fontsize=8, color="0.35")
    ax.set(
        xlabel="step h",
        ylabel="error of the differences, |n - g| / |g|",
        title="Rounding on the left, truncation on the right",
    )
    ax.legend()
    return figure


def drawings():
    """The picture of this script."""
    yield "check_gradients_step", valley


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings, column="expected"))
