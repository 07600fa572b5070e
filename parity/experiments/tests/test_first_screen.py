"""The README's picture says what the certificates and the diagnosis say."""

import re
from html import unescape
from pathlib import Path

import parity
from parity.experiments import first_screen
from parity.experiments.first_screen import LAYER, MISTAKE, draw, steps, words

COMMITTED = Path(first_screen.__file__).with_suffix(".svg")


def texts(picture):
    """Every text in a picture, in the order in which it was drawn."""
    return [
        unescape(text)
        for text in re.findall(r"<text[^>]*>(.*?)</text>", picture.read_text("utf-8"), re.DOTALL)
    ]


def test_the_right_step_holds_and_the_mistake_is_named():
    """What stands below each network."""
    right, wrong = steps()
    assert parity.certify(right).passed
    (broken,) = parity.certify(wrong).broken
    assert (broken.equation, broken.layer) == ("BP2", LAYER)
    assert words(right)[0] == "RIGHT"
    assert words(wrong)[0] == f"WRONG: {MISTAKE}"


def test_the_committed_picture_is_what_is_drawn_now(tmp_path):
    """Its words and marks; the places of lines are Matplotlib's affair."""
    draw(tmp_path / "now.svg")
    drawn = texts(tmp_path / "now.svg")
    right, wrong = steps()
    assert set(words(right) + words(wrong)) < set(drawn)
    assert drawn.count("\N{BALLOT X} BP2") == 1
    assert texts(COMMITTED) == drawn


def test_the_same_steps_give_the_same_file(tmp_path):
    """So that drawing it again changes nothing that is committed."""
    draw(tmp_path / "one.svg")
    draw(tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
