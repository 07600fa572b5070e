"""examples/ERRATA.md and README.md: every link leads somewhere. That every entry has
its evidence is tested in test_examples.py, beside the rows that give it.
"""

import re

import pytest

from parity.tests.lessons.scripts import FOLDER, in_a_checkout, text_of

pytestmark = in_a_checkout


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
