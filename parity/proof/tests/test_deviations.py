"""What PyTorch does otherwise than the equations is a deviation with a name, and hides
no second error.
"""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from parity.proof.certificate import certify
from parity.proof.equations.binary import BCE_FLOOR
from parity.proof.tests.certified import in_both_dtypes, result_of, with_entry
from parity.rounding.formats import FORMATS
from parity.steps.pytorch import CrossEntropy, record_torch
from refnet.checks import place


def torch_step(z, y, dtype, activation, loss, **asked):
    """One step of a PyTorch model of one layer whose weighted inputs are z; lr is 0."""
    z = np.array(z, dtype)
    linear = nn.Linear(z.shape[1], z.shape[1], dtype=getattr(torch, dtype))
    with torch.no_grad():
        linear.weight.copy_(torch.eye(z.shape[1]))
        linear.bias.zero_()
    model = nn.Sequential(linear, activation)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    return record_torch(model, z, np.asarray(y), loss, optimizer, **asked)


def the_deviation(record, deviation, quantity="delta", layer=1):
    """The result in which PyTorch deviates as it is known to; the test fails where it
    no longer does.
    """
    result = result_of(certify(record), quantity, layer)
    repaired = (
        f"PyTorch {torch.__version__} no longer shows the deviation {deviation!r}: strike it "
        f"from the list; {result}"
    )
    assert result.broken, repaired
    assert (result.status, result.deviation) == ("wrong", deviation), repaired
    return result


def others_pass(record, quantity, layer=1):
    """Everything before the deviating quantity has passed."""
    results = certify(record).results
    before = results[: [(r.quantity, r.layer) for r in results].index((quantity, layer))]
    return {r.status for r in before} == {"passed"}


CLAMP_NOTE = (
    "divided by 1e-12 where a (1 - a) is less, as torch.nn.BCELoss does; logits have no such limit"
)
EDGE = -np.log(BCE_FLOOR)  # |z| at which a (1 - a) is BCE_FLOOR, 27.63
CLAMPED = [  # dtype, z, y
    *(("float64", z, y) for z in (-27.7, -28.0, -36.0, -50.0, 27.7, 28.0) for y in (0.0, 1.0)),
    *(("float64", z, 0.0) for z in (36.0, 37.0, 50.0)),
    *(("float32", z, y) for z in (-27.7, -28.0, -50.0) for y in (0.0, 1.0)),
    *(("float32", z, 0.0) for z in (17.0, 28.0)),
]


@pytest.mark.parametrize(("dtype", "z", "y"), CLAMPED)
def test_bceloss_clamps_a_saturated_probability(dtype, z, y):
    """torch.nn.BCELoss behind a sigmoid divides by 1e-12 where a (1 - a) is less:
    wrong, on both sides, and where a is 1.
    """
    record = torch_step([[z]], [[y]], dtype, nn.Sigmoid(), nn.BCELoss())
    result = the_deviation(record, "BCELoss clamp")
    assert (result.equation, result.note, result.index) == ("BP1", CLAMP_NOTE, (0, 0))
    assert others_pass(record, "delta")
    assert certify(record).verdict.endswith(f" ({CLAMP_NOTE}).")


@in_both_dtypes
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_the_edge_of_bceloss_is_sharp(dtype, y):
    """BCELoss is right down to a (1 - a) = 1e-12, at z = +-27.6, and in float32 above
    where 1 - a is not yet 0; below it deviates.
    """
    assert 27.6 < EDGE < 27.7
    right = (-27.0, -27.6, 27.0, 27.6) if dtype == "float64" else (-27.0, -27.6, 15.0, 16.0)
    assert certify(
        torch_step([[z] for z in right], [[y]] * 4, dtype, nn.Sigmoid(), nn.BCELoss())
    ).passed
    the_deviation(
        torch_step([[-27.6], [-27.7]], [[y]] * 2, dtype, nn.Sigmoid(), nn.BCELoss()),
        "BCELoss clamp",
    )


