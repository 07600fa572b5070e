"""The command line: what the main job prints and writes, in which form, and its exit
status.
"""

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import refnet
from parity import cli, screen
from parity.cli import commands
from parity.experiments.job import digits, job_lines, sweep
from parity.experiments.job.gaps import Gaps
from parity.experiments.job.job_report import MainJobReport
from parity.experiments.job.sweep import CaseOutcome, StepOutcome
from parity.proof.agreement import Agreement, Difference
from parity.proof.result import Result
from parity.steps.cases import CASES
from parity.tests.command import run
from parity.tests.main_job import (
    BATCHES,
    FEW,
    Terminal,
    epochs_of,
    lines_of_the_main_job,
    make_little,
    once,
    refuse,
    verdict_of,
)
from refnet.equations import PLAIN

pytestmark = pytest.mark.usefixtures("_little_to_do")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What `parity run --epochs 2 --json FILE` does on all digits and a handful of
    cases, and what it writes.
    """
    file = tmp_path_factory.mktemp("whole") / "found.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "CASES", FEW)
        done = run("run", "--epochs", "2", "--json", str(file))
    return done, json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def good():
    """What `parity run --epochs 2` does on few digits and a handful of cases."""
    with pytest.MonkeyPatch.context() as patch:
        make_little(patch)
        return run("run", "--epochs", "2")


def test_the_main_job_prints_header_epochs_table_and_verdict(whole):
    """Exit 0 and, line by line: versions, BLAS kernel and threads, the epochs, the
    table by row and by equation, one verdict.
    """
    (status, out, err), _ = whole
    assert (status, err) == (0, "")
    patterns, lines = list(lines_of_the_main_job()), out.removesuffix("\n").split("\n")
    assert len(lines) == len(patterns)
    for pattern, line in zip(patterns, lines, strict=True):
        assert re.fullmatch(pattern, line), line


def test_the_printed_shares_are_those_found(whole):
    """Each share that is printed is that of the file, by equation and by group, and the
    largest of all is said.
    """
    (_, out, _), results = whole
    lines, cases = out.splitlines(), results["sweep"]
    for label, shares in results["shares"].items():
        line = next(
            line for line in lines if line.endswith(f"   {refnet.EQUATIONS[label].formula}")
        )
        assert line.removeprefix(f"{refnet.EQUATIONS[label].name:>16}").split()[:4] == [
            f"{share:.3f}" for share in shares
        ]
    for i, (dtype, side) in enumerate(
        (dtype, side) for dtype in ("float64", "float32") for side in ("refnet", "pytorch")
    ):
        of_cases = max(
            entry[side] for case, entry in zip(FEW, cases, strict=True) if case.dtype == dtype
        )
        assert max(shares[i] for shares in results["shares"].values()) == of_cases > 0.0
    run = next(line.split()[3:] for line in lines if line.startswith("       digits, 68 steps "))
    assert run == [f"{share:.3f}" for share in results["digits"]["worst"].values()] + ["-"] * 3
    of_digits = (results["digits"]["worst"][side] for side in ("refnet", "pytorch"))
    of_cases = (case[side] for case in cases for side in ("refnet", "pytorch"))
    assert f"at most {max(*of_digits, *of_cases):.3f} in all these steps" in out
    assert verdict_of(out).endswith(f"; accuracy {results['digits']['accuracy']:.2%}")


def printed_shares(lines, name):
    """The six shares in the line of this name."""
    return next(line.split()[-6:] for line in lines if re.match(rf" +2  {re.escape(name)} ", line))


@pytest.mark.parametrize("verbose", [False, True])
def test_the_printed_table_is_by_group_and_verbose_by_row(tmp_path, verbose):
    """A line for each group has the largest shares of its cases; with --verbose there
    is one for each row too.
    """
    file = tmp_path / "found.json"
    _, out, _ = once("--json", str(file), *["--verbose"] * verbose, cases=FEW)
    lines, results = out.splitlines(), json.loads(file.read_text(encoding="utf-8"))["sweep"]
    words = {
        "pair": "activations and losses",
        "optimizer": "optimizers",
        "architecture": "architectures",
    }
    for case, entry64, entry32 in zip(FEW[::2], results[::2], results[1::2], strict=True):
        want = [
            f"{entry[side]:.3f}"
            for entry in (entry64, entry32)
            for side in ("refnet", "pytorch", "apart")
        ]
        assert printed_shares(lines, words[case.group]) == want
        if verbose:
            assert printed_shares(lines, case.row) == want
    assert any(case.row in out for case in FEW) is verbose


def test_the_printed_differences_are_those_found(whole):
    """Outputs, gradients and weights: of the digits, and of the cases in float64 and
    float32; of a scale, the distance to the next number.
    """
    (_, out, _), results = whole
    run, float64, float32 = (
        results["differences"]["digits"],
        *(results["differences"]["cases"][dtype] for dtype in ("float64", "float32")),
    )
    for start, gaps in {
        "forward outputs ": [gaps["outputs"] for gaps in (run, float64, float32)],
        "gradients ": [gaps["gradients"] for gaps in (run, float64, float32)],
        "weights after SGD ": [
            run["weights"],
            *(gaps["weights_after_sgd"] for gaps in (float64, float32)),
        ],
        "for scale: ": [np.spacing(1.0), np.spacing(1.0), np.spacing(np.float32(1.0))],
    }.items():
        line = next(line for line in out.splitlines() if line.startswith(start))
        assert line.split()[-3:] == [f"{gap:.1e}" for gap in gaps]
    others = next(line for line in out.splitlines() if line.startswith("weights after the other"))
    assert others.split()[-3:] == ["-"] + ["0.0e+00"] * 2  # no other optimizer among these cases
    for dtype, gaps in results["differences"]["cases"].items():
        of_cases = [
            entry["differences"]
            for case, entry in zip(FEW, results["sweep"], strict=True)
            if case.dtype == dtype
        ]
        for name in Gaps._fields:
            assert gaps[name] == max(each[name] for each in of_cases)
        assert gaps["weights"] == max(gaps["weights_after_sgd"], gaps["weights_after_others"])


def test_each_kind_of_difference_has_its_line():
    """Gaps that differ in every kind, of the digits and of either dtype, each stand in
    their place; every other optimizer has a line of its own.
    """

    def steps(first):
        return (replace(taken(), gaps=Gaps(first, first + 0.25, first + 0.5, first + 0.75)),)

    adam = next(case for case in CASES if case.optimizer == "adam")
    cases = [(FEW[0], 2), (FEW[1], 3), (adam, 4), (replace(adam, dtype="float32"), 5)]
    outcomes = [CaseOutcome(case, steps(first)) for case, first in cases]
    report = MainJobReport(SimpleNamespace(steps=steps(1)), outcomes)
    lines = [text.split()[-3:] for text, _ in job_lines.differences(report)][2:]
    assert lines == [
        ["1.0e+00", "4.0e+00", "5.0e+00"],
        ["1.5e+00", "4.5e+00", "5.5e+00"],
        ["1.8e+00", "2.8e+00", "3.8e+00"],
        ["-", "4.8e+00", "5.8e+00"],
        [f"{np.spacing(1.0):.1e}"] * 2 + [f"{np.spacing(np.float32(1.0)):.1e}"],
        ["1", "2", "2"],
    ]


def test_an_undefined_difference_is_called_so(monkeypatch):
    """Where an array of PyTorch's is NaN, no number is printed in its place."""
    real = sweep.restart

    def restart(record):
        record = real(record)
        last = replace(record.layers[-1], a=np.full_like(record.layers[-1].a, np.nan))
        return replace(record, layers=(*record.layers[:-1], last))

    monkeypatch.setattr(sweep, "restart", restart)
    status, out, _ = once(cases=FEW)
    line = next(line for line in out.splitlines() if line.startswith("forward outputs "))
    assert (status, line.split()[-2:]) == (1, ["undefined", "undefined"])
    assert "\nundefined: an array is missing, has another shape, or is not finite\n" in out


