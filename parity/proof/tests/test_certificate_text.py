"""The printed certificate says first what is wrong and where, then how much of each
bound is used, on a terminal in colours.
"""

import io
from dataclasses import replace

from rich.console import Console

from parity.proof.certificate import Certificate, certify
from parity.proof.result import Result
from parity.proof.tests.certified import CASE, good, result_of, rewritten, shown, with_entry
from refnet.equations import PLAIN

CAPTION = "largest share used of what rounding allows:"


def table(cert):
    """The printed table as cells, without the sentence and the caption."""
    lines = str(cert).splitlines()
    assert lines[1] == CAPTION
    return [line.split() for line in lines[2 : 3 + len(cert.record.spec.sizes) - 1]]


def test_the_first_sentence_says_what_is_wrong_and_where():
    """The case, the equation, layer and entry, what was got, expected and allowed, and
    how much more is broken.
    """
    record = good()
    for quantity, layer, index, at in (
        ("dW", 2, (1, 3), "BP4 (weight gradient) of layer 2 is wrong: dW at row 1, column 3"),
        ("db", 2, (1,), "BP3 (bias gradient) of layer 2 is wrong: db at row 1"),
        ("loss", None, (), "C (cost) is wrong: loss"),
        ("exp_avg of b", 3, (0,), "step (update) of layer 3 is wrong: exp_avg of b at row 0"),
        ("b", 1, (2,), "step (update) of layer 1 is wrong: b at row 2"),
    ):
        expected = float(shown(record, quantity, layer)[index])
        cert = certify(with_entry(record, quantity, layer, index, expected + 1.0))
        first = cert.broken[0]
        numbers = f"{expected + 1.0!r}, expected {first.expected!r} within {first.allowed:.2g}"
        share = f"it is off by {first.used:.3g} times that"
        more = len(cert.broken) - 1
        results = f"{more} more result{' is' if more == 1 else 's are'} broken"
        tail = f". {results}." if more else "."
        assert cert.verdict == f"{CASE}: {at} is {numbers}; {share}{tail}"
        assert str(cert).splitlines()[0] == cert.verdict
        assert str(cert).splitlines()[6:] == [f"  {result}" for result in cert.broken[1:]]
    one = certify(with_entry(record, "exp_avg of W", 1, (0, 0), 1.0))
    assert one.verdict.endswith(". 1 more result is broken.")
    # exp_avg and exp_avg_sq
    assert certify(with_entry(record, "dW", 1, (0, 0), 1.0)).verdict.endswith(
        ". 2 more results are broken."
    )


def test_the_table_has_a_row_for_each_layer():
    """A row for each layer, a column for each equation in order; C stands at the last
    layer, BP1 there alone, BP2 everywhere else.
    """
    cert = certify(good())
    head, *rows = cert.table()
    assert head == ["layer", *PLAIN] == table(cert)[0]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    for number, row in enumerate(rows, start=1):
        cells = dict(zip(head, row, strict=True))
        absent = {"C", "BP1"} if number < 3 else {"BP2"}
        assert {label for label, cell in cells.items() if cell == ""} == absent
        for label in set(head[1:]) - absent:
            used = max(
                r.used for r in cert.results if r.equation == label and r.layer in (number, None)
            )
            assert cells[label] == f"{used:.2f}"
    assert [[cell for cell in row if cell] for row in cert.table()] == table(cert)


def test_the_table_marks_what_is_not_passed():
    """! where broken, ? where not judged, - where not shown; what is broken counts more
    than what is silent.
    """
    record = good()
    cells = dict(
        zip(
            *[certify(with_entry(record, "dW", 2, (0, 0), 9.0)).table()[i] for i in (0, 2)],
            strict=True,
        )
    )
    used = result_of(certify(with_entry(record, "dW", 2, (0, 0), 9.0)), "dW", 2).used
    assert cells["BP4"] == f"{used:.2g}!"
    assert cells["step"].endswith("!")
    assert cells["z"][-1].isdigit()
    cells = dict(
        zip(
            *[
                certify(rewritten(record, "dW", 2, record.layers[1].dW.T)).table()[i]
                for i in (0, 2)
            ],
            strict=True,
        )
    )
    assert (cells["BP4"], cells["step"][-1]) == ("inf!", "?")
    cells = dict(
        zip(*[certify(rewritten(record, "dW", 2, None)).table()[i] for i in (0, 2)], strict=True)
    )
    assert (cells["BP4"], cells["step"][-1]) == ("-", "?")
    cells = dict(
        zip(*[certify(replace(record, after=None)).table()[i] for i in (0, 1)], strict=True)
    )
    assert cells["step"] == "-"
    silent_step = dict(
        zip(*[certify(rewritten(record, "delta", 2, None)).table()[i] for i in (0, 2)], strict=True)
    )
    assert (silent_step["BP2"], silent_step["BP3"], silent_step["BP4"]) == ("-", "?", "?")


