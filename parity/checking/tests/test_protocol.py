"""PROTOCOL.md is what parity writes and reads: its task, its right answer, its words;
and a task is the same behind the pipe.
"""

import io
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from parity import checking
from parity.checking.process import received
from parity.checking.program.given import GivenTask, TaskStep
from parity.checking.program.lines import answer_lines, array_line, read_task, task_lines
from parity.checking.program.outcome import NOTE, WRONG, Outcome, Problem
from parity.checking.program.reading import KEYS
from parity.checking.tasks.declaration import KNOWN, declaration
from parity.checking.tasks.task import tasks_for
from parity.mistakes import mistake
from parity.mistakes.diagnosis import finding
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import Run, Shown
from parity.steps.record import Spec

PAGE = Path(checking.__file__).with_name("PROTOCOL.md").read_text(encoding="utf-8")
BLOCKS = re.split(r"^```.*\n", PAGE, flags=re.MULTILINE)[1::2]
TASK = GivenTask(
    name="one hidden layer, 2 samples",
    sizes=(2, 3, 1),
    activations=("tanh", "identity"),
    slopes=(None, None),
    loss="mse",
    targets="values",
    optimizer="sgd",
    settings={"momentum": 0.5, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0},
    W=[np.array([[0.5, -0.25], [1, 0.75], [-1.5, 0.125]]), np.array([[1, -1, 0.5]])],
    b=[np.array([0, 0.25, -0.5]), np.array([0.25])],
    steps=[
        TaskStep(np.array([[1, 2], [-1, 0.5]]), np.array([[1], [0.0]]), 0.1),
        TaskStep(np.array([[0.5, -1]]), np.array([[0.5]]), 0.05),
    ],
    dtype="float64",
    layout="out_in",
    samples="rows",
    bias=True,
)


class Spoken:
    """Bytes as the pipe of a process that has spoken them."""

    def __init__(self, text):
        self.stream = io.BytesIO(text)

    def line(self, longest):
        line = self.stream.readline()
        assert line.endswith(b"\n")
        return line[:-1]

    def exactly(self, count):
        return self.stream.read(count)


def answer_to(task, text, said=received.SAID):
    """What a text is read as."""
    answer = received.Received(task, Spoken(text), said)
    answer.read()
    return answer.outcome()


def test_the_task_of_the_page_is_one():
    """As parity writes it, line by line."""
    (block,) = [block for block in BLOCKS if block.startswith("parity 1\ntask ")]
    assert block == b"".join(task_lines(TASK)).decode()


def test_the_answer_of_the_page_is_right():
    """Each array of it is what its formula gives, up to rounding."""
    (block,) = [block for block in BLOCKS if block.startswith("output ")]
    outcome = answer_to(TASK, block.encode())
    assert (outcome.problems, outcome.supported, outcome.raised) == ((), True, False)
    kinds = tuple((name, {}) for name in TASK.activations)
    settings = [{**TASK.settings, "lr": lr} for _, _, lr in TASK.steps]
    specs = [
        Spec(TASK.sizes, kinds, TASK.loss, TASK.optimizer, each, number, TASK.dtype)
        for number, each in enumerate(settings, start=1)
    ]
    shown = [
        {(name, layer or 2): a for (n, name, layer), a in outcome.arrays.items() if n == number}
        for number in range(2)
    ]
    steps = [
        Shown(spec, step.x, step.y, {**arrays, ("a", 2): arrays.pop(("output", 2))})
        for spec, step, arrays in zip(specs, TASK.steps, shown, strict=True)
    ]
    run = Run(tuple(TASK.W), tuple(TASK.b), {"momentum_buffer": np.zeros(13)}, tuple(steps))
    stations = judged(run, [])
    assert len(stations) == 12
    assert [station for station in stations if station.off] == []


def test_the_page_has_every_word():
    """Of tasks, of answers and of descriptions; and the limits that hold."""
    words = {*re.findall(r"[\w.]+", PAGE)}
    task = {line.split()[0].decode() for line in task_lines(TASK)}
    values = {value for names in KNOWN.values() for value in names}
    said = {"done", "unsupported", "error", "note", "unusable", "describe", "tasks", "arrays"}
    assert task | values | {*KEYS} | said <= words
    assert f"{received.PER_NUMBER} characters for\neach number" in PAGE
    assert f"{received.SHORTEST:,} at least" in PAGE
    assert f"after {received.CHATTER_LINES:,} lines" in PAGE


DECLARED = {
    "everything": {},
    "the other layout": {"layout": "in_out", "samples": "columns"},
    "float32": {"dtype": "float32"},
    "classes": {"losses": "cross_entropy", "targets": "one_hot"},
    "without biases": {"bias": False},
}


