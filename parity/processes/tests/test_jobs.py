"""Work that is shared: whatever shares it, the results are the same and in order; an
error arrives, a process that dies is said, and a backend of somebody's is used.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial

import joblib
import pytest
from joblib.parallel import ThreadingBackend

from parity.checking.grading.tests.classroom import RIGHT, handed_in, write
from parity.checking.grading.tests.test_killed import HERE, LATE, below, every_pool, needs_linux
from parity.checking.tests.test_nothing_is_left import SIGNALS, are_gone, is_alive
from parity.experiments.mutations.mechanical.mutant_score import mutant_score, spread
from parity.experiments.mutations.recovery_score import recovery_score
from parity.mistakes.catalogue.index import BY_ID
from parity.processes import pool
from parity.processes.cluster import backend
from parity.processes.jobs import in_order
from parity.processes.tests.working import (
    alone,
    answer,
    be_ended,
    be_interrupted,
    die,
    refuse,
    threads,
)
from parity.tests.command import MISSING
from parity.tests.command import run as parity

COUNT = 5
both_pools = pytest.mark.parametrize("standard", [False, True], ids=["joblib", "standard"])


def of(work, jobs, count=COUNT, most=None):
    with closing(in_order(work, range(count), jobs, most=most)) as answers:
        return [*answers]


@pytest.fixture
def _pool_is(standard, monkeypatch):
    """The pool of joblib, or that of the standard library."""
    if standard:
        monkeypatch.setattr(pool, "_pool", lambda processes: pool._of_the_standard_library)


@both_pools
@pytest.mark.usefixtures("_pool_is")
def test_the_answers_are_in_order_and_come_from_other_processes():
    """On one thread each; the environment is as before."""
    before = dict(os.environ)
    answers = of(answer, 2)
    assert [number for number, _, _ in answers] == [*range(COUNT)]
    assert os.getpid() not in {process for _, process, _ in answers}
    assert {*of(threads, 2)} == {("1", "1")}
    assert dict(os.environ) == before


def test_answers_that_come_late_are_waited_for(monkeypatch):
    """Where the last is done first, they still come in order."""

    def backwards(work, given, processes):
        yield from map(work, reversed(given))

    monkeypatch.setattr("parity.processes.jobs.mapped", backwards)
    assert [number for number, _, _ in of(answer, 2)] == [*range(COUNT)]


@both_pools
@pytest.mark.usefixtures("_pool_is")
def test_ctrl_c_is_left_to_the_parent():
    """A process that hears it, or that a terminal was closed, goes on."""
    assert of(be_interrupted, 2) == [*range(COUNT)]


def test_one_job_is_this_process():
    """And so are more, where there is work for one, or one alone is worth it."""
    for jobs, count, most in ((1, COUNT, 2), (2, 1, 2), (None, 1, 2), (2, 0, 2), (None, COUNT, 1)):
        answers = of(answer, jobs, count, most)
        assert [(number, process) for number, process, _ in answers] == [
            (number, os.getpid()) for number in range(count)
        ]


@both_pools
@pytest.mark.usefixtures("_pool_is")
def test_an_error_arrives_as_it_is():
    """With its own sentence."""
    with pytest.raises(ValueError, match=r"^number: has \d, expected another$"):
        of(refuse, 2)


@both_pools
@pytest.mark.usefixtures("_pool_is")
@pytest.mark.parametrize("work", [die, be_ended])
def test_a_process_that_dies_is_said(work):
    """Nobody waits for its answer."""
    with pytest.raises(ChildProcessError, match=r"^jobs: one of the processes has died or was"):
        of(work, 2)


def test_the_command_says_so_in_one_sentence(monkeypatch):
    """A process that died is no mistake of parity's, and no verdict."""
    monkeypatch.setattr("parity.experiments.mutations.mutation_score._measured", die)
    status, out, err = parity("bugs", "dW-negated", "db-negated", "--jobs", "2", "--quiet")
    assert (status, out) == (2, "")
    assert err == (
        "parity: jobs: one of the processes has died or was ended, expected all to last; where "
        "memory runs out, ask for fewer\n"
    )


# the long measurements: the same results; of soundness, its own tests show it


# entries that stand in few places, so that they take no time; a formula explains others
FEW = ("ignored-rows-in-the-mean", "pos-weight-in-the-cost-alone")
MEASURED = {
    "without the catalogue": partial(recovery_score, ("dW-negated", "db-zero")),
    "mutants": lambda jobs: mutant_score(spread()[:COUNT], jobs=jobs),
}


@pytest.mark.parametrize("what", MEASURED)
def test_the_results_are_the_same(what):
    """By one job and by two, to the last digit."""
    one, two = (MEASURED[what](jobs=jobs) for jobs in (1, 2))
    assert [*one.lines()] == [*two.lines()]
    assert json.dumps(one.as_json()) == json.dumps(two.as_json())


def test_the_command_prints_and_writes_the_same(tmp_path):
    """Byte for byte, with entries that are trained on digits."""
    printed, written = set(), set()
    for jobs in "12":
        file = tmp_path / f"{jobs}.json"
        printed.add(parity("bugs", *FEW, "--jobs", jobs, "--json", str(file)))
        written.add(file.read_bytes())
    assert len(printed) == len(written) == 1
    assert next(iter(printed))[0] == 0


