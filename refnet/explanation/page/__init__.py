"""One static page that steps through a training step: a file without a server or a
network, opened by a double click.

    scenes      a step as data: where the page starts from, and what refnet computed
    words       the formulas, activations, losses and update rules as data
    examples    XOR, a published worked example and handwritten digits

template.html is the page, and style.css how it looks. The scripts, each of which needs
only those above it:

    engine      the network: a step, its gradients, its update
    model       what can be changed, and all that follows from it
    telling/    a step in words and numbers, and what checks it
    drawing/    the network, arrays and the curve as pictures, and what is edited
    panels/     what is trained, chosen, edited, followed, mistaken and compared
    page        all of it together
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, TypeAlias

from refnet.explanation.page.words import vocabulary

Scene: TypeAlias = dict[str, Any]

SCRIPTS = (
    "engine",
    "model",
    "telling/figures",
    "telling/formulas",
    "telling/arithmetic",
    "telling/notation",
    "telling/lines",
    "telling/updates",
    "telling/story",
    "telling/paths",
    "telling/rounding",
    "telling/differences",
    "telling/checks",
    "drawing/elements",
    "drawing/heat",
    "drawing/moment",
    "drawing/network",
    "drawing/legend",
    "drawing/curve",
    "drawing/tables",
    "panels/files",
    "panels/training",
    "panels/choosing",
    "panels/editing",
    "panels/following",
    "panels/mistaking",
    "panels/comparing",
    "page",
)


@dataclass(frozen=True)
class Mistakes:
    """Mistakes that can be switched on: what a reader is told of each, and a script
    whose exports are by their ids.
    """

    entries: Sequence[dict[str, Any]]
    script: str


def page_of(scenes: Sequence[Scene], mistakes: Mistakes | None = None) -> str:
    """The text of the page with these scenes to choose from."""
    data = {
        "scenes": [*scenes],
        "words": vocabulary(),
        "mistakes": [*mistakes.entries] if mistakes else [],
    }
    pieces = {
        "title": escape(scenes[0]["title"]),
        "text": escape("\n\n\n".join(scene["text"] for scene in scenes)),
        "style": _bare(_part("style.css")).replace("\n", ""),
        "data": _as_data(data),
        "scripts": "\n".join(_scripts(mistakes.script if mistakes else "")),
    }
    text = _part("template.html")
    before, *rest = text.split("{{")
    filled = [before]
    for piece in rest:
        name, _, after = piece.partition("}}")
        filled += [pieces[name], after]
    return "".join(filled)


def _scripts(mistakes: str) -> Iterator[str]:
    """Each script as a module of its own, as node has them; the engine as it was proved
    right, and the others without what only their authors read, an eighth of the file.
    """
    for name in SCRIPTS:
        script = _part(f"{name}.js")
        yield _module(name, script if name == "engine" else _bare(script))
    yield _module("mistakes", mistakes or "module.exports = {};\n")


def _module(name: str, script: str) -> str:
    return f'define("{name}.js", (module, require) => {{\n{_as_script(script)}}});'


@cache
def _part(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _bare(script: str) -> str:
    """The script without comments, the spaces that lines begin with, and what says that
    it is strict, as all of them are.
    """
    comment = r'//.*|/\*\*(?s:.*?)\*/|"use strict";'
    code = re.sub(r"(?<=[;,{}()\[\]]) // .*", "", script)
    return re.sub(rf"^ *(?:(?:{comment})?\n)?", "", code, flags=re.MULTILINE)


def _as_data(data: dict[str, Any]) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return re.sub("<(?=/?script|!--)", r"\\u003c", text, flags=re.IGNORECASE)


def _as_script(text: str) -> str:
    """A script that cannot, either: in a string a backslash more is the same."""
    return re.sub("<(?=/script|!--)", r"<\\", text, flags=re.IGNORECASE)
