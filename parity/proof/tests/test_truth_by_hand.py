"""The truth is what the hand works out, on short binary fractions, and has fifty
digits.
"""

import re
from dataclasses import replace
from decimal import Decimal, localcontext

import mpmath
import numpy as np
import pytest

from parity.proof.tests.truth import RULES, truth
from parity.steps.record import LayerRecord, Snapshot, Spec, StepRecord
from parity.steps.tests.newcomers import lacking
from refnet.losses import LOSSES

# truth itself, on short binary fractions, of which Python's arithmetic is exact; no
# array follows from another


X, W1, B1 = [[1, 2], [-3, 0.5]], [[0.5, -1], [2, 0.25], [-1.5, 1]], [0.25, -0.5, 1]
W2, B2 = [[1, -2, 0.5], [0.75, 3, -1], [2, 0.25, 4], [-1, 3, 0.5]], [0.5, -1, 2, 0.75]
Y = [[0.5, 0.25, 0.5, 0.25], [1, 0, 0.25, 0.5]]
Z1, A1, D1 = (
    [[1, -2, 0], [-1, 0.5, 3]],
    [[0.25, 0.5, 2], [0.75, -1, 0.125]],
    [[1, 2, 4], [-0.5, 8, 3]],
)
Z2, A2, D2 = (
    [[2, 2, 2, 2], [0, 1, -1, 3]],
    [[0.25, 0.5, 0.125, 0.125], [0.5, 0, 0.25, 1]],
    [[1, -2, 0.5, 4], [0.25, 3, -1, 2]],
)
# D2 W2, row 0
G = [
    1 * 1 - 2 * 0.75 + 0.5 * 2 + 4 * -1,
    1 * -2 - 2 * 3 + 0.5 * 0.25 + 4 * 3,
    1 * 0.5 - 2 * -1 + 0.5 * 4 + 4 * 0.5,
]


def by_hand(
    hidden="leaky_relu",
    output="identity",
    loss="mse",
    y=Y,
    rule="sgd",
    t=3,
    settings=None,
    old=None,
    new=None,
):
    """A record of two layers, 2-3-4, n = 2. dW2[3, 1] and db1[2] are 1/2; vectors of
    the state hold a number there and NaN elsewhere.
    """
    arrays = [[np.array(part, float) for part in layer] for layer in ((Z1, A1, D1), (Z2, A2, D2))]
    dW2 = np.zeros((4, 3))
    dW2[3, 1] = 0.5
    gradients = [(np.ones((3, 2)), np.array([1, 2, 0.5])), (dW2, np.ones(4))]
    kinds = tuple(
        (name, {"slope": 0.25} if name == "leaky_relu" else {}) for name in (hidden, output)
    )
    spec = Spec(
        (2, 3, 4),
        kinds,
        loss,
        rule,
        {"lr": 0.5, "weight_decay": 0.25, **(settings or {})},
        t,
        "float64",
    )
    W, b = (np.array(W1), np.array(W2)), (np.array(B1), np.array(B2))
    before, after = (
        Snapshot(W, b, {name: _at_both(value) for name, value in (state or {}).items()})
        for state in (old, new)
    )
    layers = tuple(
        LayerRecord(*forward, *back) for forward, back in zip(arrays, gradients, strict=True)
    )
    return StepRecord(spec, np.array(X), np.array(y), before, layers, 0.0, after)


def _at_both(value):
    vector = np.full(25, np.nan)
    vector[[8, 9 + 3 * 3 + 1]] = value  # W1 has 6 entries, b1 3, W2 12
    return vector


