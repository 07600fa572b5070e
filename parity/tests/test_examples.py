"""The scripts in examples/: every figure of a text is the one computed, or an erratum
that says so; and every picture can be read.
"""

import ast
import importlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the examples lie beside the package in a checkout alone"
)

SHARED = {"printed"}
# script: how many figures of its text it prints, and what is right where the text has
# something else, in the text's order
FIGURES = {
    "against_torch": (10, []),
    "by_hand": (
        52,
        [
            "-0.019049118258",
            "0.291027773694",
            "0.000035101878",
            "0.0000351018778",
            "0.015913620444 0.984064273515",
            "0.0000350847863",
        ],
    ),
    "check_gradients": (13, []),
    "distributed": (10, []),
    "elgendy_activations": (
        28,
        [
            "4 of 7 do",
            "21.7 to 2e-17",
            "11.0 to 2e-08",
            "sigmoid(z + 4.605)",
            "scaled both ways, shifted",
        ],
    ),
    "elgendy_backpropagation": (
        11,
        [
            "f'(g(x)) g'(x)",
            "the sum of all paths",
            "8",
            "w_21^(4) f'(z_2^(3))",
            "from, to",
            "up to 0.3",
            "2",
        ],
    ),
    "elgendy_derivatives": (
        12,
        ["n x^(n-1)", "f'(x) + g'(x)", "1 3 4 5 6", "power and chain rule"],
    ),
    "elgendy_descent": (
        17,
        [
            "31",
            "3.41e50",
            "0.0480",
            "from 69 of 200 starts",
            "one",
            "73, then 73",
            "189, then 69",
            "75 to 85 against 81",
            "0.093, 2.6, 20, 81 epochs",
        ],
    ),
    "elgendy_errors": (13, ["1.0297", "0.00, 5.69, 0.00 for j = 1, 2, 3", "falls"]),
    "elgendy_feedforward": (
        26,
        [
            "two",
            "three-layer",
            "a_2^2 to a_3^1",
            "a^(1)",
            "up to 0.3 apart",
            "0.344 and 0.528",
            "a_1^(3)",
            "right to left",
        ],
    ),
    "elgendy_perceptrons": (
        21,
        [
            "-b / w2 = 52.5, b = -1260",
            "not at z = 0",
            "height and age",
            "0, 1, 1 at z = -1, 1, 3",
            "94 different lines",
            "12 mistakes or more",
            "one",
        ],
    ),
    "elgendy_spirals": (15, ["-1.070, minimum -3.514"]),
    "khan_learning_rates": (
        14,
        [
            "falls to 9.2e-06, rises once",
            "S that rises, no minimum",
            "0.67; at 0.99995 it is 5e-05",
            "falls, no minimum",
            "grows, 0.27 to 25.0",
        ],
    ),
    "khan_or_gate": (
        31,
        [
            "0.88 just above 2",
            "0.12 just below -2",
            "0.109882",
            "O(n^1)",
            "the cost falls 43% more by 5000",
            "w1 5.85, then 6.43",
            "0.000 to 0.497",
            "0.513 to 1.000",
        ],
    ),
    "mlfromscratch": (
        26,
        [
            "cost rises, 0.377 to 0.495",
            "35% off at eta = 3",
            "cost rises, 0.377 to 0.379",
            "and on w^(1): doubled, 31% off",
        ],
    ),
    "mlfromscratch_descent": (6, ["0.423 against 0.180", "stays between 0.32 and 0.65"]),
    "thomas_descent": (
        30,
        [
            "0 against 1",
            "0.00003539",
            "5 against 25",
            "0.0188 against 0.0375",
            "0.6276 against 0.4707",
            "-0.0226 against 0.0549",
            "z_1^(3)",
            "0.0000 against 0.9677",
            "0",
            "-1.23e-04 against 1.10e-06",
            "(3,)",
        ],
    ),
    "thomas_digits": (
        32,
        [
            "Optical recognition of handwritten digits",
            "0 up to 16",
            "719 of 719 in the scaler",
            "6",
            "nodes, 10 and 64",
            "89.013%",
            "0.4235 against 0.1165",
            "by much, 79 to 69 wrong",
        ],
    ),
    "thomas_forward": (14, ["0.8354557", "0.9909867", "1.7 against 2.1", "z^(2)", "0.8354557"]),
    "train_digits": (2, []),
    "xor": (10, []),
}
PICTURES = {  # script: its pictures
    "against_torch": "against_torch_growth",
    "by_hand": "by_hand_paths by_hand_error",
    "check_gradients": "check_gradients_step",
    "distributed": "distributed_sizes",
    "elgendy_activations": "elgendy_activations elgendy_linear elgendy_sigmoid",
    "elgendy_backpropagation": "elgendy_paths",
    "elgendy_derivatives": "elgendy_derivatives",
    "elgendy_descent": "elgendy_brute_force elgendy_learning_rates elgendy_minima "
    "elgendy_three_ways",
    "elgendy_errors": "elgendy_errors",
    "elgendy_feedforward": "elgendy_network elgendy_house",
    "elgendy_perceptrons": "elgendy_players elgendy_triangle",
    "elgendy_spirals": "elgendy_spirals elgendy_epochs",
    "khan_learning_rates": "khan_learning_rates khan_or_gate_rates khan_loss_curve",
    "khan_or_gate": "khan_graph_by_hand khan_graph_batch khan_training",
    "mlfromscratch": "mlfromscratch_chain",
    "mlfromscratch_descent": "mlfromscratch_minibatches mlfromscratch_paths",
    "thomas_descent": "thomas_descent thomas_contours thomas_deltas",
    "thomas_digits": "thomas_digit thomas_cost thomas_97",
    "thomas_forward": "thomas_node",
    "train_digits": "train_digits_copies train_digits_training train_digits_wrong",
    "xor": "xor_regions xor_starts",
}
every_script = pytest.mark.parametrize("script", FIGURES)


