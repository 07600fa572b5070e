"""What the script damaged_files.py does, at a size that takes a few seconds; and that
each of its checks can fail.
"""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "damaged_files.py"
DAMAGED = runpy.run_path(str(SCRIPT))


def ran(*arguments):
    """Its exit status and its figures."""
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_every_damage_is_noticed_and_nothing_executed():
    """Flipped bits, cuts, swapped headers, and processes that are killed; a process of
    its own, as an audit hook stays for ever.
    """
    status, figures = ran("--cases", 300, "--kills", 4)
    assert status == 0
    assert (figures["cases"], figures["noticed"], figures["unnoticed"]) == (300, 300, [])
    assert figures["executed"] == []
    assert (figures["kills"], figures["broken"]) == (4, 0)


def test_damages_are_of_every_kind(tmp_path):
    """Each in turn, and no damaged file is a whole one."""
    damages, whole = [*DAMAGED["damaged"](90, seed=0)], {*DAMAGED["written"](tmp_path)}
    assert [name for name, _ in damages[:3]] == ["flipped", "cut", "swapped"]
    assert len(whole) == 6
    assert whole.isdisjoint(content for _, content in damages)


def test_without_the_sum_damage_is_not_noticed(monkeypatch):
    """The check of the script can fail."""
    monkeypatch.setattr("refnet.files.loading._check_sum", lambda file, header: None)
    missed = [*DAMAGED["unnoticed"](60, seed=0)]
    assert 0 < len(missed) < 60
    assert {each.partition(":")[0] for each in missed} == {"flipped", "swapped"}


def test_what_is_no_sentence_is_not_noticed(monkeypatch):
    """Another exception counts as unnoticed."""

    def fail(file):
        raise KeyError("length")

    monkeypatch.setattr("refnet.files.loading._header", fail)
    assert [*DAMAGED["unnoticed"](3, seed=0)] == [
        f"{damage}: KeyError: 'length'" for damage in ("flipped", "cut", "swapped")
    ]


# moments of a save


@pytest.mark.skipif(os.name != "posix", reason="a process is killed by itself")
@pytest.mark.parametrize("moment", ["part", "sync", "replace", "replaced"])
def test_a_process_that_dies_leaves_a_whole_file(moment, tmp_path):
    """After a part of the numbers, before all is on the disk, before the file gets its
    name: the old network is there; after that, the new one.
    """
    path = tmp_path / "net"
    DAMAGED["ended"](DAMAGED["started"](path, "--die", moment))
    old, new = (net.parameters.tobytes() for net in DAMAGED["two"]())
    read = DAMAGED["refnet"].load(path).net.parameters.tobytes()
    assert read == (new if moment == "replaced" else old)
    assert len([*tmp_path.iterdir()]) == (1 if moment == "replaced" else 2)


@pytest.mark.skipif(os.name != "posix", reason="a process is killed by itself")
def test_a_process_that_writes_in_place_leaves_a_broken_file(tmp_path):
    """The check above can fail."""
    path = tmp_path / "net"
    DAMAGED["ended"](DAMAGED["started"](path, "--in-place", "--die", "part"))
    assert not DAMAGED["is_whole"](path)


def test_a_whole_file_of_another_network_is_none_of_the_two(tmp_path):
    """is_whole looks at the numbers, too."""
    refnet = DAMAGED["refnet"]
    refnet.save(tmp_path / "net", refnet.mlp([2, 1]))
    assert not DAMAGED["is_whole"](tmp_path / "net")
    assert not DAMAGED["is_whole"](tmp_path / "missing")
