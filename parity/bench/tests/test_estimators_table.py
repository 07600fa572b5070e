"""The table of the estimators, on few images; no test looks at a time."""

import re

from parity.bench.tables import estimators
from parity.bench.tables.estimators import Ended, EstimatorRow


def test_both_take_as_many_epochs_from_the_same_parameters(capsys):
    """A line for either dtype, behind what the machine is."""
    estimators.SETTINGS["tiny"] = {"max_iter": 3, "hidden_layer_sizes": (5,)}
    try:
        row = estimators.measure("tiny", "float32", seeds=2, images=60)
        estimators.main(2, ["tiny"])
    finally:
        del estimators.SETTINGS["tiny"]
    assert [end.epochs for end in (*row.refnet, *row.theirs)] == [3] * 4
    assert row.ratio > 0.0
    *machine, head, double, single = capsys.readouterr().out.splitlines()
    assert machine
    assert all(re.fullmatch(r"\S+ \S+, \S*, \d+ threads", line) for line in machine)
    assert head == estimators.HEAD
    for line, dtype in ((double, "float64"), (single, "float32")):
        shape = rf"tiny +{dtype} +[\d.]+ ms +[\d.]+ ms +[\d.]+   [\d.]+% \+- [\d.]+%, 3; .*, 3.*"
        assert re.fullmatch(shape, line), line


def test_other_accuracies_are_named():
    """Where the means are further apart than either spread; and the ratio is that of
    neighbours.
    """
    near, far = ([Ended(1.0, at, 3), Ended(2.0, at + 0.1, 3)] for at in (0.5, 0.1))
    slow = [Ended(4.0, 0.45, 3), Ended(8.0, 0.55, 3)]
    assert not EstimatorRow("", "float64", far, slow).is_as_accurate
    assert EstimatorRow("", "float64", far, slow).line().endswith("; APART")
    assert EstimatorRow("", "float64", near, slow).is_as_accurate
    assert EstimatorRow("", "float64", near, slow).ratio == 4.0
