"""`parity soundness`, `parity power` and the ways of `parity bugs`: what they print and
write, and their exit status.
"""

import json
import re
from types import SimpleNamespace

import pytest

import refnet
from parity import screen
from parity.experiments.mutations.mechanical.mutants import mutants
from parity.experiments.soundness import soundness
from parity.mistakes.catalogue.index import BY_ID
from parity.tests.command import run
from parity.tests.main_job import Terminal, lines_of_the_main_job, refuse, verdict_of

pytestmark = pytest.mark.usefixtures("_little_to_do")


COUNTED = {"soundness": "--cases", "power": "--nets"}


@pytest.fixture(scope="module", params=COUNTED)
def other(request, tmp_path_factory):
    """`parity soundness` or `parity power` with two runs or nets: what it does and what
    it writes.
    """
    file = tmp_path_factory.mktemp(request.param) / "found.json"
    return (
        request.param,
        run(request.param, COUNTED[request.param], "2", "--json", str(file)),
        json.loads(file.read_text(encoding="utf-8")),
    )


def test_the_other_commands_print_header_table_and_verdict(other):
    """Exit 0; after versions and a blank line come the report's lines but the first,
    and that comes last, after another.
    """
    command, (status, out, err), results = other
    lines = out.removesuffix("\n").split("\n")
    assert (status, err) == (0, "")
    assert re.fullmatch(next(iter(lines_of_the_main_job())), lines[0])
    assert lines[1].startswith("BLAS ")
    assert lines[2] == lines[-2] == ""
    begin = {
        "soundness": r"2 runs, \d+ steps, [\d,]+ arrays: no bound broken by refnet; ",
        "power": ".* median over 2 random nets, ",
    }
    assert re.match(begin[command], lines[-1])
    assert lines[-1] == results["verdict"]
    assert lines[-1] not in lines[:-1]
    assert all(lines[3:-2])
    table = {"soundness": "equation and entry ", "power": "ours, by equation"}
    assert any(line.startswith(table[command]) for line in lines[3:-2])


def test_the_other_commands_write_what_they_found(other):
    """The file holds the verdict, the environment and the report."""
    command, _, results = other
    assert list(results)[:3] == ["passed", "verdict", "environment"]
    assert (results["passed"], results["environment"]) == (True, screen.environment())
    assert {
        "soundness": {"broken", "shares", "counts", "deviations"},
        "power": {"nets", "seed", "rows"},
    }[command] <= set(results)


def test_the_other_commands_are_quiet_when_told(other):
    """With --quiet the verdict stands alone."""
    command, (_, out, _), _ = other
    assert run(command, COUNTED[command], "2", "--quiet") == (0, verdict_of(out) + "\n", "")


def test_soundness_takes_the_number_of_runs_and_the_seed(other):
    """The report is that of the seed and number given."""
    given = soundness(1, 3, jobs=1)
    status, out, _ = run("soundness", "--cases", "1", "--seed", "3")
    assert (status, verdict_of(out)) == (0, given.lines()[0])
    assert out.splitlines()[3:-2] == given.lines()[1:]


@pytest.mark.parametrize("command", COUNTED)
@pytest.mark.parametrize("passed", [True, False])
def test_the_other_commands_exit_as_their_report_says(monkeypatch, tmp_path, command, passed):
    """Number and seed reach the measurement, progress is shown, its lines are printed,
    and 0 or 1 is what it results.
    """
    taken = []

    def measured(number, seed, advance, jobs=None):
        taken.append((number, seed))
        advance()
        results = {"rows": [float("inf"), 1.5]}
        return SimpleNamespace(
            lines=lambda: iter(["the verdict", "one", "two"]),
            passed=passed,
            as_json=lambda: results,
        )

    monkeypatch.setattr(f"parity.experiments.{command}.{command}", measured)
    file = tmp_path / "found.json"
    status, out, err = run(command, COUNTED[command], "7", "--seed", "5", "--json", str(file))
    assert (status, err, taken) == (0 if passed else 1, "", [(7, 5)])
    assert out.splitlines()[2:] == ["", "one", "two", "", "the verdict"]
    results = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    assert (results.pop("environment"), results) == (
        screen.environment(),
        {"passed": passed, "verdict": "the verdict", "rows": [None, 1.5]},
    )
    shown = run(command, COUNTED[command], "7", out=Terminal())[1]
    assert f"\x1b[1;3{'2' if passed else '1'}mthe verdict" in shown
    assert re.search(r"1/7", shown)
    assert taken[1] == (7, 0)


