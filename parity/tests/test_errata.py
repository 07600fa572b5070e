"""examples/ERRATA.md: every entry has its evidence, and every link leads somewhere."""

import re

import pytest

from parity.tests.lessons import FIGURES
from parity.tests.lessons.scripts import FOLDER, importable, in_a_checkout, module, rows, text_of

__all__ = ["importable"]
pytestmark = [in_a_checkout, pytest.mark.usefixtures("importable")]
COPY = "## Our copy reads"


def errata(text):
    """The errata of a text by name, each with the scripts that give its evidence."""
    lines = re.findall(r"^- \*\*([\w-]+)\*\* (.*)$", text, re.MULTILINE)
    assert len(dict(lines)) == len(lines)
    return {
        name: set(re.findall(r"\]\((\w+)\.py\)", line.partition("Evidence: ")[2]))
        for name, line in lines
    }


def shown(*, copied):
    """The errata that the scripts show: of a text, or of our copy of it."""
    found = {}
    for script in FIGURES:
        for row in rows(script):
            if getattr(row, "erratum", "") and isinstance(row, module("lesson").Copy) is copied:
                found.setdefault(row.erratum, set()).add(script)
    return found


def test_every_erratum_has_its_evidence():
    """The list names the errata of the scripts, all of them and no others, and where
    each is computed; what our copy may have done to a formula stands in a section of
    its own.
    """
    of_the_texts, _, rest = text_of("ERRATA.md").partition(COPY)
    assert errata(of_the_texts) == shown(copied=False)
    assert errata(rest) == shown(copied=True)


@pytest.mark.parametrize("text", ["README.md", "ERRATA.md"])
def test_every_link_leads_somewhere(text):
    """To a file or a folder of the project, to a section of a text, or to a line of a
    script.
    """
    links = [link.partition("#") for link in re.findall(r"\]\((.+?)\)", text_of(text))]
    assert len(links) > 20
    assert [link for link, _, _ in links if not (FOLDER / link).exists()] == []
    headings = [(link, anchor) for link, _, anchor in links if anchor and link.endswith(".md")]
    assert [it for it in headings if it[1] not in anchors(it[0])] == []


def anchors(text):
    """What a link to a heading of a text ends in."""
    headings = re.findall(r"^#+ (.+)$", text_of(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
