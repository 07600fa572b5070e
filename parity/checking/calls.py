"""Where somebody's code runs: guarded in this process, or in one of its own that may
hang or die. What comes back is arrays and sentences.

The command gives each program a process: it is killed when its time is up, and what it
wrote is read without trusting it, arrays as numbers alone and the rest as JSON.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from io import TextIOBase
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from parity.answer import Key, Problem, differing, read
from parity.task import NAMES, Declaration, Task, declaration, declaration_of, task_of, tasks_for
from refnet.checks import Array

Program = Callable[[Task], Any]
ADAPTED = ("gradient", "step")  # what a module may have instead of `run`
HERE = Path(__file__).parent
MINE = {str(HERE / name) for name in ("answer.py", "sandbox.py", "task.py")}
FIND = (
    "import sys; sys.path.insert(0, sys.argv[1]); from parity import sandbox; "
    "sys.path.append(sys.path.pop(0))"
)
# this parity, wherever it lies
COMMAND = [sys.executable, "-P", "-c", f"{FIND}; sandbox.main(*sys.argv[2:])", str(HERE.parent)]


class Unusable(Exception):
    """There is no program to check: no such file, no such name, or an error when it was
    imported.
    """


@dataclass(frozen=True)
class Outcome:
    """What became of one task: the arrays that it shows, and what is to be said of the
    call itself.
    """

    arrays: dict[Key, Array]
    problems: tuple[Problem, ...] = ()
    supported: bool = True


# in this process


def telling(tasks: Sequence[Task]) -> Task:
    """The first task in which nothing fits when it is turned; the first of all where
    there is none.
    """

    def turns(task: Task) -> bool:
        return (
            any(into == out for into, out in pairwise(task.sizes))
            or len(task.inputs.steps[0].x) in task.sizes
        )

    return next((task for task in tasks if not turns(task)), tasks[0])


def layout_of(run: Program, task: Task, declared: Declaration) -> Declaration:
    """The declaration; where `run` raises an exception with it, the one of another
    layout in which it does not.
    """
    others = [
        replace(declared, layout=layout, samples=way)
        for way in ("rows", "columns")
        for layout in ("out_in", "in_out")
    ]
    return next((each for each in (declared, *others) if not _raises(run, task, each)), declared)


def _raises(run: Program, task: Task, declared: Declaration) -> bool:
    return any(
        " raised " in problem.sentence
        for problem in _call(run, task_of(task.name, task.inputs, declared)).problems
    )


def outcome(run: Program, task: Task, declared: Declaration) -> Outcome:
    """Two calls with equal inputs, of which the first counts."""
    first, second = (_call(run, task_of(task.name, task.inputs, declared)) for _ in range(2))
    other = differing(first.arrays, second.arrays)
    if other or first.supported != second.supported:
        has = f"run: a second call with the same task gives another {', '.join(other)}"
        sentence = f"{has}, expected the same: does it keep or draw something?"
        return replace(first, problems=(*first.problems, Problem("wrong", sentence)))
    return first


def _call(run: Program, task: Task) -> Outcome:
    """One call: whatever it does but hang or end the process, there is an outcome."""
    inputs, heard = _inputs(task), _Heard()
    arrays: dict[Key, Array] = {}
    problems: list[Problem] = []
    try:
        with redirect_stdout(heard):
            arrays, problems = read(run(task), task)
    except NotImplementedError:
        return Outcome({}, supported=False)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody's code may raise anything, sys.exit among it
        problems = [
            Problem(
                "wrong",
                f"run: raised {_where(error)}, expected one dict for each step",
                _message(error),
            )
        ]
    return Outcome(arrays, (*problems, *_changed(inputs), *heard.problem()))


def _where(error: BaseException) -> str:
    """Type and place of an exception: the innermost of somebody's own lines."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename not in MINE
    ]
    own = [
        frame
        for frame in frames
        if "site-packages" not in frame.filename and not frame.filename.startswith("<")
    ] or frames
    return type(error).__name__ + (
        f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    )


