"""parity's judgement needs NumPy alone: the command judges a student's file where nothing else is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples" / "check_your_own"
JUDGE = """
import sys
from parity.cli import main
status = main(["check", sys.argv[1], "--quiet"])
assert not {"torch", "sklearn", "matplotlib", "rich"} & set(sys.modules), "something else than NumPy was imported"
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("name", "status", "verdict"), [("correct.py", 0, "RIGHT"), ("missing_derivative.py", 1, "WRONG")]
)
def test_the_command_judges_with_numpy_alone(name, status, verdict):
    """Exit status 0 for a right network, 1 for a wrong one, and no other package in the process."""
    done = subprocess.run([sys.executable, "-c", JUDGE, EXAMPLES / name], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout.startswith(f"{verdict}. {EXAMPLES / name}: ")


def test_a_mistake_is_diagnosed_with_numpy_alone():
    """certify, diagnose and check come with the package, and PyTorch is not asked for."""
    import parity
    import refnet

    net = refnet.mlp([3, 4, 2], seed=0)
    record = parity.record_refnet(net, [[1.0, 2.0, 3.0]] * 2, [0, 1], "cross_entropy", refnet.SGD())
    assert parity.certify(record).passed
    assert parity.diagnose(record) == []
