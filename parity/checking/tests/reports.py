"""What must hold of the report on any right program, and on any wrong one."""

from ast import literal_eval

from parity.checking.checker import cases_for, check
from parity.checking.tests.network import differing
from parity.mistakes.diagnosis.finding import NOTE
from parity.mistakes.mistake import CONVENTION, WRONG

FEW = 3  # tasks of eight: one hidden layer, two and a smaller last batch, one sample


def judged(network, **declared):
    """The first tasks of a program, and the report on them."""
    tasks = cases_for(network, **declared)[:FEW]
    return tasks, check(network, tasks, **declared)


def advised(report):
    """What a file declares that follows the report."""
    lines, conventions = {}, ()
    for finding in report.findings:
        name, _, value = finding.declare.partition(" = ")
        if name == "conventions":
            conventions += literal_eval(value)
        else:
            lines[name] = literal_eval(value)
    return {**lines, "conventions": conventions}


def passes(network, declared, *conventions):
    """With these conventions and no others, in the tasks in which they show; and
    strictly, when it declares what the report says. The findings, before it does.
    """
    tasks, report = judged(network, **declared)
    assert report.verdict.startswith("RIGHT. "), str(report)
    assert sorted(finding.bug for finding in report.findings) == sorted(conventions), str(report)
    assert {finding.verdict for finding in report.findings} <= {CONVENTION}
    named = {name for finding in report.findings for name in finding.tasks}
    assert [task.name for task in tasks if task.name in named] == differing(network, tasks)
    assert report.strictly_passed == (not conventions)
    _, again = judged(network, **{**declared, **advised(report)})
    assert again.strictly_passed, str(again)
    assert {finding.where for finding in again.findings} <= {"declared"}
    assert {finding.verdict for finding in again.findings} <= {NOTE}
    return report.findings


def wrong(network, declared, count=FEW):
    """The only finding that is wrong, which stands in all tasks that differ, and the
    conventions beside it.
    """
    tasks = cases_for(network, **declared)[:count]
    report = check(network, tasks, **declared)
    assert report.verdict.startswith("WRONG. "), str(report)
    finding, *others = report.findings
    assert finding.verdict == WRONG
    assert {other.verdict for other in others} <= {CONVENTION}, str(report)
    named = {name for each in report.findings for name in each.tasks}
    assert [task.name for task in tasks if task.name in named] == differing(network, tasks)
    return finding, [other.bug for other in others]
