"""The README is true: its examples run, its commands are the ones CI runs, its table
shows what the program prints.
"""

import doctest
import re
from pathlib import Path

import pytest

from parity.steps.cases import CASES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def readme():
    """The text of the README: beside the package in a checkout, in the metadata where
    the package is installed.
    """
    path = ROOT / "README.md"
    if path.exists():
        return path.read_text(encoding="utf-8")
    from importlib.metadata import metadata

    return metadata("refnet").get_payload()


def test_the_examples_run(readme):
    """Every example gives what is printed below it, from the first to the last in one
    session.
    """
    source = "\n".join(re.findall(r"```python\n(.*?)```", readme, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(source, {}, "README", "README.md", 0)
    assert len(test.examples) > 20
    report = []
    results = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_the_number_of_cases_is_true(readme):
    """The README counts the cases of the table."""
    assert f"a table of {len(CASES)} cases" in readme


def test_the_two_commands_stand_in_it(readme):
    """A newcomer finds one command that runs the proof and one that runs the tests."""
    commands = re.findall(r"```sh\n(.*?)\n```", readme, re.DOTALL)
    assert commands == [
        'python -m pip install -c constraints.txt -e ".[parity]" && parity',
        (
            'python -m pip install -c constraints.txt -e ".[test]" && python -m pytest -n 2 --dist '
            "loadfile"
        ),
    ]


def test_the_equations_are_those_of_backprop(readme):
    """Each label of the legend stands in the README too."""
    import refnet.backprop

    for label in ("BP1", "BP2", "BP3", "BP4"):
        assert len(re.findall(rf"^\| {label} ", readme, re.MULTILINE)) == 1
        assert label in refnet.backprop.__doc__


def test_the_table_shows_what_the_program_prints(readme, trained):
    """The losses and accuracies of the first epochs are those of the main job at its
    default seed.
    """
    rows = re.findall(r"^ +([123]) +(\S+) +(\S+) +\S+ +(\S+) +(\S+)$", readme, re.MULTILINE)
    assert len(rows) == 3
    for row, pair in zip(rows, trained.epochs, strict=True):
        shares = (f"{pair.accuracy:.2%}", f"{pair.twin_accuracy:.2%}")
        assert row == (str(pair.number), row[1], row[2], *shares)
        assert [loss[:10] for loss in row[1:3]] == [
            f"{loss:.16f}"[:10] for loss in (pair.loss, pair.twin_loss)
        ]
