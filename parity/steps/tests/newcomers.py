"""What a new activation, loss or optimizer of refnet still lacks in a room of the
proof, in a sentence that names the file.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from refnet.losses import Loss


def lacking(file: str, table: str, keys: Iterable[str], kinds: Mapping[str, type]) -> list[str]:
    """A sentence for each kind without a key in the table, and for each key without a
    kind.
    """
    keys = set(keys)
    missing = [
        f"{file}: {table} has no entry for {kind.__name__} ({name!r})"
        for name, kind in kinds.items()
        if name not in keys
    ]
    surplus = [
        f"{file}: {table} has {key!r}, which refnet does not have" for key in keys - set(kinds)
    ]
    return missing + surplus


def averages_over_outputs(loss: Loss) -> bool:
    """Whether C over three outputs is nearer to the mean of the losses of each than to
    their sum.
    """
    rng = np.random.default_rng(0)
    a, y = rng.uniform(0.1, 0.9, (2, 4, 3))
    ones = [loss.value(a[:, [j]], y[:, [j]]) for j in range(3)]
    whole = loss.value(a, y)
    return bool(abs(whole - np.mean(ones)) < abs(whole - np.sum(ones)))


def trainable(kinds: Mapping[str, type]) -> dict[str, type]:
    """The activations that a gradient comes back through."""
    return {name: kind for name, kind in kinds.items() if kind.trainable}


class Consulted(dict):
    """Entries by name, and the names that were asked for."""

    def __init__(self, entries):
        super().__init__(entries)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)
