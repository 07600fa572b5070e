"""Tests of the measurement: every comparison can accept and refuse, and the smallest
error noticed is where its verdict turns.
"""

import json
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch

from parity.experiments import wide_sums
from parity.experiments.power import (
    GRID,
    OURS,
    PLACES,
    TOOLS,
    WIDE,
    Comparison,
    SmallestErrors,
    Tool,
    central_differences,
    certified,
    comparisons,
    power,
    random_net,
    scaled,
    scaled_statements,
)
from parity.experiments.wide_sums import wide_nets
from parity.proof.certificate import certify
from parity.steps.cases import DTYPES, TRAINABLE
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet
from refnet import SGD, Dense, Network, ReLU, mlp
from refnet.equations import PLAIN
from refnet.losses import LOSSES

NETS = 8
# what the proof promises of dW: a requirement on the bounds
TARGETS = {"float64": 4e-15, "float32": 3e-6}
FEW = [0, 1, 2]
KINKED = 147  # some z of its ReLU lies within 1e-6 of the kink
BY_NAME = {tool.name: tool for tool in TOOLS}
EDGES = [  # an error of an entry 1.0 that the tool accepts, and one that it refuses
    ("llm.c", "float32", 1.99e-2, 2.01e-2),
    ("numpy-ml", "float64", 1.49e-3, 1.51e-3),
    ("tinygrad", "float32", 1.09e-3, 1.11e-3),
    ("torch.autograd.gradcheck", "float64", 1.00e-3, 1.02e-3),
    ("torch.testing.assert_close", "float64", 1.99e-7, 2.01e-7),
    ("torch.testing.assert_close", "float32", 1.11e-5, 1.15e-5),
    ("numpy.allclose", "float64", 1.000e-5, 1.002e-5),
    ("numpy.allclose", "float32", 0.97e-5, 1.03e-5),
]
in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


@cache
def report():
    """The measurement, small."""
    return power(NETS)


@cache
def limits_of(number, dtype):
    """Every comparison of one network, with the smallest eps that it notices."""
    return [(each, each.smallest()) for each in comparisons(*random_net(0, number, dtype))]


def before(eps):
    """The point of the grid before this one; the last one for inf."""
    return GRID[-1] if eps == np.inf else GRID[GRID.index(eps) - 1]


@pytest.mark.parametrize(("name", "dtype", "accepted", "refused"), EDGES)
def test_a_tool_accepts_and_refuses_where_its_source_says(name, dtype, accepted, refused):
    """Each tool takes an error just inside its tolerance and refuses one just outside,
    in a single entry and in both directions.
    """
    want = np.array([[0.0, 1.0], [-0.25, 1e-3]], dtype)
    for sign in (1.0, -1.0):
        near, far = (
            want + np.array([[0.0, sign * error], [0.0, 0.0]], dtype)
            for error in (accepted, refused)
        )
        assert BY_NAME[name].accepts(want, want)
        assert BY_NAME[name].accepts(near, want)
        assert not BY_NAME[name].accepts(far, want)


def test_check_grads_is_relative_or_absolute_along_one_direction():
    """autograd's check takes |a - b| / |a + b| below 1e-6 of a large gradient, and
    anything of a tiny one.
    """
    accepts, want = (
        BY_NAME["autograd check_grads"].accepts,
        np.random.default_rng(0).normal(size=(5, 3)),
    )
    assert accepts(1e6 * want, 1e6 * want)
    assert accepts(1e6 * want * (1 + 1.99e-6), 1e6 * want)
    assert not accepts(1e6 * want * (1 + 2.01e-6), 1e6 * want)
    assert not accepts(-1e6 * want, 1e6 * want)
    assert accepts(np.zeros_like(want), 1e-8 * want)
    assert not accepts(np.zeros_like(want), 1e-3 * want)


def test_check_grads_draws_a_direction_for_each_gradient():
    """Zeros pass for a gradient of 3e-6 where |N N'| < 1/3, a direction times a weight
    of the output, both normal: in 45 % of draws.
    """
    accepts = BY_NAME["autograd check_grads"].accepts
    passes = [accepts(np.zeros((1, 1)), np.array([[3e-6 * (1 + k * 1e-6)]])) for k in range(400)]
    assert 0.38 < np.mean(passes) < 0.52


def test_every_tool_has_a_test_of_its_edge():
    """No tool stands in the table untested."""
    assert {name for name, *_ in EDGES} | {"autograd check_grads"} == set(BY_NAME)
    assert all(tool.source for tool in TOOLS)


