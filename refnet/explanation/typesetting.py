"""Explanations as plain text, in a notebook, as Markdown and LaTeX: ways to write the
same parts.
"""

import re
from collections.abc import Callable
from itertools import groupby
from textwrap import wrap
from typing import NamedTuple

from refnet import notebook
from refnet.explanation.parts import Formula, Grid, Line, Part, Section, Summary, Words

WIDTH = 100
TEXT_WIDTH = 60  # of a line of a typeset formula, in characters of plain text
_SYMBOL = r"(?:a_prev|[A-Za-z]+)(?:\^[A-Za-z0-9]+)?(?:_[A-Za-z0-9]+(?:,[0-9]+)?)?"
_TOKEN = re.compile(
    rf"d(?P<over>{_SYMBOL})/d(?P<under>{_SYMBOL})"
    r"|sqrt\((?P<root>(?:[^()]|\([^()]*\))*)\)"
    r"|(?P<hat>\w)_hat"
    r"|beta(?P<beta>\d)"
    r"|(?P<setting>[a-z]+)_decay"
    r"|sum over (?P<index>rows and paths|rows|paths|\w) of"
    r"|(?P<number>\d+(?:\.\d+)?)(?:e(?P<power>[+-]\d+))?"
    r"|(?P<read>a_prev)"
    r"|(?P<word>[A-Za-z]+)(?P<called>(?=['(_]))?"
    r"|\^(?:\((?P<group>[^()]+)\)|(?P<up>[A-Za-z0-9]+))"
    r"|_(?P<down>[A-Za-z0-9]+(?:,[0-9]+)?)"
    r"|(?P<times> ?\* ?)"
    r"|\|(?P<absolute>[^|]+)\|"
    r"|(?P<other>.)"
)
_COMMANDS = {
    **{word: word for word in ("alpha", "delta", "theta", "exp", "log", "tanh", "max", "sum")},
    "eps": "varepsilon",
}
_UPRIGHT = ("lr", "buf", "mean", "var", "vmax")
_LETTERS = ("dW", "db")
_NEIGHBOURS = re.compile(r"(?:\\mathrm\{\w+\}|\\alpha) (?=\\mathrm)")
_ESCAPED = {
    "\\": "textbackslash{}",
    "^": "textasciicircum{}",
    "~": "textasciitilde{}",
    "<": "textless{}",
    ">": "textgreater{}",
}


# Plain text


def plain(title: str, sections: tuple[Section, ...]) -> str:
    """The sections for a terminal, at most 100 columns wide, in ASCII."""
    return "\n\n".join([f"{title}\n{'=' * len(title)}", *map(plain_section, sections)])


def plain_section(section: Section) -> str:
    """One section for a terminal."""
    title = _bare(section.title)
    return "\n".join([title, "-" * len(title), *_plain_parts(section)])


def _plain_parts(section: Section) -> list[str]:
    return [row for part in (*section.formulas, *section.parts) for row in _plain_part(part)]


def folded(title: str, sections: tuple[Section, ...]) -> str:
    """The sections for a notebook: the first one, and the titles of the others, which
    open when they are clicked on.
    """
    parts = (_folded_section(section, opened=i == 0) for i, section in enumerate(sections))
    whole = notebook.listed(parts, len(sections), "section")
    return notebook.framed(notebook.heading(title), whole)


def framed_section(section: Section) -> str:
    """One section by itself for a notebook."""
    return notebook.framed(_folded_section(section, opened=True))


def _folded_section(section: Section, *, opened: bool) -> str:
    rows = _plain_parts(section)
    return notebook.folded(_bare(section.title), notebook.lines(rows, len(rows)), opened=opened)


def _plain_part(part: Part) -> list[str]:
    match part:
        case Words(text):
            return _wrapped(_bare(text), "  ", "  ")
        case Formula(formula, source):
            cited = _wrapped(f"[{_bare(source)}]", "        ", "         ") if source else []
            return [*_wrapped(formula, "    ", "        "), *cited]
        case Line():
            return _plain_line(part)
        case Grid(symbol, rows):
            return _plain_grid(symbol, rows)
        case Summary():
            return _wrapped(_bare(_summary(part)), "  ", "      ")


