"""The command line: what it prints and writes, its exit status, and that a broken
refnet does not get past it.
"""

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

import refnet
from parity import cli, screen
from parity.experiments import digits
from parity.experiments.main_job import Found
from parity.experiments.soundness import soundness
from parity.experiments.sweep import Outcome, StepOutcome
from parity.proof.agreement import Agreement, Difference
from parity.proof.certificate import Result
from parity.steps.cases import CASES, RATES
from parity.tests.command import WITHOUT, run

FEW = tuple(
    case
    for case in CASES
    if (case.sizes, case.batch) == ((4, 4, 4), 2)
    or (case.hidden, case.output, case.loss) == (("sigmoid",), "softmax", "mse")
    or (case.sizes, case.settings) == ((3, 7, 2), {"momentum": 0.9, "dampening": 0.5})
)
ROWS = list(dict.fromkeys(case.row for case in FEW))
BATCHES = 2  # of the digits, the last one half full, where not all of them are needed
GAP = r"\d\.\de[+-]\d\d"
SHARE = r"(?:0\.\d{3}|1\.000)"


load_all = cache(digits.load)


def first_digits(seed):
    """The split with all test images and the first few to train on."""
    split, rows = load_all(seed), BATCHES * digits.BATCH - digits.BATCH // 2
    return split._replace(x=split.x[:rows], labels=split.labels[:rows])


class Terminal(io.StringIO):
    """Says that someone is looking."""

    def isatty(self):
        return True


def make_little(patch):
    """Leave little to do: what is slow is the number of steps."""
    patch.setattr(cli, "CASES", FEW)
    patch.setattr("parity.steps.cases.RATES", RATES[:2])
    patch.setattr(digits, "load", first_digits)


@pytest.fixture(autouse=True)
def _little_to_do(monkeypatch):
    """A handful of the table's cases, two steps of each, few digits, and a terminal
    that knows colours, whatever the environment says.
    """
    make_little(monkeypatch)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def once(*argv, out=None, cases=FEW[:1]):
    """The main job with one epoch of the digits, and one case unless more are given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "CASES", cases)
        return run(*argv, "--epochs", "1", out=out)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What `parity run --epochs 2 --json FILE` does on all digits and a handful of
    cases, and what it writes.
    """
    file = tmp_path_factory.mktemp("whole") / "found.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "CASES", FEW)
        done = run("run", "--epochs", "2", "--json", str(file))
    return done, json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def good():
    """What `parity run --epochs 2` does on few digits and a handful of cases."""
    with pytest.MonkeyPatch.context() as patch:
        make_little(patch)
        return run("run", "--epochs", "2")


def verdict_of(out):
    """The last line, which nothing follows."""
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    return out.splitlines()[-1]


def epochs_of(out):
    """The words of the lines that tell of an epoch."""
    return [line.split() for line in out.splitlines() if re.match(r" +\d+ +\d\.\d{16} ", line)]


def refuse(constant):
    """JSON knows no NaN and no Infinity."""
    raise AssertionError(constant)


