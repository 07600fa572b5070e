"""Of two records that agree some quantity is wrong, and the comparison says which,
and who is off.
"""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity import Agreement, Difference, certify, compare, compare_restated, restate
from parity.proof.agreement import agree
from parity.proof.tests.pairs import (
    ANY,
    FEW,
    SIX,
    SQUARE,
    TABLE,
    disagreement,
    everywhere,
    failing,
    halves,
    on_six,
    pair,
    part,
    places,
    put,
    records,
    replayed,
    rounded,
    showing,
    snapshot_value,
    some_index,
    told_apart,
    value,
    where,
    with_entry,
)
from parity.steps.record import LayerRecord
from refnet import EQUATIONS
from refnet.equations import PLAIN

# What is off, however little, in any place


def around(expected, allowed, sign):
    """The last number of the dtype that is within `allowed` of `expected` on that side,
    and the next one, in exact arithmetic.
    """
    start, allowed, away = (
        Fraction(float(expected)),
        Fraction(allowed),
        np.full_like(expected, sign * np.inf),
    )
    last = expected.dtype.type(float(start + sign * allowed))
    while abs(Fraction(float(last)) - start) > allowed:
        last = np.nextafter(last, expected)
    while abs(Fraction(float(np.nextafter(last, away))) - start) <= allowed:
        last = np.nextafter(last, away)
    return last, np.nextafter(last, away)


@pytest.mark.parametrize(("name", "step"), [(name, -1 if name in SIX else 0) for name in TABLE])
def test_the_last_number_within_what_is_allowed_passes_and_the_next_fails(name, step):
    """In every place, an entry as far off as is allowed passes, and one last place
    further fails, is named with its index, and alone.
    """
    ours, theirs = pair(name, step)
    rng = np.random.default_rng(len(name))
    indices = [some_index(s.got, rng) for s in ours.statements]
    probe = agree(
        showing(ours, lambda i, array: with_entry(array, indices[i], 2 * array[indices[i]] + 1)),
        theirs,
    )
    assert [d.index for d in probe.differences] == indices
    expected = [s.got[index] for s, index in zip(theirs.statements, indices, strict=True)]
    ends = [
        around(entry, d.allowed, rng.choice([-1, 1]))
        for entry, d in zip(expected, probe.differences, strict=True)
    ]
    for outside in halves(ours):
        moved = showing(
            ours,
            lambda i, array, outside=outside: with_entry(array, indices[i], ends[i][i in outside]),
        )
        agreement = agree(moved, theirs)
        assert failing(agreement) == outside
        for i in outside:
            d = agreement.differences[i]
            assert (where(d), d.kind, d.index) == (
                list(places(theirs.record))[i],
                "value",
                indices[i],
            )
            assert (d.got, d.expected, d.allowed) == (
                ends[i][1],
                expected[i],
                probe.differences[i].allowed,
            )


FAULTS = {
    "zero": np.zeros_like,
    "sign flipped": np.negative,
    "doubled": lambda right: 2 * right,
    "shifted by one entry": lambda right: np.roll(right, 1),
    "divided by its rows": lambda right: right / np.prod(right.shape[:1]),
    "transposed": lambda right: (
        right.T if right.ndim == 2 and right.shape == right.T.shape else right
    ),
    "rows reversed": lambda right: right[::-1] if right.ndim else right,
    "rounded to half its digits": lambda right: right.astype(
        {8: "float32", 4: "float16"}[right.dtype.itemsize]
    ),
}


@on_six
def test_a_wrong_array_fails_and_no_other(name):
    """Whole arrays of the wrong value fail in every place, each alone, whichever of the
    two records has them.
    """
    ours, theirs = pair(name)
    for fault in FAULTS.values():
        for chosen in halves(ours):
            wrong = showing(
                ours,
                lambda i, array, c=chosen, f=fault: (
                    f(array).astype(array.dtype) if i in c else array
                ),
            )
            off = {i for i in chosen if (wrong.statements[i].got != ours.statements[i].got).any()}
            for agreement in (agree(wrong, theirs), agree(theirs, wrong)):
                assert failing(agreement) == off
                assert {agreement.differences[i].kind for i in off} <= {"value"}


