"""Another convention, such as f'(0) = 1 of ReLU, is neither passed nor wrong: it has
its name, and what is beyond it is wrong.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.proof.certificate import certify
from parity.proof.tests.certified import (
    DECAYED,
    by_hand,
    in_both_dtypes,
    recorded,
    result_of,
    rewritten,
    with_entry,
)
from parity.rounding.formats import FORMATS
from parity.steps.cases import Case
from refnet.checks import place


def with_zeros(hidden, output="identity"):
    """A network whose second hidden unit has z = 0 for every input."""

    def make(dtype):
        net = Case("", (3, 4, 2), (hidden,), output, "mse", "values", dtype=dtype).network()
        net.layers[0].W[1] = 0.0
        net.layers[0].b[1] = 0.0
        return net

    return make


def g_below(record):
    """dC/da of the hidden layer."""
    return record.layers[1].delta @ record.before.W[1]


KINKS = {  # name: the network, f'(0) that somebody else takes, and the note
    "relu 1": ("relu", 1.0, "relu'(0) = 1 instead of 0"),
    "relu 1/2": ("relu", 0.5, "relu'(0) = 0.5 instead of 0"),
    "leaky 1": ("leaky_relu", 1.0, "leaky_relu'(0) = 1 instead of 0.01"),
    "leaky middle": ("leaky_relu", 0.505, "leaky_relu'(0) = 0.505 instead of 0.01"),
}
HIDDEN = Case("", (3, 4, 2), ("relu",), "identity", "mse", "values", batch=5)


def kinked(kink, dtype):
    """A record in which the hidden delta takes another subgradient at z = 0."""
    hidden, slope, _ = KINKS[kink]
    record = recorded(replace(HIDDEN, hidden=(hidden,), dtype=dtype), net=with_zeros(hidden)(dtype))
    delta = record.layers[0].delta.copy()
    delta[:, 1] = g_below(record)[:, 1] * np.array(slope, dtype)
    return rewritten(record, "delta", 1, delta)


@in_both_dtypes
@pytest.mark.parametrize("kink", KINKS)
def test_another_subgradient_is_a_convention(kink, dtype):
    """f'(0) of another convention is no mistake and no pass: it has its name, and only
    where z is 0.
    """
    record = kinked(kink, dtype)
    cert = certify(record)
    first = cert.broken[0]
    assert (first.equation, first.layer, first.status, first.note, first.deviation) == (
        "BP2",
        1,
        "convention",
        KINKS[kink][2],
        "",
    )
    assert first.index[1] == 1
    at = place(first.index)
    assert (
        f": BP2 (hidden delta) of layer 1 follows another convention ({KINKS[kink][2]}): delta at "
        f"{at} is {first.got!r}, expected "
    ) in cert.verdict
    assert not cert.passed
    again = with_entry(record, "delta", 1, (0, 0), record.layers[0].delta[0, 0] + 1)
    first = certify(again).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        (0, 0),
        f"elsewhere {KINKS[kink][2]}",
    )
    below = tuple(np.argwhere(record.layers[0].z < 0.0)[0])
    everywhere = with_entry(
        record, "delta", 1, below, g_below(record)[below] * np.array(KINKS[kink][1], dtype)
    )
    first = certify(everywhere).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        below,
        f"elsewhere {KINKS[kink][2]}",
    )
    slightly = with_entry(
        record, "delta", 1, (2, 1), record.layers[0].delta[2, 1] * np.array(1.001, dtype)
    )
    first = certify(slightly).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        (2, 1),
        f"elsewhere {KINKS[kink][2]}",
    )


@in_both_dtypes
def test_two_conventions_in_one_array_are_both_named(dtype):
    """ReLU'(0) = 1 in one row and 1/2 in another: each entry has its convention, and
    the note has both.
    """
    record = kinked("relu 1", dtype)
    mixed = with_entry(record, "delta", 1, (0, 1), record.layers[0].delta[0, 1] / 2)
    first = certify(mixed).broken[0]
    assert (first.status, first.note) == (
        "convention",
        "relu'(0) = 1 instead of 0; relu'(0) = 0.5 instead of 0",
    )


@in_both_dtypes
@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_another_subgradient_at_the_output_is_a_convention(slope, dtype):
    """BP1 of a loss on values knows the conventions of its output activation too."""
    case = replace(HIDDEN, hidden=("tanh",), output="relu", dtype=dtype)
    net = case.network()
    net.layers[1].W[1] = net.layers[1].b[1] = 0.0
    record = recorded(case, net=net)
    delta = record.layers[1].delta.copy()
    delta[:, 1] = (record.layers[1].a - record.y)[:, 1] * (2.0 / record.y.size) * slope
    first = certify(rewritten(record, "delta", 2, delta)).broken[0]
    assert (first.equation, first.status, first.note) == (
        "BP1",
        "convention",
        f"relu'(0) = {slope:g} instead of 0",
    )


@in_both_dtypes
@pytest.mark.parametrize("output", ["identity", "tanh", "softmax"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_another_sign_of_zero_is_a_convention(sign, output, dtype):
    """MAE's gradient where a = y is 0 here; +1 or -1 is a convention, behind any
    activation.
    """
    case = replace(HIDDEN, output=output, hidden=("tanh",), loss="mae", dtype=dtype)
    x, y, _ = next(case.steps())
    net = case.network()
    a = net.predict(x)
    y[::2, 0] = a[::2, 0]
    record = recorded(case, net=net, data=(x, y))
    top = record.layers[1]
    g = np.where(top.a == y, np.array(sign, dtype), np.sign(top.a - y)) / y.size
    delta = net.layers[1].activation.pullback(g.astype(dtype), top.z, top.a)
    first = certify(rewritten(record, "delta", 2, delta)).broken[0]
    assert (first.equation, first.status, first.note) == (
        "BP1",
        "convention",
        f"sign(0) = {sign:+g} instead of 0",
    )
    first = certify(
        with_entry(rewritten(record, "delta", 2, delta), "delta", 2, (1, 1), 1.0)
    ).broken[0]
    assert (first.status, first.index, first.note) == (
        "wrong",
        (1, 1),
        f"elsewhere sign(0) = {sign:+g} instead of 0",
    )


@in_both_dtypes
def test_a_logarithm_without_a_floor_is_a_convention(dtype):
    """Cross-entropy beyond 100 in a row, where refnet's log stops at -100, has the name
    of that convention.
    """
    note = "log has no floor at -100"
    a = np.array([[1.0, 1e-44], [0.5, 0.5]], dtype)  # log 1e-44 is about -101
    for loss, output, y, others in (
        ("cross_entropy", "softmax", np.array([1, 0]), np.log(2.0)),
        ("cross_entropy", "softmax", np.eye(2)[[1, 0]], np.log(2.0)),
        ("binary_cross_entropy", "sigmoid", [[1.0, 1.0], [1.0, 1.0]], 2.0 * np.log(2.0)),
    ):
        record = by_hand(np.log(a, dtype=dtype), y, output, loss, dtype, a=a)
        assert result_of(certify(record), "loss").status == "passed"
        count = 2 if output == "softmax" else 4
        unbounded = (-np.log(a[0, 1], dtype="float64") + others) / count
        result = result_of(certify(replace(record, loss=float(unbounded))), "loss")
        assert (result.status, result.note) == ("convention", note)
        result = result_of(certify(replace(record, loss=float(unbounded) * 1.001)), "loss")
        assert (result.status, result.note) == ("wrong", "")
        impossible = with_entry(record, "a", 1, (0, 1), 0.0)
        for value, status in ((np.inf, "convention"), (-np.inf, "wrong"), (np.nan, "wrong")):
            assert result_of(certify(replace(impossible, loss=value)), "loss").status == status
        assert result_of(certify(replace(record, loss=np.inf)), "loss").status == "wrong"


@in_both_dtypes
@pytest.mark.parametrize("value", [0.5, 1.0])
def test_another_step_at_zero_is_a_convention(value, dtype):
    """heaviside(0) = 1/2 or 1 is a convention, any other value is wrong."""
    record = by_hand(
        [[0.0, 1.0, -1.0]], [[0.0, 0.0, 0.0]], "heaviside", "mse", dtype, delta=np.zeros((1, 3))
    )
    assert result_of(certify(record), "a", 1).status == "passed"
    result = result_of(certify(with_entry(record, "a", 1, (0, 0), value)), "a", 1)
    assert (result.status, result.note, result.index) == (
        "convention",
        f"heaviside(0) = {value:g} instead of 0",
        (0, 0),
    )
    assert result_of(certify(with_entry(record, "a", 1, (0, 0), 0.25)), "a", 1).status == "wrong"
    assert result_of(certify(with_entry(record, "a", 1, (0, 2), value)), "a", 1).status == "wrong"


def decoupled(record):
    """The step in the form (1 - lr weight_decay) theta - lr g."""
    h = record.spec.hyperparameters
    W = [
        (1.0 - h["lr"] * h["weight_decay"]) * W - h["lr"] * layer.dW
        for W, layer in zip(record.before.W, record.layers, strict=True)
    ]
    return replace(record, after=replace(record.after, W=tuple(W)))


@in_both_dtypes
def test_the_other_form_of_weight_decay_passes_with_a_note(dtype):
    """(1 - lr weight_decay) theta - lr g rounds otherwise: it passes and says so; more
    than its own bound beyond is wrong.
    """
    note, fmt = (
        "as (1 - lr weight_decay) theta - lr g: algebraically equal, other rounding",
        FORMATS[dtype],
    )
    noted = []
    for seed in range(40):
        record = decoupled(recorded(replace(DECAYED, dtype=dtype, seed=seed)))
        cert = certify(record)
        assert cert.passed
        noted += [(record, r) for r in cert.results if r.note]
    assert noted
    for _, result in noted:
        assert (result.status, result.note, result.used) == ("passed", note, 1.0)
        assert f"holds ({note}): " in str(result)
        assert str(result).endswith(f" within {result.allowed:.2g}; it is off by 1 of that")
    record, result = noted[0]
    theta = float(record.before.W[result.layer - 1][result.index])
    shrunk = (2 + fmt.scalar) * fmt.unit * abs(0.99 * theta)
    beyond = result.expected + 2.0 * (result.allowed + shrunk)
    wrong = result_of(
        certify(with_entry(record, "W", result.layer, result.index, beyond)), "W", result.layer
    )
    assert (wrong.status, wrong.index) == ("wrong", result.index)
    coupled = replace(record.spec, hyperparameters={**record.spec.hyperparameters, "momentum": 0.9})
    state = {
        "momentum_buffer": np.concatenate(
            [p.ravel() for layer in record.layers for p in (layer.dW, layer.db)]
        )
    }
    assert not [
        r
        for r in certify(
            replace(record, spec=coupled, after=replace(record.after, state=state))
        ).results
        if r.note
    ]


def test_a_pass_with_a_note_hides_nothing_that_is_not_judged():
    """Where one entry has the other form of weight decay and another one overflows, the
    array is not judged, and the note has both.
    """
    steps = (
        decoupled(recorded(replace(DECAYED, dtype="float32", seed=seed))) for seed in range(40)
    )
    record, noted = next(
        (step, r) for step in steps for r in [result_of(certify(step), "W", 1)] if r.note
    )
    g = record.layers[0].dW
    index = next(i for i in np.ndindex(g.shape) if i != noted.index)
    result = result_of(certify(with_entry(record, "dW", 1, index, np.inf)), "W", 1)
    assert (result.status, result.note) == (
        "not judged",
        f"an input that is not finite in 1 of {g.size} entries; {noted.note}",
    )


@in_both_dtypes
def test_a_dampened_first_step_is_a_convention(dtype):
    """Where there is no buffer yet PyTorch's first one is d whole, and (1 - dampening)
    d is another convention; from a shown buffer of zeros both may be meant.
    """
    record = recorded(
        replace(
            DECAYED,
            settings={"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
            dtype=dtype,
        )
    )
    whole = record.after.state["momentum_buffer"]
    assert certify(record).passed
    dampened = replace(record, after=replace(record.after, state={"momentum_buffer": whole / 2}))
    first = certify(dampened).broken[0]
    note = "the first step dampened, as from a buffer of zeros; PyTorch takes d whole"
    assert (first.quantity, first.status, first.note) == (
        "momentum_buffer of W",
        "convention",
        note,
    )
    zeros = replace(record.before, state={"momentum_buffer": np.zeros_like(whole)})
    for either in (record, dampened):
        assert (
            result_of(certify(replace(either, before=zeros)), "momentum_buffer of W", 1).status
            == "passed"
        )
    other = replace(
        record,
        after=replace(record.after, state={"momentum_buffer": whole * np.array(0.501, dtype)}),
    )
    for before in (record.before, zeros):
        assert (
            result_of(certify(replace(other, before=before)), "momentum_buffer of W", 1).status
            == "wrong"
        )
