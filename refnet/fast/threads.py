"""Threads: how many of them the BLAS under NumPy gets while a network trains."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any

from refnet.network import Network

# multiply-adds of a product. Measured on two cores: below, a second thread saves a
# third at most on an idle machine, and costs more than that on a busy one.
SMALL = 2**24
# where one of these is set, the user has decided
DECIDED = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


_held = Lock()


@contextmanager
def one_thread_if_small(net: Network, rows: int) -> Iterator[None]:
    """One BLAS thread within the block, where every product of a step on `rows` rows is
    small.

    Nothing changes where a product is larger, where the environment sets the number of
    threads, or without threadpoolctl, which alone can set it in a running process. The
    number holds for the whole process: of several trainings at a time only the first
    sets it, and restores the old one.
    """
    largest = rows * max(layer.W.size for layer in net.layers)
    if (
        largest >= SMALL
        or any(os.environ.get(name) for name in DECIDED)
        or _controller() is None
        or not _held.acquire(blocking=False)
    ):
        yield
        return
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _held.release()


@cache
def _controller() -> Any:
    try:
        return import_module("threadpoolctl").ThreadpoolController()
    except (ModuleNotFoundError, AttributeError):  # not installed, or older than version 3
        return None
