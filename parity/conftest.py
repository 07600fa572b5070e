"""One thread for BLAS and PyTorch, and hypothesis without a clock: the machine may be
busy.

Every run draws the same examples, so that none fails by chance. To look for new ones:
HYPOTHESIS_PROFILE=explore python -m pytest.
"""

import gc
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import none
from threadpoolctl import threadpool_limits

settings.register_profile("default", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Two pools of threads on two cores slow each other down."""
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(autouse=True, scope="session")
def _imports_are_no_garbage():
    """What PyTorch and the others left in memory when they were imported is not gone
    through again and again in search of garbage.
    """
    # hypothesis asks who holds its random generator, and does not see what is frozen: a
    # first example makes the two acquainted before
    given(none())(lambda _: None)()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def trained():
    """Three epochs of the main job: 102 free-running steps of plain gradient descent,
    compared from equal weights in the first 10.
    """
    from parity.experiments.job import digits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "GROWTH", 10)
        return digits.train(seed=0, epochs=3)
