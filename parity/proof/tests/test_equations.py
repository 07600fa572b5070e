"""Every bound refuses what is off by two of it, takes what is off by half of it, and is
used.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from parity.proof.certificate import certify, judge
from parity.proof.equations.entries import entries
from parity.proof.equations.sums import bias_gradient
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.statements import statements
from parity.proof.tests.known import ARITHMETICS, in_every_arithmetic, judging_in
from parity.proof.tests.programs import run
from parity.rounding.formats import FORMATS
from parity.steps.cases import CASES, DTYPES, PAIRS, RULES, TRAINABLE, Case, outputs_of, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import LayerRecord, StepRecord, record_refnet
from refnet.equations import EQUATIONS
from refnet.losses import LOSSES

# one entry off


@dataclass(frozen=True)
class Off:
    """One array of a good record, with its claim."""

    record: StepRecord
    statement: object

    @property
    def key(self):
        """What must be tried once; BP3 of a single row is exact."""
        s = self.statement
        return (
            s.equation,
            s.layer,
            s.entry,
            s.quantity,
            s.equation == "BP3" and len(self.record.x) == 1,
            self.record.spec.dtype,
        )

    def at(self, share, sign):
        """(index, number): an entry, and a number of its dtype by which it is so many
        bounds off.

        For a share above 1 at least as many bounds; the next number where the bound is
        0. For one below 1 at most as many, or the exact value rounded, where no number
        lies between.
        """
        s, claim = self.statement, self.statement.claim
        rng = np.random.default_rng(s.got.size)
        index = tuple(int(i) for i in rng.choice(np.argwhere(claim.judged))) if s.got.ndim else ()
        exact, gap, kind = (
            claim.exact[index],
            share * claim.bound[index] * (1.0 + claim.slack),
            s.got.dtype.type,
        )
        away = kind(sign * np.inf)
        if gap == 0.0:
            return index, np.nextafter(kind(exact), away) if share > 1.0 else kind(exact)
        got = kind(exact + sign * gap)
        if share > 1.0:
            return index, got if abs(got - exact) >= gap else np.nextafter(got, away)
        got = got if abs(got - exact) <= gap else np.nextafter(got, -away)
        return index, got if abs(got - exact) <= gap else kind(exact)

    def changed(self, index, number):
        """The record with that number in that entry of this array."""
        array = np.array(self.statement.got)
        array[index] = number
        return written(self.record, self.statement.quantity, self.statement.layer, array)


def written(record, quantity, layer, array):
    """The record with another array for one quantity of a layer."""
    if quantity == "loss":
        return replace(record, loss=float(array))
    if quantity in vars(LayerRecord()):
        layers = list(record.layers)
        layers[layer - 1] = replace(layers[layer - 1], **{quantity: array})
        return replace(record, layers=tuple(layers))
    after = record.after
    if quantity in ("W", "b"):
        arrays = list(getattr(after, quantity))
        arrays[layer - 1] = array
        return replace(record, after=replace(after, **{quantity: tuple(arrays)}))
    name, _, of = quantity.partition(" of ")
    vector = after.state[name].copy()
    start = sum(
        W.size + b.size for W, b in zip(after.W[: layer - 1], after.b[: layer - 1], strict=True)
    )
    start += after.W[layer - 1].size if of == "b" else 0
    vector[start : start + array.size] = array.ravel()
    return replace(record, after=replace(after, state={**after.state, name: vector}))


def recorded(case, steps=2):
    """The last of the case's first steps by refnet."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    pairs = zip(range(steps), case.steps(), case.given(), strict=False)
    for _, (x, y, optimizer.lr), given in pairs:
        record = record_refnet(net, x, y, loss, optimizer, masks=given.masks)
    return record


def dead_pullback(f, z, a, above, W, _):
    """Through a step no gradient comes."""
    return np.zeros_like(z) if f.name == "heaviside" else f.pullback(above @ W, z, a)


@cache
def every_array(equation, arithmetic):
    """An Off for each layer, entry and quantity of an equation, from good records."""
    return [off for off in _offs(arithmetic) if off.statement.equation == equation]


