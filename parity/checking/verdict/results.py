"""What became of each task that a program was given, and what each asks for."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from parity.checking.program.outcome import Outcome
from parity.checking.tasks.task import Task
from parity.checking.verdict.coverage import WITH, as_output, changed
from parity.mistakes.diagnosis.finding import Finding
from parity.mistakes.mistake import WRONG
from refnet.equations import PLAIN

# of a task
RIGHT, NOT_JUDGED, NOT_SUPPORTED = "right", "not judged", "not supported"
NO_ANSWER = "no answer"


@dataclass(frozen=True)
class TaskResult:
    """What became of one task.

    task        its name
    result      "right", "wrong", "not judged", "not supported" or "no answer"
    judged      whether it shows enough to say what is right and what is wrong
    findings    the numbers of the findings that stand in it, as the report counts them
    equations   the labels of the equations that it asks for
    settings    what else it asks for: activations, the loss, the optimizer with each
                setting that is another than by default, the dtype
    """

    task: str
    result: str
    judged: bool
    findings: tuple[int, ...]
    equations: tuple[str, ...]
    settings: tuple[str, ...]


def results(
    both: Iterable[tuple[Task, Outcome]],
    unanswered: Sequence[Task],
    judged: Collection[str],
    placed: Sequence[tuple[Finding, Sequence[str]]],
) -> tuple[TaskResult, ...]:
    """The results of tasks with these outcomes, and of those behind them that were not
    answered; `judged` names those that show enough, and each finding is given with its
    tasks.
    """
    answered = (
        _result(task, outcome.supported, task.name in judged, placed) for task, outcome in both
    )
    silent = (
        TaskResult(task.name, NO_ANSWER, False, (), _equations(task), (*_settings(task),))
        for task in unanswered
    )
    return (*answered, *silent)


def _result(
    task: Task, supported: bool, judged: bool, placed: Sequence[tuple[Finding, Sequence[str]]]
) -> TaskResult:
    here = [
        (number, finding)
        for number, (finding, names) in enumerate(placed, start=1)
        if task.name in names
    ]
    is_wrong = any(finding.verdict == WRONG for _, finding in here)
    word = WRONG if is_wrong else RIGHT if judged else NOT_JUDGED
    return TaskResult(
        task.name,
        word if supported else NOT_SUPPORTED,
        judged and supported,
        tuple(number for number, _ in here),
        _equations(task),
        (*_settings(task),),
    )


def _equations(task: Task) -> tuple[str, ...]:
    """All of a step: but without hidden layers no BP2, without biases no BP3."""
    without = {"BP2"} if len(task.sizes) == 2 else set[str]()
    without |= set() if task.bias else {"BP3"}
    return tuple(label for label in PLAIN if label not in without)


def _settings(task: Task) -> Iterator[str]:
    yield from dict.fromkeys(task.activations[:-1])
    yield as_output(task.activations[-1])
    yield task.loss
    yield task.optimizer
    yield from (f"{task.optimizer}{WITH}{setting}" for setting in changed(task))
    yield task.dtype