@pytest.mark.parametrize("verbose", [False, True])
def test_the_first_epochs_and_the_last_are_printed_and_verbose_all(verbose):
    """What is left out is marked."""
    out = run("--epochs", "6", *["--verbose"] * verbose)[1]
    numbers = [int(words[0]) for words in epochs_of(out)]
    assert numbers == ([1, 2, 3, 4, 5, 6] if verbose else [1, 2, 3, 6])
    assert out.splitlines().count("  ...") == (not verbose)


@pytest.mark.parametrize("argv", [[], ["--verbose"]])
def test_no_line_is_longer_than_a_hundred_columns(argv):
    """The whole of the real table fits, long names too."""
    _, out, _ = once(*argv, cases=[case for case in CASES if case.group != "pair"][::3])
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(("loss", "gap"), [(0.5, "-2.5e-01"), (0.75, "0.0e+00"), (1.0, "2.5e-01")])
def test_the_printed_difference_of_losses_has_its_sign(monkeypatch, loss, gap):
    """It is refnet's loss minus PyTorch's."""
    real = digits.train

    def train(seed, epochs, on_epoch):
        return real(seed, epochs, lambda pair: on_epoch(pair._replace(loss=loss, twin_loss=0.75)))

    monkeypatch.setattr(digits, "train", train)
    assert [words[1:4] for words in epochs_of(once()[1])] == [[f"{loss:.16f}", f"{0.75:.16f}", gap]]


