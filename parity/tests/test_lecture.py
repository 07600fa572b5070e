"""The lecture in examples/exercises runs from top to bottom, and prints what stands in
it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.tests import lecture_cells
from parity.tests.lessons.scripts import FOLDER, in_a_checkout

LECTURE = FOLDER / "exercises" / "lecture.ipynb"
pytestmark = in_a_checkout
# a cell of a notebook, and what it has in the format, version 4.5
FIELDS = {
    "markdown": {"cell_type", "id", "metadata", "source"},
    "code": {"cell_type", "execution_count", "id", "metadata", "outputs", "source"},
}


@pytest.fixture(scope="module")
def notebook():
    return json.loads(LECTURE.read_text(encoding="utf-8"))


def text_of(cells, kind):
    """The source of each cell of a kind."""
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def stored(cell):
    """What a cell has printed, and the text of its last expression, if it has one."""
    printed, value = "", ""
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            printed += "".join(output["text"])
        else:
            assert output["output_type"] == "execute_result"
            assert set(output["data"]) == {"text/plain"}
            value = "".join(output["data"]["text/plain"])
    return [printed, value]


def test_the_format_is_that_of_a_notebook(notebook):
    """Version 4.5, with an id for each cell, and numbers in order."""
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert [set(cell) for cell in cells] == [FIELDS[cell["cell_type"]] for cell in cells]
    assert all(re.fullmatch(r"[\w-]{1,64}", cell["id"]) for cell in cells)
    assert len({cell["id"] for cell in cells}) == len(cells) <= 25
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == [*range(1, len(counts) + 1)]


def given_by(sources, file):
    """What cells print, and give, in one new process."""
    file.write_text(lecture_cells.program(sources), encoding="utf-8")
    process = subprocess.run(
        [sys.executable, file],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"PYTHONPATH": str(FOLDER.parent)},
    )
    assert process.stderr == ""
    return lecture_cells.performed(process.stdout)


def test_its_cells_print_what_stands_below_them(notebook, tmp_path):
    """All of them, in order."""
    assert given_by(lecture_cells.code_of(LECTURE), tmp_path / "lecture.py") == [
        stored(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"
    ]


def test_a_cell_gives_its_last_expression(tmp_path):
    """As in a notebook; what a function prints, too, which gives nothing."""
    sources = ["a = 1\nprint(a)\na + 1", "a = 3", "print(a)", "# nothing"]
    given = [["1\n", "2"], ["", ""], ["3\n", ""], ["", ""]]
    assert given_by(sources, tmp_path / "cells.py") == given


def test_its_links_and_commands_are_true(notebook):
    """Each file exists, each mistake is in the catalogue."""
    text = "\n".join(text_of(notebook["cells"], "markdown"))
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links
    assert [link for link in links if not (LECTURE.parent / link).exists()] == []
    assert [bug for bug in re.findall(r"`parity bugs ([\w-]+)`", text) if bug not in BY_ID] == [
        "--list"
    ]


def test_it_is_small_and_plain(notebook):
    """Nothing but Python and text."""
    assert Path(LECTURE).stat().st_size < 40_000
    code = "\n".join(text_of(notebook["cells"], "code"))
    assert not re.search(r"^\s*[%!]", code, re.MULTILINE)
    for word in ("BP1", "BP2", "BP3", "BP4"):
        assert word in code
