"""On numbers that one can follow by hand a program beside a run is as sharp as it says:
`SPELLED` roundings for each of its own, and half of the digits where it says half.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.diagnosis.evidence import Comparison, plainly
from parity.mistakes.mistake import Mistake
from parity.mistakes.search.judging import (
    SPELLED,
    Station,
    distance,
    explains,
    half_agrees,
    judged,
)
from parity.mistakes.search.replay import Run, Shown
from parity.rounding.formats import FORMATS
from parity.steps.cases import DTYPES
from parity.steps.record import Spec

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
SETTINGS = {"lr": 0.5, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
COLUMN = [[1.0], [1.0], [1.0]]


def run_of(dtype, *steps, W=((1.0,),), b=(0.5,), x=((1.0,),), momentum=0.0):
    """A run of one layer, identity and mse, with steps that show these arrays."""
    W, b, x = (np.array(array, dtype) for array in (W, b, x))
    y, settings = np.ones((len(x), len(b)), dtype), {**SETTINGS, "momentum": momentum}
    spec = Spec((W.shape[1], len(b)), (("identity", {}),), "mse", "sgd", settings, 1, dtype)
    shown = [
        Shown(replace(spec, step=t), x, y, {w: np.array(a, dtype) for w, a in arrays.items()})
        for t, arrays in enumerate(steps, start=1)
    ]
    state = {"momentum_buffer": np.full(W.size + b.size, 2.0, dtype)} if momentum else {}
    return Run((W,), (b,), state, tuple(shown))


def rounding(dtype):
    """One rounding of a program that is written otherwise, and of the judge's own."""
    return SPELLED * FORMATS[dtype].unit + 2.0**-53


# name: what is shown, how; the array, what its entry must be, and the roundings of it
# times their sizes, then those of another spelling times the largest entry
SHARP = {
    # 1 * 1, + 1/2
    "z": ({("z", 1): [[1.5]]}, {}, ("z", 1), 1.0 + 1.5 + 1.5),
    # a row of 1.5 and 2^20
    "z, of a large neighbour": (
        {("z", 1): [[1.5, 2.0**20]]},
        {"W": [[1.0], [2.0**20]], "b": [0.5, 0.0]},
        ("z", 1),
        1.0 + 1.5 + 2.0**20,
    ),
    # two additions of numbers that are 3 together
    "db": (
        {("delta", 1): [[1.0], [1.0], [-1.0]], ("db", 1): [1.0]},
        {"x": COLUMN},
        ("db", 1),
        2 * 3.0 + 1.0,
    ),
    # three products, added up
    "dW": (
        {("delta", 1): [[-1.0], [-1.0], [1.0]], ("dW", 1): [[-1.0]]},
        {"x": COLUMN},
        ("dW", 1),
        3 * 3.0 + 1.0,
    ),
    # 1 - 1/2 * 1, whose large neighbour has nothing to do with it
    "W": (
        {("dW", 1): [[1.0, 0.0]], ("W", 1): [[0.5, 2.0**20]]},
        {"W": [[1.0, 2.0**20]], "x": [[1.0, 1.0]]},
        ("W", 1),
        0.5 + 0.5,
    ),
    # 1/2 * 2, and 1 * 1 where a dampening could be
    "momentum buffer": (
        {("dW", 1): [[1.0, 0.0]], ("momentum_buffer of W", 1): [[2.0, 1.0]]},
        {"W": [[1.0, 2.0**20]], "x": [[1.0, 1.0]], "momentum": 0.5},
        ("momentum_buffer of W", 1),
        1.0 + 1.0 + 2.0,
    ),
}


@in_both_dtypes
@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["above", "below"])
def test_twice_the_roundings_of_another_spelling_are_off(name, sign, dtype):
    """An entry that is off by half of them fits, by twice as many it does not."""
    arrays, given, where, roundings = SHARP[name]
    for share in (0.5, 2.0):
        moved = np.array(arrays[where], dtype)
        moved.flat[0] += sign * share * roundings * rounding(dtype)
        run = run_of(dtype, {**arrays, where: moved}, **given)
        (station,) = (s for s in judged(run, whole=True) if s.where == where)
        assert station.off == (share > 1.0), station
        assert explains(run, (), station) == (share < 1.0)
        assert station.gap == np.abs(moved - np.array(arrays[where])).max()
        # the number is rounded to the dtype, at most half a rounding away
        assert abs(station.used - share) * roundings * SPELLED <= np.abs(moved).max()


@in_both_dtypes
def test_half_of_the_digits_is_half_of_what_a_step_moves(dtype):
    """W and b are compared with what they were before their own step: the start of the
    run before the first, and what the step before showed afterwards.
    """
    half = float(np.sqrt(np.finfo(dtype).eps))
    first = {("W", 1): [[0.5]], ("b", 1): [-3.5]}
    last = {("W", 1): [[-1000.0]], ("b", 1): [2000.0]}
    run = run_of(dtype, first, last)
    steps = {(0, "W"): 0.5, (0, "b"): 4.0, (1, "W"): 1000.5, (1, "b"): 2003.5}
    for (number, name), moved in steps.items():
        for share, agrees in ((0.99, True), (1.01, False)):
            station = Station(number, name, 1, 2.0, gap=share * half * moved)
            assert half_agrees(run, station) == agrees, (number, name)