@everywhere
def test_a_step_not_taken_or_taken_twice_fails(name):
    """W, b or a vector of the state left as it was, or moved twice as far, fails."""
    ours, theirs = pair(name)
    taken = {i: place for i, place in enumerate(places(ours.record)) if place[0] == "step"}
    before = {i: snapshot_value(ours.record, "before", *place[1:]) for i, place in taken.items()}
    for wrong in (lambda i, array: before[i], lambda i, array: 2 * array - before[i]):
        changed = showing(
            ours, lambda i, array, wrong=wrong: wrong(i, array) if i in taken else array
        )
        assert failing(agree(changed, theirs)) == set(taken)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@on_six
def test_nothing_that_is_not_finite_passes(name, bad):
    """One NaN or infinity fails in its place, whichever side has it; the same on both
    sides is no agreement.
    """
    rng = np.random.default_rng(len(name))
    ours, theirs = pair(name)
    indices = [some_index(s.got, rng) for s in ours.statements]
    for chosen in halves(ours):
        mine, other = (
            showing(
                side,
                lambda i, array, chosen=chosen: (
                    with_entry(array, indices[i], bad) if i in chosen else array
                ),
            )
            for side in (ours, theirs)
        )
        for agreement in (agree(mine, theirs), agree(ours, other), agree(mine, other)):
            assert failing(agreement) == chosen
            assert {agreement.differences[i].kind for i in chosen} == {"finiteness"}
            assert agreement.worst == np.inf


SHAPES = [
    lambda right: right[None],
    lambda right: right[..., None],
    lambda right: np.broadcast_to(right, (2, *right.shape)),
    lambda right: right.T,
    np.ravel,
    lambda right: right[0] if right.ndim else right,
    lambda right: right[:0] if right.ndim else right,
    lambda right: right[:1] if right.ndim else right,
]


@on_six
def test_the_shape_comes_before_the_value(name):
    """Right numbers in another shape fail, axes added, dropped or swapped, rows
    missing, however well they would broadcast.
    """
    ours, theirs = pair(name)
    for reshaped in SHAPES:
        for chosen in halves(ours):
            other = {
                i
                for i in chosen
                if reshaped(ours.statements[i].got).shape != ours.statements[i].got.shape
            }
            wrong = showing(
                ours, lambda i, array, other=other, f=reshaped: f(array) if i in other else array
            )
            agreement = agree(wrong, theirs)
            assert failing(agreement) == other
            for i in other:
                d = agreement.differences[i]
                assert (d.kind, d.got, d.expected) == (
                    "shape",
                    wrong.statements[i].got.shape,
                    theirs.statements[i].got.shape,
                )


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int64", "complex128", "object"]
)
@on_six
def test_the_dtype_comes_before_the_value(name, dtype):
    """Right numbers in another dtype fail: a float32 network that went through float64
    is not the same network.
    """
    ours, theirs = pair(name)
    for chosen in halves(ours):
        wrong = showing(
            ours, lambda i, array, chosen=chosen: array.astype(dtype) if i in chosen else array
        )
        other = {i for i in chosen if ours.statements[i].got.dtype != dtype}
        agreement = agree(wrong, theirs)
        assert failing(agreement) == other
        assert {agreement.differences[i].kind for i in other} <= {"dtype"}


# Which place of a record is named


@pytest.mark.parametrize("name", FEW)
def test_every_place_of_a_record_is_read(name):
    """A record that shows the wrong sign anywhere differs there first; one that shows
    nothing, there alone; what reads it is open.
    """
    ours, expected = pair(name)[0].record, pair(name)[1]
    theirs = expected.record
    for place in told_apart(name, theirs):
        assert disagreement(agree(certify(put(ours, place, -value(ours, place))), expected)) == (
            place,
            "value",
        )
        if " of " not in place[2] and place[0] != "step":
            agreement = agree(certify(put(ours, place, None)), expected)
            assert disagreement(agreement) == (place, "not shown")
            assert len(failing(agreement)) == 1
            assert (agreement.unjudged > 0) == (place[2] != "loss")
    assert disagreement(compare(replace(ours, after=None), theirs)) == (
        next(p for p in places(theirs) if p[0] == "step"),
        "not shown",
    )