# (A2 - Y) A2 of row 0; the rows of Y sum up to 1.5 and 1.75
MIXED = -0.25 * 0.25 + 0.25 * 0.5 - 0.375 * 0.125 - 0.125 * 0.125
BY_HAND = [
    (by_hand(), "z", 1, "z", (1, 2), -3 * -1.5 + 0.5 * 1 + 1),
    (by_hand(), "z", 2, "z", (0, 3), 0.25 * -1 + 0.5 * 3 + 2 * 0.5 + 0.75),
    (by_hand("identity"), "a", 1, "a", (0, 1), -2),
    *((by_hand("heaviside"), "a", 1, "a", (0, j), a) for j, a in enumerate((1, 0, 0))),
    *((by_hand("relu"), "a", 1, "a", (i, 1), a) for i, a in enumerate((0, 0.5))),
    *((by_hand("leaky_relu"), "a", 1, "a", (i, 1), a) for i, a in enumerate((0.25 * -2, 0.5))),
    (by_hand("sigmoid"), "a", 1, "a", (0, 2), 1 / 2),
    (by_hand(output="softmax"), "a", 2, "a", (0, 3), 1 / 4),
    (by_hand(), "C", None, "loss", (), (2 * 0.25**2 + 0.375**2 + 0.125**2 + 2 * 0.5**2) / 8),
    (
        by_hand(loss="half_squared_error"),
        "C",
        None,
        "loss",
        (),
        (2 * 0.25**2 + 0.375**2 + 0.125**2 + 2 * 0.5**2) / (2 * 2),
    ),
    (by_hand(loss="mae"), "C", None, "loss", (), (2 * 0.25 + 0.375 + 0.125 + 2 * 0.5) / 8),
    (by_hand(), "BP1", 2, "delta", (0, 2), 2 * -0.375 / 8),
    (by_hand(loss="half_squared_error"), "BP1", 2, "delta", (0, 2), -0.375 / 2),
    *(
        (by_hand(loss="mae"), "BP1", 2, "delta", (1, j), sign / 8)
        for j, sign in enumerate((-1, 0, 0, 1))
    ),
    (by_hand(output="sigmoid"), "BP1", 2, "delta", (0, 2), 2 * -0.375 / 8 * 0.125 * 0.875),
    (by_hand(output="tanh"), "BP1", 2, "delta", (0, 2), 2 * -0.375 / 8 * (1 - 0.125**2)),
    *(
        (by_hand(output="relu"), "BP1", 2, "delta", (1, j), delta)
        for j, delta in ((0, 0), (3, 2 * 0.5 / 8))
    ),
    *(
        (by_hand(output="leaky_relu"), "BP1", 2, "delta", (1, j), delta)
        for j, delta in ((0, 0.25 * 2 * -0.5 / 8), (3, 2 * 0.5 / 8))
    ),
    (by_hand(output="softmax"), "BP1", 2, "delta", (0, 2), 0.125 * (2 * -0.375 - 2 * MIXED) / 8),
    (
        by_hand(output="softmax", loss="cross_entropy"),
        "BP1",
        2,
        "delta",
        (0, 1),
        (0.5 * 1.5 - 0.25) / 2,
    ),
    (
        by_hand(output="softmax", loss="cross_entropy", y=[3, 0]),
        "BP1",
        2,
        "delta",
        (0, 3),
        (0.125 - 1) / 2,
    ),
    (by_hand(output="softmax", loss="cross_entropy", y=[3, 0]), "BP1", 2, "delta", (0, 1), 0.5 / 2),
    (by_hand(output="sigmoid", loss="cross_entropy"), "BP1", 2, "delta", (0, 2), -0.5 * 0.875 / 2),
    (by_hand(output="sigmoid", loss="binary_cross_entropy"), "BP1", 2, "delta", (0, 1), 0.25 / 8),
    (by_hand(loss="softmax_cross_entropy"), "BP1", 2, "delta", (0, 3), (1.5 / 4 - 0.25) / 2),
    (by_hand(loss="sigmoid_cross_entropy"), "BP1", 2, "delta", (1, 0), (1 / 2 - 1) / 8),
    (by_hand("identity"), "BP2", 1, "delta", (0, 1), G[1]),
    *((by_hand("relu"), "BP2", 1, "delta", (0, j), delta) for j, delta in enumerate((G[0], 0, 0))),
    *(
        (by_hand("leaky_relu"), "BP2", 1, "delta", (0, j), delta)
        for j, delta in enumerate((G[0], 0.25 * G[1], 0.25 * G[2]))
    ),
    (by_hand("sigmoid"), "BP2", 1, "delta", (0, 0), G[0] * 0.25 * 0.75),
    (by_hand("tanh"), "BP2", 1, "delta", (0, 0), G[0] * (1 - 0.25**2)),
    (
        by_hand("softmax"),
        "BP2",
        1,
        "delta",
        (0, 1),
        0.5 * (G[1] - (G[0] * 0.25 + G[1] * 0.5 + G[2] * 2)),
    ),
    (by_hand(), "BP3", 2, "db", (2,), 0.5 - 1),
    (by_hand(), "BP4", 2, "dW", (3, 1), 4 * 0.5 + 2 * -1),
    (by_hand(), "BP4", 1, "dW", (2, 0), 4 * 1 + 3 * -3),
]

