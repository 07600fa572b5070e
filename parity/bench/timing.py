"""Timing: sides that take turns, the median of their repeats, how many cores they used,
and the exponent by which a figure grows.

Each side is called as often in a row as takes about the wanted time; how often is fixed
before the first repeat. One repeat times every side once, each time in another order,
so that what disturbs the machine disturbs all of them. Python's garbage collector waits
meanwhile, as in timeit.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Clock: TypeAlias = Callable[[], float]
MOST_CALLS = 10**7  # in a row: a second or more, whatever a side does
# cores kept busy, CPU time over time: on an idle machine one thread keeps 1.00 to 1.01
MOST_CORES = 1.2  # a side that used more was not on one thread
LEAST_CORES = 0.8  # a side that got less shared its core with another process
CHOOSING = 3  # repeats that choose the fastest of several ways
WARM = 5  # calls before a repeat that are not timed: they fill the caches


class Timing(NamedTuple):
    """The seconds of one call in each repeat, the calls in a row, and the cores that
    were busy: the process's CPU time per second.
    """

    seconds: tuple[float, ...]
    calls: int
    cores: float

    @property
    def median(self) -> float:
        """Seconds of one call."""
        return statistics.median(self.seconds)

    def over(self, parts: int) -> "Timing":
        """The same for one of the equal parts that a call consists of."""
        return self._replace(
            seconds=tuple(second / parts for second in self.seconds), calls=self.calls * parts
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data: every repeat."""
        return {
            "median": self.median,
            "seconds": list(self.seconds),
            "calls": self.calls,
            "cores": self.cores,
        }


def interleaved(
    sides: Mapping[str, Callable[[], object]],
    repeats: int,
    seconds: float,
    clock: Clock = time.perf_counter,
    cpu: Clock = time.process_time,
    pause: float = 0.0,
) -> dict[str, Timing]:
    """The timing of each side, with `seconds` the wanted time of one repeat of one
    side.

    Before each repeat a side is called up to WARM times, for after another one it finds
    nothing of its own in the caches. `pause` is what lies between two sides: seconds in
    which the threads of the one before fall asleep.
    """
    rng = np.random.default_rng(0)
    with _collector_waiting():
        calls = {name: _calls(side, seconds, clock) for name, side in sides.items()}
        pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(repeats):
            for name in rng.permutation(list(sides)).tolist():
                time.sleep(pause)
                _timed(sides[name], min(WARM, calls[name]), clock, cpu)
                pairs[name].append(_timed(sides[name], calls[name], clock, cpu))
    return {name: _timing(each, calls[name]) for name, each in pairs.items()}


def fastest(sides: Mapping[str, Callable[[], object]], seconds: float) -> str:
    """Which of several ways to do the same takes the least time, by a few shorter
    repeats.
    """
    timings = interleaved(sides, CHOOSING, seconds / CHOOSING)
    return min(sides, key=lambda name: timings[name].median)


def alone(
    side: Callable[[], object],
    repeats: int,
    seconds: float,
    clock: Clock = time.perf_counter,
    cpu: Clock = time.process_time,
) -> Timing:
    """The timing of one side whose calls may differ a hundredfold: in each repeat it is
    called until the time is over.
    """
    side()
    per_call, calls, busy, total = [], 0, 0.0, 0.0
    with _collector_waiting():
        for _ in range(repeats):
            count, at_first, start = 0, cpu(), clock()
            while (took := clock() - start) < seconds or not count:
                side()
                count += 1
            per_call.append(took / count)
            calls, busy, total = calls + count, busy + cpu() - at_first, total + took
    return Timing(tuple(per_call), calls // repeats, busy / total)


def exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """p where the figures grow as sizes^p: the slope of the least-squares line through
    their logarithms.
    """
    x, y = np.log(sizes), np.log(figures)
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


def _calls(side: Callable[[], object], seconds: float, clock: Clock) -> int:
    """How many calls in a row take about that long.

    The first call is not counted: it may still be setting up.
    """
    side()
    calls, took = 1, 0.0
    while calls <= MOST_CALLS:
        took = _timed(side, calls, clock, clock)[0]
        if took >= seconds / 4:
            break
        calls *= 2
    return max(1, round(calls * seconds / took)) if took > 0.0 else calls


def _timed(side: Callable[[], object], calls: int, clock: Clock, cpu: Clock) -> tuple[float, float]:
    """Seconds and CPU seconds of that many calls."""
    busy, start = cpu(), clock()
    for _ in range(calls):
        side()
    took = clock() - start
    return took, cpu() - busy


def _timing(pairs: Sequence[tuple[float, float]], calls: int) -> Timing:
    total = sum(took for took, _ in pairs)
    return Timing(
        tuple(took / calls for took, _ in pairs),
        calls,
        sum(busy for _, busy in pairs) / total if total else 0.0,
    )


@contextmanager
def _collector_waiting() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
