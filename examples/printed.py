"""The table in every script: what a text prints, beside the same figure computed here.

A script has two functions. `story` yields sentences (str) and figures (`Printed`), in
the order of its text. `drawings` yields the name of each picture and the function that
draws it. `run(TITLE, story, drawings)` is the script's command line.
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
Drawings: TypeAlias = Callable[[], Iterable[tuple[str, Callable[[], Any]]]]
Story: TypeAlias = Callable[[], Iterable[Any]]  # sentences, and figures (Printed)
WIDTH = 100  # of the screen
DPI = 110  # of a picture
INDENT, WHAT, VALUE = "  ", 46, 24  # a row: 2 + 46 + 2 + 24 + 2 + 24 columns are WIDTH


@dataclass(frozen=True)
class Printed:
    """A figure as a text prints it, and the same figure as computed here.

    `got` is a number, an array or a word. `erratum` is its name in ERRATA.md where the
    text is off. `chance` is the reason where the text's figure is one draw of many.
    `column` is the head of its column where no text prints the figure: "expected".
    """

    section: str
    what: str
    printed: str
    got: Any
    erratum: str = ""
    chance: str = ""
    column: str = ""

    @property
    def here(self) -> str:
        """The computed value as the text would write it: as many digits, the same
        punctuation.
        """
        return self._written(0)

    @property
    def agrees(self) -> bool:
        """Whether the text prints the computed value, to its last digit."""
        return self.here == self.printed

    @property
    def as_expected(self) -> bool:
        """Whether the text is right, or is off just where an erratum says so."""
        return bool(self.chance) or self.agrees is not bool(self.erratum)

    @property
    def shown(self) -> str:
        """The computed value in the table, with three more digits where the text has
        another one.
        """
        return self.here if self.agrees else self._written(3)

    def row(self) -> str:
        """The figure in the table: a line, or several where it is long or off."""
        values = (self.printed, self.shown)
        left, right = values if isinstance(self.got, str) else map(short, values)
        cells = wrapped(self.what, WHAT), wrapped(left, VALUE), wrapped(right, VALUE)
        lines = [
            f"{INDENT}{what:<{WHAT}}  {printed:<{VALUE}}  {computed}".rstrip()
            for what, printed, computed in zip_longest(*cells, fillvalue="")
        ]
        notes = [f"erratum {self.erratum}"] if self.erratum else []
        notes += [f"by chance: {self.chance}"] if self.chance else []
        notes += [] if self.as_expected else ["<- NOT EXPECTED"]
        return "\n".join([*lines, *(f"{INDENT * 3}{note}" for note in notes)])

    def _written(self, more: int) -> str:
        if isinstance(self.got, str):
            return self.got
        values = iter(np.ravel(self.got).tolist())
        count = len(NUMBER.findall(self.printed))
        if count != np.size(self.got):
            raise ValueError(
                f"{self.section} {self.what}: got has {np.size(self.got)} numbers, expected "
                f"{count} as in {self.printed!r}"
            )
        return NUMBER.sub(lambda number: as_written(next(values), number[0], more), self.printed)


def as_written(value: float, printed: str, more: int = 0) -> str:
    """The value in the notation of a printed number, with as many digits after the
    point, or some more.
    """
    mantissa, power, _ = printed.partition("e")
    whole, point, decimals = mantissa.partition(".")
    digits = len(decimals) + more * (not float(value).is_integer())
    text = (
        f"{value:.{digits}{'e' if power else 'f'}}"
        if digits or power or isinstance(value, float)
        else str(value)
    )
    if not float(text):
        text = text.removeprefix("-")  # -0.0001 with three digits is 0.000
    if power:
        text = re.sub(r"e([-+])0*(?=\d)", lambda sign: "e" + sign[1].replace("+", ""), text)
    if whole in ("", "-", "+"):
        text = re.sub(r"^(-?)0\.", r"\1.", text)
    if point and "." not in text:
        text += "."
    return f"+{text}" if printed[0] == "+" and text[0] != "-" else text


def side_by_side(values: Any, digits: int = 3) -> str:
    """Numbers in a line of text, each with so many digits after the point."""
    return " ".join(f"{value:.{digits}f}" for value in np.ravel(values))


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """The lines of a text, none of them longer than the width; short lines stay."""
    return [
        line
        for given in text.split("\n")
        for line in textwrap.wrap(given, width, break_long_words=False, break_on_hyphens=False)
        or [""]
    ]


def short(numbers: str) -> str:
    """A long list of numbers as its first and last ones, a line of the table each."""
    if len(numbers) <= 2 * VALUE:
        return numbers
    words = numbers.split(" ")
    return f"{' '.join(fitting(words))} ..\n{' '.join(fitting(words[::-1])[::-1])}"


def fitting(words: list[str]) -> list[str]:
    """As many of the words as a line of the table has room for, at least one."""
    count = 1
    while len(" ".join([*words[: count + 1], ".."])) <= VALUE:
        count += 1
    return words[:count]


def tell(story: Iterable[str | Printed], column: str = "the text") -> bool:
    """Print the sentences, and the figures in tables between them.

    Whether every figure is as expected.
    """
    right, section, errata = True, "", False
    head = "title"  # what stands above: the head of a table, or "" below a sentence
    for item in story:
        if isinstance(item, str):
            print(*([""] if head else []), *wrapped(item), sep="\n")
            head = ""
            continue
        if head != (item.column or column):
            head, section = item.column or column, item.section
            print(f"\n{section:<{len(INDENT) + WHAT}}  {head:<{VALUE}}  computed")
        elif section != item.section:
            section = item.section
            print(section)
        print(item.row())
        right &= item.as_expected
        errata |= bool(item.erratum)
    if errata:
        print("\nexamples/ERRATA.md says what each erratum is, and what is right.")
    return right


def command(title: str) -> argparse.ArgumentParser:
    """The arguments that every script takes."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--plot", metavar="DIR", type=Path, help="save the pictures in this folder")
    return parser


@contextmanager
def wanted(extra: str) -> Iterator[None]:
    """Around imports of what not everybody has installed.

    Where one is missing, a sentence says what installs it; the exit status is 2.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        name = {"sklearn": "scikit-learn", "torch": "PyTorch"}.get(package, package)
        print(
            f'{Path(sys.argv[0]).name} needs {name}: python -m pip install -e ".[{extra}]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def perform(
    title: str,
    story: Iterable[str | Printed],
    drawings: Drawings | None = None,
    folder: Path | None = None,
    column: str = "the text",
) -> int:
    """Print the title and the story, and draw the pictures.

    Exit status 0 where every figure is as expected, else 1.
    """
    print(*wrapped(title), sep="\n")
    right = tell(story, column)
    if drawings is not None and folder is not None:
        for name, draw in drawings():
            with wanted("plot"):
                figure = draw()
            print(f"wrote {save(figure, folder, name)}")
    return 0 if right else 1


def save(figure: Any, folder: Path, name: str) -> Path:
    """Write the figure into a folder as PNG; the folder is created where needed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=DPI)
    return path


def run(title: str, story: Story, drawings: Drawings, column: str = "the text") -> int:
    """The command line of a script: `--plot DIR`, and what `perform` does.

    `column` is the head of the column beside the computed values.
    """
    return perform(title, story(), drawings, command(title).parse_args().plot, column)
