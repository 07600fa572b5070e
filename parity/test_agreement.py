"""Tests of the tests: two records that agree, one quantity made wrong, and `compare` must say which."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import CASES, Agreement, Difference, compare
from parity.agreement import TOLERANCE
from parity.cases import Case
from parity.sweep import side_by_side
from refnet import EQUATIONS

FEW = 4.0  # an entry off by so many times what is allowed must fail, by as many times less must pass
AMSGRAD, DAMPENED, CENTERED = {"lr": 0.1, "amsgrad": True}, {"momentum": 0.9, "dampening": 0.5}, {"centered": True, "momentum": 0.9}
CHOSEN = [  # two hidden layers, one layer and one row, then square layers before every kind of state
    *(case for case in CASES if case.sizes == (5, 7, 2, 3) and case.settings == {"momentum": 0.9}),
    *(case for case in CASES if case.sizes == (2, 3) and case.optimizer == "adam" and case.settings == {"lr": 0.01}),
    *(case for case in CASES if case.sizes == (4, 4, 4) and case.batch == 32),
    *(
        Case("optimizer", (4, 4, 4), ("tanh",), "identity", "mse", "values", rule, settings, 5, dtype)
        for dtype in TOLERANCE
        for rule, settings in (("adam", AMSGRAD), ("sgd", DAMPENED), ("rmsprop", CENTERED), ("adagrad", {"lr": 0.1}))
    ),
]
TABLE = {case.id: case for case in CHOSEN}
ANY = next(name for name, case in TABLE.items() if case.settings.get("amsgrad"))  # float64
everywhere = pytest.mark.parametrize("name", TABLE)


@cache
def pairs(name):
    """The records of refnet and of its twin, step by step; they agree, as the case table's tests hold."""
    found = list(side_by_side(TABLE[name]))
    assert all(compare(*pair).passed for pair in found)
    return found


def places(record):
    """Equation, layer and quantity of where a step starts and of everything that it computes, in order of computation."""
    last = len(record.layers)
    yield from [("step", None, f"{name} before") for name in sorted(record.before.state)]
    yield from [("step", i, f"{quantity} before") for i in range(1, last + 1) for quantity in ("W", "b")]
    yield from [(quantity, i, quantity) for i in range(1, last + 1) for quantity in ("z", "a")]
    yield "C", None, "loss"
    for i in range(last, 0, -1):
        yield from [("BP1" if i == last else "BP2", i, "delta"), ("BP3", i, "db"), ("BP4", i, "dW")]
    yield from [("step", None, name) for name in sorted(record.after.state)]
    yield from [("step", i, quantity) for i in range(1, last + 1) for quantity in ("W", "b")]


def value(record, place):
    """What the record shows at a place."""
    equation, layer, quantity = place
    if quantity == "loss":
        return np.asarray(record.loss)
    if equation != "step":
        return getattr(record.layers[layer - 1], quantity)
    name, when = moment(quantity)
    if layer is None:
        return getattr(record, when).state[name]
    return getattr(getattr(record, when), name)[layer - 1]


def moment(quantity):
    """Of a weight, its name and when it is looked at."""
    return (quantity.removesuffix(" before"), "before") if quantity.endswith(" before") else (quantity, "after")


def put(record, place, new):
    """A copy of the record that shows something else there."""
    equation, layer, quantity = place
    if quantity == "loss":
        return replace(record, loss=new)
    if equation != "step":
        layers = list(record.layers)
        layers[layer - 1] = replace(layers[layer - 1], **{quantity: new})
        return replace(record, layers=tuple(layers))
    name, when = moment(quantity)
    snapshot = getattr(record, when)
    if layer is None:
        return replace(record, **{when: replace(snapshot, state={**snapshot.state, name: new})})
    arrays = list(getattr(snapshot, name))
    arrays[layer - 1] = new
    return replace(record, **{when: replace(snapshot, **{name: tuple(arrays)})})


