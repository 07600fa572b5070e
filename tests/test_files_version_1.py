"""Files of version 1 of the format can be read for ever, and have what they had."""

import hashlib
import runpy
from math import isnan
from pathlib import Path

import pytest

import refnet
from refnet.files.layout import VERSION

HERE = Path(__file__).parent / "files"
FOLDER, SUMS = HERE / "version_1", HERE / "version_1.sha256"
WRITER = runpy.run_path(str(HERE / "version_1.py"))
CONTENTS = WRITER["CONTENTS"]


def plain(checkpoint):
    """A checkpoint as plain data, in which nan is equal to itself."""
    net, optimizer, history = checkpoint
    return {
        "net": (repr(net), net.parameters.tobytes(), [layer.kind for layer in net.layers]),
        "columns": repr(net.columns),
        "optimizer": None if optimizer is None else (repr(optimizer), plain_state(optimizer)),
        "history": None if history is None else plain_history(history),
    }


def plain_state(optimizer):
    return {
        name: value if name == "steps" else (value.dtype, value.tobytes())
        for name, value in optimizer.state.items()
    }


def plain_history(history):
    epochs = [
        tuple("nan" if isinstance(value, float) and isnan(value) else value for value in epoch)
        for epoch in history.epochs
    ]
    return epochs, history.stopped, history.reached._replace(optimizer=None)


def test_the_files_never_change():
    """Others keep files like these: what is written otherwise is a new version."""
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(FOLDER.iterdir())
    )
    assert sums == SUMS.read_text(encoding="utf-8")
    assert {path.stem for path in FOLDER.iterdir()} == {*CONTENTS}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_has_what_it_had(name):
    """Network, columns, optimizer with its state, and history, to the last bit."""
    checkpoint = refnet.load(FOLDER / f"{name}.safetensors")
    assert plain(checkpoint) == plain(CONTENTS[name]())
    net, optimizer, history = checkpoint
    assert net.parameters.flags.writeable
    assert history is None or history.reached.optimizer is optimizer
    assert optimizer is None or optimizer.check_network(net) is None


@pytest.mark.skipif(VERSION != 1, reason="files of another version are written now")
def test_the_same_bytes_are_written_today(tmp_path):
    """A change of what is written would be a new version."""
    WRITER["write"](tmp_path)
    for path in FOLDER.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