@in_both_dtypes
def test_half_of_the_digits_of_other_arrays_is_of_their_largest_entry(dtype):
    """Negative ones too."""
    half = float(np.sqrt(np.finfo(dtype).eps))
    run = run_of(dtype, {("dW", 1): [[-4.0]]})
    assert half_agrees(run, Station(0, "dW", 1, 2.0, gap=0.99 * half * 4.0))
    assert not half_agrees(run, Station(0, "dW", 1, 2.0, gap=1.01 * half * 4.0))


@in_both_dtypes
def test_negative_numbers_are_as_large_as_positive_ones(dtype):
    """An output that is negative throughout differs by rounding alone where a positive
    one would: its bound, its distance, and what is said of it are the same.
    """
    u, stations = FORMATS[dtype].unit, {}
    for sign in (1.0, -1.0):
        z = sign * np.array([[1.5 + 8.0 * u, 3.0]], dtype)
        run = run_of(dtype, {("z", 1): z}, W=[[sign], [2.0 * sign]], b=[0.5 * sign, sign])
        (station,) = judged(run, whole=True)
        assert not station.off
        assert not station.vague
        assert distance(run, (), station) == 8.0 * u / 3.0
        (sentence,) = plainly([Comparison(z, station._replace(fitting=0), station)])
        assert "to the last digits" in sentence
        stations[sign] = station.used, station.gap, station.fitting
    assert stations[1.0] == stations[-1.0]
    assert stations[1.0][0] > 0.0


@in_both_dtypes
def test_what_is_no_number_is_off_beside_numbers(dtype):
    """A NaN or an infinity among entries that fit, of which the program makes numbers;
    the entry is named.
    """
    for wrong in (np.nan, np.inf, -np.inf):
        run = run_of(dtype, {("z", 1): [[1.5, wrong]]}, W=[[1.0], [1.0]], b=[0.5, 0.5])
        (station,) = judged(run, whole=True)
        assert (station.used, station.entry, station.fitting) == (np.inf, (0, 1), 1)
        assert not explains(run, (), station)


@in_both_dtypes
def test_where_rounding_says_nothing_numbers_are_numbers(dtype):
    """Terms that together are beyond the largest number have no bound: any number fits,
    and what is none fits where the program itself makes none.
    """
    most = FORMATS[dtype].largest
    for factor, finite in ((0.6, True), (2.0, False)):
        given = {"W": [[factor * most / 2.0**20, -factor * most / 2.0**20]], "x": [[2.0**20] * 2]}
        for number in (0.0, 1.0, np.nan):
            (station,) = judged(run_of(dtype, {("z", 1): [[number]]}, **given), whole=True)
            assert station.off == (finite and not np.isfinite(number)), (factor, number)
            assert station.vague


def test_a_form_that_does_not_fit_the_shapes_explains_nothing():
    """It is infinitely far off, and no reason to stop."""
    squared = Mistake(
        "dW-squared",
        "BP4",
        "dW dW",
        "It multiplies dW with itself.",
        "dW is no square matrix.",
        {"BP4": lambda s, l, right: right() @ right()},
        lambda spec, l: True,
    )
    arrays = {("delta", 1): [[1.0]], ("dW", 1): [[1.0, 1.0]]}
    run = run_of("float64", arrays, W=[[1.0, 1.0]], x=[[1.0, 1.0]])
    station, placed = Station(0, "dW", 1, 2.0), [(squared, frozenset({1}))]
    assert explains(run, (), station)
    assert not explains(run, placed, station)
    assert distance(run, placed, station) == np.inf


def test_an_array_of_another_shape_is_not_gone_on_with():
    """It is off itself; what follows is judged by what the program has in its place."""
    right = {("z", 1): [[1.5]], ("a", 1): [[1.5]], ("delta", 1): [[1.0]], ("db", 1): [1.0]}
    assert not any(s.off for s in judged(run_of("float64", right), whole=True))
    for where, array in right.items():
        shown = {**right, where: np.tile(array, 3)}
        off = [s for s in judged(run_of("float64", shown), whole=True) if s.off]
        assert not any(s.vague for s in off)
        assert [(s.where, s.shape) for s in off] == [(where, np.shape(array))]


@in_both_dtypes
def test_entries_within_their_bounds_are_counted(dtype):
    """One of three is off by two bounds, one is within half of one, and one exact."""
    bound = (1.0 + 1.5 + 1.5) * rounding(dtype)
    z = [[1.5 + 2.0 * bound, 1.5 + 0.5 * bound, 1.5]]
    run = run_of(dtype, {("z", 1): z}, W=[[1.0]] * 3, b=[0.5] * 3)
    (station,) = judged(run, whole=True)
    assert (station.off, station.entry, station.fitting) == (True, (0, 0), 2)


@in_both_dtypes
def test_vague_is_what_may_lose_half_of_its_digits(dtype):
    """A bound beside the largest entry of its array: of numbers about 2^30 it is far
    above half of the digits of 1, of a difference that cancels it is far below.
    """
    big, little = 2.0**30, 64.0 * FORMATS[dtype].unit
    for W, b, z, vague in ((big, big, 2.0 * big, False), (1.0, little - 1.0, little, True)):
        (station,) = judged(run_of(dtype, {("z", 1): [[z]]}, W=[[W]], b=[b]), whole=True)
        assert (station.off, station.vague) == (False, vague)