def with_entry(array, index, new):
    """A copy of the array with another entry."""
    changed = np.array(array)
    changed[index] = new
    return changed


def some_index(array, rng):
    """Any index of the array."""
    return tuple(int(rng.integers(n)) for n in np.shape(array))


def sizes(record):
    """For every place the largest sum of |terms| of its equation, from the record's own numbers; those of deltas are carried down."""
    spec, before, after = record.spec, record.before, record.after
    n, depth, a = len(record.x), len(record.layers), abs(record.layers[-1].a)
    count = a.size if spec.loss in ("mse", "binary_cross_entropy") else n
    grad_a = 2.0 * (a + abs(record.y)) / count if spec.loss == "mse" else np.full_like(a, 1.0 / count)
    result = {("C", None, "loss"): record.loss + (a.max() if spec.loss == "softmax_cross_entropy" else 0.0)}
    for i in range(depth, 0, -1):
        shown, W, b = record.layers[i - 1], abs(before.W[i - 1]), abs(before.b[i - 1])
        a_prev = abs(record.x if i == 1 else record.layers[i - 2].a)
        slope = spec.activations[i - 1][1].get("slope", 1.0)
        delta = grad_a * np.where(shown.z > 0, 1.0, slope)  # tanh: 1 - a^2 adds up 1 and a^2
        result["z", i, "z"] = (np.einsum("ni,oi->no", a_prev, W) + b).max()
        result["a", i, "a"] = abs(shown.a).max()
        result["BP1" if i == depth else "BP2", i, "delta"] = delta.max()
        result["BP3", i, "db"] = np.einsum("no->o", delta).max()
        result["BP4", i, "dW"] = np.einsum("no,ni->oi", delta, a_prev).max()
        for name in ("W", "b"):
            result["step", i, f"{name} before"] = max(abs(array).max() for array in (*before.W, *before.b))
            result["step", i, name] = sum(abs(getattr(at, name)[i - 1]).max() for at in (before, after))
        grad_a = np.einsum("no,oi->ni", delta, W)
    g = max(abs(array).max() for shown in record.layers for array in (shown.dW, shown.db))
    for name, vector in after.state.items():
        old = before.state.get(name, np.zeros_like(vector))
        kept, power = {
            "exp_avg": (0.9, 1), "exp_avg_sq": (0.999, 2), "max_exp_avg_sq": (0.999, 2),
            "square_avg": (0.99, 2), "grad_avg": (0.99, 1), "sum": (1.0, 2), "momentum_buffer": (0.9, 1),
        }[name]  # fmt: skip
        added = {"sum": 1.0, "momentum_buffer": 1.0}.get(name, 1.0 - kept) * g**power
        if spec.optimizer == "rmsprop" and name == "momentum_buffer":  # it adds up steps, not gradients
            added = abs(vector - kept * old).max()
        result["step", None, name] = result["step", None, f"{name} before"] = kept * abs(old).max() + added
    return result


def found(agreement):
    """Equation, layer and quantity of the first difference, and its kind; nothing that passes."""
    assert not agreement.passed
    first = agreement.first
    return (first.equation, first.layer, first.quantity), first.kind


def everything_in(name, step=-1):
    """The two records of a step, and every place in them with what is right there."""
    ours, theirs = pairs(name)[step]
    for place in places(theirs):
        yield ours, theirs, place, value(theirs, place)


@pytest.mark.parametrize("step", [0, -1])
@everywhere
def test_one_entry_off_by_little_fails_and_by_far_less_passes(name, step):
    """An entry off by a few times what is allowed of the size of its terms is named with its index; a few times less is let pass."""
    rng = np.random.default_rng(len(name))
    for ours, theirs, place, right in everything_in(name, step):
        index = some_index(right, rng)
        off = TOLERANCE[theirs.spec.dtype][place[0]] * float(sizes(theirs)[place]) * rng.choice([-1.0, 1.0])
        fine = compare(put(ours, place, with_entry(right, index, right[index] + off / FEW)), theirs)
        assert fine.passed, fine
        wrong = compare(put(ours, place, with_entry(right, index, right[index] + FEW * off)), theirs)
        assert found(wrong) == (place, "value")
        assert wrong.first.index == index
        assert [d.passed for d in wrong.differences].count(False) == 1


