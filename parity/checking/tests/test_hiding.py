"""refnet and parity are hidden from a file while it is checked; and what a file may
need to be told when it is loaded.
"""

import sys

import pytest

from parity.checking.program.hiding import Finder, hide
from parity.checking.templates import HERE
from parity.tests.command import run as parity

ADAPTER = (HERE / "adapter.py.txt").read_text(encoding="utf-8")


@pytest.fixture
def said(tmp_path):
    """Exit status and all that is said of a file: what is to stand in front of the
    adapter's text, and in its function.
    """

    def checked(before="", inside="", name="net.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        text = ADAPTER.replace("    shown = []\n", f"    shown = []\n    {inside}\n", 1)
        file.write_text(f"{before}\n{text}", encoding="utf-8")
        status, out, err = parity("check", str(file))
        return status, " ".join((out + err).split())

    return checked


# a file that is run by itself, too, has them at its top
HARMLESS = [
    "import parity, refnet",
    "import parity.proof.certificate as certificate, refnet.losses",
    "from parity import certify, check\nfrom refnet import *\nfrom refnet.checks import Array",
    "import refnet\ndef train(net: refnet.Network) -> refnet.Network: return refnet.fit(net)",
    "import parity\nif __name__ == '__main__': print(parity.check(run))",
    "import importlib\nimportlib.import_module('parity.checking').checker.check",
]


@pytest.mark.parametrize("before", HARMLESS)
def test_a_file_may_import_what_is_hidden(said, before):
    """As long as it does not use it."""
    status, text = said(before)
    assert (status, "A note" in text) == (0, False)


USES = {
    "refnet.mlp((2, 2))": "refnet.mlp is called, but refnet is hidden",
    "parity.check(run)": "parity.check is called, but parity is hidden",
    "parity.steps.record.Spec()": "parity.steps.record.Spec is called, but parity is hidden",
}


@pytest.mark.parametrize("use", USES)
def test_what_is_hidden_cannot_be_used(said, use):
    """While a task is done, and at import: that is said."""
    status, text = said("import parity, refnet", use)
    assert (status, "raised ImportError in net.py, line" in text, USES[use] in text) == (1, 1, 1)
    status, text = said(f"import parity, refnet\nrun = None\n{use}")
    assert (status, USES[use] in text) == (2, True)


def test_a_task_has_nothing_hidden_in_it(said):
    """But what the adapter says, in plain objects."""
    names = "name sizes activations slopes loss targets optimizer settings W b steps dtype"
    status, text = said(inside="raise ValueError(' '.join(vars(case)))")
    assert (status, f"The message: {names} layout samples bias " in text) == (1, True)


def test_what_is_hidden_is_found_again_here():
    """In this process nothing is hidden; the finder finds nothing else."""
    before, finders = dict(sys.modules), [*sys.meta_path]
    try:
        hide()
        assert not {"parity", "refnet"} & {name.partition(".")[0] for name in sys.modules}
        assert Finder().find_spec("numpy") is None
        with pytest.raises(AttributeError):
            _ = __import__("refnet").__wrapped__
    finally:
        sys.meta_path[:] = finders
        sys.modules.update(before)
    assert __import__("refnet").mlp


def test_a_relative_import_needs_the_package(said, tmp_path, monkeypatch):
    """What to call it is said, and works."""
    package = tmp_path / "package"
    status, text = said("from . import other", name="package/net.py")
    assert status == 2
    assert text.endswith(
        f"known parent package), expected its module: parity check package.net in {tmp_path}"
    )
    (package / "other.py").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert parity("check", "package.net")[0] == 0
    (package / "inner").mkdir()
    for folder in (package, package / "inner"):
        (folder / "__init__.py").write_text("", encoding="utf-8")
    (package / "inner" / "net.py").write_text("from ..other import nothing", encoding="utf-8")
    assert f"parity check package.inner.net in {tmp_path}" in parity(
        "check", str(package / "inner" / "net.py")
    )[2].replace("\n", " ")


def test_a_tensor_that_needs_grad_is_told_to_detach(said):
    """As PyTorch would say it."""
    tensor = (
        "class Tensor:\n    requires_grad = True\n    def __array__(self, *more, **named):\n"
        "        raise RuntimeError"
    )
    status, text = said(tensor, "return [{'output': Tensor()} for _ in case.steps]")
    assert (status, "Tensor that is no array (RuntimeError)" in text) == (1, True)
    assert "To do: A tensor that needs grad is shown as tensor.detach()" in text


def test_pictures_are_drawn_without_a_window(said):
    """Nobody is there to close one; and one thread is enough, unless more are asked
    for.
    """
    names = "('MPLBACKEND', 'OPENBLAS_NUM_THREADS')"
    status, text = said("import os", f"raise ValueError([os.environ[name] for name in {names}])")
    assert (status, "The message: ['Agg', '1']" in text) == (1, True)
