"""From a task to the text of its file: the room that writes a version.

    python -m parity.checking.vectors.writing FOLDER

writes the vectors of a new version. One that was published is never written again.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parity.checking.program.given import GivenTask, TaskStep
from parity.checking.tasks.task import Task
from parity.checking.vectors.bounds import allowed, expected, values
from parity.checking.vectors.choice import Candidate, chosen
from parity.checking.vectors.files import FORMAT, VERSION
from parity.checking.vectors.notes import notes_of
from parity.mistakes.diagnosis.finding import in_words
from parity.rounding.bounded import Bounded

OF_THE_STEP = ("output", "loss")  # one array, and no list of the layers'


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of each file of the version, and what it holds."""
    for number, candidate in enumerate(chosen(), start=1):
        task = candidate.task
        dtype = "" if task.dtype == "float64" else f"-{task.dtype}"
        name = f"{number:02}-{task.loss}-{task.optimizer}{dtype}.json"
        yield name.replace("_", "-"), document(candidate)


def document(candidate: Candidate) -> dict[str, Any]:
    """What the file of a task holds."""
    task = candidate.task
    return {
        "format": FORMAT,
        "version": VERSION,
        **inputs(task, _title(candidate)),
        "notes": notes_of(task),
        "expected": [_shown(step) for step in expected(task.inputs, bias=task.bias)],
    }


def inputs(task: GivenTask, name: str) -> dict[str, Any]:
    """What a program is given."""
    return {
        "name": name,
        "dtype": task.dtype,
        "sizes": [*task.sizes],
        "activations": [*task.activations],
        "slopes": [*task.slopes],
        "loss": task.loss,
        "targets": task.targets,
        "bias": task.bias,
        "optimizer": task.optimizer,
        "settings": task.settings,
        "W": [W.tolist() for W in task.W],
        "b": [b.tolist() for b in task.b],
        "steps": [_given(step) for step in task.steps],
    }


def _given(step: TaskStep) -> dict[str, Any]:
    return {"lr": step.lr, "x": step.x.tolist(), "y": step.y.tolist()}


def _shown(step: dict[str, list[Bounded]]) -> dict[str, Any]:
    """The arrays of a step and their bounds: those of the layers as lists."""
    shown = {}
    for name, arrays in step.items():
        value, error = [values(each) for each in arrays], [allowed(each) for each in arrays]
        one = name in OF_THE_STEP
        shown[name] = {"value": value[0] if one else value, "allowed": error[0] if one else error}
    return shown


def _title(candidate: Candidate) -> str:
    """What a vector is, in words."""
    task = candidate.task
    batches = [*dict.fromkeys(task.batches)]
    words = [
        "-".join(map(str, task.sizes)),
        " ".join(task.activations),
        f"{task.loss} on {task.targets}",
        _rule(task),
        f"{len(task.steps)} steps of {in_words([*map(str, batches)])} samples",
        task.dtype,
        *([] if task.bias else ["no biases"]),
        *([candidate.edge] if candidate.edge else []),
    ]
    return ", ".join(words).replace("steps of 1 samples", "steps of one sample")


def _rule(task: Task) -> str:
    names = [name for name, value in task.settings.items() if value]
    return f"{task.optimizer} with {in_words(names)}" if names else task.optimizer


# text

COMPACT = (",", ": ")


def text_of(whole: dict[str, Any]) -> str:
    """The text of a file: a line for each name, and for each array of numbers."""
    return "\n".join(_lines(whole)) + "\n"


def _lines(value: Any, before: str = "", after: str = "") -> Iterator[str]:
    """A value as lines, each indented, behind a name and before a comma."""
    open_, close = "{}" if isinstance(value, dict) else "[]"
    indent = " " * (len(before) - len(before.lstrip()))
    if not _is_open(value):
        yield f"{before}{json.dumps(value, allow_nan=False, separators=COMPACT)}{after}"
        return
    entries = value.items() if isinstance(value, dict) else [("", each) for each in value]
    yield f"{before}{open_}"
    for number, (name, each) in enumerate(entries, start=1):
        comma = "," if number < len(value) else ""
        yield from _lines(each, f"{indent} " + (f"{json.dumps(name)}: " if name else ""), comma)
    yield f"{indent}{close}{after}"


def _is_open(value: Any) -> bool:
    """Whether a value takes several lines: what holds objects, sentences, or an array
    by its name.
    """
    if isinstance(value, dict):
        return any(isinstance(each, dict) or _is_nested(each) for each in value.values())
    return isinstance(value, list) and any(
        isinstance(each, dict) or (isinstance(each, str) and " " in each) for each in value
    )


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, list) for each in value)


def main(folder: Path) -> None:
    """Write the vectors into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, whole in documents():
        (folder / name).write_text(text_of(whole), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
