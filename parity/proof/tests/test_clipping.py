"""Steps by a clipped gradient: certified, against fifty digits, by hand, at the kink,
in other right spellings, and refused where they are wrong.
"""

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest

import refnet
from parity.proof.agreement import compare, compare_restated
from parity.proof.certificate import certify
from parity.proof.equations.clipping import DEVIATION, OVERFLOW_NOTE, TINY, WITHOUT_TINY, Clipping
from parity.proof.statements import statements
from parity.proof.tests.penalised_truth import clipped
from parity.proof.tests.truth import DIGITS, exact, truth
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES, Case
from parity.steps.pytorch import record_torch, restate, twin, twin_loss, twin_optimizer
from parity.steps.record import FitRecorder, record_refnet
from refnet.clipping import CLIPPINGS

CASE = Case("", (5, 4, 3), ("tanh",), "identity", "mse", "values", "sgd", {"lr": 0.5})
CLIPS = [
    {"clip_norm": 0.05},
    {"clip_norm": 100.0},
    {"clip_norm": 0.0},
    {"clip_value": 0.03},
    {"clip_value": 100.0},
]
RULES = {
    "sgd": {"momentum": 0.9, "weight_decay": 0.1},
    "adagrad": {},
    "rmsprop": {"centered": True, "momentum": 0.9},
    "adam": {"weight_decay": 0.1},
    "adamw": {},
}
each_clip = pytest.mark.parametrize("clip", CLIPS, ids=repr)
each_rule = pytest.mark.parametrize("rule", RULES)
in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def taken(case, side="refnet", steps=1, net=None, y_times=1.0, **asked):
    """The last of the first steps of a case, by refnet or by PyTorch."""
    net, loss, optimizer = net or case.network(), case.make_loss(), case.make_optimizer()
    model = twin(net)
    torch_loss, torch_optimizer = twin_loss(loss), twin_optimizer(optimizer, model)
    for _, (x, given, _) in zip(range(steps), case.steps(), strict=False):
        y = given * given.dtype.type(y_times)
        record = (
            record_refnet(net, x, y, loss, optimizer, **asked)
            if side == "refnet"
            else record_torch(model, x, y, torch_loss, torch_optimizer, **asked)
        )
    return record


def case_of(rule, dtype):
    """The case with another rule."""
    return replace(CASE, optimizer=rule, settings=RULES[rule], dtype=dtype)


@cache
def _recorded(rule, dtype, side, clip):
    return taken(case_of(rule, dtype), side, 2, **dict(clip))


def recorded(rule, dtype, side, clip):
    """The second step of a rule with this clipping."""
    return _recorded(rule, dtype, side, tuple(clip.items()))


def test_every_way_to_clip_is_tried():
    """A new one is added above."""
    assert {f"clip_{name}" for name in CLIPPINGS} == {name for clip in CLIPS for name in clip}


@each_clip
@each_rule
@in_both_dtypes
def test_clipped_steps_pass(clip, rule, dtype):
    """By either side; computed once more by PyTorch; and the two agree."""
    ours, theirs = (recorded(rule, dtype, side, clip) for side in ("refnet", "torch"))
    for record in (ours, theirs):
        assert certify(record).passed, certify(record).verdict
        assert compare_restated(record, restate(record)).passed
    pair = [taken(case_of(rule, dtype), side, **clip) for side in ("torch", "refnet")]
    assert compare(*pair).passed, str(compare(*pair))


@pytest.mark.parametrize("clip", CLIPS[::3], ids=repr)
def test_the_steps_of_fit_pass(clip):
    """The fast form's, each following on the one before, with a penalty."""
    case = case_of("sgd", "float64")
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    (x, y, _), records, penalty = next(case.steps()), [], refnet.L1(0.1)
    recorder = FitRecorder(net, loss, optimizer, records.append, penalty=penalty, **clip)
    given = {"epochs": 2, "on_step": recorder, "penalty": penalty, **clip}
    refnet.fit(net, x, y, loss=loss, optimizer=optimizer, **given)
    for record, previous in zip(records, [None, *records], strict=False):
        assert certify(record, previous).passed


