"""What is printed: the header, the tables, and progress: rich on a terminal, plain
lines elsewhere, nothing when quiet.
"""

import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import numpy as np

import refnet


def width(widest: int) -> int:
    """How many columns of text fit: those of the terminal, but no more than read well,
    and as many where there is no terminal.
    """
    if not sys.stdout.isatty():
        return widest
    return min(widest, get_terminal_size((widest, 0)).columns)


FEWEST = 80  # columns of a terminal that does not say
OUTPUT = "standard output"


@contextmanager
def naming(place: str | Path) -> Iterator[None]:
    """An error of a file that does not say which is of this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(place)
        raise


# seconds between two lines of progress, where there is no bar: nobody asks before
PATIENCE = 10.0


class Screen:
    """Where lines go.

    On a terminal with rich installed there is colour and a progress bar; elsewhere
    plain text.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._rich = None if quiet or not sys.stdout.isatty() else _rich_console()

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line. Errors: OSError."""
        with naming(OUTPUT):
            if self._rich is not None:
                self._rich.print(
                    text,
                    style=style or None,
                    highlight=False,
                    markup=False,
                    emoji=False,
                    soft_wrap=True,
                )
            elif not self._quiet:
                print(text, flush=True)

    def verdict(self, text: str, *, passed: bool) -> None:
        """Print the one line that is printed even when quiet."""
        if self._rich is not None:
            self.line(text, "bold green" if passed else "bold red")
        else:
            with naming(OUTPUT):
                print(text, flush=True)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar under the lines while the block runs; yields the function that moves it
        on by one.
        """
        if self._rich is None:
            yield lambda: None
            return
        bars = import_module("rich.progress")
        with bars.Progress(
            *bars.Progress.get_default_columns(),
            bars.MofNCompleteColumn(),
            console=self._rich,
            transient=True,
        ) as bar:
            task = bar.add_task(title, total=total)
            yield lambda: bar.advance(task)

    @contextmanager
    def submissions(self, total: int) -> Iterator[Callable[[str], None]]:
        """Yields a function that is told of each submission in a line, when it is done:
        it moves a bar, or prints the line.
        """
        if self._rich is None:
            yield self.line
            return
        with self.progress("submissions", total) as advance:
            yield lambda text: advance()

    @contextmanager
    def tasks(self) -> Iterator[Callable[[str, int, int], None]]:
        """Yields a function that is told each task before it is done, its number, and
        how many there are: a bar, or a line from time to time where it takes long.
        """
        last = time.monotonic()

        def line(name: str, number: int, count: int) -> None:
            nonlocal last
            if time.monotonic() - last > PATIENCE:
                last = time.monotonic()
                self.line(f"task {number} of {count}: {name}")

        if self._rich is None:
            yield line
            return
        bars = import_module("rich.progress")
        with bars.Progress(
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.description}", markup=False),
            console=self._rich,
            transient=True,
        ) as bar:
            task = bar.add_task("", total=None)
            yield lambda name, number, count: bar.update(
                task, description=name, completed=number - 1, total=count, refresh=True
            )


def environment() -> dict[str, str]:
    """What the figures were made with: versions, the BLAS kernel of NumPy, and its
    threads now.
    """
    versions = {
        "refnet": refnet.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    for package in ("torch", "scikit-learn"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {**versions, **blas()}


def blas() -> dict[str, str]:
    """The BLAS that NumPy calls: library, kernel and threads, as far as threadpoolctl
    can tell.
    """
    try:
        pools = import_module("threadpoolctl").threadpool_info()
    except ModuleNotFoundError:
        return {"blas": "unknown (threadpoolctl is not installed)", "blas_threads": "unknown"}
    pool = next((p for p in pools if p["user_api"] == "blas" and "numpy" in p["filepath"]), None)
    pool = pool or next((p for p in pools if p["user_api"] == "blas"), None)
    if pool is None:
        return {"blas": "unknown", "blas_threads": "unknown"}
    return {
        "blas": f"{pool['internal_api']} {pool['version']}, kernel "
        f"{pool.get('architecture', 'unknown')}",
        "blas_threads": str(pool["num_threads"]),
    }


def header(torch_threads: int | None = None) -> list[str]:
    """The environment in two lines; without PyTorch where it has no part in the
    work.
    """
    e = environment()
    torch = (
        ""
        if torch_threads is None
        else f"   PyTorch {e['torch']}   scikit-learn {e['scikit-learn']}"
    )
    threads = "" if torch_threads is None else f", PyTorch {torch_threads}"
    return [
        f"refnet {e['refnet']}   Python {e['python']}   NumPy {e['numpy']}{torch}",
        f"BLAS {e['blas']}   threads: NumPy {e['blas_threads']}{threads}",
    ]


def _rich_console() -> Any:
    try:
        kind = import_module("rich.console").Console
        console = kind(emoji=False)
        return console if console.width > 0 else kind(emoji=False, width=FEWEST)
    except ModuleNotFoundError:
        return None