@pytest.mark.parametrize("what", DECLARED)
def test_a_task_is_the_same_behind_the_pipe(what):
    """All that a program is given, in the last bit and with its dtype."""
    for task in tasks_for(declaration(**DECLARED[what])):
        stream = io.BytesIO(b"".join(task_lines(task, raw=True)))
        given = read_task(stream)
        assert stream.read() == b""
        for each in fields(GivenTask):
            here, there = getattr(task, each.name), getattr(given, each.name)
            if each.name in ("W", "b"):
                _same(here, there)
            elif each.name == "steps":
                for one, other in zip(here, there, strict=True):
                    _same(one, other)
            else:
                assert (here, type(here)) == (there, type(there))
        assert [*given.settings.values()] == [*task.settings.values()]
        kinds = {name: type(value) for name, value in task.settings.items()}
        assert {name: type(value) for name, value in given.settings.items()} == kinds


def _same(arrays, others):
    for one, other in zip(arrays, others, strict=True):
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other, strict=True)
            assert other.flags.writeable
        else:
            assert one == other


def test_an_outcome_is_the_same_behind_the_pipe():
    """Arrays with their shapes and dtypes, problems with all that they say."""
    problems = (
        Problem(WRONG, "has", "wanted", "do", "why", "here"),
        Problem(NOTE, "printed", where="run"),
    )
    arrays = {
        (0, "dW", 1): np.eye(2, dtype="float32"),
        (0, "b", 2): np.array([[True], [False]]),
        (1, "loss", 0): np.array(3),
        (1, "a", 1): np.array([np.nan, -np.inf, -0.0, 5e-324]).astype(">f8"),
        (1, "z", 1): np.zeros((0, 3), dtype="float16"),
    }
    for outcome in (
        Outcome(arrays, problems),
        Outcome(arrays, problems, raised=True),
        Outcome({}, supported=False),
    ):
        text = b"".join(answer_lines(outcome, len(TASK.steps)))
        again = answer_to(TASK, text, received.ALL_SAID)
        assert replace(again, arrays={}) == replace(outcome, arrays={})
        assert again.arrays.keys() == outcome.arrays.keys()
        for key, array in again.arrays.items():
            expected = outcome.arrays[key]
            native = expected.astype(expected.dtype.newbyteorder("="))
            np.testing.assert_array_equal(array, native, strict=True)
            assert np.signbit(array).tolist() == np.signbit(native).tolist() or array.size == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_come_back_as_they_were(dtype):
    """As text: the ends of the range, subnormals, both zeros, and what is no number."""
    limits = np.finfo(dtype)
    numbers = [limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, 0.0, -0.0, 1 / 3]
    drawn = np.random.default_rng(0).normal(size=990)
    numbers = np.array([*numbers, -np.inf, np.nan, np.pi, *drawn], dtype=dtype)
    task = replace(TASK, sizes=(1, 1000), W=TASK.W[:1], b=TASK.b[:1], dtype=dtype)
    text = array_line("b 1", numbers, raw=False) + b"done\ndone\n"
    np.testing.assert_array_equal(answer_to(task, text).arrays[0, "b", 1], numbers, strict=True)


NUMBERS = "1 +1 -1.5 .5 5. 1e5 1E-05 nan -nan NaN -NAN nan(ind) inf -inf +Infinity INF 1e999"


@pytest.mark.parametrize("text", [*NUMBERS.split(), "0" * 400 + "1"])
def test_a_number_of_any_language_is_one(text):
    """As Python reads it, without what stands in brackets."""
    (line,) = answer_to(TASK, f"loss {text}\ndone\ndone\n".encode()).arrays.values()
    np.testing.assert_array_equal(line, float(text.partition("(")[0]))


OTHERS = ["1_0", "1,5", "0x1p3", "1.2.3", "1e", "1d5", "1\u0661", "nan(", "1" * 9999 + "x"]


@pytest.mark.parametrize("text", OTHERS)
def test_what_no_language_prints_is_none(text):
    """It is said, whatever Python makes of it."""
    outcome = answer_to(TASK, f"db 2 {text}\ndone\ndone\n".encode())
    assert outcome.arrays == {}
    (problem,) = outcome.problems
    assert problem.got.startswith("db of layer 2 has '")
    assert problem.expected == "a number"


CHATTER = ["½", "¹", "\u0661", "+", "--1", "nano", "inf1", "is 3", "0.25 in step 1"]


@pytest.mark.parametrize("words", CHATTER)
def test_what_does_not_look_like_numbers_is_chatter(words):
    """A program prints such lines while it trains; and "error 0.25", and what is wrong
    with it is said by parity's own driver alone.
    """
    lines = [f"{name} {words}" for name in ("loss", "db 2", "b")]
    text = "\n".join([*lines, "error 0.25", "wrong 3 of 10", "done", "done", ""])
    assert answer_to(TASK, text.encode()) == Outcome({})


def test_words_of_a_problem_are_those_of_a_finding():
    """Which the side of the program does not import."""
    assert (WRONG, NOTE) == (mistake.WRONG, finding.NOTE)


def test_what_is_shown_of_a_task_that_is_refused_does_not_count():
    """As of a function that raises NotImplementedError."""
    outcome = answer_to(TASK, b"loss 1\ndone\nloss 2\nunsupported\n")
    assert (outcome.arrays, outcome.supported, outcome.problems) == ({}, False, ())