def lines_of_the_main_job():
    """A pattern for each line that the main job prints with two epochs of all
    digits.
    """
    numpy, torch_, sklearn, python = (
        re.escape(v)
        for v in (*map(version, ("numpy", "torch", "scikit-learn")), sys.version.split()[0])
    )
    known = any(pool["user_api"] == "blas" for pool in threadpool_info())
    blas = (
        r"\S+ \S+, kernel \S+   threads: NumPy 1" if known else "unknown   threads: NumPy unknown"
    )
    yield (
        rf"refnet {re.escape(refnet.__version__)}   Python {python}   NumPy {numpy}   PyTorch "
        rf"{torch_}   scikit-learn {sklearn}"
    )
    yield f"BLAS {blas}, PyTorch 1"
    yield ""
    yield re.escape(
        "Handwritten digits, 64-30-10, softmax cross-entropy, SGD, mini-batches of 32: same "
        "weights, same batches"
    )
    yield (
        "epoch          loss, refnet         loss, PyTorch  difference  test, refnet  test, PyTorch"
    )
    for epoch in (1, 2):
        yield rf"    {epoch}    \d\.\d{{16}}    \d\.\d{{16}}    [ -]{GAP} +(\d\d\.\d\d%) +\1"
    used = rf"at most ({SHARE}) \(refnet\) and ({SHARE}) \(PyTorch\) of a bound used"
    yield f"68 steps certified, {used}; the same label for all 719 test images"
    yield f"From equal weights, 68 steps: the two differ by at most {SHARE} of the running bound"
    growth = "  ".join(f"{step}: {GAP}" for step in (1, 2, 5, 10, 20, 50, 68))
    yield f"Running freely, largest weight difference after step  {growth}"
    yield ""
    yield (
        f"The case table: {len(FEW)} cases; largest share of a bound used by each side, of the "
        f"running bound by their difference"
    )
    yield "cases  float64: refnet  PyTorch  apart  float32: refnet  PyTorch  apart"
    for row in ROWS:
        yield f"    2{f' {{12}}{SHARE}    {SHARE}  {SHARE}' * 2}   {re.escape(row)}"
    yield ""
    yield "Largest share of its bound that each equation used over the case table"
    yield "                  float64: refnet  PyTorch  float32: refnet  PyTorch"
    for equation in refnet.EQUATIONS.values():
        yield (
            f"{equation.name:>16}{f' {{12}}{SHARE}    {SHARE}' * 2}   {re.escape(equation.formula)}"
        )
    yield ""
    steps = 68 + sum(5 if case.group == "optimizer" else 2 for case in FEW)
    holds = (
        f"every equation holds in all {steps} training steps of refnet and of PyTorch, and from "
        f"equal weights they agree"
    )
    yield rf"Proven: {holds}; test accuracy \d\d\.\d\d%, at most {SHARE} of a bound used"


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
    """Each share that is printed is that of the file, and what is said of all steps is
    the largest of all of them.
    """
    (_, out, _), found = whole
    lines, digits_, sweep = out.splitlines(), found["digits"], found["sweep"]
    ours, theirs, apart = digits_["worst"].values()
    assert (
        f"68 steps certified, at most {ours:.3f} (refnet) and {theirs:.3f} (PyTorch) of a bound "
        f"used; " in out
    )
    assert (
        f"From equal weights, 68 steps: the two differ by at most {apart:.3f} of the running bound"
        in lines
    )
    for row in ROWS:
        by_dtype = {
            case.dtype: found_ for case, found_ in zip(FEW, sweep, strict=True) if case.row == row
        }
        sides = [
            f"{by_dtype[dtype][side]:.3f}"
            for dtype in ("float64", "float32")
            for side in ("refnet", "pytorch", "apart")
        ]
        assert next(line.split()[1:7] for line in lines if line.endswith(f"   {row}")) == sides
    for label, shares in found["shares"].items():
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
            found_[side] for case, found_ in zip(FEW, sweep, strict=True) if case.dtype == dtype
        )
        assert max(shares[i] for shares in found["shares"].values()) == of_cases > 0.0
    largest = max(ours, theirs, *(case[side] for case in sweep for side in ("refnet", "pytorch")))
    assert verdict_of(out).endswith(f", at most {largest:.3f} of a bound used")
    assert f"; test accuracy {digits_['accuracy']:.2%}, " in verdict_of(out)


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
def test_the_verdict_tells_the_largest_share_of_any_bound(place, side):
    """Of either side, of the digits or of any case, first or later; what the two are
    apart is no share of a bound.
    """
    steps = [taken(**({side: 0.5} if place == i else {})) for i in range(4)]
    trained = SimpleNamespace(first=None, same_labels=True, accuracy=0.75, steps=steps[:1])
    found = Found(trained, [Outcome(FEW[0], tuple(steps[1:3])), Outcome(FEW[1], tuple(steps[3:]))])
    assert found.problem is None
    assert found.verdict == (
        "Proven: every equation holds in all 4 training steps of refnet and of PyTorch, and from "
        "equal weights they agree; "
        "test accuracy 75.00%, at most 0.500 of a bound used"
    )