FAULTS = {
    "zero": np.zeros_like,
    "sign flipped": np.negative,
    "doubled": lambda right: 2 * right,
    "shifted by one entry": lambda right: np.roll(right, 1),
    "divided by its rows": lambda right: right / np.prod(right.shape[:1]),
    "transposed": lambda right: right.T if right.ndim == 2 and right.shape == right.T.shape else right,
    "rows reversed": lambda right: right[::-1] if right.ndim else right,
}


@pytest.mark.parametrize("step", [0, -1])
@pytest.mark.parametrize("fault", FAULTS)
@everywhere
def test_a_wrong_array_is_named(name, fault, step):
    """Whole arrays of the wrong value fail at their own place and nowhere else, in the first and the last of five free-running steps."""
    for ours, theirs, place, right in everything_in(name, step):
        wrong = FAULTS[fault](right).astype(right.dtype)
        if (wrong != right).any():
            agreement = compare(put(ours, place, wrong), theirs)
            assert found(agreement) == (place, "value")
            assert [d.passed for d in agreement.differences].count(False) == 1


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.dtype == "float64"])
def test_rounding_through_float32_is_named(name):
    """A float64 quantity that was float32 on its way is wrong."""
    for ours, theirs, place, right in everything_in(name):
        assert found(compare(put(ours, place, right.astype("float32").astype("float64")), theirs)) == (place, "value")


@everywhere
def test_a_step_not_taken_or_taken_twice_is_named(name):
    """W, b or a vector of the state left as it was, or moved twice as far, fails."""
    for ours, theirs, place, right in everything_in(name):
        if place[0] == "step" and not place[2].endswith(" before"):
            old = theirs.before.state[place[2]] if place[1] is None else getattr(theirs.before, place[2])[place[1] - 1]
            for wrong in (old, 2 * right - old):
                assert found(compare(put(ours, place, wrong), theirs)) == (place, "value")


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.sizes == (4, 4, 4)])
def test_swapped_layers_are_named(name):
    """Equal shapes in the wrong order fail at the first quantity of layer 1."""
    ours, theirs = pairs(name)[-1]
    assert found(compare(replace(ours, layers=ours.layers[::-1]), theirs)) == (("z", 1, "z"), "value")
    after = replace(ours.after, W=ours.after.W[::-1])
    assert found(compare(replace(ours, after=after), theirs)) == (("step", 1, "W"), "value")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["got", "expected", "both"])
@everywhere
def test_nothing_that_is_not_finite_passes(name, side, bad):
    """One NaN or infinity fails at its place, whichever side has it; the same on both sides is no agreement."""
    rng = np.random.default_rng(len(name))
    for ours, theirs, place, right in everything_in(name):
        index = some_index(right, rng)
        got = ours if side == "expected" else put(ours, place, with_entry(value(ours, place), index, bad))
        expected = theirs if side == "got" else put(theirs, place, with_entry(right, index, bad))
        assert found(compare(got, expected)) == (place, "finiteness")


@everywhere
def test_the_shape_comes_before_the_value(name):
    """Right numbers in another shape fail, axes added, dropped or swapped, rows missing, however well they would broadcast."""
    for ours, theirs, place, right in everything_in(name):
        others = [right[None], right[..., None], np.broadcast_to(right, (2, *right.shape)), right.T, right.ravel()]
        others += [right[0], right[:0], right[:1]] if right.ndim else []
        for other in others:
            if other.shape != right.shape:
                agreement = compare(put(ours, place, other), theirs)
                assert found(agreement) == (place, "shape")
                assert (agreement.first.got, agreement.first.expected) == (other.shape, right.shape)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "complex128", "object"])
