"""The command line of the scripts: `python SCRIPT [SECTION ...] [--plot DIR]`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from lesson.saving import save
from lesson.telling import Section, tell, wrapped


def run(file: str, title: str, sections: Mapping[str, Section]) -> int:
    """What a script does: tell its sections, or those that are asked for by the name
    of their function, and draw its pictures where `--plot DIR` says so.

    Exit status 0 where every row is as expected, else 1.
    """
    parser = command(title, sections)
    arguments = parser.parse_args()
    names = [section.__name__ for section in sections.values()]
    for name in set(arguments.section) - set(names):
        parser.error(f"section: there is no {name}, expected {', '.join(names)}")
    asked = {
        heading: section
        for heading, section in sections.items()
        if section.__name__ in (arguments.section or names)
    }
    return perform(file, title, asked, arguments.plot)


def perform(
    file: str, title: str, sections: Mapping[str, Section], folder: Path | None = None
) -> int:
    """Print the title and the sections, and draw the pictures into a folder."""
    print(*wrapped(title), sep="\n")
    right = tell(sections)
    if folder is not None:
        with wanted("plot"):
            drawn = pictures(file)
        for name, draw in drawn.items():
            print(*(f"wrote {path}" for path in save(draw(), folder, name)), sep="\n")
    return 0 if right else 1


def command(title: str, sections: Mapping[str, Section]) -> argparse.ArgumentParser:
    """The arguments that every script takes."""
    listed = "\n".join(f"  {section.__name__:<26} {it}" for it, section in sections.items())
    parser = argparse.ArgumentParser(
        description=title,
        epilog=f"sections:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "section",
        nargs="*",
        metavar="SECTION",
        help="tell these sections alone (default: all)",
    )
    parser.add_argument("--plot", metavar="DIR", type=Path, help="save the pictures in this folder")
    return parser


def pictures(file: str) -> Mapping[str, Callable[[], Any]]:
    """The pictures of a script by name: PICTURES of `pictures/SCRIPT.py`."""
    name = Path(file).stem
    # its pictures import the script, and find what it has computed already
    sys.modules.setdefault(name, sys.modules["__main__"])
    drawn: Mapping[str, Callable[[], Any]] = import_module(f"pictures.{name}").PICTURES
    return drawn


@contextmanager
def wanted(extra: str) -> Iterator[None]:
    """Around imports of what not everybody has installed.

    Where one is missing, a sentence says what installs it; the exit status is 2.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        name = {"sklearn": "scikit-learn", "torch": "PyTorch"}.get(package, package)
        print(
            f'{Path(sys.argv[0]).name} needs {name}: python -m pip install -e ".[{extra}]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None