def test_the_printed_growth_is_that_found(whole):
    """After each of the printed steps, and after the last one, stands the largest
    weight difference at that step.
    """
    (_, out, _), found = whole
    growth, words = (
        found["digits"]["growth"],
        "Running freely, largest weight difference after step",
    )
    marks = "  ".join(f"{step}: {growth[step - 1]:.1e}" for step in (1, 2, 5, 10, 20, 50, 68))
    assert f"{words}  {marks}" in out.splitlines()
    assert (len(growth), growth[-1]) == (68, found["digits"]["weight_difference"])


def test_the_printed_epochs_are_those_found(whole):
    """A line for each epoch has the losses in full, their difference, and the
    accuracies.
    """
    (_, out, _), found = whole
    for words, epoch in zip(epochs_of(out), found["digits"]["epochs"], strict=True):
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
    found = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(found) == ["passed", "verdict", "environment", "digits", "shares", "sweep"]
    assert (status, found["passed"], found["verdict"]) == (int(broken), not broken, verdict_of(out))
    assert found["environment"] == screen.environment()
    assert set(found["environment"]) == {
        "refnet",
        "python",
        "numpy",
        "torch",
        "scikit-learn",
        "blas",
        "blas_threads",
    }
    digits = found["digits"]
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
    assert {label: len(shares) for label, shares in found["shares"].items()} == dict.fromkeys(
        refnet.EQUATIONS, 4
    )
    assert [list(case) for case in found["sweep"]] == [
        ["case", "passed", "refnet", "pytorch", "apart"]
    ] * len(FEW)
    assert [case["case"] for case in found["sweep"]] == [case.id for case in FEW]
    assert all(case["passed"] for case in found["sweep"]) is not broken


def test_json_is_json_whatever_was_found(tmp_path, monkeypatch):
    """A loss that is NaN on refnet's side does not make the file unreadable."""
    monkeypatch.setattr("refnet.fast.inplace._cost_at_labels", costs(float("nan")))
    status, _, _ = once("--json", str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"), parse_constant=refuse)
    worst = found["digits"]["worst"]
    assert (status, found["passed"], found["digits"]["epochs"][0]["loss"]) == (1, False, None)
    assert (worst["refnet"], worst["apart"], worst["pytorch"] <= 1.0) == (None, None, True)


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


def test_plot_writes_a_picture(tmp_path):
    """The file is a picture of the kind that its name says, and no other file is
    written.
    """
    assert once("--quiet", "--plot", str(tmp_path / "FOUND.PNG"))[::2] == (0, "")
    assert (tmp_path / "FOUND.PNG").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [path.name for path in tmp_path.iterdir()] == ["FOUND.PNG"]


@pytest.mark.parametrize(
    ("name", "ending"), [("found.xyz", ".xyz"), ("found", ""), ("found.json", ".json")]
)
def test_a_picture_of_unknown_format_exits_2_at_once(tmp_path, name, ending):
    """It is one sentence that lists what is known, before the work, and no file is left
    behind.
    """
    status, out, err = run("--plot", str(tmp_path / name))
    assert (status, out) == (2, "")
    told = re.escape(f"parity: {tmp_path / name}: format has {ending!r}, expected one of ")
    known = re.fullmatch(rf"{told}((?:\.\w+, )*\.\w+)\n", err)
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
        == f'parity: parity {command} needs {name}: python -m pip install "refnet[parity]"\n'
    )
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_a_picture_exits_2_with_one_sentence(tmp_path, monkeypatch):
    """A picture that cannot be drawn is refused before the work; without --plot nobody
    needs matplotlib.
    """
    for name in ("matplotlib", *(name for name in sys.modules if name.startswith("matplotlib."))):
        monkeypatch.setitem(sys.modules, name, None)
    sentence = 'parity: parity run needs matplotlib: python -m pip install "refnet[plot]"\n'
    assert run("--plot", str(tmp_path / "found.png"), "--json", str(tmp_path / "found.json")) == (
        2,
        "",
        sentence,
    )
    assert not list(tmp_path.iterdir())
    assert once("--quiet")[0] == 0


