"""A map over several processes, or over this one alone."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@contextmanager
def mapping(workers: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """The map of this process, or of a pool of processes of one thread each, which
    leave Ctrl-C to this one.
    """
    if workers <= 1:
        yield map
        return
    before = {name: os.environ[name] for name in ONE_THREAD if name in os.environ}
    # a process reads it when it starts, before anything else can limit its threads
    os.environ.update(ONE_THREAD)
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        signal.signal,
        (signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        for name in ONE_THREAD:
            os.environ.pop(name)
        os.environ.update(before)