def test_soundness_of_a_broken_refnet_exits_1(monkeypatch):
    """A derivative that is wrong breaks bounds; they are counted in the verdict, and
    each is told with run, step, equation and layer.
    """
    for kind in (refnet.Sigmoid, refnet.Tanh, refnet.LeakyReLU):
        monkeypatch.setattr(kind, "derivative", lambda self, z, a: 1.5 + 0.0 * a)
    status, out, err = run("soundness", "--cases", "5")
    assert (status, err) == (1, "")
    assert re.match(
        r"5 runs, \d+ steps, [\d,]+ arrays: [1-9]\d* bounds? broken by refnet; no bound broken "
        r"by PyTorch, ",
        verdict_of(out),
    )
    assert re.search(
        r"^random_run\(\d+\), step \d+, refnet: BP[12] \((output|hidden) delta\) of layer \d+ "
        r"is wrong: delta ",
        out,
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    "argv",
    [
        "soundness --cases 0",
        "soundness --cases x",
        "power --nets 0",
        "power --nets -1",
        "power --epochs 2",
    ],
)
def test_unusable_arguments_of_the_other_commands_exit_2(argv):
    """They are refused on standard error before anything is printed."""
    status, out, err = run(*argv.split())
    assert (status, out) == (2, "")
    assert re.search(rf"^parity( {argv.split()[0]})?: error: .+$", err, re.MULTILINE)
    assert "Traceback" not in err


def measuring(monkeypatch, name, passed=True):
    """A measurement of `parity bugs` that takes no time, and what it is given."""
    given = []

    def measured(what, *, on_progress, jobs):
        given.append(what)
        on_progress()
        return SimpleNamespace(
            lines=lambda verbose=False: iter(["the verdict", f"verbose {verbose}"]),
            passed=passed,
            as_json=lambda: {"rows": [1]},
        )

    monkeypatch.setattr(f"parity.experiments.mutations.{name}", measured)
    return given


@pytest.mark.parametrize("passed", [True, False])
def test_bugs_without_the_catalogue_takes_all_entries_or_some(monkeypatch, passed):
    """The ids reach the measurement; its verdict comes last, and decides the status."""
    given = measuring(monkeypatch, "recovery_score.recovery_score", passed)
    status, out, _ = run("bugs", "--without-catalogue", "dW-scaled", "dW-transposed")
    assert (status, verdict_of(out)) == (0 if passed else 1, "the verdict")
    run("bugs", "--without-catalogue")
    some, whole = given
    assert [*some] == ["dW-scaled", "dW-transposed"]
    assert [*whole] == [*BY_ID]
    assert run("bugs", "--without-catalogue", "dW-scald")[0] == 2


@pytest.mark.parametrize("passed", [True, False])
def test_bugs_of_mutants_says_more_when_asked(monkeypatch, tmp_path, passed):
    """The mutants of every function are measured; --verbose reaches the report, and the
    file has it as data.
    """
    given = measuring(monkeypatch, "mechanical.mutant_score.mutant_score", passed)
    file = tmp_path / "mutants.json"
    status, out, _ = run("bugs", "--mutants", "--json", str(file))
    assert (status, verdict_of(out)) == (0 if passed else 1, "the verdict")
    assert "verbose False" in out
    assert json.loads(file.read_text(encoding="utf-8"))["rows"] == [1]
    assert "verbose True" in run("bugs", "--mutants", "--verbose")[1]
    assert len({mutants()[number].function for number in given[0]}) > 30
    assert len(given[0]) == len(set(given[0])) > 900


def test_mutants_are_of_no_entry():
    """An ID beside --mutants is refused, and so is --list."""
    status, _, err = run("bugs", "--mutants", "dW-scaled")
    assert (status, err) == (2, "parity: bugs: --mutants has an ID, expected none\n")
    assert run("bugs", "--mutants", "--list")[0] == 2
