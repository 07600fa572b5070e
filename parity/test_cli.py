"""The command line: what it prints and writes, its exit status, and that a broken refnet does not get past it."""

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

import refnet
from parity import cli, report
from parity.cases import CASES

FEW = tuple(
    case
    for case in CASES
    if (case.sizes, case.batch) == ((4, 4, 4), 2)
    or (case.hidden, case.output, case.loss) == (("sigmoid",), "softmax", "mse")
    or (case.sizes, case.settings) == ((3, 7, 2), {"momentum": 0.9, "dampening": 0.5})
)
NUMBER = r"\d\.\de[+-]\d\d"


class Terminal(io.StringIO):
    """Says that someone is looking."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch):
    """A handful of the table's cases, and a terminal that knows colours, whatever the environment says."""
    monkeypatch.setattr(cli, "CASES", FEW)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def run(*argv, out=None):
    """Exit status, standard output and standard error of `parity`, with one epoch of digits unless told."""
    out, err = out or io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = cli.main([*argv] if "--epochs" in argv else [*argv, "--epochs", "1"])
        except SystemExit as leave:
            status = leave.code
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def good():
    """What `parity run --epochs 2` does on a handful of cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "CASES", FEW)
        return run("run", "--epochs", "2")


def verdict_of(out):
    """The last line, which nothing follows."""
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    return out.splitlines()[-1]


def epochs_of(out):
    """The words of the lines that tell of an epoch."""
    return [line.split() for line in out.splitlines() if re.match(r" +\d+ +\d\.\d{16} ", line)]


def test_the_main_job_prints_header_epochs_table_and_verdict(good):
    """Exit 0 and, in order: versions, BLAS kernel and threads, a line per epoch, a row per row of the table, one verdict."""
    status, out, err = good
    assert (status, err) == (0, "")
    numpy, torch_, sklearn, python = (re.escape(v) for v in (*map(version, ("numpy", "torch", "scikit-learn")), sys.version.split()[0]))
    lines = [rf"refnet {refnet.__version__}   Python {python}   NumPy {numpy}   PyTorch {torch_}   scikit-learn {sklearn}"]
    known = any(pool["user_api"] == "blas" for pool in threadpool_info())
    blas = r"\S+ \S+, kernel \S+   threads: NumPy 1" if known else "unknown   threads: NumPy unknown"
    lines += [f"BLAS {blas}, PyTorch 1"]
    lines += [rf" +{epoch} +\d\.\d{{16}} +\d\.\d{{16}} +-?{NUMBER} +(\d\d\.\d\d%) +\{epoch}" for epoch in (1, 2)]
    lines += [rf"68 steps compared; largest weight difference {NUMBER}; the same label for all 719 test images"]
    lines += [rf"The case table: {len(FEW)} cases, .+"]
    lines += [rf" +2 +{NUMBER} +{NUMBER} +{re.escape(row)}" for row in dict.fromkeys(case.row for case in FEW)]
    lines += [f"refnet and PyTorch agree in all {68 + 5 * len(FEW)} training steps: test accuracy .+, worst scaled error {NUMBER} in .+"]
    assert re.fullmatch("\n(?:.*\n)*?".join(f"(?:{line})" for line in lines) + "\n", out), out
    assert re.search("[\x1b\r]", out) is None


def test_quiet_prints_the_verdict_alone(good):
    """One line, the one that is last otherwise; `parity` is `parity run`."""
    want = (0, verdict_of(good[1]) + "\n", "")
    assert run("--quiet", "--epochs", "2") == run("run", "--quiet", "--epochs", "2", "--seed", "0") == want


def test_the_seed_changes_the_numbers(good, tmp_path):
    """Another seed is another split, other weights and other cases; the same seed is the same to the last digit."""
    assert run("run", "--epochs", "2", "--seed", "0") == good
    file = tmp_path / "found.json"
    status, out, _ = run("--epochs", "2", "--seed", "1", "--json", str(file))
    assert status == 0
    assert all(mine[1:] != other[1:] for mine, other in zip(epochs_of(good[1]), epochs_of(out), strict=True))
    assert verdict_of(out) != verdict_of(good[1])
    assert [case["case"] for case in json.loads(file.read_text(encoding="utf-8"))["sweep"]] == [f"{case.id}, seed 1" for case in FEW]


def test_arguments_are_those_of_the_process_by_default(monkeypatch):
    """Without a list given, the arguments come from the process."""
    monkeypatch.setattr(sys, "argv", ["parity", "--epochs", "none"])
    with pytest.raises(SystemExit) as leave, redirect_stderr(io.StringIO()):
        cli.main()
    assert leave.value.code == 2


def refuse(constant):
    """JSON knows no NaN and no Infinity."""
    raise AssertionError(constant)


@pytest.mark.parametrize("broken", [False, True])
def test_json_says_what_was_found(tmp_path, monkeypatch, broken):
    """The file holds the verdict, the environment, the digits by epoch and every case by its id, right or wrong."""
    if broken:
        monkeypatch.setattr(refnet.Softmax, "pullback", lambda self, grad_a, z, a: grad_a)
    file = tmp_path / "found.json"
    status, out, _ = run("--epochs", "2", "--json", str(file))
    found = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(found) == ["passed", "verdict", "environment", "digits", "sweep"]
    assert (status, found["passed"], found["verdict"]) == (int(broken), not broken, verdict_of(out))
    assert found["environment"] == report.environment()
    assert set(found["environment"]) == {"refnet", "python", "numpy", "torch", "scikit-learn", "blas", "blas_threads"}
    digits = found["digits"]
    assert list(digits) == ["epochs", "steps", "worst", "weight_difference", "same_labels", "accuracy"]
    assert [list(epoch) for epoch in digits["epochs"]] == [["number", "of", "loss", "twin_loss", "accuracy", "twin_accuracy"]] * 2
    assert [(epoch["number"], epoch["of"]) for epoch in digits["epochs"]] == [(1, 2), (2, 2)]
    assert digits["accuracy"] == digits["epochs"][-1]["accuracy"]
    assert [list(case) for case in found["sweep"]] == [["case", "passed", "worst"]] * len(FEW)
    assert [case["case"] for case in found["sweep"]] == [case.id for case in FEW]
    assert all(case["passed"] for case in found["sweep"]) is not broken


def test_json_is_json_whatever_was_found(tmp_path, monkeypatch):
    """A loss that is NaN on refnet's side does not make the file unreadable."""
    monkeypatch.setattr(refnet.SoftmaxCrossEntropy, "value", lambda self, z, y: float("nan"))
    status, _, _ = run("--json", str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert (status, found["passed"], found["digits"]["worst"], found["digits"]["epochs"][0]["loss"]) == (1, False, None, None)


@pytest.mark.parametrize(
    "argv",
    ["--epochs 0", "--epochs -1", "--epochs x", "--epochs 2.5", "--seed -1", "--seed x", "--frobnicate", "walk", "--json"],
)
def test_unusable_arguments_exit_2(argv):
    """Arguments that make no sense are refused on standard error before anything is printed."""
    status, out, err = run("run", *argv.split())
    assert (status, out) == (2, "")
    assert re.search(r"^parity( run)?: error: .+$", err, re.MULTILINE)
    assert "Traceback" not in err


@pytest.mark.parametrize(("path", "problem"), [(".", "Is a directory"), ("missing/found.json", "No such file or directory")])
def test_a_file_that_cannot_be_written_exits_2_at_once(tmp_path, path, problem):
    """It is one sentence on standard error, before the work and not after it."""
    file = tmp_path / path
    assert run("--json", str(file)) == (2, "", f"parity: {file}: {problem}\n")


def test_a_closed_pipe_ends_it_without_a_word():
    """Where nobody reads on, as in `parity | head`, the job ends; it is no one's mistake."""

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    err = io.StringIO()
    with redirect_stdout(Closed()), redirect_stderr(err):
        status = cli.main([])
        if not isinstance(sys.stdout, Closed):  # where what is left to flush goes
            sys.stdout.close()
    assert (status, err.getvalue()) == (2, "")


WITHOUT = """
import sys, types
class Missing:
    def find_spec(name, path, target):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing)
if sys.argv[1] != "torch":
    sys.modules["parity.torch_twin"] = types.ModuleType("parity.torch_twin")  # which takes a second to import
from parity import cli
sys.exit(cli.main([]))
"""


@pytest.mark.parametrize(("module", "name"), [("torch", "PyTorch"), ("sklearn", "scikit-learn")])
def test_without_a_package_it_exits_2_with_one_sentence(module, name):
    """What is missing and the command that installs it, on standard error."""
    done = subprocess.run([sys.executable, "-c", WITHOUT, module], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'parity: parity run needs {name}: python -m pip install "refnet[parity]"\n'


def test_python_m_parity_is_parity():
    """`python -m parity --help` tells what `parity` does, without PyTorch being imported."""
    done = subprocess.run([sys.executable, "-m", "parity", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: parity ")
    assert re.search(r"^ +run +train digits side by side", done.stdout, re.MULTILINE)


def mean_over_rows(layers, trace, loss, y):
    """A backward pass whose bias gradients are divided by the rows once more."""
    return [layer._replace(db=layer.db / len(y)) for layer in refnet.backprop.backward(layers, trace, loss, y)]


def untransposed(layers, trace, loss, y):
    """A backward pass that gets the weight gradient of square layers transposed."""
    found = refnet.backprop.backward(layers, trace, loss, y)
    return [layer._replace(dW=layer.dW.T if layer.dW.shape == layer.dW.T.shape else layer.dW) for layer in found]


def undampened(self, d):
    """Momentum that takes the gradient whole."""
    if self.momentum:
        self._state["momentum_buffer"] = d = self.momentum * self._state.get("momentum_buffer", np.zeros_like(d)) + d
    return self.lr * d


def summed(self, z, y):
    """The gradient of softmax cross-entropy without the 1/n."""
    return refnet.Softmax().value(z) - refnet.one_hot(y, z.shape[1], z.dtype)


BROKEN = {  # what is broken in refnet, and what the verdict must say
    "derivative of tanh": ("activations.Tanh.derivative", lambda self, z, a: 1.0 - a, "{digits}BP2 (hidden delta) of layer 1: delta has "),
    "gradient of the loss": ("losses.SoftmaxCrossEntropy.gradient", summed, "{digits}BP1 (output delta) of layer 2: delta has "),
    "value of the loss": ("losses.SoftmaxCrossEntropy.value", lambda self, z, y: 2.3, "{digits}C (cost): loss has 2.3, expected "),
    "tanh": ("activations.Tanh.value", lambda self, z: np.sin(z), "{digits}a (activation) of layer 1: a has "),
    "bias gradient": ("training.backward", mean_over_rows, "{digits}BP3 (bias gradient) of layer 2: db has "),
    "step": ("optimizers.SGD._update", lambda self, d: -self.lr * d, "{digits}step (update) of layer 1: W has "),
    "derivative of sigmoid": ("activations.Sigmoid.derivative", lambda self, z, a: a, "step 1, BP2 (hidden delta) of layer 1: delta has "),
    "weight gradient": ("network.backward", untransposed, "float64: step 1, BP4 (weight gradient) of layer 2: dW has "),
    "dampening": ("optimizers.SGD._update", undampened, "dampening=0.5), n 11, float64: step 2, step (update): momentum_buffer has "),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_refnet_exits_1_and_the_verdict_names_the_place(monkeypatch, mistake):
    """Whatever is broken, the verdict names equation and layer, of the digits or of the first case that shows it."""
    target, wrong, text = BROKEN[mistake]
    monkeypatch.setattr(f"refnet.{target}", wrong)
    status, out, err = run()
    assert (status, err) == (1, "")
    assert text.format(digits="DISAGREE. Digits, step 1: ") in verdict_of(out)
    if "{digits}" not in text:
        counted = re.match(r"DISAGREE in (\d+) of (\d+) cases\. ", verdict_of(out))
        assert 0 < int(counted[1]) <= int(counted[2]) == len(FEW)
        assert re.search("   DISAGREE$", out, re.MULTILINE)


def test_other_labels_are_no_agreement(monkeypatch):
    """Were the two networks to label one test image differently, that would be said."""
    monkeypatch.setattr("parity.digits._labels", lambda model, x: np.zeros(len(x)))
    status, out, _ = run()
    assert (status, verdict_of(out)) == (1, "DISAGREE. Digits: the two trained networks label the test images differently")
    assert "NOT the same label for all 719 test images" in out


def test_a_refnet_that_refuses_a_step_is_wrong(monkeypatch, tmp_path):
    """A step that refnet itself refuses to take gives a verdict and exit status 1, no traceback; the file says as much."""
    monkeypatch.setattr(refnet.Tanh, "derivative", lambda self, z, a: np.full_like(a, np.nan))
    status, out, err = run("--json", str(tmp_path / "found.json"))
    assert (status, err) == (1, "")
    assert verdict_of(out).startswith("DISAGREE. epoch 1, batch 1: layer 1: gradient of W has nan at ")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["passed"], found["verdict"]) == (False, verdict_of(out))


@pytest.mark.parametrize("wrong", [False, True])
def test_on_a_terminal_the_same_lines_come_in_colour(monkeypatch, good, wrong):
    """With rich on a terminal the lines are the same words under a bar, the verdict green or red; quiet stays plain."""
    if wrong:
        monkeypatch.setattr("parity.digits._labels", lambda model, x: np.zeros(len(x)))
    status, out, _ = run("--epochs", "2", out=Terminal())
    assert status == int(wrong)
    assert f"\x1b[1;3{'1' if wrong else '2'}m" in out
    bare = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out).replace("\r", "\n")
    assert re.search(rf"^cases .+ \d/{len(FEW)}$", bare, re.MULTILINE)
    if not wrong:
        assert set(good[1].splitlines()) <= set(bare.splitlines())
        assert "\x1b" not in run("--quiet", out=Terminal())[1]


def test_without_rich_a_terminal_gets_plain_lines(monkeypatch, good):
    """Without rich a terminal shows what a file would hold."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert run("--epochs", "2", out=Terminal()) == good


@pytest.mark.parametrize("installed", [True, False])
def test_one_thread_is_used_and_then_as_many_as_before(monkeypatch, installed):
    """The job runs on one thread and leaves PyTorch with as many as it had; without threadpoolctl BLAS is called unknown."""
    if not installed:
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        status, out, _ = run()
        assert (status, torch.get_num_threads()) == (0, 2)
    finally:
        torch.set_num_threads(before)
    line = out.splitlines()[1]
    assert line.endswith(", PyTorch 1")
    assert installed or line.startswith("BLAS unknown (threadpoolctl is not installed)   threads: NumPy unknown, ")


def test_a_seed_that_scikit_learn_cannot_take_is_unusable():
    """It is unusable input, not a disagreement."""
    status, out, err = run("--seed", str(2**32))
    assert (status, out) == (2, "")
    assert f"has {2**32}, expected an integer from 0 to {2**32 - 1}" in err


def test_help_of_the_bare_command_shows_the_options_of_the_main_job():
    """`parity --help` tells what `parity` takes."""
    status, out, _ = run("--help")
    assert status == 0
    assert all(option in out for option in ("--seed", "--epochs", "--json", "--quiet", "--version"))


def test_an_earlier_result_is_kept_until_there_is_a_new_one(tmp_path, monkeypatch):
    """Where the work is broken off, the file is as it was."""
    file = tmp_path / "found.json"
    file.write_text("[1]", encoding="utf-8")

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("parity.cli._sweep", broken)
    with pytest.raises(KeyboardInterrupt):
        run("--json", str(file))
    assert file.read_text(encoding="utf-8") == "[1]"