@pytest.fixture(scope="module", autouse=True)
def _scripts_find_what_they_share():
    """As `python examples/SCRIPT` does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        yield
        for name in (*SHARED, *FIGURES):
            sys.modules.pop(name, None)


def module(name):
    """A script or what it shares, imported."""
    return importlib.import_module(name)


@cache
def story_of(script):
    """What a script prints: sentences and figures."""
    return tuple(module(script).story())


def figures(script):
    """The figures alone."""
    return [item for item in story_of(script) if not isinstance(item, str)]


def text_of(name):
    """A text of the folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def test_the_table_has_every_script():
    """No script of the folder is left out."""
    assert set(FIGURES) == {file.stem for file in FOLDER.glob("*.py")} - SHARED


@every_script
def test_every_figure_is_the_one_that_the_text_prints_or_an_erratum(script):
    """Written with the digits of the text, what is computed is what is printed; where
    the text is off, it is not.
    """
    assert [str(figure) for figure in figures(script) if not figure.as_expected] == []


@every_script
def test_no_figure_is_lost_and_what_is_right_is_computed(script):
    """The figures, as counted once by hand, each with its section; beside an erratum,
    or a draw of chance, stands what is right.
    """
    given = figures(script)
    off = [figure.shown for figure in given if figure.erratum or figure.chance]
    assert (len(given), off) == FIGURES[script]
    assert all(figure.section and figure.what and figure.printed for figure in given)


@every_script
def test_a_script_is_a_command(script):
    """It says what it runs and how it is called, runs that, and leaves with its exit
    status.
    """
    tree = ast.parse(text_of(f"{script}.py"))
    assert f"python examples/{script}.py" in ast.get_docstring(tree)
    guard, call = ast.unparse(tree.body[-1]).split("\n    ", 1)
    assert guard == "if __name__ == '__main__':"
    assert re.fullmatch(
        r"raise SystemExit\((main\(\)|run\(TITLE, story, drawings(, column='expected')?\))\)",
        call,
    )


@every_script
def test_no_line_is_wider_than_the_screen(script, capsys):
    """What a script prints has at most 100 columns."""
    printed = module("printed")
    assert len(module(script).TITLE) <= 100
    printed.tell(story_of(script))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 10
    assert [line for line in lines if len(line) > 100] == []


@every_script
def test_a_script_does_without_its_docstrings(script):
    """`python -OO` takes them away, so nothing that is printed may come from one."""
    names = {
        node.id
        for node in ast.walk(ast.parse(text_of(f"{script}.py")))
        if isinstance(node, ast.Name)
    }
    assert "__doc__" not in names


@every_script
def test_what_is_not_installed_everywhere_is_asked_for(script):
    """A script imports scikit-learn and PyTorch where their absence ends in a sentence,
    and matplotlib where it draws.
    """
    tree = ast.parse(text_of(f"{script}.py"))
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    top |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in top} <= {
        *sys.stdlib_module_names,
        "numpy",
        "parity",
        "refnet",
        "printed",
        *FIGURES,
    }


