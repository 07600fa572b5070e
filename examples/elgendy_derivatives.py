"""Elgendy, Deep Learning for Vision Systems, section 2.6.2: the rules of its calculus
refresher, on 10x^5 + 4x^7 + 12x and the sigmoid.

    python examples/elgendy_derivatives.py [--plot DIR]
"""

from fractions import Fraction

import numpy as np

import refnet
from printed import Printed, run, side_by_side

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.6.2: rules of differentiation"
WHERE = "§2.6.2"
TERMS = {5: 10, 7: 4, 1: 12}  # power: factor, of f(x) = 10 x^5 + 4 x^7 + 12 x
POINTS = np.array([-1.5, 0.0, 2.0])  # where the lines of the sigmoid's derivation are compared


def f(x):
    """10 x^5 + 4 x^7 + 12 x."""
    return sum(factor * x**power for power, factor in TERMS.items())


def u(x):
    """4 x^7, a term of f: 512 at x = 2, where its derivative 28 x^6 is 1792."""
    return 4 * x**7


def v(x):
    """12 x, another term: 24 at x = 2, where its derivative is 12."""
    return 12 * x


def difference(g, x, h=Fraction(1, 10**6)):
    """The central difference of g at an integer, rounded to an integer.

    Before rounding it is less than 1e-6 off the derivative of every g used here.
    """
    return round((g(x + h) - g(x - h)) / (2 * h))


def derived():
    """f' by the power rule n x^(n-1), the constant multiple rule and the sum rule,
    written out.
    """
    powers = {power - 1: factor * power for power, factor in TERMS.items()}
    return " + ".join(
        f"{factor}x^{power}" if power else f"{factor}" for power, factor in powers.items()
    )


def sigmoid_derivation(x):
    """The values at x of the six lines of the derivation, as printed."""
    # the lines with d/dx by a complex step: it subtracts nothing, so nothing cancels
    e, below = np.exp(-x), 1.0 + np.exp(-(x + 1e-30j))
    s = 1.0 / (1.0 + e)
    operators = [(1.0 / below).imag / 1e-30, below.imag / 1e-30]
    return [
        *operators,
        -((1.0 + e) ** -2.0) * -e,
        e / (1.0 + e) ** 2,
        s * (e / (1.0 + e)),
        s * (1.0 - s),
    ]


def power_rule_alone(x):
    """-(1 + e^-x)^-2: n y^(n-1) with n = -1, of y = 1 + e^-x."""
    return -((1.0 + np.exp(-x)) ** -2.0)


def with_chain_rule(x):
    """The power rule's result times the slope of y = 1 + e^-x."""
    return power_rule_alone(x) * -np.exp(-x)


def slope(x):
    """sigma'(x), by refnet."""
    sigmoid, x = refnet.Sigmoid(), np.asarray(x, dtype=float)
    return sigmoid.derivative(x, sigmoid.value(x))


def right_lines():
    """The numbers of the lines that equal sigma'(x) to nine decimals at all POINTS."""
    lines = np.array([sigmoid_derivation(x) for x in POINTS]).T
    return [
        number
        for number, line in enumerate(lines, 1)
        if side_by_side(line, 9) == side_by_side(slope(POINTS), 9)
    ]


def rules_of_the_sigmoid():
    """The rules that give sigma'(x), to nine decimals at all POINTS."""
    results = {
        "the power rule": power_rule_alone(POINTS),
        "power and chain rule": with_chain_rule(POINTS),
    }
    return named(
        side_by_side(slope(POINTS), 9),
        {rules: side_by_side(values, 9) for rules, values in results.items()},
    )


def named(value, candidates):
    """The name of the candidate that equals the value."""
    return next((name for name, candidate in candidates.items() if candidate == value), "neither")


def power_rule(n=5, x=2):
    """The formula that gives the derivative of x^n."""
    return named(
        difference(lambda t: t**n, x), {"x^(n-1)": x ** (n - 1), "n x^(n-1)": n * x ** (n - 1)}
    )


def sum_rule(x=2):
    """The formula that gives (u + v)' from u' and v'."""
    du, dv = difference(u, x), difference(v, x)
    return named(
        difference(lambda t: u(t) + v(t), x), {"f'(x) - g'(x)": du - dv, "f'(x) + g'(x)": du + dv}
    )


def story():
    yield from slopes()
    yield from rules()
    yield from sigmoid()


