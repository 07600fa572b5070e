"""PyTorch's random numbers on the CPU, drawn without PyTorch.

torch.manual_seed(s) starts the Mersenne Twister from the low 32 bits of s, as NumPy's
RandomState does, whose numbers no release of NumPy changes (NEP 19).
"""

from typing import Any

import numpy as np

from refnet.checks import Array


class TorchGenerator:
    """What Tensor.uniform_ draws, call by call, after torch.manual_seed(seed):

        k = the low 24 bits of one 32-bit draw                          (float32)
        k = the low 53 bits of two, of which the first is the high half (float64)
        x = k / 2^24 or k / 2^53
        number = x (high - low) + low

    `fused`: product and sum are rounded once, together; else each is rounded.

    Source: PyTorch 2.13, ATen/core/MT19937RNGEngine.h and TransformationHelper.h
        (uniform_real); Matsumoto and Nishimura, Mersenne Twister (1998).
    """

    def __init__(self, seed: int, dtype: "np.dtype[Any]", *, fused: bool) -> None:
        self._twister = np.random.RandomState(seed % 2**32)
        self._dtype = dtype
        self._fused = fused

    def uniform(self, low: float, high: float, shape: int | tuple[int, ...]) -> Array:
        """Numbers in [low, high), where low = -high as in torch.nn.Linear."""
        if low != -high:
            raise ValueError(f"TorchGenerator: low has {low}, expected -high, {-high}")
        bound, x = self._dtype.type(high), self._fractions(int(np.prod(shape)))
        # x 2b - b = b (2x - 1), where 2x - 1 is exact: this product is rounded once, as
        # the fused multiply-add is
        numbers = bound * (2 * x - 1) if self._fused else x * (2 * bound) - bound
        return numbers.reshape(shape)

    def _fractions(self, count: int) -> Array:
        """As many x in [0, 1)."""
        if self._dtype == np.float32:
            return (self._draws(count) & (2**24 - 1)).astype(np.float32) / 2**24
        first, second = self._draws(2 * count).astype(np.uint64).reshape(count, 2).T
        return ((first << 32 | second) & (2**53 - 1)).astype(np.float64) / 2**53

    def _draws(self, count: int) -> Array:
        return self._twister.randint(0, 2**32, count, dtype=np.uint32)