def test_what_is_not_installed_ends_in_a_sentence(monkeypatch, capsys):
    """With the command that installs it, and exit status 2."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr(sys, "argv", ["folder/it.py"])
    with pytest.raises(SystemExit, match="2"), module("printed").wanted("parity"):
        import sklearn.datasets  # noqa: F401 - it is not there
    assert (
        capsys.readouterr().err
        == 'it.py needs scikit-learn: python -m pip install -e ".[parity]"\n'
    )


@every_script
def test_every_picture_can_be_read(script, tmp_path, monkeypatch):
    """It is drawn to a file that is not blank; each of its axes has a title, something
    drawn, and says along what.
    """
    from matplotlib.image import imread

    printed = module("printed")
    monkeypatch.setattr(printed, "DPI", 40)
    story_of(script)
    drawn = dict(module(script).drawings())
    assert " ".join(drawn) == PICTURES[script]
    for name, draw in drawn.items():
        figure = draw()
        for axes in figure.axes:
            assert unreadable(axes, figure) == "", name
        figure.set_layout_engine("none")  # which takes as long as all the rest
        assert np.ptp(imread(printed.save(figure, tmp_path / "new", name))[..., :3]) > 0.5
    assert {file.name for file in tmp_path.glob("new/*")} == {f"{name}.png" for name in drawn}


def unreadable(axes, figure):
    """What is missing on the axes of a figure; where there is no axis, there is an
    image, or a drawing with words in it.
    """
    if axes.get_label() == "<colorbar>":
        return "" if axes.get_ylabel() else "the label of the colour bar"
    if not axes.has_data() and not axes.texts:
        return "something drawn"
    if not axes.get_title() and not figure.get_suptitle():
        return "a title"
    if not axes.axison:
        return "" if axes.images or axes.texts else "axis labels"
    return "" if axes.get_xlabel() and axes.get_ylabel() else "axis labels"


def test_what_cannot_be_read_is_noticed():
    """Axes without a title, a label, anything drawn, or with the axis taken away from
    curves.
    """
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    assert unreadable(axes, figure) == "something drawn"
    axes.plot([0, 1], [0, 1])
    assert unreadable(axes, figure) == "a title"
    axes.set(title="it", xlabel="x")
    assert unreadable(axes, figure) == "axis labels"
    axes.axis("off")
    assert unreadable(axes, figure) == "axis labels"
    axes.axis("on")
    axes.set(ylabel="y")
    assert unreadable(axes, figure) == ""


def python(*arguments):
    """Exit status, standard output and error of a new process in another folder."""
    here = os.environ | {"PYTHONPATH": str(FOLDER.parent)}
    process = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=here,
        cwd=FOLDER.anchor,
    )
    return process.returncode, process.stdout, process.stderr


def test_a_script_runs_from_anywhere(tmp_path):
    """`python FILE --plot DIR` tells its story, draws its pictures, and ends with 0."""
    status, out, err = python(FOLDER / "khan_or_gate.py", "--plot", tmp_path)
    assert (status, err) == (0, "")
    assert "the text" in out
    wrote = [str(tmp_path / f"{name}.png") for name, _ in module("khan_or_gate").drawings()]
    assert re.findall(r"^wrote (.*)$", out, re.MULTILINE) == wrote


def test_a_script_prints_the_same_without_docstrings_and_asserts():
    """`python -OO FILE` is `python FILE`."""
    script = FOLDER / "khan_or_gate.py"
    assert python("-OO", script) == python(script)


def errata():
    """The errata by name, each with the scripts that its line gives as evidence."""
    lines = re.findall(r"^- \*\*([\w-]+)\*\* (.*)$", text_of("ERRATA.md"), re.MULTILINE)
    assert len(dict(lines)) == len(lines)
    return {
        name: set(re.findall(r"\]\((\w+)\.py\)", line.partition("Evidence: ")[2]))
        for name, line in lines
    }


def test_every_erratum_has_its_evidence():
    """The list names the errata of the scripts, all of them and no others, and where
    each is computed.
    """
    shown = {}
    for script in FIGURES:
        for figure in figures(script):
            if figure.erratum:
                shown.setdefault(figure.erratum, set()).add(script)
    assert errata() == shown


@pytest.mark.parametrize("text", ["README.md", "ERRATA.md"])
def test_every_link_leads_somewhere(text):
    """To a file or a folder of the project, or to a section of a text."""
    links = [link.partition("#") for link in re.findall(r"\]\((.+?)\)", text_of(text))]
    assert len(links) > 20
    assert [link for link, _, _ in links if not (FOLDER / link).exists()] == []
    assert [anchor for link, _, anchor in links if anchor and anchor not in anchors(link)] == []


def anchors(text):
    """What a link to a heading of a text ends in."""
    headings = re.findall(r"^#+ (.+)$", text_of(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


WRITTEN = {  # printed, computed: as it is written here
    ("0.8354", 0.83545651): "0.8355",
    ("[-0.044, -0.035]", (-0.0441, -0.03491)): "[-0.044, -0.035]",
    (".5", 0.5): ".5",
    ("-.125", -0.125): "-.125",
    ("1e75", 1e75): "1e75",
    ("3.42e50", 3.409e50): "3.41e50",
    ("5e-10", 5e-10): "5e-10",
    ("10^75", (10, 75)): "10^75",
    ("(1797, 64)", (1797, 64)): "(1797, 64)",
    ("0. , -0.33501649", (0.0, -0.335016491)): "0. , -0.33501649",
    ("86 %", 89.01): "89 %",
    ("0.000", -0.0001): "0.000",
    ("+10", 10): "+10",
    ("+10", -10): "-10",
    ("1371180", 1371180): "1371180",
    ("x3 = 2", 2): "x3 = 2",
    ("yes", "no"): "no",
}


@pytest.mark.parametrize(("printed", "got"), WRITTEN)
def test_a_figure_is_written_as_the_text_writes_it(printed, got):
    """With the same digits and punctuation; a last digit more or less is another
    figure.
    """
    figure = module("printed").Printed("1", "it", printed, got)
    assert figure.here == WRITTEN[printed, got]
    assert figure.agrees is (figure.here == printed)


def test_what_is_not_as_expected_fails():
    """A figure that is off without an erratum, and an erratum that is none, end in exit
    status 1; a draw of chance may be off.
    """
    printed = module("printed")
    right, off = printed.Printed("1", "it", "0.5", 0.5), printed.Printed("1", "it", "0.5", 0.6)
    assert [printed.perform("About.", given) for given in ([right], [off], [right, off])] == [
        0,
        1,
        1,
    ]
    noted = replace(off, erratum="somebody-is-off")
    assert [printed.perform("About.", [given]) for given in (noted, replace(noted, got=0.5))] == [
        0,
        1,
    ]
    assert replace(off, chance="unseeded").as_expected
    assert replace(off, got=np.nan).as_expected is False
    with pytest.raises(ValueError, match=r"1 it: got has 2 numbers, expected 1 as in '0\.5'"):
        replace(off, got=[1.0, 2.0]).here  # noqa: B018 - the property raises


def test_the_table_marks_what_is_off(capsys):
    """Below an erratum stands its name, and the computed value has three more digits;
    a section and the heads of the columns stand above their first row.
    """
    printed = module("printed")
    figure = printed.Printed("2.1", "output", "0.8354", 0.83545651, erratum="somebody-truncates")
    other = replace(figure, section="2.2", erratum="", what="other")
    assert printed.tell(["A sentence.", figure, other, "The end."]) is False
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "",
        "A sentence.",
        "",
        "2.1 the text computed",
        "output 0.8354 0.8354565",
        "erratum somebody-truncates",
        "2.2",
        "other 0.8354 0.8354565",
        "<- NOT EXPECTED",
        "",
        "The end.",
        "",
        "examples/ERRATA.md says what each erratum is, and what is right.",
    ]


def test_a_long_figure_takes_more_than_one_line():
    """A word or two numbers are broken between words; a long list keeps its ends."""
    printed = module("printed")
    words = printed.Printed("1", "it", *["more words than a column has room for"] * 2)
    assert [" ".join(line.split()) for line in words.row().splitlines()] == [
        "it more words than a column more words than a column",
        "has room for has room for",
    ]
    numbers = " ".join(["0.12345678"] * 9)
    assert printed.short(numbers) == "0.12345678 0.12345678 ..\n0.12345678 0.12345678"
    assert printed.short(numbers[:32]) == numbers[:32]
