"""Two threads on wide layers: each side with a pool of two, in a process of its own.

XLA makes its pool once, so the process in which JAX has one thread cannot give it two.
In turns, a pool that still waits for work would disturb who comes next: there is a
pause between two sides.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.setting import Setting
from parity.bench.tables.steps import StepRow, choose, judged_as, judgements
from parity.bench.tables.threads import QUIET, end, usable_cores
from parity.bench.timing import LEAST_CORES, MOST_CORES, Timing, interleaved
from parity.screen import blas
from refnet.fast.threads import DECIDED

THREADS = 2
TITLE = (
    "Two threads on wide layers, microseconds: each side has a pool of two, in a process that",
    f"starts with two; in turns, after pauses of {QUIET} s in which the pool before falls asleep",
)


@dataclass
class Wide:
    """The rows with two threads, how many threads the pools say they have, why there is
    no table where there is none, and whether the process ended too early.
    """

    rows: list[StepRow] = field(default_factory=list)
    pools: dict[str, str] = field(default_factory=dict)
    left_out: str = ""
    ended: str = ""

    def warnings(self) -> Iterator[str]:
        """Pools that are not what they should be, and rows that are not there."""
        for name, threads in self.pools.items():
            if threads != str(THREADS):
                yield f"{name} was asked for {THREADS} threads and says {threads}"
        for row in self.rows:
            title, used = max(row.busy(), key=lambda entry: entry[1])
            if used > THREADS * MOST_CORES:
                yield f"{title} used {used:.2f} cores, expected {THREADS} threads"
            if used < THREADS * LEAST_CORES:
                yield (
                    f"the machine was not idle: pools of {THREADS} threads had to share its cores; "
                    f"{title} had the most, {used:.2f}"
                )
        if self.ended:
            yield self.ended

    def as_json(self) -> dict[str, Any]:
        """Plain data, with every repeat."""
        rows = [row.as_json() for row in self.rows]
        return {
            "threads": THREADS,
            "pools": self.pools,
            "steps": rows,
            "left_out": self.left_out,
        }


def left_out() -> str:
    """Why two threads cannot be measured here; "" where they can."""
    if usable_cores() >= THREADS:
        return ""
    return "Two threads on wide layers: left out, for a second thread has no core here"


def measure(
    wide: Wide, settings: Sequence[Setting], repeats: int, seconds: float
) -> Iterator[StepRow]:
    """The rows, each as soon as it is measured, in a process that is started for them.

    They are judged when it has ended: that would disturb it.
    """
    plan = {"settings": [*map(asdict, settings)], "repeats": repeats, "seconds": seconds}
    with _process(plan) as lines:
        wide.pools = next(lines, {})
        for setting, given in zip(settings, lines, strict=False):
            wide.rows.append(_row(setting, given))
            yield wide.rows[-1]
    if len(wide.rows) < len(settings):
        done = f"{len(wide.rows)} of {len(settings)} rows"
        wide.ended = f"the process that measures two threads ended after {done}"
    wide.rows = [
        replace(row, judged=judgements(row.setting, [*row.timings], row.forms)) for row in wide.rows
    ]


def _row(setting: Setting, given: dict[str, Any]) -> StepRow:
    """The row of what the other process measured."""
    timings = {
        name: Timing(tuple(each["seconds"]), each["calls"], each["cores"])
        for name, each in given["sides"].items()
    }
    forms = tuple(given["floor_forms"])
    return StepRow(setting, timings, given["forms"], forms, {}, judged_as(setting).net_name)


@contextmanager
def _process(given: dict[str, Any]) -> Iterator[Iterator[Any]]:
    """What another process writes, which starts with two threads wherever a pool takes
    their number from the environment; it is ended when the block is left.
    """
    # it imports what this one imports, and nothing from the working folder
    found_in = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"}
    environment = {**os.environ, **dict.fromkeys(DECIDED, str(THREADS)), **found_in}
    command = [sys.executable, "-m", __name__, json.dumps(given)]
    process = subprocess.Popen(  # noqa: S603 - our own code
        command, stdout=subprocess.PIPE, env=environment
    )
    try:
        yield map(json.loads, process.stdout or ())
    finally:
        end(process)


def main(settings: list[dict[str, Any]], repeats: int, seconds: float) -> Iterator[dict[str, Any]]:
    """In the other process: the threads of the pools, then a row for each setting."""
    jax_side.jax(THREADS)
    yield {
        "NumPy's BLAS": blas()["blas_threads"],
        "PyTorch": str(torch_side.use_threads(THREADS)),
    }
    for given in settings:
        chosen = choose(Setting(**{**given, "sizes": tuple(given["sizes"])}), seconds)
        timings = interleaved(chosen.calls, repeats, seconds, pause=QUIET)
        sides = {name: timing.as_json() for name, timing in timings.items()}
        yield {"sides": sides, "forms": chosen.forms, "floor_forms": chosen.floor_forms}


if __name__ == "__main__":
    for line in main(**json.loads(sys.argv[1])):
        print(json.dumps(line), flush=True)
