"""Points: which share of what was asked for holds; and what became of each task."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from parity.checking.checker import check
from parity.checking.tests import plain
from parity.checking.tests.network import CLASSES, PLAIN, RIGHT, Network
from parity.checking.tests.plain import train
from parity.checking.tests.programs import PLAIN as SIGMOID
from parity.checking.tests.programs import everything, spoiled
from parity.checking.verdict.points import ANSWERS
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.search.replay import simulate
from parity.tests.command import run as parity

ALL = ["z", "a", "C", "BP1", "BP2", "BP3", "BP4", "step"]


def with_mistake(name):
    """The right program for everything, with a mistake of the catalogue."""
    mistake = BY_ID[name]

    def run(case):
        return [
            {key: [getattr(layer, key) for layer in record.layers] for key in ("delta", "dW", "db")}
            | {"loss": record.loss, "W": record.after.W, "b": record.after.b}
            for record in simulate(case.inputs, [(mistake, mistake.layers(case.inputs.spec))])
        ]

    return run


def shown_without(*names):
    """The right program of sigmoid, which does not show some quantities."""

    def run(case):
        return [{key: step[key] for key in step if key not in names} for step in train(case)]

    return run


def only_in(wanted, program, other):
    """One program in some tasks, and another one in the rest."""

    def run(case):
        return (program if wanted(case) else other)(case)

    return run


def lost(run, **declared):
    """What does not hold, of a program of sigmoid and mse."""
    return check(run, **{**SIGMOID, **declared}).points.lost


@pytest.mark.parametrize("declared", [PLAIN, CLASSES])
def test_a_right_program_has_all(declared):
    """Every equation and every setting holds."""
    report = check(RIGHT, **declared)
    assert report.passed
    assert (report.points.percent, report.points.lost) == (100, {})
    assert report.points.holds[:8] == (*ALL,)
    assert {each.result for each in report.results} == {"right"}
    assert str(report.points) == "Points: 100 of 100"


def test_every_setting_is_an_item():
    """Of each optimizer, those that it has and that are declared."""
    declared = {"optimizers": ("sgd", "adam"), "settings": ("momentum", "betas", "weight_decay")}
    report = check(everything, activations=("tanh", "relu"), losses=("mse",), **declared)
    items = [*report.points.holds[8:]]
    assert report.points.percent == 100
    assert items[-1] == ANSWERS
    assert {*items[:-1]} == {
        *("tanh", "relu", "tanh as output", "relu as output", "mse", "float64", "sgd", "adam"),
        *("sgd with momentum", "sgd with weight_decay"),
        *("adam with betas", "adam with weight_decay"),
    }


def test_a_mistake_costs_its_equations():
    """All those in which it stands, and no setting where it stands in all tasks."""
    wrong = Network(hidden_delta=lambda s, l: s.delta[0] @ s.W[l])
    assert check(wrong, **PLAIN).points.lost == {"BP2": "wrong"}
    several = with_mistake("derivative-at-a")
    assert check(several, **SIGMOID).points.lost == {"BP1": "wrong", "BP2": "wrong"}


def test_a_mistake_of_one_optimizer_costs_that():
    """And one of its settings that setting alone."""
    declared = {"optimizers": ("sgd", "adam"), "settings": ("weight_decay",)}
    one = {"activations": "tanh", "losses": "mse"}
    report = check(with_mistake("adam-without-correction"), **one, **declared)
    assert report.points.lost == {
        "step": "wrong",
        "adam": "wrong",
        "adam with weight_decay": "wrong",
    }
    report = check(with_mistake("decay-subtracted"), **one, **declared)
    assert report.points.lost == {
        "step": "wrong",
        "sgd with weight_decay": "wrong",
        "adam with weight_decay": "wrong",
    }


def test_what_happens_to_go_together_costs_nothing():
    """All tasks of Adam have relu in some layer, but others have it, too."""
    declared = {"activations": ("tanh", "relu"), "losses": "mse", "settings": ("weight_decay",)}
    report = check(with_mistake("adam-without-correction"), optimizers=("sgd", "adam"), **declared)
    wrong = [each for each in report.results if each.result == "wrong"]
    assert all("relu" in each.settings for each in wrong)
    assert {*report.points.lost} == {"step", "adam", "adam with weight_decay"}


def test_what_is_not_shown_does_not_hold():
    """The loss, of which nothing else tells; all else is seen in the weights."""
    assert lost(shown_without("loss")) == {"C": "not shown"}
    assert lost(shown_without("loss", "output", "z", "a", "delta", "dW", "db")) == {
        "C": "not shown"
    }


def test_what_is_refused_does_not_hold():
    """It was asked for."""

    def run(case):
        if case.optimizer == "adam":
            raise NotImplementedError
        return train(case)

    report = check(run, **{**SIGMOID, "optimizers": ("sgd", "adam")})
    assert (report.passed, report.points.lost) == (True, {"adam": "not judged"})
    by_task = {each.task: each.result for each in report.results}
    assert [task for task, result in by_task.items() if result == "not supported"] == [
        *report.unsupported
    ]


def test_an_exception_costs_the_answer():
    """In some tasks; in all of them nothing holds."""

    def raises(case):
        raise ValueError("here")

    some = only_in(lambda case: len(case.steps[0].x) == 1, raises, train)
    assert lost(some) == {ANSWERS: "wrong"}
    report = check(some, **SIGMOID)
    (number,) = {each.findings for each in report.results if each.result == "wrong"}
    assert report.findings[number[0] - 1].got.startswith("raised ValueError")
    assert check(raises, **SIGMOID).points.percent == 0


def test_layers_in_reverse_order_cost_their_equation():
    """What is shown as dW is not what it should be."""

    def turned(shown):
        for step in shown:
            step["dW"] = step["dW"][::-1]

    assert lost(spoiled(turned)) == {"BP4": "wrong"}


@pytest.mark.parametrize("name", ["loss-summed", "loss-per-sample"])
def test_a_convention_costs_nothing(name):
    """It is not wrong."""
    report = check(with_mistake(name), **SIGMOID)
    assert [finding.bug for finding in report.findings] == [name]
    assert (report.passed, report.points.lost) == (True, {})


def test_nothing_holds_of_what_is_not_judged():
    """Where too little is shown, in too few tasks, or every number is wrong."""
    assert check(shown_without("dW", "db", "W", "b", "delta"), **SIGMOID).points.percent == 0
    few = only_in(lambda case: len(case.steps[0].x) == 1, train, shown_without("W", "b", "dW"))

    def refuses(case):
        if len(case.steps[0].x) > 1:
            raise NotImplementedError
        return few(case)

    report = check(refuses, **SIGMOID)
    assert (report.judged, report.points.percent) == (False, 0)
    report = check(train, **SIGMOID, sizes=(1, 1, 1))
    assert (report.reason[:10], report.points.percent) == ("every laye", 0)


def test_nothing_holds_behind_what_is_no_number(monkeypatch):
    """All that is computed from NaN is NaN, and nobody can judge it; of a loss, nothing
    is.
    """
    monkeypatch.setattr(plain, "sigmoid", lambda z: z * np.nan)
    report = check(train, **SIGMOID)
    assert (report.judged, report.passed, report.points.percent) == (True, False, 0)
    monkeypatch.undo()

    def no_loss(case):
        return [step | {"loss": np.nan} for step in train(case)]

    assert lost(no_loss) == {"C": "wrong"}


def test_what_came_before_an_end_counts(tmp_path):
    """The tasks behind it have no answer; before the third nothing holds."""
    source = Path(plain.__file__).read_text(encoding="utf-8")
    end = "globals().update(PLAIN)\nbefore = set()\n\n\ndef run(case):\n    before.add(case.name)\n"
    end += "    if len(before) > {}:\n        import os; os._exit(3)\n    return train(case)\n"
    points = {}
    for tasks in (2, 6):
        (tmp_path / "net.py").write_text(source + end.format(tasks), encoding="utf-8")
        file = tmp_path / "net.json"
        assert parity("check", str(tmp_path / "net.py"), "--json", str(file))[0] == 1
        written = json.loads(file.read_text(encoding="utf-8"))
        words = [each["result"] for each in written["results"]]
        assert words == ["right"] * tasks + ["no answer"] * (8 - tasks)
        points[tasks] = (written["points"], written["lost"])
    assert points[2][0] == 0
    assert points[6][1] == {ANSWERS: "wrong"}
    assert 0 < points[6][0] < 100


def test_points_are_printed_and_written(tmp_path):
    """By --points, above the verdict; the JSON has them in any case."""
    file = tmp_path / "net.py"
    parity("check", "--init", str(file))
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("delta[0] @ weights * activation * (1 - activation)", "delta[0] @ weights")
    )
    _, out, _ = parity("check", str(file))
    assert "Points" not in out
    _, out, _ = parity("check", str(file), "--points")
    *_, line, blank, last = out.splitlines()
    assert (line, blank) == ("Points: 92 of 100. Wrong: BP2", "")
    assert last.startswith("WRONG. ")


def test_results_are_plain_data():
    """Names, words and numbers, for each task."""
    report = check(RIGHT, **PLAIN)
    assert json.loads(json.dumps(report.as_json()["results"])) == json.loads(
        json.dumps([asdict(each) for each in report.results])
    )
    assert [each.task for each in report.results] == [*report.tasks]
    assert np.all([each.judged for each in report.results])