@pytest.mark.parametrize("name", [case.id for case in SQUARE])
def test_a_vector_of_the_state_is_told_whole(name):
    """A vector of the state that is missing, of another length or of another dtype
    fails as such, in every layer, first in layer 1.
    """
    ours, theirs = pair(name)[0].record, pair(name)[1]
    for key, vector in ours.after.state.items():
        state = {other: vector for other, vector in ours.after.state.items() if other != key}
        wrongs = [
            ("not shown", state),
            *(
                (kind, {**state, key: wrong})
                for kind, wrong in (
                    ("shape", vector[:-1]),
                    ("shape", vector[None]),
                    ("dtype", vector.astype("float16")),
                )
            ),
        ]
        for kind, changed in wrongs:
            wrong = certify(replace(ours, after=replace(ours.after, state=changed)))
            for agreement in (agree(wrong, theirs), agree(theirs, wrong)):
                assert disagreement(agreement) == (("step", 1, f"{key} of W"), kind)
                assert {d.quantity for d in agreement.differences if d.kind == kind} == {
                    f"{key} of W",
                    f"{key} of b",
                }


@settings(max_examples=20)
@given(st.data())
def test_the_first_in_order_of_computation_is_named(data):
    """However many quantities of a record are wrong, in whatever way, the first one
    computed is named.
    """
    ours, theirs = (certificate.record for certificate in pair(ANY))
    order = list(places(theirs))
    wrong = data.draw(st.sets(st.sampled_from(range(len(order))), min_size=1))
    for i in wrong:
        right, is_part = value(theirs, order[i]), " of " in order[i][2]
        others = (
            []
            if is_part or order[i][0] == "step"
            else [None, *([right[None], right.astype("float16")] if right.ndim else [])]
        )
        ours = put(ours, order[i], data.draw(st.sampled_from([-right, right * np.nan, *others])))
    agreement = compare(ours, theirs)
    assert [where(d) for d in agreement.differences] == order
    assert agreement.first is agreement.differences[min(wrong)]
    assert {d.equation for d in agreement.differences} == set(PLAIN)


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.sizes == (4, 4, 4)])
def test_swapped_layers_are_named(name):
    """Equal shapes in the wrong order fail at the first quantity of layer 1."""
    ours, theirs = (certificate.record for certificate in pair(name))
    assert disagreement(compare(replace(ours, layers=ours.layers[::-1]), theirs)) == (
        ("z", 1, "z"),
        "value",
    )
    after = replace(ours.after, W=ours.after.W[::-1])
    assert disagreement(compare(replace(ours, after=after), theirs)) == (("step", 1, "W"), "value")


# Who is off

# the latter where nothing is rounded
OFF = r"record is (off by [\d.e+]+ times its own bound|not what its own numbers give)"
INHERITED = "; each record is within its own bound, so they part at an earlier equation"


def unlike(place, fault):
    """What a program gives that is wrong in one place and right, from its own numbers,
    in all others.
    """
    return lambda s: fault(rounded(s)) if (s.equation, s.layer, s.quantity) == place else rounded(s)


@pytest.mark.parametrize("name", [ANY, FEW[-1]])
def test_a_mistake_is_named_where_it_is_made_whatever_inherits_it(name):
    """What follows a mistake differs as well, but there each side keeps its own bounds,
    and the sentence says so.
    """
    right = pair(name)[0].record
    theirs, parts = certify(replayed(right, rounded)), 0
    for place in places(right):
        if place[0] != "step" or name == ANY:
            agreement = agree(
                certify(replayed(right, unlike(place, lambda array: 2 * array))), theirs
            )
            first, *others = (d for d in agreement.differences if not d.passed)
            assert where(first) == place
            assert re.search(f"; the first {OFF}$", str(first))
            assert {d.blame for d in others} <= {INHERITED}
            parts += len(others)
    assert parts > len(list(places(right)))


