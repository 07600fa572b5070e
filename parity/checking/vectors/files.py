"""The files of the version, which come with the package, and their copies."""

import re
from pathlib import Path

from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable

FORMAT = "parity test vector"
VERSION = 1
HOME = Path(__file__).parent / f"version_{VERSION}"
# bytes at the start of a file in which it says its version
HEAD = 200


def names() -> list[str]:
    """The files of the version, in order: the vectors, the README, and the schema."""
    return sorted(file.name for file in HOME.iterdir())


def vectors() -> list[str]:
    """The names of the vectors alone."""
    return [name for name in names() if re.match(r"\d+-.*\.json$", name)]


def copy_to(folder: Path) -> list[str]:
    """Write all files of the version into a folder, which is new, empty, or has nothing
    but them; and return their names.

    Errors: Unusable where there is something else; OSError.
    """
    if folder.exists() and not folder.is_dir():
        raise Unusable(f"vectors: DIR has {printable(str(folder))}, a file, expected a folder")
    for file in sorted(folder.iterdir()) if folder.exists() else []:
        _refuse_others(file)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        (folder / name).write_bytes((HOME / name).read_bytes())
    return names()


def _refuse_others(file: Path) -> None:
    """Refuse what is not one of the files, as it is here."""
    ours = HOME / file.name
    if ours.is_file() and file.is_file() and _same(file, ours):
        return
    version = _version(file)
    has = f"of version {version}" if version not in (None, VERSION) else "which is another file"
    raise Unusable(
        f"vectors: DIR has {printable(str(file))}, {has}, expected an empty folder, or the files "
        f"of version {VERSION} alone"
    )


def _same(file: Path, ours: Path) -> bool:
    return file.stat().st_size == ours.stat().st_size and file.read_bytes() == ours.read_bytes()


def _version(file: Path) -> int | None:
    """The version that a vector says it is of; None where it is none."""
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        head = opened.read(HEAD).decode(errors="replace")
    version = re.search(rf'"format": "{FORMAT}",\s*"version": (\d+)', head)
    return int(version[1]) if version else None
