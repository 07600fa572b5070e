"""Elgendy, Deep Learning for Vision Systems, end of section 2.6.5: the enhancements of
gradient descent that it names, each on the error surface of section 2.6.2.

    python examples/elgendy_optimizers.py [SECTION ...] [--plot DIR]

The text names the rules and has no formulas. Here each of them is a few lines, beside
refnet's optimizer. The sources are those of refnet.SGD, RMSprop, Adam and Adagrad.
"""

from functools import cache

import numpy as np

import refnet
from elgendy_descent import A, error, gradient, line, neuron, solution
from lesson import Claim, Expected, Same, run

TITLE = (
    "Elgendy, Deep Learning for Vision Systems, chapter 2, Deep learning and neural networks: "
    "2.6.5, variations of gradient descent"
)
RATE, STEPS = 0.05, 500
FAR = 1e6  # |w| or |b| of a descent that has diverged
RULES = {
    "gradient descent": lambda lr: refnet.SGD(lr=lr),
    "momentum 0.9": lambda lr: refnet.SGD(lr=lr, momentum=0.9),
    "Nesterov, 0.9": lambda lr: refnet.SGD(lr=lr, momentum=0.9, nesterov=True),
    "RMSprop, 0.9": lambda lr: refnet.RMSprop(lr=lr, alpha=0.9),
    "Adam": lambda lr: refnet.Adam(lr=lr),
    "Adagrad": lambda lr: refnet.Adagrad(lr=lr),
}
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


@cache
def path(rule, lr=RATE):
    """w and b before the first and after each step from A, by refnet's optimizer. A
    descent that has diverged ends.
    """
    net, theta, (x, y) = neuron(), [A], line()
    optimizer = RULES[rule](lr)
    for _ in range(STEPS):
        _, gradients = net.loss_and_gradients(x[:, None], y[:, None], "mse")
        optimizer.step(net, gradients)
        theta.append(net.parameters.copy())
        if np.abs(theta[-1]).max() > FAR:
            break
    return np.array(theta)


@cache
def settled(rule, lr=RATE):
    """After how many steps E stays within 1 % of its minimum; None where it never
    does.
    """
    over = error(*path(rule, lr).T) / error(*solution())
    outside = int(np.flatnonzero(over >= 1.01)[-1])
    return None if outside == len(over) - 1 else outside + 1


def momentum():
    """Momentum, on which Nesterov's rule builds."""
    yield (
        f"The error surface of a neuron with a weight and a bias, as in section 2.6.2. All rules "
        f"start at A, with the learning rate {RATE}. First a rule that the text does not name, but "
        f"that the next one builds on: v gathers gradients, so steps in one direction get longer, "
        f"and steps that turn back and forth cancel."
    )
    lr, mu = RATE, 0.9
    theta, v = [A], np.zeros(2)
    for _ in range(STEPS):
        v = mu * v + gradient(theta[-1])
        theta.append(theta[-1] - lr * v)
    yield Same("w, b after each step, refnet.SGD", path("momentum 0.9"), theta)


def nesterov():
    """Nesterov accelerated gradient, in refnet's form and in its own."""
    lr, mu = RATE, 0.9
    theta, v = [A], np.zeros(2)
    for _ in range(STEPS):
        d = gradient(theta[-1])
        v = mu * v + d
        theta.append(theta[-1] - lr * (d + mu * v))
    yield Same("w, b after each step, refnet.SGD", path("Nesterov, 0.9"), theta)
    yield (
        "In its own form the gradient is that of the point ahead, where v alone would lead. The "
        "points ahead are the w and b above:"
    )
    here, v, ahead = A, np.zeros(2), [A]
    for _ in range(STEPS):
        v = mu * v - lr * gradient(here + mu * v)
        here = here + v
        ahead.append(here + mu * v)
    yield Same("the points ahead", theta, ahead)
    first = np.linalg.norm(theta[1] - A) / np.linalg.norm(lr * gradient(A))
    yield Expected("first step / that of descent, 1 + 0.9", "1.9", first)


def rmsprop():
    """RMSprop: a running mean of squared gradients scales each step."""
    lr, alpha, eps = RATE, 0.9, 1e-8
    theta, v = [A], np.zeros(2)
    for _ in range(STEPS):
        d = gradient(theta[-1])
        v = alpha * v + (1 - alpha) * d**2
        theta.append(theta[-1] - lr * d / (np.sqrt(v) + eps))
    # the sign of a gradient near 0 decides a step, so one rounding may show later
    yield Same(
        "w, b after 100 steps, refnet.RMSprop", path("RMSprop, 0.9")[:101], theta[:101], digits=9
    )
    yield "Each parameter has a step of its own. At first that has the same length for w and b:"
    yield Expected(
        "first step, 0.05 / sqrt(1 - 0.9)", "(0.1581, 0.1581)", np.abs(theta[1] - theta[0])
    )


