"""A finding as it is read: one labelled paragraph for each part that it has."""

from dataclasses import replace

import pytest

from parity.mistakes.diagnosis.finding import UNEXPLAINED, Finding

WHOLE = Finding(
    "a-b",
    "wrong",
    where="BP4 (weight gradient) of layer 1",
    formula="dW = 2 delta^T a_prev",
    expected="dW^l = (delta^l)^T a^(l-1)",
    happens="It is doubled.",
    why="It has to be what it is, and not twice that, whatever the reason may have been.",
    advice="look at the factor",
    evidence=("All 12 numbers of dW of layer 1 fit.",),
    measured=("dW is off by 3e+12 bounds",),
    alike=("c-d", "e-f", "g-h"),
    equation="BP4",
    layers=(1,),
    sources=("https://example.org/a-long-address-that-nobody-breaks-into-pieces",),
)


def test_what_a_student_reads():
    """Wrapped under its label; figures and sources only where they are asked for."""
    plain = [
        "   Where:     BP4 (weight gradient) of layer 1",
        "   You have:  dW = 2 delta^T a_prev",
        "   Expected:  dW^l = (delta^l)^T a^(l-1)",
        "   Why:       It is doubled. It has to be what it is,",
        "              and not twice that, whatever the reason",
        "              may have been.",
        "   Evidence:  All 12 numbers of dW of layer 1 fit. What",
        "              was shown cannot tell it from c-d, e-f or",
        "              g-h.",
        "   To do:     Look at the factor",
    ]
    assert [*WHOLE.lines(56)] == plain
    assert [*WHOLE.lines(56, verbose=True)] == [
        *plain,
        "   Measured:  dW is off by 3e+12 bounds",
        f"   Published: {WHOLE.sources[0]}",
    ]


@pytest.mark.parametrize("width", [0, 40, 60, 88, 300])
def test_no_line_is_wider_than_asked_for(width):
    """But for a screen that has no room for words at all."""
    assert max(map(len, WHOLE.lines(width))) <= max(width, 40)


def test_what_a_finding_does_not_have_is_left_out():
    """A number that nothing explains has no formula and no reason."""
    finding = Finding("", "wrong", where="run", got="returned None", expected="3 dicts")
    assert [*finding.lines()] == [
        "   Where:     run",
        "   You have:  returned None",
        "   Expected:  3 dicts",
    ]
    assert finding.sentence == "run: returned None, expected 3 dicts"


def test_the_sentence_is_made_of_the_fields():
    """Formula, expectation, advice and reasons, in this order."""
    assert str(WHOLE) == WHOLE.sentence == WHOLE.as_json()["sentence"]
    assert WHOLE.sentence == (
        "BP4 (weight gradient) of layer 1: dW = 2 delta^T a_prev, expected dW^l = (delta^l)^T "
        "a^(l-1); look at the factor. It is doubled. It has to be what it is, and not twice that, "
        "whatever the reason may have been."
    )


@pytest.mark.parametrize(
    ("changed", "heading"),
    [
        ({}, "a-b"),
        ({"verdict": "convention"}, "a-b (another convention, which is not wrong)"),
        ({"verdict": "note"}, "a-b (a note)"),
        ({"bug": "", "verdict": "note"}, "A note"),
        ({"bug": "", "verdict": "imprecise"}, "Digits are lost"),
        ({"bug": "", "verdict": "convention"}, "Another convention, which is not wrong"),
        ({"bug": "", "equation": ""}, "A mistake outside the equations"),
        (
            {"bug": "", "happens": UNEXPLAINED},
            "A mistake that is not in the catalogue",
        ),
    ],
)
def test_the_heading_is_the_id_or_the_kind(changed, heading):
    """Whatever it is, it has one."""
    assert replace(WHOLE, **changed).heading == heading
