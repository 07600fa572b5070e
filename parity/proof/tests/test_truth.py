"""The judges are judged: every bound contains the true error of refnet and of PyTorch,
every exact value is as good as it says.

By hand, `python -m parity.proof.tests.test_truth 10000` holds as many random runs as
you like against the truth, and prints how much of each bound was used.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count

import mpmath
import numpy as np
import pytest

from parity.proof.statements import statements
from parity.proof.tests.truth import DIGITS, RULES, exact, truth
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES, TRAINABLE, outputs_of, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet
from refnet import Dense, LeakyReLU, Network
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

CHUNKS, CHUNK = 10, 31  # test functions, and random runs in each
SCALES = (1e-12, 1e-3, 0.3, 1.0, 1.0, 3.0, 30.0, 1e3)
SPECIAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    40.0,
    -40.0,
    100.0,
    -100.0,
    800.0,
    -800.0,
    1e-8,
    -1e-30,
    1e-40,
    -1e-310,
    5e-324,
)


# random runs


def drawn(rng):
    """A network of random sizes, activations and numbers, a loss that fits it, its kind
    of targets, and an optimizer.
    """
    loss, dtype = _pick(rng, LOSSES), _pick(rng, DTYPES)
    names = [*(_pick(rng, TRAINABLE) for _ in range(rng.integers(3))), _pick(rng, outputs_of(loss))]
    sizes = rng.integers(1, 6, len(names) + 1)
    layers = []
    for name, fan_in, fan_out in zip(names, sizes, sizes[1:], strict=False):
        activation = (
            LeakyReLU(_pick(rng, (0.01, 0.2, 1 / 3, 1.5, 0.0, -0.25)))
            if name == "leaky_relu"
            else ACTIVATIONS[name]()
        )
        layers.append(
            Dense(
                _numbers(rng, (fan_out, fan_in), dtype),
                _numbers(rng, (1, fan_out), dtype)[0],
                activation,
            )
        )
    rule = _pick(rng, OPTIMIZERS)
    return (
        Network(layers),
        loss,
        _pick(rng, targets_of(loss)),
        OPTIMIZERS[rule](**_settings(rng, rule)),
    )


def recorded(rng):
    """(step, side, record) of each step of a random run by refnet and by PyTorch, and
    how many runs were drawn that refnet refuses.
    """
    for refused in count():
        if run := _recorded(rng):
            return run, refused
    raise AssertionError


def _recorded(rng):
    """One or two steps; none where refnet refuses one of them."""
    net, loss, targets, optimizer = drawn(rng)
    model, records = twin(net), []
    torch_loss, torch_optimizer = twin_loss(loss), twin_optimizer(optimizer, model)
    for step in range(1, 2 + rng.integers(2)):
        n = rng.integers(1, 5)
        x, y = (
            _numbers(rng, (n, net.sizes[0]), net.dtype),
            _targets(rng, targets, (n, net.sizes[-1]), net.dtype),
        )
        try:
            records.append((step, "refnet", record_refnet(net, x, y, loss, optimizer)))
        except FloatingPointError:
            return []
        except ValueError as error:
            if "finite reciprocal" in str(error):
                return []
            raise
        records.append((step, "torch", record_torch(model, x, y, torch_loss, torch_optimizer)))
        optimizer.lr = torch_optimizer.param_groups[0]["lr"] = optimizer.lr * _pick(
            rng, (0.3, 1.0, 2.0)
        )
    return records


def _pick(rng, options):
    return list(options)[rng.integers(len(options))]


def _numbers(rng, shape, dtype):
    array = rng.normal(size=shape) * _pick(rng, SCALES)
    if rng.random() < 0.2:
        array = np.round(array)  # whole numbers meet exactly: z = 0, a = y
    if rng.random() < 0.3:
        array[tuple(rng.integers(shape))] = _pick(rng, SPECIAL)
    return array.astype(dtype)


def _targets(rng, kind, shape, dtype):
    if kind == "labels":
        return rng.integers(0, shape[1], shape[0])
    if kind == "values":
        return _numbers(rng, shape, dtype)
    if kind == "distributions":
        return rng.dirichlet(np.full(shape[1], _pick(rng, (0.05, 1.0))), shape[0]).astype(dtype)
    return np.where(rng.random(shape) < 0.5, rng.integers(0, 2, shape), rng.random(shape)).astype(
        dtype
    )


def _settings(rng, rule):
    share, flag = rng.random, lambda: bool(rng.random() < 0.4)
    eps = {"eps": _pick(rng, (1e-3, 1e-8, 1e-10, 1e-30))}
    near_one = 1.0 - 10.0 ** rng.uniform(-12, 0)
    common = {
        "lr": _pick(rng, (0.0, *[10.0 ** rng.uniform(-3, 0.5)] * 9)),
        "weight_decay": _pick(rng, (0.0, 0.0, 0.1, share())),
    }
    momentum = _pick(rng, (0.0, 0.9, share()))
    if rule == "sgd":
        nesterov = bool(momentum) and flag()
        return {
            **common,
            "momentum": momentum,
            "nesterov": nesterov,
            "dampening": 0.0 if nesterov else _pick(rng, (0.0, share())),
        }
    if rule == "adagrad":
        return {
            **common,
            **eps,
            "lr_decay": _pick(rng, (0.0, share())),
            "initial_accumulator_value": _pick(rng, (0.0, share())),
        }
    if rule == "rmsprop":
        return {
            **common,
            **eps,
            "alpha": _pick(rng, (0.99, 0.5, share())),
            "momentum": momentum,
            "centered": flag(),
        }
    if rule not in ("adam", "adamw"):
        raise ValueError(f"parity/proof/tests/test_truth.py: _settings has nothing for {rule!r}")
    betas = (_pick(rng, (0.9, 0.0, share(), near_one)), _pick(rng, (0.999, share(), near_one)))
    return {**common, **eps, "betas": betas, "amsgrad": flag()}


# the judgement


@dataclass
class Tally:
    """What was compared, and what came of it."""

    count: Counter = field(default_factory=Counter)
    # (side, dtype, equation): the largest error as a share of what is allowed, true and
    # wide
    worst: dict = field(default_factory=dict)
    broken: list = field(default_factory=list)


def judge(cases, seed=0):
    """Hold one random entry of every statement of the random runs `cases` against the
    truth. A run is drawn again where it is refused.
    """
    tally = Tally()
    for case in cases:
        rng = np.random.default_rng([seed, case])
        run, refused = recorded(rng)
        tally.count.update(runs=1, refused=refused)
        for step, side, record in run:
            for statement in statements(record):
                judged = (
                    np.argwhere(statement.claim.judged)
                    if statement.claim and statement.got is not None
                    else []
                )
                tally.count["statements"] += 1
                if len(judged):
                    index = tuple(int(i) for i in _pick(rng, judged))
                    _compare(
                        tally,
                        f"run {case} of seed {seed}, step {step}",
                        side,
                        record,
                        statement,
                        index,
                    )
    return tally


def _compare(tally, where, side, record, statement, index):
    """Enter one entry; a share above 1 is broken."""
    if side == "torch" and deviates(record, statement, index):
        tally.count["named deviations"] += 1
        if not _has_a_name(statement, index):
            tally.broken.append(
                f"{where}: {statement.equation} of {record.spec} has an entry in "
                f"parity/proof/equations without an Other of PyTorch's deviation at {index}"
            )
        return
    tally.count["comparisons"] += 1
    true, wide = shares(record, statement, index)
    kind = side, record.spec.dtype, _kind(record, statement)
    tally.worst[kind] = tuple(map(max, tally.worst.get(kind, (0.0, 0.0)), (true, wide)))
    for what, share, array in (
        ("got", true, statement.got),
        ("the exact value", wide, statement.claim.exact),
    ):
        if not share <= 1.0:
            value = truth(record, statement.equation, statement.layer, statement.quantity, index)
            tally.broken.append(
                f"{where}, {side}: {statement.equation}, layer {statement.layer}, "
                f"{statement.quantity}{list(index)}: {what} is "
                f"{array[index]!r}, truth {mpmath.nstr(value, 25)}, bound "
                f"{statement.claim.bound[index]}, share {share:.3g}; {record.spec}"
            )


def _has_a_name(statement, index):
    """Whether the entry is right, or has the name of a deviation."""
    claim, got = statement.claim, statement.got
    return claim.share(got)[index] <= 1.0 or any(
        np.broadcast_to(other.fits(got), got.shape)[index]
        for other in claim.others()
        if other.deviation
    )


def shares(record, statement, index):
    """The true error of what was got as a share of its bound, and that of the claim's
    exact value as a share of slack times the bound.
    """
    value = truth(record, statement.equation, statement.layer, statement.quantity, index)
    with mpmath.workdps(DIGITS):
        bound = exact(statement.claim.bound[index])
        slack = mpmath.mpf(FORMATS[record.spec.dtype].slack)
        return _share(statement.got[index], value, bound), _share(
            statement.claim.exact[index], value, slack * bound
        )


def _share(number, value, allowed):
    if not np.isfinite(number):
        return np.inf
    gap = abs(exact(number) - value)
    return 0.0 if gap == 0 else float(gap / allowed) if allowed else np.inf


def deviates(record, statement, index):
    """Whether PyTorch is known to leave the mathematics here."""
    spec = record.spec
    if statement.equation == "BP1" and spec.loss == "binary_cross_entropy":
        a = float(record.layers[-1].a[index])
        return a * (1.0 - a) < 1e-12  # BCELoss divides by 1e-12 where this is less
    if statement.equation == "BP1" and spec.loss == "cross_entropy":
        row, y = record.layers[-1].a[index[0]], record.y[index[0]]
        # 1 / a overflows
        return bool(
            (row if record.y.ndim == 2 else row[[y]]).min() < 4.0 * np.finfo(row.dtype).tiny
        )
    # the root of v - mean^2 < 0
    return bool(spec.hyperparameters.get("centered") and np.isnan(statement.got[index]))


def _kind(record, statement):
    spec = record.spec
    if statement.equation == "step":
        return f"{spec.optimizer} {statement.quantity.rpartition(' of ')[0] or 'theta'}"
    loss = spec.loss if statement.equation in ("C", "BP1") else ""
    activation = (
        spec.activations[statement.layer - 1][0]
        if statement.equation in ("a", "BP1", "BP2")
        else ""
    )
    return " ".join(filter(None, (statement.equation, loss, activation)))


@cache
def chunk(number):
    """The tally of one test."""
    return judge(range(number * CHUNK, (number + 1) * CHUNK))


@pytest.mark.parametrize("number", range(CHUNKS))
def test_every_bound_contains_the_true_error(number):
    """What refnet and PyTorch got is within its bound of the truth, and the wider value
    beside it within slack times the bound.
    """
    assert chunk(number).broken == [], (
        "a bound or an exact value in parity/proof/equations is wrong; or PyTorch deviates, "
        "which `deviates` in parity/proof/tests/test_truth.py should know"
    )


def test_most_of_what_is_drawn_is_judged():
    """Few runs are refused, few statements are about what overflowed, and hardly any is
    excused.
    """
    counts = sum((chunk(number).count for number in range(CHUNKS)), Counter())
    assert counts["runs"] == CHUNKS * CHUNK
    assert counts["refused"] < 0.25 * counts["runs"]
    assert counts["comparisons"] > 0.99 * counts["statements"]
    assert counts["named deviations"] < 0.001 * counts["statements"]


def test_every_formula_is_met_on_both_sides():
    """No activation, pair of loss and output, or vector of a rule's state is left
    out.
    """
    pairs = [f"BP1 {loss} {output}" for loss in LOSSES for output in outputs_of(loss)]
    pulled = [f"{equation} {name}" for equation in ("a", "BP2") for name in TRAINABLE]
    steps = [f"{rule} {vector}" for rule in RULES for vector in RULES[rule]]
    kinds = ["z", "BP3", "BP4", *(f"C {loss}" for loss in LOSSES), *pairs, *pulled, *steps]
    met = {(side, kind) for number in range(CHUNKS) for side, _, kind in chunk(number).worst}
    assert met == {(side, kind) for side in ("refnet", "torch") for kind in kinds}


@pytest.mark.parametrize("seed", range(5))
def test_a_share_above_one_is_what_is_off(seed):
    """Eight bounds off what is right is off, and the next number where the bound is 0;
    so is an exact value, by its slack.
    """
    for _, _, record in recorded(np.random.default_rng(seed))[0]:
        slack = FORMATS[record.spec.dtype].slack
        for statement in statements(record):
            claim = statement.claim
            wrong, rough = (
                _moved(claim.exact.astype(np.longdouble), 8.0 * part * claim.bound)
                for part in (1.0, slack)
            )
            for index in map(tuple, np.argwhere(claim.judged)):
                assert shares(record, replace(statement, got=wrong), index)[0] > 1.0
                assert (
                    shares(record, replace(statement, claim=replace(claim, exact=rough)), index)[1]
                    > 1.0
                )


def _moved(array, by):
    return np.where(by > 0.0, array + by, np.nextafter(array, np.inf))


def test_a_wrong_gradient_is_reported(monkeypatch):
    """A record with another dW breaks BP4, and the step that did not take it, on either
    side.
    """
    honest = recorded

    def spoilt(rng):
        run, refused = honest(rng)
        return [
            (step, side, replace(record, layers=tuple(map(_other_dW, record.layers))))
            for step, side, record in run
        ], refused

    monkeypatch.setitem(globals(), "recorded", spoilt)
    broken = {sentence.split(", ")[2] for sentence in judge(range(5)).broken}
    assert broken == {
        f"{side}: {equation}" for side in ("refnet", "torch") for equation in ("BP4", "step")
    }


def _other_dW(layer):
    return replace(layer, dW=2.0 * np.abs(layer.dW) + 1.0)


if __name__ == "__main__":
    judged = judge(range(int(sys.argv[1])))
    print(*judged.broken, dict(judged.count), sep="\n")
    for kind, (true, wide) in sorted(judged.worst.items()):
        print(f"{' '.join(kind):<60} {true:8.3g} {wide:8.3g}")