def _message(error: BaseException) -> str:
    """The first line of what it says."""
    try:
        return str(error).partition("\n")[0][:200].encode(errors="backslashreplace").decode()
    except Exception:  # noqa: BLE001 - the message is somebody's code too
        return ""


def _told(error: BaseException) -> str:
    return f"{_where(error)} ({_message(error)})"


def _inputs(task: Task) -> dict[str, list[tuple[Array, bytes]]]:
    """The arrays that it is given, and what is in them."""
    given = {
        "W": task.W,
        "b": task.b,
        "x": [step.x for step in task.steps],
        "y": [step.y for step in task.steps],
    }
    return {name: [(array, array.tobytes()) for array in arrays] for name, arrays in given.items()}


def _changed(inputs: dict[str, list[tuple[Array, bytes]]]) -> Iterator[Problem]:
    """Inputs that are no longer what they were: weights may be stepped in place, data
    may not.
    """
    for name, arrays in inputs.items():
        if any(array.tobytes() != before for array, before in arrays):
            verdict = "wrong" if name in ("x", "y") else "note"
            yield Problem(
                verdict,
                f"run: {name} of the task has other numbers after the call, expected an input "
                f"that is only read",
            )


class _Heard(TextIOBase):
    """Standard output that keeps its beginning."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text = (self.text + text)[:80]
        return len(text)

    def writable(self) -> bool:
        return True

    def problem(self) -> Iterator[Problem]:
        """That something was printed, and how it begins."""
        lines = self.text.strip().splitlines()
        if lines:
            yield Problem("note", f"run: printed {lines[0]!r}, expected nothing on standard output")


# adapters


def from_gradient(gradient: Callable[..., Any]) -> Program:
    """`run` made of gradient(W, b, x, y) that returns (dW, db) or (loss, dW, db):
    parity takes the steps, by plain SGD.
    """

    def run(task: Task) -> Iterator[dict[str, Any]]:
        W, b = task.W, task.b
        for x, y, lr in task.steps:
            *loss, dW, db = gradient(
                [array.copy() for array in W], [array.copy() for array in b], x, y
            )
            W = [np.asarray(array) - lr * np.asarray(g) for array, g in zip(W, dW, strict=True)]
            b = [
                np.asarray(array) - lr * np.reshape(g, np.shape(array))
                for array, g in zip(b, db, strict=True)
            ]
            yield {"loss": loss[0] if loss else None, "dW": dW, "db": db, "W": W, "b": b}

    return _plain_sgd(run, gradient)


def from_step(step: Callable[..., Any]) -> Program:
    """`run` made of step(W, b, x, y, lr) that returns (W, b) after a step of plain
    SGD.
    """

    def run(task: Task) -> Iterator[dict[str, Any]]:
        W, b = task.W, task.b
        for x, y, lr in task.steps:
            W, b = map(
                list,
                step([np.array(array) for array in W], [np.array(array) for array in b], x, y, lr),
            )
            yield {"W": W, "b": b}

    return _plain_sgd(run, step)


def _plain_sgd(run: Any, program: Any) -> Program:
    """The same declarations, and no optimizer but the steps that are taken here."""
    run.__wrapped__, run.__name__ = program, getattr(program, "__name__", "run")
    for name in NAMES:
        if hasattr(program, name):
            setattr(run, name, getattr(program, name))
    run.optimizers, run.settings = ("sgd",), ()
    return run


# a process of its own


def load(target: str) -> Program:
    """The function FILE_OR_MODULE[:NAME]: `run`, else `gradient` or `step`, adapted.
    Errors: Unusable.
    """
    place, name = split(target)
    module = _module(place)
    names = [name] if name else ["run", *ADAPTED]
    found = next((each for each in names if hasattr(module, each)), None)
    if found is None:
        raise Unusable(
            f"{place}: has no {name or 'run'}, expected a function "
            f"run(case){'' if name else ', gradient or step'}"
        )
    program = getattr(module, found)
    if not callable(program):
        raise Unusable(f"{place}: {found} has type {type(program).__name__}, expected a function")
    return (
        from_gradient(program)
        if found == "gradient"
        else from_step(program)
        if found == "step"
        else program
    )


def split(target: str) -> tuple[str, str]:
    """FILE_OR_MODULE and NAME, or "" where none is given."""
    place, colon, name = target.rpartition(":")
    return (place, name) if colon and name.isidentifier() else (target, "")


def _module(place: str) -> Any:
    path = Path(place)
    is_file = path.suffix == ".py" or path.is_file()
    if is_file and not path.is_file():
        raise Unusable(f"{place}: there is no such file")
    sys.path.insert(0, str(path.resolve().parent) if is_file else str(Path.cwd()))
    try:
        return _of_file(path) if is_file else import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise Unusable(f"{place}: there is no such file or module") from None
        raise Unusable(f"{place}: importing it raised {_told(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's module may raise anything
        raise Unusable(f"{place}: importing it raised {_told(error)}") from None


def _of_file(path: Path) -> Any:
    spec = spec_from_file_location(f"checked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise Unusable(f"{path}: is no Python file, expected one that ends in .py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main(folder: str, target: str, given: str) -> None:
    """The process of a program: everything that it finds goes into files of the folder,
    one set per task.
    """
    place, options = Path(folder), json.loads(given)
    try:
        program = load(target)
        declared = declaration_of(program, **options["declared"])
        tasks = tasks_for(declared, hard=options["hard"])
    except (Unusable, ValueError, TypeError) as error:
        _write(place / "unusable.json", str(error))
        return
    _write(place / "declared.json", asdict(declared))
    first = telling(tasks)
    _write(place / "at.json", first.name)
    fits = layout_of(program, first, declared)
    _write(place / "fits.json", asdict(fits))
    for number, task in enumerate(tasks):
        _write(place / "at.json", task.name)
        _save(place, number, outcome(program, task, fits))
    _write(place / "done.json", True)
    os._exit(0)  # whatever threads it leaves behind


def _write(file: Path, value: Any) -> None:
    """As a whole or not at all."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(file)


