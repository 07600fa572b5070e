"""The scripts in examples/: every figure of a text is the one computed, or an erratum
that says so.
"""

import ast
import os
import re
import subprocess
import sys

import pytest

from parity.tests.lessons import FIGURES
from parity.tests.lessons.scripts import (
    FOLDER,
    SHARED,
    every_script,
    importable,
    in_a_checkout,
    module,
    pictures,
    rows,
    sections_of,
    source,
    text_of,
)

__all__ = ["importable"]
pytestmark = [in_a_checkout, pytest.mark.usefixtures("importable")]
WIDTH = 80  # of the screen
COPY = "## Our copy reads"


def test_the_table_has_every_script():
    """No script of the folder is left out."""
    assert set(FIGURES) == {file.stem for file in FOLDER.glob("*.py")}


@every_script
def test_every_row_is_right_or_off_where_an_erratum_says_so(script):
    """Written with the digits of the text, what is computed is what is printed, and
    what is claimed holds; where the text is off, it does not.
    """
    assert [str(row) for row in rows(script) if not row.as_expected] == []


@every_script
def test_no_row_is_lost_and_what_is_right_is_computed(script):
    """The rows, as counted once by hand; beside an erratum, or a draw of chance, stands
    what is right.
    """
    given = rows(script)
    judged = [row for row in given if hasattr(row, "erratum")]
    off = [row.shown for row in judged if row.erratum or row.chance]
    assert (len(given), off) == FIGURES[script]


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


@every_script
def test_a_row_compares_numbers(script):
    """A word beside the same word shows nothing: what is computed has a digit in it."""
    shown = [row.shown for row in rows(script) if hasattr(row, "shown")]
    assert [it for it in shown if not re.search(r"\d", it)] == []


@every_script
def test_a_section_has_something_to_show(script):
    """Each has a heading and a function that the command line can name."""
    assert all(heading and items for heading, items in sections_of(script).items())
    names = [section.__name__ for section in module(script).SECTIONS.values()]
    defined = [it.name for it in ast.parse(source(script)).body if isinstance(it, ast.FunctionDef)]
    assert [name for name in defined if name in names] == names  # in the text's order


@every_script
def test_a_script_is_a_command(script):
    """It says what it runs and how it is called, runs that, and leaves with its exit
    status.
    """
    tree = ast.parse(source(script))
    assert f"python examples/{script}.py" in ast.get_docstring(tree)
    guard, call = ast.unparse(tree.body[-1]).split("\n    ", 1)
    assert guard == "if __name__ == '__main__':"
    assert re.fullmatch(r"raise SystemExit\((main\(\)|run\(.*\))\)", call)


@every_script
def test_no_line_is_wider_than_the_screen(script, capsys):
    """What a script prints has at most 80 columns."""
    told = {heading: lambda items=items: items for heading, items in sections_of(script).items()}
    module("lesson").perform(script, module(script).TITLE, told)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 10
    assert [line for line in lines if len(line) > WIDTH] == []


@every_script
def test_a_script_does_without_its_docstrings(script):
    """`python -OO` takes them away, so nothing that is printed may come from one."""
    names = {node.id for node in ast.walk(ast.parse(source(script))) if isinstance(node, ast.Name)}
    assert "__doc__" not in names


@every_script
def test_a_script_draws_nothing(script):
    """Its pictures stand apart, so that what remains can be read."""
    assert not re.search(r"matplotlib|refnet\.plot", source(script))
    assert len(source(script).splitlines()) <= 400


@every_script
def test_what_is_not_installed_everywhere_is_asked_for(script):
    """Scikit-learn and PyTorch are imported where their absence ends in a sentence."""
    tree = ast.parse(source(script))
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    top |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in top} <= {
        *sys.stdlib_module_names,
        "numpy",
        "parity",
        "refnet",
        *SHARED,
        *FIGURES,
    }


def python(*arguments):
    """Exit status, standard output and error of a new process in another folder."""
    here = os.environ | {"PYTHONPATH": str(FOLDER.parent)}
    process = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=here,
        cwd=FOLDER.anchor,
    )
    return process.returncode, process.stdout, process.stderr


def test_a_script_runs_from_anywhere(tmp_path):
    """`python FILE --plot DIR` tells its sections, draws its pictures, ends with 0."""
    status, out, err = python(FOLDER / "khan_or_gate.py", "--plot", tmp_path)
    assert (status, err) == (0, "")
    assert "the text" in out
    wrote = [
        str(tmp_path / f"{name}.{kind}")
        for name in pictures("khan_or_gate")
        for kind in ("png", "svg")
    ]
    assert re.findall(r"^wrote (.*)$", out, re.MULTILINE) == wrote


def test_a_script_prints_the_same_without_docstrings_and_asserts():
    """`python -OO FILE` is `python FILE`."""
    script = FOLDER / "khan_or_gate.py"
    assert python("-OO", script) == python(script)
