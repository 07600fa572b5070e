"""Elgendy, Deep Learning for Vision Systems, section 2.5: squared and absolute errors,
cross-entropy, and the error of one weight.

    python examples/elgendy_errors.py [SECTION ...] [--plot DIR]

Sources of the years in section 2.5.4: Dodge, The Concise Encyclopedia of Statistics
(2008), least absolute deviation regression; Legendre, Nouvelles methodes pour la
determination des orbites des cometes (1805), appendix.
"""

import numpy as np

import refnet
from lesson import Claim, Copy, Expected, Printed, Same, run, side_by_side

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.5, error functions"
)
# seven houses, in thousands; the last one is a palace
PRICES = np.array([210.0, 230.0, 250.0, 260.0, 300.0, 310.0, 2400.0])
GUESSES = np.arange(2501.0)  # each whole price, predicted for all houses
DOG = np.array([0.0, 1.0, 0.0])  # the true distribution over cat, dog and fish
FIRST, LATER, IDEAL = (np.array(p) for p in ([0.2, 0.3, 0.5], [0.3, 0.5, 0.2], [0.0, 1.0, 0.0]))
BOSCOVICH, LEGENDRE = 1757, 1805  # least absolute deviations, least squares


def mse(y_hat, y):
    """E = 1/N sum (y_hat_i - y_i)^2."""
    return np.mean((y_hat - y) ** 2)


def mae(y_hat, y):
    """E = 1/N sum |y_hat_i - y_i|."""
    return np.mean(np.abs(y_hat - y))


def cross_entropy(y, p):
    """E = -sum y_i log(p_i), where 0 log(0) is 0."""
    return -np.sum(y * np.log(np.where(y > 0, p, 1))) + 0.0


def error(w, x=0.3, y=0.8):
    """|w x - y| of the perceptron of section 2.5.6."""
    return np.abs(w * x - y)


def always_positive():
    """Two errors that cancel."""
    y, y_hat = np.array([0.0, 0.0]), np.array([10.0, -10.0])
    average = np.mean(y_hat - y)
    yield "Two predictions, one 10 too high and one 10 too low."
    yield Printed("average error", "0", average)
    yield Printed("how much each of them missed", "10", mae(y_hat, y))
    squared, absolute = mse(y_hat, y), mae(y_hat, y)
    yield Claim(
        "Different loss functions will give different errors for the same prediction",
        f"MSE {squared:g}, MAE {absolute:g}",
        squared != absolute,
    )


def mean_square_error():
    """What an outlier does to MSE and MAE."""
    y_hat = np.full_like(PRICES, 260.0)
    ours, theirs = mse(y_hat, PRICES), refnet.MSE().value(y_hat[:, None], PRICES[:, None])
    yield (
        f"House prices in thousands: {side_by_side(PRICES, 0)}. The last house is a palace. If 260 "
        f"is predicted for all of them:"
    )
    yield Same("MSE, refnet", theirs, ours, digits=8)
    ours, theirs = mae(y_hat, PRICES), refnet.MAE().value(y_hat[:, None], PRICES[:, None])
    yield Same("MAE, refnet", theirs, ours, digits=8)
    squared = mse(y_hat, PRICES) / mse(y_hat[:-1], PRICES[:-1])
    absolute = mae(y_hat, PRICES) / mae(y_hat[:-1], PRICES[:-1])
    yield Claim(
        "MSE is quite sensitive to outliers",
        f"{squared:.0f} times as large with the palace, MAE {absolute:.0f} times",
        squared > absolute,
    )
    yield "Which single price predicts them best? Each whole one is tried:"
    best = GUESSES[np.argmin([mse(guess, PRICES) for guess in GUESSES])]
    yield Expected("least MSE: the mean of the prices", f"{PRICES.mean():.0f}", best)
    best = GUESSES[np.argmin([mae(guess, PRICES) for guess in GUESSES])]
    yield Expected("least MAE: the median of the prices", f"{np.median(PRICES):.0f}", best)
    yield Claim(
        "MAE, a variation of MSE, developed just for this purpose",
        f"absolute errors {BOSCOVICH} (Boscovich), squares {LEGENDRE} (Legendre)",
        BOSCOVICH > LEGENDRE,
        erratum="elgendy-mae-developed",
    )


