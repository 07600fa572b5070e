"""Elgendy, Deep Learning for Vision Systems, section 2.3: seven activation functions,
their slopes, and what the text says of them.

    python examples/elgendy_activations.py [SECTION ...] [--plot DIR]

What it says of training with them is tried in elgendy_depth.py.
"""

from functools import cache

import numpy as np

import refnet
from lesson import Claim, Printed, Same, run, side_by_side

TITLE = "Elgendy, Deep Learning for Vision Systems, section 2.3: activation functions"
Z = np.linspace(-6, 6, 1201)
AGES = (25.0, 43.0)  # where the text's straight line for diabetes crosses 0 and 1


def identity(x):
    """f(x) = x."""
    return x


def step(x):
    """Table 2.1: 0 where x <= 0, else 1."""
    return np.where(x <= 0, 0.0, 1.0)


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def softmax(x):
    """e^x_j / sum over i of e^x_i; the classes stand in the last axis."""
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def tanh(x):
    """(e^x - e^-x) / (e^x + e^-x)."""
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


def relu(x):
    """max(0, x)."""
    return np.maximum(0, x)


def leaky_relu(x, slope=0.01):
    """max(0.01 x, x)."""
    return np.maximum(slope * x, x)


def two_classes(x):
    """The first of the two outputs of softmax for (x, 0)."""
    return softmax(np.stack([x, np.zeros_like(x)], axis=-1))[..., 0]


TABLE = {  # table 2.1
    "identity": identity,
    "step": step,
    "sigmoid": sigmoid,
    "softmax of (x, 0)": two_classes,
    "tanh": tanh,
    "ReLU": relu,
    "leaky ReLU": leaky_relu,
}


def slope(name, z):
    """f'(z) of the functions of table 2.1. The step has none at 0, and 0 elsewhere."""
    z = np.asarray(z, dtype=float)
    y_hat = sigmoid(z)
    return {
        "identity": np.ones_like(z),
        "step": np.where(z == 0, np.nan, 0.0),
        "sigmoid": y_hat * (1 - y_hat),
        "softmax of (x, 0)": y_hat * (1 - y_hat),
        "tanh": 1 - np.tanh(z) ** 2,
        "ReLU": np.where(z > 0, 1.0, 0.0),
        "leaky ReLU": np.where(z > 0, 1.0, 0.01),
    }[name]