# d of W2[3, 1], which is 3
D, SGD = 0.5 + 0.25 * 3, {"momentum": 0.5, "dampening": 0.25, "nesterov": False}
ADAGRAD, ADAM = (
    {"lr_decay": 0.5, "eps": 0.5, "initial_accumulator_value": 0.75},
    {"betas": (0.5, 0.75), "eps": 0.5, "amsgrad": False},
)
RMSPROP = {"alpha": 0.75, "eps": 0.5, "momentum": 0, "centered": False}
CENTERED = {**RMSPROP, "momentum": 0.5, "centered": True}
V3 = 1.5**2 * (1 - 0.75**3)  # a v that bias correction takes to 1.5^2 at t = 3
STEPS = [  # rule, settings, old state, new state, quantity, expected
    ("sgd", {**SGD, "momentum": 0}, {}, {}, "W", 3 - 0.5 * D),
    ("sgd", SGD, {}, {"momentum_buffer": 2}, "W", 3 - 0.5 * 2),
    ("sgd", {**SGD, "nesterov": True}, {}, {"momentum_buffer": 2}, "W", 3 - 0.5 * (D + 0.5 * 2)),
    ("sgd", SGD, {}, {}, "momentum_buffer of W", D),
    ("sgd", SGD, {"momentum_buffer": 2}, {}, "momentum_buffer of W", 0.5 * 2 + 0.75 * D),
    ("adagrad", ADAGRAD, {}, {"sum": 1.5**2}, "W", 3 - 0.5 / (1 + 2 * 0.5) * D / (1.5 + 0.5)),
    ("adagrad", ADAGRAD, {"sum": 2}, {}, "sum of W", 2 + D**2),
    ("adagrad", ADAGRAD, {}, {}, "sum of W", 0.75 + D**2),
    ("rmsprop", RMSPROP, {}, {"square_avg": 1.5**2}, "W", 3 - 0.5 * D / (1.5 + 0.5)),
    ("rmsprop", CENTERED, {}, {"momentum_buffer": 2}, "W", 3 - 0.5 * 2),
    ("rmsprop", RMSPROP, {"square_avg": 2}, {}, "square_avg of W", 0.75 * 2 + 0.25 * D**2),
    ("rmsprop", CENTERED, {"grad_avg": 2}, {}, "grad_avg of W", 0.75 * 2 + 0.25 * D),
    (
        "rmsprop",
        CENTERED,
        {"momentum_buffer": 2},
        {"square_avg": 2.5, "grad_avg": 0.5},
        "momentum_buffer of W",
        0.5 * 2 + D / (1.5 + 0.5),
    ),
    (
        "rmsprop",
        CENTERED,
        {"momentum_buffer": 2},
        {"square_avg": 0.5, "grad_avg": 1},
        "momentum_buffer of W",
        0.5 * 2 + D / 0.5,
    ),
    (
        "adam",
        ADAM,
        {},
        {"exp_avg": 2 * (1 - 0.5**3), "exp_avg_sq": V3},
        "W",
        3 - 0.5 * 2 / (1.5 + 0.5),
    ),
    (
        "adam",
        {**ADAM, "amsgrad": True},
        {},
        {"exp_avg": 1.75, "exp_avg_sq": 9, "max_exp_avg_sq": V3},
        "W",
        3 - 0.5 * 2 / (1.5 + 0.5),
    ),
    ("adam", ADAM, {"exp_avg": 2}, {}, "exp_avg of W", 0.5 * 2 + 0.5 * D),
    ("adam", ADAM, {"exp_avg_sq": 2}, {}, "exp_avg_sq of W", 0.75 * 2 + 0.25 * D**2),
    *(
        ("adam", ADAM, {"max_exp_avg_sq": 4 - v}, {"exp_avg_sq": v}, "max_exp_avg_sq of W", 3)
        for v in (1, 3)
    ),
    (
        "adamw",
        ADAM,
        {},
        {"exp_avg": 1.75, "exp_avg_sq": V3},
        "W",
        (1 - 0.5 * 0.25) * 3 - 0.5 * 2 / (1.5 + 0.5),
    ),
    ("adamw", ADAM, {}, {}, "exp_avg of W", 0.5 * 0.5),
    ("adamw", ADAM, {}, {}, "exp_avg_sq of W", 0.25 * 0.5**2),
]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_followed_by_hand(rule):
    """The step of the parameters, and each vector, unless another rule has it from the
    same function.
    """
    tried = {
        RULES[name][what.removesuffix(" of W").replace("W", "theta")] for name, *_, what, _ in STEPS
    }
    missing = [what for what, function in RULES[rule].items() if function not in tried]
    says = (
        f"parity/proof/tests/test_truth_by_hand.py: STEPS has no {', '.join(missing)} of {rule!r}"
    )
    assert not missing, says


