"""The page's engine and its mistakes side by side, for node to run."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import refnet
from parity.page.entries import script

ENGINE = Path(refnet.__file__).parent / "explanation" / "page" / "engine.js"
HERE = Path(__file__).parent


def node():
    """The interpreter. Without it the test is skipped, but not in CI."""
    if shutil.which("node"):
        return "node"
    if os.environ.get("CI") == "true":
        pytest.fail("needs node, which is not installed")
    return pytest.skip("needs node, which is not installed")


def laid_out(folder, mistakes=""):
    """The folder with both scripts in it."""
    (folder / "engine.js").write_text(ENGINE.read_text("utf-8"), encoding="utf-8")
    (folder / "mistakes.js").write_text(mistakes or script(), encoding="utf-8")
    return folder


def answered(folder, name, question):
    """What a script of this room prints of the data that it is given."""
    laid_out(folder)
    shutil.copy(HERE / name, folder)
    command = [node(), str(folder / name)]
    text = json.dumps(question)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
