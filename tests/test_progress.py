"""What fit shows of its progress: lines, or the bar of a stand-in for rich, which is
not needed here.
"""

import io
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import refnet
from refnet import progress

X, LABELS = np.random.default_rng(2).standard_normal((8, 3)), np.arange(8) % 2


def train(epochs, net=None, **settings):
    net = refnet.mlp([3, 2]) if net is None else net
    given = {"loss": "cross_entropy", "optimizer": "sgd", "progress": True, **settings}
    return refnet.fit(net, X, LABELS, epochs=epochs, **given)


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        """It is."""
        return True


class Console:
    """rich's console."""

    width = 100

    def __init__(self, stderr, width=None):
        self.stderr, self.width = stderr, width or type(self).width


class Progress:
    """rich's bar, which writes down what it is told."""

    seen = ()

    def __init__(self, *columns, console, auto_refresh):
        self.columns, self.console, self.updates = columns, console, []
        self.open, self.auto_refresh = False, auto_refresh
        Progress.seen = (*Progress.seen, self)

    def __enter__(self):
        self.open = True
        return self

    def __exit__(self, *error):
        self.open = False

    def add_task(self, description, total, completed):
        """A task, and how much of it is done."""
        self.total, self.completed = total, completed
        return "task"

    def update(self, task, completed, description, refresh):
        """Draw it."""
        assert (task, self.open, refresh) == ("task", True, True)
        self.updates.append((completed, description))


@pytest.fixture
def rich(monkeypatch):
    """A terminal, and a stand-in for rich; gives the list of bars."""
    console, bars = ModuleType("rich.console"), ModuleType("rich.progress")
    console.Console, bars.Progress = Console, Progress
    bars.BarColumn = SimpleNamespace
    bars.TextColumn = lambda text, markup: SimpleNamespace(text=text, markup=markup)
    monkeypatch.setitem(sys.modules, "rich.console", console)
    monkeypatch.setitem(sys.modules, "rich.progress", bars)
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=Terminal()))
    monkeypatch.setattr(Progress, "seen", ())
    return lambda: Progress.seen


def numbers(epoch):
    """What is said of an epoch."""
    said = f"loss {epoch.loss:.4g}, accuracy {epoch.accuracy:.4g}"
    if epoch.validation_loss is None:
        return said
    return f"{said} (validation {epoch.validation_loss:.4g}, {epoch.validation_accuracy:.4g})"


def line(epoch):
    """The line of an epoch."""
    return f"epoch {epoch.number} of {epoch.of}: {numbers(epoch)}"


@pytest.mark.parametrize("validation", [None, (X, LABELS)])
def test_each_epoch_of_a_short_training_has_its_line(capsys, validation):
    """Loss and accuracy, and those of the validation, on standard error alone."""
    history = train(3, validation=validation)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [line(epoch) for epoch in history.epochs]


def test_values_have_no_accuracy_to_show(capsys):
    """What is None is left out."""
    net = refnet.mlp([3, 2], output="identity")
    settings = {"loss": "mse", "optimizer": "sgd", "epochs": 1}
    history = refnet.fit(net, X, X[:, :2], **settings, progress=True)
    assert capsys.readouterr().err == f"epoch 1 of 1: loss {history.loss[0]:.4g}\n"
    history = refnet.fit(net, X, X[:, :2], **settings, progress=True, validation=(X, X[:, :2]))
    validated = f"(validation {history.validation_loss[0]:.4g})"
    assert capsys.readouterr().err.endswith(f"loss {history.loss[0]:.4g} {validated}\n")