@pytest.mark.parametrize(
    ("command", "numbers", "most"),
    [
        ("bugs", None, len(BY_ID) // 2),
        ("bugs dW-negated dW-zero dW-scaled", None, 1),
        ("bugs --jobs 3", 3, len(BY_ID) // 2),
        ("bugs --mutants --jobs 3", 3, None),
        ("bugs --without-catalogue --jobs 3", 3, None),
        ("soundness --jobs 3", 3, None),
    ],
)
def test_every_long_command_passes_the_number_on(command, numbers, most, monkeypatch):
    """What is not said is None: one for each core, or as many as are worth it."""
    seen = []

    def stop(work, given, jobs, *, most=None):
        seen.append((jobs, most))
        raise KeyboardInterrupt

    for name in ("mutation_score", "recovery_score", "mechanical.mutant_score"):
        monkeypatch.setattr(f"parity.experiments.mutations.{name}.in_order", stop)
    monkeypatch.setattr("parity.experiments.soundness.in_order", stop)
    assert parity(*command.split())[0] == 130
    assert seen == [(numbers, most)]


# Ctrl-C

WAITING = """
from parity import cli
from parity.experiments.mutations import mutation_score
from parity.experiments.mutations.mechanical.mutant_score import mutant_score, spread
from parity.experiments.mutations.recovery_score import recovery_score
from parity.processes.tests.working import wait
mutation_score._measured = wait
sys.exit(cli.main(["bugs", "dW-negated", "db-negated", "dW-zero", "--jobs", "2"]))
"""


@needs_linux
@every_pool
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_all_of_it(tmp_path, pool, name):
    """In the middle of the work; Ctrl-C is heard by all, and only one speaks."""
    code = f"import sys\n{MISSING if 'standard' in pool else ''}{WAITING}"
    command = subprocess.Popen(
        [sys.executable, "-c", code, "joblib"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len([*tmp_path.glob("*-pid")]) < 2:
        assert command.poll() is None, command.communicate()
        time.sleep(0.01)
    processes = [each for each in below(command.pid) if is_alive(each)]
    assert {int(file.name.removesuffix("-pid")) for file in tmp_path.glob("*-pid")} <= {*processes}
    os.killpg(command.pid, signal.Signals[name])
    _, err = command.communicate(timeout=LATE)
    assert (command.returncode, err) == SIGNALS[name]
    assert are_gone(processes)


# a backend of somebody's


class Cluster(ThreadingBackend):
    """A backend of joblib that stands for one on other machines."""

    seen = 0

    def configure(self, n_jobs=1, parallel=None, **options):
        Cluster.seen += 1
        return super().configure(n_jobs, parallel, **options)

    def effective_n_jobs(self, n_jobs):
        return 3


@pytest.fixture
def cluster():
    """It is set, as joblib.parallel_config(backend="dask") sets Dask's."""
    joblib.register_parallel_backend("cluster", Cluster)
    Cluster.seen = 0
    with joblib.parallel_config(backend="cluster"):
        yield Cluster
    joblib.parallel.BACKENDS.pop("cluster")


@pytest.mark.parametrize("jobs", [None, 2])
def test_a_backend_that_is_set_is_used(cluster, jobs):
    """In order as ever, one piece at a time in a process; one job stays here."""
    answers = of(answer, jobs)
    assert [number for number, _, _ in answers] == [*range(COUNT)]
    assert all(thread != threading.main_thread().name for _, _, thread in answers)
    assert cluster.seen == 1
    assert of(alone, jobs) == [True] * COUNT
    assert [thread for _, _, thread in of(answer, 1)] == ["MainThread"] * COUNT
    assert cluster.seen == 2


def test_a_backend_that_gives_lists_is_used(cluster, monkeypatch):
    """Some cannot give one answer after the other."""
    monkeypatch.setattr(Cluster, "supports_return_generator", False)
    assert [number for number, _, _ in of(answer, None)] == [*range(COUNT)]
    assert cluster.seen == 1


def test_an_error_arrives_from_a_backend(cluster):
    """As it is."""
    with pytest.raises(ValueError, match=r"^number: has \d, expected another$"):
        of(refuse, None)


def test_a_class_is_checked_by_a_backend(cluster, tmp_path):
    """Each submission where the backend has its processes."""
    write(tmp_path, [handed_in(f"{name}.py", kind) for name, kind in list(RIGHT.items())[:2]])
    assert parity("check", str(tmp_path), "--quiet")[:2] == (0, "2 of 2 are right\n")
    assert cluster.seen == 1


def test_joblib_s_own_processes_are_ours():
    """They are no backend of somebody's: here they end in good order."""
    assert backend() is None
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert backend() is None
    with joblib.parallel_config(backend="threading"):
        assert backend() is joblib


@pytest.mark.parametrize("version", ["none", "old"])
def test_without_joblib_there_is_no_backend(version, monkeypatch):
    """Nor with one that knows no parallel_config."""
    if version == "old":
        monkeypatch.delattr(joblib, "parallel_config")
    else:
        monkeypatch.setitem(sys.modules, "joblib", None)
    assert backend() is None
