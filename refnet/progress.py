"""What `fit` shows while it runs, on standard error: rich's bar on a terminal where
rich is installed, plain lines elsewhere.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from refnet.history import Epoch

LINES = 20  # of a training at most: what one looks over without scrolling
PAUSE = 0.25  # seconds between two pictures of the bar, of which one costs about 2 ms
FEWEST = 80  # columns of a terminal that does not say

Show = Callable[[Epoch], None]


@contextmanager
def shown(progress: bool, first: int, last: int) -> Iterator[Show]:
    """Yields the function that is told of each epoch of a training, number `first` to
    `last`, when it is done. What it shows at the end is the last epoch there was.
    """
    if not progress or sys.stderr is None:  # as in a program without a console
        yield lambda epoch: None
        return
    console = _console() if sys.stderr.isatty() else None
    if console is None:
        yield from _ended(_Lines(first, last))
        return
    bars = import_module("rich.progress")
    columns = bars.BarColumn(bar_width=16), bars.TextColumn("{task.description}", markup=False)
    # drawn between epochs: no thread of its own takes time from them
    with bars.Progress(*columns, console=console, auto_refresh=False) as bar:
        yield from _ended(_Bar(bar, first, last))


class _Lines:
    """A line for the first epoch, the last one, and some in between."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._every = -(-(last - first + 1) // (LINES - 2))
        self._waiting: Epoch | None = None  # shown at the end, if none comes after it

    def __call__(self, epoch: Epoch) -> None:
        self._waiting = epoch
        done = epoch.number - self._first + 1
        if epoch.number in (self._first, self._last) or done % self._every == 0:
            self.end()

    def end(self) -> None:
        """Print the last epoch, unless it was."""
        if self._waiting is not None:
            epoch = self._waiting
            line = f"epoch {epoch.number} of {epoch.of}: {_numbers(epoch)}"
            print(line, file=sys.stderr, flush=True)
        self._waiting = None


class _Bar:
    """The bar of a training, drawn from time to time."""

    def __init__(self, bar: Any, first: int, last: int) -> None:
        self._bar, self._drawn = bar, -PAUSE
        self._task = bar.add_task("", total=last, completed=first - 1)
        self._waiting: Epoch | None = None

    def __call__(self, epoch: Epoch) -> None:
        self._waiting = epoch
        if time.monotonic() - self._drawn >= PAUSE:
            self._drawn = time.monotonic()
            self.end()

    def end(self) -> None:
        """Draw the last epoch, unless it was."""
        if self._waiting is not None:
            epoch = self._waiting
            said = f"{epoch.number}/{epoch.of} {_numbers(epoch)}"
            self._bar.update(self._task, completed=epoch.number, description=said, refresh=True)
        self._waiting = None


def _ended(show: _Lines | _Bar) -> Iterator[Show]:
    try:
        yield show
    finally:
        show.end()


def _numbers(epoch: Epoch) -> str:
    """Loss and accuracy, and those of the validation, where they are: short enough for
    a terminal of 80 columns.
    """
    trained = {"loss": epoch.loss, "accuracy": epoch.accuracy}
    said = ", ".join(f"{name} {x:.4g}" for name, x in trained.items() if x is not None)
    validated = [x for x in (epoch.validation_loss, epoch.validation_accuracy) if x is not None]
    numbers = ", ".join(f"{x:.4g}" for x in validated)
    return f"{said} (validation {numbers})" if validated else said


def _console() -> Any:
    """rich's console on standard error; None where rich is not installed."""
    try:
        kind = import_module("rich.console").Console
    except ModuleNotFoundError:
        return None
    console = kind(stderr=True)
    return console if console.width > 0 else kind(stderr=True, width=FEWEST)
