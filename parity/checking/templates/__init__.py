"""What `parity check --init FILE` writes: a commented program to start from, by the
ending of FILE.
"""

from pathlib import Path

from parity.checking.program.outcome import Unusable
from parity.checking.program.text import printable

HERE = Path(__file__).parent
TEMPLATES = {".py": "adapter.py.txt", ".c": "driver.c", ".js": "driver.js"}
# how a program of each ending is checked
COMMANDS = {
    ".py": "parity check {file}",
    ".c": "cc -O2 {file} -o {stem} -lm && parity check --exec {stem}",
    ".js": 'parity check --exec "node {file}"',
}


def begin(file: Path) -> str:
    """Write the program into a new file, and say how it is checked.
    Errors: Unusable where there is a file, or no program of that ending; OSError.
    """
    name = printable(str(file))
    if file.suffix not in TEMPLATES:
        endings = ", ".join(TEMPLATES)
        raise Unusable(f"check: --init has {name}, expected a file that ends in one of {endings}")
    if file.exists():
        raise Unusable(f"check: --init has {name}, which exists, expected a new file")
    text = (HERE / TEMPLATES[file.suffix]).read_text(encoding="utf-8")
    with file.open("x", encoding="utf-8") as new:
        new.write(text)
    stem = name.removesuffix(file.suffix)
    program = stem if file.is_absolute() else f"./{stem}"  # not one that is on the path
    return COMMANDS[file.suffix].format(file=name, stem=program)
