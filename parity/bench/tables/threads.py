"""Threads: a step with one BLAS thread and with a pool of them, and `fit` in that pool;
on the idle machine and beside busy processes.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from threadpoolctl import ThreadpoolController

from parity.bench.sides.refnet import refnet_fit, refnet_step
from parity.bench.sides.setting import Setting
from parity.bench.timing import Timing, alone
from refnet.fast.threads import DECIDED

# It ends by itself where the process that started it is gone.
BUSY = (
    "import os, sys\nprint('.', flush=True)\nwhile os.getppid() == int(sys.argv[1]):\n    for _ "
    "in range(10**6): pass"
)
# seconds of a repeat beside busy processes, with which we take turns of milliseconds
BUSY_SECONDS = 0.3
# seconds: after a product the pool's threads wait for the next one in a busy loop, with
# OpenBLAS's defaults for 2^26 cycles, about 0.03 s
QUIET = 0.1
SIDES = ("step, one", "step, pool", "fit, one", "fit, pool")


class ThreadRow(NamedTuple):
    """The seconds of a step by who takes it with how many threads, on the idle and on
    the busy machine.
    """

    setting: Setting
    threads: int
    idle: dict[str, Timing]
    busy: dict[str, Timing]

    def lines(self) -> Iterator[str]:
        """A row for the idle machine and one for the busy one.

        Beside busy processes the scheduler decides anew each time, so the worst repeat
        of the pool is shown too.
        """
        for machine, timings in (("idle", self.idle), ("busy", self.busy)):
            figures = []
            for one, pool in (SIDES[:2], SIDES[2:]):
                a, b, worst = timings[one].median, timings[pool].median, max(timings[pool].seconds)
                figures.append(f"{a * 1e6:>11.0f}{b * 1e6:>9.0f}{b / a:>8.2f}{worst / a:>8.2f}")
            yield f"{self.setting.net_name:<21} {machine:<6}{''.join(figures)}"

    def as_json(self) -> dict[str, Any]:
        """Plain data, with every repeat."""
        both = {"idle": self.idle, "busy": self.busy}
        sides = {
            when: {name: timing.as_json() for name, timing in timings.items()}
            for when, timings in both.items()
        }
        return {"net": self.setting.net_name, "threads": self.threads, **sides}


HEAD = (
    f"{'':<28}{'a step':>11}{'':>25}{'a step in fit':>11}",
    f"{'':<21} {'':<6}" + f"{'1 thread':>11}{'pool':>9}{'ratio':>8}{'worst':>8}" * 2,
)


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_row(
    setting: Setting, threads: int, repeats: int, seconds: float, busy_repeats: int
) -> ThreadRow:
    """Measure idle, then busy; a busy process for each core runs beside the second."""
    idle = _measured(setting, threads, repeats, seconds)
    with busy_processes(usable_cores()):
        return ThreadRow(
            setting,
            threads,
            idle,
            _measured(setting, threads, busy_repeats, max(seconds, BUSY_SECONDS)),
        )


def _measured(setting: Setting, threads: int, repeats: int, seconds: float) -> dict[str, Timing]:
    """One side after the other, with a pause between them: in turns, a pool that still
    waits would disturb who comes next.
    """
    limit = partial(ThreadpoolController().limit, user_api="blas")
    step, inside = refnet_step(setting).step, refnet_fit(setting, setting.batches, 1).step
    timings: dict[str, Timing] = {}
    for name in SIDES:
        time.sleep(QUIET)
        with limit(limits=threads if name.endswith("pool") else 1), _undecided():
            timings[name] = alone(step if name.startswith("step") else inside, repeats, seconds)
    return {
        name: timing.over(setting.batches) if name.startswith("fit") else timing
        for name, timing in timings.items()
    }


@contextmanager
def _undecided() -> Iterator[None]:
    """No environment variable says how many threads there are to be, so that `fit`
    decides.
    """
    given = {name: os.environ.pop(name) for name in DECIDED if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(given)


@contextmanager
def busy_processes(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As many processes that do nothing but keep a core busy; they are ended when the
    block is left, however it is left.
    """
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            command = [sys.executable, "-c", BUSY, str(os.getpid())]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own code
            stack.callback(end, process)
            started.append(process)
        for process in started:
            if process.stdout is not None:
                process.stdout.readline()  # it runs from here on
        yield started


def end(process: "subprocess.Popen[bytes]") -> None:
    """End it now, whatever it does."""
    process.kill()
    process.communicate(timeout=10)
