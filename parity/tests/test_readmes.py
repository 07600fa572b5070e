"""What the READMEs say is true: their examples run, their commands print what stands
below them, their tables and links are those of the code.
"""

import doctest
import re
import shlex
import tomllib
from importlib.metadata import metadata
from inspect import isabstract
from pathlib import Path

import pytest

import refnet
from parity.cli.arguments import parser
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.mistake import CONVENTION
from parity.steps.cases import CASES
from parity.tests.command import run
from parity.tests.main_job import FEW, once

ROOT = Path(__file__).parents[2]
FRONT = "README.md"
# A README at the door of each wing that people visit.
WINGS = ("refnet/README.md", "parity/README.md", "parity/bench/README.md")
# What lies beside the packages in a checkout alone.
BESIDE = ("examples/README.md", "examples/exercises/README.md", "CONTRIBUTING.md", "SECURITY.md")
CHECKOUT = (ROOT / "pyproject.toml").exists()
EVERY = (FRONT, *WINGS, *(BESIDE if CHECKOUT else ()))
every_text = pytest.mark.parametrize("path", EVERY)
in_a_checkout = pytest.mark.skipif(not CHECKOUT, reason="it lies beside the package in a checkout")


def text_of(path):
    """A text; the README is in the metadata where the package is installed."""
    if path == FRONT and not CHECKOUT:
        return metadata("refnet").get_payload()
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(text, language):
    """The fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def failures(source):
    """What a session prints otherwise than it says, from its first line to its last."""
    test = doctest.DocTestParser().get_doctest(source, {}, "a README", None, 0)
    report = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)


@every_text
def test_the_examples_run(path):
    """Every example gives what is printed below it, in one session per text."""
    session = "\n".join(blocks(text_of(path), "python"))
    assert failures(session) == ""


def test_an_example_that_is_not_true_is_found():
    """The check above can fail."""
    assert "Expected:\n    3" in failures(">>> 1 + 1\n3\n")


@in_a_checkout
@every_text
def test_the_commands_print_what_stands_below_them(path, monkeypatch):
    """Each `$ parity ...` is run; `...` stands for anything."""
    monkeypatch.chdir(ROOT)
    for block in blocks(text_of(path), "console"):
        command, *printed = block.splitlines()
        dollar, program, *arguments = shlex.split(command)
        assert (dollar, program) == ("$", "parity")
        _, out, err = run(*arguments)
        expected = "\n".join(printed)
        assert err == ""
        assert doctest.OutputChecker().check_output(expected, out.strip("\n"), doctest.ELLIPSIS), (
            out
        )


@in_a_checkout
@every_text
def test_the_commands_are_understood(path):
    """Each `parity ...` of a shell block or of a sentence is one that the command line
    takes.
    """
    text = text_of(path)
    lines = "\n".join(blocks(text, "sh")).splitlines()
    commands = [command for line in lines for command in line.partition("#")[0].split("&&")]
    commands += re.findall(r"(?<!`)`(parity [^`]+)`", text)
    for command in commands:
        program, *arguments = shlex.split(command) or [""]
        if program == "parity":
            # a sentence may name the command alone
            named = ["check", "FILE"] if arguments == ["check"] else arguments
            assert parser().parse_args(named or ["run"])


@in_a_checkout
@every_text
def test_every_link_leads_somewhere(path):
    """To a file or a folder of the project."""
    links = re.findall(r"\]\(([^)#]+?)(?:#[\w-]+)?\)", text_of(path))
    assert missing(links, (ROOT / path).parent) == []


def missing(links, folder):
    """The links into the project that lead nowhere."""
    return [link for link in links if "://" not in link and not (folder / link).exists()]


def test_a_link_that_leads_nowhere_is_found():
    """The check above can fail."""
    links = ["test_readmes.py", "https://example.org", "test_nothing.py"]
    assert missing(links, Path(__file__).parent) == ["test_nothing.py"]


@in_a_checkout
def test_the_recipes_name_tests_that_exist():
    """`file::test`, or `::test` in the file that was named before it."""
    file = ""
    for quoted in re.findall(r"`([^`\n]+)`", text_of("CONTRIBUTING.md")):
        before, colons, test = quoted.partition("::")
        if before.endswith(".py") and "/tests/" in f"/{before}":
            file = (ROOT / before).read_text(encoding="utf-8")
        if colons:
            assert f"\ndef {test}(" in file, quoted


def test_the_first_screen_stays_one():
    """More features must not mean a longer README."""
    assert len(text_of(FRONT).splitlines()) <= 200


def test_the_two_commands_stand_in_it():
    """A newcomer finds one command that runs the proof and one that runs the tests."""
    commands = [line for line in "".join(blocks(text_of(FRONT), "sh")).splitlines() if "&&" in line]
    assert commands == [
        'python -m pip install -c constraints.txt -e ".[parity]" && parity',
        (
            'python -m pip install -c constraints.txt -e ".[test]" && python -m pytest -n auto '
            "--dist loadfile"
        ),
    ]


def test_the_counts_are_true():
    """Of the cases in the table, and of the entries in the catalogue."""
    assert f"a table of {len(CASES)} cases" in " ".join(text_of(FRONT).split())
    conventions = sum(mistake.verdict == CONVENTION for mistake in CATALOGUE)
    wrong = len(CATALOGUE) - conventions
    counted = (
        f"{len(CATALOGUE)} entries of the catalogue ({wrong} mistakes, {conventions} conventions)"
    )
    assert counted in " ".join(text_of("parity/README.md").split())


def test_the_equations_are_those_of_backprop():
    """Each label of the legend stands once in refnet's README, too."""
    import refnet.backprop

    for label in ("BP1", "BP2", "BP3", "BP4"):
        assert len(re.findall(rf"^\| {label} ", text_of("refnet/README.md"), re.MULTILINE)) == 1
        assert label in refnet.backprop.__doc__


