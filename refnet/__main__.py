"""`python -m refnet`: the page that steps through backpropagation, with examples to
choose from.
"""

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from refnet.explanation.page import page_of
from refnet.explanation.page.examples import scenes

WHAT = (
    "Write a page that steps through backpropagation with real numbers, and open it: XOR, a "
    "published worked example and handwritten digits to choose from. The file needs no server and "
    "no network."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, say where it is, and open it; 2 where it cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m refnet", description=WHAT)
    says = "where it is written (default backpropagation.html, in this folder)"
    default = Path("backpropagation.html")
    parser.add_argument("file", nargs="?", type=Path, default=default, metavar="FILE", help=says)
    parser.add_argument("--no-open", action="store_true", help="do not open it in the browser")
    arguments = parser.parse_args(argv)
    file = arguments.file
    try:
        file.write_text(page_of(scenes()), encoding="utf-8")
    except OSError as error:
        print(f"refnet: {file} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(file)
    if not arguments.no_open:
        webbrowser.open(file.resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
