"""A finding: what is wrong, where, and what shows it; as data, as one sentence, and as
the lines that a student reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from textwrap import wrap
from typing import Any

from parity.mistakes.diagnosis.example.example import Example
from parity.mistakes.mistake import CONVENTION
from refnet import notebook
from refnet.checks import flag

IMPRECISE, NOTE = "imprecise", "note"
WIDTH = 88  # columns, as wide as this project's own prose
NARROWEST = 40  # columns: on a narrower screen the labels leave no room for words
INDENT = "   "
NAMED = 3  # tasks named in a sentence
UNEXPLAINED = "No catalogued mistake explains it, and no formula was found."
_KINDS = {  # the heading where no entry of the catalogue fits
    CONVENTION: "another convention, which is not wrong",
    IMPRECISE: "digits are lost",
    NOTE: "a note",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a program, or that is worth knowing about it.

    bug         the id of the catalogue's entry, or of a constant factor; "" for neither
    verdict     "wrong", "convention", "imprecise" or "note"
    where       the equation and its layers, or what else it is about
    formula     what the program computes there; "" where that is not known
    got         what the program shows there, where its formula is not known
    expected    the right formula, or the right number
    happens     what the mistake does, or what else is known
    why         why it is wrong
    advice      what to do about it
    declare     what a file declares if it is meant so; "" where nothing may be declared
    evidence    what the finding rests on, in plain sentences
    measured    the same in exact figures
    alike       the ids of what explains everything that was shown just as well
    equation    the label of the equation in refnet.EQUATIONS; "" for none
    equations   the labels of all equations that it breaks, where it breaks any
    layers      the layers in which it stands, from 1 on
    tasks       the names of the tasks in which it stands
    sources     where others published the same mistake: addresses
    example     both formulas in numbers for one small case; None where that was not
                asked for, or no numbers show it
    """

    bug: str
    verdict: str
    _: KW_ONLY
    where: str
    formula: str = ""
    got: str = ""
    expected: str = ""
    happens: str = ""
    why: str = ""
    advice: str = ""
    declare: str = ""
    evidence: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    equation: str = ""
    equations: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()
    tasks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    example: Example | None = None

    @property
    def sentence(self) -> str:
        """Where, what is there, what was expected, and why: on one line."""
        expected = f", expected {self.expected}" if self.expected else ""
        advice = f"; {self.advice}" if self.advice else ""
        statement = f"{self.where}: {self.formula or self.got}{expected}{advice}"
        return ". ".join(filter(None, (statement, self._explanation, self._meant)))

    @property
    def heading(self) -> str:
        """Its id in the catalogue, or what kind of thing it is."""
        kind = _KINDS.get(self.verdict, "")
        if self.bug:
            return f"{self.bug} ({kind})" if kind else self.bug
        if self.happens == UNEXPLAINED:
            kind = "a mistake that is not in the catalogue"
        place = f"in {self.equation}" if self.equation else "outside the equations"
        heading = kind or f"a mistake {place}"
        return f"{heading[0].upper()}{heading[1:]}"

    def lines(
        self, width: int = WIDTH, *, verbose: bool = False, of_tasks: int = 0
    ) -> Iterator[str]:
        """What a student reads: one labelled paragraph for each part that it has, at
        most `width` columns wide.

        Where it is `verbose`, the exact figures and the published sources too; the
        example, where it has one. `of_tasks` is how many tasks there are in all, where
        that is known.
        """
        verbose = flag("Finding.lines", "verbose", verbose)
        width = max(width, NARROWEST)
        for label, text in self.paragraphs(verbose=verbose, of_tasks=of_tasks):
            start = f"{INDENT}{f'{label}:':<11}"
            yield from wrap(
                text,
                width,
                initial_indent=start,
                subsequent_indent=" " * len(start),
                # an address, or the id of a mistake, stays in one piece
                break_long_words=False,
                break_on_hyphens=False,
            )
        if self.example:
            yield ""
            yield from self.example.lines(width)

    def paragraphs(self, *, verbose: bool = False, of_tasks: int = 0) -> Iterator[tuple[str, str]]:
        """Those that it has: each its label and its text."""
        alike = (
            [f"What was shown cannot tell it from {in_words(self.alike, 'or')}."]
            if self.alike
            else []
        )
        for label, text in (
            ("Where", self.where),
            ("You have", self.formula or self.got),
            # nothing else is expected of a program with another convention
            ("PyTorch" if self.verdict == CONVENTION else "Expected", self.expected),
            # the heading says it where nothing explains it
            ("Why" if self.why else "Known", self._explanation.replace(UNEXPLAINED, "")),
            ("Evidence", " ".join((*self.evidence, *alike))),
            ("Tasks", self._in_tasks(of_tasks)),
            ("To do", self._to_do),
        ):
            if text:
                yield label, text
        if verbose:
            yield from (("Measured", figures) for figures in self.measured)
            yield from (("Published", address) for address in self.sources)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**asdict(self), "sentence": self.sentence}

    @property
    def _explanation(self) -> str:
        return " ".join(filter(None, (self.happens, self.why)))

    @property
    def _meant(self) -> str:
        return f"If you mean this, declare: {self.declare}" if self.declare else ""

    @property
    def _to_do(self) -> str:
        advice = f"{self.advice[:1].upper()}{self.advice[1:]}"
        return ". ".join(filter(None, (advice, self._meant)))

    def _in_tasks(self, of_tasks: int) -> str:
        """Its tasks, and how many of all they are."""
        count = len(self.tasks)
        if count > NAMED and count == of_tasks:
            return f"all {count}"
        share = f"{count} of {of_tasks}: " if count and count <= of_tasks else ""
        return f"{share}{some(self.tasks)}"

    def in_html(self, of_tasks: int = 0) -> str:
        """The same paragraphs as a table of a notebook; the example, where it has
        one.
        """
        rows = [*self.paragraphs(of_tasks=of_tasks)]
        example = [*self.example.lines(WIDTH)] if self.example else []
        table = notebook.table((), rows, len(rows), "paragraph", words=(0, 1))
        return f"{table}{notebook.lines(example, len(example)) if example else ''}"

    def _repr_html_(self) -> str:
        return notebook.framed(notebook.heading(self.heading), self.in_html())

    def __str__(self) -> str:
        return self.sentence


def some(names: Sequence[str]) -> str:
    """The first names, and how many there are besides."""
    more = len(names) - NAMED
    return in_words([*map(repr, names[:NAMED]), *([f"{more} more"] if more > 0 else [])])


def in_words(words: Sequence[str], conjunction: str = "and") -> str:
    """a, b and c."""
    *most, last = words or [""]
    return f"{', '.join(most)} {conjunction} {last}" if most else last