@in_both_dtypes
def test_scaling_rounds_once(dtype):
    """An eps below the unit moves the entries whose spacing is small for their size,
    and only those; larger ones move all.
    """
    unit = float(np.finfo(dtype).eps) / 2
    q = np.array([1.0, -1.0, 2.0 - 2 * unit, 0.0], dtype)
    spacing = np.array([2 * unit, 2 * unit, 2 * unit, 0.0])
    assert scaled(q, 0.6 * unit).dtype == dtype
    np.testing.assert_array_equal(scaled(q, 0.49 * unit), q)
    np.testing.assert_array_equal(np.abs(scaled(q, 0.6 * unit)) - np.abs(q), spacing * [0, 0, 1, 0])
    np.testing.assert_array_equal(np.abs(scaled(q, 1.1 * unit)) - np.abs(q), spacing * [1, 1, 1, 0])
    np.testing.assert_array_equal(scaled(q, 1.0), 2 * q)


def test_scaling_goes_through_the_wider_format():
    """In float32 the result is the exact product, rounded, where float32 arithmetic
    would round twice.
    """
    q = np.random.default_rng(0).normal(size=200).astype(np.float32)
    exact = [np.float32(float(Fraction(float(x)) * (1 + Fraction(0.37)))) for x in q]
    assert scaled(q, 0.37).tolist() == exact != (q + q * np.float32(0.37)).tolist()


def test_the_smallest_error_is_the_first_of_the_grid_that_is_refused():
    """Any limit is found to 1.1 %; what is never refused is inf, what refuses the right
    array 0, even where it accepts a wrong one.
    """
    right = np.array([3.0, -1.0])
    for limit in (2.0**-52, 3.3e-7, 1.0, 15.9):
        eps = Comparison(
            "", right, lambda got, limit=limit: bool((abs(got / right - 1) <= limit).all())
        ).smallest()
        assert limit < eps <= limit * 2 ** (1 / 64) + 2.0**-52
    assert Comparison("", right, lambda got: True).smallest() == np.inf
    assert Comparison("", right, lambda got: bool((got == right).all())).smallest() <= 2.0**-52
    assert Comparison("", right, lambda got: bool((got != right).all())).smallest() == 0.0


def test_the_grid_is_what_is_said():
    """From 2^-60 to 2^4, 64 points to the octave."""
    assert (GRID[0], GRID[-1], len(GRID)) == (2.0**-60, 2.0**4, 64 * 64 + 1)
    # two logarithms of up to 60, each rounded
    assert np.abs(np.diff(np.log2(GRID)) - 1 / 64).max() <= 2 * 60 * np.finfo(float).eps


@in_both_dtypes
@pytest.mark.parametrize("number", FEW)
def test_the_verdict_turns_once_and_where_it_is_found(number, dtype):
    """Every comparison accepts all that is smaller than the eps found and refuses all
    that is greater.
    """
    for each, eps in limits_of(number, dtype):
        assert each.accepts(scaled(each.right, before(eps)))
        for tried in GRID[::512]:
            assert each.accepts(scaled(each.right, tried)) is (tried < eps)


@in_both_dtypes
@pytest.mark.parametrize("number", FEW)
def test_the_certificate_is_refused_where_power_says(number, dtype):
    """With the scaled quantity put into the record, `certify` names its equation and
    layer first; just below it finds nothing there.
    """
    net, x, y, loss = random_net(0, number, dtype)
    record = record_refnet(net, x, y, loss, SGD())
    assert certify(record).passed
    statements = scaled_statements(record)
    assert {label: (s.layer, s.quantity) for label, s in statements.items()} == {
        label: place(record, label) for label in PLAIN
    }
    for label, statement in statements.items():
        right = np.asarray(statement.got, dtype)
        eps = Comparison(label, right, certified(statement)).smallest()
        above, below = (certify(put(record, label, scaled(right, e))) for e in (eps, before(eps)))
        assert (above.broken[0].equation, above.broken[0].layer, above.broken[0].quantity) == (
            label,
            *place(record, label),
        )
        assert (label, *place(record, label)) not in [
            (r.equation, r.layer, r.quantity) for r in below.broken
        ]
        # what reads another quantity notices even less of a change
        assert below.passed or label not in ("C", "step")


