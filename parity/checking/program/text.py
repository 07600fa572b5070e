"""What somebody else's program says, made fit to be shown: on one line, of limited
length, and without what would steer a terminal.
"""

LONGEST = 200  # characters: some messages hold whole arrays


def printable(text: str) -> str:
    """The text with all that does not print as an escape, as \\x1b: control characters,
    marks of direction, halves of a pair.
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )


def first_line(text: str, longest: int = LONGEST) -> str:
    """The beginning of its first line."""
    return printable(text.partition("\n")[0][:longest])
