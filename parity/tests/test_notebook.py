"""How parity's results look in a notebook: what they say is there, as text, in little
HTML that has nothing but text, tables and what folds.
"""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import parity
import refnet
from parity.mistakes.diagnosis.finding import Finding
from refnet import notebook

TAGS = {"div", "table", "tbody", "thead", "tr", "th", "td", "pre", "details", "summary"}
HOSTILE = "<script>alert('1')</script>\x1b\ud800"
AS_TEXT = "<script>alert('1')</script>\\x1b\\ud800"


class Markup(HTMLParser):
    """The texts of a piece of HTML, and the tags that it opens."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags, self.names = [], [], set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def shown(result):
    """The texts that a notebook shows of a result."""
    html = result._repr_html_()
    page = Markup(html.encode("utf-8").decode())
    assert {*page.tags} <= TAGS
    assert page.names <= {"class", "style", "open"}
    assert all(html.count(f"<{tag}") == html.count(f"</{tag}>") for tag in ("div", "tr", "td"))
    return page.text


def right():
    """A step that is right."""
    net = refnet.mlp([4, 5, 3], hidden="relu")
    x, labels = np.random.default_rng(0).normal(size=(6, 4)), np.arange(6) % 3
    return parity.record_refnet(net, x, labels, "cross_entropy", refnet.SGD())


def wrong(factor=2.0):
    """The same with one gradient off."""
    record = right()
    first, *rest = record.layers
    return replace(record, layers=(replace(first, db=first.db * factor), *rest))


def marked(result, *, by):
    """Whether the line beside the verdict has this colour, and no other."""
    html = result._repr_html_()
    return [mark for mark, colour in notebook.MARKS.items() if colour in html] == [by]


def test_a_certificate_shows_its_verdict_and_its_table():
    """Green where all holds, red where something is broken, in bold there; what a mark
    means is said where it stands.
    """
    certificate = parity.certify(right())
    page = shown(certificate)
    assert page[:2] == [certificate.verdict, "largest share used of what rounding allows:"]
    assert page[2:] == [cell for row in certificate.table() for cell in row if cell]
    assert marked(certificate, by=True)
    broken = parity.certify(wrong())
    page = shown(broken)
    assert page[:2] == [broken.verdict, "largest share used of what rounding allows (! broken):"]
    assert page[-len(broken.broken) + 1 :] == [str(each) for each in broken.broken[1:]]
    assert broken._repr_html_().count('font-weight:bold">') > certificate._repr_html_().count(
        'font-weight:bold">'
    )
    assert marked(broken, by=False)
    silent = parity.certify(replace(right(), loss=None))
    assert "largest share used of what rounding allows (- not shown):" in shown(silent)
    assert marked(silent, by=None)


def test_an_agreement_shows_what_does_not_agree():
    """A sentence where all does."""
    same = parity.compare(right(), right())
    assert shown(same) == [str(same)]
    assert marked(same, by=True)
    record = wrong()
    apart = parity.compare(replace(record, loss=2.0 * record.loss), right())
    assert sum(not each.passed for each in apart.differences) == 2
    assert shown(apart) == [str(each) for each in apart.differences if not each.passed]
    assert marked(apart, by=False)


def test_a_finding_shows_its_paragraphs():
    """Its heading, and each paragraph beside its label."""
    (finding, *_) = parity.diagnose(wrong())
    page = shown(finding)
    assert page[0] == finding.heading
    assert page[1:3] == ["Where", finding.where]
    assert (finding.formula or finding.got) in page
    assert finding.expected in page


def test_an_example_is_shown_as_it_is_printed():
    """In columns of equal width, below the paragraphs."""
    finding = found(example=Lines())
    *_, example = shown(finding)
    assert example.splitlines() == Lines().lines(88)


class Lines:
    """What an example is to a finding: lines."""

    def lines(self, width):
        return ["a   b", "1   2"]


REPORT = parity.CheckReport("it", (), ("one", "two"), shown=("z",), arrays=3)


def found(**fields):
    """A finding with these fields."""
    return Finding("", "wrong", **{"where": "here", **fields})


def test_a_report_shows_its_verdict_its_findings_and_its_limits():
    """The first finding is open; all of them have their heading."""
    findings = (found(got="a"), found(got="b"))
    report = replace(REPORT, findings=findings)
    page = shown(report)
    assert page[0] == report.verdict
    headings = [f"{i}. {each.heading}" for i, each in enumerate(findings, start=1)]
    assert [text for text in page if text in headings] == headings
    assert report._repr_html_().count("<details") == 2
    assert report._repr_html_().count(" open>") == 1
    assert page[-1].startswith("Not shown by your program: ")
    assert marked(report, by=False)
    assert marked(REPORT, by=True)
    assert marked(replace(REPORT, reason="too little"), by=None)


@pytest.mark.parametrize(
    ("verdicts", "opened"), [(["note", "wrong", "wrong"], 1), (["note", "convention"], 0)]
)
def test_a_report_opens_what_makes_it_wrong(verdicts, opened):
    """Rather than a note before it; the first finding where nothing is wrong."""
    findings = tuple(replace(found(got=f"got {i}"), verdict=v) for i, v in enumerate(verdicts))
    html = replace(REPORT, findings=findings)._repr_html_()
    (text,) = [each for each in html.split("<details")[1:] if " open>" in each]
    assert f"got {opened}" in text


def test_a_report_of_many_findings_is_small():
    """The first ones, and how many more."""
    report = replace(REPORT, findings=tuple(found(got=f"{i}" * 50_000) for i in range(300)))
    assert f"... and {300 - notebook.ROWS} more findings" in shown(report)
    assert len(report._repr_html_()) < 60_000


FIELDS = ("where", "got", "formula", "expected", "happens", "why", "advice", "declare")


@pytest.mark.parametrize("field", FIELDS)
def test_what_a_program_says_is_text(field):
    """A hostile text in any field comes back as it was, control characters as
    escapes.
    """
    finding = found(**{field: HOSTILE})
    for result in (finding, replace(REPORT, findings=(finding,))):
        assert AS_TEXT in "".join(shown(result))


def test_the_name_of_a_program_and_its_tasks_are_text():
    """Also in a verdict, and in what it rests on."""
    finding = found(evidence=(HOSTILE,), tasks=(HOSTILE,))
    report = replace(REPORT, name=HOSTILE, findings=(finding,), untried=(HOSTILE,))
    text = "".join(shown(report))
    assert text.count(AS_TEXT) == 4  # the name, the evidence, its task, untried