def slopes():
    """The example of the refresher."""
    yield (
        "f(x) = 10x^5 + 4x^7 + 12x. Its slope at 2 and at 6: expected is the value of the text's "
        "f'(x), computed is a central difference, in fractions."
    )
    yield Printed(WHERE, "f'(x)", "50x^4 + 28x^6 + 12", derived())
    for x in (2, 6):
        yield Printed(
            WHERE, f"f'({x})", f"{50 * x**4 + 28 * x**6 + 12}", difference(f, x), column="expected"
        )


def rules():
    """The list of rules; the chain rule, its last, is in section 2.7.1."""
    du, dv = 28 * 2**6, 12
    yield (
        "The rules, for f(x) = 4x^7 and g(x) = 12x at x = 2. Expected is what the rule gives, "
        "computed is a central difference:"
    )
    quotient = (v(2) * du - u(2) * dv) // v(2) ** 2
    results = (  # rule, what it gives, the central difference
        ("constant multiple: 10 f(x)", 10 * du, difference(lambda x: 10 * u(x), 2)),
        ("difference: f(x) - g(x)", du - dv, difference(lambda x: u(x) - v(x), 2)),
        ("product: f(x) g(x)", u(2) * dv + v(2) * du, difference(lambda x: u(x) * v(x), 2)),
        ("quotient: f(x) / g(x)", quotient, difference(lambda x: Fraction(u(x)) / v(x), 2)),
    )
    for rule, given, got in results:
        yield Printed(WHERE, rule, f"{given}", got, column="expected")
    yield Printed(WHERE, "constant: 7", "0", difference(lambda _: 7, 2))
    yield Printed(
        WHERE, "power: x^n, for n = 5", "x^(n-1)", power_rule(), erratum="elgendy-power-rule"
    )
    yield Printed(
        WHERE, "sum: f(x) + g(x)", "f'(x) - g'(x)", sum_rule(), erratum="elgendy-sum-rule"
    )


def sigmoid():
    """The derivation of sigma', and the rules that it uses."""
    yield (
        f"For x^5 at 2, x^(n-1) gives {2**4}; the derivative is {difference(lambda x: x**5, 2)}."
    )
    lines = " ".join(map(str, right_lines()))
    yield Printed(
        WHERE,
        "lines of the derivation equal to sigma'",
        "1 2 3 4 5 6",
        lines,
        erratum="elgendy-sigmoid-derivation",
    )
    yield Printed(
        WHERE,
        "rules that give sigma'",
        "the power rule",
        rules_of_the_sigmoid(),
        erratum="elgendy-power-rule-alone",
    )
    alone = power_rule_alone(0.0)
    second, last = sigmoid_derivation(0.0)[1::4]
    yield (
        f"At x = 0 the second line is {second:.2f}, the derivative of 1 + e^-x. With the exponent "
        f"-1 it would be {last:.2f}, like the other lines. The power rule alone gives {alone:.2f}. "
        f"The missing factor {last / alone:.0f} is the slope of 1 + e^-x, by the chain rule."
    )


def drawings():
    yield "elgendy_derivatives", draw


def draw():
    """The sidebar's curve with its slopes at 2 and 6, and the derivative of the sigmoid
    with and without the chain rule's factor.
    """
    from refnet.plot.style import sheet

    figure, axes = sheet(1, 3, width=4.4)
    for panel, at, end in zip(axes, (2, 6), (3.0, 7.0), strict=False):
        draw_slope(panel, at, end)
    x = np.linspace(-6.0, 6.0, 241)
    axes[2].plot(x, slope(x), label=r"$\sigma'(x) = \sigma(x)\,(1 - \sigma(x))$")
    axes[2].plot(x, power_rule_alone(x), "--", label="the power rule alone")
    axes[2].set(title="Derivative of the sigmoid", xlabel="x", ylabel="derivative")
    axes[2].legend(loc="lower left")
    return figure


def draw_slope(axes, at, end):
    """f, and the line that touches it at a point."""
    from refnet.plot.style import BLACK

    x, near = np.linspace(0.0, end, 200), np.linspace(at - 0.25 * at, end, 2)
    axes.plot(x, f(x), label="f(x)")
    axes.plot(
        near,
        f(at) + difference(f, at) * (near - at),
        "--",
        label=f"slope f'({at}) = {difference(f, at)}",
    )
    axes.plot(at, f(at), "o", color=BLACK, zorder=3)
    axes.set(title=f"$f(x) = 10x^5 + 4x^7 + 12x$ at {at}", xlabel="x", ylabel="f(x)")
    axes.legend(loc="upper left")


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
