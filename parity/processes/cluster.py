"""The processes of a backend that somebody has set with joblib.parallel_config: of
Dask, of Ray, of Spark. Where they run is that backend's affair.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from threading import RLock
from typing import Any

# a process of a cluster may have several threads, and PyTorch one state of its random
# numbers for all of them
ONE_AT_A_TIME = RLock()


def backend() -> Any:
    """joblib, where a backend is set that is not its own pool of processes; or None."""
    try:
        joblib = import_module("joblib")
    except ModuleNotFoundError:
        return None
    if not hasattr(joblib, "parallel_config"):  # before 1.3
        return None
    active, _ = joblib.parallel.get_active_backend()
    return None if isinstance(active, joblib.parallel.LokyBackend) else joblib


def spread(
    joblib: Any, work: Callable[[Any], Any], given: Sequence[Any], jobs: int | None
) -> Generator[Any, None, None]:
    """What the work makes of each that is given, in some order, by the backend that is
    set; by so many jobs at once, or as many as that has.
    """
    active, _ = joblib.parallel.get_active_backend()
    returned = "generator_unordered" if active.supports_return_generator else "list"
    parallel = joblib.Parallel(jobs, return_as=returned, batch_size=1)
    yield from parallel(joblib.delayed(partial(do, work))(each) for each in given)


def do(work: Callable[[Any], Any], given: Any) -> Any:
    """A piece of work on one thread of a process."""
    with ONE_AT_A_TIME, _one_blas_thread():
        return work(given)


def _one_blas_thread() -> Any:
    """The bits of a product may depend on the number of threads."""
    try:
        return import_module("threadpoolctl").threadpool_limits(limits=1)
    except ModuleNotFoundError:
        return nullcontext()