BY_HAND += [
    (by_hand(rule=rule, settings=h, old=old, new=new), "step", 2, what, (3, 1), value)
    for rule, h, old, new, what, value in STEPS
]
BY_HAND += [  # b1[2] is 1
    (by_hand(settings=SGD, new={"momentum_buffer": 2}), "step", 1, "b", (2,), 1 - 0.5 * 2),
    (
        by_hand(settings=SGD, old={"momentum_buffer": 2}),
        "step",
        1,
        "momentum_buffer of b",
        (2,),
        0.5 * 2 + 0.75 * (0.5 + 0.25 * 1),
    ),
    (
        by_hand(
            rule="adam",
            t=1,
            settings={**ADAM, "weight_decay": 0, "eps": 1.5},
            new={"exp_avg": 0.25, "exp_avg_sq": 0.0625},
        ),
        # the first step of Adam is lr g / (|g| + eps)
        "step",
        1,
        "b",
        (2,),
        1 - 0.5 * 0.5 / (0.5 + 1.5),
    ),
]


def test_every_loss_has_its_output_delta_by_hand():
    """BP1 of each is worked out once."""
    worked_out = {record.spec.loss for record, label, *_ in BY_HAND if label == "BP1"}
    room = "parity/proof/tests/test_truth_by_hand.py"
    assert lacking(room, "BY_HAND with BP1", worked_out, LOSSES) == []


@pytest.mark.parametrize(("record", "equation", "layer", "quantity", "index", "expected"), BY_HAND)
def test_truth_is_what_the_hand_works_out(record, equation, layer, quantity, index, expected):
    """Every formula that takes fractions to fractions gives the very fraction."""
    assert truth(record, equation, layer, quantity, index) == expected


