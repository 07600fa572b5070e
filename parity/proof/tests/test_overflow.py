"""What overflows in one row or column is not judged, whatever a program makes of it,
and its neighbours are: none is silenced, and none is accused.
"""

from itertools import product

import numpy as np
import pytest

from parity.proof.certificate import judge
from parity.proof.equations.kinds import Summed
from parity.proof.equations.sums import bias_gradient, hidden_delta, weight_gradient, weighted_input
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.statements import Statement
from parity.proof.tests.known import ARITHMETICS, Known, entry_of

FIRST = [[False, True], [True, True], [True, True]]
FIRST_ROW = [[False, False], [True, True], [True, True]]
FIRST_COLUMN = [[False, True], [False, True], [False, True]]


def cancelling(known):
    """Three rows and two columns: the first two meet in 0.6 - 0.6 times the largest
    number, all others in numbers about 1.
    """
    big = known.fmt.largest / 2.0**40  # below 2^996, so that only its own sum is lost
    rows = known.of([big, big], [1, 2], [3, -1])
    return rows, known.of([0.6 * 2.0**40, -0.6 * 2.0**40], [1.0 / big, 0.5 / big])


def sums(known):
    """z, db and dW with terms beyond the largest number that cancel."""
    fmt, of, most = known.fmt, known.of, known.fmt.largest
    rows, columns = cancelling(known)
    yield "z", weighted_input(fmt, rows, columns, of(1, 1)), FIRST
    delta = of([0.6 * most, 1], [-0.6 * most, 2], [1, 3])
    yield "db", bias_gradient(fmt, delta), [False, True]
    yield "dW", weight_gradient(fmt, delta, of([1, 1], [1, 2], [1, 3])), [[False] * 2, [True] * 2]
    yield "dW, of a_prev", weight_gradient(fmt, of([1, 3], [1, 2]), delta[:2]), [[False, True]] * 2


def costs(known):
    """C of terms that add up to more than the largest number, or whose mean does not;
    of one logit that is too large, beside others.
    """
    fmt, of, loss, most = known.fmt, known.of, known.loss, known.fmt.largest
    for share, judged in ((0.6, False), (0.4, True)):
        root, zeros = (share * most) ** 0.5, of([0, 0])
        yield f"C mse, {share}", loss["mse"].value(fmt, of([root, root]), zeros), judged
        half = loss["half_squared_error"].value(fmt, of([root, root]), zeros)
        yield f"C half, {share}", half, judged
        big = of([share * most, share * most])
        yield f"C mae, {share}", loss["mae"].value(fmt, big, zeros), judged
    # whose bounds add up several sizes of a logit
    for share, judged in ((0.6, False), (0.01, True)):
        big = of([share * most, share * most])
        yield f"C sigmoid ce, {share}", loss["sigmoid_cross_entropy"].value(fmt, big, zeros), judged
        softmax_ce = loss["softmax_cross_entropy"].value(fmt, of([share * most, 1]), np.array([0]))
        yield f"C softmax ce, {share}", softmax_ce, judged
    rows, labels = of([1, 0.4 * most], [1, 0.4 * most], [1, 0.4 * most]), np.array([0, 0, 0])
    yield "C softmax ce, rows", loss["softmax_cross_entropy"].value(fmt, rows, labels), False


def hidden_deltas(known):
    """BP2 of terms as large: elementwise an entry alone, through softmax its row."""
    fmt, of, function, most = known.fmt, known.of, known.function, known.fmt.largest
    above, columns = cancelling(known)
    a = of([0.25, 0.75], [0.5, 0.5], [0.75, 0.25])
    for name in ("identity", "relu", "leaky_relu", "sigmoid", "tanh"):
        yield f"BP2 {name}", hidden_delta(fmt, function[name], above, columns.T, a, a), FIRST
    yield "BP2 softmax", hidden_delta(fmt, function["softmax"], above, columns.T, a, a), FIRST_ROW
    # each term is far enough below the largest number, and so is every sum with shares
    # a; but twice their sum, in the bound, may be beyond float64's
    g = np.full((3, 2), 1.0, fmt.wide)
    g[0] = 0.4 * most
    terms, kept = np.abs(g).astype(np.float64), known.dtype == "float32"
    pulled = function["softmax"].pullback(fmt, Summed(g, terms, 1.0, 1.0), a, a)
    yield "softmax, a sum of terms", pulled, [[kept] * 2, [True] * 2, [True] * 2]


