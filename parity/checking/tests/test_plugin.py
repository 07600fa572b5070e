"""The plugin of pytest, in runs of their own: what it collects, what a failure shows,
and that it imports nothing until it is used.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import parity
import refnet
from parity.checking.checker import cases_for
from parity.checking.tests.plain import PLAIN, train

ROOT = Path(parity.__file__).parent.parent
MARK = "@pytest.mark.parity("
PLUGIN = ("-p", "parity.checking.plugin")
# programs to test, beside the tests of each run
NETWORKS = """
from parity.checking.tests.plain import PLAIN, gradients, train as run

FEW = {**PLAIN, "sizes": (2, 3, 2), "batch": 4}

def wrong(case):
    for step in run(case):
        yield {**step, "loss": step["loss"] / 2}
"""


def pytest_run(folder, text, *arguments, plugin=PLUGIN, of="test_it.py"):
    """Exit status and output of pytest on a file of tests; of what is installed, it
    loads what is named alone.
    """
    (folder / "networks.py").write_text(NETWORKS, encoding="utf-8")
    if text:
        (folder / "test_it.py").write_text(text, encoding="utf-8")
    paths = os.pathsep.join((str(ROOT), str(folder)))
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": paths, "COLUMNS": "200"}
    given = [*plugin, "-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *given, of],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | own,
    )
    return done.returncode, done.stdout + done.stderr


def outcomes(output):
    """What became of each test, by its id."""
    return dict(re.findall(r"^test_it\.py::(\S.*?) (PASSED|FAILED|ERROR)", output, re.MULTILINE))


MARKED = """
import pytest
from networks import FEW, run, wrong

@pytest.mark.parity(run=run, **FEW)
def test_right(parity_case):
    parity_case.assert_correct()

@pytest.mark.parity(wrong, **FEW)
def test_wrong(parity_case):
    parity_case.assert_correct()

@pytest.mark.parity(run, hard=True, seed=3, **FEW)
class TestReport:
    def test_report(self, parity_case):
        report = parity_case.check()
        assert report.tasks == (str(parity_case),)

    def test_besides(self):
        pass
"""


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """What pytest says of them."""
    return pytest_run(tmp_path_factory.mktemp("marked"), MARKED, "-v")


def names(**options):
    """The names of the tasks of the plain program."""
    return [
        task.name
        for task in cases_for(train, **{**PLAIN, "sizes": (2, 3, 2), "batch": 4}, **options)
    ]


def test_each_task_is_a_test(marked):
    """Named like it; of a class and of a function, with what the mark is given."""
    status, output = marked
    tests = outcomes(output)
    assert status == 1
    assert [*tests] == [
        *(f"test_right[{name}]" for name in names()),
        *(f"test_wrong[{name}]" for name in names()),
        *(f"TestReport::test_report[{name}]" for name in names(hard=True, seed=3)),
        "TestReport::test_besides",
    ]
    failed = {name.partition("[")[0] for name, outcome in tests.items() if outcome == "FAILED"}
    assert failed == {"test_wrong"}


def test_a_failure_shows_the_report_and_no_frame_of_ours(marked):
    """As the last lines of the test that asked for it."""
    _, output = marked
    first = output.partition("= FAILURES =")[2].partition("\n___")[2].partition("\n___")[0]
    assert "E       AssertionError: WRONG. wrong: 1 finding, in 1 task" in first
    assert "You have:" in first
    assert ">       parity_case.assert_correct()" in first
    assert not re.search(r"(checker|plugin)\.py", first)


DIRECT = """
import parity
import refnet
import pytest
from networks import FEW, wrong

def test_wrong():
    parity.assert_correct(wrong, **FEW)

def test_undeclared():
    parity.assert_correct(wrong, losses="huber")
