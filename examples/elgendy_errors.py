"""Elgendy, Deep Learning for Vision Systems, section 2.5: squared, absolute and
cross-entropy errors of a prediction.

    python examples/elgendy_errors.py [--plot DIR]
"""

from fractions import Fraction
from functools import cache

import numpy as np

import refnet
from printed import Printed, run, side_by_side

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.5: error functions"
DOG = np.array([[0.0, 1.0, 0.0]])  # the true distribution over cat, dog and fish
GUESSES = {"first": [0.2, 0.3, 0.5], "later": [0.3, 0.5, 0.2], "ideal": [0.0, 1.0, 0.0]}
# seven houses, in thousands; the last one is a palace
PRICES = np.array([210.0, 230.0, 250.0, 260.0, 300.0, 310.0, 2400.0])


def cross_entropy(guess, target=DOG):
    """-sum y log p for one image."""
    return refnet.CrossEntropy().value(np.array([guess]), target)


def as_printed(guess):
    """-sum yhat log p, as printed: in the chapter yhat is the prediction, so that
    yhat = p.
    """
    return cross_entropy(guess, np.array([guess]))


def inner_sum_over_rows(targets, guesses):
    """The double sum as printed, where both sums run over i: a value for each j."""
    terms = [
        [0.0 if y == 0.0 else -y * np.log(p) for y, p in zip(*pair, strict=True)]
        for pair in zip(targets, guesses, strict=True)
    ]
    return [
        sum(sum(terms[i][j] for i in range(len(terms))) for _ in terms)
        for j in range(len(terms[0]))
    ]


@cache
def best_constant(loss):
    """The price, in whole thousands, that has the smallest error if it is predicted
    for all houses.
    """
    return min(
        range(2500),
        key=lambda price: loss.value(np.full((len(PRICES), 1), float(price)), PRICES[:, None]),
    )


def neuron_error(w, x=Fraction(3, 10), y=Fraction(8, 10)):
    """|w x - y| of a perceptron: by refnet for a float w, exactly for a fraction."""
    if isinstance(w, Fraction):
        return abs(w * x - y)
    neuron = refnet.Network([refnet.Dense([[w]], [0.0], "identity")])
    return refnet.MAE().value(neuron.predict([[float(x)]]), np.array([[float(y)]]))


def story():
    yield from cancelling()
    yield from mean_and_median()
    yield from distributions()
    yield from accuracy()
    yield from one_weight()


def cancelling():
    """Two errors that cancel (section 2.5.3)."""
    errors = np.array([[10.0], [-10.0]])
    right = np.zeros_like(errors)
    squared, absolute = refnet.MSE().value(errors, right), refnet.MAE().value(errors, right)
    yield "Two predictions, one 10 too high and one 10 too low."
    yield Printed(
        "§2.5.3",
        "their average error",
        "zero",
        "zero" if errors.mean() == 0 else f"{errors.mean()}",
    )
    yield Printed("§2.5.3", "how far off each of them is", "10", absolute)
    yield f"In MAE, {absolute:g}, and in MSE, {squared:g}, the two do not cancel."


def mean_and_median():
    """What an outlier does to MSE and MAE (section 2.5.4)."""
    palace = [
        loss.value(np.full((len(PRICES), 1), 260.0), PRICES[:, None])
        for loss in (refnet.MSE(), refnet.MAE())
    ]
    rest = [
        loss.value(np.full((len(PRICES) - 1, 1), 260.0), PRICES[:-1, None])
        for loss in (refnet.MSE(), refnet.MAE())
    ]
    yield (
        f"House prices in thousands: {side_by_side(PRICES, 0)}. The last house is a palace. Which "
        f"single number predicts them best?"
    )
    yield Printed(
        "§2.5.4", "the best number under MSE", "mean", which_average(best_constant(refnet.MSE()))
    )
    yield Printed(
        "§2.5.4", "the best number under MAE", "median", which_average(best_constant(refnet.MAE()))
    )
    yield (
        f"These are {best_constant(refnet.MSE())} and {best_constant(refnet.MAE())}. If 260 is "
        f"predicted for all houses, the palace makes the MSE {palace[0] / rest[0]:.0f} times as "
        f"large as without it, and the MAE {palace[1] / rest[1]:.0f} times."
    )


