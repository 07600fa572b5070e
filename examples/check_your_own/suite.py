"""parity in a test suite: one test for everything, or one for each task.

To see them pass: python suite.py
"""

import pytest
from correct import run

import parity


def test_my_network():
    parity.assert_correct(run)


@pytest.mark.parametrize("case", parity.cases_for(run), ids=str)
def test_my_network_on(case):
    parity.assert_correct(run, case)


if __name__ == "__main__":
    raise SystemExit(pytest.main(["-q", __file__]))