def rendered(cert):
    """What rich prints, plain and with its colours."""
    pages = []
    for colours in (False, True):
        console = Console(
            file=io.StringIO(),
            width=400,
            force_terminal=colours,
            color_system="standard" if colours else None,
            record=True,
        )
        console.print(cert)
        pages.append(console.export_text(styles=colours))
    return pages


BOLD_RED, BOLD_GREEN, BOLD_YELLOW, RED, YELLOW = (
    "\x1b[1;31m",
    "\x1b[1;32m",
    "\x1b[1;33m",
    "\x1b[31m",
    "\x1b[33m",
)


def test_rich_shows_the_same_words_in_colours():
    """Sentence, cells and further results are those of the plain text: red where
    broken, green where all holds, yellow where not judged.
    """
    record = good()
    right, wrong = certify(record), certify(with_entry(record, "dW", 2, (0, 0), 9.0))
    silent_cert = certify(rewritten(record, "dW", 2, None))
    for cert in (right, wrong, silent_cert):
        plain, _ = rendered(cert)
        words = [line for line in str(cert).splitlines() if line != CAPTION]
        assert [line.split() for line in plain.splitlines()] == [line.split() for line in words]
    colours = rendered(right)[1]
    assert f"{BOLD_GREEN}{right.verdict}" in colours
    assert "31m" not in colours
    assert "33m" not in colours
    colours = rendered(wrong)[1]
    cell = dict(zip(*[wrong.table()[i] for i in (0, 2)], strict=True))["BP4"]
    assert f"{BOLD_RED}{wrong.verdict}" in colours
    assert f"{BOLD_RED}{cell}" in colours
    assert wrong.broken[1:]
    assert all(f"{RED}  {result}" in colours for result in wrong.broken[1:])
    colours = rendered(silent_cert)[1]
    cell = dict(zip(*[silent_cert.table()[i] for i in (0, 2)], strict=True))["step"]
    assert f"{BOLD_YELLOW}{silent_cert.verdict}" in colours
    assert f"{YELLOW}{cell}" in colours
    assert "31m" not in colours


def test_a_result_speaks_for_itself():
    """A result of its own is a sentence, whatever became of it."""
    some = Result("z", 2, "z", "", 0.25, (1, 0), 1.5, 1.25, 1.0)
    where, entry = "z (weighted input) of layer 2", "z at row 1, column 0 is 1.5"
    numbers = "expected 1.25 within 1; it is off by"
    assert str(some) == f"{where} holds: {entry}, {numbers} 0.25 of that"
    wrong = replace(some, used=3.0, status="wrong")
    assert str(wrong) == f"{where} is wrong: {entry}, {numbers} 3 times that"
    mixed = replace(wrong, note="elsewhere f'(0) = 1 instead of 0")
    assert str(mixed) == f"{wrong} (elsewhere f'(0) = 1 instead of 0)"
    equal = replace(wrong, used=float("inf"), allowed=0.0)
    assert str(equal) == f"{where} is wrong: {entry}, expected exactly 1.25"
    other = replace(wrong, status="convention", note="f'(0) = 1 instead of 0")
    words = f"{where} follows another convention (f'(0) = 1 instead of 0): {entry}, "
    assert str(other).startswith(words)
    rough = replace(wrong, status="inaccurate formula", note="tanh through exp")
    assert str(rough).startswith(f"{where} uses an inaccurate formula (tanh through exp): {entry}")
    silent = replace(some, status="not judged", note="overflow in 1 of 2 entries")
    assert str(silent).startswith(f"{where} is not judged (overflow in 1 of 2 entries): {entry}")
    assert (
        str(Result("C", None, "loss", "mse", 0.0, status="not shown"))
        == "C (cost): loss is not shown"
    )
    assert str(Result("wiring", 1, "W before", "", 0.0)) == "wiring of layer 1: W before is passed"
    for status, broken in (
        ("passed", False),
        ("wrong", True),
        ("convention", True),
        ("inaccurate formula", True),
        ("not judged", False),
    ):
        assert replace(some, status=status).broken == broken
    assert not replace(some, status="not shown").broken


def test_the_verdict_of_silence_beside_a_pass():
    """What was judged holds, and what was not is counted by kind; passed is said only
    of a whole certificate.
    """
    record = good()
    some = Result("z", 1, "z", "", 0.5, (0, 0), 1.0, 1.0, 1.0)
    silent_one, unseen = (
        replace(some, status="not judged"),
        replace(some, status="not shown", got=None),
    )
    cert = Certificate(record, (some, silent_one, silent_one, unseen), ())
    assert cert.verdict == (
        "What was judged holds: 1 array is within what rounding allows; the closest, z of layer 1 "
        "(z), uses 0.5 of it. Not passed: 2 not judged, 1 not shown."
    )
    assert not cert.passed
    assert Certificate(record, (some,), ()).passed
    cost = Certificate(record, (replace(some, layer=None, equation="C", quantity="loss"),), ())
    assert cost.verdict == (
        "Every equation holds: 1 array is within what rounding allows; the closest, loss (C), uses "
        "0.5 of it."
    )