def adam():
    """Adam: running means of gradients and of squared ones, both corrected."""
    lr, (beta1, beta2), eps = RATE, (0.9, 0.999), 1e-8
    theta, m, v = [A], np.zeros(2), np.zeros(2)
    for t in range(1, STEPS + 1):
        d = gradient(theta[-1])
        m = beta1 * m + (1 - beta1) * d
        v = beta2 * v + (1 - beta2) * d**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta.append(theta[-1] - lr * m_hat / (np.sqrt(v_hat) + eps))
    yield Same("w, b after each step, refnet.Adam", path("Adam"), theta)
    yield Expected("first step, 0.05 each", "(0.0500, 0.0500)", np.abs(theta[1] - theta[0]))


def adagrad():
    """Adagrad: the sum of all squared gradients so far scales each step."""
    lr, eps = RATE, 1e-10
    theta, v = [A], np.zeros(2)
    for _ in range(STEPS):
        d = gradient(theta[-1])
        v = v + d**2
        theta.append(theta[-1] - lr * d / (np.sqrt(v) + eps))
    yield Same("w, b after each step, refnet.Adagrad", path("Adagrad"), theta)
    yield Expected("first step, 0.05 each", "(0.0500, 0.0500)", np.abs(theta[1] - theta[0]))
    steps = np.linalg.norm(np.diff(theta, axis=0), axis=1)
    yield Claim(
        "the sum grows, so its steps get shorter",
        f"{steps[0]:.4f}, {steps[9]:.4f}, {steps[99]:.4f}: steps 1, 10, 100",
        bool((np.diff(steps) < 0).all()),
    )


def all_rules():
    """How many steps each rule takes."""
    yield (
        f"After how many steps does E stay within 1 % of its minimum (at most {STEPS})? At the "
        f"learning rate {RATE}, and at the best of {', '.join(f'{lr:g}' for lr in RATES)}:"
    )
    yield f"  {'':<20}{f'steps at {RATE}':>14}{'best rate':>12}{'steps':>8}"
    best = {}
    for rule in RULES:
        counts = {lr: settled(rule, lr) for lr in RATES if settled(rule, lr) is not None}
        best[rule] = min(counts, key=counts.get)
        yield f"  {rule:<20}{settled(rule) or '-':>14}{best[rule]:>12g}{counts[best[rule]]:>8}"
    last = np.linalg.norm(np.diff(path("RMSprop, 0.9")[-11:], axis=0), axis=1)
    there = np.linalg.norm(path("Adagrad")[-1] - A) / np.linalg.norm(solution() - A)
    yield (
        f"A dash: not within these steps. At {RATE} the last steps of RMSprop are still "
        f"{last.mean():.3f} long, from one side of the minimum to the other; Adagrad has come "
        f"{there:.0%} of the way. A learning rate means something else in each rule: momentum and "
        f"Nesterov's rule take steps up to 10 times as long as gradient descent, the steps of "
        f"the others do not grow with the gradient. On this bowl gradient descent is hard to "
        f"beat; the rules are made for surfaces much steeper in one direction than in another."
    )
    x, _ = line()
    curvatures = np.linalg.eigvalsh(2 * np.array([[np.mean(x**2), np.mean(x)], [np.mean(x), 1.0]]))
    limit = 2 / curvatures.max()
    yield (
        f"The curvatures of this surface are {curvatures[0]:.4f} and {curvatures[1]:.4f}, along "
        f"the valley and across it. Gradient descent converges below 2 / {curvatures[1]:.4f} = "
        f"{limit:.4f}:"
    )
    below, above = (error(*path("gradient descent", rate * limit)[100]) for rate in (0.99, 1.01))
    yield Claim(
        "that is the limit",
        f"E after 100 steps: {below:.3f} at 1 % below it, {above:.2f} at 1 % above",
        below < error(*A) < above,
    )


SECTIONS = {
    "Momentum, on which the next rule builds": momentum,
    "2.6.5 Nesterov accelerated gradient": nesterov,
    "2.6.5 RMSprop": rmsprop,
    "2.6.5 Adam": adam,
    "2.6.5 Adagrad": adagrad,
    "All of them on one error surface": all_rules,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
