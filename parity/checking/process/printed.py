"""What gets lost when arrays are printed: digits, and what an array held before it was
overwritten. What lost it would be called wrong, though the program may be right.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from parity.checking.program.given import Array, GivenTask
from parity.checking.program.outcome import Key
from parity.checking.program.reading import KEYS

# Where so many numbers with a fraction have no more digits than that, they have been
# rounded. Of doubles that are printed as shortly as can be read back, one in a hundred
# has fewer than 15, and so on; of floats so with 7.
ENOUGH = 10
ROUNDED = {"float64": 12, "float32": 5}
FULL = {"float64": "17", "float32": "9"}
# what has all digits in every right program; a gradient may be 0.2 in all entries
ALL_DIGITS = ("output", "z", "a", "W", "b")
MANTISSA = re.compile(rb"[-+]?(\d*)\.(\d+)")


class Lost(NamedTuple):
    """Quantities that cannot be judged, and what is said of them."""

    names: tuple[str, ...]
    got: str
    expected: str
    advice: str = ""


class Printed:
    """The digits with which each quantity of a task is printed."""

    def __init__(self, task: GivenTask) -> None:
        self._task = task
        self._fractions, self._digits = Counter[str](), Counter[str]()

    def hear(self, name: str, words: Sequence[bytes]) -> None:
        """Take down the digits of a line of numbers."""
        for word in words:
            if match := MANTISSA.match(word):
                digits = len(b"".join(match.groups()).strip(b"0"))
                self._fractions[name] += digits > 0
                self._digits[name] = max(self._digits[name], digits)

    def lost(self, arrays: Mapping[Key, Array]) -> Iterator[Lost]:
        """What has been rounded, and what has been overwritten."""
        few, full = ROUNDED[self._task.dtype], FULL[self._task.dtype]
        short = [name for name in KEYS if 0 < self._digits[name] <= few]
        if any(self._fractions[name] >= ENOUGH for name in short if name in ALL_DIGITS):
            most = max(self._digits[name] for name in short)
            yield Lost(
                (*short,),
                f"{', '.join(short)} printed with {most} digits at most",
                f"{full} digits, as %.{full}g prints, or all that tell a number from the next",
            )
        for name, given in (("W", self._task.W), ("b", self._task.b)):
            if self._is_overwritten(name, given, arrays):
                yield Lost(
                    (name,),
                    f"{name} is the same after every step, that of the last",
                    "what it is after its own step",
                    "print each step before the next is taken, or keep a copy",
                )

    def _is_overwritten(
        self, name: str, given: Sequence[Array], arrays: Mapping[Key, Array]
    ) -> bool:
        steps = range(len(self._task.steps))
        series = [
            [arrays[step, name, layer] for step in steps]
            for layer in range(1, len(given) + 1)
            if all((step, name, layer) in arrays for step in steps)
        ]
        stay = all(np.array_equal(one[0], each) for one in series for each in one)
        starts = [start.ravel() for start in given]
        moved = any(
            not any(np.array_equal(one[0].ravel(), start) for start in starts) for one in series
        )
        return len(steps) > 1 and stay and moved
