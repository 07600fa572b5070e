"""Sections, sentences and tables on the screen."""

from collections.abc import Callable, Iterable, Mapping
from textwrap import wrap
from typing import TypeAlias

from lesson.rows import WIDTH, Judged, Row, side

Section: TypeAlias = Callable[[], Iterable[str | Row]]


def tell(sections: Mapping[str, Section]) -> bool:
    """Print the sections, each below its heading. Whether every row is as expected."""
    told = [tell_one(heading, section()) for heading, section in sections.items()]
    if any(errata for _, errata in told):
        print("\nexamples/ERRATA.md says what each erratum is, and what is right.")
    return all(right for right, _ in told)


def tell_one(heading: str, items: Iterable[str | Row]) -> tuple[bool, bool]:
    """Print one section. Whether every row is as expected, and whether any names an
    erratum.
    """
    print("", *wrapped(heading), "-" * min(len(heading), WIDTH), sep="\n")
    right, errata = True, False
    above: Row | str = ""  # what was printed last
    for item in items:
        if isinstance(item, str):
            print(*([""] if isinstance(above, Row) else []), *wrapped(item), sep="\n")
        else:
            if isinstance(above, str) or above.heads != item.heads:
                print(*([""] if above else []), side(item.heads, item.widths), sep="\n")
            print(*item.lines(), sep="\n")
            right &= item.as_expected
            errata |= isinstance(item, Judged) and bool(item.erratum)
        above = item
    return right, errata


def wrapped(text: str) -> list[str]:
    """The lines of a text, none wider than the screen; a line with an indent is a
    formula, and stays.
    """
    return [
        line
        for given in text.split("\n")
        for line in ([given] if given.startswith(" ") else fitting(given))
    ]


def fitting(line: str) -> list[str]:
    """A line of prose as lines that the screen has room for."""
    return wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
