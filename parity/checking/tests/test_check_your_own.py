"""The examples in examples/check_your_own: parity names in each the mistake that it was
written for, in the words that stand in it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import parity
from parity.checking.program import loading

FOLDER = Path(parity.__file__).parent.parent / "examples" / "check_your_own"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the examples lie beside the package in a checkout alone"
)

RIGHT = ("correct", "thomas", "pytorch_step", "scikit_learn:classifier")
WRONG = {  # example: the mistake in it
    "updated_weights": "updated-weights",
    "missing_derivative": "hidden-derivative-missing",
    "double_derivative": "derivative-at-a",
    "bias_summed_over_all": "db-summed-over-all",
    "gradients_not_reset": "gradients-not-reset",
    "adam_without_correction": "adam-without-correction",
    "pytorch_step:forgetful": "gradients-not-reset",
    "scikit_learn": "averaged-over-samples-only",
}
RIGHTED = {  # example: what is wrong in it, and what is right
    "updated_weights": {
        "w_h_o -= lr * delta_o @ h.T": "w_h_o = w_h_o - lr * delta_o @ h.T",
        "w_h_o.T @ delta_o": "W[1].T @ delta_o",
    },
    "missing_derivative": {
        "layer_2_delta @ weights_1_2.T": "layer_2_delta @ weights_1_2.T * (1 - layer_1**2)"
    },
    "double_derivative": {"1 - np.tanh(x) ** 2": "1 - x**2"},
    "bias_summed_over_all": {"np.sum(error)": "np.sum(error, axis=0)"},
    "gradients_not_reset": {
        "self.dW[l] +=": "self.dW[l][...] =",
        "self.db[l] +=": "self.db[l][...] =",
    },
    "adam_without_correction": {
        "for p, g": "self.t = getattr(self, 't', 0) + 1\n        for p, g",
        "lr * m": "lr / (1 - self.beta1**self.t) * m",
        "np.sqrt(v)": "np.sqrt(v / (1 - self.beta2**self.t))",
    },
}


@pytest.fixture
def load(monkeypatch):
    """The function to check in an example, or in a file of another folder, and the
    docstring of the file.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])

    def loaded(example, folder=FOLDER):
        name, _, function = example.partition(":")
        program, _ = loading.load(f"{folder / name}.py" + (f":{function}" if function else ""))
        return program, sys.modules[f"checked_{name}"].__doc__

    yield loaded
    for name in [name for name in sys.modules if name.startswith("checked_")]:
        del sys.modules[name]


def python(*arguments):
    """Exit status and standard output of a new process."""
    here = os.environ | {"PYTHONPATH": str(FOLDER.parent.parent)}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=here,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_table_has_every_example():
    """No file of the folder is left out."""
    assert {example.partition(":")[0] for example in (*RIGHT, *WRONG)} | {"suite", "parts"} == {
        file.stem for file in FOLDER.glob("*.py")
    }


@pytest.mark.parametrize("example", RIGHT)
def test_what_is_right(load, example):
    """Nothing is found, not even a note."""
    program, docstring = load(example)
    assert parity.check(program).findings == ()
    assert "is right" in docstring


@pytest.mark.parametrize("example", WRONG)
def test_what_is_wrong_is_named_as_its_docstring_says(load, example):
    """One finding, which is the mistake; its sentence is what the docstring ends
    with.
    """
    program, docstring = load(example)
    (finding,) = parity.check(program).findings
    assert (finding.bug, finding.verdict) == (WRONG[example], "wrong")
    assert " ".join(docstring.split()).endswith(f": {finding.sentence}")


@pytest.mark.parametrize("example", RIGHTED)
def test_there_is_no_other_mistake_in_it(load, tmp_path, example):
    """With the line put right, parity finds nothing."""
    text = (FOLDER / f"{example}.py").read_text(encoding="utf-8")
    for wrong, right in RIGHTED[example].items():
        assert text.count(wrong) == 1
        text = text.replace(wrong, right)
    (tmp_path / f"{example}.py").write_text(text, encoding="utf-8")
    program, _ = load(example, tmp_path)
    assert parity.check(program).findings == ()


def test_thomas_without_a_derivative_is_named(load, tmp_path):
    """What is right is looked at: without f' in the hidden deltas it is wrong."""
    text = (FOLDER / "thomas.py").read_text(encoding="utf-8")
    without = text.replace("W[l].T.dot(delta[l + 1]) * f_deriv(z[l])", "W[l].T.dot(delta[l + 1])")
    assert without != text
    (tmp_path / "thomas.py").write_text(without, encoding="utf-8")
    program, _ = load("thomas", tmp_path)
    (finding,) = parity.check(program).findings
    assert finding.bug == "hidden-derivative-missing"


def test_softmax_hides_the_biases(load):
    """What bias_summed_over_all says of itself: its number is 0, as a db that is set to
    zero would be.
    """
    program, _ = load("bias_summed_over_all")
    (finding,) = parity.check(program).findings
    assert finding.alike == ("db-zero",)


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_the_regressor_is_right_with_one_output(load):
    """The factor is the number of outputs."""
    program, _ = load("scikit_learn:regressor")
    assert parity.check(program, sizes=(3, 4, 1)).findings == ()


def test_an_example_can_be_run(load):
    """`python FILE` prints the report."""
    program, _ = load("missing_derivative")
    assert python(FOLDER / "missing_derivative.py") == (0, f"{parity.check(program)}\n")


def test_an_example_can_be_checked_by_the_command():
    """`parity check FILE` finds the function, adapts it, and ends with what it is
    worth.
    """
    file = FOLDER / "updated_weights.py"
    status, out = python("-m", "parity", "check", file)
    assert (status, "\n1. updated-weights\n" in out) == (1, True)
    assert out.splitlines()[-1].startswith(f"WRONG. {file}: 1 finding, in ")


def test_the_suite_runs():
    """It is no test of this project, but one can see it pass."""
    status, out = python("-B", FOLDER / "suite.py")
    tasks = len(
        parity.cases_for(
            lambda case: [],
            activations="sigmoid",
            losses="half_squared_error",
            optimizers="sgd",
            settings=(),
        )
    )
    assert (status, f"{tasks + 1} passed" in out) == (0, True)


def test_the_parts_are_right():
    """Each alone, by its name."""
    status, out = python("-B", FOLDER / "parts.py")
    names = [line.partition(", like ")[0] for line in out.splitlines() if ", like " in line]
    assert (status, names) == (
        0,
        [f"RIGHT. {name}" for name in ("Sigmoid", "SoftmaxCrossEntropy", "Dense", "Adam")],
    )
