"""What whoever checks a program declares for it: options of `parity check`, which count
before the file.
"""

import json

import pytest

from parity.checking.program.names import KINDS
from parity.checking.program.outcome import Unusable
from parity.checking.tests.test_check_command import ADAPTER
from parity.cli.declarations import HELP
from parity.tests.command import run

# an option, and what is declared by it
OPTIONS = {
    "--activations tanh,relu": {"activations": ("tanh", "relu")},
    "--outputs sigmoid": {"outputs": ("sigmoid",)},
    "--losses mse,mae": {"losses": ("mse", "mae")},
    "--optimizers sgd": {"optimizers": ("sgd",)},
    "--settings momentum,betas": {"settings": ("momentum", "betas")},
    "--settings=": {"settings": ()},
    "--sizes 4,6,3": {"sizes": (4, 6, 3)},
    "--batch 1": {"batch": 1},
    "--no-bias": {"bias": False},
    "--bias": {"bias": True},
    "--same-hidden": {"same_hidden": True},
    "--dtype float32,float64": {"dtype": ("float32", "float64")},
    "--layout in_out": {"layout": "in_out"},
    "--samples columns": {"samples": "columns"},
    "--slope 0.2": {"slope": 0.2},
    "--targets one_hot": {"targets": "one_hot"},
    "--conventions loss-summed": {"conventions": ("loss-summed",)},
    "--sizes any": {"sizes": "any"},
    "--activations any": {"activations": "any"},
}
REFUSED = {
    "--activations rely": "activations has 'rely', expected one of identity, ",
    "--activations=": "activations has '', expected one of identity, ",
    "--losses mse,": "losses has '', expected one of mse, ",
    "--settings lr": "settings has 'lr', expected one of momentum, ",
    "--sizes 4": "sizes has (4,), expected at least two integers >= 1",
    "--sizes 4,x": "sizes has ('4,x',), expected at least two integers >= 1",
    "--sizes 2000,2000": "sizes = (2000, 2000) and batch = 1 ask for more than 2,000,000 numbers",
    "--batch 0": "batch has 0, expected an integer >= 1",
    "--batch 1.5": "batch has '1.5', expected an integer >= 1",
    "--slope x": "slope has 'x', expected a number",
    "--slope nan": "slope has nan, expected a number",
    "--dtype float16": "dtype has 'float16', expected one of float64, float32",
    "--layout out": "layout has 'out', expected one of out_in, in_out",
    "--targets y": "targets has 'y', expected one of labels, one_hot, distributions",
    "--conventions not-averaged": "conventions has 'not-averaged', which is a mistake, expected a",
}


@pytest.fixture
def net(tmp_path):
    """A right program of sigmoid and mse."""
    file = tmp_path / "net.py"
    file.write_text(ADAPTER, encoding="utf-8")
    return str(file)


def test_every_name_has_an_option():
    """In the tests above, too."""
    assert [*HELP] == [*KINDS]
    assert {name for declared in OPTIONS.values() for name in declared} == {*KINDS}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("programs", ["net.py", "net.py net.py"])
def test_an_option_declares(monkeypatch, option, programs):
    """For one program and for a class."""
    seen = []

    def check(target, **options):
        seen.append({name: options[name] for name in KINDS if options[name] is not None})
        raise Unusable("net.py: is not read")

    for room in ("checker", "grading.grade"):
        monkeypatch.setattr(f"parity.checking.{room}.check_command", check)
    assert run("check", *programs.split(), "--jobs", "1", *option.split(" "))[0] == 2
    assert seen == [OPTIONS[option]] * len(programs.split())


@pytest.mark.parametrize("option", REFUSED)
@pytest.mark.parametrize("programs", ["net.py", "net.py net.py"])
def test_what_cannot_be_declared_is_refused_at_once(option, programs):
    """In one sentence, before any program is looked at."""
    status, out, err = run("check", *programs.split(), *option.split(" "))
    assert (status, out) == (2, "")
    assert err.startswith(f"parity: declaration: {REFUSED[option]}")
    assert err.count("\n") == 1


def test_an_option_counts_before_the_file(net):
    """What the file says of the rest stays."""
    status, out, _ = run("check", net, "--sizes", "2,3,2", "--batch", "4")
    assert (status, "Tried: 1 hidden layer; 4 samples;" in out) == (0, True)
    assert "hidden sigmoid" in out


def test_no_file_escapes_by_what_it_declares(net):
    """One that takes a mean for a sum, and single samples alone, is found out with any
    batch.
    """
    with open(net, encoding="utf-8") as file:  # noqa: PTH123 - a str
        text = file.read()
    assert "d.sum(axis=0)" in text
    with open(net, "w", encoding="utf-8") as file:  # noqa: PTH123 - a str
        file.write(text.replace("d.sum(axis=0)", "d.mean(axis=0)") + "\nbatch = 1\n")
    assert run("check", net)[0] == 0
    status, out, _ = run("check", net, "--batch", "any")
    assert (status, "1. db-averaged" in out) == (1, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def run(case)", "{}: importing it raised SyntaxError in net.py, line 1 (expected ':')"),
        ("layout = 'x'\ndef run(case): ...", "declaration: layout has 'x', expected one of out_in"),
    ],
)
def test_what_cannot_be_used_is_written_too(tmp_path, net, text, sentence):
    """Into the JSON, the table and the page; the exit status and what is said stay."""
    with open(net, "w", encoding="utf-8") as file:  # noqa: PTH123 - a str
        file.write(text)
    files = [tmp_path / f"all.{kind}" for kind in ("json", "csv", "html")]
    options = [text for file in files for text in (f"--{file.suffix[1:]}", str(file))]
    status, out, err = run("check", net, *options)
    sentence = sentence.format(net)
    assert (status, out, err.startswith(f"parity: {sentence}")) == (2, "", True)
    written = json.loads(files[0].read_text(encoding="utf-8"))
    assert written["unusable"].startswith(sentence)
    assert (written["passed"], written["judged"], written["points"]) == (False, False, 0)
    assert written["verdict"] == f"UNUSABLE. {written['unusable']}"
    assert ",UNUSABLE,no,0,,," in files[1].read_text(encoding="utf-8")
    assert "UNUSABLE. " in files[2].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("{}",), "{}: has no Python file, expected submissions, as in {}/net.py"),
        (("{}/net.py", "--batch", "0"), "declaration: batch has 0, expected an integer >= 1"),
    ],
)
def test_what_is_refused_at_once_is_written_too(tmp_path, given, sentence):
    """A folder without submissions, and an option."""
    file = tmp_path / "all.json"
    (tmp_path / "empty").mkdir()
    folder = str(tmp_path / "empty")
    status, out, err = run("check", *(each.format(folder) for each in given), "--json", str(file))
    sentence = sentence.format(folder, folder)
    assert (status, out, err) == (2, "", f"parity: {sentence}\n")
    assert json.loads(file.read_text(encoding="utf-8"))["unusable"] == sentence


def test_by_strict_the_json_says_so(net, tmp_path):
    """As the exit status does."""
    file = tmp_path / "all.json"
    refuses = "    if len(case.sizes) == 5:\n        raise NotImplementedError\n"
    with open(net, "w", encoding="utf-8") as text:  # noqa: PTH123 - a str
        text.write(ADAPTER.replace("    shown = []\n", f"{refuses}    shown = []\n", 1))
    for option, passed in (((), True), (("--strict",), False)):
        assert run("check", net, "--json", str(file), *option)[0] == (0 if passed else 1)
        written = json.loads(file.read_text(encoding="utf-8"))
        assert (written["passed"], "--strict" in written["verdict"]) == (passed, not passed)
