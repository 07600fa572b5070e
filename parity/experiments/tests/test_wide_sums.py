"""Tests of the long sums of the power: what is recognised, and that it is counted."""

from dataclasses import replace

import pytest

from parity.experiments import wide_sums
from parity.experiments.wide_sums import Recognised, recognised, weighted_input, wide_record
from parity.proof.certificate import certify, judge
from parity.rounding.claim import PASSED
from parity.rounding.formats import FORMATS
from parity.rounding.precision import PRECISIONS, coarser
from parity.steps.cases import DTYPES

NARROW = 64


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_wide_record_is_right_and_its_first_statement_is_about_its_longest_sum(dtype):
    """z of layer 1, with as many terms as there are inputs."""
    record = wide_record(0, 1, NARROW, dtype)
    assert certify(record).passed
    statement = weighted_input(record)
    assert (statement.equation, statement.layer) == ("z", 1)
    assert record.before.W[0].shape[1] == NARROW
    assert wide_record(0, 2, NARROW, dtype).x[0, 0] != record.x[0, 0]


def test_factors_are_counted_where_they_are_named(monkeypatch):
    """Of every coarser precision, in both dtypes; none where the product is a right
    one.
    """
    monkeypatch.setattr(wide_sums, "INPUTS", (NARROW,))
    rows = list(recognised(2, 0))
    assert [(row.dtype, row.precision) for row in rows] == [
        (dtype, precision) for dtype in DTYPES for precision in coarser(FORMATS[dtype])
    ]
    assert {(row.inputs, row.named, row.nets) for row in rows} == {(NARROW, 2, 2)}
    monkeypatch.setattr(wide_sums, "with_factors", lambda record, _: record.layers[0].z)
    assert {row.named for row in recognised(2, 0)} == {0}


def test_a_right_sum_is_accepted_and_one_of_coarser_factors_is_not():
    """At the widths of the table, in float32."""
    for inputs in wide_sums.INPUTS:
        record = wide_record(0, 0, inputs, "float32")
        statement = weighted_input(record)
        assert judge(statement).status == PASSED
        for precision in coarser(FORMATS["float32"]):
            got = wide_sums.with_factors(record, precision)
            assert judge(replace(statement, got=got)).status != PASSED


def test_the_lines_say_who_was_named_how_often():
    """One for each dtype and precision, the widths in one line."""
    precision = PRECISIONS[1]
    rows = tuple(Recognised(precision, "float32", k, 1, 2) for k in (NARROW, 1024))
    (line,) = wide_sums.lines(rows)
    assert " ".join(line.split()) == "float32 rounded to TF32 64: 1 of 2 1,024: 1 of 2"
    assert rows[0].as_json() == {
        "factors": "TF32",
        "way": "rounded",
        "dtype": "float32",
        "inputs": NARROW,
        "named": 1,
    }


def test_every_twentieth_network_has_a_wide_one_beside_it():
    """At least one."""
    assert [wide_sums.wide_nets(nets) for nets in (1, 20, 21, 200)] == [1, 1, 2, 10]
