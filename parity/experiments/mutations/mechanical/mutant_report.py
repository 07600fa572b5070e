"""What became of each mutant, and the shares of all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from parity.experiments.mutations.explained import Explained

SHOWINGS = {
    "everything": ("z", "a", "loss", "delta", "dW", "db", "W", "b"),
    "gradients and weights": ("dW", "db", "W", "b"),
}
# what sets a mutant apart
RAISES = "raise, or show arrays of other shapes"
NO_NUMBERS = "show what is no number"
EQUAL = "change nothing beyond rounding"
ONE_FAMILY = "change only runs to learn from, or only unseen ones"
CONVENTIONAL = "follow other conventions, rightly"


@dataclass(frozen=True)
class Row:
    """A mutant with one showing: set `apart`, or what the search came to."""

    name: str
    showing: str
    apart: str = ""
    result: Explained | None = None


@dataclass(frozen=True)
class MutantReport:
    """Every mutant with every showing."""

    rows: tuple[Row, ...]

    def measured(self, showing: str) -> list[tuple[Row, Explained]]:
        """The mutants that are wrong as far as this is shown."""
        return [
            (row, row.result)
            for row in self.rows
            if row.showing == showing and row.result is not None and not row.apart
        ]

    def counts(self, showing: str) -> dict[str, int]:
        """How many there are, and are caught, explained, and rightly so."""
        results = [result for _, result in self.measured(showing)]
        return {
            "mutants": len(results),
            "caught": sum(each.caught for each in results),
            "explained": sum(each.wholly for each in results),
            "rightly": sum(each.rightly for each in results),
        }

    def apart(self, showing: str) -> Counter[str]:
        """How many are set apart, by what sets them apart."""
        return Counter(row.apart for row in self.rows if row.showing == showing and row.apart)

    @property
    def passed(self) -> bool:
        """Whether every mutant was caught."""
        counts = [self.counts(showing) for showing in SHOWINGS]
        return all(each["mutants"] and each["caught"] == each["mutants"] for each in counts)

    @property
    def verdict(self) -> str:
        """The last line: what is rightly explained comes first."""
        return "; ".join(map(self._score, SHOWINGS))

    def _score(self, showing: str) -> str:
        n, caught, wholly, rightly = self.counts(showing).values()
        return (
            f"{showing} shown: {rightly} of {n} mutants rightly explained "
            f"({rightly / max(n, 1):.1%}), {wholly} explained, {caught} caught"
        )

    def lines(self, *, verbose: bool = False) -> Iterator[str]:
        """The verdict, what is set apart, and what was said instead of what is right;
        where it is `verbose`, what was said of each.
        """
        yield self.verdict
        for showing in SHOWINGS:
            yield f"{showing} shown"
            yield from (f"  {count:>5} {what}" for what, count in self.apart(showing).items())
            for row, result in self.measured(showing):
                if verbose or not result.rightly:
                    yield from _lines(row.name, result)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "counts": {showing: self.counts(showing) for showing in SHOWINGS},
            "apart": {showing: dict(self.apart(showing)) for showing in SHOWINGS},
            "rows": [
                {"name": row.name, "showing": row.showing, **result.as_json()}
                for showing in SHOWINGS
                for row, result in self.measured(showing)
            ],
        }


def _lines(name: str, result: Explained) -> Iterator[str]:
    yield f"  {result.status}: {name}"
    yield from (f"      {each}" for each in result.said or ("nothing is said",))
    if result.refuted:
        yield f"      but {result.refuted}"