def which_average(best):
    """The name of the average of the prices that a number is, in whole thousands."""
    averages = {"mean": np.mean(PRICES), "median": np.median(PRICES)}
    return next((name for name, average in averages.items() if round(average) == best), "neither")


def distributions():
    """Cross-entropy of the dog (section 2.5.5)."""
    first, later, ideal = (cross_entropy(guess) for guess in GUESSES.values())
    of_each_j = inner_sum_over_rows(np.repeat(DOG, 3, axis=0), list(GUESSES.values()))
    yield (
        "The image of a dog, and three predictions over cat, dog and fish. log is the natural "
        "logarithm, and 0 log p = 0."
    )
    yield Printed("§2.5.5", "dog 30 % likely", "1.2", first)
    yield Printed("§2.5.5", "dog 50 % likely", "0.69", later)
    yield Printed("§2.5.5", "dog 100 % likely", "0", ideal)
    literal = as_printed(GUESSES["first"])
    yield Printed(
        "§2.5.5",
        "30 % likely, with yhat for y as in the formula",
        "1.2",
        literal,
        erratum="elgendy-target-or-prediction",
    )
    got = (
        "one number"
        if len(set(of_each_j)) == 1
        else ", ".join(f"{value:.2f}" for value in of_each_j) + " for j = 1, 2, 3"
    )
    yield Printed(
        "§2.5.5",
        "all three images, both sums over i",
        "one number",
        got,
        erratum="elgendy-cross-entropy-indices",
    )
    mean = refnet.CrossEntropy().value(np.array(list(GUESSES.values())), np.repeat(DOG, 3, axis=0))
    yield (
        f"With i over images and j over classes the sum is {first + later + ideal:.4f}. "
        f"refnet.CrossEntropy is the mean over the images, {mean:.4f}."
    )


def accuracy():
    """A lower error with a lower accuracy (section 2.5.6)."""
    labels = np.array([1, 1, 1, 1])
    timid, bold = [0.55, 0.55, 0.55, 0.55], [0.99, 0.99, 0.99, 0.45]
    yield f"Four images of dogs. The probability of dog is first {timid}, then {bold}:"
    losses, shares = zip(
        *(loss_and_accuracy(chances, labels) for chances in (timid, bold)), strict=True
    )
    error, share = falls(*losses), falls(*shares)
    yield Printed(
        "§2.5.6",
        f"accuracy where the error {error}",
        "does not fall",
        share,
        erratum="elgendy-lower-error-higher-accuracy",
    )
    yield (
        f"Cross-entropy {losses[0]:.4f} to {losses[1]:.4f}, accuracy {shares[0]:.0%} to "
        f"{shares[1]:.0%}."
    )
    least = f"{np.log(2) / len(labels):.4f}"
    yield Printed(
        "§2.5.6",
        "least error with one of the four wrong",
        least,
        least_with_one_wrong(labels),
        column="expected",
    )
    yield (
        f"A dog that is labelled wrong has a probability of 1/2 or less, so it adds (log 2) / 4 or "
        f"more to the mean. Only an error below {least} guarantees that all four are right."
    )


def loss_and_accuracy(chances, labels):
    """Cross-entropy and accuracy for two classes, from the probabilities of class 1."""
    p = np.column_stack([1.0 - np.array(chances), chances])
    return refnet.CrossEntropy().value(p, labels), np.mean(p.argmax(axis=1) == labels)


def least_with_one_wrong(labels):
    """The smallest cross-entropy with an accuracy below 100 %.

    All images but the last one are certain; the last one takes every whole percentage.
    """
    certain = [1.0] * (len(labels) - 1)
    tried = [loss_and_accuracy([*certain, percent / 100], labels) for percent in range(1, 101)]
    return min(loss for loss, share in tried if share < 1)


def falls(before, after):
    """Whether a number falls, in words."""
    return "falls" if after < before else "does not fall"