@in_both_dtypes
def test_logits_have_no_clamp(dtype):
    """BCEWithLogitsLoss is right where BCELoss deviates, also where the sigmoid rounds
    to its label, and past 100.
    """
    z = [[-50.0], [-28.0], [-27.7], [37.43], [28.0], [120.0], [-120.0]]
    for y in (0.0, 1.0, 0.5):
        assert certify(
            torch_step(z, [[y]] * len(z), dtype, nn.Identity(), nn.BCEWithLogitsLoss())
        ).passed


@in_both_dtypes
def test_a_second_error_in_a_clamped_entry_or_beside_it_is_seen(dtype):
    """A thousandth more in the deviating entry, or anything in another entry, is wrong
    and no deviation of PyTorch.
    """
    record = torch_step(
        [[-28.0, 1.0], [0.5, -1.0]], [[1.0, 0.0], [1.0, 0.0]], dtype, nn.Sigmoid(), nn.BCELoss()
    )
    delta = record.layers[0].delta
    assert the_deviation(record, "BCELoss clamp").index == (0, 0)
    result = result_of(
        certify(with_entry(record, "delta", 1, (0, 0), delta[0, 0] * 1.001)), "delta", 1
    )
    assert (result.status, result.index, result.deviation, result.note) == ("wrong", (0, 0), "", "")
    for index in ((0, 1), (1, 0), (1, 1)):
        result = result_of(
            certify(with_entry(record, "delta", 1, index, delta[index] * 1.001)), "delta", 1
        )
        assert (result.status, result.index, result.deviation, result.note) == (
            "wrong",
            index,
            "",
            f"elsewhere {CLAMP_NOTE}",
        )


@in_both_dtypes
def test_an_ordinary_probability_has_no_clamp_to_deviate_by(dtype):
    """Where a (1 - a) is far above 1e-12 an error of twelve units is wrong and no
    deviation, though the clamp's own bound is wider.
    """
    record = torch_step([[-5.0]], [[1.0]], dtype, nn.Sigmoid(), nn.BCELoss())
    fmt, a = FORMATS[dtype], float(record.layers[0].a[0, 0])
    allowed = fmt.unit * (10.0 * (1.0 - a) + 2.0 * fmt.sigmoid * a)
    assert allowed * (1.0 + fmt.slack) < 12.0 * fmt.unit < 14.0 * fmt.unit * (1.0 - a)
    result = result_of(
        certify(with_entry(record, "delta", 1, (0, 0), a - 1.0 - 12.0 * fmt.unit)), "delta", 1
    )
    assert (result.status, result.deviation, result.note) == ("wrong", "", "")


LOG_NOTE = (
    "-y / a overflows at a probability of about 0, as PyTorch's gradient of log does; logits "
    "have no such limit"
)
# -log p whose reciprocal is still a number, and p = 0
GAPS = {"float64": (700.0, 800.0), "float32": (85.0, 110.0)}


@in_both_dtypes
@pytest.mark.parametrize("targets", ["label", "distribution", "soft"])
def test_the_gradient_of_a_logarithm_overflows_behind_softmax(dtype, targets):
    """-y / a of a probability 0 is infinity, and NaN behind softmax's pullback: wrong
    in that row, right where 1 / a is a number.
    """
    near_zero, zero = GAPS[dtype]
    y = {
        "label": [1, 1],
        "distribution": [[0.0, 1.0], [0.0, 1.0]],
        "soft": [[0.5, 0.5], [0.25, 0.75]],
    }[targets]
    y = np.array(y) if targets == "label" else np.array(y, dtype)
    record = torch_step([[near_zero, 0.0], [1.0, 0.0]], y, dtype, nn.Softmax(dim=1), CrossEntropy())
    assert certify(record).passed
    record = torch_step([[1.0, 0.0], [zero, 0.0]], y, dtype, nn.Softmax(dim=1), CrossEntropy())
    result = the_deviation(record, "log of zero")
    assert (result.equation, result.note, result.index[0]) == ("BP1", LOG_NOTE, 1)
    assert others_pass(record, "delta")


