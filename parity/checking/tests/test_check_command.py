"""`parity check`: somebody's code in a process of its own, what is said of it, and the
exit status.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from parity import screen
from parity.checking.tests.waiting import WAIT, until_it_waits
from parity.cli import commands
from parity.mistakes.diagnosis.finding import Finding
from parity.tests.command import run as parity
from parity.tests.main_job import Terminal

HOUSE = Path(screen.__file__).parent
ADAPTER = (HOUSE / "checking" / "templates" / "adapter.py.txt").read_text(encoding="utf-8")
RIGHT_LOOP = "delta.insert(0, delta[0] @ weights * activation * (1 - activation))"


@pytest.fixture
def write(tmp_path):
    """Write a program into a file, and get its path."""

    def written(text, name="net.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return written


# in a process


def test_a_right_program_exits_0_and_the_command_needs_numpy_alone(tmp_path):
    """The adapter that --init writes is right as it stands; the whole command loads
    nothing but NumPy, in a new process.
    """
    file = tmp_path / "mine.py"
    status, out, _ = parity("check", "--init", str(file))
    assert (status, out) == (
        0,
        (
            f"{file} is written, with a network that is right. Put yours in its place, then: "
            f"parity "
            f"check {file}\n"
        ),
    )
    assert file.read_text(encoding="utf-8") == ADAPTER
    blocked = ("torch", "sklearn", "scipy", "matplotlib", "rich", "threadpoolctl", "pytest")
    code = (
        f"import sys; sys.modules |= dict.fromkeys({blocked}); from parity.cli import main; "
        f"sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=HOUSE.parent,
    )
    assert (done.returncode, done.stderr) == (0, "")
    blank, *lines, last = done.stdout.splitlines()
    limits = (
        "Tried: 1, 2 and 3 hidden layers; 1, 5, 7, 11 and 13 samples; 3 and 7 steps; hidden "
        "sigmoid; output sigmoid; mse; sgd; float64. Not shown by your program: z. A "
        "mistake there is found only where it changes something that is shown."
    )
    assert (blank, " ".join(lines)) == ("", f"{limits} ")
    assert last.startswith(f"RIGHT. {file}: ")


def test_a_wrong_program_exits_1_with_its_mistake_and_writes_it(write, tmp_path):
    """The report is printed, the verdict last, and the file holds the findings."""
    file = write(ADAPTER.replace(RIGHT_LOOP, "delta.insert(0, delta[0] @ weights)"))
    status, out, err = parity("check", file, "--json", str(tmp_path / "found.json"))
    assert (status, err) == (1, "")
    assert "\n1. hidden-derivative-missing\n   Where:     BP2 (hidden delta) of layer 1\n" in out
    assert "bounds otherwise" not in out
    _, out, _ = parity("check", file, "--verbose")
    assert re.search(r"\n   Measured:  delta of layer 1 is .*\n.* bounds otherwise\n", out)
    assert "\n   Published: https://" in out
    assert out.splitlines()[-1] == f"WRONG. {file}: 1 finding, in 8 tasks"
    written = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (written["passed"], [each["bug"] for each in written["findings"]]) == (
        False,
        ["hidden-derivative-missing"],
    )
    (finding,) = written["findings"]
    assert finding["sentence"].startswith(f"{finding['where']}: {finding['formula']}, expected ")
    assert all(finding[name] for name in ("happens", "why", "evidence", "measured", "sources"))


ENDS = {
    "exit": ("import os; os._exit(7)", "ended the process with exit status 7"),
    "silent exit": ("import os; os._exit(0)", "ended the process"),
    "signal": ("import os; os.kill(os.getpid(), 9)", "died of SIGKILL"),
    "endless wait": (WAIT, "did not come to an end within 3 seconds"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_program_that_never_returns_is_a_finding(write, monkeypatch, tmp_path, end):
    """In which task it was is said, and the tasks before are judged."""

    until_it_waits(monkeypatch, tmp_path)
    what, how = ENDS[end]
    file = write(
        ADAPTER.replace(
            "    shown = []\n",
            f"    shown = []\n    if len(case.steps[0].x) == 1:\n        {what}\n",
            1,
        )
    )
    status, out, err = parity("check", file, "--timeout", "3")
    assert (status, err) == (1, "")
    said = " ".join(out.split())
    assert f" You have: {how} in the task 'square layers, one sample' " in said
    assert "\n   Expected:  an answer for each step\n" in out
    assert out.endswith(f"\nWRONG. {file}: 1 finding, in 2 tasks\n")


def test_what_the_process_prints_does_not_get_in_the_way(write):
    """Printing is noted, reading finds nothing, and what lies beside the file can be
    imported.
    """
    write("from mine_too import nothing\n", "mine.py")
    write("nothing = 0\n", "mine_too.py")
    text = ADAPTER.replace(
        "    shown = []\n",
        "    shown = []\n    print('here')\n    import os, mine; os.write(1, b'lowest level')\n",
        1,
    )
    status, out, _ = parity("check", write(text))
    assert status == 0
    assert "\n1. A note\n   Where:     run\n   You have:  printed 'here'\n" in out
    assert "\n   Evidence:  In the tasks 'one hidden layer, 5 samples', " in out
    assert "lowest level" not in out
    _, out, _ = parity("check", write(text.replace("print('here')", "input()")))
    assert "\n   You have:  raised EOFError in net.py, line " in out


# without one


@pytest.mark.parametrize(
    ("is_terminal", "columns", "wide"),
    [(False, 60, 88), (True, 60, 60), (True, 300, 88), (True, 0, 88)],
)
def test_text_is_as_wide_as_the_terminal(monkeypatch, is_terminal, columns, wide):
    """But no wider than reads well; in a file, or on a terminal that does not know its
    width, as wide as that.
    """
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: is_terminal))
    monkeypatch.setattr(sys, "__stdout__", None)
    assert screen.width(88) == wide


UNUSABLE = {
    "no file": ("nowhere/net.py", None, "nowhere/net.py: there is no such file"),
    "no module": ("not_a_module", None, "not_a_module: there is no such file or module"),
    "hidden": (
        "parity.not_a_module",
        None,
        "parity.not_a_module: parity is hidden from what it checks",
    ),
    "no submodule": (
        "json.not_a_module",
        None,
        "json.not_a_module: there is no such file or module",
    ),
    "no name": ("{}:train", "", "{}: has no train, expected a function run(case)"),
    "nothing": ("{}", "", "{}: has no run, expected a function run(case), gradient or step"),
    "no function": ("{}", "run = 3", "{}: run has type int, expected a function"),
    "no import": (
        "{}",
        "import not_a",
        "{}: importing it raised ModuleNotFoundError in net.py, line 1 (No module named 'not_a')",
    ),
    "exit": (
        "{}",
        "raise SystemExit(0)",
        "{}: importing it raised SystemExit in net.py, line 1 (0)",
    ),
    "error": (
        "{}",
        "\n1 / 0",
        "{}: importing it raised ZeroDivisionError in net.py, line 2 (division by zero)",
    ),
    "syntax": (
        "{}",
        "\ndef run(case)\n    return []",
        "{}: importing it raised SyntaxError in net.py, line 2 (expected ':')",
    ),
    "indentation": (
        "{}",
        "def run(case):\nreturn []",
        "{}: importing it raised IndentationError in net.py, line 2 (expected an indented block",
    ),
    "null byte": ("{}", "\x00", "{}: importing it raised SyntaxError (source code string cannot "),
    "error in a library": (
        "{}",
        "import json\njson.loads('x')",
        "{}: importing it raised JSONDecodeError in net.py, line 2 (Expecting value",
    ),
    "declaration": (
        "{}",
        "layout = 'x'\ndef run(case): ...",
        "declaration: layout has 'x', expected one of out_in, in_out",
    ),
    "odd declaration": (
        "{}",
        "sizes = 3\ndef run(case): ...",
        "declaration: sizes has (3,), expected at least two integers >= 1",
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_cannot_be_run_exits_2(write, what):
    """On standard error, with nothing printed but the header."""
    target, text, sentence = UNUSABLE[what]
    file = write(text or "")
    status, _, err = parity("check", target.format(file))
    assert status == 2
    assert err.startswith(f"parity: {sentence.format(file)}")
    assert err.count("\n") == 1


def test_a_line_of_another_file_that_cannot_be_read_is_named(write):
    """With the file in which it stands."""
    write("\n\nx =\n", "beside.py")
    status, _, err = parity("check", write("import beside"))
    assert (status, "raised SyntaxError in beside.py, line 3 (invalid syntax)" in err) == (2, True)


def test_the_name_is_looked_for(write):
    """`run` by default, else `gradient` or `step`; any other by name."""
    gradient = "def gradient(W, b, x, y):\n    return backward(W, forward(W, b, x), y)[:2]\n"
    names = ADAPTER.replace("def run(", "def mine(")
    assert parity("check", write(names) + ":mine")[0] == 0
    assert parity("check", write(names))[0] == 2
    status, out, _ = parity("check", write(f"{names}\n\n{gradient}"))
    assert (
        status,
        "Not shown by your program: loss, z, a, delta. A mistake there" in out,
    ) == (0, True)
    step = (
        "def step(W, b, x, y, lr):\n    dW, db = gradient(W, b, x, y)\n    return [w - lr * g "
        "for w, g in zip(W, dW)], b\n"
    )
    status, out, _ = parity("check", write(f"{names}\n\n{gradient}\n\n{step}") + ":step")
    assert (status, "z, a, delta, dW, db" in out) == (1, True)


def test_the_report_is_wrapped(write, monkeypatch):
    """To the width of the terminal: findings, and what was not shown."""
    monkeypatch.setattr(commands, "width", lambda widest: widest - 30)
    file = write(ADAPTER.replace(RIGHT_LOOP, "delta.insert(0, delta[0] @ weights)"))
    _, out, _ = parity("check", file)
    _, findings = out.split("1. hidden-derivative-missing")
    *lines, _verdict = findings.splitlines()
    assert 50 < max(map(len, lines)) <= 58


def test_a_module_is_found_from_the_working_folder(write, tmp_path, monkeypatch):
    """As Python itself would find it."""
    write(ADAPTER, "somebodys_net.py")
    monkeypatch.chdir(tmp_path)
    assert parity("check", "somebodys_net")[0] == 0


def test_options_reach_the_check(write, monkeypatch):
    """--conventions and --hard; --strict fails what is another convention."""
    seen = []

    def diagnose(runs, conventions, tasks, *, explain):
        seen.append((len(runs), tuple(conventions)))
        return [Finding("c-1", "convention", where="C", formula="C = the sum")]

    monkeypatch.setattr("parity.checking.verdict.judgement.diagnose_runs", diagnose)
    file = write(ADAPTER)
    assert parity("check", file)[0] == 0
    status, out, _ = parity("check", file, "--strict", "--quiet")
    assert (status, out.startswith(f"WRONG by --strict. RIGHT. {file}: ")) == (1, True)
    parity("check", file, "--conventions", "decay-not-on-b")
    assert seen[:3] == [(8, ()), (8, ()), (8, ("decay-not-on-b",))]
    parity("check", write(f"{ADAPTER}\n\nconventions = 'decay-not-on-b'\n"))
    assert seen[-1] == (8, ())
    assert seen[-2] == (8, ("decay-not-on-b",))
    write(ADAPTER)
    for option in ([], ["--hard"]):
        parity("check", file, *option)
    assert seen[-1][0] > seen[-2][0]
    status, _, err = parity("check", file, "--conventions", "mine")
    assert (
        status,
        err.startswith("parity: declaration: conventions has 'mine', expected one of "),
    ) == (2, True)


def test_a_mistake_is_explained_in_numbers(write, tmp_path):
    """By --explain, and not without it; --quiet prints the last line alone, and the
    JSON has the numbers.
    """
    file = write(ADAPTER.replace(RIGHT_LOOP, "delta.insert(0, delta[0] @ weights)"))
    results = tmp_path / "results.json"
    plain, out = (parity("check", file, *option)[1] for option in ((), ("--explain",)))
    assert "In numbers" not in plain
    assert "   In numbers, for step 1 of 'square layers, one sample', layer 1: " in out
    headings = ("delta^2 (1 x 3)", "W^2 (3 x 3)", "your delta^1 (1 x 3)", "the right delta^1 (1 x")
    assert [heading for heading in headings if f"   {heading}" not in out] == []
    assert "   By hand, delta^1[0, 0] by the right formula:\n" in out
    quiet = parity("check", file, "--explain", "--quiet", "--json", str(results))[1]
    assert quiet.splitlines() == out.splitlines()[-1:]
    (example,) = [each["example"] for each in json.loads(results.read_text())["findings"]]
    assert (example["equation"], example["layer"], example["step"]) == ("BP2", 1, 1)
    assert [each["symbol"] for each in example["reads"]] == ["delta^2", "W^2", "z^1", "a^1"]


def test_an_adapter_is_never_overwritten(write):
    """What is there stays."""
    file = write("mine")
    status, out, err = parity("check", "--init", file)
    assert (status, out, err) == (
        2,
        "",
        f"parity: check: --init has {file}, which exists, expected a new file\n",
    )
    with open(file, encoding="utf-8") as kept:  # noqa: PTH123 - a str
        assert kept.read() == "mine"


REFUSED = "--timeout 0, --timeout x, --timeout nan, --seed x, b, --exec b, --init b"


@pytest.mark.parametrize(
    "argv",
    [
        "",
        "a --timeout 0",
        "a --timeout x",
        "a --timeout nan",
        "a --seed x",
        "a --exec b",
        "a --init b",
    ],
)
def test_unusable_arguments_exit_2(argv):
    """They are refused on standard error before anything is run."""
    status, out, err = parity("check", *argv.split())
    assert (status, out) == (2, "")
    assert "parity check: error: " in err or "parity: error: " in err


def test_a_process_that_dies_while_importing_is_unusable(write):
    """There is nothing to judge."""
    file = write("import os; os._exit(3)")
    assert parity("check", file)[::2] == (
        2,
        f"parity: {file}: importing it ended the process with exit status 3\n",
    )


def test_progress_is_shown_while_it_runs(write, monkeypatch):
    """On a terminal by a bar; elsewhere by a line from time to time, where it takes
    long; not at all when quiet.
    """
    file = write(ADAPTER)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    out = parity("check", file, out=Terminal())[1]
    assert "7/8" in out
    assert "square layers, one sample" in out
    monkeypatch.setattr(screen, "PATIENCE", -1.0)
    first, second, *_, last, _ = parity("check", file)[1].splitlines()
    assert (first, second) == (
        "task 1 of 8: one hidden layer, 5 samples",
        "task 2 of 8: two hidden layers, 11 samples, 7 in the last batch",
    )
    assert last == ""
    assert len(parity("check", file, "--quiet")[1].splitlines()) == 1
