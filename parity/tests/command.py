"""The command line as tests call it, in this process or in one that lacks a package."""

import io
from contextlib import redirect_stderr, redirect_stdout

from parity import cli

# where the package that is the first argument is missing
MISSING = """
import sys
class Missing:
    def find_spec(name, path, target):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing)
"""
# python -c WITHOUT PACKAGE ARGUMENT...: `parity ARGUMENT...` where PACKAGE is missing
WITHOUT = f"""{MISSING}
import types
if sys.argv[1] != "torch":  # which takes a second to import
    sys.modules["parity.steps.pytorch"] = types.ModuleType("parity.steps.pytorch")
from parity import cli
sys.exit(cli.main(sys.argv[2:]))
"""


def run(*argv, out=None):
    """Exit status, standard output and standard error of `parity`."""
    out, err = out or io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = cli.main([*argv])
        except SystemExit as leave:
            status = leave.code
    return status, out.getvalue(), err.getvalue()
