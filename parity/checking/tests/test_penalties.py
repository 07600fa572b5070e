"""A penalty beside other conventions, as they stand in programs: an average or a sign
that is taken in the update acts on all that is in the gradients, the penalty too.
"""

import pytest

from parity.checking.checker import check
from parity.checking.tests.plain import sigmoid

DOES = {"activations": "sigmoid", "losses": "half_squared_error", "optimizers": "sgd"}
SHOWS = ("loss", "delta", "dW", "db", "W", "b")


def program(*, delta=1, gradient=1, theta=0, cost=0, update=1, shows=SHOWS):
    """A `run` with these factors, each a number or made of n and the weight decay: of
    the output delta (of the mean), of dW and db, of theta in them, of theta^2 / 2 in
    the cost, and of the step.
    """

    def run(case):
        W, b = case.W, case.b
        for x, y, lr in case.steps:
            n, decay, parts = len(x), case.settings["weight_decay"], [*W, *b]

            def number(value, n=n, decay=decay):
                return value(n, decay) if callable(value) else value

            a = [x]
            for w, c in zip(W, b, strict=True):
                a.append(sigmoid(a[-1] @ w.T + c))
            loss = ((a[-1] - y) ** 2).sum() / (2 * n)
            loss += number(cost) / 2 * sum((p * p).sum() for p in parts)
            deltas = [number(delta) * (a[-1] - y) / n * a[-1] * (1 - a[-1])]
            for w, h in zip(W[:0:-1], a[-2:0:-1], strict=True):
                deltas.insert(0, deltas[0] @ w * h * (1 - h))
            made = [d.T @ h for d, h in zip(deltas, a, strict=False)] + [d.sum(0) for d in deltas]
            G = [number(gradient) * g + number(theta) * p for g, p in zip(made, parts, strict=True)]
            parts = [p - lr * number(update) * g for p, g in zip(parts, G, strict=True)]
            W, b = parts[: len(W)], parts[len(W) :]
            L = len(W)
            shown = {"loss": loss, "delta": deltas, "dW": G[:L], "db": G[L:], "W": W, "b": b}
            yield {name: shown[name] for name in shows}

    return run


# factors that a task has: n samples, weight decay c


def samples(n, c):
    return n


def share(n, c):
    return 1 / n


def decay(n, c):
    return c


RIGHT = {
    "climbing": {"delta": -1, "theta": lambda n, c: -c, "update": -1},
    "climbing, in the cost": {"delta": -1, "theta": lambda n, c: -c, "update": -1, "cost": decay},
    "averaged in dW": {"delta": samples, "gradient": share, "theta": decay, "cost": decay},
    "averaged in the update": {
        "delta": samples,
        "theta": lambda n, c: n * c,
        "update": share,
        "cost": decay,
    },
    "over n": {"delta": samples, "theta": decay, "update": share, "cost": lambda n, c: c / n},
}
MISTAKEN = {
    "it grows": {"update": 1, "theta": lambda n, c: -c, "shows": ("W", "b")},
    "it grows by climbing": {"delta": -1, "theta": decay, "update": -1},
    "averaged, but not in the cost": {
        "delta": samples,
        "theta": decay,
        "update": share,
        "cost": decay,
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_penalty_goes_with_other_conventions(name):
    """What the update makes of the gradients comes to the penalty of the cost."""
    checked = check(program(**RIGHT[name]), settings="weight_decay", **DOES)
    assert checked.passed, str(checked)


@pytest.mark.parametrize("name", MISTAKEN)
def test_a_penalty_that_comes_to_another_one_is_wrong(name):
    """No set of conventions explains it."""
    checked = check(program(**MISTAKEN[name]), settings="weight_decay", **DOES)
    assert not checked.passed, str(checked)


def own(factors, strength=0.06):
    """The same with a strength that stands in the code."""

    def fixed(value):
        return (lambda n, c: value(n, strength)) if callable(value) else value

    return {name: value if name == "shows" else fixed(value) for name, value in factors.items()}


@pytest.mark.parametrize(
    "name", ["climbing, in the cost", "averaged in dW", "averaged in the update"]
)
def test_so_does_one_of_its_own(name):
    """Where no weight decay is asked for, and it is in the cost."""
    checked = check(program(**own(RIGHT[name])), settings=(), **DOES)
    assert checked.passed, str(checked)


@pytest.mark.parametrize("name", MISTAKEN)
def test_one_of_its_own_that_comes_to_another_one_is_wrong(name):
    """Whatever its strength is."""
    checked = check(program(**own(MISTAKEN[name])), settings=(), **DOES)
    assert not checked.passed, str(checked)
