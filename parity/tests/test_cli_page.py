"""`parity page`: what it writes, prints and opens, and what it refuses."""

import json
import subprocess
import sys

import pytest

from parity.page.writing import SWITCHED, examples, page_text
from parity.tests.command import WITHOUT, run
from parity.tests.main_job import Terminal


@pytest.fixture
def asked(monkeypatch):
    """The addresses that the browser is asked to open; it opens all of them."""
    addresses = []
    monkeypatch.setattr("webbrowser.open", lambda address: not addresses.append(address))
    return addresses


def test_it_writes_the_page_and_says_where(tmp_path, asked):
    """With every example and every mistake; nothing is opened where nobody looks."""
    file, results = tmp_path / "page.html", tmp_path / "results.json"
    status, out, err = run("page", str(file), "--json", str(results))
    verdict = (
        f"{file} has the page: 3 examples and {len(SWITCHED)} mistakes to switch on; open it in a "
        "browser"
    )
    titles = [scene["title"] for scene in examples()]
    assert (status, err) == (0, "")
    assert out.splitlines() == ["", *titles, "", verdict]
    assert file.read_text(encoding="utf-8") == page_text(examples())
    written = json.loads(results.read_text(encoding="utf-8"))
    assert (written["passed"], written["verdict"], written["opened"]) == (True, verdict, False)
    assert written["file"] == str(file)
    assert written["examples"] == titles
    assert written["mistakes"] == [*SWITCHED]
    assert asked == []


def test_by_default_it_lies_in_this_folder(tmp_path, monkeypatch, asked):
    """A browser that is confined reads what lies in the user's folders, and nothing in
    that for temporary files.
    """
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("page", "--quiet")
    assert (status, out.partition(" has ")[0]) == (0, "backpropagation.html")
    assert [file.name for file in tmp_path.iterdir()] == ["backpropagation.html"]


@pytest.mark.parametrize(
    ("options", "is_terminal", "is_opened"),
    [
        ((), True, True),
        ((), False, False),
        (("--open",), False, True),
        (("--no-open",), True, False),
    ],
)
def test_it_is_opened_on_a_terminal_or_as_asked(tmp_path, asked, options, is_terminal, is_opened):
    """By its address, with blanks and all."""
    file = tmp_path / "a page.html"
    out = Terminal() if is_terminal else None
    status, text, _ = run("page", "--quiet", str(file), *options, out=out)
    assert status == 0
    assert asked == [file.as_uri()] * is_opened
    assert ("the browser has it" in text) is is_opened


def test_without_a_browser_it_says_so(tmp_path, monkeypatch):
    """And that is no failure: the file is there."""
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    status, out, _ = run("page", "--quiet", str(tmp_path / "page.html"), "--open")
    assert status == 0
    assert out.endswith("; open it in a browser\n")


@pytest.mark.parametrize(
    ("path", "problem"),
    [(".", "Is a directory"), ("missing/page.html", "No such file or directory")],
)
def test_a_file_that_cannot_be_written_exits_2(tmp_path, asked, path, problem):
    """In one sentence; nothing is opened, and nothing left behind."""
    file = tmp_path / path
    assert run("page", str(file), "--open") == (2, "", f"parity: {file}: {problem}\n")
    assert (asked, [*tmp_path.iterdir()]) == ([], [])


def test_it_needs_no_pytorch(tmp_path):
    """NumPy is enough."""
    given = ["torch", "page", str(tmp_path / "page.html"), "--no-open"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *given], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