def one_weight():
    """The error of one perceptron as a function of its weight (section 2.5.6)."""
    best = Fraction(8, 10) / Fraction(3, 10)
    y = neuron_error(0.0)
    slope = y - neuron_error(1.0)
    yield "The error of one perceptron, x = 0.3 and y = 0.8, as a function of its weight:"
    yield Printed("§2.5.6", "its error", "|w*0.3 - 0.8|", f"|w*{slope:.1f} - {y:.1f}|")
    lowest = neuron_error(best)
    least = min((Fraction(k, 30) for k in range(200)), key=neuron_error)
    yield Printed(
        "fig. 2.25",
        "weight with the least error, of all k/30",
        f"{best}",
        f"{least}",
        column="expected",
    )
    beside = [float(neuron_error(best + step)) for step in (-1, 1)]
    yield (
        f"The error is a V of two straight lines. They meet at w = {best} = {float(best):.4f}, "
        f"where it is {lowest}. For a w that is 1 smaller it is {beside[0]:g}, for one that is 1 "
        f"larger {beside[1]:g}."
    )


def drawings():
    yield "elgendy_errors", draw


def draw():
    """Fig. 2.25, the minimum of squared and of absolute errors, and cross-entropy."""
    from refnet.plot.style import sheet

    figure, axes = sheet(1, 3, width=4.6)
    draw_weight(axes[0])
    draw_averages(axes[1])
    draw_cross_entropy(axes[2])
    return figure


def draw_weight(axes):
    """The error against the weight, fig. 2.25."""
    w = np.linspace(-1.0, 6.0, 200)
    axes.plot(w, np.abs(0.3 * w - 0.8), label="|0.3 w - 0.8|")
    axes.plot(w, (0.3 * w - 0.8) ** 2, "--", label="its square")
    axes.plot(8 / 3, 0.0, "ko", clip_on=False, zorder=3)
    axes.annotate(
        "w = 8/3", (8 / 3, 0.0), (8 / 3, 0.17), ha="center", arrowprops={"arrowstyle": "->"}
    )
    axes.set(
        title="Error of one perceptron (fig. 2.25)",
        xlabel="weight w",
        ylabel="error",
        ylim=(0.0, None),
    )
    axes.legend()


def draw_averages(axes):
    """MSE and MAE of one prediction for all prices, each as a share of its largest
    value.
    """
    from refnet.plot.style import BLUE, RED

    guesses = np.linspace(100.0, 1000.0, 300)
    for loss, colour, line in ((refnet.MSE(), BLUE, "-"), (refnet.MAE(), RED, "--")):
        errors = np.array(
            [loss.value(np.full((len(PRICES), 1), guess), PRICES[:, None]) for guess in guesses]
        )
        errors /= errors.max()
        best = errors.argmin()
        name = f"{loss!r}: best at the {'mean' if line == '-' else 'median'}, {best_constant(loss)}"
        axes.plot(guesses, errors, line, color=colour, label=name)
        axes.plot(guesses[best], errors[best], "o" if line == "-" else "^", color=colour, ms=8)
    axes.plot(
        PRICES[:-1],
        np.full(len(PRICES) - 1, 0.32),
        "k|",
        ms=12,
        label="the prices (one more at 2400)",
    )
    axes.set(
        title="One outlier (§2.5.4)",
        xlabel="the one price predicted",
        ylabel="error / its largest here",
        ylim=(0.28, 1.35),
    )
    axes.legend(fontsize="small", loc="upper left")


def draw_cross_entropy(axes):
    """-log p and the three predictions."""
    p = np.linspace(0.02, 1.0, 200)
    axes.plot(p, -np.log(p), label="-log p")
    for guess in GUESSES.values():
        error = cross_entropy(guess)
        axes.plot(guess[1], error, "ko", clip_on=False, zorder=3)
        axes.annotate(
            f"{abs(error):.2f}",
            (guess[1], error),
            (7, 7),
            textcoords="offset points",
            ha="right" if error == 0 else "left",
        )
    axes.set(
        title="Cross-entropy of the dog (§2.5.5)",
        xlabel="p, the probability given to dog",
        ylabel="error",
        ylim=(0.0, 4.0),
    )
    axes.legend()


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