@cache
def _offs(arithmetic):
    dtype = ARITHMETICS[arithmetic].dtype.name
    pairs = [
        case for i, case in enumerate(PAIRS) if case.hidden[0] == TRAINABLE[i % len(TRAINABLE)]
    ]
    pairs += [
        Case("", (7, 5, 3), output=output, loss=loss, targets=targets_of(loss)[0])
        for loss in LOSSES
        for output in outputs_of(loss)
    ]
    rules = [case for case in RULES if len(case.sizes) != 3]
    deep = [
        Case(
            "", (5, 3, 7, 2, 3, 5, 2), ("sigmoid", "relu", "tanh", "leaky_relu", "softmax"), batch=2
        ),
        Case(
            "",
            (3, 7, 5, 2, 3, 5, 3),
            ("identity", "softmax", "sigmoid", "tanh", "leaky_relu"),
            "relu",
            "mse",
            "values",
            batch=3,
        ),
        Case("", (3, 2, 2), ("relu",), "relu", "mse", "values", batch=1, seed=2),
    ]
    deep += [Case("", (3, 5, 2), ("relu",), "relu", "mse", "values", dropout=(0.2, 0.5))]
    records = [recorded(replace(case, dtype=dtype)) for case in (*pairs, *rules, *deep)]
    stepped = Case(
        "", (3, 5, 7, 2), ("heaviside", "tanh"), "identity", "mse", "values", dtype=dtype
    )
    records += run(stepped, bp2=dead_pullback)
    offs = {}
    with judging_in(arithmetic):
        for good in records:
            for statement in statements(good):
                assert judge(statement).status == "passed"
                off = Off(good, statement)
                offs.setdefault(off.key, off)
    return list(offs.values())


EQUATION_LABELS = tuple(EQUATIONS)


def judged_with(off, index, number):
    """The result of a statement with another number in one entry."""
    array = np.array(off.statement.got)
    array[index] = number
    return judge(replace(off.statement, got=array))


@in_every_arithmetic
@pytest.mark.parametrize("equation", EQUATION_LABELS)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["above", "below"])
def test_two_bounds_off_in_one_entry_is_refused(equation, arithmetic, sign):
    """The result is broken; it names equation, layer, quantity and entry, and says what
    was got, expected and allowed.
    """
    for off in every_array(equation, arithmetic):
        index, number = off.at(2.0, sign)
        result, s = judged_with(off, index, number), off.statement
        assert result.broken
        assert (result.equation, result.layer, result.quantity) == (s.equation, s.layer, s.quantity)
        assert (result.entry, result.index) == (s.entry, index)
        assert (result.got, result.expected) == (float(number), float(s.claim.exact[index]))
        assert result.used >= 2.0
        assert result.allowed == s.claim.bound[index] * (1.0 + s.claim.slack)


@in_every_arithmetic
@pytest.mark.parametrize("equation", EQUATION_LABELS)
def test_what_is_off_is_the_first_that_is_broken(equation, arithmetic):
    """The certificate's first broken result is that of the array which is off, now
    above, now below, and all before it has passed.
    """
    for i, off in enumerate(every_array(equation, arithmetic)):
        index, number = off.at(2.0, (1.0, -1.0)[i % 2])
        with judging_in(arithmetic):
            cert = certify(off.changed(index, number))
        assert not cert.passed
        first = cert.broken[0]
        assert first == judged_with(off, index, number)
        assert all(
            result.status == "passed" for result in cert.results[: cert.results.index(first)]
        )


@in_every_arithmetic
@pytest.mark.parametrize("equation", EQUATION_LABELS)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["above", "below"])
def test_half_a_bound_off_passes(equation, arithmetic, sign):
    """An entry that is off by half of its bound, or by what rounding to the dtype
    leaves of that, keeps it.
    """
    for off in every_array(equation, arithmetic):
        result = judged_with(off, *off.at(0.5, sign))
        assert result.status == "passed", str(result)
        assert result.used <= 1.0