def place(record, label):
    """The layer and the quantity that is scaled."""
    return {"C": None, "BP1": len(record.layers)}.get(label, 1), PLACES[label][0]


def put(record, label, array):
    """The record with another array in an equation's place."""
    layer, quantity = place(record, label)
    if label == "C":
        return replace(record, loss=float(array))
    if label == "step":
        return replace(record, after=replace(record.after, W=(array, *record.after.W[1:])))
    layers = list(record.layers)
    layers[layer - 1] = replace(layers[layer - 1], **{quantity: array})
    return replace(record, layers=tuple(layers))


class Handmade(torch.autograd.Function):
    """A cost whose gradient is whatever it is given."""

    @staticmethod
    def forward(ctx, W, cost, dW):
        """The cost."""
        ctx.dW = dW
        return cost(W)

    @staticmethod
    def backward(ctx, upstream):
        """The gradient given."""
        return upstream * ctx.dW, None, None


def gradcheck(net, x, y, loss, dW):
    """What PyTorch's own gradcheck says of this dW of layer 1, by its defaults."""
    model, torch_loss = twin(net), twin_loss(loss)

    def cost(W):
        return torch_loss(
            torch.func.functional_call(model, {"0.weight": W}, (torch.tensor(x),)), torch.tensor(y)
        )

    W = torch.tensor(net.layers[0].W, requires_grad=True)
    return torch.autograd.gradcheck(
        lambda W: Handmade.apply(W, cost, torch.tensor(dW)), (W,), raise_exception=False
    )


SMALL = [
    number for number in range(60) if random_net(0, number, "float64")[0].layers[0].W.size < 80
]


@pytest.mark.parametrize("number", SMALL)
def test_gradcheck_itself_turns_where_power_says(number):
    """torch.autograd.gradcheck accepts the gradient 2 % of eps below the eps found for
    it, and refuses it 2 % above.
    """
    setting = random_net(0, number, "float64")
    each, eps = next(
        pair for pair in limits_of(number, "float64") if pair[0].name == "torch.autograd.gradcheck"
    )
    assert np.isfinite(eps)
    assert gradcheck(*setting, scaled(each.right, 0.98 * before(eps)))
    assert not gradcheck(*setting, scaled(each.right, 1.02 * eps))


def test_gradcheck_itself_refuses_a_right_gradient_at_a_kink():
    """Where a z lies within a difference's step of ReLU's kink, the false alarm that is
    counted is PyTorch's own.
    """
    setting = random_net(0, KINKED, "float64")
    alarms = {each.name: each for each, eps in limits_of(KINKED, "float64") if eps == 0.0}
    assert set(alarms) == {"torch.autograd.gradcheck", "autograd check_grads"}
    assert not gradcheck(*setting, alarms["torch.autograd.gradcheck"].right)


@in_both_dtypes
def test_others_expect_an_independent_gradient(dtype, monkeypatch):
    """What a tool is shown is refnet's dW and PyTorch's, not the same arithmetic twice;
    central differences in float64 alone.
    """
    seen = []
    spy = Tool("spy", "", lambda got, want: seen.append((got, want)) is None)
    monkeypatch.setattr("parity.experiments.power.TOOLS", (spy, replace(spy, differences=True)))
    net, x, y, loss = random_net(0, 1, dtype)
    for each in comparisons(net.copy(), x, y, loss):
        each.accepts(each.right)
    model = twin(net)
    theirs = record_torch(model, x, y, twin_loss(loss), twin_optimizer(SGD(), model)).layers[0].dW
    ours = record_refnet(net, x, y, loss, SGD()).layers[0].dW
    assert ours.tolist() != theirs.tolist()
    assert [(got.tolist(), want.tolist()) for got, want in seen[:1]] == [
        (ours.tolist(), theirs.tolist())
    ]
    assert len(seen) == {"float64": 2, "float32": 1}[dtype]


def test_central_differences_are_right():
    """Of a quadratic cost the difference is the derivative up to the rounding of C over
    the step; the network is left as it was.
    """
    net, x, y = (
        mlp([3, 2], [], "identity", seed=1),
        np.array([[1.0, -2.0, 0.5], [0.25, 1.0, 3.0]]),
        np.array([[1.0, 0.0], [-1.0, 2.0]]),
    )
    parameters, loss = net.parameters.copy(), LOSSES["mse"]()
    _, gradients = net.loss_and_gradients(x, y, loss)
    cost = loss.value(net.predict(x), y)
    gap = abs(central_differences(net, x, y, loss) - gradients[0].dW).max()
    assert 0.0 < gap <= 8 * np.finfo(float).eps * cost / 1e-6
    assert net.parameters.tolist() == parameters.tolist()


