"""Arrays to tensors and back, always copied; PyTorch's threads and random numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from refnet.checks import Array


def to_tensor(array: Array | float | None) -> Tensor:
    """A copy as a tensor; a read-only array is accepted, which torch.from_numpy warns
    of.
    """
    return torch.tensor(np.ascontiguousarray(array))


def to_array(tensor: Tensor | None) -> Array:
    """A copy as an array; ValueError where autograd has left no gradient."""
    if tensor is None:  # some activation lets no gradient through, such as Heaviside
        raise ValueError(
            "torch: gradient is missing, expected a model that can be trained through every layer"
        )
    return tensor.detach().numpy().copy()


def to_vector(tensors: Sequence[Tensor]) -> Array:
    """Copies of all entries in one flat array."""
    return np.concatenate([t.detach().numpy().ravel() for t in tensors])


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """PyTorch's random generator from a seed while the block runs, and afterwards as it
    was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def threads() -> int:
    """How many threads PyTorch uses."""
    return torch.get_num_threads()