@each_clip
@in_both_dtypes
@pytest.mark.parametrize("side", ["refnet", "torch"])
def test_every_bound_contains_the_true_error(clip, dtype, side):
    """Of what gradient descent writes, against fifty digits; each exact value is as
    good as it says.
    """
    record, fmt = taken(replace(CASE, dtype=dtype), side, **clip), FORMATS[dtype]
    for s in statements(record):
        if s.equation != "step":
            continue
        for index in np.ndindex(s.got.shape):
            with mpmath.workdps(DIGITS):
                true = truth(record, "step", s.layer, s.quantity, index)
                bound = mpmath.mpf(float(s.claim.bound[index]))
                assert abs(exact(s.got[index]) - true) <= bound
                assert abs(exact(s.claim.exact[index]) - true) <= bound * mpmath.mpf(fmt.slack)


@in_both_dtypes
def test_the_bound_of_the_norm_by_hand(dtype):
    """g = (3, 4), in one array, to 5/2: N = 2 and m = 1."""
    fmt, g = FORMATS[dtype], np.array([3.0, 4.0], dtype)
    short = Clipping(fmt, ("norm", 2.5), [g]).clipped(g)
    divisor = fmt.wide.type(5.0) + TINY
    share, lost = 2.5 / divisor, 3 * fmt.tiny
    error = (3 / 2 + 2 * fmt.sqrt + 6 + 2 * fmt.scalar) * fmt.unit
    error += 2.0 * lost / (5.0 + np.sqrt(lost)) / float(divisor)
    for got, off, entry in zip(short.g, short.off, (3.0, 4.0), strict=True):
        assert off == float(share) * error * entry + fmt.unit * float(share * entry) + fmt.tiny
        with mpmath.workdps(DIGITS):
            true = entry * mpmath.mpf(2.5) / (5 + mpmath.mpf(TINY))
            assert abs(exact(got) - true) <= mpmath.mpf(fmt.slack) * mpmath.mpf(float(off))


@in_both_dtypes
def test_the_bound_of_the_value_by_hand(dtype):
    """0.3 is rounded once in float32, and not in float64; what is within stays."""
    fmt, g = FORMATS[dtype], np.array([1.0, -1.0, 0.25], dtype)
    short = Clipping(fmt, ("value", 0.3), [g]).clipped(g)
    assert short.g.tolist() == [0.3, -0.3, 0.25]
    rounded = fmt.scalar * fmt.unit * 0.3
    assert short.off.tolist() == [rounded, rounded, 0.0]


@in_both_dtypes
@pytest.mark.parametrize("away", [-1e-3, -1e-6, 0.0, 1e-6, 1e-3])
def test_the_kink_is_continuous(dtype, away):
    """Near a share of 1 a program may be on either side of it, and passes."""
    plain = taken(replace(CASE, dtype=dtype))
    arrays = [array for layer in plain.layers for array in (layer.dW, layer.db)]
    norm = float(np.sqrt(sum((array.astype(float) ** 2).sum() for array in arrays)))
    for side in ("refnet", "torch"):
        record = taken(replace(CASE, dtype=dtype), side, clip_norm=(norm + TINY) * (1 + away))
        assert certify(record).passed, certify(record).verdict


def stepped(record, change):
    """The record of a step of gradient descent without momentum by other gradients."""
    lr = record.spec.hyperparameters["lr"]
    before, layers = record.before, record.layers
    new = {
        name: tuple(
            (theta - lr * change(getattr(layer, f"d{name}"))).astype(theta.dtype)
            for theta, layer in zip(getattr(before, name), layers, strict=True)
        )
        for name in ("W", "b")
    }
    return replace(record, after=replace(record.after, **new))


