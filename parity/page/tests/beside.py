"""The page's engine and its mistakes side by side, for node to run."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

import refnet
from parity.page.entries import script
from parity.tests.needed import tool

PAGE = Path(refnet.__file__).parent / "explanation" / "page"
ENGINE = PAGE / "engine.js"
HERE = Path(__file__).parent
ARRAYS = ("z", "a", "delta", "dW", "db", "W", "b")


def laid_out(folder, mistakes=""):
    """The folder with both scripts in it."""
    (folder / "engine.js").write_text(ENGINE.read_text("utf-8"), encoding="utf-8")
    (folder / "mistakes.js").write_text(mistakes or script(), encoding="utf-8")
    return folder


def answered(folder, name, question):
    """What a script of this room prints of the data that it is given."""
    laid_out(folder)
    shutil.copy(HERE / name, folder)
    command = [tool("node"), str(folder / name)]
    text = json.dumps(question)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def page_answered(folder, name, question):
    """The same with all scripts of the page beside it, in their rooms."""
    shutil.copytree(PAGE, folder, ignore=shutil.ignore_patterns("*.py*"), dirs_exist_ok=True)
    return answered(folder, name, question)


def called(folder, calls):
    """What functions of the page's scripts give for [script, function, [arguments]]."""
    return page_answered(folder, "calls.js", calls)


def pairs(arrays, allowed):
    """Each array with its bound, those that are absent left out."""
    yield np.asarray(arrays["C"]), np.asarray(allowed["C"])
    for name in ARRAYS:
        for array, bound in zip(arrays[name], allowed[name], strict=True):
            assert (array is None) == (bound is None)
            if array is not None:
                yield np.asarray(array), np.asarray(bound)
