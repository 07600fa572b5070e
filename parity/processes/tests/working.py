"""Pieces of work for other processes, which import them from here."""

import os
import signal
import threading
import time
from pathlib import Path

from parity.processes.worker import LEFT


def answer(number):
    """The number, and where that came about."""
    return number, os.getpid(), threading.current_thread().name


def refuse(number):
    raise ValueError(f"number: has {number}, expected another")


def die(number, **options):
    os._exit(1)


def be_ended(number):
    os.kill(os.getpid(), signal.SIGTERM)
    return number


def be_interrupted(number):
    try:
        for each in LEFT:
            signal.raise_signal(each)
    except KeyboardInterrupt:  # which would end the tests
        return "heard"
    return number


def threads(number):
    """How many threads NumPy's products have here."""
    return os.environ.get("OPENBLAS_NUM_THREADS"), os.environ.get("OMP_NUM_THREADS")


def wait(name, **options):
    """Write the number of this process, and wait."""
    Path(f"{os.getpid()}-pid").touch()
    time.sleep(1000)


BUSY = threading.Semaphore()


def alone(number):
    """Whether nobody else is at work in this process."""
    if not BUSY.acquire(blocking=False):
        return False
    time.sleep(0.01)
    BUSY.release()
    return True
