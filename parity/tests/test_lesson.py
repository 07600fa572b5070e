"""examples/lesson: rows, tables and the command line of the scripts."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from parity.tests.lessons.scripts import importable, in_a_checkout, module

__all__ = ["importable"]
pytestmark = [in_a_checkout, pytest.mark.usefixtures("importable")]
WRITTEN = {  # printed, computed: as it is written here
    ("0.8354", 0.83545651): "0.8355",
    ("[-0.044, -0.035]", (-0.0441, -0.03491)): "[-0.044, -0.035]",
    (".5", 0.5): ".5",
    ("-.125", -0.125): "-.125",
    ("1e75", 1e75): "1e75",
    ("3.42e50", 3.409e50): "3.41e50",
    ("5e-10", 5e-10): "5e-10",
    ("10^75", (10, 75)): "10^75",
    ("(1797, 64)", (1797, 64)): "(1797, 64)",
    ("0. , -0.33501649", (0.0, -0.335016491)): "0. , -0.33501649",
    ("86 %", 89.01): "89 %",
    ("0.000", -0.0001): "0.000",
    ("+10", 10): "+10",
    ("+10", -10): "-10",
    ("1371180", 1371180): "1371180",
    ("x3 = 2", 2): "x3 = 2",
}


@pytest.mark.parametrize(("printed", "got"), WRITTEN)
def test_a_figure_is_written_as_the_text_writes_it(printed, got):
    """With the same digits and punctuation; a last digit more or less is another
    figure.
    """
    assert module("lesson.digits").as_printed(got, printed) == WRITTEN[printed, got]
    row = module("lesson").Printed("it", printed, got)
    assert row.agrees is (WRITTEN[printed, got] == printed)


def test_a_figure_has_a_number_for_each_one_printed():
    """More of them, or fewer, are another figure."""
    with pytest.raises(ValueError, match=r"^got has 2 numbers, expected 1 as in '0\.5'$"):
        module("lesson.digits").as_printed([1.0, 2.0], "0.5")


def kinds():
    """A row that is right and one that is off, of each kind with an erratum."""
    lesson = module("lesson")
    return [
        (lesson.Printed("it", "0.5", 0.5), lesson.Printed("it", "0.5", 0.6)),
        (lesson.Expected("it", "0.5", 0.5), lesson.Expected("it", "0.5", np.nan)),
        (
            lesson.Claim("it grows", "by 2", holds=True),
            lesson.Claim("it grows", "by -2", holds=False),
        ),
        (lesson.Copy("it grows", "by 2", holds=True), lesson.Copy("it grows", "2", holds=False)),
    ]


def told(*rows):
    """The exit status of a script with these rows."""
    return module("lesson").perform("it.py", "About.", {"Section": lambda: rows})


def test_what_is_not_as_expected_fails():
    """A row that is off without an erratum, and an erratum that is none, end in exit
    status 1; a draw of chance may be off.
    """
    for right, off in kinds():
        assert [told(right), told(off), told(right, off), told(off, right)] == [0, 1, 1, 1]
        noted = {"erratum": "somebody-is-off"}
        assert [told(replace(off, **noted)), told(replace(right, **noted))] == [0, 1]
        assert told(replace(off, chance="unseeded")) == 0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (0.1 + 0.2, 0.3, True),
        ([1.0, 2.0], [1.0, 2.0], True),
        (1.0, 1.0 + 1e-12, False),
        (np.nan, np.nan, False),
        (np.inf, np.inf, False),
        ([1.0], 1.0, False),
        ([[1.0], [1.0]], [1.0, 1.0], False),
    ],
)
def test_two_ways_are_the_same_to_twelve_digits(one, other, expected):
    """Of the same shape, and finite."""
    with np.errstate(invalid="ignore"):
        assert module("lesson").Same("it", one, other).as_expected is expected


def test_the_tables_mark_what_is_off(capsys):
    """Below an erratum stands its name, and the computed value has three more digits;
    a table has heads, and another kind of row begins another one.
    """
    lesson = module("lesson")
    figure = lesson.Printed("output", "0.8354", 0.83545651, erratum="somebody-truncates")
    items = [
        "A sentence.\n  z = W x",
        figure,
        replace(figure, what="other", erratum=""),
        lesson.Claim("it grows steadily, and in each of its many steps", "1 to 2", holds=True),
        lesson.Same("two ways", [0.5, 0.25], [0.5, 0.25]),
        lesson.Same("many", np.ones(9), np.ones(9)),
        "The end.",
    ]
    assert module("lesson.telling").tell({"2.1 Output": lambda: items}) is False
    assert capsys.readouterr().out.splitlines() == [
        "",
        "2.1 Output",
        "----------",
        "A sentence.",
        "  z = W x",
        "",
        f"  {'':<39}  {'the text':<17}  computed",
        f"  {'output':<39}  {'0.8354':<17}  0.8354565",
        "      erratum somebody-truncates",
        f"  {'other':<39}  {'0.8354':<17}  0.8354565",
        "      <- NOT EXPECTED",
        "",
        f"  {'claim':<44}  computed",
        f"  {'it grows steadily, and in each of its many':<44}  1 to 2",
        "  steps",
        "",
        f"  {'':<39}  {'':<17}  largest difference",
        f"  {'two ways':<39}  {'0.5000 0.2500':<17}  0",
        f"  {'many':<39}  {'':<17}  0",
        "",
        "The end.",
        "",
        "examples/ERRATA.md says what each erratum is, and what is right.",
    ]


def first():
    """A section."""
    yield "The first."


def second():
    """Another one."""
    yield "The second."


SECTIONS = {"One": first, "Two": second}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "The first. The second."),
        (("second",), "The second."),
        (("second", "first"), "The first. The second."),
    ],
)
def test_sections_are_told_by_the_name_of_their_function(asked, said, monkeypatch, capsys):
    """All of them, or those that are asked for, in the order of the text."""
    monkeypatch.setattr(sys, "argv", ["it.py", *asked])
    assert module("lesson").run("it.py", "About.", SECTIONS) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line for line in lines if line.startswith("The")) == said


def test_a_section_that_is_not_there_is_refused(monkeypatch, capsys):
    """With the names of those that are; and `--help` lists them with their headings."""
    monkeypatch.setattr(sys, "argv", ["it.py", "third"])
    with pytest.raises(SystemExit, match="2"):
        module("lesson").run("it.py", "About.", SECTIONS)
    error = capsys.readouterr().err
    assert error.endswith("section: there is no third, expected first, second\n")
    monkeypatch.setattr(sys, "argv", ["it.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        module("lesson").run("it.py", "About.", SECTIONS)
    assert f"  {'second':<26} Two\n" in capsys.readouterr().out


def test_what_is_not_installed_ends_in_a_sentence(monkeypatch, capsys):
    """With the command that installs it, and exit status 2."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr(sys, "argv", ["folder/it.py"])
    with pytest.raises(SystemExit, match="2"), module("lesson").wanted("parity"):
        import sklearn.datasets  # noqa: F401 - it is not there
    assert (
        capsys.readouterr().err
        == 'it.py needs scikit-learn: python -m pip install -e ".[parity]"\n'
    )