@in_both_dtypes
def test_soft_targets_multiply_nothing_with_infinity(dtype):
    """0 log 0 in distributions: the value is right, the gradient 0 * inf = NaN; labels
    pick before the logarithm and are right.
    """
    zero = GAPS[dtype][1]
    z = [[zero, 0.0], [1.0, 0.0]]
    assert certify(torch_step(z, np.array([0, 0]), dtype, nn.Softmax(dim=1), CrossEntropy())).passed
    record = torch_step(
        z, np.array([[1.0, 0.0], [1.0, 0.0]], dtype), dtype, nn.Softmax(dim=1), CrossEntropy()
    )
    result = the_deviation(record, "log of zero")
    assert (result.note, result.index[0], result.expected) == (LOG_NOTE, 0, 0.0)
    assert result_of(certify(record), "loss").status == "passed"
    assert others_pass(record, "delta")


@in_both_dtypes
def test_a_row_without_weight_takes_its_logarithm_all_the_same(dtype):
    """0 times the gradient of log 0 is NaN, where the row should count nothing; the row
    that counts is right, and a finite wrong number is no deviation.
    """
    z, softmax = [[1.0, 0.0], [GAPS[dtype][1], 0.0]], nn.Softmax(dim=1)
    asked = {"sample_weight": [1.0, 0.0]}
    record = torch_step(z, np.array([0, 0]), dtype, softmax, CrossEntropy(), **asked)
    assert certify(record).passed
    record = torch_step(z, np.array([0, 1]), dtype, softmax, CrossEntropy(), **asked)
    result = the_deviation(record, "log of zero")
    assert (result.note, result.index[0], result.expected) == (LOG_NOTE, 1, 0.0)
    assert others_pass(record, "delta")
    result = result_of(certify(with_entry(record, "delta", 1, (0, 1), 0.25)), "delta", 1)
    assert (result.status, result.index, result.deviation) == ("wrong", (0, 1), "")


@in_both_dtypes
def test_a_large_weight_overflows_the_gradient_of_a_logarithm_sooner(dtype):
    """T / a is infinity at a probability whose reciprocal is a number: the same
    deviation, in that entry alone.
    """
    near_zero, y = GAPS[dtype][0], np.array([[1.0, 0.0]])
    weights = {"weight": torch.tensor([1e15, 1.0], dtype=getattr(torch, dtype))}
    loss = CrossEntropy(**weights, reduction="sum")
    assert certify(torch_step([[1.0, 2.0]], y, dtype, nn.Sigmoid(), loss)).passed
    record = torch_step([[-near_zero, 2.0]], y, dtype, nn.Sigmoid(), loss)
    result = the_deviation(record, "log of zero")
    assert (result.note, result.index, result.got) == (LOG_NOTE, (0, 0), -np.inf)