def test_both_or_the_second_may_be_off():
    """The sentence says who is off, the first, the second or both, and by how much of
    its own bounds.
    """
    ours, theirs = pair(ANY)
    mine, other = (
        showing(ours, lambda _, array: 2 * array),
        showing(theirs, lambda _, array: 3 * array),
    )
    for agreement, blame in (
        (agree(mine, theirs), f"the first {OFF}"),
        (agree(ours, other), f"the second {OFF}"),
        (agree(mine, other), f"the first {OFF} and the second {OFF}"),
    ):
        assert failing(agreement) == set(range(len(ours.statements)))
        sentence = f"[^;]*; it is off by [^;]* times that; {blame}"
        assert all(re.fullmatch(sentence, str(d)) for d in agreement.differences)


@pytest.mark.parametrize("name", FEW[1:])
def test_from_equal_inputs_only_the_record_is_off(name):
    """A wrong quantity of a record is named first, with what the record did not make of
    it; PyTorch is never said to be off.
    """
    ours, _ = pair(name)
    for place in told_apart(name, ours.record):
        wrong = put(ours.record, place, 2 * value(ours.record, place))
        agreement, results = compare_restated(wrong, restate(wrong)), certify(wrong).results
        assert disagreement(agreement) == (place, "value")
        before_the_step = {i for i, result in enumerate(results) if result.equation != "step"}
        assert failing(agreement) & before_the_step == {
            i for i in before_the_step if results[i].broken
        }
        for i in failing(agreement):
            assert re.fullmatch(
                f"; the first {OFF}" if results[i].broken else INHERITED,
                agreement.differences[i].blame,
            )


# What is refused


@pytest.mark.parametrize(
    "field", ["sizes", "activations", "loss", "optimizer", "hyperparameters", "step", "dtype"]
)
@pytest.mark.parametrize("comparison", [compare, compare_restated])
def test_records_of_different_steps_are_refused(field, comparison):
    """Another network, loss, optimizer, learning rate, step or dtype is no disagreement
    but a mistake of the asker.
    """
    ours, theirs = records(ANY)[-1]
    want = f"compare: {field} has other, expected {getattr(theirs.spec, field)}"
    with pytest.raises(ValueError, match=f"^{re.escape(want)}$"):
        comparison(replace(ours, spec=replace(ours.spec, **{field: "other"})), theirs)


@pytest.mark.parametrize("data", ["x", "y"])
@pytest.mark.parametrize("comparison", [compare, compare_restated])
def test_records_of_different_data_are_refused(data, comparison):
    """One ulp in one entry is other data, and NaN is not the same data as itself."""
    ours, theirs = records(ANY)[-1]
    right = getattr(theirs, data)
    ulp, nan = (
        with_entry(right, (0, 0), entry) for entry in (np.nextafter(right[0, 0], 9), np.nan)
    )
    for mine, other in ((ulp, right), (right[:-1], right), (right[:, :1], right), (nan, nan)):
        with pytest.raises(
            ValueError,
            match=f"^compare: {data} differs between the two records, expected the same data$",
        ):
            comparison(replace(ours, **{data: mine}), replace(theirs, **{data: other}))


@on_six
def test_records_from_different_starts_are_refused(name):
    """One ulp in one weight or in one entry of the state before the step, or a vector
    that only one has, is another start.
    """
    ours, theirs = records(name)[-1]
    rng = np.random.default_rng(len(name))
    started = [
        (f"{name} of layer {i}", ("step", i, name))
        for i in range(1, len(ours.layers) + 1)
        for name in ("W", "b")
    ]
    started += [("state", place) for place in places(ours) if " of " in place[2]]
    for start, place in started:
        right = snapshot_value(ours, "before", *place[1:])
        other = with_entry(
            right, index := some_index(right, rng), np.nextafter(right[index], np.inf)
        )
        tail = "expected equal state" if start == "state" else "expected equal weights"
        for two in (
            (put(ours, place, other, "before"), theirs),
            (ours, put(theirs, place, other, "before")),
        ):
            with pytest.raises(
                ValueError,
                match=f"^compare: {start} differs before the step, {tail}: bring the two together "
                f"first$",
            ):
                compare(*two)
    vector = np.zeros(part(ours, len(ours.layers), "b").stop, ours.spec.dtype)
    more = replace(
        ours, before=replace(ours.before, state={**ours.before.state, "a_vector": vector})
    )
    for two in ((more, theirs), (theirs, more)):
        with pytest.raises(
            ValueError, match=r"^certify: state has 'a_vector', expected .+, which .+ keeps$"
        ):
            compare(*two)


