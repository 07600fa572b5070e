"""Programs in C and JavaScript, compiled and run for real: the network and the engine
are right, each line that their README says to break is named, and so are the drivers
that `parity check --init` writes.
"""

import re
import subprocess
from pathlib import Path

import pytest

import refnet
from parity.checking.checker import check_command
from parity.checking.tasks.declaration import CONSTANTS, SETTINGS
from parity.checking.templates import HERE as TEMPLATES
from parity.steps.cases import TRAINABLE
from parity.tests.command import run as parity
from parity.tests.needed import tool
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

EXAMPLES = Path(refnet.__file__).parent.parent / "examples" / "other_languages"
ENGINE = Path(refnet.__file__).parent / "explanation" / "page" / "engine.js"
MARK = "// ---- The protocol. Nothing below this line needs to be changed. ----\n"
pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the examples lie beside the package in a checkout alone"
)


def compiled(text, folder):
    """The command of a C program."""
    (folder / "network.c").write_text(text, encoding="utf-8")
    strict = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    command = (tool("cc"), "-O2", *strict, "network.c", "-o", "network", "-lm")
    subprocess.run(command, cwd=folder, check=True)
    return str(folder / "network")


def interpreted(engine, folder):
    """The command of the driver beside an engine, laid out as in the house."""
    for file, text in (
        ("examples/other_languages/engine.js", (EXAMPLES / "engine.js").read_text("utf-8")),
        ("refnet/explanation/page/engine.js", engine),
    ):
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_text(text, encoding="utf-8")
    return f"{tool('node')} {folder / 'examples' / 'other_languages' / 'engine.js'}"


PEERS = {
    "network.c": (EXAMPLES / "network.c", compiled),
    "the engine": (ENGINE, interpreted),
}


def broken():
    """Each line to break, by the README: in which program, what it becomes, and the
    mistake that is named.
    """
    if not EXAMPLES.is_dir():
        return
    program = ""
    for line in (EXAMPLES / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0].startswith("in "):
            program = next(name for name in PEERS if name in cells[0])
        elif len(cells) == 3 and program and not cells[0].startswith("-"):
            texts = [re.search("`(.*?)`", cell.replace("\\|", "|")) for cell in cells]
            there, becomes, name = (text.group(1) if text else "" for text in texts)
            yield pytest.param(program, there, becomes, name, id=f"{program}: {name}")


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_right(tmp_path, name):
    """All that it declares is tried, and nothing is said against it."""
    source, start = PEERS[name]
    report = check_command(start(source.read_text("utf-8"), tmp_path), command=True)
    assert (report.passed, report.findings, report.untried) == (True, (), ())
    assert len(report.tasks) >= 15


@pytest.mark.parametrize(("name", "there", "becomes", "mistake"), [*broken()])
def test_a_broken_line_is_named(tmp_path, name, there, becomes, mistake):
    """As the README says."""
    source, start = PEERS[name]
    text = source.read_text("utf-8")
    assert text.count(there) == 1
    report = check_command(start(text.replace(there, becomes), tmp_path), command=True)
    assert [finding.bug for finding in report.findings] == [mistake]
    assert report.passed == (report.findings[0].verdict == "convention")


def test_there_are_lines_to_break_in_both():
    """The README is read."""
    assert {each.values[0] for each in broken()} == set(PEERS)


# the line of each driver that has f' in BP2, and what it is without
DRIVERS = {
    ".c": ("sum * f * (1 - f);", "sum + 0 * f;"),
    ".js": ("times(product(delta[0], W[l]), derivative[l])", "product(delta[0], W[l])"),
}


@pytest.mark.parametrize("ending", DRIVERS)
def test_a_driver_is_right_as_it_is_written(tmp_path, monkeypatch, ending):
    """By `parity check --init`, with the command that it prints; and without f', that
    is named.
    """
    tool({".c": "cc", ".js": "node"}[ending])
    monkeypatch.chdir(tmp_path)
    status, out, _ = parity("check", "--init", f"driver{ending}")
    *build, check = out.strip().partition("then: ")[2].split(" && ")
    command = re.fullmatch(r'parity check --exec "?([^"]*)"?', check)[1]
    assert status == 0
    text = Path(f"driver{ending}").read_text("utf-8")
    there, becomes = DRIVERS[ending]
    assert text.count(there) == 1
    for source, findings in (
        (text, []),
        (text.replace(there, becomes), ["hidden-derivative-missing"]),
    ):
        Path(f"driver{ending}").write_text(source, encoding="utf-8")
        for each in build:
            subprocess.run(each.split(), check=True)
        assert [each.bug for each in check_command(command, command=True).findings] == findings


def test_what_to_declare_is_said_in_lines(tmp_path):
    """As the driver would print it: a layout that is another one, though an array has
    no shape here, and a loss.
    """
    text = (TEMPLATES / "driver.c").read_text("utf-8")

    def findings(there, becomes):
        assert text.count(there) == 1
        command = compiled(text.replace(there, becomes), tmp_path)
        return check_command(command, command=True).findings

    (finding,) = findings('"layout out_in\\n"', '"layout in_out\\n"')
    wrong, right = (f"layout {layout}, samples rows" for layout in ("in_out", "out_in"))
    assert finding.sentence == (
        f"program: shows wrong numbers with {wrong}, as declared or by default, but right ones "
        f"with {right}; declare {right}"
    )
    (finding,) = findings('"losses mse\\n"', '"losses half_squared_error\\n"')
    assert (finding.bug, finding.declare) == ("loss-averaged-without-half", "losses mse")


@pytest.mark.parametrize(
    ("template", "example"), [("driver.c", "network.c"), ("driver.js", "engine.js")]
)
def test_the_protocol_is_written_once_in_each_language(template, example):
    """What an example has below the marked line is that of the template."""
    parts = [
        file.read_text("utf-8").split(MARK) for file in (TEMPLATES / template, EXAMPLES / example)
    ]
    assert [len(each) for each in parts] == [2, 2]
    assert parts[0][1] == parts[1][1]
    assert len(parts[0][1].splitlines()) > 90


def test_the_engine_has_all_that_refnet_has(tmp_path):
    """What a step can have without weights, penalties and masks; so the page takes the
    step of any network.
    """
    command = [*interpreted(ENGINE.read_text("utf-8"), tmp_path).split(), "--describe"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    declared = {name: {*words} for name, *words in map(str.split, lines)}
    assert declared["activations"] == {*TRAINABLE}
    assert declared["losses"] == {*LOSSES}
    assert declared["optimizers"] == {*OPTIMIZERS}
    assert declared["settings"] == {*SETTINGS, *CONSTANTS}


def test_the_engine_is_small():
    """So that it is read whole."""
    assert len(ENGINE.read_text("utf-8").splitlines()) < 300
