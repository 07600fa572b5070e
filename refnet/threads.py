"""Threads: how many of them the BLAS under NumPy gets while a network trains."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from refnet.network import Network

SMALL = 2**24  # multiply-adds of a product; below, a second thread gains a quarter on an idle machine, and costs 50-fold on a busy one
DECIDED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread_if_small(net: Network, rows: int) -> AbstractContextManager[Any]:
    """One BLAS thread within the block, where every product of a step on `rows` rows is small; the number before comes back after it.

    Left alone: a network with a larger product, an environment that says how many threads there are to be, and NumPy without
    threadpoolctl, the one library that can ask BLAS for a number.
    """
    largest = rows * max(layer.W.size for layer in net.layers)
    if largest >= SMALL or any(name in os.environ for name in DECIDED):
        return nullcontext()
    controller = _controller()
    return nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")


@cache
def _controller() -> Any:
    try:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - an optional library
    except ModuleNotFoundError:
        return None
    return ThreadpoolController()
