"""What tests need and pip does not install: a compiler, an interpreter, a browser."""

import os
import shutil

import pytest


def tool(*names):
    """The first of these programs that is installed; see `missing`."""
    return next(filter(shutil.which, names), None) or missing(names[0])


def missing(what):
    """The test is skipped for want of it, but fails in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {what}, which is not installed")
    return pytest.skip(f"needs {what}, which is not installed")
