"""What the scripts share: rows, the tables that show them, and the command line.

A script has a title and sections, in the order of its text:

    SECTIONS = {"Loss Function": loss_function, "Bias": bias}
    if __name__ == "__main__":
        raise SystemExit(run(__file__, TITLE, SECTIONS))

Each section is a function that yields sentences (str) and rows. Its pictures stand in
`pictures/`, in a module of the script's name.

    rows       Printed, Expected, Claim, Copy, Same
    digits     numbers as a text writes them
    telling    sections and tables on the screen
    command    `python SCRIPT [SECTION ...] [--plot DIR]`
    saving     a picture as files
"""

from lesson.command import command, perform, run, wanted
from lesson.digits import side_by_side
from lesson.rows import Claim, Copy, Expected, Printed, Same

__all__ = [
    "Claim",
    "Copy",
    "Expected",
    "Printed",
    "Same",
    "command",
    "perform",
    "run",
    "side_by_side",
    "wanted",
]
