"""How a result looks in a notebook: the pieces of HTML of which `_repr_html_` is made.

The colours are those of the page around it, so that it can be read in light and in dark
themes; what is right or wrong is said in words, with a coloured line beside them. There
are no scripts, style sheets, ids or links. All text is escaped here, and shortened: the
limits below are those of every result.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from math import isfinite, log

from refnet.checks import counted

ROWS = 24  # of a table or a list; then it says how many more
LINES = 40  # of a text
LONGEST = 1000  # characters of one text
COLUMNS = 12  # of a table, and names of them in a sentence
POINTS = 60  # of a curve there are twice as many: the lowest and the highest of each part
ENDS = 3  # epochs shown at either end of a history

# a notebook's MathJax leaves alone what is in it: a dollar in a name is a dollar
NO_MATHS = "tex2jax_ignore mathjax_ignore"
LINE = "1px solid rgba(128,128,128,.4)"  # grey that shows on white and on black
# said in words beside it; Okabe and Ito, Color Universal Design (2008)
MARKS = {True: "#009E73", False: "#D55E00", None: "#E69F00"}
WIDTH, HEIGHT, EDGE = 320, 90, 4  # of a curve, in pixels, and around it


class Strong(str):
    """A cell in bold."""

    __slots__ = ()


def escaped(text: object) -> str:
    """The text as HTML that shows it: what does not print, such as control characters,
    marks of direction and halves of a pair, as an escape such as \\x1b.
    """
    from html import escape  # noqa: PLC0415 - no training needs its table of entities

    return escape("".join(_visible(each) for each in str(text)))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def shortened(text: object) -> str:
    """The text, or its beginning and how much is left out."""
    whole = str(text)
    more = len(whole) - LONGEST
    return whole if more <= 0 else f"{whole[:LONGEST]} ... and {counted(more, 'more character')}"


def framed(*parts: str) -> str:
    """The whole result, from its parts."""
    look = "max-width:60em;overflow-x:auto"
    return f'<div class="{NO_MATHS}" style="{look}">{"".join(parts)}</div>'


def heading(text: object) -> str:
    """What the result is."""
    return f'<div style="font-weight:bold;margin:.3em 0">{_shown(text)}</div>'


def verdict(text: object, right: bool | None) -> str:
    """A sentence with a line beside it, by whether all is right; None where nobody
    knows.
    """
    line = f"border-left:.3em solid {MARKS[right]};padding-left:.6em"
    return f'<div style="{line};margin:.3em 0;font-weight:bold">{_shown(text)}</div>'


def sentence(text: object) -> str:
    """A paragraph."""
    return f'<div style="margin:.3em 0">{_shown(text)}</div>'


def sentences(texts: Iterable[object], count: int, noun: str) -> str:
    """The first of so many paragraphs."""
    first = (sentence(text) for text in islice(texts, ROWS))
    return "".join([*first, _more(count - ROWS, noun)])


def named(texts: Sequence[object], noun: str) -> str:
    """The first of the texts in a sentence, and how many more there are."""
    more = len(texts) - COLUMNS
    shown = ", ".join(map(str, texts[:COLUMNS]))
    return shown if more <= 0 else f"{shown}, ... and {counted(more, f'more {noun}')}"


def lines(texts: Iterable[str], count: int) -> str:
    """The first of so many lines, in columns of equal width."""
    text = "\n".join(_shown(line) for line in islice(texts, LINES))
    look = "margin:.3em 0;white-space:pre;overflow-x:auto;background:none;color:inherit"
    return f'<pre style="{look}">{text}</pre>{_more(count - LINES, "line")}'


def folded(title: object, *parts: str, opened: bool = False) -> str:
    """Parts that a click on their title shows."""
    summary = f'<summary style="cursor:pointer">{_shown(title)}</summary>'
    look = 'style="margin:.3em 0"'
    return f"<details {look}{' open' * opened}>{summary}{''.join(parts)}</details>"


def listed(parts: Iterable[str], count: int, noun: str) -> str:
    """The first of so many parts."""
    return "".join([*islice(parts, ROWS), _more(count - ROWS, noun)])


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    count: int,
    noun: str = "row",
    words: Sequence[int] = (0,),
) -> str:
    """The first of so many rows; the columns `words` have words, and the others
    numbers.
    """
    above = f"<thead>{_row('th', head, words)}</thead>" if head else ""
    body = "".join(_row("td", row, words) for row in islice(rows, ROWS))
    look = "border-collapse:collapse;margin:.3em 0;font-variant-numeric:tabular-nums"
    whole = f'<table style="{look}">{above}<tbody>{body}</tbody></table>'
    return f"{whole}{_more(len(head) - COLUMNS, 'column')}{_more(count - ROWS, noun)}"


def _row(kind: str, row: Sequence[object], words: Sequence[int]) -> str:
    sides = ("left" if i in words else "right" for i in range(COLUMNS))
    cells = (_cell(kind, cell, side) for cell, side in zip(row, sides, strict=False))
    return f'<tr style="border-bottom:{LINE}">{"".join(cells)}</tr>'


def _cell(kind: str, cell: object, side: str) -> str:
    weight = ";font-weight:bold" if kind == "th" or isinstance(cell, Strong) else ""
    look = f"text-align:{side};padding:.15em .6em{weight}"
    return f'<{kind} style="{look}">{_shown(cell)}</{kind}>'


def _shown(text: object) -> str:
    return escaped(shortened(text))


def _more(count: int, noun: str) -> str:
    return sentence(f"... and {counted(count, f'more {noun}')}") if count > 0 else ""


def curves(named: Mapping[str, Sequence[float | None]]) -> str:
    """One or two curves over equal steps, drawn in the colour of the text: the first
    one solid, the second one dashed. Heights are logarithmic where all are positive and
    the largest is 100 times the smallest. None and what is not finite is left out.
    """
    drawn = {name: _finite(values) for name, values in named.items()}
    heights = [height for points in drawn.values() for _, height in points]
    if not heights:
        return ""
    low, high = min(heights), max(heights)
    # not low * 100, which may overflow
    by_logs = low > 0.0 and low < high / 100.0
    steps = max(len(values) for values in named.values())
    shapes = (
        _polyline(_path(points, steps, low, high, by_logs), dashed=i > 0)
        for i, points in enumerate(drawn.values())
    )
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    about = f"{_caption(drawn, low, high, by_logs)}{_left_out(named.values())}"
    whole = f'<svg {size} role="img" aria-label="{_shown(about)}">{"".join(shapes)}</svg>'
    return f"<div>{whole}</div>{sentence(about)}"


def _finite(values: Sequence[float | None]) -> list[tuple[int, float]]:
    """The place and the height of what can be drawn."""
    return [(i, float(v)) for i, v in enumerate(values) if v is not None and isfinite(v)]


def _caption(
    drawn: dict[str, list[tuple[int, float]]], low: float, high: float, by_logs: bool
) -> str:
    names = [name for name, points in drawn.items() if points]
    kinds = dict(zip(drawn, ("solid", "dashed"), strict=False))
    keys = ", ".join(f"{name} ({kinds[name]})" for name in names)
    return f"{keys}: from {low:.4g} to {high:.4g}{', logarithmic' * by_logs}"


def _left_out(curves: Iterable[Sequence[float | None]]) -> str:
    count = sum(v is not None and not isfinite(v) for values in curves for v in values)
    return f"; left out: {count} not finite" if count else ""


def _path(
    points: list[tuple[int, float]], steps: int, low: float, high: float, by_logs: bool
) -> str:
    """The points of a polyline; of many, the lowest and the highest of each part, so
    that no peak is lost.
    """
    across = (WIDTH - 2 * EDGE) / max(steps - 1, 1)
    return " ".join(
        f"{EDGE + across * i:.1f},{HEIGHT - EDGE - _share(v, low, high, by_logs):.1f}"
        for i, v in _thinned(points)
    )


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(points) <= 2 * POINTS:
        return points
    cuts = [len(points) * i // POINTS for i in range(POINTS + 1)]
    parts = [points[cuts[i] : cuts[i + 1]] for i in range(POINTS)]

    def height(point: tuple[int, float]) -> float:
        return point[1]

    ends = ({min(part, key=height), max(part, key=height)} for part in parts)
    return [point for both in ends for point in sorted(both)]


def _share(height: float, low: float, high: float, by_logs: bool) -> float:
    """How far up it stands, in pixels."""
    if by_logs:
        height, low, high = log(height), log(low), log(high)
    span = high / 2 - low / 2  # halves, as the whole span may overflow
    return (HEIGHT - 2 * EDGE) * ((height / 2 - low / 2) / span if span else 0.5)


def _polyline(path: str, *, dashed: bool) -> str:
    """A line, or a dot where there is one point."""
    if not path:
        return ""
    if " " not in path:
        x, y = path.split(",")
        return f'<circle cx="{x}" cy="{y}" r="2" fill="currentColor"/>'
    dashes = ' stroke-dasharray="5 3"' if dashed else ""
    look = f'fill="none" stroke="currentColor" stroke-width="1.5"{dashes}'
    return f'<polyline points="{path}" {look}/>'
