"""What became of each mistake of the catalogue, as a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.experiments.mutations.broken_training import Accuracies
from parity.experiments.mutations.other_checks import CLOSE
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.steps.cases import DTYPES

A_POINT = 0.01  # of accuracy: a broken network that is this near learns as well


@dataclass(frozen=True)
class Site:
    """A mistake in one layer of one probe: the equation that is broken first, its
    share, and which others noticed.
    """

    probe: str
    layer: int
    dtype: str
    equation: str  # "" where no equation is broken
    used: float
    noticed: tuple[str, ...]


@dataclass(frozen=True)
class MistakeScore:
    """What became of one mistake."""

    mistake: Mistake
    sites: tuple[Site, ...]
    # the share of probes in which the check fails; None where there is nothing to check
    gradient_check: float | None
    # the diagnosis where it stands in every layer, then what cannot be told from it
    diagnosis: tuple[str, ...]
    digits: Accuracies

    @property
    def caught(self) -> int:
        """At how many sites an equation is broken."""
        return sum(bool(site.equation) for site in self.sites)

    @property
    def passed(self) -> bool:
        """Whether it is caught wherever it makes a difference, in both dtypes, and
        diagnosed as itself or as what cannot be told from it.
        """
        dtypes = {site.dtype for site in self.sites}
        return (
            dtypes == set(DTYPES)
            and self.caught == len(self.sites)
            and self.mistake.id in self.diagnosis
        )

    def share(self, tool: str) -> float:
        """The share of the sites at which a tool notices."""
        return sum(tool in site.noticed for site in self.sites) / max(len(self.sites), 1)

    @property
    def equations(self) -> tuple[str, ...]:
        """The equations that catch it, the most frequent first."""
        labels = [site.equation for site in self.sites if site.equation]
        return tuple(sorted(dict.fromkeys(labels), key=lambda label: -labels.count(label)))

    @property
    def bounds(self) -> float:
        """How many times its bound the error is, the median over the float64 sites."""
        used = [site.used for site in self.sites if site.dtype == "float64" and site.equation]
        return float(np.median(used)) if used else 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "id": self.mistake.id,
            "verdict": self.mistake.verdict,
            "sites": len(self.sites),
            "caught": self.caught,
            "equations": list(self.equations),
            "bounds": self.bounds if np.isfinite(self.bounds) else None,
            **{tool: self.share(tool) for tool in CLOSE},
            "gradient check": self.gradient_check,
            "diagnosis": list(self.diagnosis),
            "digits": self.digits.broken,
            "digits, right": self.digits.right,
        }

    def __str__(self) -> str:
        shares = "".join(f"{share:>9.0%}" for share in map(self.share, CLOSE))
        check = "-" if self.gradient_check is None else f"{self.gradient_check:.0%}"
        broken, right = self.digits
        digits = "" if broken is None else f"{broken:>8.1%} of {right:.1%}"
        bounds = "no number" if np.isinf(self.bounds) else f"{self.bounds:.1e}"
        kind = " (convention)" if self.mistake.verdict == CONVENTION else ""
        caught = f"{self.caught}/{len(self.sites)}"
        return (
            f"{self.mistake.id + kind:<50}{caught:>9}  "
            f"{' '.join(self.equations):<10}{bounds:>10}{shares}{check:>9}{digits}"
        )


@dataclass(frozen=True)
class MutationReport:
    """The score of the whole catalogue, and of correct code."""

    rows: tuple[MistakeScore, ...]
    accused: tuple[str, ...]  # right runs that were called wrong

    @property
    def passed(self) -> bool:
        """Whether every mistake was caught and named, and nothing right was accused."""
        return not self.accused and all(row.passed for row in self.rows)

    @property
    def verdict(self) -> str:
        """The last line."""
        sites, caught = (
            sum(len(row.sites) for row in self.rows),
            sum(row.caught for row in self.rows),
        )
        named = sum(row.mistake.id in row.diagnosis[:1] for row in self.rows)
        others = ", ".join(f"{tool} {self._mean(tool):.1%}" for tool in CLOSE)
        checks = [row.gradient_check for row in self.rows if row.gradient_check is not None] or [
            np.nan
        ]
        conventions = sum(row.mistake.verdict == CONVENTION for row in self.rows)
        mistakes = len(self.rows) - conventions
        count = f"{mistakes} mistake{'s' if mistakes != 1 else ''}"
        if conventions:
            count += f" and {conventions} convention{'s' if conventions != 1 else ''}"
        score = (
            f"{count}, {caught:,} of {sites:,} sites caught ({caught / max(sites, 1):.1%}), "
            f"{named} named first"
        )
        right = f"{len(self.accused)} right runs accused"
        return f"{score}; {others}, gradient check {np.mean(checks):.1%}; {self.learning}; {right}"

    @property
    def learning(self) -> str:
        """How many of the broken networks learn all the same, conventions apart."""
        pairs = [
            (row.digits.broken, row.digits.right)
            for row in self.rows
            if row.digits.broken is not None
            and row.digits.right is not None
            and row.mistake.verdict != CONVENTION
        ]
        silent = sum(broken >= right - A_POINT for broken, right in pairs)
        return (
            f"{silent} of {len(pairs)} broken networks label digits as well as the right one, "
            f"or within a point of it"
        )

    def _mean(self, tool: str) -> float:
        return float(np.mean([row.share(tool) for row in self.rows]))

    def lines(self) -> Iterator[str]:
        """The verdict, the table, and what is wrong with it."""
        yield self.verdict
        heads = "".join(f"{tool.split()[-1].split('.')[-1][:8]:>9}" for tool in CLOSE)
        yield f"{'':<50}{'caught':>9}  {'by':<10}{'bounds':>10}{heads}{'gradient':>9}{'digits':>8}"
        for label in dict.fromkeys(row.mistake.equation for row in self.rows):
            yield from (str(row) for row in self.rows if row.mistake.equation == label)
        yield from (
            f"NOT CAUGHT OR NAMED: {row.mistake.id}, diagnosed as {row.diagnosis}"
            for row in self.rows
            if not row.passed
        )
        yield from (f"ACCUSED: {name}" for name in self.accused)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"rows": [row.as_json() for row in self.rows], "accused": list(self.accused)}
