"""The cells of a notebook, run in order in one process: what each prints, and what its
last expression gives.

    python lecture_cells.py NOTEBOOK

prints that of each code cell, as JSON.
"""

import ast
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path


def performed(source, names):
    """What a cell prints, and the text of its last expression, or None."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102 - to run it is the task
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307
    return [printed.getvalue(), None if value is None else repr(value)]


if __name__ == "__main__":
    cells = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]
    names = {"__name__": "__main__"}
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    print(json.dumps([performed(source, names) for source in code]))
