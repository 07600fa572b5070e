"""A class of a few programs: every verdict is as expected, and what is printed and
written of it is whole, by whatever names students give.
"""

import csv
import io
import json
import os
import subprocess
import sys
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import parity as package
from parity.checking.grading import grade as room
from parity.checking.grading.common import Common
from parity.checking.grading.grade import grade
from parity.checking.grading.page import html_of
from parity.checking.grading.submission import LONGEST, Submission
from parity.checking.grading.summary import ClassReport
from parity.checking.grading.table import COLUMNS, csv_of
from parity.checking.grading.targets import is_class, short_names, submissions
from parity.checking.grading.tests.classroom import RIGHT, WRONG, Kind, handed_in, write
from parity.checking.program.outcome import Unusable
from parity.checking.verdict.report import CheckReport
from parity.checking.verdict.results import TaskResult
from parity.mistakes.diagnosis.finding import Finding
from parity.processes import pool
from parity.tests.command import WITHOUT
from parity.tests.command import run as parity
from parity.tests.main_job import Terminal

KINDS = {
    name: {**RIGHT, **WRONG}[name]
    for name in ("right", "by ones", "no hidden slope", "mean of db", "outputs alone", "syntax")
}
FILES = [handed_in(f"{name}.py", kind) for name, kind in KINDS.items()]
HERE = Path(package.__file__).parent.parent
VERDICT = "2 of 6 are right; 2 wrong, 1 not judged, 1 unusable"


@pytest.fixture
def folder(tmp_path):
    """A folder with a few submissions, and with what is none."""
    place = tmp_path / "class"
    place.mkdir()
    write(place, FILES)
    for name in ("_shared.py", ".hidden.py", "notes.txt"):
        (place / name).write_text("raise SystemExit", encoding="utf-8")
    return place


# all of it


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_verdict_is_as_expected(folder, tmp_path, jobs):
    """In the lines as they are done, in the table, in the JSON, the CSV and the page;
    what is no submission is left out.
    """
    names = ("all.json", "all.csv", "all.html")
    files = [tmp_path / name for name in names]
    options = [text for file in files for text in (f"--{file.suffix[1:]}", str(file))]
    status, out, err = parity("check", str(folder), "--jobs", str(jobs), "--points", *options)
    assert (status, err) == (1, "")
    first, *lines, last = out.splitlines()
    assert (first, last) == (f"6 submissions in {folder}", VERDICT)
    assert lines[0] == "left out: 'notes.txt'"
    for each in FILES:
        line = next(line for line in lines if f" {each.name}" in line)
        assert line.startswith(f"{each.kind.word:<12}{each.name}")
        assert each.kind.mistake in line
    results = json.loads(files[0].read_text(encoding="utf-8"))
    assert (results["passed"], results["verdict"]) == (False, VERDICT)
    assert results["counts"] == {"right": 2, "wrong": 2, "not_judged": 1, "unusable": 1}
    by_name = {each["name"]: each for each in results["submissions"]}
    assert [*by_name] == sorted(each.name for each in FILES)
    for each in FILES:
        assert by_name[each.name]["passed"] is (each.kind.word == "RIGHT")
        bugs = [finding["bug"] for finding in by_name[each.name].get("findings", [])]
        assert bugs == ([each.kind.mistake] if each.kind.mistake else [])
    rows = [*csv.DictReader(io.StringIO(files[1].read_text(encoding="utf-8")))]
    assert {row["name"]: (row["verdict"], row["mistakes"]) for row in rows} == {
        each.name: (each.kind.word, each.kind.mistake) for each in FILES
    }
    assert {row["points"] for row in rows if row["verdict"] == "RIGHT"} == {"100"}
    assert [row["points"] for row in rows if row["verdict"] == "UNUSABLE"] == ["0"]
    check_page(files[2].read_text(encoding="utf-8"), 6)


def test_all_right_exits_0_and_none_usable_exits_2(folder):
    """Between them it is 1; where nothing can be checked, that is said."""
    right, broken = str(folder / "right.py"), str(folder / "syntax.py")
    status, out, err = parity("check", right, right, "--quiet", "--jobs", "1")
    assert (status, out, err) == (0, "2 of 2 are right\n", "")
    status, out, err = parity("check", broken, "nowhere.py", "--quiet", "--jobs", "1")
    sentence = "parity: check: not one of 2 submissions can be checked\n"
    assert (status, out, err) == (2, "0 of 2 are right; 2 unusable\n", sentence)