def test_the_table_of_what_there_is_is_whole():
    """Every activation, loss, initializer, optimizer, penalty and schedule, and nothing
    else, in the row of its kind.
    """
    rows = re.findall(r"^\| (\w+)[^|]*\| (`.*`.*) \|$", text_of("refnet/README.md"), re.MULTILINE)
    listed = {}
    for kind, names in rows:
        listed.setdefault(kind, set()).update(re.findall(r"`(\w+)`", names))
    kinds = {
        "activations": refnet.Activation,
        "losses": refnet.Loss,
        "initializers": refnet.Initializer,
        "optimizers": refnet.Optimizer,
        "penalties": refnet.Penalty,
        "stopping": refnet.Stop,
    }
    public = [getattr(refnet, name) for name in refnet.__all__]
    classes = [each for each in public if isinstance(each, type) and not isabstract(each)]
    for kind, base in kinds.items():
        names = {each.__name__ for each in classes if issubclass(each, base) and each != base}
        assert names == listed[kind], f"refnet/README.md: {kind} {names ^ listed[kind]}"
    schedules = {name for name in refnet.__all__ if name.endswith("LR")}
    assert schedules == listed["schedules"]


def the_main_job():
    """The README's excerpt of what the main job prints."""
    (excerpt,) = (block for block in blocks(text_of(FRONT), "") if "Proven:" in block)
    return excerpt.splitlines()


def test_the_epochs_are_those_of_the_main_job(trained):
    """The losses and accuracies of the first epochs, at the default seed."""
    rows = [line.split() for line in the_main_job() if re.match(r" +[123] +\d\.\d{16} ", line)]
    assert len(rows) == 3
    for row, pair in zip(rows, trained.epochs, strict=True):
        number, loss, twin_loss, _, *accuracies = row
        assert number == f"{pair.number}"
        assert accuracies == [f"{pair.accuracy:.2%}", f"{pair.twin_accuracy:.2%}"]
        # the last bits depend on the machine
        assert (loss[:10], twin_loss[:10]) == (
            f"{pair.loss:.16f}"[:10],
            f"{pair.twin_loss:.16f}"[:10],
        )


def without_numbers(line):
    """What a line says, whatever it counts or measures."""
    return re.sub(r"#( #)+", "#", " ".join(re.sub(r"-?\d[\d,.]*(e[+-]\d+)?%?", "#", line).split()))


def test_the_main_job_prints_every_line_of_the_excerpt():
    """But for the numbers, which take it a minute."""
    dropping = [case for case in CASES if case.dropout == (0.2, 0.0)]  # in both dtypes
    _, out, _ = once("run", cases=(*FEW, *dropping))
    printed = {without_numbers(line) for line in out.splitlines()}
    assert [line for line in the_main_job() if without_numbers(line) not in {*printed, "..."}] == []


@in_a_checkout
def test_the_citation_is_of_this_version():
    """CITATION.cff, pyproject.toml and the package agree."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([\w-]+): (.+)$", citation, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert fields["version"] == refnet.__version__
    assert fields["license"] == project["license"]