@pytest.mark.parametrize(
    ("z", "slope"), [(2e-6, -2.0), (0.5e-6, -1.5), (-0.5e-6, -0.5), (-2e-6, 0.0)]
)
def test_central_differences_step_over_a_kink(z, slope):
    """(relu(w + b) - 1)^2 at z = w + b: within the step of 1e-6 the difference is
    -(1 + z / step), outside it the derivative.
    """
    net = Network([Dense([[1.0]], [z - 1.0], ReLU())])
    measured = central_differences(net, np.ones((1, 1)), np.ones((1, 1)), LOSSES["mse"]())[0, 0]
    # (a - 1)^2 for -2 a, and rounding of a cost of 1
    assert abs(measured - slope) <= 2 * (abs(z) + 1e-6) + 8 * np.finfo(float).eps / 1e-6


@in_both_dtypes
def test_every_quantity_is_scaled_in_its_own_dtype(dtype):
    """The cost too, which a record has as a Python float."""
    assert {(each.name, each.right.dtype.name) for each, _ in limits_of(0, dtype)} >= {
        (label, dtype) for label in PLAIN
    }


@in_both_dtypes
def test_the_proof_notices_what_it_promises(dtype):
    """The median net notices a scale error of dW of 4e-15 in float64 and of 3e-6 in
    float32.
    """
    assert report().row("BP4", dtype).median <= TARGETS[dtype]


@in_both_dtypes
def test_ours_is_sharper_than_allclose_on_every_net(dtype):
    """On each single net, our bound on dW notices less than numpy.allclose does
    wherever that accepts the right gradient.
    """
    pairs = list(
        zip(
            report().row("BP4", dtype).smallest,
            report().row("numpy.allclose", dtype).smallest,
            strict=True,
        )
    )
    assert len(pairs) == NETS
    assert all(0.0 < ours < theirs or theirs == 0.0 for ours, theirs in pairs)
    assert sum(ours < theirs for ours, theirs in pairs) > NETS / 2


def test_zeros_never_pass_here():
    """No equation takes an array of zeros for the right one, or the right one for
    wrong; others do take zeros.
    """
    ours = [row for row in report().rows if row.name in OURS]
    assert [(row.zeros_pass, row.false_alarms) for row in ours] == [(0, 0)] * len(ours)
    assert report().passed
    assert report().row("llm.c").zeros_pass > NETS / 2


def test_the_report_is_whole():
    """Every equation and every tool is measured on every net in both dtypes; central
    differences need float64.
    """
    rows = [(row.name, row.dtype) for row in report().rows]
    anywhere = [tool.name for tool in TOOLS if not tool.differences]
    assert rows == [(name, "float64") for name in (*PLAIN, *BY_NAME, *WIDE)] + [
        (name, "float32") for name in (*PLAIN, *anywhere, *WIDE)
    ]
    counts = {len(row.smallest) for row in report().rows if row.name not in WIDE}
    assert (counts, wide_nets(NETS)) == ({NETS}, 1)
    assert {len(report().row(name, dtype).smallest) for name in WIDE for dtype in DTYPES} == {1}
    assert {(row.named, row.nets) for row in report().factors} == {(1, 1)}
    assert all(report().row(row.name, row.dtype) is row for row in report().rows)
    assert (report().nets, report().seed) == (NETS, 0)


def test_a_right_quantity_refused_by_the_bounds_is_no_power():
    """The report fails where an equation of ours has a false alarm; what others refuse
    is their affair.
    """
    alarmed = {
        name: replace(report(), rows=(SmallestErrors(name, "float32", (1.0, 0.0), 0),))
        for name in ("BP4", "numpy.allclose")
    }
    assert {name: alarmed[name].passed for name in alarmed} == {
        "BP4": False,
        "numpy.allclose": True,
    }


