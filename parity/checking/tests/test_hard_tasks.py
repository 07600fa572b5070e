"""Tasks at the edge of floats: what overflows is told from log 0, and what is right
passes.
"""

import numpy as np
import pytest

from parity.checking.checker import check
from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.task import tasks_for
from parity.checking.tests.network import CLASSES, Network, softmax
from parity.checking.verdict.coverage import tried, untried


def without_maximum(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def with_maximum_of_all(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


def safe(s):
    return -np.sum(s.y * np.maximum(np.log(s.output), -100)) / s.n


def naive(s):
    return -np.sum(s.y * np.log(s.output)) / s.n


def program(output=softmax, cost=safe):
    """A network with this softmax at its end, and this cost."""
    return Network(
        activation=lambda s, l: output(s.z[-1]) if l == s.L else np.tanh(s.z[-1]), cost=cost
    )


def bugs(run, **declared):
    with np.errstate(all="ignore"):
        return [each.bug for each in check(run, hard=True, **CLASSES, **declared).findings]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("output", "cost", "names"),
    [
        (softmax, safe, []),
        (softmax, naive, ["log-of-zero"]),
        (without_maximum, safe, ["softmax-overflow"]),
        (with_maximum_of_all, safe, ["softmax-maximum-of-all"]),
        (without_maximum, naive, ["softmax-overflow", "log-of-zero"]),
    ],
)
def test_each_edge_names_what_fails_there(output, cost, names, dtype):
    """Behind cross entropy on probabilities, in either dtype."""
    assert bugs(program(output, cost), dtype=dtype) == names


def test_the_maximum_of_all_samples_is_right_for_one():
    """A program of one sample at a time has no other."""
    assert bugs(program(with_maximum_of_all), batch=1) == []


def test_what_was_tried_names_the_edges():
    """Those of the tasks that ran; those that were refused are left."""
    tasks = tasks_for(declaration(**CLASSES), hard=True)
    edges = ("logits around 1000", "samples far apart", "a class without a chance")
    assert tried(tasks).edges == (*edges, "a hidden tanh around 1000")
    assert str(tried(tasks)).endswith(
        f"; at the edge: {', '.join(edges)} and a hidden tanh around 1000"
    )
    usual = [task for task in tasks if not task.edge]
    assert "edge" not in str(tried(usual))
    refused = [task for task in tasks if task.edge == edges[1]]
    assert untried(tried(usual), refused) == (edges[1],)