def test_without_joblib_the_standard_library_does(folder, tmp_path):
    """In a process of its own; the verdicts are the same."""
    file = tmp_path / "all.json"
    given = ["joblib", "check", str(folder), "--jobs", "2", "--quiet", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *given], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{VERDICT}\n", "")
    words = {each["name"]: each["verdict"] for each in json.loads(file.read_text())["submissions"]}
    assert all(words[each.name].startswith(each.kind.word) for each in FILES)


def test_a_joblib_that_is_too_old_is_left_alone(monkeypatch):
    """Its processes cannot be told what to do first."""
    import joblib

    assert pool._pool(2).func is pool._of_joblib
    monkeypatch.setattr(joblib, "__version__", "1.4.2")
    assert pool._pool(2) is pool._of_the_standard_library


def test_strict_and_verbose_are_for_each(folder, monkeypatch):
    """--strict fails a convention; --verbose prints every report before the table."""
    monkeypatch.setenv("COLUMNS", "200")
    summed = handed_in("summed.py", Kind("np.mean(", "np.sum("))
    text = summed.text.replace("(2 * (a[-1] - y) / y.size)", "(2 * (a[-1] - y))")
    (folder / summed.name).write_text(text, encoding="utf-8")
    given = [str(folder / name) for name in ("summed.py", "right.py")]
    assert parity("check", *given, "--jobs", "1")[0] == 0
    status, out, _ = parity("check", *given, "--jobs", "1", "--strict", "--verbose")
    assert (status, out.splitlines()[-1]) == (1, "1 of 2 is right; 1 wrong")
    assert "summed.py  WRONG    --strict: loss-summed" in out
    assert "WRONG by --strict. RIGHT. " in out
    assert out.count("\nTried: ") == 2


def test_what_is_declared_for_all_counts_before_the_file(folder):
    """One that knows no tanh is wrong, where tanh is asked for; the seed and the rest
    reach each check.
    """
    given = [str(folder / name) for name in ("right.py", "by ones.py")]
    options = ("--sizes", "2,3,2", "--batch", "4", "--seed", "3")
    status, out, _ = parity("check", *given, "--jobs", "1", "--verbose", *options)
    assert (status, "Tried: 1 hidden layer; 4 samples;" in out) == (0, True)
    assert parity("check", *given, "--jobs", "1", "--activations", "tanh")[0] == 1


def test_a_bar_on_a_terminal(folder, monkeypatch):
    """And no lines but those of the report."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    out = parity("check", str(folder), "--jobs", "1", out=Terminal())[1]
    assert "6/6" in out
    assert out.count("no hidden slope.py") == 1


def test_a_mistake_of_parity_s_own_is_no_verdict(folder, monkeypatch, tmp_path):
    """The others are judged, all of it is written, and the exit status is 70."""
    checked = room.check_command

    def broken(target, **options):
        if "by ones" in target:
            raise ZeroDivisionError("here")
        return checked(target, **options)

    monkeypatch.setattr(room, "check_command", broken)
    file = tmp_path / "all.csv"
    given = [str(folder / name) for name in ("right.py", "by ones.py")]
    status, out, err = parity("check", *given, "--jobs", "1", "--csv", str(file))
    assert (status, out.splitlines()[-1]) == (70, "1 of 2 is right; 1 unusable")
    assert "ZeroDivisionError: here" in err
    assert "a mistake of parity's own; please report it: ZeroDivisionError: here" in out
    assert len(file.read_text(encoding="utf-8").splitlines()) == 3


# which submissions


def test_a_folder_without_any_is_unusable(tmp_path):
    """And so is one that cannot be read."""
    status, out, err = parity("check", str(tmp_path))
    assert (status, out) == (2, "")
    assert err.startswith(f"parity: {tmp_path}: has no Python file, expected submissions")


def test_a_folder_without_any_leaves_the_others(folder, tmp_path):
    """Where each has handed in a folder: the one of a notebook alone is unusable."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "net.ipynb").write_text("{}", encoding="utf-8")
    (tmp_path / "one").mkdir()
    (folder / "right.py").rename(tmp_path / "one" / "right.py")
    status, out, err = parity("check", str(tmp_path / "empty"), str(tmp_path / "one"))
    assert (status, err) == (1, "")
    assert "left out: 'net.ipynb'" in out.splitlines()
    assert "has no Python file, expected submissions, as in " in out
    assert out.endswith("1 of 2 is right; 1 unusable\n")


