"""Tasks and answers as lines: the two directions of PROTOCOL.md, as parity writes them.

An array stands in a line as text, or behind it as raw bytes. Raw keeps its shape and
dtype, which a program in Python can get wrong.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from parity.checking.program.given import Array, GivenTask, TaskStep
from parity.checking.program.names import KINDS
from parity.checking.program.origin import Beside
from parity.checking.program.outcome import Outcome
from parity.checking.program.reading import LISTS
from parity.checking.program.text import printable

VERSION = "parity 1"
FLAGS = ("nesterov", "amsgrad", "centered")  # settings that are not numbers
FORMATS = {"f8": "%.17g", "f4": "%.9g"}  # digits that give each back exactly


# tasks


def task_lines(task: GivenTask, *, raw: bool = False) -> Iterator[bytes]:
    """A task, line by line."""
    slopes = [_number(slope or 0.0) for slope in task.slopes]
    settings = [word for item in task.settings.items() for word in _setting(*item)]
    yield _line(VERSION)
    yield _line("task", printable(task.name))
    yield _line("dtype", task.dtype)
    yield _line("sizes", *map(str, task.sizes))
    yield _line("activations", *task.activations)
    yield _line("slopes", *slopes)
    yield _line("loss", task.loss)
    yield _line("targets", task.targets)
    yield _line("layout", task.layout)
    yield _line("samples", task.samples)
    yield _line("bias", str(int(task.bias)))
    yield _line("optimizer", task.optimizer, *settings)
    for layer, (W, b) in enumerate(zip(task.W, task.b, strict=True), start=1):
        yield array_line(f"W {layer}", W, raw=raw)
        yield array_line(f"b {layer}", b, raw=raw)
    for (x, y, lr), count in zip(task.steps, task.batches, strict=True):
        yield _line("step", _number(lr), str(count))
        yield array_line("x", x, raw=raw)
        yield array_line("y", y, raw=raw)
    yield _line("end")


def read_task(lines: BinaryIO) -> GivenTask | None:
    """The next task, with raw arrays; None where there is no other."""
    if not lines.readline():
        return None
    words: dict[str, list[str]] = {}
    W: list[Array] = []
    b: list[Array] = []
    steps: list[TaskStep] = []
    while (line := lines.readline().decode().split()) != ["end"]:
        name, *values = line
        if name in ("W", "b"):
            (W if name == "W" else b).append(_raw(values[1:], lines))
        elif name == "step":
            x, y = (_raw(lines.readline().decode().split()[1:], lines) for _ in "xy")
            steps.append(TaskStep(x, y, float(values[0])))
        else:
            words[name] = values
    activations = tuple(words["activations"])
    optimizer, *settings = words["optimizer"]
    return GivenTask(
        " ".join(words["task"]),
        tuple(map(int, words["sizes"])),
        activations,
        tuple(
            float(slope) if name == "leaky_relu" else None
            for name, slope in zip(activations, words["slopes"], strict=True)
        ),
        words["loss"][0],
        words["targets"][0],
        optimizer,
        _settings(settings),
        W,
        b,
        steps,
        words["dtype"][0],
        words["layout"][0],
        words["samples"][0],
        words["bias"] == ["1"],
    )


def _setting(name: str, value: Any) -> Iterator[str]:
    yield name
    values = value if isinstance(value, list | tuple) else (value,)
    yield from (_number(float(each)) for each in values)


def _settings(words: list[str]) -> dict[str, Any]:
    """Names, each with the numbers behind it: one, or several as a tuple."""
    numbers: dict[str, list[float]] = {}
    for word in words:
        if word.isidentifier():
            numbers[word] = []
        else:
            numbers[next(reversed(numbers))].append(float(word))
    return {
        name: bool(values[0]) if name in FLAGS else values[0] if len(values) == 1 else (*values,)
        for name, values in numbers.items()
    }


# answers


def description_lines(
    function: str, adapted: str, said: Mapping[str, Any], looks: Iterator[Beside]
) -> Iterator[bytes]:
    """What a Python program declares, and what looks as if it did; which function it
    is, and whether it was adapted.
    """
    yield _line(VERSION)
    yield _line("tasks", "many")
    yield _line("arrays", "raw")
    yield _line("function", _word(function), adapted)
    for name in KINDS:
        if name in said:
            yield _line(name, *map(_declared_word, _entries(said[name])))
    for each in looks:
        yield _line("beside", *map(_word, (each.name, each.meant, each.kind, *each.values)))
    yield _line("done")


def answer_lines(outcome: Outcome, steps: int) -> Iterator[bytes]:
    """What became of a task; the steps that show nothing are done, too."""
    if not outcome.supported:
        yield _line("refused", "\t".join(map(printable, outcome.refusal)))
        yield _line("unsupported")
        return
    for verdict, *texts in outcome.problems:
        yield _line(verdict, "\t".join(map(printable, texts)))
    for number in range(steps):
        for (step, name, layer), array in outcome.arrays.items():
            if step == number:
                yield array_line(f"{name} {layer}" if name in LISTS else name, array, raw=True)
        yield _line("error" if outcome.raised and number == steps - 1 else "done")


def _entries(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple | set | frozenset) else [value]


def _declared_word(value: Any) -> str:
    """One declared value: a type by its name."""
    return _word(str(getattr(value, "__name__", value)))


def _word(text: str) -> str:
    """A text as one word."""
    return printable("".join("\\x20" if each.isspace() else each for each in text)) or "''"


# arrays


def array_line(name: str, array: Array, *, raw: bool) -> bytes:
    """A name with an array: as text, or with its bytes behind the line."""
    kind = array.dtype.str[1:]
    if not raw:
        digits = FORMATS.get(kind, "%d")
        return _line(name, *(digits % value for value in array.ravel().tolist()))
    stored = np.ascontiguousarray(array, dtype=f"<{kind}")
    return _line(name, f"@{kind}", *map(str, array.shape)) + stored.tobytes()


def _raw(words: list[str], stream: BinaryIO) -> Array:
    kind, shape = np.dtype(f"<{words[0][1:]}"), tuple(map(int, words[1:]))
    stored = stream.read(kind.itemsize * int(np.prod(shape)))
    return np.frombuffer(stored, kind).reshape(shape).astype(kind.newbyteorder("="))


def _number(value: float) -> str:
    return FORMATS["f8"] % value


def _line(*words: str) -> bytes:
    return " ".join(words).encode() + b"\n"
