"""examples/README.md is true: its examples run, its excerpts are what the scripts
print, and its tables have every script.
"""

import ast
import doctest
import importlib
import itertools
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the examples lie beside the package in a checkout alone"
)

TUTORIALS = ("mlfromscratch", "thomas", "khan", "elgendy")
HOME = {"C": "losses", "step": "optimizers"} | dict.fromkeys(
    ("z", "a", "BP1", "BP2", "BP3", "BP4"), "backprop"
)
NAMES = {"sklearn": "scikit-learn", "torch": "PyTorch"}


@pytest.fixture(scope="module")
def readme():
    """The text of examples/README.md."""
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def table(text, *head):
    """The rows of the table with this head, each a list of cells."""
    below = text.partition(f"| {' | '.join(head)} |\n")[2].splitlines()
    rows = itertools.takewhile(lambda line: line.startswith("|"), below)
    return [row.strip("| ").split(" | ") for row in rows][1:]


def scripts():
    """Every script of the folder."""
    return {file.stem for file in FOLDER.glob("*.py")}


def needs(script):
    """What a script needs beside NumPy, itself or by a script that it imports."""
    tree = ast.parse((FOLDER / f"{script}.py").read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    packages = {name.partition(".")[0] for name in imported}
    own = {NAMES[package] for package in packages & set(NAMES)}
    return own.union(*(needs(other) for other in packages & scripts() - {script}))


def output(script):
    """What `python examples/SCRIPT` prints, from the root of the repository."""
    process = subprocess.run(
        [sys.executable, f"examples/{script}.py"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    return process.stdout


def has_in_order(text, excerpt):
    """Whether the text has the lines of an excerpt; `...` stands for lines left out."""
    start = 0
    for part in f"\n{excerpt}\n".split("\n...\n"):
        lines = "\n" + part.strip("\n") + "\n"
        start = text.find(lines, start)
        if start < 0:
            return False
        start += len(lines) - 1
    return True


def test_the_examples_run(readme, monkeypatch):
    """Every example gives what is printed below it, from the first to the last in one
    session.
    """
    monkeypatch.chdir(ROOT)
    source = "\n".join(re.findall(r"```python\n(.*?)```", readme, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(source, {}, "README", "examples/README.md", 0)
    assert len(test.examples) > 5
    report = []
    results = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_the_excerpts_are_what_the_scripts_print(readme):
    """Each block that is marked `printed by SCRIPT`, and no block is without a mark."""
    excerpts = re.findall(r"<!-- printed by (\w+)\.py -->\n```\n(.*?)\n```", readme, re.DOTALL)
    assert len(excerpts) == 2
    assert len(re.findall(r"^```$", readme, re.MULTILINE)) == readme.count("```") // 2 + len(
        excerpts
    )
    for script, excerpt in excerpts:
        assert has_in_order(f"\n{output(script)}", excerpt)


@pytest.mark.parametrize(
    ("excerpt", "expected"),
    [
        ("one\ntwo", True),
        ("one\n...\nthree", True),
        ("three\n...\none", False),
        ("one\nthree", False),
        ("tw", False),
    ],
)
def test_an_excerpt_that_is_not_printed_is_noticed(excerpt, expected):
    """Whole lines, in their order, and lines are left out only where it says so."""
    assert has_in_order("\none\ntwo\nthree\n", excerpt) is expected


def test_the_first_table_has_every_script_with_its_command_and_needs(readme):
    """One row each: the command that runs it, what it needs, and how long it takes."""
    rows = table(readme, "question", "command", "needs", "takes")
    commands = [re.fullmatch(r"\[`python examples/(\w+)\.py`\]\(\1\.py\)", row[1]) for row in rows]
    names = [command[1] for command in commands]
    assert sorted(names) == sorted(scripts())
    assert {name: row[2] for name, row in zip(names, rows, strict=True)} == {
        name: ", ".join(needs(name)) or "NumPy" for name in names
    }
    assert all(re.fullmatch(r"\d+ s", row[3]) for row in rows)


def test_every_program_to_check_is_named(readme):
    """Each file of check_your_own has a link."""
    named = set(re.findall(r"\]\(check_your_own/(\w+)\.py\)", readme))
    assert named == {file.stem for file in (FOLDER / "check_your_own").glob("*.py")}


def led(text):
    """The text, with the lines that `.ci/lines` writes into the links of the map."""
    return runpy.run_path(str(ROOT / ".ci/lines"))["led"](text)


def sections(script):
    """The functions of a script's sections."""
    return [it.__name__ for it in importlib.import_module(script).SECTIONS.values()]


def test_the_map_leads_to_every_section_of_the_tutorials(readme, monkeypatch):
    """Each function has one link, to the line that defines it (`.ci/lines` writes it);
    the equations of a row lead to the module that has them.
    """
    monkeypatch.syspath_prepend(FOLDER)
    rows = table(readme, "text: section", "what runs", "functions", "equations")
    for row in rows:
        for labels, home in re.findall(r"\[(.+?)\]\(\.\./refnet/(\w+)(?:\.py)?\)", row[3]):
            assert {HOME[label] for label in labels.split(", ")} == {home}
        assert re.fullmatch(r"\N{EN DASH}|(\[[^]]+\]\([^)]+\)(, )?)+", row[3])
    links = [it for row in rows for it in re.findall(r"\[`(\w+)`\]\((\w+)\.py#L\d+\)", row[2])]
    tutorials = [script for script in scripts() if script.startswith(TUTORIALS)]
    assert sorted(links) == sorted((name, it) for it in tutorials for name in sections(it))
    assert led(readme) == readme


def test_a_link_leads_to_the_line_of_its_function():
    """Whatever line it led to before; a function that is not there is said."""
    link = "[`story`](khan_or_gate.py#L1)"
    line = int(re.fullmatch(r".*#L(\d+)\)", led(link.replace("story", "bias")))[1])
    source = (FOLDER / "khan_or_gate.py").read_text(encoding="utf-8").splitlines()
    assert source[line - 1].startswith("def bias(")
    with pytest.raises(SystemExit, match=r"^khan_or_gate\.py: there is no function story$"):
        led(link)