"""


@pytest.mark.parametrize("plugin", [(), PLUGIN])
def test_assert_correct_shows_no_frame_of_ours(tmp_path, plugin):
    """With the plugin and without it; nor does a declaration that is none."""
    status, output = pytest_run(tmp_path, DIRECT, plugin=plugin)
    assert status == 1
    assert "E       AssertionError: WRONG. wrong: 1 finding, in 8 tasks" in output
    assert "parity.checking.tasks.declaration.Undeclared: declaration: losses has 'huber'" in output
    assert "checker.py" not in output
    assert not re.search(r"^parity/|parity/checking/\w+\.py:", output, re.MULTILINE)


NOT_COLLECTED = {
    "an unknown name": (
        "@pytest.mark.parity(run=run, losses='huber')\ndef test_it(parity_case): pass",
        "test_it: declaration: losses has 'huber', expected one of mse, ",
    ),
    "an unknown word": (
        "@pytest.mark.parity(run=run, loss='mse')\ndef test_it(parity_case): pass",
        "test_it: declaration: has the name 'loss', expected one of ",
    ),
    "a seed below 0": (
        "@pytest.mark.parity(run=run, seed=-1)\ndef test_it(parity_case): pass",
        "test_it: cases_for: seed has -1, expected",
    ),
    "no function": (
        "@pytest.mark.parity(run=3)\ndef test_it(parity_case): pass",
        "test_it: the mark parity has run of type int, expected a function",
    ),
    "two functions": (
        "@pytest.mark.parity(run, wrong)\ndef test_it(parity_case): pass",
        "test_it: the mark parity has 2 arguments, expected a function",
    ),
    "no argument": (
        "@pytest.mark.parity(run=run)\ndef test_it(): pass",
        "test_it: has the mark parity and no argument parity_case, expected both",
    ),
    "a function alone": (
        "@pytest.mark.parity(wrong)\ndef test_it(parity_case): pass",
        "wrong: the mark parity has no program, expected pytest.mark.parity(run=...); ",
    ),
    "a function alone, of a module": (
        "@pytest.mark.parity(networks.wrong)\ndef test_it(parity_case): pass",
        "test_it: the mark parity has no program, expected pytest.mark.parity(run=...); ",
    ),
    "nothing": (
        "@pytest.mark.parity\ndef test_it(parity_case): pass",
        "test_it: the mark parity has no program, expected pytest.mark.parity(run=...); ",
    ),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What pytest says of files with one of these tests each."""
    folder = tmp_path_factory.mktemp("refused")
    for number, (test, _) in enumerate(NOT_COLLECTED.values()):
        names = "import networks" if "networks." in test else "from networks import run, wrong"
        # a function that was marked is marked wherever it is imported
        text = f"import pytest\n{names if 'run' in test or 'wrong' in test else ''}\n\n{test}"
        (folder / f"test_{number}.py").write_text(text, encoding="utf-8")
    return pytest_run(folder, "", of=".")


@pytest.mark.parametrize("name", NOT_COLLECTED)
def test_what_cannot_be_tried_is_an_error_of_collection(refused, name):
    """In one sentence, without a traceback."""
    status, output = refused
    number = [*NOT_COLLECTED].index(name)
    lines = output.partition(f"ERROR collecting test_{number}.py")[2].splitlines()[1:]
    assert status == 2
    assert lines[0].removeprefix(f"test_{number}.py::").startswith(NOT_COLLECTED[name][1]), output
    assert re.match("===|___", lines[1])


def test_an_argument_without_a_mark_is_an_error(tmp_path):
    """In one sentence, without a traceback."""
    status, output = pytest_run(tmp_path, "def test_it(parity_case): pass")
    assert status == 1
    sentence = "test_it: takes parity_case and has no mark, expected @pytest.mark.parity(run=...)"
    assert f"\n{sentence}\n" in output


def test_all_workers_have_the_same_tests(tmp_path):
    """So that pytest-xdist deals them out."""
    plugin = (*PLUGIN, "-p", "xdist")
    status, output = pytest_run(
        tmp_path, MARKED, "-n", "2", plugin=plugin, of="test_it.py::test_right"
    )
    assert (status, f"{len(names())} passed" in output) == (0, True)


def test_the_mark_is_registered(tmp_path):
    """It says what it takes."""
    _, output = pytest_run(tmp_path, "", "--markers")
    assert "@pytest.mark.parity(run, hard=False, seed=0, **declared): one test for each" in output


def test_the_example_of_the_readme_passes(tmp_path):
    """With a right program in the place of the reader's own."""
    text = (Path(parity.__file__).parent / "README.md").read_text("utf-8")
    (example,) = (
        block for block in re.findall("```python\n(.*?)```", text, re.DOTALL) if MARK in block
    )
    own = "from parity.checking.tests.plain import train as run"
    (tmp_path / "my_network.py").write_text(own, encoding="utf-8")
    status, output = pytest_run(tmp_path, example, "-v")
    declared = {**PLAIN, "sizes": (4, 5, 3)}
    assert [*outcomes(output)] == [
        f"test_backprop[{task}]" for task in cases_for(train, **declared)
    ]
    assert status == 0


LIGHT = """
import sys

def test_it():
    rooms = sorted(name for name in sys.modules if name.partition(".")[0] in ("parity", "refnet"))
    assert rooms == ["parity", "parity.checking", "parity.checking.plugin"]
    assert "numpy" not in sys.modules
"""


def test_nothing_is_imported_until_it_is_used(tmp_path):
    """Of parity the plugin and what it lies in; of NumPy and refnet nothing."""
    assert pytest_run(tmp_path, LIGHT)[0] == 0


def test_what_is_imported_before_pytest_is_no_warning():
    """A suite that starts itself has imported both, and pytest would rewrite what comes
    with a plugin: it asks a package's docstring whether it may.
    """
    assert all("PYTEST_DONT_REWRITE" in package.__doc__ for package in (parity, refnet))
