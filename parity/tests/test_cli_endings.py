"""However the command line ends, and whatever it prints to, there is one sentence, and
an exit status that is no verdict by mistake.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import parity
from parity.cli import command_line
from parity.tests.command import run

HOUSE = Path(parity.__file__).parent.parent
RIGHT = HOUSE / "parity" / "checking" / "templates" / "adapter.py.txt"
FULL = Path("/dev/full")


def shell(text, *arguments, **environment):
    """Exit status, standard output and standard error of a line of a shell, in which
    `$parity` is the command.
    """
    line = f"parity='{sys.executable} -m parity'; {text}"
    here = os.environ | {"PYTHONPATH": str(HOUSE)} | environment
    done = subprocess.run(
        ["bash", "-c", line, "bash", *map(str, arguments)],  # noqa: S607 - whichever there is
        capture_output=True,
        check=False,
        env=here,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def net(tmp_path):
    """A right program in a file of an odd name."""
    file = tmp_path / "nätz\x1b[31m\n.py"
    file.write_text(RIGHT.read_text(encoding="utf-8"), encoding="utf-8")
    return file


BUG = "parity: this is a mistake of parity's own; please report it\n"


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, AssertionError])
def test_a_mistake_of_parity_s_own_is_no_verdict(monkeypatch, error):
    """What went wrong is shown, and the exit status is none of the three."""

    def broken(arguments):
        raise error("here")

    monkeypatch.setattr(command_line, "_perform", broken)
    status, out, err = run("check", "net.py")
    assert (status, out) == (70, "")
    assert err.startswith("Traceback ")
    assert err.endswith(f"{error.__name__}: here\n{BUG}")


def test_ctrl_c_is_one_sentence(monkeypatch):
    """With the exit status that a shell gives it."""

    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "_perform", interrupted)
    assert run("run") == (130, "", "parity: interrupted\n")


def test_an_error_without_a_file_is_named(monkeypatch):
    """As when there can be no more processes."""

    def failing(arguments):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(command_line, "_perform", failing)
    assert run("run") == (2, "", "parity: Resource temporarily unavailable\n")


CLOSED = "parity: standard output is closed, expected somewhere to print to\n"
NO_SPACE = "No space left on device"
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full, which is Linux's")


def test_a_closed_standard_output_is_one_sentence(net):
    """On standard error; where that is closed too, on neither."""
    assert shell('$parity check "$1" >&-', net) == (2, "", CLOSED)
    assert shell('$parity check "$1" >&- 2>&-', net) == (2, "", "")


@needs_full
def test_a_full_disk_is_one_sentence(net):
    """Whether it is the report or the JSON that finds no room."""
    assert shell('$parity check "$1" > /dev/full', net) == (
        2,
        "",
        f"parity: standard output: {NO_SPACE}\n",
    )
    status, _, err = shell('$parity check "$1" --json /dev/full', net)
    assert (status, err) == (2, f"parity: /dev/full: {NO_SPACE}\n")


READ = 'cat "$2" > "$2.out" & timeout 60 $parity check --quiet "$1" --json "$2" > "$2.said"'


def test_a_pipe_is_a_place_for_results(net, tmp_path):
    """Which are read there as they are written, once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    status, out, err = shell(f'{READ}; status=$?; cat "$2.out"; exit $status', net, pipe)
    assert (status, json.loads(out)["passed"], err) == (0, True, "")


def test_how_a_program_ended_is_known_in_any_case(net):
    """Also where whoever started parity had the ends of children ignored."""
    net.write_text("import os; os._exit(3)", encoding="utf-8")
    code = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    code += (
        "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'parity', *sys.argv[1:]])"
    )
    status, _, err = shell(f'{sys.executable} -c "$1" check "$2"', code, net)
    assert (status, "ended the process with exit status 3" in err) == (2, True)


@pytest.mark.parametrize("name", ["random", "numpy", "threading", "refnet", "ctypes"])
def test_a_file_may_be_named_like_a_module(tmp_path, name):
    """Where `python -m parity` is called in its folder, where Python looks first."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')", encoding="utf-8")
    status, out, err = shell('cd "$1"; $parity check "$2".py', tmp_path, name)
    assert (status, out) == (2, "")
    assert err == f"parity: {name}.py: importing it raised SystemExit in {name}.py, line 1 (mine)\n"


def test_nobody_reads_on(net):
    """As in `parity check FILE | true`: no word, no traceback."""
    status, _, err = shell('$parity check "$1" | true; exit ${PIPESTATUS[0]}', net)
    assert (status, err) == (2, "")


ASCII = {
    "an old locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "an encoding that is asked for": {"PYTHONIOENCODING": "ascii"},
}


@pytest.mark.parametrize("how", ASCII)
def test_what_a_stream_cannot_encode_is_escaped(net, how):
    """And so is what would steer a terminal, here and in the sentence on an error."""
    status, out, err = shell('$parity check --quiet "$1"', net, **ASCII[how])
    assert (status, err) == (0, "")
    assert r"\x1b[31m\n.py: 580 arrays of 8 tasks" in out
    assert out.isascii()
    status, _, err = shell('$parity check --quiet "$1"', f"{net}x.py", **ASCII[how])
    assert (status, err.isascii(), err.count("\n")) == (2, True, 1)
    assert err.endswith(r"\x1b[31m\n.pyx.py: there is no such file" + "\n")


def test_what_would_steer_a_terminal_is_escaped_in_arguments():
    """By the parser, too, which prints them again."""
    for argv in (["run", "a", "\x1b[31mb"], ["\x1b[31mb"], ["check", "--timeout", "\x1b[31m"]):
        status, out, err = run(*argv)
        assert (status, out, "\x1b" in err, r"\x1b[31m" in err) == (2, "", False, True)
