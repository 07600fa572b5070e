"""What cannot be used is refused in one sentence, at once, with exit status 2."""

import io
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from parity import cli
from parity.tests.command import WITHOUT, run
from parity.tests.main_job import once

pytestmark = pytest.mark.usefixtures("_little_to_do")


@pytest.mark.parametrize(
    "argv",
    [
        "--epochs 0",
        "--epochs -1",
        "--epochs x",
        "--epochs 2.5",
        "--seed -1",
        "--seed x",
        "--frobnicate",
        "walk",
        "--json",
        "--plot",
    ],
)
def test_unusable_arguments_exit_2(argv):
    """Arguments that make no sense are refused on standard error before anything is
    printed.
    """
    status, out, err = run("run", *argv.split())
    assert (status, out) == (2, "")
    assert re.search(r"^parity( run)?: error: .+$", err, re.MULTILINE)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("option", "path", "problem"),
    [
        ("--json", ".", "Is a directory"),
        ("--json", "missing/found.json", "No such file or directory"),
        ("--plot", "folder.png", "Is a directory"),
        ("--plot", "missing/found.png", "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_written_exits_2_at_once(tmp_path, option, path, problem):
    """It is one sentence on standard error, before the work and not after it, and
    nothing is left behind.
    """
    (tmp_path / "folder.png").mkdir()
    file, other = tmp_path / path, tmp_path / "other"
    more = ["--json", str(other)] if option == "--plot" else []
    assert run("run", *more, option, str(file)) == (2, "", f"parity: {file}: {problem}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize(
    ("name", "ending"), [("found.xyz", ".xyz"), ("found", ""), ("found.json", ".json")]
)
def test_a_picture_of_unknown_format_exits_2_at_once(tmp_path, name, ending):
    """It is one sentence that lists what is known, before the work, and no file is left
    behind.
    """
    status, out, err = run("--plot", str(tmp_path / name))
    assert (status, out) == (2, "")
    refusal = re.escape(f"parity: {tmp_path / name}: format has {ending!r}, expected one of ")
    known = re.fullmatch(rf"{refusal}((?:\.\w+, )*\.\w+)\n", err)
    assert {".png", ".svg", ".pdf"} < set(known[1].split(", "))
    assert not list(tmp_path.iterdir())


def test_a_closed_pipe_ends_it_without_a_word():
    """Where nobody reads on, as in `parity | head`, the job ends; it is no one's
    mistake.
    """

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    err = io.StringIO()
    with redirect_stdout(Closed()), redirect_stderr(err):
        status = cli.main(["--epochs", "1"])
        if not isinstance(sys.stdout, Closed):  # where what is left to flush goes
            sys.stdout.close()
    assert (status, err.getvalue()) == (2, "")


@pytest.mark.parametrize(
    ("module", "name", "command"),
    [
        ("torch", "PyTorch", "run"),
        ("sklearn", "scikit-learn", "run"),
        ("torch", "PyTorch", "soundness"),
        ("torch", "PyTorch", "power"),
    ],
)
def test_without_a_package_it_exits_2_with_one_sentence(tmp_path, module, name, command):
    """What is missing and the command that installs it, on standard error, before
    anything is printed or written.
    """
    given = [module, command, "--json", str(tmp_path / "found.json")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *given], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == f'parity: parity {command} needs {name}: python -m pip install -e ".[parity]"\n'
    )
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_a_picture_exits_2_with_one_sentence(tmp_path, monkeypatch):
    """A picture that cannot be drawn is refused before the work; without --plot nobody
    needs matplotlib.
    """
    for name in ("matplotlib", *(name for name in sys.modules if name.startswith("matplotlib."))):
        monkeypatch.setitem(sys.modules, name, None)
    sentence = 'parity: parity run needs matplotlib: python -m pip install -e ".[plot]"\n'
    assert run("--plot", str(tmp_path / "found.png"), "--json", str(tmp_path / "found.json")) == (
        2,
        "",
        sentence,
    )
    assert not list(tmp_path.iterdir())
    assert once("--quiet")[0] == 0


def test_a_seed_that_scikit_learn_cannot_take_is_unusable():
    """It is unusable input, not a disagreement."""
    status, out, err = run("--seed", str(2**32))
    assert (status, out) == (2, "")
    assert f"has {2**32}, expected an integer from 0 to {2**32 - 1}" in err