def test_the_lines_say_what_was_found():
    """The first line gives the medians of dW; the table has a line for each row;
    nothing is wider than a screen.
    """
    first, head, *lines = report().lines()
    ours = " and ".join(f"{report().row('BP4', dtype).median:.1e}" for dtype in DTYPES)
    assert first.startswith(
        f"Smallest scale error noticed in dW of layer 1, median over {NETS} random nets, float64 "
        f"and float32: ours "
    )
    assert f"ours {ours}; numpy.allclose 1." in first
    assert head.split() == ["median", "in", "90", "%", "worst", "zeros", "pass", "false", "alarms"]
    assert [line for line in lines if line.startswith("  ")] == [
        *(str(row) for row in report().rows if row.name in OURS),
        *(str(row) for row in report().rows if row.name not in OURS),
        *wide_sums.lines(report().factors),
    ]
    *sources, title = [line for line in lines if not line.startswith("  ")][2:]
    assert sources == [f"{tool.name}: {tool.source}" for tool in TOOLS]
    assert title.startswith("factors of z in a coarser format that are named")
    assert max(map(len, (head, *lines))) <= 120
    assert len({len(line) for line in (head, *map(str, report().rows))}) == 1


def test_a_row_counts_nets():
    """A share of the nets is so many whole nets; what is never noticed is `never` in
    print and null in JSON.
    """
    row = SmallestErrors("llm.c", "float32", (4.0, 0.0, np.inf, 2.0, 0.0), 3)
    assert [row.noticed_in(share) for share in (0.2, 0.4, 0.5, 0.8, 0.9)] == [
        0.0,
        0.0,
        2.0,
        4.0,
        np.inf,
    ]
    assert (row.median, row.false_alarms) == (2.0, 2)
    assert str(row).split() == ["float32", "llm.c", "2.0e+00", "never", "never", "3", "2"]
    counts = {"zeros_pass": 3, "false_alarms": 2}
    assert row.as_json() == {
        "name": "llm.c",
        "dtype": "float32",
        "median": 2.0,
        "in_90_percent": None,
        "worst": None,
        **counts,
    }
    many = SmallestErrors("z", "float64", tuple(map(float, range(1, 201))), 0)
    figures = many.as_json()
    assert (many.median, figures["median"], figures["in_90_percent"], figures["worst"]) == (
        100.0,
        100.0,
        180.0,
        200.0,
    )


def test_json_has_everything():
    """The report as plain data is valid JSON: no infinity, no NumPy."""
    data = json.loads(json.dumps(report().as_json(), allow_nan=False))
    assert (data["nets"], data["seed"]) == (NETS, 0)
    assert data["rows"] == [row.as_json() for row in report().rows]


def test_random_nets_are_as_described():
    """2 or 3 layers, widths 3 to 39, n 2 to 32, PyTorch's initial weights, every loss
    and activation: each is drawn, nothing else.
    """
    nets = [random_net(0, number, "float64") for number in range(200)]
    assert {len(net.layers) for net, *_ in nets} == {2, 3}
    assert (
        {min(net.sizes) for net, *_ in nets}
        >= {3}
        <= {size for net, *_ in nets for size in net.sizes}
        <= set(range(3, 40))
    )
    assert {39} <= {size for net, *_ in nets for size in net.sizes}
    assert {2, 32} <= {len(x) for _, x, *_ in nets} <= set(range(2, 33))
    assert {loss.name for *_, loss in nets} == set(LOSSES)
    assert {layer.activation.name for net, *_ in nets for layer in net.layers[:-1]} == set(
        TRAINABLE
    )
    assert all(
        0.5 < abs(layer.W).max() * layer.fan_in**0.5 <= 1.0
        for net, *_ in nets
        for layer in net.layers
    )


def test_random_nets_repeat():
    """The same seed and number give the same network and data, rounded in float32;
    another seed or number others.
    """
    net, x, *_ = random_net(3, 1, "float64")
    again, x_again, *_ = random_net(3, 1, "float32")
    np.testing.assert_array_equal(again.parameters, net.parameters.astype(np.float32))
    np.testing.assert_array_equal(x_again, x.astype(np.float32))
    others = [random_net(*at, "float64")[0] for at in ((3, 2), (4, 1), (1, 3))]
    assert all(other.parameters.tolist() != net.parameters.tolist() for other in others)


def test_progress_is_told_and_nothing_is_refused():
    """`on_progress` is called once for each net, the nets depend on the seed, and no
    nets at all are refused.
    """
    calls = []
    other = power(2, seed=1, on_progress=lambda: calls.append(1))
    assert (calls, other.seed) == ([1, 1], 1)
    assert set(other.row("BP4").smallest).isdisjoint(report().row("BP4").smallest[:2])
    with pytest.raises(ValueError, match="power: nets has 0, expected 1 or more"):
        power(0)