def norm_of(record, kind=float):
    """The norm of all gradients, and those of each array."""
    arrays = [array for layer in record.layers for array in (layer.dW, layer.db)]
    return np.sqrt(sum((array.astype(kind) ** 2).sum() for array in arrays))


def statuses(record):
    """What is said of each array that the step writes."""
    return {r.status for r in certify(record).results if r.equation == "step"}


@in_both_dtypes
def test_other_right_spellings_pass(dtype):
    """The norm of norms, in the dtype; the quotient before the product; g / max |g|."""
    record, limit = taken(replace(CASE, dtype=dtype), clip_norm=0.05), np.dtype(dtype).type(0.05)
    arrays = [array for layer in record.layers for array in (layer.dW, layer.db)]
    nested = np.sqrt(sum(np.sqrt((array * array).sum()) ** 2 for array in arrays))
    largest = max(np.abs(array).max() for array in arrays)
    safe = largest * np.sqrt(sum(((array / largest) ** 2).sum() for array in arrays))
    tiny = nested.dtype.type(1e-6)
    assert {nested.dtype, safe.dtype} == {np.dtype(dtype)}
    for change in (
        lambda g: g * (limit / (nested + tiny)),
        lambda g: g * limit / (nested + tiny),
        lambda g: limit * (g / (nested + tiny)),
        lambda g: g * (limit / (safe + tiny)),
    ):
        assert statuses(stepped(record, change)) == {"passed"}


def test_without_the_constant_it_is_a_convention():
    """As Keras has it."""
    record = taken(CASE, clip_norm=0.05)
    other = stepped(record, lambda g: g * (0.05 / norm_of(record)))
    assert statuses(other) == {"convention"}
    assert certify(other).broken[0].note == WITHOUT_TINY


