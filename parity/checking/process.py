"""A program in a process of its own, which may hang or die.

It is killed when its time is up, and what it wrote is read without trusting it: arrays
as numbers alone and the rest as JSON.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from parity.checking import calls
from parity.checking.answers import Key, Problem
from parity.checking.calls import HERE, Outcome
from parity.checking.declaration import Declaration, declaration
from parity.checking.first_calls import learn
from parity.checking.loading import Unusable, load
from parity.checking.origin import declaration_of, ignored
from parity.checking.tasks import Task, tasks_for

FIND = (
    "import sys; sys.path.insert(0, sys.argv[1]); from parity.checking import process; "
    "sys.path.append(sys.path.pop(0))"
)
# this parity, wherever it lies
COMMAND = [
    sys.executable,
    "-P",
    "-c",
    f"{FIND}; process.main(*sys.argv[2:])",
    str(HERE.parent.parent),
]


def main(folder: str, target: str, given: str) -> None:
    """What runs in the process of a program: every outcome goes into files of the
    folder, so that those before a crash are not lost.
    """
    place, options = Path(folder), json.loads(given)
    try:
        program, names = load(target)
        declared = declaration_of(program, names, **options["declared"])
        _write(place / "declared.json", asdict(declared))
        known = learn(
            program,
            declared,
            hard=options["hard"],
            at=lambda name: _write(place / "at.json", name),
        )
    except (Unusable, ValueError, TypeError) as error:
        _write(place / "unusable.json", str(error))
        return
    _write(place / "declared.json", asdict(known.declared))
    _write(place / "fits.json", asdict(known.fits))
    _write(place / "notes.json", [*ignored(program, names), *known.problems])
    _write(place / "judged.json", known.judged)
    tasks = tasks_for(known.declared, hard=options["hard"]) if known.judged else []
    for number, task in enumerate(tasks):
        _write(place / "at.json", task.name)
        _save(place, number, calls.outcome(program, task, known.fits))
    _write(place / "done.json", True)
    os._exit(0)  # a usual exit would wait for the threads that the program left behind


def _write(file: Path, value: Any) -> None:
    """Write a file as a whole or not at all: the process may die at any moment."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(file)


def _save(folder: Path, number: int, outcome: Outcome) -> None:
    arrays: dict[str, Any] = {"/".join(map(str, key)): a for key, a in outcome.arrays.items()}
    np.savez(folder / f"{number}.npz", **arrays)
    plain = {name: getattr(outcome, name) for name in ("problems", "supported", "raised")}
    _write(folder / f"{number}.json", plain)


def _saved(folder: Path, number: int) -> Outcome | None:
    file = folder / f"{number}.json"
    if not file.exists():
        return None
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
        # no pickle: loading one would run what the program put into it
        with np.load(folder / f"{number}.npz", allow_pickle=False) as stored:
            arrays = {_key(text): stored[text] for text in stored.files}
        return Outcome(
            arrays,
            tuple(Problem(*map(str, each)) for each in plain["problems"]),
            bool(plain["supported"]),
            bool(plain["raised"]),
        )
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise Unusable("the program has written over what parity keeps of it") from error


def _key(text: str) -> Key:
    step, name, layer = text.split("/")
    return int(step), name, int(layer)


@dataclass(frozen=True)
class Performed:
    """What a process did: the tasks and their outcomes, None for a task that was not
    finished; problems of no task, and whether the program can be judged at all; and how
    and in which task it `ended`, "" where it finished all of them.
    """

    declared: Declaration
    fits: Declaration
    tasks: list[Task]
    outcomes: list[Outcome | None]
    problems: tuple[Problem, ...]
    judged: bool = True
    ended: str = ""


def perform(
    target: str, given: dict[str, Any], *, hard: bool = False, timeout: float = 60.0
) -> Performed:
    """Run a target in a process of its own.
    Errors: Unusable where it never comes to the first task.
    """
    with TemporaryDirectory(prefix="parity-") as name:
        folder = Path(name)
        ended = _process(
            [*COMMAND, name, target, json.dumps({"declared": given, "hard": hard})], timeout
        )
        files = {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in folder.glob("*.json")
            if not file.stem.isdigit()
        }
        if "unusable" in files or "declared" not in files:
            raise Unusable(
                files.get("unusable") or f"{target}: importing it {ended or 'ended the process'}"
            )
        declared = declaration(**files["declared"])
        tasks = tasks_for(declared, hard=hard)
        outcomes = [_saved(folder, number) for number in range(len(tasks))]
        fits = declaration(**files.get("fits", files["declared"]))
        problems = tuple(Problem(*map(str, each)) for each in files.get("notes", ()))
    # a program may end its own process with status 0, before it is done
    end = "" if "done" in files else f"{ended or 'ended the process'} in the task {files['at']!r}"
    judged = bool(files.get("judged", True))
    return Performed(declared, fits, tasks, outcomes, problems, judged, end)


def _process(command: list[str], timeout: float) -> str:
    """Run a command until it ends or its time is up, then kill all that it has started;
    how it ended, "" for well.
    """
    # one thread, unless the caller wants more: the arrays of the tasks are tiny
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ}
    settings: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    settings |= {"env": environment, "start_new_session": True}
    with subprocess.Popen(command, **settings) as process:  # noqa: S603 - to run it is the task
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"did not come to an end within {timeout:g} seconds"
        finally:
            _kill(process)
    if status < 0:
        return f"died of {signal.Signals(-status).name}"
    return f"ended the process with exit status {status}" if status else ""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process, and the processes that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()  # there is no such call on Windows; or the group is gone