@in_both_dtypes
@pytest.mark.parametrize("y", [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
def test_the_gradient_of_a_logarithm_overflows_behind_sigmoid(dtype, y):
    """-y / a times a (1 - a) of a = 0 is NaN in that entry, and the entries beside it
    are right.
    """
    near_zero, zero = GAPS[dtype]
    y = np.array([y, y], dtype)
    assert certify(
        torch_step([[-near_zero, 2.0], [1.0, 0.0]], y, dtype, nn.Sigmoid(), CrossEntropy())
    ).passed
    record = torch_step([[1.0, 0.0], [-zero, 2.0]], y, dtype, nn.Sigmoid(), CrossEntropy())
    result = the_deviation(record, "log of zero")
    assert (result.equation, result.note, result.index) == ("BP1", LOG_NOTE, (1, 0))
    repaired = with_entry(record, "delta", 1, (1, 0), -y[1, 0] / 2.0)
    assert result_of(certify(repaired), "delta", 1).status == "passed"


@in_both_dtypes
def test_a_second_error_in_a_row_of_infinities_or_beside_it_is_seen(dtype):
    """A finite wrong number in the row, or anything in another row, is wrong and no
    deviation of PyTorch.
    """
    record = torch_step(
        [[1.0, 0.0], [GAPS[dtype][1], 0.0]],
        np.array([1, 1]),
        dtype,
        nn.Softmax(dim=1),
        CrossEntropy(),
    )
    for index in ((1, 0), (1, 1)):
        result = result_of(certify(with_entry(record, "delta", 1, index, 0.25)), "delta", 1)
        assert (result.status, result.index, result.deviation, result.note) == (
            "wrong",
            index,
            "",
            f"elsewhere {LOG_NOTE}",
        )
    for number in (np.nan, record.layers[0].delta[0, 1] * 1.001):
        result = result_of(certify(with_entry(record, "delta", 1, (0, 1), number)), "delta", 1)
        assert (result.status, result.index, result.deviation, result.note) == (
            "wrong",
            (0, 1),
            "",
            f"elsewhere {LOG_NOTE}",
        )
    behind_sigmoid = torch_step(
        [[-GAPS[dtype][1], 2.0]], np.array([[0.5, 0.5]], dtype), dtype, nn.Sigmoid(), CrossEntropy()
    )
    result = result_of(certify(with_entry(behind_sigmoid, "delta", 1, (0, 1), np.nan)), "delta", 1)
    assert (result.status, result.index, result.deviation) == ("wrong", (0, 1), "")


VARIANCE_NOTE = (
    "the root of a variance that rounding made negative, as in "
    "torch.optim.RMSprop(centered=True); take max(v - mean^2, 0)"
)
HEALTHY = [5, 6]  # columns of ordinary gradients
NAN_SEED = 0  # the first of random constant gradients whose variance PyTorch makes negative


@cache
def centered(momentum):
    """The first step after which PyTorch's centered RMSprop has NaN: constant gradients
    of 1e-23 to 1e-20 in float32, two of 1; lr 0.
    """
    rng = np.random.default_rng(NAN_SEED)
    x = (rng.normal(size=(1, 40)) * 10.0 ** rng.uniform(-23, -20, (1, 40))).astype(np.float32)
    x[0, HEALTHY] = 1.0
    linear = nn.Linear(40, 1)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()
    model = nn.Sequential(linear)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.0, centered=True, momentum=momentum)
    for _ in range(20):
        record = record_torch(model, x, np.ones((1, 1), np.float32), nn.MSELoss(), optimizer)
        if np.isnan(record.after.W[0]).any():
            break
    return record


@pytest.mark.parametrize(("momentum", "quantity"), [(0.0, "W"), (0.9, "momentum_buffer of W")])
def test_centered_rmsprop_takes_the_root_of_a_negative_variance(momentum, quantity):
    """v - mean^2 of constant tiny gradients rounds below zero in float32, and PyTorch's
    step is NaN: wrong, with its name.
    """
    record = centered(momentum)
    result = the_deviation(record, "centered RMSprop", quantity)
    assert (result.equation, result.note, np.isnan(result.got)) == ("step", VARIANCE_NOTE, True)
    assert others_pass(record, quantity)
    where = f"step (update) of layer 1 is wrong: {quantity} at {place(result.index)}"
    assert f": {where} is nan, expected " in certify(record).verdict
    for index, number in (((0, HEALTHY[0]), np.nan), ((0, HEALTHY[0]), 1.0), (result.index, 1.0)):
        other = result_of(certify(with_entry(record, quantity, 1, index, number)), quantity, 1)
        assert (other.status, other.index, other.deviation) == ("wrong", index, "")
