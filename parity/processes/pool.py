"""Processes that work side by side: those of joblib, where it is installed, or else
those of the standard library. They are ended in every case, and what they have started.
"""

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeAlias

from parity.processes.worker import HEARD, OURS, PATIENCE, SAFE, begin, do

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
TRACKER = "multiprocessing.resource_tracker"  # tidies up where nobody else can
SILENCE = "ignore:resource_tracker:UserWarning"
OLDEST = (1, 5)  # of joblib, in which a process can be told what to do first

Work: TypeAlias = Callable[[Any], Any]
Pool: TypeAlias = Callable[[Work, Iterator[Any], int], Iterator[Any]]


def mapped(work: Work, given: Sequence[Any], processes: int) -> Generator[Any, None, None]:
    """What the work makes of each that is given, as it is done, by so many processes
    besides this one; by this one, where that is none. None where one was told to stop.

    Close it: that ends the processes. Errors: BrokenProcessPool where one has died.
    """
    if not processes:
        yield from map(work, given)
        return
    before = {*multiprocessing.active_children()}
    answers: SimpleQueue[Any] = SimpleQueue()
    stop = Event()
    # in a thread, so that a signal to this process does not reach the inside of a pool
    thread = Thread(target=_feed, args=(work, given, processes, answers, stop), daemon=True)
    thread.start()
    try:
        while not isinstance(answer := answers.get(), _Over):
            yield answer
        if answer.error is not None:
            raise answer.error
    finally:
        stop.set()
        _end(thread, before)


class _Over:
    """The end of all answers, and what broke them off."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _feed(
    work: Work, given: Sequence[Any], processes: int, answers: "SimpleQueue[Any]", stop: Event
) -> None:
    error: BaseException | None = None
    try:
        with _environment({SAFE: os.environ.get(SAFE) or OURS, **ONE_THREAD}):
            for answer in _pool(processes)(work, _until(stop, given), processes):
                answers.put(answer)
    except BaseException as raised:  # noqa: BLE001 - it is raised where answers are read
        error = raised
    answers.put(_Over(error))


def _until(stop: Event, given: Sequence[Any]) -> Iterator[Any]:
    """What is given, as long as it is wanted."""
    for each in given:
        if stop.is_set():
            return
        yield each


def _end(thread: Thread, before: set[Any]) -> None:
    """Let the processes end their work, and then end themselves."""
    late = time.monotonic() + PATIENCE
    while thread.is_alive() and time.monotonic() < late:
        for each in {*multiprocessing.active_children()} - before:
            each.terminate()
        thread.join(0.1)
    for each in {*multiprocessing.active_children()} - before:
        each.kill()
        each.join()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """What processes have that start in this block."""
    kept = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(kept)


def _pool(processes: int) -> Pool:
    """The processes of joblib, or else of the standard library; one alone is its, for
    joblib would not start it.
    """
    if processes == 1:
        return _of_the_standard_library
    try:
        joblib = import_module("joblib")
    except ModuleNotFoundError:
        return _of_the_standard_library
    version = tuple(map(int, re.findall(r"\d+", joblib.__version__)[:2]))
    return partial(_of_joblib, joblib) if version >= OLDEST else _of_the_standard_library


def _of_joblib(joblib: Any, work: Work, given: Iterator[Any], processes: int) -> Iterator[Any]:
    loky = import_module("joblib.externals.loky")
    _block(TRACKER, "joblib.externals.loky.backend.resource_tracker")
    parallel = joblib.Parallel(
        processes,
        backend="loky",
        return_as="generator_unordered",
        batch_size=1,
        max_nbytes=None,
        initializer=begin,
        initargs=(os.getpid(),),
    )
    try:
        yield from parallel(joblib.delayed(do)(work, each) for each in given)
    finally:
        loky.get_reusable_executor().shutdown()


def _of_the_standard_library(work: Work, given: Iterator[Any], processes: int) -> Iterator[Any]:
    _block(TRACKER)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, begin, (os.getpid(),)) as pool:
        for future in as_completed([pool.submit(do, work, each) for each in given]):
            yield future.result()


def _block(*trackers: str) -> None:
    """Let processes that this thread starts hear no signal until they are ready: on
    their way there, one would be a traceback. Those that tidy up behind a pool come
    first, for when one starts, signals are let through again; and it tidies in silence.
    """
    if os.name == "posix":
        before = [os.environ["PYTHONWARNINGS"]] if "PYTHONWARNINGS" in os.environ else []
        with _environment({"PYTHONWARNINGS": ",".join([*before, SILENCE])}):
            for each in trackers:
                signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
                import_module(each).ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
