"""A cost of one's own, a penalty in any of its places, a constant that keeps zero out
of a logarithm: each is named once, and what the report says to declare is all that is
asked for.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.checking.tests.network import (
    BINARY,
    CLASSES,
    HALF,
    PLAIN,
    RIGHT,
    Network,
    log_of,
    of_squares,
    penalised,
    plain,
    strength,
)
from parity.checking.tests.reports import passes

# a cost of one's own

OWN = {
    "mse": {
        "the sum": "loss-summed",
        "a sample's sum": "loss-per-sample",
        "an output's sum": "loss-per-output",
        "half of the sum": "loss-half-sum",
        "half of a sample's sum": "loss-half-per-sample",
        "half of an output's sum": "loss-half-per-output",
        "half of the mean": "loss-half-mean",
    },
    "half_squared_error": {
        "the sum": "loss-summed-without-half",
        "a sample's sum": "loss-without-half",
        "an output's sum": "loss-per-output-without-half",
        "the mean": "loss-averaged-without-half",
        "half of the sum": "loss-summed",
        "half of an output's sum": "loss-per-output",
        "half of the mean": "loss-averaged-over-outputs",
    },
}


@pytest.mark.parametrize(
    ("loss", "name"), [(loss, name) for loss, names in OWN.items() for name in names]
)
def test_a_reduction_of_ones_own_is_a_convention(loss, name):
    """One, whatever the declared loss is; two of them have names among the losses."""
    (finding,) = passes(of_squares(name), {**PLAIN, "losses": loss}, OWN[loss][name])
    assert finding.equation == "C"


def entropy(s):
    """The binary cross-entropy of each number."""
    return -(s.y * np.log(s.output) + (1 - s.y) * np.log(1 - s.output))


ENTROPIES = {
    "of classes, summed": (
        Network(
            cost=lambda s: -np.sum(s.y * np.log(s.output)),
            output_delta=lambda s: s.error,
        ),
        CLASSES,
        "loss-summed",
    ),
    "of numbers, a sample's sum": (
        Network(cost=lambda s: entropy(s).sum() / s.n, output_delta=lambda s: s.error / s.n),
        BINARY,
        "loss-per-sample",
    ),
    "of numbers, summed": (
        Network(cost=lambda s: entropy(s).sum(), output_delta=lambda s: s.error),
        BINARY,
        "loss-summed",
    ),
}


@pytest.mark.parametrize("name", ENTROPIES)
def test_so_is_that_of_a_cross_entropy(name):
    """Of classes and of numbers."""
    (finding,) = passes(*ENTROPIES[name])
    assert finding.equation == "C"


# a penalty in the cost, in the gradient, in the update


def decay_of_W(s, p, g, kept):
    return plain(s, p, g + strength(s) * p if p.ndim == 2 else g, kept)


def with_the_squares_of_b(s):
    """The declared loss, and the penalty on W and b."""
    return RIGHT.cost(s) + strength(s) / 2 * sum(np.sum(p * p) for p in (*s.W, *s.b))


COST, GRADIENTS, NOT_B = "penalty-in-the-cost", "decay-in-the-gradients", "decay-not-on-b"
PENALTIES = {
    "in the cost and in dW": (
        penalised(lambda s: strength(s) / 2, strength),
        (COST, GRADIENTS, NOT_B),
    ),
    "of b too": (penalised(lambda s: strength(s) / 2, strength, strength), (COST, GRADIENTS)),
    "divided by n": (
        penalised(lambda s: strength(s) / (2 * s.n), lambda s: strength(s) / s.n),
        (COST, GRADIENTS, NOT_B, "decay-divided-by-n"),
    ),
    "without the half": (
        penalised(strength, lambda s: 2 * strength(s)),
        (COST, GRADIENTS, NOT_B, "decay-doubled"),
    ),
    "in dW alone": (penalised(lambda s: 0, strength), (GRADIENTS, NOT_B)),
    "in both gradients alone": (penalised(lambda s: 0, strength, strength), (GRADIENTS,)),
    "in the cost and in the update": (
        penalised(lambda s: strength(s) / 2, lambda s: 0, rule=decay_of_W),
        (COST, NOT_B),
    ),
    "in the cost and in the optimizer": (Network(cost=with_the_squares_of_b), (COST,)),
    "in the update of W": (Network(rule=decay_of_W), (NOT_B,)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_may_stand_in_any_of_its_places(name):
    """Cost, gradients and update, as long as they take the steps of one cost."""
    network, conventions = PENALTIES[name]
    findings = passes(network, {**HALF, "settings": "weight_decay"}, *conventions)
    assert all("only with weight_decay" in finding.where for finding in findings)


@pytest.mark.parametrize("c", [0.1, 0.03])
@pytest.mark.parametrize("of_b", [False, True])
def test_a_penalty_of_its_own_may_have_any_strength(c, of_b):
    """It is read off, and once it is declared, whatever it is."""
    network = penalised(lambda s: c / 2, lambda s: c, lambda s: c * of_b)
    (finding,) = passes(network, HALF, "penalty-of-its-own")
    assert finding.formula.startswith(f"C = loss + {c}/2 sum of {'theta' if of_b else 'W'}^2, ")


# a constant that keeps zero out


def through_softmax(s, gradient):
    p = s.output
    return p * (gradient - np.sum(gradient * p, axis=1, keepdims=True))


def divided_by(eps):
    """The chain rule of a binary cross-entropy, which divides by a (1 - a) + eps."""

    def delta(s):
        slope = s.output * (1 - s.output)
        return s.error / (slope + eps) / s.y.size * slope

    return Network(output_delta=delta)


def eps_in_both_logs(s):
    p, y = s.output, s.y
    return -np.mean(y * np.log(p + 1e-6) + (1 - y) * np.log(1 - p + 1e-6))


LOG, DENOMINATOR = ("eps-in-the-log",), ("eps-in-the-denominator",)
EPS = {
    "in the log": (log_of(lambda p: p + 1e-7), CLASSES, LOG),
    "in the log and in its gradient": (
        replace(
            log_of(lambda p: p + 1e-4),
            output_delta=lambda s: through_softmax(s, -s.y / (s.output + 1e-4) / s.n),
        ),
        CLASSES,
        LOG,
    ),
    "in both logs": (Network(cost=eps_in_both_logs), BINARY, LOG),
    "in the denominator": (divided_by(1e-5), BINARY, DENOMINATOR),
    "smaller in the denominator": (divided_by(1e-6), BINARY, DENOMINATOR),
    "in the denominator of classes": (
        Network(output_delta=lambda s: through_softmax(s, -s.y / (s.output + 1e-4) / s.n)),
        CLASSES,
        DENOMINATOR,
    ),
    "by clipping": (log_of(lambda p: np.clip(p, 1e-7, 1 - 1e-7)), CLASSES, ()),
    "by a least probability": (log_of(lambda p: np.maximum(p, 1e-12)), CLASSES, ()),
}


@pytest.mark.parametrize("name", EPS)
def test_what_keeps_zero_out_of_a_log_is_harmless(name):
    """A small constant, where it stands; what is clipped has not changed."""
    network, declared, conventions = EPS[name]
    findings = passes(network, declared, *conventions)
    assert len(findings) == len(conventions)