WRONG = {
    "not clipped": lambda record: lambda g: g,
    "by the square": lambda record: lambda g: g * (0.05 / norm_of(record) ** 2),
    "by each array": lambda record: lambda g: g * min(1.0, 0.05 / np.sqrt((g * g).sum())),
    "by the largest": lambda record: lambda g: g * min(1.0, 0.05 / np.abs(g).max()),
    "twice": lambda record: lambda g: g * (0.05 / norm_of(record)) ** 2,
    "by value": lambda record: lambda g: np.clip(g, -0.05, 0.05),
    "off by a few roundings": lambda record: (
        lambda g: g * (0.05 / (norm_of(record) + TINY)) * (1 + 200 * np.finfo(g.dtype).eps)
    ),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_norms_are_refused(change):
    """In every array or in some."""
    record = taken(CASE, clip_norm=0.05)
    assert "wrong" in statuses(stepped(record, change(record)))


def test_a_gradient_below_the_limit_is_not_made_longer():
    """By what clips always."""
    record = taken(CASE, clip_norm=100.0)
    longer = stepped(record, lambda g: g * (100.0 / norm_of(record)))
    assert statuses(longer) == {"wrong"}


@pytest.mark.parametrize(
    "change",
    [lambda g: g, lambda g: np.minimum(g, 0.03), lambda g: np.clip(g, -0.031, 0.031)],
    ids=["not clipped", "from above alone", "another limit"],
)
def test_wrong_values_are_refused(change):
    """Where an entry is beyond the limit."""
    assert "wrong" in statuses(stepped(taken(CASE, clip_value=0.03), change))


@in_both_dtypes
@each_rule
def test_pytorch_makes_the_gradient_0_where_its_squares_overflow(dtype, rule):
    """A named deviation: torch.nn.utils.clip_grad_norm_ divides by an infinite norm,
    and takes no step. refnet divides by the largest entry first.
    """
    large = 1e200 if dtype == "float64" else 1e25
    ours, theirs = (
        taken(case_of(rule, dtype), side, y_times=large, clip_norm=1.0)
        for side in ("refnet", "torch")
    )
    assert not [r for r in certify(ours).results if r.broken]
    assert statuses(ours) == {"passed"}
    broken = certify(theirs).broken
    assert {(r.status, r.deviation) for r in broken} == {("wrong", DEVIATION)}
    assert OVERFLOW_NOTE in broken[0].note


def test_a_step_by_nothing_is_wrong_where_the_squares_do_not_overflow():
    """The deviation excuses nothing else."""
    broken = certify(stepped(taken(CASE, clip_norm=0.05), lambda g: 0.0 * g)).broken
    assert {(r.status, r.deviation) for r in broken} == {("wrong", "")}


def test_a_step_by_the_norm_reads_every_gradient():
    """Where one is not shown no step is judged; by the value, each reads its own."""
    for clip, judged in (({"clip_norm": 0.05}, set()), ({"clip_value": 0.03}, {"W", "b"})):
        record = taken(CASE, **clip)
        layers = (replace(record.layers[0], db=None), record.layers[1])
        results = certify(replace(record, layers=layers)).results
        passed = {(r.quantity, r.layer) for r in results if r.status == "passed"}
        assert passed & {("W", 1), ("W", 2), ("b", 2)} == {
            (name, l) for name in judged for l in (1, 2) if (name, l) != ("b", 1)
        }
        notes = {r.note for r in results if r.status == "not judged"}
        assert notes == {
            "reads db of layer 1, which is not shown as it must be"
            if "clip_norm" in clip
            else "reads db, which is not shown as it must be"
        }


def test_the_truth_of_a_clipped_gradient_by_hand():
    """g = (3, 4) beside zeros: to 5/2 but for 1e-6; by the value to 2."""
    record = taken(CASE, clip_norm=2.5)
    layers = [
        replace(layer, dW=np.zeros_like(layer.dW), db=np.zeros_like(layer.db))
        for layer in record.layers
    ]
    layers[1].db[:2] = 3.0, 4.0
    with mpmath.workdps(DIGITS):
        record = replace(record, layers=tuple(layers))
        share = mpmath.mpf(2.5) / (5 + mpmath.mpf(TINY))
        assert clipped(record, mpmath.mpf(3)) == 3 * share
        by_value = replace(record, spec=replace(record.spec, clip=("value", 2.0)))
        values = [clipped(by_value, mpmath.mpf(entry)) for entry in (3, -4, 1)]
        assert values == [2, -2, 1]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("length", 1.0), ValueError, r"^certify: clip has 'length', expected one of norm, value$"),
        (("norm", -1.0), ValueError, r"^clip_norm: limit has -1.0, expected a finite number >= 0$"),
        (("norm",), ValueError, r"^certify: clip has 1 entries, expected a pair$"),
        ("norm", TypeError, r"^certify: clip has type str, expected tuple"),
    ],
)
def test_unusable_clippings_are_refused(given, error, message):
    """With what they have and what is expected."""
    record = taken(CASE, clip_norm=0.05)
    with pytest.raises(error, match=message):
        certify(replace(record, spec=replace(record.spec, clip=given)))


def test_another_limit_is_another_run():
    """A step follows on one with the same clipping alone."""
    net, optimizer, (x, y, _) = CASE.network(), CASE.make_optimizer(), next(CASE.steps())
    first, second = (record_refnet(net, x, y, "mse", optimizer, clip_norm=c) for c in (0.05, 0.1))
    broken = certify(second, first).broken[0]
    assert (broken.equation, broken.quantity) == ("wiring", "clip")


@pytest.mark.parametrize("clip", [{"clip_norm": 0.05}, {"clip_value": 0.03}], ids=repr)
def test_two_records_may_differ_by_rounding_alone(clip):
    """A thousandth of what is left of the gradient is far beyond it."""
    record = taken(CASE, **clip)
    moved = [
        new + 1e-3 * (new - old) for new, old in zip(record.after.W, record.before.W, strict=True)
    ]
    first = compare(replace(record, after=replace(record.after, W=tuple(moved))), record).first
    assert first is not None
    assert (first.quantity, first.kind) == ("W", "value")