def test_python_m_parity_is_parity():
    """`python -m parity --help` tells what `parity` does, without PyTorch being
    imported.
    """
    done = subprocess.run(
        [sys.executable, "-m", "parity", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: parity ")
    assert re.search(r"^ +run +train digits side by side", done.stdout, re.MULTILINE)


REAL_BACKWARD, REAL_COST = refnet.fast.workspace.backward_into, refnet.fast.inplace._cost_at_labels


def mean_over_rows(layers, x, per_row):
    """A backward pass whose bias gradients are divided by the rows once more."""
    REAL_BACKWARD(layers, x, per_row)
    for layer in layers:
        np.divide(layer.db, len(x), out=layer.db)


def untransposed(layers, trace, loss, y):
    """A backward pass that gets the weight gradient of square layers transposed."""
    found = refnet.backprop.backward(layers, trace, loss, y)
    return [
        layer._replace(dW=layer.dW.T if layer.dW.shape == layer.dW.T.shape else layer.dW)
        for layer in found
    ]


def undampened(self, d):
    """Momentum that takes the gradient whole."""
    if self.momentum:
        v = self._state.setdefault("momentum_buffer", np.zeros_like(d))
        v[:] = d[:] = self.momentum * v + d
    d *= self.lr


def stepped(rate):
    """A step of plain gradient descent at this multiple of the learning rate."""
    return lambda self, d: np.multiply(d, rate * self.lr, out=d)


def summed(z, y, delta, rows):
    """Softmax cross-entropy whose gradient is a sum over rows."""
    value = REAL_COST(z, y, delta, rows)
    delta *= len(z)
    return value


def costs(value):
    """Softmax cross-entropy of this value, with the right gradient."""
    return lambda *arrays: (REAL_COST(*arrays), np.float64(value))[1]


FIRST = "DISAGREE. Digits, step 1: refnet: "
BROKEN = {  # what is broken in refnet, and what the verdict must say
    "derivative of tanh": (
        "activations.Tanh.derivative",
        lambda self, z, a: 1.0 - a,
        f"{FIRST}BP2 (hidden delta) of layer 1: delta has ",
    ),
    "gradient of the loss": (
        "fast.inplace._cost_at_labels",
        summed,
        f"{FIRST}BP1 (output delta) of layer 2: delta has ",
    ),
    "value of the loss": (
        "fast.inplace._cost_at_labels",
        costs(2.3),
        f"{FIRST}C (cost): loss has 2.3, expected ",
    ),
    "tanh": (
        "fast.inplace._VALUES",
        {refnet.Tanh: lambda f, z, a, rows: np.sin(z, out=a)},
        f"{FIRST}a (activation) of layer 1: a has ",
    ),
    "bias gradient": (
        "fast.workspace.backward_into",
        mean_over_rows,
        f"{FIRST}BP3 (bias gradient) of layer 2: db has ",
    ),
    "step": (
        "optimizers.SGD._update_into",
        stepped(-1.0),
        f"{FIRST}step (update) of layer 1: W has ",
    ),
    "derivative of sigmoid": (
        "activations.Sigmoid.derivative",
        lambda self, z, a: a,
        "float64: step 1, refnet: BP2 (hidden delta) of layer 1: delta has ",
    ),
    "weight gradient": (
        "network.backward",
        untransposed,
        "float64: step 1, refnet: BP4 (weight gradient) of layer 2: dW has ",
    ),
    "dampening": (
        "optimizers.SGD._update_into",
        undampened,
        (
            "dampening=0.5), n 11, float64: step 2, refnet: step (update) of layer 1: "
            "momentum_buffer of W has "
        ),
    ),
    "momentum": (
        "optimizers.SGD._update_into",
        stepped(1.0),
        (
            "dampening=0.5), n 11, float64: step 1, refnet: step (update) of layer 1: "
            "momentum_buffer of W is not shown"
        ),
    ),
}


def check_named(done, text):
    """It is exit status 1, and the verdict names the place; of the cases it tells in
    how many, and the table marks their rows.
    """
    status, out, err = done
    assert (status, err) == (1, "")
    assert text in verdict_of(out)
    if not text.startswith("DISAGREE. Digits, "):
        counted = re.match(r"DISAGREE in (\d+) of (\d+) cases\. ", verdict_of(out))
        assert 0 < int(counted[1]) <= int(counted[2]) == len(FEW)
        assert re.search("   DISAGREE$", out, re.MULTILINE)


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_refnet_exits_1_and_the_verdict_names_the_place(monkeypatch, mistake):
    """Whatever is broken, the verdict names side, equation and layer, of the digits or
    of the first case that shows it.
    """
    target, wrong, text = BROKEN[mistake]
    monkeypatch.setattr(f"refnet.{target}", wrong)
    check_named(once(cases=FEW[:1] if text.startswith(FIRST) else FEW), text)


def sloped(value):
    """The forward pass of a module that has the right value and 1 more than the right
    derivative.
    """
    return lambda self, z: value(z) + (z - z.detach())


BROKEN_TWIN = {
    "tanh": (
        torch.nn.Tanh,
        "DISAGREE. Digits, step 1: PyTorch: BP2 (hidden delta) of layer 1: delta has ",
    ),
    "sigmoid": (
        torch.nn.Sigmoid,
        "float64: step 1, PyTorch: BP2 (hidden delta) of layer 1: delta has ",
    ),
}


@pytest.mark.parametrize("name", BROKEN_TWIN)
def test_a_broken_pytorch_exits_1_and_the_verdict_names_the_place(monkeypatch, name):
    """The proof is one of both sides: a wrong PyTorch is named as such."""
    module, text = BROKEN_TWIN[name]
    monkeypatch.setattr(module, "forward", sloped(getattr(torch, name)))
    check_named(once(cases=FEW), text)


@pytest.mark.parametrize(
    ("room", "where"), [("digits", "Digits, step 1: "), ("sweep", ", n 11, float64: step 1, ")]
)
def test_two_that_part_exit_1(monkeypatch, room, where):
    """Were both right and yet further apart than rounding allows, the verdict would say
    where.
    """
    difference, real = Difference("BP4", 2, "dW", 1.5, (0, 1), 2.0, 1.0, 0.75), digits.outcome_of

    def outcome_of(ours, theirs, equal_start=True):
        outcome = real(ours, theirs, equal_start)
        return (
            outcome
            if outcome.agreement is None
            else replace(outcome, agreement=Agreement((difference,)))
        )

    monkeypatch.setattr(f"parity.experiments.{room}.outcome_of", outcome_of)
    text = f"{where}they part: {difference}"
    assert "BP4 (weight gradient) of layer 2: dW has 2.0 at row 0, column 1, expected 1.0" in text
    check_named(once(cases=FEW), f"DISAGREE. {text}" if room == "digits" else text)


def test_the_verdict_counts_the_cases_that_are_wrong(monkeypatch):
    """The first wrong case is named and all are counted; only their rows are marked."""
    monkeypatch.setattr(refnet.Sigmoid, "derivative", lambda self, z, a: a)
    _, out, _ = once(cases=FEW)
    wrong = [case for case in FEW if "sigmoid" in case.hidden]
    assert verdict_of(out).startswith(
        f"DISAGREE in {len(wrong)} of {len(FEW)} cases. {wrong[0].id}: step 1, refnet: "
    )
    marked = [
        row for row in ROWS if re.search(rf"   {re.escape(row)}   DISAGREE$", out, re.MULTILINE)
    ]
    assert marked == list(dict.fromkeys(case.row for case in wrong)) != ROWS


def test_other_labels_are_no_agreement(monkeypatch):
    """Were the two networks to label one test image differently, that would be said."""
    monkeypatch.setattr("parity.experiments.digits._labels", lambda model, x: np.zeros(len(x)))
    status, out, _ = once()
    assert (status, verdict_of(out)) == (
        1,
        "DISAGREE. Digits: the two trained networks label the test images differently",
    )
    assert "NOT the same label for all 719 test images" in out


def test_a_refnet_that_refuses_a_step_is_wrong(monkeypatch, tmp_path):
    """A step that refnet itself refuses to take gives a verdict and exit status 1, no
    traceback; the file says as much.
    """
    monkeypatch.setattr(refnet.Tanh, "derivative", lambda self, z, a: np.full_like(a, np.nan))
    status, out, err = once(
        "--json", str(tmp_path / "found.json"), "--plot", str(tmp_path / "found.png")
    )
    assert (status, err) == (1, "")
    assert verdict_of(out).startswith(
        "DISAGREE. epoch 1, batch 1: layer 1: gradient of W has nan at "
    )
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["passed"], found["verdict"]) == (False, verdict_of(out))
    assert not (tmp_path / "found.png").exists()


@pytest.mark.parametrize("wrong", [False, True])
def test_on_a_terminal_the_same_lines_come_in_colour(monkeypatch, good, wrong):
    """With rich on a terminal the lines are the same words under a bar, the verdict
    green or red; quiet stays plain.
    """
    if wrong:
        monkeypatch.setattr("parity.experiments.digits._labels", lambda model, x: np.zeros(len(x)))
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


def test_a_seed_that_scikit_learn_cannot_take_is_unusable():
    """It is unusable input, not a disagreement."""
    status, out, err = run("--seed", str(2**32))
    assert (status, out) == (2, "")
    assert f"has {2**32}, expected an integer from 0 to {2**32 - 1}" in err


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

    monkeypatch.setattr("parity.experiments.main_job._sweep", broken)
    with pytest.raises(KeyboardInterrupt):
        once("--json", str(files[0]), "--plot", str(files[1]))
    assert [file.read_text(encoding="utf-8") if file.exists() else None for file in files] == [
        before
    ] * 2


def test_a_row_may_have_cases_of_one_dtype_alone():
    """Where there is no case of a dtype, nothing of its bounds is used."""
    status, out, _ = once(cases=FEW[:1])
    assert (status, FEW[0].dtype) == (0, "float64")
    assert (
        next(line.split()[4:7] for line in out.splitlines() if line.endswith(f"   {FEW[0].row}"))
        == ["0.000"] * 3
    )


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
    command, (status, out, err), found = other
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
    assert lines[-1] == found["verdict"]
    assert lines[-1] not in lines[:-1]
    assert all(lines[3:-2])
    table = {"soundness": "equation and entry ", "power": "ours, by equation"}
    assert any(line.startswith(table[command]) for line in lines[3:-2])


def test_the_other_commands_write_what_they_found(other):
    """The file holds the verdict, the environment and the report."""
    command, _, found = other
    assert list(found)[:3] == ["passed", "verdict", "environment"]
    assert (found["passed"], found["environment"]) == (True, screen.environment())
    assert {
        "soundness": {"broken", "shares", "counts", "deviations"},
        "power": {"nets", "seed", "rows"},
    }[command] <= set(found)


def test_the_other_commands_are_quiet_when_told(other):
    """With --quiet the verdict stands alone."""
    command, (_, out, _), _ = other
    assert run(command, COUNTED[command], "2", "--quiet") == (0, verdict_of(out) + "\n", "")


def test_soundness_takes_the_number_of_runs_and_the_seed(other):
    """The report is that of the seed and number given."""
    given = soundness(1, 3, workers=1)
    status, out, _ = run("soundness", "--cases", "1", "--seed", "3")
    assert (status, verdict_of(out)) == (0, given.lines()[0])
    assert out.splitlines()[3:-2] == given.lines()[1:]


@pytest.mark.parametrize("command", COUNTED)
@pytest.mark.parametrize("passed", [True, False])
def test_the_other_commands_exit_as_their_report_says(monkeypatch, tmp_path, command, passed):
    """Number and seed reach the measurement, progress is shown, its lines are printed,
    and 0 or 1 is what it found.
    """
    taken = []

    def measured(number, seed, advance):
        taken.append((number, seed))
        advance()
        found = {"rows": [float("inf"), 1.5]}
        return SimpleNamespace(
            lines=lambda: iter(["the verdict", "one", "two"]), passed=passed, as_json=lambda: found
        )

    monkeypatch.setattr(f"parity.experiments.{command}.{command}", measured)
    file = tmp_path / "found.json"
    status, out, err = run(command, COUNTED[command], "7", "--seed", "5", "--json", str(file))
    assert (status, err, taken) == (0 if passed else 1, "", [(7, 5)])
    assert out.splitlines()[2:] == ["", "one", "two", "", "the verdict"]
    found = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    assert (found.pop("environment"), found) == (
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
        r"^random_run\(\d+\), step \d+, refnet: BP[12] \((output|hidden) delta\) of layer \d+: "
        r"delta has ",
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