def _plain_line(line: Line) -> list[str]:
    sides = [f"{'=' if i else line.relation} {side}" for i, side in enumerate(line.sides)]
    whole = f"  {line.symbol} {' '.join(sides)}"
    if len(whole) <= WIDTH:
        return [whole]
    indent = " " * (len(line.symbol) + 3)
    rows = [
        row
        for side in sides
        for row in _wrapped(side, indent, indent + " " * (len(line.relation) + 1))
    ]
    return [f"  {line.symbol} {rows[0].lstrip()}", *rows[1:]]


def _plain_grid(symbol: str, rows: tuple[tuple[str, ...], ...]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = [
        "[" + "  ".join(f"{entry:>{width}}" for entry, width in zip(row, widths, strict=True)) + "]"
        for row in rows
    ]
    start = f"  {symbol} = "
    indent = " " * len(start)
    return [
        line
        for i, row in enumerate(shown)
        for line in _wrapped(row, indent if i else start, indent + " ")
    ]


def _bare(text: str) -> str:
    return re.sub("[$`]", "", text)


def _summary(part: Summary) -> str:
    how = f"${part.shapes}$ gives " if part.shapes else ""
    return (
        f"${part.symbol}$: {how}${part.shape}$; norm ${part.norm}$, entries from ${part.low}$ to "
        f"${part.high}$"
    )


def _wrapped(text: str, first: str, later: str, width: int = WIDTH) -> list[str]:
    """The text in lines; an operator stays with what follows it."""
    held = re.sub(r" ([*+-]) ", " \\1\0", text)
    lines = wrap(
        held,
        width,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


# Markdown and LaTeX


class Format(NamedTuple):
    """How a format writes each thing, and what ends a row of an array; {} is the
    text.
    """

    title: str
    heading: str
    display: str
    aligned: str
    source: str
    code: str
    newline: str
    escape: Callable[[str], str]


# a renderer may take a double backslash for an escaped one, so rows end in the older
# \\cr
MARKDOWN = Format(
    "# {}",
    "## {}",
    "$$\n{}\n$$",
    "$$\n\\begin{{aligned}}\n{}\n\\end{{aligned}}\n$$",
    "*{}*",
    "`{}`",
    r" \cr",
    str,
)
LATEX = Format(
    r"\section*{{{}}}",
    r"\subsection*{{{}}}",
    "\\[\n{}\n\\]",
    "\\begin{{align*}}\n{}\n\\end{{align*}}",
    r"{{\small\noindent {}\par}}",
    r"\texttt{{{}}}",
    r" \\",
    lambda text: re.sub(
        r"[&%#_{}\\^~<>]", lambda match: "\\" + _ESCAPED.get(match[0], match[0]), text
    ),
)


def formatted(title: str, sections: tuple[Section, ...], form: Format) -> str:
    """The sections in that format."""
    blocks = [form.title.format(_inline(title, form))]
    for section in sections:
        blocks.append(form.heading.format(_inline(section.title, form)))
        for alike, parts in groupby((*section.formulas, *section.parts), key=type):
            if alike is Line:
                rows = [row for line in parts if isinstance(line, Line) for row in _rows(line)]
                blocks.append(form.aligned.format(f"{form.newline}\n".join(rows)))
            else:
                blocks += [block for part in parts for block in _blocks(part, form)]
    return "\n\n".join(blocks) + "\n"


def _blocks(part: Part, form: Format) -> list[str]:
    match part:
        case Formula():
            cited = [form.source.format(_inline(part.source, form))] if part.source else []
            return [_displayed(part, form), *cited]
        case Grid(symbol, rows):
            entries = f"{form.newline} ".join(" & ".join(map(typeset, row)) for row in rows)
            return [
                form.display.format(
                    rf"{typeset(symbol)} = \begin{{pmatrix}} {entries} \end{{pmatrix}}"
                )
            ]
        case Words(text):
            return [_inline(text, form)]
        case Summary():
            return [_inline(_summary(part), form)]
    return []


def _displayed(formula: Formula, form: Format) -> str:
    """The formula by itself, broken between factors where it is long."""
    if formula.latex or len(formula.plain) <= 2 * TEXT_WIDTH:
        return form.display.format(formula.latex or typeset(formula.plain))
    left, _, right = formula.plain.partition(" = ")
    return form.aligned.format(f"{form.newline}\n".join(_rows(Line(left, "", right))))


def _rows(line: Line) -> list[str]:
    """The line as rows of an aligned block: one where it is short, else one for each
    side, and long sides broken between terms.
    """
    whole = " = ".join(line.sides)
    sides = [whole] if len(whole) <= TEXT_WIDTH else line.sides
    rows = []
    for i, side in enumerate(sides):
        first, *others = _wrapped(side, "", "", TEXT_WIDTH)
        start = f"{typeset(line.symbol)} &{line.relation}" if i == 0 else "&="
        rows += [f"{start} {typeset(first)}", *(rf"&\quad {typeset(other)}" for other in others)]
    return rows


def _inline(text: str, form: Format) -> str:
    pieces = re.findall(r"\$([^$]+)\$|`([^`]+)`|([^$`]+)", text)
    return "".join(
        f"${typeset(notation)}$"
        if notation
        else form.code.format(form.escape(code))
        if code
        else form.escape(words)
        for notation, code, words in pieces
    )


def typeset(plain: str) -> str:
    r"""Plain notation as LaTeX.

    >>> typeset("dC/da^2_1 = -0.1385*(1 - 2e-05)")
    '\\frac{\\partial C}{\\partial a^{2}_{1}} = -0.1385 \\cdot (1 - 2 \\cdot 10^{-5})'
    """
    typeset = "".join(_typeset(match, plain[: match.start()]) for match in _TOKEN.finditer(plain))
    # words that follow each other are one text, and names do not run into one
    return _NEIGHBOURS.sub(r"\g<0>\\text{ } ", typeset.replace(r" } \text{ ", " "))


def _typeset(match: re.Match[str], before: str) -> str:
    part = match.groupdict()
    if part["over"]:
        return rf"\frac{{\partial {typeset(part['over'])}}}{{\partial {typeset(part['under'])}}}"
    if part["index"]:
        return rf"\sum_{{{_name(part['index'], called=False)}}}"
    if part["absolute"]:
        return rf"\left|{typeset(part['absolute'])}\right|"
    if part["root"]:
        return rf"\sqrt{{{typeset(part['root'])}}}"
    if part["hat"]:
        return rf"\hat{{{part['hat']}}}"
    if part["beta"]:
        return rf"\beta_{{{part['beta']}}}"
    if part["setting"]:
        return rf"\mathrm{{{part['setting']}}}_{{\mathrm{{decay}}}}"
    if part["number"]:
        return _number(part["number"], part["power"], divided=before.endswith("/"))
    if part["read"]:
        return r"\tilde{a}"
    if part["word"]:
        return _name(part["word"], called=part["called"] is not None)
    for key, sign in (("group", "^"), ("up", "^"), ("down", "_")):
        if part[key]:
            return f"{sign}{{{part[key]}}}"
    return r" \cdot " if part["times"] else part["other"]


def _number(digits: str, power: str | None, divided: bool) -> str:
    if power is None:
        return digits
    scientific = rf"{digits} \cdot 10^{{{int(power)}}}"
    return f"({scientific})" if divided else scientific


def _name(word: str, called: bool) -> str:
    if len(word) == 1 or word in _LETTERS:
        return word
    if word in _COMMANDS:
        return f"\\{_COMMANDS[word]}"
    return rf"\mathrm{{{word}}}" if called or word in _UPRIGHT else rf"\text{{ {word} }}"