@pytest.mark.parametrize("epochs", [1, 2, 18, 19, 20, 36, 37, 100, 357, 1000])
def test_a_long_training_has_few_lines(capsys, epochs):
    """At most as many as are looked over at once, evenly, and the first and last epoch
    among them.
    """
    train(epochs)
    shown = [int(text.split()[1]) for text in capsys.readouterr().err.splitlines()]
    assert (shown[0], shown[-1]) == (1, epochs)
    assert min(epochs, progress.LINES // 2) <= len(shown) <= progress.LINES
    gaps = np.diff(shown[1:-1])
    assert len(gaps) == 0 or gaps.min() == gaps.max()
    assert shown == sorted({*shown})


def test_a_resumed_training_counts_its_own_epochs(capsys):
    """Lines are numbered on, and there are as many as for a training of its own."""
    net = refnet.mlp([3, 2])
    first = train(100, net)
    capsys.readouterr()
    train(100, net, resume=first)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("epoch 101 of 200: ")
    assert lines[-1].startswith("epoch 200 of 200: ")
    assert len(lines) <= progress.LINES


class Enough(Exception):
    """No error: the training is looked at no longer."""


def stop_at(number):
    def on_epoch(epoch):
        if epoch.number == number:
            raise Enough

    return on_epoch


def test_the_last_epoch_is_shown_where_a_training_ends_early(capsys):
    """Also one that would have had no line, whether a rule ends it or an exception."""
    stop = refnet.EarlyStopping(patience=7)
    still = {"optimizer": refnet.SGD(lr=0.0), "validation": (X, LABELS)}
    history = train(1000, stop=stop, **still)
    assert len(history.epochs) == 8
    assert capsys.readouterr().err.splitlines() == [
        line(history.epochs[0]),
        line(history.epochs[-1]),
    ]
    with pytest.raises(Enough):
        train(1000, on_epoch=stop_at(5))
    assert capsys.readouterr().err.splitlines()[-1].startswith("epoch 5 of 1000: ")


def test_a_terminal_has_a_bar(rich):
    """With the epochs done and the numbers of the last one, on standard error; no
    thread draws it, and it is closed at the end.
    """
    net = refnet.mlp([3, 2])
    history = train(3, net)
    (bar,) = rich()
    assert (bar.total, bar.completed) == (3, 0)
    assert bar.updates[0] == (1, f"1/3 {numbers(history.epochs[0])}")
    assert bar.updates[-1] == (3, f"3/3 {numbers(history.epochs[-1])}")
    assert bar.console.stderr is True
    assert (bar.auto_refresh, bar.open) == (False, False)
    assert not bar.columns[-1].markup  # no number is taken for a colour
    assert progress.sys.stderr.getvalue() == ""
    train(2, net, resume=history)
    assert (rich()[-1].total, rich()[-1].completed) == (5, 3)


def test_the_bar_is_drawn_from_time_to_time(rich, monkeypatch):
    """Epochs that follow fast are not all drawn, but the last is, after an exception
    too.
    """
    clock = iter(np.arange(0.0, 100.0, progress.PAUSE / 4))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(Enough):
        train(1000, on_epoch=stop_at(50))
    (bar,) = rich()
    assert 5 < len(bar.updates) < 25
    assert [done for done, _ in bar.updates][-1] == 50
    assert not bar.open


def test_a_terminal_that_does_not_say_its_width_has_one(rich, monkeypatch):
    """A width of 0 would show nothing."""
    monkeypatch.setattr(Console, "width", 0)
    train(1)
    assert rich()[0].console.width == progress.FEWEST


def test_a_terminal_without_rich_has_lines(rich, monkeypatch):
    """Where rich is not installed, a terminal gets the lines."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    train(2)
    assert rich() == ()
    assert len(progress.sys.stderr.getvalue().splitlines()) == 2


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_nothing_that_is_no_terminal_has_a_bar(rich, monkeypatch, capsys, stream):
    """Nor has a program without standard error, which some have."""
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    assert len(train(2).epochs) == 2
    assert rich() == ()
    assert capsys.readouterr() == ("", "")


def test_without_progress_nothing_is_shown(rich):
    """Not by default either, and the training is the same."""
    settings = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 2}
    shown = train(2)
    for quiet in ({}, {"progress": False}):
        assert refnet.fit(refnet.mlp([3, 2]), X, LABELS, **settings, **quiet) == shown
    assert len(rich()) == 1
    assert progress.sys.stderr.getvalue() == ""


@pytest.mark.parametrize("given", [1, "yes", None, "False"])
def test_progress_is_true_or_false(given):
    """Numbers and text are refused."""
    sentence = f"fit: progress has {given!r}, expected True or False"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        train(1, progress=given)


def test_fit_without_progress_does_not_load_rich():
    """In a new process."""
    program = (
        "import refnet, sys; refnet.fit(refnet.mlp([1, 1], output='identity'), [[1]], [1],"
        " loss='mse', optimizer='sgd', epochs=1); print(any('rich' in name.split('.')[0]"
        " for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