def test_a_package_is_a_module(tmp_path, monkeypatch):
    """As it was before there were classes; any other folder is a class."""
    monkeypatch.chdir(tmp_path)
    for name in ("package", "folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.py").touch()
    (tmp_path / "package" / "__init__.py").touch()
    assert [is_class([name]) for name in ("package", "folder", "package/", "net.py")] == [
        False,
        True,
        True,
        False,
    ]
    assert submissions(["folder", "package"]) == ["folder/net.py", "package"]
    (tmp_path / "folder" / "net.py").unlink()
    with pytest.raises(Unusable, match="has no Python file"):
        submissions(["folder"])


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (["a/b/c.py", "a/b/d.py"], ["c.py", "d.py"]),
        (["a/b/c.py", "a/d/c.py"], ["b/c.py", "d/c.py"]),
        (["/a/c.py", "/a/c.py"], ["c.py", "c.py"]),
        (["c.py:mine", "package.module"], ["c.py:mine", "package.module"]),
        (["a/\x1b\n.py"], ["\\x1b\\n.py"]),
    ],
)
def test_a_name_is_short_and_can_be_printed(targets, names):
    """Without the folders in which all of them lie."""
    assert short_names(targets) == names


# what is written


ODD = ["=1+1.py", "a.py", "a.py", '<script>alert("x")</script>&.py', "-\u202e\x1b[31m.py", "\udcff"]


def odd():
    """A class of odd names and odd mistakes."""
    finding = Finding("", "wrong", where="run", got="raised <b>&amp;", expected="</pre>")
    report = CheckReport("odd", (finding,), ("t",))
    every = [Submission(name, report) for name in short_names(ODD)]
    return ClassReport((*every, Submission("+", unusable="+: <i>\x00")))


def test_a_page_holds_whatever_names_there_are():
    """Escaped, each with a place of its own."""
    text = html_of(odd(), points=True)
    text.encode()
    page = check_page(text, len(ODD) + 1)
    assert {"script", "b", "i"}.isdisjoint(page.tags)
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;.py" in text
    assert not any(each in text for each in "\x00\x1b\u202e")
    assert not any(each in text for each in ("http:", "https:", "//", "url(", "@import"))


def test_columns_stand_below_one_another():
    """Where a character takes two columns, too."""
    every = [Submission(name, unusable="x") for name in ("\u5b66\u751f.py", "student.py")]
    _, head, *rows = ClassReport((*every,)).lines()
    assert head.index("verdict") == len("student.py  ")
    assert rows == ["\u5b66\u751f.py     UNUSABLE  x", "student.py  UNUSABLE  x"]


def test_a_long_reason_is_whole_beside_the_table():
    """A table cuts it; the report and the CSV do not."""
    reason = f"declaration: activations has 'x', expected one of {'softmax-or-other, ' * 20}end"
    submission = Submission("a.py", unusable=f"a.py: {reason}")
    assert submission.notes.endswith("softmax-or-other, ...")
    assert len(submission.notes) <= LONGEST
    report = ClassReport((submission,))
    assert reason in csv_of(report)
    assert escape(reason) in html_of(report)


def test_points_that_are_lost_without_a_mistake_are_explained():
    """Where they are shown; the CSV has them in any case."""
    tasks = [TaskResult(f"{i}", "right", True, (), ("z", "C"), ("mse",)) for i in range(3)]
    report = CheckReport("net", (), ("0", "1", "2"), shown=("W",), results=(*tasks,))
    every = ClassReport((Submission("net.py", report),))
    *_, line = every.lines(points=True)
    assert line.split() == ["net.py", "RIGHT", "75", "not", "shown:", "C"]
    assert [*every.lines()][-1] == "net.py  RIGHT"
    assert "<td>not shown: C</td>" in html_of(every, points=True)
    assert "<td>not shown: C</td>" not in html_of(every)
    (row,) = csv.DictReader(io.StringIO(csv_of(every)))
    assert (row["points"], row["lost"]) == ("75", "not shown: C")