def taken(ours=0.25, theirs=0.25, apart=0.875):
    """The outcome of a step with these shares."""
    mine, other = ((Result("z", 1, "z", "", used),) for used in (ours, theirs))
    return StepOutcome(mine, other, Agreement((Difference("z", 1, "z", apart),)))


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("place", range(4))
def test_the_largest_share_is_that_of_any_bound(place, side):
    """Of either side, of the digits or of any case, first or later; what the two are
    apart is no share of a bound.
    """
    steps = [taken(**({side: 0.5} if place == i else {})) for i in range(4)]
    trained = SimpleNamespace(first=None, same_labels=True, accuracy=0.75, steps=steps[:1])
    outcomes = [CaseOutcome(FEW[0], tuple(steps[1:3])), CaseOutcome(FEW[1], tuple(steps[3:]))]
    report = MainJobReport(trained, outcomes)
    assert (report.problem, report.largest_share) == (None, 0.5)
    assert report.verdict == (
        "Proven: every equation holds in all 4 steps, both agree in all 4 compared; accuracy 75.00%"
    )


def test_the_printed_growth_is_that_found(whole):
    """After each of the printed steps, and after the last one, stands the largest
    weight difference at that step.
    """
    (_, out, _), results = whole
    growth, lines = results["digits"]["growth"], out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("after step "))
    steps = [int(word) for word in lines[at].split()[2:]]
    assert steps == [1, 2, 5, 10, 20, 50, 68]
    assert lines[at + 1].split() == [f"{growth[step - 1]:.1e}" for step in steps]
    assert (len(growth), growth[-1]) == (68, results["digits"]["weight_difference"])


def test_the_printed_epochs_are_those_found(whole):
    """A line for each epoch has the losses in full, their difference, and the
    accuracies.
    """
    (_, out, _), results = whole
    for words, epoch in zip(epochs_of(out), results["digits"]["epochs"], strict=True):
        accuracies = [f"{epoch[side]:.2%}" for side in ("accuracy", "twin_accuracy")]
        losses = [f"{epoch[side]:.16f}" for side in ("loss", "twin_loss")]
        assert words == [
            str(epoch["number"]),
            *losses,
            f"{epoch['loss'] - epoch['twin_loss']:.1e}",
            *accuracies,
        ]


def test_quiet_prints_the_verdict_alone(good):
    """One line, the one that is last otherwise; `parity` is `parity run`."""
    want = (0, verdict_of(good[1]) + "\n", "")
    assert (
        run("--quiet", "--epochs", "2")
        == run("run", "--quiet", "--epochs", "2", "--seed", "0")
        == want
    )


def test_the_seed_changes_the_numbers(good, tmp_path):
    """Another seed is another split, other weights and other cases; the same seed is
    the same to the last digit.
    """
    assert run("run", "--epochs", "2", "--seed", "0") == good
    file = tmp_path / "found.json"
    status, out, _ = run("--epochs", "2", "--seed", "1", "--json", str(file))
    assert status == 0
    assert all(
        mine[1:] != other[1:]
        for mine, other in zip(epochs_of(good[1]), epochs_of(out), strict=True)
    )
    assert verdict_of(out) != verdict_of(good[1])
    assert [case["case"] for case in json.loads(file.read_text(encoding="utf-8"))["sweep"]] == [
        f"{case.id}, seed 1" for case in FEW
    ]


def test_arguments_are_those_of_the_process_by_default(monkeypatch):
    """Without a list given, the arguments come from the process."""
    monkeypatch.setattr(sys, "argv", ["parity", "--epochs", "none"])
    with pytest.raises(SystemExit) as leave, redirect_stderr(io.StringIO()):
        cli.main()
    assert leave.value.code == 2


@pytest.mark.parametrize("broken", [False, True])
def test_json_says_what_was_found(tmp_path, monkeypatch, broken):
    """The file holds the verdict, the environment, the digits by epoch and every case
    by its id, right or wrong.
    """
    if broken:
        monkeypatch.setattr(refnet.Softmax, "pullback", lambda self, grad_a, z, a: grad_a)
    file = tmp_path / "found.json"
    status, out, _ = run("--epochs", "2", "--json", str(file))
    results = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(results) == [
        "passed",
        "verdict",
        "environment",
        "differences",
        "digits",
        "shares",
        "sweep",
    ]
    assert (status, results["passed"], results["verdict"]) == (
        int(broken),
        not broken,
        verdict_of(out),
    )
    assert results["environment"] == screen.environment()
    assert set(results["environment"]) == {
        "refnet",
        "python",
        "numpy",
        "torch",
        "scikit-learn",
        "blas",
        "blas_threads",
    }
    digits = results["digits"]
    assert list(digits) == [
        "epochs",
        "steps",
        "worst",
        "growth",
        "weight_difference",
        "same_labels",
        "accuracy",
    ]
    assert (digits["steps"], list(digits["worst"]), len(digits["growth"])) == (
        2 * BATCHES,
        ["refnet", "pytorch", "apart"],
        2 * BATCHES,
    )
    assert [list(epoch) for epoch in digits["epochs"]] == [
        ["number", "of", "loss", "twin_loss", "accuracy", "twin_accuracy"]
    ] * 2
    assert [(epoch["number"], epoch["of"]) for epoch in digits["epochs"]] == [(1, 2), (2, 2)]
    assert digits["accuracy"] == digits["epochs"][-1]["accuracy"]
    assert {label: len(shares) for label, shares in results["shares"].items()} == dict.fromkeys(
        PLAIN, 4
    )
    assert [list(case) for case in results["sweep"]] == [
        ["case", "passed", "refnet", "pytorch", "apart", "differences"]
    ] * len(FEW)
    assert [case["case"] for case in results["sweep"]] == [case.id for case in FEW]
    assert all(case["passed"] for case in results["sweep"]) is not broken


