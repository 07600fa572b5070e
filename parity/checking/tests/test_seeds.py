"""Another seed asks for the same in other numbers, so that no answer can be kept; what
is right stays right, and what is wrong stays named.
"""

from pathlib import Path

import pytest

from parity.checking.checker import cases_for, check
from parity.checking.templates import HERE
from parity.checking.tests.network import CLASSES, PLAIN, RIGHT, Network
from parity.checking.tests.programs import everything
from parity.tests.command import run as parity

SEEDS = (1, 2, 12345, 2**32 - 1)


@pytest.mark.parametrize("hard", [False, True])
def test_another_seed_draws_other_numbers(hard):
    """In tasks that are alike in everything else."""
    tasks = [cases_for(everything, hard=hard, seed=seed) for seed in (0, *SEEDS)]
    for alike in zip(*tasks, strict=True):
        plain = [(task.name, task.sizes, task.loss, task.settings) for task in alike]
        assert all(each == plain[0] for each in plain)
        weights = {task.W[0].tobytes() for task in alike}
        inputs = {task.steps[0].x.tobytes() for task in alike}
        assert (len(weights), len(inputs)) == (len(alike), len(alike))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("declared", [PLAIN, CLASSES])
def test_a_verdict_is_the_same_with_any_seed(declared, seed):
    """A right program, and one with a mistake."""
    assert check(RIGHT, seed=seed, **declared).findings == ()
    wrong = Network(hidden_delta=lambda s, l: s.delta[0] @ s.W[l])
    (finding,) = check(wrong, seed=seed, **declared).findings
    assert finding.bug == "hidden-derivative-missing"


def test_kept_answers_are_not_those_of_another_seed():
    """What somebody has stored is right once."""
    kept = {task.name: list(RIGHT(task)) for task in cases_for(RIGHT, **PLAIN)}

    def run(case):
        return kept.get(case.name) or list(RIGHT(case))

    assert check(run, **PLAIN).passed
    assert not check(run, seed=1, **PLAIN).passed


KEEPS = "open('kept', 'wb').write(case.W[0].tobytes())"


def test_the_command_has_a_seed(tmp_path, monkeypatch):
    """The same program, on other numbers."""
    file = tmp_path / "net.py"
    text = (HERE / "adapter.py.txt").read_text(encoding="utf-8")
    keeping = text.replace("    shown = []\n", f"    shown = []\n    {KEEPS}\n", 1)
    file.write_text(keeping, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    seen = []
    for seed in ("0", "1"):
        assert parity("check", str(file), "--seed", seed)[0] == 0
        seen.append(Path("kept").read_bytes())
    assert seen[0] != seen[1]


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_a_seed_is_a_natural_number(seed):
    """Else it is refused by its name."""
    with pytest.raises((ValueError, TypeError), match="check: seed has "):
        check(RIGHT, seed=seed, **PLAIN)