def of_distributions():
    """Cross-entropy of the dog, and of equal distributions."""
    yield "The image of a dog. y and p are over cat, dog and fish, log is the natural logarithm."
    yield Printed("E, dog 30% likely", "1.2", cross_entropy(DOG, FIRST))
    yield Printed("E, dog 50% likely", "0.69", cross_entropy(DOG, LATER))
    yield Printed("E, dog 100% likely", "0", cross_entropy(DOG, IDEAL))
    wrong = cross_entropy(FIRST, FIRST)
    yield Printed(
        "E, dog 30% likely, with y_hat in the formula",
        "1.2",
        wrong,
        erratum="elgendy-target-or-prediction",
    )
    dog_first = np.array([1.0, 0.0, 0.0])
    yield Printed(
        "E, with the classes as dogs, cats, fish",
        "1.2",
        cross_entropy(dog_first, FIRST),
        erratum="elgendy-order-of-classes",
    )
    divergence = np.sum(FIRST * np.log(FIRST / FIRST))
    yield Claim(
        "it quantifies the difference between two probability distributions",
        f"{wrong:.4f} between (0.2, 0.3, 0.5) and itself",
        np.isclose(wrong, 0),
        erratum="elgendy-cross-entropy-difference",
    )
    yield (
        f"The difference is the Kullback-Leibler divergence, sum y log(y / p), here "
        f"{divergence:.1f}. Cross-entropy is larger by -sum y log(y), which no p changes. It is 0 "
        f"where one class has 100%: so for one-hot targets the two are the same."
    )
    y, p = np.tile(DOG, (3, 1)), np.array([FIRST, LATER, IDEAL])
    total = sum(cross_entropy(y[i], p[i]) for i in range(3))
    yield "Across all examples n = 3, i over the examples and j over the classes, E is a sum:"
    yield Same("E, n times refnet's mean", 3 * refnet.CrossEntropy().value(p, y), total)


def final_note():
    """A lower error with a lower accuracy, and the error of one weight."""
    y = np.array([1, 1, 1, 1])
    timid, bold = np.array([0.55, 0.55, 0.55, 0.55]), np.array([0.99, 0.99, 0.99, 0.45])
    before, after = (np.mean(-np.log(p)) for p in (timid, bold))
    right, fewer = (np.mean((p > 0.5) == y) for p in (timid, bold))
    yield f"Four images of dogs. The probability of dog is first {timid}, then {bold}:"
    yield Claim(
        "the lower the errors, the higher the accuracy",
        f"error {before:.4f} to {after:.4f}, accuracy {right:.0%} to {fewer:.0%}",
        (after < before) == (fewer > right),
        erratum="elgendy-lower-error-higher-accuracy",
    )
    least = np.log(2) / 4
    yield (
        f"A dog that is labelled wrong has a probability of 1/2 or less, so it adds log(2) / 4 or "
        f"more to the mean. Only an error below {least:.4f} makes sure that all four are right."
    )
    yield "The perceptron with the input x = 0.3 and the label y = 0.8:"
    yield "  error = |w 0.3 - 0.8|"
    w = np.arange(0, 200) / 30
    best = w[np.argmin(error(w))]
    yield Expected("weight with the least error, 0.8 / 0.3", f"{0.8 / 0.3:.4f}", best)
    neuron = refnet.Network([refnet.Dense([[1.0]], [0.0], "identity")])
    theirs = refnet.MAE().value(neuron.predict([[0.3]]), np.array([[0.8]]))
    yield Same("error at w = 1, refnet", theirs, error(1.0))
    yield (
        f"The error is a V of two straight lines. It is {error(best - 1):.1f} where w is 1 "
        f"smaller than the best one, and {error(best + 1):.1f} where w is 1 larger."
    )


def copied():
    """The formula in which our copy may have changed an index."""
    y, p = np.tile(DOG, (3, 1)), np.array([FIRST, LATER, IDEAL])
    terms = -y * np.log(np.where(y > 0, p, 1)) + 0.0
    right = terms.sum()  # over i and over j
    twice = 3 * terms.sum(axis=0)  # over i, and over i again: a value for each j
    yield Copy(
        "all examples: both sums over i",
        f"{side_by_side(twice, 2)} for j = 1, 2, 3; with i and j {right:.2f}",
        np.allclose(twice, right),
        erratum="elgendy-cross-entropy-indices",
    )


SECTIONS = {
    "2.5.3 Error is always positive": always_positive,
    "2.5.4 Mean square error": mean_square_error,
    "2.5.5 Cross-entropy": of_distributions,
    "2.5.6 A final note on errors and weights": final_note,
    "Our copy reads": copied,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
