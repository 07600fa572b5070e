"""The command line: `parity` runs the main job. Exit status 0: right. 1: wrong. 2: unusable input."""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.agreement import TOLERANCE
from parity.cases import CASES, Case
from parity.report import Screen, environment, header

if TYPE_CHECKING:
    from parity.digits import Trained
    from parity.sweep import Outcome

RIGHT, WRONG, UNUSABLE = 0, 1, 2
NEEDED = {"torch": "PyTorch", "sklearn": "scikit-learn"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    arguments = _parser().parse_args(given)
    try:
        return run(arguments)
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        return _unusable(f'parity run needs {NEEDED[error.name]}: python -m pip install "refnet[parity]"')
    except BrokenPipeError:  # nobody reads on, as in `parity | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the interpreter's last flush
        return UNUSABLE
    except OSError as error:
        return _unusable(f"{error.filename or arguments.json}: {error.strerror}")


def run(arguments: argparse.Namespace) -> int:
    """The main job: digits side by side, the sweep of the case table, the verdict."""
    twins = import_module("parity.torch_twin")
    digits, sweeps = import_module("parity.digits"), import_module("parity.sweep")
    if arguments.json:
        arguments.json.open("a", encoding="utf-8").close()  # better refused now than after the work
    screen = Screen(quiet=arguments.quiet)
    with twins.one_thread(), _one_blas_thread():
        for line in header(twins.threads()):
            screen.line(line)
        found: dict[str, Any] = {"environment": environment()}
        try:
            trained = _digits(screen, digits, arguments)
            found["digits"] = _digits_json(trained)
            outcomes = _sweep(screen, sweeps, [replace(case, seed=arguments.seed) for case in CASES])
            found["sweep"] = [{"case": o.case.id, "passed": o.passed, "worst": o.worst} for o in outcomes]
            text, passed = _verdict(trained, outcomes)
        except FloatingPointError as refusal:  # a step that refnet refuses to take
            text, passed = f"DISAGREE. {refusal}", False
        screen.line()
        screen.verdict(text, passed=passed)
        if arguments.json:
            found = {"passed": passed, "verdict": text, **found}
            arguments.json.write_text(json.dumps(_finite(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return RIGHT if passed else WRONG


def _digits(screen: Screen, digits: Any, arguments: argparse.Namespace) -> "Trained":
    sizes = "-".join(map(str, digits.SIZES))
    screen.line()
    screen.line(f"Handwritten digits, {sizes}, softmax cross-entropy, SGD, mini-batches of {digits.BATCH}: same weights, same batches")
    screen.line(f"{'epoch':>5}{'loss, refnet':>22}{'loss, PyTorch':>22}{'difference':>12}{'test, refnet':>14}{'test, PyTorch':>15}", "bold")
    with screen.progress("digits", arguments.epochs) as advance:

        def show(pair: Any) -> None:
            gap = pair.loss - pair.twin_loss
            screen.line(
                f"{pair.number:>5}{pair.loss:>22.16f}{pair.twin_loss:>22.16f}{gap:>12.1e}{pair.accuracy:>13.2%}{pair.twin_accuracy:>14.2%}"
            )
            advance()

        trained: Trained = digits.train(arguments.seed, arguments.epochs, show)
    images = len(trained.split.x_test)
    labels = f"{'the same label' if trained.same_labels else 'NOT the same label'} for all {images:,} test images"
    screen.line(f"{len(trained.steps):,} steps compared; largest weight difference {trained.weight_difference:.1e}; {labels}")
    return trained


def _sweep(screen: Screen, sweeps: Any, cases: Sequence[Case]) -> "list[Outcome]":
    screen.line()
    screen.line(f"The case table: {len(cases)} cases, each trained side by side, every quantity of every step compared; worst scaled error")
    screen.line(f"{'cases':>5}{'float64':>10}{'float32':>10}", "bold")
    outcomes: list[Outcome] = []
    with screen.progress("cases", len(cases)) as advance:
        for row, group in groupby(sweeps.sweep(cases), key=lambda outcome: outcome.case.row):
            members = []
            for outcome in group:
                members.append(outcome)
                advance()
            worst = [max(o.worst for o in members if o.case.dtype == dtype) for dtype in TOLERANCE]
            good = all(o.passed for o in members)
            errors = "".join(f"{error:>10.1e}" for error in worst)
            screen.line(f"{len(members):>5}{errors}   {row}{'' if good else '   DISAGREE'}", "" if good else "red")
            outcomes += members
    return outcomes


def _verdict(trained: "Trained", outcomes: "Sequence[Outcome]") -> tuple[str, bool]:
    if trained.first is not None:
        step, agreement = trained.first
        return f"DISAGREE. Digits, step {step}: {agreement}", False
    if not trained.same_labels:
        return "DISAGREE. Digits: the two trained networks label the test images differently", False
    wrong = [o for o in outcomes if not o.passed]
    if wrong:
        return f"DISAGREE in {len(wrong)} of {len(outcomes)} cases. {wrong[0]}", False
    steps = len(trained.steps) + sum(len(o.steps) for o in outcomes)
    worst = [max(o.worst for o in outcomes if o.case.dtype == dtype) for dtype in TOLERANCE]
    errors = f"worst scaled error {worst[0]:.1e} in float64, {worst[1]:.1e} in float32"
    return f"refnet and PyTorch agree in all {steps:,} training steps: test accuracy {trained.accuracy:.2%}, {errors}", True


def _digits_json(trained: "Trained") -> dict[str, Any]:
    return {
        "epochs": [pair._asdict() for pair in trained.epochs],
        "steps": len(trained.steps),
        "worst": max(step.worst for step in trained.steps),
        "weight_difference": trained.weight_difference,
        "same_labels": trained.same_labels,
        "accuracy": trained.accuracy,
    }


def _finite(value: Any) -> Any:
    """The same with null for infinities and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parity",
        description="Proof that refnet's backpropagation and PyTorch's are the same.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"refnet {environment()['refnet']}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    job = commands.add_parser(
        "run", help="train digits side by side and go through the case table (the default)", description="The main job."
    )
    job.add_argument("--seed", type=_integer(0, 2**32 - 1), default=0, metavar="N", help="of split, weights and batches (default 0)")
    job.add_argument("--epochs", type=_integer(1, 10**6), default=30, metavar="N", help="of the digits (default 30)")
    job.add_argument("--json", type=Path, metavar="FILE", help="write what was found to FILE")
    job.add_argument("--quiet", action="store_true", help="print the verdict alone")
    parser.epilog = f"`parity` alone is `parity run`:\n\n{job.format_help()}"
    return parser


def _integer(low: int, high: int) -> Any:
    """A parser of integers from low to high."""

    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"has {value}, expected an integer from {low} to {high}")
        return value

    parse.__name__ = "integer"
    return parse


def _one_blas_thread() -> Any:
    """Two pools of threads on two cores are slower than one thread each, at these sizes."""
    try:
        return import_module("threadpoolctl").threadpool_limits(limits=1)
    except ModuleNotFoundError:
        return nullcontext()


def _unusable(sentence: str) -> int:
    print(f"parity: {sentence}", file=sys.stderr)
    return UNUSABLE