def output_deltas(known):
    """BP1 of an error that is too large, or of a row of logits that is not finite."""
    fmt, of, function, loss = known.fmt, known.of, known.function, known.loss
    y = of([0, 0], [0, 1], [1, 0])
    for sign, name in product((1, -1), ("mse", "half_squared_error", "mae")):
        a = of([0.3 * sign * fmt.largest, 1], [2, 3], [4, 5])
        delta = loss[name].output_delta(fmt, function["identity"], a, a, y)
        yield f"BP1 {name}, {sign}", delta, FIRST
    shares = of([0.5, 0.5], [0.25, 0.75], [0.5, 0.5])
    z = of([np.inf, 1], [2, 3], [4, 5])
    delta = loss["softmax_cross_entropy"].output_delta(fmt, function["identity"], z, z, y)
    yield "BP1 softmax ce", delta, FIRST_ROW
    delta = loss["cross_entropy"].output_delta(fmt, function["softmax"], z, shares, y)
    yield "BP1 ce + softmax", delta, FIRST_ROW
    yield "softmax", function["softmax"].value(fmt, z), FIRST_ROW
    delta = loss["sigmoid_cross_entropy"].output_delta(
        fmt, function["identity"], of([np.nan, 1], [2, 3], [4, 5]), z, y
    )
    yield "BP1 sigmoid ce", delta, FIRST


def updates(known):
    """The step and the state of an entry whose middle is too large."""
    fmt, most = known.fmt, known.fmt.largest
    theta, g = [-0.6 * most, 1.0], [0.6 * most, 2.0]
    state = {"momentum_buffer": [1.0, 1.0], "square_avg": [1.0, 1.0], "grad_avg": [1.0, 1.0]}
    state |= {"exp_avg": [1.0, 1.0], "exp_avg_sq": [1.0, 1.0], "sum": [1.0, 1.0]}
    h = {"weight_decay": 1.0, "momentum": 0.5, "alpha": 0.5, "betas": (0.5, 0.5), "centered": True}
    for rule, kind in RULE_ENTRIES.items():
        # AdamW has its decay elsewhere, and no middle but g itself
        settings = h if rule != "adamw" else {**h, "weight_decay": 0.0}
        keeps = [k for k in kind().keeps({**settings, "amsgrad": False}) if rule != "adamw"]
        for quantity in (*keeps, *["theta"] * (rule in ("adam", "adagrad"))):
            claim = entry_of(rule, settings, quantity, fmt, theta, g, state, state)
            yield f"{rule} {quantity}", claim, [False, True]
    # lr d beyond the largest number, before it is divided
    g, new = [0.4 * most, 2.0], {**state, "exp_avg": [0.4 * most, 2.0]}
    new["square_avg"] = new["sum"] = new["exp_avg_sq"] = [2.0**80, 1.0]
    for rule in RULE_ENTRIES:
        for lr, judged in ((4.0, False), (0.5, True)):
            h = {"lr": lr, "betas": (0.5, 0.5), "eps": 0.5}
            claim = entry_of(rule, h, "theta", fmt, [1.0, 1.0], g, (), new, t=1)
            # the first bias correction doubles Adam's rate
            least = judged and (rule[:4] != "adam" or 2.0 * lr * 0.4 < 1.0)
            yield f"{rule}, lr {lr}", claim, [least, True]
    h = {"weight_decay": 1.0, "betas": (0.5, 0.5)}
    square = {"exp_avg_sq": [1.0, 1.0]}
    g = [2.0 * most**0.5, 2.0]
    claim = entry_of("adamw", h, "exp_avg_sq", fmt, [1.0, 1.0], g, square, square)
    yield "adamw exp_avg_sq", claim, [False, True]


ROOMS = (sums, costs, hidden_deltas, output_deltas, updates)


@np.errstate(all="ignore")
def rows(arithmetic):
    """Name, a claim, and which of its entries must be judged."""
    return [row for room in ROOMS for row in room(Known(arithmetic))]


@pytest.mark.parametrize(
    ("arithmetic", "claim", "judged"),
    [
        pytest.param(kind, claim, want, id=f"{name}, {kind}")
        for kind in ARITHMETICS
        for name, claim, want in rows(kind)
    ],
)
def test_an_overflow_is_its_own(arithmetic, claim, judged):
    """Where something overflows a program may have anything; a neighbour that is two
    bounds off is wrong, in its own place.
    """
    dtype = ARITHMETICS[arithmetic].dtype
    judged = np.broadcast_to(judged, claim.exact.shape)
    assert claim.judged.tolist() == judged.tolist()
    for anything in (np.inf, np.nan, 0.0):
        with np.errstate(all="ignore"):
            got = np.where(judged, claim.exact, anything).astype(dtype)
        result = judge(Statement("", 1, "", "", got, claim))
        unjudged = int((~judged).sum())
        words = f"overflow in {unjudged} of {judged.size} entries"
        assert (result.status, result.note) == (
            ("not judged", words) if unjudged else ("passed", "")
        )
        for index in map(tuple, np.argwhere(judged)):
            off = got.copy()
            gap = 2.0 * claim.bound[index] * (1.0 + claim.slack)
            off[index] = np.nextafter(
                got.dtype.type(claim.exact[index] + gap), got.dtype.type(np.inf)
            )
            result = judge(Statement("", 1, "", "", off, claim))
            assert result.broken
            assert result.index == index