def test_what_is_not_answered_is_one_mistake_in_every_task():
    """Which task it is, the reports say."""
    findings = [
        Finding(
            "",
            "wrong",
            where="run",
            got=f"died of SIGSEGV in the task {task!r}",
            expected="an answer",
        )
        for task in ("one hidden layer, 5 samples", "two hidden layers, 11 samples")
    ]
    every = [Submission("a.py", CheckReport("a", (each,), ("t",))) for each in findings]
    assert ClassReport((*every,)).common == [
        Common("run: died of SIGSEGV", "expected an answer", (0, 1))
    ]


def test_a_narrow_page_leaves_names_their_room():
    """A name may break anywhere, so a long reason would take all of the room."""
    assert "td.name { min-width: 14rem; }" in html_of(odd())


def test_no_cell_is_a_formula():
    """For a spreadsheet would compute it."""
    rows = [*csv.reader(io.StringIO(csv_of(odd())))]
    assert tuple(rows[0]) == COLUMNS
    assert [row[0] for row in rows[1:4]] == ["'=1+1.py", "a.py", "a.py"]
    assert rows[5][0] == "'-\\u202e\\x1b[31m.py"
    assert rows[7][0] == "'+"
    cells = [cell for row in rows for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert all(cell.isprintable() for cell in cells)


class Page(HTMLParser):
    """What a page is made of: its tags, ids and links; each tag is closed in turn."""

    VOID = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(text, count):
    """A page is whole, and has a report for each submission."""
    assert text.startswith("<!DOCTYPE html>\n")
    page = Page(text)
    assert page.open == []
    assert len({*page.ids}) == len(page.ids)
    assert {f"report-{number + 1}" for number in range(count)} <= {*page.ids}
    assert {*page.links} <= {f"#{each}" for each in page.ids}
    assert page.tags.count("pre") == count
    assert "script" not in page.tags
    return page


# processes


KILLS = """
import os, time
with open(f"/proc/{os.getppid()}/stat") as stat:
    worker = int(stat.read().rpartition(")")[2].split()[1])
os.kill(worker, SIGNAL)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, the worker is its parent")
@pytest.mark.parametrize(("signal", "standard"), [("9", False), ("9", True), ("15", False)])
def test_one_that_kills_its_worker_leaves_the_others(folder, monkeypatch, signal, standard):
    """It alone cannot be judged."""
    if standard:
        monkeypatch.setattr(pool, "_pool", lambda processes: pool._of_the_standard_library)
    (folder / "kills.py").write_text(KILLS.replace("SIGNAL", signal), encoding="utf-8")
    names = ["kills", "by ones", "right"]
    report = grade([str(folder / f"{name}.py") for name in names], jobs=2)
    words = [each.word for each in report.submissions]
    assert words == ["UNUSABLE", *["RIGHT"] * 2]
    assert "has died or was ended; check it alone" in report.submissions[0].reason


NAMES = ("random", "signal", "socket", "threading", "refnet", "ctypes")


@pytest.mark.parametrize("installed", [True, False])
def test_submissions_may_be_named_like_modules(tmp_path, installed):
    """In the working folder, where Python looks first: no process of parity's runs one
    of them.
    """
    (tmp_path / "class").mkdir()
    for name in NAMES:
        text = "raise SystemExit('mine')"
        (tmp_path / "class" / f"{name}.py").write_text(text, encoding="utf-8")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    if not installed:
        text = "raise ModuleNotFoundError(name='joblib')"
        (hidden / "joblib.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "parity", "check", ".", "--jobs", "2"],
        cwd=tmp_path / "class",
        env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{hidden}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "0 of 6 are right; 6 unusable" in done.stdout) == (2, True)
    assert done.stdout.count("raised SystemExit") == 2 * len(NAMES)
    assert done.stderr == "parity: check: not one of 6 submissions can be checked\n"


def test_as_many_jobs_as_cores_or_submissions(folder, monkeypatch):
    """By default one for each core, but no more than there is work for."""
    seen = []

    def mapped(work, given, processes):
        seen.append(processes)
        yield from map(work, given)

    monkeypatch.setattr(room, "mapped", mapped)
    monkeypatch.setattr(room, "cores", lambda: 3)
    given = [str(folder / "syntax.py")] * 4
    for options in ((), ("--jobs", "2"), ("--jobs", "9")):
        parity("check", *given, *options)
    parity("check", *given[:2])
    parity("check", *given[:2], "--jobs", "1")
    assert seen == [3, 2, 4, 2, 0]
