"""What a text prints, beside the same figure computed here: the table that every
tutorial's script ends in.

A script has two functions. `story` yields, in the order of its text, sentences (str)
and figures (`Printed`); `drawings` yields names and functions that draw. `run(__doc__,
story, drawings)` is its command line.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
Drawings: TypeAlias = Callable[[], Iterable[tuple[str, Callable[[], Any]]]]
Story: TypeAlias = Callable[[], Iterable[Any]]  # sentences, and figures (Printed)
PLACE, WHAT, WIDEST = 12, 43, 28  # columns of the table


@dataclass(frozen=True)
class Printed:
    """A figure as a text prints it, and what is computed here: a number, an array, or a
    word.

    `erratum` is the name in ERRATA.md where the text is off, and `chance` the reason
    where the text's figure is one draw of many. `whose` heads the column of a figure
    that no text prints: "expected".
    """

    section: str
    what: str
    printed: str
    got: Any
    erratum: str = ""
    chance: str = ""
    whose: str = ""

    @property
    def here(self) -> str:
        """What is computed here, written as the text writes it: the same number of
        digits, the same punctuation.
        """
        return self._written(0)

    @property
    def agrees(self) -> bool:
        """Whether the text prints what is computed here, to its last digit."""
        return self.here == self.printed

    @property
    def expected(self) -> bool:
        """Whether it agrees where the text is right, and does not where the text is
        said to be off.
        """
        return bool(self.chance) or self.agrees is not bool(self.erratum)

    @property
    def shown(self) -> str:
        """What stands in the table: `here`, with three more digits where the text has
        another figure.
        """
        return self.here if self.agrees else self._written(3)

    def row(self) -> str:
        """A line of the table."""
        note = f"erratum {self.erratum}" if self.erratum else self.chance
        mark = "" if self.expected else "  <- NOT EXPECTED"
        place = f"{self.section:<{PLACE - 1}} {self.what}"
        both = (
            (self.printed, self.shown)
            if isinstance(self.got, str)
            else map(short, (self.printed, self.shown))
        )
        given, here = (f"{text:<{WIDEST}}" for text in both)
        return f"  {place:<{PLACE + WHAT}}  {given}  {here}  {note}{mark}".rstrip()

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
        return NUMBER.sub(lambda found: as_written(next(values), found[0], more), self.printed)


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
        text = text.removeprefix("-")
    if power:
        text = re.sub(r"e([-+])0*(?=\d)", lambda found: "e" + found[1].replace("+", ""), text)
    if whole in ("", "-", "+"):
        text = re.sub(r"^(-?)0\.", r"\1.", text)
    if point and "." not in text:
        text += "."
    return f"+{text}" if printed[0] == "+" and text[0] != "-" else text


def side_by_side(values: Any, digits: int = 3) -> str:
    """Numbers in a line of text, with so many digits after the point."""
    return " ".join(f"{value:.{digits}f}" for value in np.ravel(values))


def short(text: str) -> str:
    """A long list of numbers by its ends."""
    return (
        text if len(text) <= WIDEST else f"{text[: WIDEST // 2 - 2]} .. {text[2 - WIDEST // 2 :]}"
    )


def tell(told: Iterable[str | Printed], column: str = "the text") -> bool:
    """Print the sentences, and the figures in tables between them.

    Whether every figure is as expected.
    """
    right, head = True, ""
    for item in told:
        if isinstance(item, str):
            print(f"\n{item}" if head else item)
            head = ""
            continue
        if head != (item.whose or column):
            head = item.whose or column
            print(f"\n  {'':<{PLACE + WHAT}}  {head:<{WIDEST}}  here")
        print(item.row())
        right &= item.expected
    return right


def command(about: str) -> argparse.ArgumentParser:
    """The arguments that every script takes."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plot", metavar="DIR", type=Path, help="draw the pictures into this folder"
    )
    return parser


@contextmanager
def wanted(extra: str) -> Iterator[None]:
    """Around imports that not everybody has installed: where one is missing, a sentence
    with what installs it, and exit status 2.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        name = {"sklearn": "scikit-learn", "torch": "PyTorch"}.get(package, package)
        print(
            f"{Path(sys.argv[0]).name}: {name} is missing, expected python -m pip install "
            f'"refnet[{extra}]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def perform(
    about: str,
    told: Iterable[str | Printed],
    drawings: Drawings | None = None,
    folder: Path | None = None,
    column: str = "the text",
) -> int:
    """Tell the story and draw the pictures.

    Exit status 0 where every figure is as expected, else 1.
    """
    print(about.partition("\n\n")[0])
    right = tell(told, column)
    if drawings is not None and folder is not None:
        with wanted("plot"):
            from pictures import save
        for name, draw in drawings():
            print(f"wrote {save(draw(), folder, name)}")
    return 0 if right else 1


def run(about: str, story: Story, drawings: Drawings, column: str = "the text") -> int:
    """The command line of a script: `--plot DIR`, and what `perform` does.

    `column` is whose figures stand beside ours.
    """
    return perform(about, story(), drawings, command(about).parse_args().plot, column)