@everywhere
def test_the_dtype_comes_before_the_value(name, dtype):
    """Right numbers in another dtype fail: a float32 network that went through float64 is not the same network."""
    for ours, theirs, place, right in everything_in(name):
        if right.dtype != dtype:
            assert found(compare(put(ours, place, right.astype(dtype)), theirs)) == (place, "dtype")


@everywhere
def test_what_is_not_shown_does_not_pass(name):
    """Each quantity left out fails as not shown, and so does a vector of the state that only one side has."""
    for ours, theirs, place, _ in everything_in(name):
        assert found(compare(put(ours, place, None), theirs)) == (place, "not shown")
        if place[0] == "step" and place[1] is None:
            key, when = moment(place[2])
            shown = getattr(ours, when)
            state = {other: vector for other, vector in shown.state.items() if other != key}
            assert found(compare(replace(ours, **{when: replace(shown, state=state)}), theirs)) == (place, "not shown")
    more, vector = ("step", None, "a_vector"), theirs.after.W[0]
    for pair in ((put(ours, more, vector), theirs), (ours, put(theirs, more, vector))):
        assert found(compare(*pair)) == (more, "not shown")
    assert found(compare(replace(ours, after=None), theirs))[1] == "not shown"


@given(st.data())
def test_the_first_in_order_of_computation_is_named(data):
    """However many quantities are wrong, in whatever way, just they fail, and the first one computed is named."""
    ours, theirs = pairs(ANY)[-1]
    order = list(places(theirs))
    wrong = data.draw(st.sets(st.sampled_from(range(len(order))), min_size=1))
    for i in wrong:
        right = value(theirs, order[i])
        ours = put(ours, order[i], data.draw(st.sampled_from([-right, right[None], right * np.nan, right.astype("float16"), None])))
    agreement = compare(ours, theirs)
    assert [(d.equation, d.layer, d.quantity) for d in agreement.differences] == order
    assert {i for i, d in enumerate(agreement.differences) if not d.passed} == wrong
    assert agreement.first is agreement.differences[min(wrong)]
    assert {d.equation for d in agreement.differences} == set(EQUATIONS)


def test_sizes_are_those_of_the_record_given():
    """The same gap is large beside small terms, small beside large ones, and never passes beside terms that are no numbers."""
    ours, theirs = pairs(ANY)[-1]
    off = put(ours, ("BP4", 1, "dW"), theirs.layers[0].dW + 1e-6)
    assert not compare(off, theirs).passed
    assert compare(off, theirs, sized_by=replace(theirs, x=1e9 * theirs.x)).passed
    assert not compare(off, theirs, sized_by=replace(theirs, x=np.nan * theirs.x)).passed


@pytest.mark.parametrize("field", ["sizes", "activations", "loss", "optimizer", "hyperparameters", "step", "dtype"])
def test_records_of_different_steps_are_refused(field):
    """Another network, loss, optimizer, learning rate, step or dtype is no disagreement but a mistake of the asker."""
    ours, theirs = pairs(ANY)[-1]
    want = f"compare: {field} has other, expected {getattr(theirs.spec, field)}"
    with pytest.raises(ValueError, match=f"^{re.escape(want)}$"):
        compare(replace(ours, spec=replace(ours.spec, **{field: "other"})), theirs)


@pytest.mark.parametrize("data", ["x", "y"])
def test_records_of_different_data_are_refused(data):
    """One ulp in one entry is other data, and NaN is not the same data as itself."""
    ours, theirs = pairs(ANY)[-1]
    right = getattr(theirs, data)
    ulp, nan = (with_entry(right, (0, 0), entry) for entry in (np.nextafter(right[0, 0], 9), np.nan))
    for mine, other in ((ulp, right), (right[:-1], right), (right[:, :1], right), (nan, nan)):
        with pytest.raises(ValueError, match=f"^compare: {data} differs between the two records, expected the same data$"):
            compare(replace(ours, **{data: mine}), replace(theirs, **{data: other}))


