"""Which entries of the catalogue are explained without the catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from parity.experiments.mutations.explained import Explained
from parity.mistakes.mistake import CONVENTION, Mistake


@dataclass(frozen=True)
class Recovered:
    """An entry, and what is said of it: None where no probe, or no unseen run, shows
    it.
    """

    mistake: Mistake
    result: Explained | None

    @property
    def rightly(self) -> bool:
        """Whether the formula that is found gives the entry's numbers elsewhere."""
        return self.result is not None and self.result.rightly

    def lines(self) -> Iterator[str]:
        """The entry, and below it what is said."""
        mistake = self.mistake
        kind = " (convention)" if mistake.verdict == CONVENTION else ""
        yield f"{self._status}: {mistake.id}{kind}, {mistake.equation}: {mistake.formula}"
        if self.result:
            yield from (f"    {each}" for each in self.result.said or ("nothing is said",))
            if self.result.refuted:
                yield f"    but {self.result.refuted}"

    @property
    def _status(self) -> str:
        return "NOT SHOWN" if self.result is None else self.result.status

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        result = {} if self.result is None else self.result.as_json()
        return {"id": self.mistake.id, "verdict": self.mistake.verdict, **result}


@dataclass(frozen=True)
class RecoveryReport:
    """Every entry, explained without the catalogue."""

    rows: tuple[Recovered, ...]

    @property
    def passed(self) -> bool:
        """Whether every entry that can be shown in these runs is caught."""
        results = [row.result for row in self.rows if row.result]
        return bool(results) and all(result.caught for result in results)

    @property
    def verdict(self) -> str:
        """The last line."""
        results = [row.result for row in self.rows if row.result]
        n, rightly = len(results), sum(row.rightly for row in self.rows)
        wholly, caught = (
            sum(each.wholly for each in results),
            sum(each.caught for each in results),
        )
        return (
            f"without the catalogue: {rightly} of {n} entries rightly explained "
            f"({rightly / max(n, 1):.1%}), {wholly} explained, {caught} caught; "
            f"{len(self.rows) - n} not shown in these runs"
        )

    def lines(self) -> Iterator[str]:
        """The verdict; then what is said of each, right ones first."""
        yield self.verdict
        for row in sorted(self.rows, key=lambda row: not row.rightly):
            yield from row.lines()

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"rows": [row.as_json() for row in self.rows]}