def test_one_entry_off_is_tried_on_every_entry():
    """Every entry of every equation, every quantity of every rule, and layers from the
    first to the sixth are tried.
    """
    tried = {
        off.key
        for dtype in DTYPES
        for label in EQUATION_LABELS
        for off in every_array(label, dtype)
    }
    assert {(label, entry) for label, _, entry, *_ in tried} == {
        (e.label, e.name) for e in entries()
    }
    pairs = {entry for label, _, entry, *_ in tried if label == "BP1"}
    assert pairs == {f"{loss} + {output}" for loss in LOSSES for output in outputs_of(loss)}
    for rule in RULE_ENTRIES.values():
        settings = {"momentum": 0.9, "centered": True, "amsgrad": True}
        names = {f"{name} of {part}" for name in rule().keeps(settings) for part in "Wb"} | {
            "W",
            "b",
        }
        assert names == {
            quantity
            for label, _, entry, quantity, *_ in tried
            if label == "step" and entry.partition(" ")[0] == rule.name
        }
    assert {single for label, *_, single, _ in tried if label == "BP3"} == {True, False}
    for label in ("z", "BP3", "BP4", "step"):
        assert {layer for other, layer, *_ in tried if other == label} >= {1, 2, 3, 4, 5, 6}
    for dtype in DTYPES:
        assert {key[:-1] for key in tried if key[-1] == dtype} == {key[:-1] for key in tried}


def test_a_bound_of_zero_takes_one_value():
    """ReLU, identity, Heaviside and amsgrad's maximum, and BP3 of a single row, allow
    no rounding at all.
    """
    for dtype in DTYPES:
        offs = (*every_array("a", dtype), *every_array("step", dtype))
        exact = {off.statement.entry for off in offs if not off.statement.claim.bound.any()}
        assert exact == {
            "relu",
            "identity",
            "heaviside",
            "adam max_exp_avg_sq",
            "adamw max_exp_avg_sq",
        }
        delta = np.ones((1, 3), dtype)
        assert not bias_gradient(FORMATS[dtype], delta).bound.any()
        assert bias_gradient(FORMATS[dtype], np.vstack([delta, delta])).bound.all()


# how much of each bound is used


@cache
def shares():
    """(label, entry, dtype): the largest share of its bound that a record of refnet or
    PyTorch uses, and the largest bound.
    """
    used_of = {}
    for case in (
        case for i, case in enumerate(CASES) if i % (3 if case.group == "optimizer" else 5) == 0
    ):
        net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
        model = twin(net)
        torch_loss = twin_loss(loss, case.dtype)
        torch_optimizer = twin_optimizer(optimizer, model)
        for _, (x, y, lr), given in zip(
            range(1 + (case.group == "optimizer")), case.steps(), case.given(), strict=False
        ):
            optimizer.lr = torch_optimizer.param_groups[0]["lr"] = lr
            asked = case.asked(given)
            masks = asked.pop("masks")
            for record in (
                record_refnet(net, x, y, loss, optimizer, **asked, masks=masks),
                record_torch(model, x, y, torch_loss, torch_optimizer, **asked),
            ):
                for statement in statements(record):
                    key = statement.equation, statement.entry, case.dtype
                    used, bound = used_of.get(key, (0.0, 0.0))
                    share = statement.claim.share(statement.got)
                    assert share.max() <= 1.0
                    used_of[key] = (
                        max(used, float(share.max())),
                        max(bound, float(statement.claim.bound.max())),
                    )
    return used_of


def test_no_bound_is_idle():
    """Every bound of every entry is used to more than a thousandth somewhere, in either
    dtype, but where equality is asked for.
    """
    used = shares()
    assert {key for key, (share, bound) in used.items() if share <= 1e-3 and bound > 0.0} == set()
    met = {(label, entry) for label, entry, _ in used}
    forward_only = {("a", "heaviside"), ("BP2", "heaviside")}  # whose bounds are 0
    assert met | forward_only == {(e.label, e.name) for e in entries()}
    assert {entry for label, entry, _ in used if label == "BP1"} == {
        f"{loss} + {output}" for loss in LOSSES for output in outputs_of(loss)
    }
    for dtype in DTYPES:
        assert {key[:2] for key in used if key[2] == dtype} == {key[:2] for key in used}