def test_plot_writes_a_picture(tmp_path):
    """The file is a picture of the kind that its name says, and no other file is
    written.
    """
    assert once("--quiet", "--plot", str(tmp_path / "FOUND.PNG"))[::2] == (0, "")
    assert (tmp_path / "FOUND.PNG").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [path.name for path in tmp_path.iterdir()] == ["FOUND.PNG"]


def test_python_m_parity_is_parity():
    """`python -m parity --help` tells what `parity` does, without PyTorch being
    imported.
    """
    done = subprocess.run(
        [sys.executable, "-m", "parity", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: parity ")
    assert re.search(r"^ +run +train on digits side by side", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("wrong", [False, True])
def test_on_a_terminal_the_same_lines_come_in_colour(monkeypatch, good, wrong):
    """With rich on a terminal the lines are the same words under a bar, the verdict
    green or red; quiet stays plain.
    """
    if wrong:
        monkeypatch.setattr(
            "parity.experiments.job.digits._labels", lambda model, x: np.zeros(len(x))
        )
    status, out, _ = run("--epochs", "2", out=Terminal())
    assert status == int(wrong)
    assert f"\x1b[1;3{'1' if wrong else '2'}m" in out
    bare = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out).replace("\r", "\n")
    assert re.search(rf"^cases .+ \d/{len(FEW)}$", bare, re.MULTILINE)
    if not wrong:
        assert set(good[1].splitlines()) <= set(bare.splitlines())
        assert "\x1b" not in once("--quiet", out=Terminal())[1]


def test_without_rich_a_terminal_gets_plain_lines(monkeypatch, good):
    """Without rich a terminal shows what a file would hold."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert run("--epochs", "2", out=Terminal()) == good


@pytest.mark.parametrize("installed", [True, False])
def test_one_thread_is_used_and_then_as_many_as_before(monkeypatch, installed):
    """The job runs on one thread and leaves PyTorch with as many as it had; without
    threadpoolctl BLAS is called unknown.
    """
    if not installed:
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        status, out, _ = once()
        assert (status, torch.get_num_threads()) == (0, 2)
    finally:
        torch.set_num_threads(before)
    line = out.splitlines()[1]
    assert line.endswith(", PyTorch 1")
    assert installed or line.startswith(
        "BLAS unknown (threadpoolctl is not installed)   threads: NumPy unknown, "
    )


def test_help_of_the_bare_command_shows_the_options_of_the_main_job():
    """`parity --help` tells what `parity` takes."""
    status, out, _ = run("--help")
    assert status == 0
    assert all(
        option in out
        for option in ("--seed", "--epochs", "--plot", "--json", "--quiet", "--version")
    )
    assert all(
        re.search(rf"^ +{command}\b", out, re.MULTILINE)
        for command in ("run", "soundness", "power")
    )


@pytest.mark.parametrize("before", ["[1]", None])
def test_an_earlier_result_is_kept_until_there_is_a_new_one(tmp_path, monkeypatch, before):
    """Where the work is broken off, each file is as it was, or is not there."""
    files = [tmp_path / "found.json", tmp_path / "found.png"]
    for file in files:
        if before is not None:
            file.write_text(before, encoding="utf-8")

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("parity.experiments.job.main_job._sweep", broken)
    status, _, err = once("--json", str(files[0]), "--plot", str(files[1]))
    assert (status, err) == (130, "parity: interrupted\n")
    assert [file.read_text(encoding="utf-8") if file.exists() else None for file in files] == [
        before
    ] * 2


def test_a_row_may_have_cases_of_one_dtype_alone():
    """Where there is no case of a dtype, nothing of its bounds is used."""
    status, out, _ = once("--verbose", cases=FEW[:1])
    assert (status, FEW[0].dtype) == (0, "float64")
    line = next(line for line in out.splitlines() if line.startswith(f"    1  {FEW[0].row} "))
    assert line.split()[-3:] == ["-"] * 3
