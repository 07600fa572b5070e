"""Sides take turns on clocks of our own, and the figures are medians and exponents."""

import gc

import numpy as np
import pytest

from parity.bench import timing
from parity.bench.timing import CHOOSING, WARM, Timing, alone, exponent, fastest, interleaved


class Clock:
    """A clock that goes on by what is done; the CPU's goes on at a pace of its own."""

    def __init__(self):
        self.now, self.busy, self.log = 0.0, 0.0, []

    def side(self, name, *seconds, cores=1.0):
        """A side whose calls take so long, the last figure for all further ones."""
        left = list(seconds)

        def call():
            took = left.pop(0) if len(left) > 1 else left[0]
            self.now += took
            self.busy += cores * took
            self.log.append(name)

        return call

    def time(self, sides, repeats, seconds):
        return interleaved(sides, repeats, seconds, lambda: self.now, lambda: self.busy)


def test_sides_take_turns_in_ever_other_orders():
    """After the calls that find out how many fit, every repeat times each side once,
    warmed up, and nobody always follows the same one.
    """
    clock = Clock()
    timings = clock.time({name: clock.side(name, 1.0) for name in "abc"}, 12, 1.0)
    log = "".join(clock.log)
    assert log[:6] == "aabbcc"
    repeats = [log[i : i + 6] for i in range(6, len(log), 6)]
    assert {"".join(sorted(repeat)) for repeat in repeats} == {"aabbcc"}
    assert all(repeat[0::2] == repeat[1::2] for repeat in repeats)
    assert len({repeat[0::2] for repeat in repeats}) > 3
    assert all(timing.seconds == (1.0,) * 12 for timing in timings.values())


def test_the_first_calls_after_another_side_do_not_count():
    """Up to WARM of them, as many as are timed."""
    clock = Clock()
    found_out = 1 + 1 + 2  # calls that find out that eight fit
    side = clock.side("a", *[0.125] * found_out, *[9.0] * WARM, 0.125)
    assert clock.time({"a": side}, 1, 1.0)["a"].seconds == (0.125,)
    assert len(clock.log) == found_out + WARM + 8


def test_the_first_call_does_not_count_and_the_calls_in_a_row_fill_the_time():
    """A side that sets up at first is not taken for a slow one; a repeat is as many
    calls as take about the time wanted.
    """
    clock = Clock()
    timings = clock.time({"a": clock.side("a", 64.0, 0.125), "b": clock.side("b", 2.0)}, 3, 1.0)
    assert (timings["a"].calls, timings["b"].calls) == (8, 1)
    assert timings["a"].seconds == (0.125,) * 3
    assert timings["b"].seconds == (2.0,) * 3


def test_the_figure_is_the_median_of_the_repeats():
    """One slow repeat in three does not show; the cores are the CPU's seconds by the
    clock's.
    """
    clock = Clock()
    timing = clock.time(
        {"a": clock.side("a", 1.0, 1.0, 5.0, 1.0, 5.0, 9.0, 5.0, 2.0, cores=0.5)}, 3, 1.0
    )["a"]
    assert (timing.seconds, timing.median, timing.cores) == ((1.0, 9.0, 2.0), 2.0, 0.5)
    assert timing.over(4) == Timing((0.25, 2.25, 0.5), 4, 0.5)
    assert timing.as_json() == {"median": 2.0, "seconds": [1.0, 9.0, 2.0], "calls": 1, "cores": 0.5}


def test_there_is_a_pause_before_each_side_where_one_is_asked_for(monkeypatch):
    """Before it is warmed up, and it is not timed."""
    clock = Clock()
    monkeypatch.setattr("time.sleep", clock.log.append)
    sides = {name: clock.side(name, 1.0) for name in "ab"}
    timings = interleaved(sides, 2, 1.0, lambda: clock.now, lambda: clock.busy, pause=0.5)
    log = clock.log[4:]
    assert log[::3] == [0.5] * 4
    assert sorted(log[1:3] + log[4:6]) == ["a", "a", "b", "b"]
    assert {timing.seconds for timing in timings.values()} == {(1.0, 1.0)}


def test_the_fastest_has_the_least_median(monkeypatch):
    """Of a few repeats, which share the time of one."""
    asked, medians = [], {"a": 2.0, "b": 1.0, "c": 3.0}

    def interleaved(sides, repeats, seconds):
        asked.append((repeats, seconds))
        return {name: Timing((medians[name],) * repeats, 1, 1.0) for name in sides}

    monkeypatch.setattr(timing, "interleaved", interleaved)
    assert fastest(medians, 1.0) == "b"
    assert asked == [(CHOOSING, 1.0 / CHOOSING)]


def test_a_side_alone_is_called_until_the_time_is_over():
    """The first call does not count; what a repeat began is finished, and its mean is
    the repeat's figure.
    """
    clock = Clock()
    side = clock.side("a", 64.0, *[0.25] * 4, 3.0, 0.5, cores=2.0)
    timing = alone(side, 3, 1.0, lambda: clock.now, lambda: clock.busy)
    assert timing == Timing((0.25, 3.0, 0.5), 2, 2.0)


def test_the_garbage_collector_waits_and_is_back_afterwards():
    """It is off while sides are timed, also where one fails."""
    seen = []

    def fail():
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        interleaved({"a": fail}, 1, 1.0)
    assert (seen, gc.isenabled()) == ([False], True)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_its_power(power):
    """Sizes and figures are powers of 2 or their products with 3: only logarithms
    round, each within a unit of its last place.
    """
    sizes = [2.0, 6.0, 8.0, 48.0, 256.0]
    assert exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(
        power, rel=0, abs=64 * np.finfo(float).eps
    )
    assert exponent([1, 2], [5, 40]) == pytest.approx(3.0, rel=0, abs=64 * np.finfo(float).eps)


def test_the_exponent_is_the_least_squares_slope():
    """Points off the line pull as in np.polyfit, another way to solve the same."""
    sizes, figures = [1.0, 2.0, 4.0, 16.0], [1.0, 3.0, 2.0, 50.0]
    (slope, _), residuals, _, _ = np.linalg.lstsq(
        np.c_[np.log(sizes), np.ones(4)], np.log(figures), rcond=None
    )
    assert residuals > 0.1
    assert exponent(sizes, figures) == pytest.approx(slope, rel=1e-12)