def decimals():
    """What takes exp and log, in another library's arithmetic; a log of 0 counts as
    -100.
    """
    e, ln = (lambda x: Decimal(x).exp()), (lambda x: Decimal(x).ln())
    half, odds, cost = Decimal(1) / 2, e(0) + e(1) + e(-1) + e(3), ("C", None, "loss", ())
    entropy = Decimal(23) / 4 * ln(2) - Decimal(5) / 4 * (ln(0.75) + ln(0.875)) + 50
    # log(1 + e^a) - y a
    logits = sum(
        ln(1 + e(a)) - Decimal(y * a) for a, y in zip(A2[0] + A2[1], Y[0] + Y[1], strict=True)
    )
    rows = ln(e(0.25) + e(0.5) + 2 * e(0.125)) - half, ln(e(0.5) + 1 + e(0.25) + e(1)) - 1
    return [
        (by_hand("sigmoid"), "a", 1, "a", (0, 1), 1 / (1 + e(2))),
        (by_hand("tanh"), "a", 1, "a", (0, 1), (e(-4) - 1) / (e(-4) + 1)),
        (by_hand(output="softmax"), "a", 2, "a", (1, 3), e(3) / odds),
        (by_hand(loss="cross_entropy", y=[3, 1]), *cost, (ln(8) + 100) / 2),
        (by_hand(loss="cross_entropy"), *cost, 5 * ln(2) / 2),  # where y > 0, a is a power of 1/2
        (by_hand(loss="binary_cross_entropy"), *cost, entropy / 8),
        (by_hand(loss="softmax_cross_entropy", y=[1, 3]), *cost, sum(rows) / 2),
        (by_hand(loss="sigmoid_cross_entropy"), *cost, logits / 8),
        (
            by_hand(loss="softmax_cross_entropy"),
            "BP1",
            2,
            "delta",
            (1, 3),
            (e(3) / odds * 7 / 4 - half) / 2,
        ),
        (
            by_hand(loss="sigmoid_cross_entropy"),
            "BP1",
            2,
            "delta",
            (1, 3),
            (1 / (1 + e(-3)) - half) / 8,
        ),
    ]


def test_truth_has_fifty_digits():
    """Fewer than 100 roundings of 50 digits on numbers below 10, which agree with
    Python's decimals to 47 of them.
    """
    with localcontext(prec=70), mpmath.workdps(70):
        for record, equation, layer, quantity, index, expected in decimals():
            assert (
                abs(truth(record, equation, layer, quantity, index) - mpmath.mpf(str(expected)))
                < mpmath.mpf(10) ** -47
            )


SILENT, BARE = replace(by_hand(), layers=(LayerRecord(),) * 2), replace(by_hand(), after=None)


@pytest.mark.parametrize(
    ("record", "equation", "layer", "quantity", "sentence"),
    [
        (
            by_hand(),
            "BP5",
            1,
            "delta",
            "quantity has ('BP5', 'delta'), expected one of ('dropout', 'a_prev'), ",
        ),
        (
            by_hand(),
            "step",
            1,
            "exp_avg of W",
            "vector has 'exp_avg', expected one of 'theta', 'momentum_buffer'",
        ),
        (by_hand(settings=SGD), "step", 1, "w", "array has 'w', expected one of 'W', 'b'"),
        (
            by_hand("heaviside"),
            "BP2",
            1,
            "delta",
            "activation has 'heaviside', expected one of 'identity', ",
        ),
        (
            by_hand(output="tanh", loss="cross_entropy"),
            "BP1",
            2,
            "delta",
            "loss behind tanh has 'cross_entropy', expected one of 'mse', ",
        ),
        (
            BARE,
            "step",
            1,
            "W",
            "record shows nothing after the step, expected W, b and the optimizer's state",
        ),
        (SILENT, "z", 2, "z", "layer 1 has no a, expected a record that shows it"),
    ],
)
def test_what_cannot_be_asked_is_said(record, equation, layer, quantity, sentence):
    """What has no formula, or is not shown, is named."""
    with pytest.raises(ValueError, match=re.escape(f"truth: {sentence}")):
        truth(record, equation, layer, quantity, (0, 0))
