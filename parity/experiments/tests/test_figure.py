"""The picture of the main job: two panels, the growth curve and the shares of bounds,
drawn without a window.
"""

import sys
from collections import Counter
from dataclasses import replace

import matplotlib.figure
import numpy as np
import pytest

from parity.experiments.job import digits, figure
from parity.experiments.job.job_report import MainJobReport
from parity.experiments.job.sweep import sweep
from parity.steps.cases import CASES
from refnet.equations import PLAIN

CHOSEN = (
    CASES[0],
    CASES[1],
    next(case for case in CASES if case.optimizer == "adam" and len(case.sizes) == 4),
)


@pytest.fixture(scope="module")
def report():
    """What the main job finds on a few digits and a few cases."""
    with pytest.MonkeyPatch.context() as patch:
        split = digits.load(0)
        patch.setattr(
            digits, "load", lambda seed: split._replace(x=split.x[:150], labels=split.labels[:150])
        )
        trained = digits.train(seed=0, epochs=2)
    return MainJobReport(trained, list(sweep(CHOSEN)))


@pytest.fixture
def panels(monkeypatch):
    """Draws a report and gives the axes, with no window to be opened in."""

    def draw(report):
        drawn = []
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "matplotlib.pyplot", None)
            patch.setattr(
                matplotlib.figure.Figure,
                "savefig",
                lambda self, path, **_: drawn.append((self, path)),
            )
            figure.draw(report, "somewhere.png")
        ((picture, path),) = drawn
        assert path == "somewhere.png"
        return picture.axes

    return draw


def line(axes, label):
    """The data of the one line of that name."""
    (given,) = (line for line in axes.lines if line.get_label() == label)
    return np.asarray(given.get_xdata()), np.asarray(given.get_ydata())


def named(axes):
    """The words of the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_picture_has_two_panels_with_titles_and_labels(report, panels):
    """Each panel says what it shows, and what its axes and lines are."""
    left, right = panels(report)
    assert (
        left.get_title()
        == f"refnet and PyTorch on digits, the first {len(report.trained.growth)} steps"
    )
    assert (left.get_xlabel(), left.get_ylabel()) == ("step", "largest difference of a weight")
    assert named(left) == ["largest weight difference, running freely", "one last place of 1.0"]
    assert (right.get_title(), right.get_xlabel()) == (
        "Share of its derived bound that each array used",
        "equation",
    )
    assert [tick.get_text() for tick in right.get_xticklabels()] == list(PLAIN)
    assert list(right.get_xticks()) == list(range(len(PLAIN)))
    assert named(right) == ["refnet", "PyTorch", "the bound"]


def test_the_growth_curve_is_the_one_found(report, panels):
    """Its points are the weight differences after steps 1, 2, 3 ..., all of them in
    sight, on a scale of powers of ten.
    """
    left, _ = panels(report)
    steps, growth = line(left, "largest weight difference, running freely")
    assert len(growth) == len(report.trained.steps) == 10
    assert (list(steps), list(growth)) == (list(range(1, 11)), report.trained.growth)
    low, high = left.get_ylim()
    assert left.get_yscale() == "log"
    assert all(low <= gap <= high for gap in growth if gap > 0.0)
    assert set(line(left, "one last place of 1.0")[1]) == {np.spacing(1.0)}


def test_every_array_of_the_last_steps_is_a_dot(report, panels):
    """Each array of the last step of each case stands over its equation at its share,
    refnet left and PyTorch right; none is left out.
    """
    _, right = panels(report)
    low, high = right.get_ylim()
    for name, side, way in (("refnet", "ours", -1), ("PyTorch", "theirs", 1)):
        at, used = line(right, name)
        want = [
            result
            for outcome in report.outcomes
            for result in getattr(outcome.steps[-1], side)
            if result.equation in PLAIN
        ]
        assert {result.equation for result in want} == set(PLAIN)
        labels = [list(PLAIN)[round(x)] for x in at]
        assert Counter(zip(labels, used, strict=True)) == Counter(
            (result.equation, result.used) for result in want
        )
        assert all(0.0 < way * (x - round(x)) < 0.5 for x in at)
        assert all(low <= share <= high for share in used)


def test_the_bound_is_a_line_at_one(report, panels):
    """At 1 a bound would be broken, and the line is in sight."""
    _, right = panels(report)
    assert set(line(right, "the bound")[1]) == {1.0}
    low, high = right.get_ylim()
    assert low <= 0.0
    assert high > 1.0


@pytest.mark.parametrize("growth", [[0.0, 0.0, 2.0**-54], [0.0] * 3], ids=["at first", "at all"])
def test_no_difference_at_all_can_be_drawn(report, tmp_path, growth):
    """Where the two do not differ, a logarithmic scale has no point for it, and that is
    no error.
    """
    without = MainJobReport(replace(report.trained, growth=growth), report.outcomes)
    figure.draw(without, tmp_path / "found.png")
    assert (tmp_path / "found.png").stat().st_size > 0


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_file_is_of_the_kind_that_its_name_says(report, tmp_path, ending):
    """png, svg and pdf are known by their first bytes, and are among the formats that
    are told.
    """
    assert ending in figure.formats()
    figure.draw(report, tmp_path / f"found{ending}")
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending]
    assert (tmp_path / f"found{ending}").read_bytes().startswith(start)


def test_an_unknown_format_is_refused(report, tmp_path):
    """What is not among the formats cannot be drawn, and leaves no file."""
    assert ".xyz" not in figure.formats()
    with pytest.raises(ValueError, match="xyz"):
        figure.draw(report, tmp_path / "found.xyz")
    assert not list(tmp_path.iterdir())
