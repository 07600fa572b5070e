"""The plugin of pytest: each small training of a program as a test of its own.

    import pytest

    from my_network import run

    @pytest.mark.parity(run=run, losses=("mse",), settings=())
    def test_backprop(parity_case):
        parity_case.assert_correct()

The mark takes the program by keyword, what `parity.check` takes (hard, seed), and what
the program declares where its file does not. There is a test for each task of
`parity.cases_for`, named like it; `parity_case.check()` returns the report on it. What
cannot be tried is an error of collection, in one sentence.

pytest loads this module in every run, so nothing of parity or NumPy is imported before
a test has the mark.
"""

from importlib import import_module
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from parity.checking.tasks.task import Task
    from parity.checking.verdict.report import CheckReport

MARK, ARGUMENT = "parity", "parity_case"
HELP = (
    "parity(run, hard=False, seed=0, **declared): one test for each small training that tries the "
    "backpropagation of run; the test takes parity_case"
)


class ParityCase(NamedTuple):
    """One task of a program under test, with what the program declares."""

    run: Any
    task: "Task"
    options: dict[str, Any]

    def check(self) -> "CheckReport":
        """`parity.check` of this task alone."""
        report: CheckReport = _checker().check(self.run, self.task, **self.options)
        return report

    def assert_correct(self, *, strict: bool = False) -> None:
        """`parity.assert_correct` of this task alone. Errors: AssertionError with the
        report.
        """
        __tracebackhide__ = True
        _checker().assert_correct(self.run, self.task, strict=strict, **self.options)

    def __str__(self) -> str:
        return str(self.task)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", HELP)


@pytest.fixture
def parity_case(request: pytest.FixtureRequest) -> ParityCase:
    """One task of the program in the test's mark, @pytest.mark.parity(run=run)."""
    if not hasattr(request, "param"):
        pytest.fail(_lacking(request.node.name), pytrace=False)
    case: ParityCase = request.param
    return case


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each task. Errors: CollectError where there is none."""
    test, takes = metafunc.definition, ARGUMENT in metafunc.fixturenames
    mark = test.get_closest_marker(MARK)
    if mark is None:
        return
    if takes:
        cases = _cases(test.nodeid, *mark.args, **mark.kwargs)
        metafunc.parametrize(ARGUMENT, cases, ids=map(str, cases), indirect=True)
    elif mark in test.own_markers:
        raise pytest.Collector.CollectError(
            f"{test.nodeid}: has the mark parity and no argument {ARGUMENT}, expected both"
        )


def pytest_pycollect_makeitem(name: str, obj: object) -> None:
    """Refuse `@pytest.mark.parity(run)`: it marks run, as all marks do with a function
    alone, and then run is called with the test, which is lost.
    """
    if _is_marked(obj) or _swallowed(obj):
        raise pytest.Collector.CollectError(
            f"{name}: the mark parity has no program, expected pytest.mark.parity(run=...); a mark "
            f"that is given a function alone marks that function"
        )


def _is_marked(obj: object) -> bool:
    """Whether it is a function with a mark without arguments."""
    marks = getattr(obj, "pytestmark", ()) if isinstance(obj, FunctionType) else ()
    return any(mark.name == MARK and not (mark.args or mark.kwargs) for mark in marks)


def _swallowed(obj: object) -> bool:
    """Whether it is what a generator makes of a test that it was called with."""
    if not isinstance(obj, GeneratorType) or obj.gi_frame is None:
        return False
    given = (each for each in obj.gi_frame.f_locals.values() if isinstance(each, FunctionType))
    return any(ARGUMENT in each.__code__.co_varnames for each in given)


def _cases(test: str, run: Any = None, *others: object, **options: Any) -> list[ParityCase]:
    """The tasks of a program. Errors: CollectError where it cannot be tried."""
    if not callable(run) or others:
        has = f"{1 + len(others)} arguments" if others else f"run of type {type(run).__name__}"
        raise pytest.Collector.CollectError(
            f"{test}: the mark parity has {has}, expected a function"
        )
    try:
        tasks = _checker().cases_for(run, **options)
    except (TypeError, ValueError) as error:
        raise pytest.Collector.CollectError(f"{test}: {error}") from error
    return [ParityCase(run, task, options) for task in tasks]


def _lacking(test: str) -> str:
    return f"{test}: takes {ARGUMENT} and has no mark, expected @pytest.mark.parity(run=...)"


def _checker() -> Any:
    """The room that judges, when it is needed."""
    return import_module("parity.checking.checker")
