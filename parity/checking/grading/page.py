"""A class as one page of a browser, which needs no scripts and no network."""

from collections.abc import Iterable, Iterator

from parity.checking.grading.common import Common
from parity.checking.grading.submission import Submission
from parity.checking.grading.summary import ClassReport
from refnet.notebook import escaped

STYLE = """
:root { color-scheme: light dark; --line: #8886; --bar: #c60; --right: #190; --wrong: #c22; }
@media (prefers-color-scheme: dark) {
  :root { --bar: #fa4; --right: #7d6; --wrong: #f87; }
}
body { font: 1rem/1.45 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; }
th, td { text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; }
td.name, pre, code { overflow-wrap: anywhere; }
td.name { min-width: 14rem; }
span { white-space: nowrap; }
.right { color: var(--right); font-weight: bold; }
.wrong { color: var(--wrong); font-weight: bold; }
.bar { background: var(--bar); height: .7rem; min-width: 1px; print-color-adjust: exact; }
td.share { width: 25%; }
pre { white-space: pre-wrap; border: 1px solid var(--line); padding: .7rem; }
@media print {
  body { max-width: none; margin: 0; }
  section.report { break-before: page; }
  tr { break-inside: avoid; }
  .back { display: none; }
}
"""


def html_of(report: ClassReport, *, points: bool = False, verbose: bool = False) -> str:
    """The text of the page: who has which mistake, how common each is, and every
    report.

    With `points`, those too; where it is `verbose`, the reports have the exact figures.
    """
    return "\n".join(_page(report, points, verbose)) + "\n"


def _page(report: ClassReport, points: bool, verbose: bool) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escaped(report.verdict)}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    yield f'<h1 id="top">{escaped(report.verdict)}</h1>'
    yield "<h2>Submissions</h2>"
    yield from _submissions(report.submissions, points)
    if report.common:
        yield "<h2>How common each mistake is</h2>"
        yield from _mistakes(report.common, report.submissions)
    yield "<h2>Reports</h2>"
    for number, each in enumerate(report.submissions):
        yield from _report(number, each, points, verbose)
    yield "</body>\n</html>"


def _link(number: int, submission: Submission) -> str:
    """To a report: its place has a number, for a name may be any."""
    return f'<a href="#report-{number + 1}">{escaped(submission.name)}</a>'


def _word(submission: Submission) -> str:
    kind = "right" if submission.passed else "wrong"
    return f'<span class="{kind}">{submission.word}</span>'


def _table(head: str, rows: Iterable[str]) -> Iterator[str]:
    yield f'<div class="wide">\n<table>\n<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>'
    yield from (f"<tr>{row}</tr>" for row in rows)
    yield "</tbody>\n</table>\n</div>"


def _submissions(submissions: Iterable[Submission], points: bool) -> Iterator[str]:
    number = '<th class="number">Points</th>' if points else ""
    head = f"<th>Name</th><th>Verdict</th>{number}<th>Mistakes</th>"
    yield from _table(head, (_row(i, each, points) for i, each in enumerate(submissions)))


def _row(number: int, each: Submission, points: bool) -> str:
    share = f'<td class="number">{each.points}</td>' if points else ""
    name = f'<td class="name">{_link(number, each)}</td>'
    notes = escaped(each.in_a_table(points=points))
    return f"{name}<td>{_word(each)}</td>{share}<td>{notes}</td>"


def _mistakes(mistakes: Iterable[Common], submissions: tuple[Submission, ...]) -> Iterator[str]:
    head = '<th>Mistake</th><th class="number">How many</th><th>Of all</th><th>Whose</th>'
    yield from _table(head, (_mistake(each, submissions) for each in mistakes))


def _mistake(mistake: Common, submissions: tuple[Submission, ...]) -> str:
    count = len(mistake.holders)
    share = f"{100 * count / len(submissions):.1f}%"
    whose = ", ".join(_link(number, submissions[number]) for number in mistake.holders)
    return (
        f"<td>{escaped(mistake.label)}<br><code>{escaped(mistake.text)}</code></td>"
        f'<td class="number">{count}</td>'
        f'<td class="share"><div class="bar" style="width: {share}"></div>{share}</td>'
        f'<td class="name">{whose}</td>'
    )


def _report(number: int, submission: Submission, points: bool, verbose: bool) -> Iterator[str]:
    text = "\n".join(map(escaped, submission.lines(points=points, verbose=verbose)))
    yield f'<section class="report" id="report-{number + 1}">'
    yield f"<h3>{escaped(submission.name)}</h3>"
    yield f"<pre>{text}</pre>"
    yield '<p class="back"><a href="#top">Back to the top</a></p>\n</section>'