@cache
def linear_learning():
    """Two layers without activation learn y = 4 x1 - x2 + 3: the cost and the norm of
    the gradient before each step.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    y = x @ [[4.0], [-1.0]] + 3.0
    net = refnet.mlp([2, 3, 1], hidden="identity", output="identity", seed=0)
    steps = []
    refnet.fit(
        net,
        x,
        y,
        loss="mse",
        optimizer=refnet.SGD(lr=0.02),
        epochs=101,  # the last one shows the cost after 100 steps
        on_step=lambda step: steps.append((step.loss, np.linalg.norm(step.gradients.vector))),
    )
    return np.transpose(steps)


def probability(z, epsilon):
    """exp(z) / (exp(z) + epsilon)."""
    return np.exp(z) / (np.exp(z) + epsilon)


def finite_value():
    """Section 2.3: whether activations keep their output finite."""
    far = np.array([-700.0, 700.0])  # farther, exp of it is too large a number
    kept = [name for name, f in TABLE.items() if (np.abs(f(far)) <= 1).all()]
    yield Claim(
        "activation functions are needed to restrict the output to a finite value",
        f"{len(kept)} of {len(TABLE)} do",
        len(kept) == len(TABLE),
        erratum="elgendy-finite-value",
    )
    yield (
        f"Between -1 and 1 for z = -700 and 700 are: {', '.join(kept)}. ReLU, which the text "
        f"recommends, gives {relu(far)[1]:g}."
    )


def linear():
    """Section 2.3.1: layers without an activation function."""
    x = np.array([-2.0, 0.5, 3.0])
    w, b = 4.0, 0.0
    h = 0.5
    dz_dx = ((w * (x + h) + b) - (w * (x - h) + b)) / (2 * h)
    yield Printed("derivative of 4 x at -2, 0.5, 3 (figure 2.13)", "4, 4, 4", dz_dx)
    f_prime = slope("identity", w * x + b)
    yield Claim(
        "figure 2.12 is the identity's plot: f(x) = 4 x",
        f"slope of the identity {f_prime[0]:g}, of w x {w:g}",
        f_prime[0] == w,
        erratum="elgendy-identity-4x",
    )
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = (rng.integers(-5, 6, shape) for shape in ((3, 2), 3, (2, 3), 2))
    x = rng.integers(-9, 10, (100, 2))
    two = (x @ W1.T + b1) @ W2.T + b2
    one = x @ (W2 @ W1).T + (W2 @ b1 + b2)
    yield (
        "Two linear layers are one:\n  W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)\n"
        "In whole numbers, 100 rows:"
    )
    yield Same("two linear layers, and one", two, one)
    cost, norm = linear_learning()
    yield (
        f"Still such a network learns a linear target. 2-3-1 without activations, on "
        f"4 x1 - x2 + 3, {len(cost) - 1} steps:"
    )
    yield Claim(
        "no learning",
        f"cost {cost[0]:.1f} to {cost[-1]:.0e}",
        cost[-1] >= cost[0],
        erratum="elgendy-no-learning",
    )
    yield Claim(
        "in every backpropagation the gradient will be the same",
        f"norm {norm[0]:.1f} to {norm[-1]:.0e}",
        norm[-1] == norm[0],
        erratum="elgendy-gradient-the-same",
    )
    yield (
        "What is constant is dz/dx = w. A step needs\n  dC/dw = (dC/dz) x\n"
        "which has the error and the input in it."
    )


def heaviside():
    """Section 2.3.2: the step and its slope."""
    z = np.array([-2.0, -0.1, 0.0, 0.1, 2.0])
    yield Same("step at -2, -0.1, 0, 0.1, 2, refnet", refnet.Heaviside().value(z), step(z))
    yield (
        "Its slope is 0 on both sides of the jump, so gradient descent has nothing to follow; "
        "refnet refuses to train it."
    )


def logistic():
    """Section 2.3.3: from a straight line to the sigmoid."""
    young, old = AGES
    beta1 = 1 / (old - young)
    beta0 = -young * beta1
    below, above = beta0 + beta1 * (young - 1), beta0 + beta1 * (old + 1)
    yield "A straight line p = beta0 + beta1 age through (25, 0) and (43, 1):"
    yield Claim("below the age of 25 p is negative", f"{below:.3f} at 24", below < 0)
    yield Claim("it is higher than 1 when older than 43", f"{above:.3f} at 44", above > 1)
    yield (
        f"The sigmoid of that line is {sigmoid(0.0):.2f} at 25 and {sigmoid(1.0):.2f} at 43: "
        f"beta0 and beta1 have to be fitted anew for it."
    )
    yield Same("sigmoid, refnet", refnet.Sigmoid().value(Z), sigmoid(Z))
    yield Same("exp(z) / (exp(z) + 1)", probability(Z, 1.0), sigmoid(Z))
    yield Claim(
        "0 < probability < 1",
        f"{sigmoid(Z).min():.4f} to {sigmoid(Z).max():.4f} for z from -6 to 6",
        sigmoid(Z).min() > 0 and sigmoid(Z).max() < 1,
    )
    yield "With another epsilon it is not 1 / (1 + exp(-z)), but shifted by log epsilon:"
    epsilon = 0.01
    yield Same(
        "epsilon 0.01: sigmoid(z - log 0.01)", probability(Z, epsilon), sigmoid(Z - np.log(epsilon))
    )
    yield Claim(
        "also with a very small epsilon it is 1 / (1 + exp(-z))",
        f"at z = 0 {probability(0.0, epsilon):.4f}, not {sigmoid(0.0)}",
        probability(0.0, epsilon) == sigmoid(0.0),
        erratum="elgendy-epsilon",
    )
    # steeper, so that the sigmoid is 0.02 and 0.98 where the line is 0 and 1
    beta0, beta1 = 8 * beta0 - 4, 8 * beta1
    at = {age: sigmoid(beta0 + beta1 * age) for age in (0, 80)}
    shrunk = sigmoid(1e-9 * (beta0 + beta1 * 34))
    yield f"With beta0 = {beta0:.3f} and beta1 = {beta1:.4f}:"
    yield Claim(
        "as ages grow, the probability gets closer to 1",
        f"{1 - at[80]:.0e} from it at 80",
        at[80] > 1 - 1e-6,
    )
    yield Claim(
        "as the weights move down, closer to 0",
        f"{shrunk:.1f} as they shrink to 0; {at[0]:.0e} at age 0",
        shrunk < at[0],
        erratum="elgendy-weights-move-down",
    )
    first = next(z for z in range(100) if sigmoid(float(z)) == 1.0)
    yield (
        f"In exact arithmetic the sigmoid never reaches 0 or 1. In double precision it rounds to "
        f"1 from z = {first} on."
    )


def several_classes():
    """Section 2.3.4: softmax."""
    x = np.array([1.0, 2.0, 3.0])
    yield f"Softmax of (1, 2, 3) is {side_by_side(softmax(x))}."
    yield Printed("sum of the outputs", "1", softmax(x).sum())
    z = np.random.default_rng(0).normal(0.0, 3.0, (1000, 2))
    yield Same("softmax, refnet", refnet.Softmax().value(z), softmax(z))
    yield "With two classes it works like a sigmoid, that of z1 - z2:"
    yield Same("sigmoid(z1 - z2)", sigmoid(z[:, 0] - z[:, 1]), softmax(z)[:, 0])


def hyperbolic_tangent():
    """Section 2.3.5: tanh from the sigmoid, and slopes far from zero."""
    yield Same("tanh, refnet", refnet.Tanh().value(Z), tanh(Z))
    yield Same("2 sigmoid(2 z) - 1", 2 * sigmoid(2 * Z) - 1, tanh(Z))
    off = np.ptp(tanh(Z) - sigmoid(Z)) / 2  # the best shift goes to the middle of the range
    yield Claim(
        "tanh is a shifted version of the sigmoid",
        f"{off:.2f} away with the best shift",
        off == 0,
        erratum="elgendy-tanh-shifted",
    )
    t = np.linspace(-40, 40, 8001)
    yield Printed("range of the sigmoid", "0 and 1", [sigmoid(t).min(), sigmoid(t).max()])
    yield Printed("range of tanh", "-1 to 1", [tanh(t).min(), tanh(t).max()])
    at = np.array([0, 1, 2, 5, 10, 20])
    table = [f"  {'slope at z =':<14}" + "".join(f"{z:>10}" for z in at)]
    table += [
        f"  {name:<14}" + "".join(f"{s:>10.2g}" for s in slope(name, at))
        for name in ("sigmoid", "tanh", "ReLU")
    ]
    yield "\n".join(table)
    far = [slope(name, 10.0) for name in ("sigmoid", "tanh")]
    yield Claim(
        "for very large or small z the slope is close to zero",
        f"{far[0]:.0e}, {far[1]:.0e} at z = 10",
        max(far) < 1e-3,
    )


def rectified():
    """Section 2.3.6: ReLU."""
    z = np.array([-3.0, -0.5, 0.5, 3.0])
    yield Printed("below zero the output is always zero", "0, 0", relu(z[:2]))
    yield Same("ReLU, refnet", refnet.ReLU().value(Z), relu(Z))
    yield (
        "The text's code, if x < 0: return 0, is for one number. For the z of a layer it takes "
        "np.maximum(0, z)."
    )


def leaky():
    """Section 2.3.7: leaky ReLU."""
    yield Printed("ReLU, derivative for negative x", "0, 0", slope("ReLU", [-3.0, -0.5]))
    yield Printed("leaky ReLU, small negative slope", "0.01", leaky_relu(-1.0) / -1.0)
    for s in (0.1, 0.01, 0.002):
        yield Same(f"max({s:g} x, x), refnet", refnet.LeakyReLU(s).value(Z), leaky_relu(Z, s))
    largest = 2.0
    wrong = np.abs(refnet.LeakyReLU(largest).value(Z) - leaky_relu(Z, largest)).max()
    yield (
        f"The formula needs a slope of at most 1: with {largest:g} the larger of the two is the "
        f"other one, {wrong:g} off at x = {Z[0]:g}."
    )


def hyperparameter_alert():
    """Where sigmoid and tanh saturate."""
    high, low = np.array([20.0]), np.array([-20.0])
    yield Printed("sigmoid and tanh saturate at", "~ 1, ~ 1", [sigmoid(high)[0], tanh(high)[0]])
    yield (
        f"The text names the upper ends. At the lower ends these are {sigmoid(low)[0]:.0f} and "
        f"{tanh(low)[0]:.0f}."
    )


SECTIONS = {
    "2.3 Activation functions": finite_value,
    "2.3.1 Linear transfer function": linear,
    "2.3.2 Heaviside step function (binary classifier)": heaviside,
    "2.3.3 Sigmoid/logistic function": logistic,
    "2.3.4 Softmax function": several_classes,
    "2.3.5 Hyperbolic tangent function (tanh)": hyperbolic_tangent,
    "2.3.6 Rectified linear unit": rectified,
    "2.3.7 Leaky ReLU": leaky,
    "Hyperparameter alert": hyperparameter_alert,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
