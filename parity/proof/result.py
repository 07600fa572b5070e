"""A result: the verdict of a certificate on one array."""

from dataclasses import dataclass

import numpy as np

from parity.rounding.claim import CONVENTION, IMPRECISE, INACCURATE, PASSED, WRONG
from refnet.checks import place
from refnet.equations import EQUATIONS

NOT_JUDGED, NOT_SHOWN, WIRING = "not judged", "not shown", "wiring"
BROKEN = (WRONG, CONVENTION, INACCURATE)
_SAYS = {
    PASSED: "holds",
    CONVENTION: "follows another convention",
    INACCURATE: "uses an inaccurate formula",
    IMPRECISE: "is imprecise",
    NOT_JUDGED: "is not judged",
}


@dataclass(frozen=True)
class Result:
    """The verdict on one array, with the entry that uses most of what rounding allows:
    got, expected and allowed, and `used`, the share of `allowed`; above 1 is broken.

    `status` is "passed", "wrong", "convention" (right by another convention),
    "inaccurate formula" (right but for avoidable rounding), "imprecise" (within the
    worst case of rounding, but as a whole beyond what independent roundings do), "not
    judged" (rounding bounds say nothing here; `note` says why) or "not shown".
    `deviation` is the name under which PyTorch itself does what is wrong here;
    `factors` are the coarser ones that a product is made of.
    """

    equation: str  # a label of refnet.EQUATIONS, or "wiring"
    layer: int | None
    quantity: str
    entry: str
    used: float
    index: tuple[int, ...] = ()
    got: float | None = None
    expected: float | None = None
    allowed: float | None = None
    status: str = PASSED
    note: str = ""
    deviation: str = ""
    factors: str = ""

    @property
    def broken(self) -> bool:
        """Whether it is wrong, another convention, or an inaccurate formula."""
        return self.status in BROKEN

    @property
    def where(self) -> str:
        """BP4 (weight gradient) of layer 1."""
        name = f" ({EQUATIONS[self.equation].name})" if self.equation in EQUATIONS else ""
        return f"{self.equation}{name}" + ("" if self.layer is None else f" of layer {self.layer}")

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        if self.got is not None and self.status == WRONG:  # its note is the longest
            return f"{self.where} is wrong: {self.quantity}{self._entry}{note}"
        if self.got is not None:
            return f"{self.where} {_SAYS[self.status]}{note}: {self.quantity}{self._entry}"
        if self.broken:
            return f"{self.where}: {self.quantity} has {self.note}"
        return f"{self.where}: {self.quantity} is {self.status}{note}"

    @property
    def _entry(self) -> str:
        """The entry: its place, and the numbers got, expected and allowed."""
        at = f" at {place(self.index)}" if self.index else ""
        if not self.allowed:
            return f"{at} is {self.got!r}, expected exactly {self.expected!r}"
        words = f"{at} is {self.got!r}, expected {self.expected!r} within {self.allowed:.2g}"
        if not np.isfinite(self.used):
            return words
        share = f"{self.used:.3g} times" if self.used > 1.0 else f"{self.used:.2g} of"
        return f"{words}; it is off by {share} that"