def test_records_of_the_wrong_make_are_refused():
    """What is compared with is whole, and both have as many layers as their spec."""
    ours, theirs = pairs(ANY)[-1]
    partial = [put(theirs, place, None) for place in places(theirs) if place[0] != "step"] + [replace(theirs, after=None)]
    for record in partial:
        with pytest.raises(ValueError, match=r"^compare: the second record has quantities that are not shown, expected a whole one$"):
            compare(ours, record)
    for layers in (ours.layers[:1], ours.layers * 2, ()):
        for pair in ((replace(ours, layers=layers), theirs), (ours, replace(theirs, layers=layers))):
            with pytest.raises(ValueError, match=f"^compare: record has {len(layers)} layers, expected 2 as its spec$"):
                compare(*pair)
    for W, b in ((1, 2), (2, 1), (3, 2)):
        after = replace(ours.after, W=(ours.after.W * 2)[:W], b=ours.after.b[:b])
        with pytest.raises(ValueError, match=f"^compare: record has {W} W and {b} b after the step, expected 2 as its spec$"):
            compare(replace(ours, after=after), theirs)


@everywhere
def test_sentences_have_the_house_form(name):
    """Every difference says *where: what has got, expected want* in one line; the agreement says its first, or its worst."""
    assert re.fullmatch(r"agree, scaled error at most [\d.e+-]+", str(compare(*pairs(name)[-1])))
    number = r"-?[\d.e+-]+"
    for ours, theirs, place, right in everything_in(name):
        label, layer, quantity = place
        start = re.escape(f"{label} ({EQUATIONS[label].name}){f' of layer {layer}' if layer else ''}: {quantity} has ")
        kinds = {"finiteness ": right * np.nan, "shape ": right[None], "dtype ": right.astype("float16"), "nothing to show": None}
        for kind, wrong in kinds.items():
            agreement = compare(put(ours, place, wrong), theirs)
            assert re.fullmatch(f"{start}{kind}.*, expected .+", str(agreement))
            assert agreement.worst == np.inf
        agreement = compare(put(ours, place, -right), theirs)
        at = ["", r" at row \d+", r" at row \d+, column \d+"][right.ndim]
        tail = f"off by {number} of the size of its terms, allowed {number}"
        assert re.fullmatch(f"{start}{number}{at}, expected {number}; {tail}", str(agreement))
        assert agreement.worst == agreement.first.error > agreement.first.allowed


def test_a_nan_error_does_not_pass():
    """A comparison with NaN is false, so it is passing that is stated, not failing; the worst of errors with a NaN is infinite."""
    agreement = Agreement((Difference("z", 1, "z", 0.0, 1e-3), Difference("a", 1, "a", float("nan"), 1e-3)))
    assert not agreement.passed
    assert agreement.first is agreement.differences[1]
    assert agreement.worst == np.inf


def test_a_huge_gradient_is_compared():
    """A finite gradient whose square is not finite is compared like any other."""
    ours, theirs = pairs(ANY)[-1]
    assert found(compare(ours, put(theirs, ("BP4", 2, "dW"), theirs.layers[1].dW * 1e200))) == (("BP4", 2, "dW"), "value")


def test_terms_that_overflow_excuse_nothing():
    """Where the sum of |terms| is not finite, an entry that is off still fails."""
    ours, theirs = pairs(ANY)[-1]
    off = put(ours, ("z", 1, "z"), 2 * theirs.layers[0].z)
    assert not compare(off, theirs, sized_by=replace(theirs, x=np.full_like(theirs.x, 1e308))).passed
