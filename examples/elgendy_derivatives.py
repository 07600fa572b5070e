"""Elgendy, Deep Learning for Vision Systems, section 2.6.2: its calculus refresher, the
rules of differentiation, a polynomial and the sigmoid.

    python examples/elgendy_derivatives.py [SECTION ...] [--plot DIR]
"""

import numpy as np

import refnet
from lesson import Copy, Expected, Printed, Same, run

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.6.2, calculus refresher"
)
X = np.array([0.0, 2.0])  # where the lines of the sigmoid's derivation are compared


def slope(function, x, h=1e-5):
    """The central difference: the slope of a function at x, without any rule."""
    return (function(x + h) - function(x - h)) / (2 * h)


def f(x):
    """The function of the text."""
    return 10 * x**5 + 4 * x**7 + 12 * x


def f_prime(x):
    """Its derivative by the rules, as the text has it."""
    return 50 * x**4 + 28 * x**6 + 12


def sigmoid(x):
    """The text's code."""
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(x):
    """The text's code."""
    return sigmoid(x) * (1 - sigmoid(x))


def u(x):
    """The f(x) of the rules here."""
    return 4 * x**7


def v(x):
    """Their g(x)."""
    return 12 * x


def rules():
    """Each rule at one point, beside a central difference."""
    x, c, n = 2, 10, 5
    du, dv = 28 * x**6, 12  # f'(x) and g'(x)
    yield (
        f"The rules for f(x) = 4x^7 and g(x) = 12x at x = {x}. Expected is what the rule gives. "
        f"Computed is a central difference, (f(x + h) - f(x - h)) / 2h."
    )
    yield Printed("constant: d/dx 7", "0", slope(lambda _: 7.0, x))
    yield Expected("constant multiple: d/dx 10 f(x)", f"{c * du}", slope(lambda x: c * u(x), x))
    yield Expected("power: d/dx x^5", f"{n * x ** (n - 1)}", slope(lambda x: x**n, x))
    yield Expected("sum: d/dx (f(x) + g(x))", f"{du + dv}", slope(lambda x: u(x) + v(x), x))
    yield Expected("difference: d/dx (f(x) - g(x))", f"{du - dv}", slope(lambda x: u(x) - v(x), x))
    product = u(x) * dv + v(x) * du
    yield Expected("product: d/dx (f(x) g(x))", f"{product}", slope(lambda x: u(x) * v(x), x))
    quotient = (v(x) * du - u(x) * dv) / v(x) ** 2
    yield Expected(
        "quotient: d/dx (f(x) / g(x))", f"{quotient:.2f}", slope(lambda x: u(x) / v(x), x)
    )
    chain = 28 * v(x) ** 6 * dv
    yield Expected(
        "chain: d/dx f(g(x)), in 10^9", f"{chain / 1e9:.4f}", slope(lambda x: u(v(x)), x) / 1e9
    )


def polynomial():
    """The example of the refresher, and its two slopes."""
    terms = ((10, 5), (4, 7), (12, 1))  # c, n of c x^n
    derived = [number for c, n in terms for number in (c * n, n - 1)]
    yield "f(x) = 10x^5 + 4x^7 + 12x. Each term c x^n becomes c n x^(n-1); x^0 is 1."
    yield Printed("f'(x)", "50x^4 + 28x^6 + 12", derived[:-1])
    yield "The slopes at 2 and at 6. Expected is f'(x), computed a central difference:"
    yield Expected("f'(2)", f"{f_prime(2)}", slope(f, 2))
    yield Expected("f'(6)", f"{f_prime(6)}", slope(f, 6))


def sigmoid_derived():
    """The derivation of the sigmoid's derivative, line by line."""
    e = np.exp(-X)
    right = slope(sigmoid, X)
    power_rule = -((1 + e) ** -2)  # n y^(n-1) with n = -1, of y = 1 + e^-x
    inside = -e  # dy/dx
    yield (
        "The lines of the derivation at x = 0 and 2, each beside the central difference of sigma:"
    )
    yield Same("-(1 + e^-x)^-2 (-e^-x)", right, power_rule * inside, digits=9)
    yield Same("e^-x / (1 + e^-x)^2", right, e / (1 + e) ** 2, digits=9)
    yield Same("1 / (1 + e^-x) e^-x / (1 + e^-x)", right, 1 / (1 + e) * (e / (1 + e)), digits=9)
    yield Same("sigma(x) (1 - sigma(x))", right, sigmoid_derivative(X), digits=9)
    activation = refnet.Sigmoid()
    derivative = activation.derivative(X, activation.value(X))
    yield Same("sigmoid_derivative(x), refnet", derivative, sigmoid_derivative(X))
    yield (
        f"The text names the power rule. It gives -(1 + e^-x)^-2, which is {power_rule[0]:.2f} at "
        f"x = 0. The factor -e^-x, {inside[0]:.0f} there, is the slope of the inside function "
        f"1 + e^-x: the chain rule, the last of the list."
    )


def copied():
    """Formulas in which our copy may have lost a letter or a sign."""
    n, x = 5, 2
    power, whole = x ** (n - 1), slope(lambda x: x**n, x)
    yield Copy(
        "d/dx x^n = x^(n-1)",
        f"{power} for x^5 at 2; its slope is {whole:.0f}",
        np.isclose(power, whole),
        erratum="elgendy-power-rule",
    )
    difference, added = 28 * x**6 - 12, slope(lambda x: u(x) + v(x), x)
    yield Copy(
        "sum rule: f'(x) - g'(x)",
        f"{difference}; the slope of the sum is {added:.0f}",
        np.isclose(difference, added),
        erratum="elgendy-sum-rule",
    )
    second, right = slope(lambda x: 1 + np.exp(-x), 0.0), slope(sigmoid, 0.0)
    yield Copy(
        "sigma'(x) = d/dx (1 + e^-x), second line",
        f"{second:.2f} at x = 0; sigma'(0) is {right:.2f}",
        np.isclose(second, right),
        erratum="elgendy-sigmoid-derivation",
    )
    inverse = slope(lambda x: (1 + np.exp(-x)) ** -1, X)
    yield "With the exponent -1 the second line is equal to the others:"
    yield Same("d/dx (1 + e^-x)^-1", slope(sigmoid, X), inverse, digits=9)


SECTIONS = {
    "Calculus refresher: Calculating the partial derivative": rules,
    "A simple function to apply the derivative rules": polynomial,
    "A last example: the derivative of the sigmoid function": sigmoid_derived,
    "Our copy reads": copied,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
