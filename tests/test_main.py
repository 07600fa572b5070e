"""`python -m refnet`: the page with its examples, written and opened."""

import json
import re
import subprocess
import sys
import webbrowser

import numpy as np
import pytest

import refnet
from refnet.__main__ import main
from refnet.explanation.page import page_of
from refnet.explanation.page.examples import first_digits, scenes

TITLES = ("XOR", "A worked example", "Handwritten digits")


@pytest.fixture
def opened(monkeypatch):
    """What a browser would have been asked for."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def test_the_page_is_written_and_opened(tmp_path, capsys, opened):
    """Where it is, is printed, and the browser gets its address; what the file has is
    the page of the examples.
    """
    file = tmp_path / "a page.html"
    assert main([str(file)]) == 0
    assert capsys.readouterr() == (f"{file}\n", "")
    assert opened == [file.as_uri()]
    assert opened[0].startswith("file:///")
    assert opened[0].endswith("a%20page.html")
    assert file.read_text("utf-8") == page_of(scenes())


def test_no_browser_is_opened_where_none_is_wanted(tmp_path, capsys, opened):
    """The rest is the same."""
    file = tmp_path / "page.html"
    assert main([str(file), "--no-open"]) == 0
    assert capsys.readouterr() == (f"{file}\n", "")
    assert opened == []
    assert file.read_text("utf-8") == page_of(scenes())


def test_without_a_file_it_is_written_here(tmp_path, capsys, monkeypatch, opened):
    """A folder for temporary files may be closed to the browser, and is not ours."""
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    assert capsys.readouterr().out == "backpropagation.html\n"
    assert opened == [(tmp_path / "backpropagation.html").as_uri()]


def test_a_relative_file_is_opened_by_its_whole_path(tmp_path, monkeypatch, opened):
    """A browser does not know where the command was given."""
    monkeypatch.chdir(tmp_path)
    assert main(["page.html"]) == 0
    assert opened == [(tmp_path / "page.html").as_uri()]


@pytest.mark.parametrize(
    ("name", "why"),
    [("nowhere/page.html", "No such file or directory"), (".", "Is a directory")],
)
def test_a_file_that_cannot_be_written(name, why, tmp_path, capsys, opened):
    """One sentence and the status 2, and no browser."""
    file = tmp_path / name
    assert main([str(file)]) == 2
    assert capsys.readouterr() == ("", f"refnet: {file} cannot be written: {why}\n")
    assert opened == []
    assert not [*tmp_path.iterdir()]


def test_another_argument_is_refused(capsys):
    """By the usage, with the status 2."""
    with pytest.raises(SystemExit) as ended:
        main(["--server"])
    assert ended.value.code == 2
    assert "usage: python -m refnet" in capsys.readouterr().err


def test_the_command(tmp_path):
    """In a process of its own."""
    file = tmp_path / "page.html"
    command = [sys.executable, "-m", "refnet", str(file), "--no-open"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{file}\n", "")
    assert file.read_text("utf-8") == page_of(scenes())


# the examples


def test_the_examples_are_named():
    """Each with what it is about, in their order; the file has them as they are."""
    examples = scenes()
    assert len(examples) == len(TITLES)
    for scene, title in zip(examples, TITLES, strict=True):
        assert scene["title"].startswith(title)
        assert len(scene["about"]) > 50
    (text,) = re.findall(r'id="data">(.*?)</script>', page_of(examples), re.DOTALL)
    assert json.loads(text)["scenes"] == json.loads(json.dumps(examples))


def started(scene):
    """The network of an example, with its data."""
    layers = [
        refnet.Dense(layer["W"], layer["b"], layer["activation"]) for layer in scene["layers"]
    ]
    return refnet.Network(layers), np.array(scene["x"]), np.array(scene["y"])


def test_xor_is_learnt():
    """In the steps that its text tells people to take, all four rows are on their side,
    and they are not so in the beginning.
    """
    scene = scenes()[0]
    net, x, y = started(scene)
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [[each[0] != each[1]] for each in x.tolist()]
    assert ((net.predict(x) > 0.5) != y).any()
    steps = int(re.search(r"Take (\d+) steps", scene["about"])[1])
    history = refnet.fit(
        net,
        x,
        y,
        loss=scene["loss"],
        optimizer=refnet.SGD(lr=scene["lr"]),
        epochs=steps,
    )
    assert ((net.predict(x) > 0.5) == y).all()
    assert history.loss[-1] < history.loss[0]


def test_the_worked_example_has_the_published_numbers():
    """Mazur, A Step by Step Backpropagation Example (2015), as he prints them."""
    scene = scenes()[1]
    printed = {
        "0.298371109": scene["refnet"]["C"],
        "0.75136507": scene["refnet"]["a"][1][0][0],
        "0.772928465": scene["refnet"]["a"][1][0][1],
        "0.082167041": scene["refnet"]["dW"][1][0][0],
        "0.35891648": scene["refnet"]["W"][1][0][0],
        "0.408666186": scene["refnet"]["W"][1][0][1],
        "0.511301270": scene["refnet"]["W"][1][1][0],
        "0.561370121": scene["refnet"]["W"][1][1][1],
        "0.149780716": scene["refnet"]["W"][0][0][0],
        "0.19956143": scene["refnet"]["W"][0][0][1],
    }
    assert [f"{got:.{len(digits) - 2}f}" for digits, got in printed.items()] == [*printed]
    # the weight that he follows first, w5
    layer, row, column = scene["weight"]
    assert scene["layers"][layer]["W"][row][column] == 0.40
    assert "Mazur" in scene["about"]


def test_the_digits():
    """32 images from 0 to 1 and their labels, with the attribution that the license
    asks for: who made them, where they are, the license, and what was changed.
    """
    scene = scenes()[2]
    images, labels = first_digits()
    assert images.shape == (32, 64)
    assert scene["x"] == images.tolist()
    assert scene["y"] == labels.tolist()
    assert {*labels.tolist()} == {*range(10)}
    assert {*np.unique(images * 16).tolist()} <= {*range(17)}
    words = ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0", "licenses/by/4.0", "divided")
    assert [word for word in words if word not in scene["about"]] == []
