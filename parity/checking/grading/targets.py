"""Which submissions there are: programs by name, and those of a folder."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable


def is_class(targets: Sequence[str]) -> bool:
    """Whether these are the submissions of a class: several of them, or a folder."""
    return len(targets) > 1 or any(map(is_folder, targets))


def is_folder(target: str) -> bool:
    """Whether a target is a folder, and not the name of a package."""
    folder = Path(target)
    return folder.is_dir() and not (target.isidentifier() and (folder / "__init__.py").is_file())


def submissions(targets: Sequence[str]) -> list[str]:
    """The targets, with the Python files of a folder in its place; one that has none
    stays among others, for it may be what somebody has handed in.
    Errors: Unusable where a folder has none and is the only target.
    """
    every: list[str] = []
    for target in targets:
        try:
            every += _files(target) or [target]
        except Unusable:
            if len(targets) == 1:
                raise
            every.append(target)
    return every


def left_out(targets: Sequence[str]) -> list[str]:
    """What else lies in the folders and may have been handed in, too."""
    names: list[str] = []
    for folder in map(Path, filter(is_folder, targets)):
        with suppress(OSError):  # one that cannot be read is a submission without a verdict
            others = (each for each in folder.iterdir() if not _is_submission(each))
            names += (each.name for each in others if not _is_private(each))
    return sorted(map(printable, names))


def _files(target: str) -> list[str]:
    """The Python files of a folder; [] where it is none."""
    if not is_folder(target):
        return []
    try:
        files = sorted(map(str, filter(_is_submission, Path(target).iterdir())))
    except OSError as error:
        raise Unusable(f"{target}: {error.strerror}") from None
    if not files:
        raise Unusable(f"{target}: has no Python file, expected submissions, as in {target}/net.py")
    return files


def _is_submission(file: Path) -> bool:
    return file.suffix == ".py" and not _is_private(file) and not file.is_dir()


def _is_private(file: Path) -> bool:
    return file.name.startswith(("_", "."))


def short_names(targets: Sequence[str]) -> list[str]:
    """The targets as they are printed: without the folders in which all of them lie."""
    parts = [Path(each).parts for each in targets]
    folders = zip(*(each[:-1] for each in parts), strict=False)
    shared = len([*takewhile(lambda level: len({*level}) == 1, folders)])
    return [printable(str(Path(*each[shared:]))) for each in parts]
