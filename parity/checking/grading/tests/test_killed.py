"""A class, ended in the middle: no worker, no supervisor and no program is left, and it
says so in one sentence; by either pool.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import parity
from parity.checking.tests.test_nothing_is_left import (
    ADAPTER,
    LINUX,
    SIGNALS,
    WAITS,
    are_gone,
    is_alive,
)
from parity.tests.command import WITHOUT

HERE = Path(parity.__file__).parent.parent
JOBS = 2
LATE = 120  # seconds, after which a test that would wait for ever fails
# of each submission a file of its own, with the numbers of its processes
PROGRAM = ADAPTER.replace(
    "    shown = []\n", "    shown = []\n" + WAITS.replace('"pids', '__file__ + "-pids'), 1
)
POOLS = {
    "joblib": ["-m", "parity"],
    "the standard library": ["-c", WITHOUT, "joblib"],
}
needs_linux = pytest.mark.skipif(not LINUX, reason="elsewhere, what calls setsid lives on")
every_pool = pytest.mark.parametrize("pool", POOLS)


def started(folder, pool):
    """A class whose first programs wait, and all processes below it."""
    for number in range(4):
        (folder / f"net{number}.py").write_text(PROGRAM, encoding="utf-8")
    here = os.environ | {"PYTHONPATH": str(HERE), "TMPDIR": str(folder)}
    check = subprocess.Popen(
        [sys.executable, *POOLS[pool], "check", ".", "--jobs", str(JOBS), "--json", "all.json"],
        cwd=folder,
        env=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len([*folder.glob("*-pids")]) < JOBS:
        assert check.poll() is None, check.communicate()
        time.sleep(0.01)
    return check, [each for each in below(check.pid) if is_alive(each)]


def below(number):
    """The processes that descend from one, those that lost their parent included: a
    supervisor has them.
    """
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    generation, every = {number}, []
    while generation:
        generation = {each for each, parent in parents.items() if parent in generation}
        every += generation
    return every


@needs_linux
@every_pool
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_all_of_it(tmp_path, pool, name):
    """Of each worker: itself, the supervisor, the program, and what it has started."""
    check, processes = started(tmp_path, pool)
    assert len(processes) >= JOBS * 5
    check.send_signal(signal.Signals[name])
    out, err = check.communicate(timeout=LATE)
    assert (check.returncode, out, err) == (
        SIGNALS[name][0],
        "4 submissions in .\n",
        SIGNALS[name][1],
    )
    assert are_gone(processes)
    assert not (tmp_path / "all.json").exists()


@needs_linux
@every_pool
def test_ctrl_c_of_a_terminal_is_heard_by_all(tmp_path, pool):
    """Which sends it to the workers, too; they say nothing."""
    check, processes = started(tmp_path, pool)
    os.killpg(check.pid, signal.SIGINT)
    out, err = check.communicate(timeout=LATE)
    assert (check.returncode, out, err) == (130, "4 submissions in .\n", "parity: interrupted\n")
    assert are_gone(processes)