def _save(folder: Path, number: int, found: Outcome) -> None:
    np.savez(
        folder / f"{number}.npz",
        **{"/".join(map(str, key)): array for key, array in found.arrays.items()},
    )  # type: ignore[arg-type]
    _write(folder / f"{number}.json", {"problems": found.problems, "supported": found.supported})


def _saved(folder: Path, number: int) -> Outcome | None:
    file = folder / f"{number}.json"
    if not file.exists():
        return None
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        with np.load(folder / f"{number}.npz", allow_pickle=False) as stored:
            arrays = {_key(text): stored[text] for text in stored.files}
        return Outcome(
            arrays,
            tuple(Problem(*map(str, each)) for each in said["problems"]),
            bool(said["supported"]),
        )
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise Unusable("the program has written over what parity keeps of it") from error


def _key(text: str) -> Key:
    step, name, layer = text.split("/")
    return int(step), name, int(layer)


@dataclass(frozen=True)
class Performed:
    """What a process did: tasks and outcomes, None for what was not finished, and how
    it ended, "" where it did as it should.
    """

    declared: Declaration
    fits: Declaration
    tasks: list[Task]
    outcomes: list[Outcome | None]
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
        said = {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in folder.glob("*.json")
            if not file.stem.isdigit()
        }
        if "unusable" in said or "declared" not in said:
            raise Unusable(
                said.get("unusable") or f"{target}: importing it {ended or 'ended the process'}"
            )
        declared = declaration(**said["declared"])
        tasks = tasks_for(declared, hard=hard)
        found = [_saved(folder, number) for number in range(len(tasks))]
        fits = declaration(**said.get("fits", said["declared"]))
    over = (
        ""
        if "done" in said
        else f"run: {ended or 'ended the process'} in the task {said['at']!r}, expected one dict "
        f"for each step"
    )
    return Performed(declared, fits, tasks, found, over)


def _process(command: list[str], timeout: float) -> str:
    """Run it to its end, or to that of its time with all that it has started; how it
    ended otherwise than well.
    """
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ}
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with subprocess.Popen(command, env=environment, start_new_session=True, **quiet) as process:  # noqa: S603 - to run it is the task
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
    """The process and those that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    # no such thing on Windows; or it is gone
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()