@pytest.mark.parametrize("comparison", [compare, compare_restated])
def test_records_of_the_wrong_make_are_refused(comparison):
    """What is compared with is whole, and both have as many layers as their spec."""
    ours, theirs = records(ANY)[-1]
    partial = [put(theirs, place, None) for place in places(theirs) if place[0] != "step"] + [
        replace(theirs, after=None)
    ]
    for record in partial:
        with pytest.raises(
            ValueError,
            match=r"^compare: the second record has quantities that are not shown, expected a "
            r"whole one$",
        ):
            comparison(ours, record)
    for layers in (ours.layers[:1], ours.layers * 2, ()):
        for two in ((replace(ours, layers=layers), theirs), (ours, replace(theirs, layers=layers))):
            with pytest.raises(
                ValueError,
                match=rf"^certify: record has {len(layers)} layers, expected 2 as its sizes \(4, "
                rf"4, 4\)$",
            ):
                comparison(*two)
    for count, W, b in (("1 W", 1, 2), ("1 b", 2, 1), ("3 W", 3, 2)):
        after = replace(ours.after, W=(ours.after.W * 2)[:W], b=ours.after.b[:b])
        for two in ((replace(ours, after=after), theirs), (ours, replace(theirs, after=after))):
            with pytest.raises(
                ValueError,
                match=rf"^certify: record has {count} after the step, expected 2 as its sizes \(4, "
                rf"4, 4\)$",
            ):
                comparison(*two)


# What is said


@pytest.mark.parametrize("name", [ANY, FEW[-1]])
def test_sentences_have_the_house_form(name):
    """Every difference says *where: what has got, expected want* in one line; the
    agreement says its first, or its worst.
    """
    ours, theirs = pair(name)
    assert re.fullmatch(
        r"agree: the largest difference is [\d.e-]+ of what rounding allows",
        str(agree(ours, theirs)),
    )
    number, at = r"-?[\d.e+-]+", r"( at row \d+(, column \d+)?)?"
    apart = f"within {number}; it is off by ({number}|inf) times that; the first {OFF}"
    kinds = {
        " has finiteness 0 of .*, expected all entries finite": lambda right: right * np.nan,
        " has shape .*, expected .*": lambda right: right[None],
        " has dtype float16, expected float.*": lambda right: right.astype("float16"),
        f"{at} is {number}, expected {number} {apart}": lambda right: -right,
        " has nothing to show, expected a value": None,
    }
    for words, fault in kinds.items():
        absent = replace(
            ours.record,
            layers=tuple(LayerRecord() for _ in ours.record.layers),
            loss=None,
            after=None,
        )
        agreement = (
            compare(absent, theirs.record)
            if fault is None
            else agree(showing(ours, lambda _, array, f=fault: f(array)), theirs)
        )
        for d, (label, layer, quantity), right in zip(
            agreement.differences, places(ours.record), theirs.statements, strict=True
        ):
            start = re.escape(
                f"{label} ({EQUATIONS[label].name}){f' of layer {layer}' if layer else ''}: "
                f"{quantity}"
            )
            assert re.fullmatch(start + words, str(d))
            assert (
                d.kind != "value" or str(d).count("row") + str(d).count("column") == right.got.ndim
            )
        assert str(agreement) == str(agreement.differences[0])
        assert (
            agreement.worst == np.inf
            or agreement.worst == max(d.used for d in agreement.differences) > 1.0
        )


def test_a_nan_does_not_pass():
    """A comparison with NaN is false, so it is passing that is stated, not failing; the
    worst of shares with a NaN is infinite.
    """
    agreement = Agreement((Difference("z", 1, "z", 0.0), Difference("a", 1, "a", float("nan"))))
    assert not agreement.passed
    assert agreement.first is agreement.differences[1]
    assert agreement.worst == np.inf
