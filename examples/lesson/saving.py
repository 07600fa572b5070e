"""A picture as files."""

from pathlib import Path
from typing import Any

DPI = 200


def save(figure: Any, folder: Path, name: str) -> list[Path]:
    """Write the figure into a folder as PNG and as SVG; the folder is created where
    needed. The same figure gives the same files.
    """
    from matplotlib import rc_context

    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.png", folder / f"{name}.svg"]
    figure.savefig(files[0], dpi=DPI)
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(files[1], metadata={"Date": None})
    return files
