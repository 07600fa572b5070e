"""`parity vectors DIR`: what it writes and says, and what it refuses."""

import json
import subprocess
import sys

import pytest

from parity.checking.vectors import files
from parity.tests.command import WITHOUT, run

BOTH = f"expected an empty folder, or the files of version {files.VERSION} alone"


def verdict(folder):
    """The last line of the command."""
    return (
        f"{folder} has version {files.VERSION} of the test vectors: {len(files.vectors())} "
        f"trainings, their schema and a README"
    )


def content(folder):
    """What a folder has."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_it_writes_all_files_of_the_version(tmp_path):
    """Into a new folder, below one that is new, too; and names each of them."""
    folder = tmp_path / "new" / "vectors"
    status, out, err = run("vectors", str(folder))
    assert (status, err) == (0, "")
    assert out.splitlines() == ["", *files.names(), "", verdict(folder)]
    assert content(folder) == content(files.HOME)


def test_it_may_write_them_again(tmp_path):
    """Into an empty folder, and where they are already; what is missing is written."""
    assert run("vectors", "--quiet", str(tmp_path)) == (0, verdict(tmp_path) + "\n", "")
    (tmp_path / files.names()[3]).unlink()
    assert run("vectors", "--quiet", str(tmp_path)) == (0, verdict(tmp_path) + "\n", "")
    assert content(tmp_path) == content(files.HOME)


def test_its_results_are_written_as_json(tmp_path):
    """With the version, and the name of each file."""
    folder, file = tmp_path / "vectors", tmp_path / "written.json"
    assert run("vectors", str(folder), "--json", str(file))[0] == 0
    results = json.loads(file.read_text(encoding="utf-8"))
    assert (results["passed"], results["verdict"]) == (True, verdict(folder))
    assert (results["version"], results["files"]) == (files.VERSION, files.names())


def other_file(folder):
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    return f"{folder / 'mine.txt'}, which is another file, {BOTH}"


def other_folder(folder):
    (folder / files.names()[0]).mkdir()
    return f"{folder / files.names()[0]}, which is another file, {BOTH}"


def other_version(folder):
    name = files.vectors()[2]
    text = (files.HOME / name).read_text("utf-8").replace('"version": 1,', '"version": 12,')
    (folder / name).write_text(text, encoding="utf-8")
    return f"{folder / name}, of version 12, {BOTH}"


def changed(folder):
    name = files.vectors()[2]
    text = (files.HOME / name).read_text("utf-8").replace("float64", "float32")
    (folder / name).write_text(text, encoding="utf-8")
    return f"{folder / name}, which is another file, {BOTH}"


@pytest.mark.parametrize("fill", [other_file, other_folder, other_version, changed])
def test_a_folder_with_other_files_is_refused(tmp_path, fill):
    """In one sentence, with exit status 2, and nothing is written."""
    has = fill(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run("vectors", str(tmp_path)) == (2, "", f"parity: vectors: DIR has {has}\n")
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    """And so is a path that leads through one."""
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    says = f"parity: vectors: DIR has {file}, a file, expected a folder\n"
    assert run("vectors", str(file)) == (2, "", says)
    inside = file / "vectors"
    assert run("vectors", str(inside)) == (2, "", f"parity: {inside}: Not a directory\n")
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_folder_is_needed():
    """Nothing is written where nobody asked for it."""
    status, out, err = run("vectors")
    assert (status, out) == (2, "")
    assert err.endswith("parity vectors: error: the following arguments are required: DIR\n")


def test_its_help_says_what_is_written():
    """And every option."""
    status, out, _ = run("vectors", "--help")
    assert status == 0
    assert all(word in out for word in ("DIR", "--json FILE", "--quiet", "allowed error"))


def test_pytorch_is_not_needed(tmp_path):
    """The files come with the package."""
    command = [sys.executable, "-c", WITHOUT, "torch", "vectors", "--quiet", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, verdict(tmp_path) + "\n", "")
