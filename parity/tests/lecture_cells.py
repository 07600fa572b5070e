"""The cells of a notebook as one Python program.

    python lecture_cells.py NOTEBOOK | python -

Behind what a cell prints come BETWEEN, the text of its last expression, if it has one,
and END.
"""

import ast
import json
import sys
from collections.abc import Iterable
from pathlib import Path

BETWEEN, END = "\x1e", "\x1f"
LAST = "value_of_the_cell"


def program(sources: Iterable[str]) -> str:
    """The program that does one cell after the other."""
    return "\n".join(map(_told, sources))


def _told(source: str) -> str:
    """A cell that says what it gives."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = ast.unparse(last) if isinstance(last, ast.Expr) else "None"
    return "\n".join(
        (
            ast.unparse(tree),
            f"{LAST} = {value}",
            f"print({BETWEEN!r}, '' if {LAST} is None else repr({LAST}), {END!r}, sep='', end='')",
        )
    )


def performed(printed: str) -> list[list[str]]:
    """What each cell printed, and the text of its last expression, by what the program
    printed.
    """
    return [cell.split(BETWEEN) for cell in printed.split(END)[:-1]]


def code_of(notebook: Path) -> list[str]:
    """The source of each code cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


if __name__ == "__main__":
    print(program(code_of(Path(sys.argv[1]))))
