"""One thread for BLAS and PyTorch, and hypothesis without a clock: the machine may be busy. In CI every run draws the same examples."""

import os

import pytest
import torch
from hypothesis import settings
from threadpoolctl import threadpool_limits

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Two pools of threads on two cores slow each other down."""
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        yield
