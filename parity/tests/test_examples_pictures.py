"""The pictures of the scripts in examples/ can be read."""

import re

import numpy as np
import pytest

from parity.tests.lessons import PICTURES
from parity.tests.lessons.scripts import (
    FOLDER,
    every_script,
    importable,
    in_a_checkout,
    module,
    pictures,
)

__all__ = ["importable"]
pytestmark = [in_a_checkout, pytest.mark.usefixtures("importable")]


@every_script
def test_every_picture_can_be_read(script, tmp_path, monkeypatch):
    """It is drawn to a file that is not blank; each of its axes has a title, something
    drawn, and says along what.
    """
    from matplotlib.image import imread

    saving = module("lesson.saving")
    monkeypatch.setattr(saving, "DPI", 40)
    drawn = pictures(script)
    assert list(drawn) == PICTURES[script]
    for name, draw in drawn.items():
        figure = draw()
        for axes in figure.axes:
            assert unreadable(axes, figure) == "", name
        figure.set_layout_engine("none")  # which takes as long as all the rest
        png, svg = saving.save(figure, tmp_path / "new", name)
        assert np.ptp(imread(png)[..., :3]) > 0.5
        assert svg.read_text(encoding="utf-8").count("<path") > 10
    assert {file.stem for file in tmp_path.glob("new/*")} == {*drawn}


def unreadable(axes, figure):
    """What is missing on the axes of a figure; where there is no axis, there is an
    image, or a drawing with words in it.
    """
    if axes.get_label() == "<colorbar>":
        return "" if axes.get_ylabel() else "the label of the colour bar"
    if not axes.has_data() and not axes.texts:
        return "something drawn"
    if not axes.get_title() and not figure.get_suptitle():
        return "a title"
    if not axes.axison:
        return "" if axes.images or axes.texts else "axis labels"
    return "" if axes.get_xlabel() and axes.get_ylabel() else "axis labels"


def test_what_cannot_be_read_is_noticed():
    """Axes without a title, a label, anything drawn, or with the axis taken away from
    curves.
    """
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    assert unreadable(axes, figure) == "something drawn"
    axes.plot([0, 1], [0, 1])
    assert unreadable(axes, figure) == "a title"
    axes.set(title="it", xlabel="x")
    assert unreadable(axes, figure) == "axis labels"
    axes.axis("off")
    assert unreadable(axes, figure) == "axis labels"
    axes.axis("on")
    axes.set(ylabel="y")
    assert unreadable(axes, figure) == ""


def test_a_picture_is_the_same_file_each_time(tmp_path):
    """Neither the clock nor a draw stands in it."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([0, 1], [0, 1], marker="o", clip_on=True)
    first, second = (
        [file.read_bytes() for file in module("lesson.saving").save(figure, tmp_path / name, "it")]
        for name in ("first", "second")
    )
    assert first == second


def words(picture):
    """Every text in a picture, in the order in which it was drawn."""
    return re.findall(r"<!-- (.*?) -->", picture.read_text(encoding="utf-8"))


def committed():
    """The pictures that the READMEs show."""
    return sorted(file.stem for file in FOLDER.glob("images/*.svg"))


@pytest.mark.parametrize("name", committed())
def test_the_committed_picture_is_what_is_drawn_now(name, tmp_path):
    """Its words and numbers; the places of lines are Matplotlib's affair."""
    (script,) = (script for script, names in PICTURES.items() if name in names)
    _, svg = module("lesson.saving").save(pictures(script)[name](), tmp_path, name)
    assert len(words(svg)) > 5
    assert words(FOLDER / f"images/{name}.svg") == words(svg)


def test_the_readmes_show_the_committed_pictures():
    """All of them, and no others."""
    shown = {
        name
        for text in (FOLDER / "README.md", FOLDER.parent / "README.md")
        for name in re.findall(r"images/(\w+)\.svg\)", text.read_text(encoding="utf-8"))
    }
    assert shown == {*committed()}
    assert len(shown) == 4
