"""Who may import whom in parity: a table with a row for each wing, read off the
source.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import parity
import refnet

HOUSE = Path(parity.__file__).parent
FILES = sorted(
    file for file in HOUSE.rglob("*.py") if "tests" not in file.parts and file.name != "conftest.py"
)
every_file = pytest.mark.parametrize(
    "file", FILES, ids=[file.relative_to(HOUSE).as_posix() for file in FILES]
)

# Each wing, and those directly left of it; it may import them and what is left of them.
# The command line stands on the right of all.
LEFT = {
    "steps": [],
    "rounding": [],
    "screen": [],
    "processes": [],
    "proof": ["steps", "rounding"],
    "mistakes": ["proof"],
    "checking": ["mistakes", "processes"],
    "page": ["checking"],
    "experiments": ["mistakes", "screen", "processes"],
    "bench": ["experiments"],
    "cli": ["bench", "page"],
    "__main__": ["cli"],
    # the names of the package: what needs NumPy alone
    "__init__": ["checking"],
}
# What is not installed everywhere, and where it may be imported at the top.
OUTSIDE = {
    # the twin, its records and its restatements; the side of a benchmark
    "torch": {"steps/pytorch/", "bench/sides"},
    "sklearn": {
        "experiments/job/digits.py",
        "bench/tables/digits.py",
        "bench/tables/estimators.py",
    },
    "jax": set(),
    "mpmath": set(),
    "matplotlib": {"experiments/job/figure.py", "experiments/first_screen.py", "bench/figure.py"},
    "rich": {"proof/certificate.py"},
    "threadpoolctl": {"bench/tables/threads.py"},
}
# The tables and checks of refnet that are public, but not at its front door.
TABLES = {
    "instance",
    *("ACTIVATIONS", "LOSSES", "OPTIMIZERS", "PENALTIES", "CLIPPINGS", "SECOND_MOMENTS"),
    *("LOG_FLOOR", "DECIDED", "PLAIN", "float_dtype", "row_weights"),
    *("Array", "Workspace", "flag", "integer", "matrix", "named", "place", "real_array", "views"),
    # how a result looks in a notebook
    *("notebook", "escaped"),
}
# sums and products in text, written as refnet.explain writes them
FIGURES = {"mistakes/diagnosis/example/by_hand.py": {"product", "total"}}
# the page, to which parity adds its mistakes and bounds
PAGE = {
    "page/entries.py": {"RULES"},
    "page/bounds.py": {"Scene"},
    "page/writing.py": {"Mistakes", "Scene", "page_of", "scenes"},
}
FORMS = {"bench/tables/loops.py": {"accumulated", "loops"}}  # it times these of refnet.forms


class Imported(NamedTuple):
    """A module that is imported, and a name taken from it, or ""."""

    module: str
    name: str

    @property
    def wing(self) -> str:
        """The wing of parity that it leads to, "" where it leads outside, and "." where
        it does not say.
        """
        if self.module.startswith("."):
            return "."
        package, *rest = f"{self.module}.{self.name}".rstrip(".").split(".")
        if package != "parity":
            return ""
        return rest[0] if rest and rest[0] in LEFT else "__init__"


def imports(source: str) -> Iterator[Imported]:
    """All that is imported, at the top or in a function, but not for types alone."""
    tree = ast.parse(source)
    typing_only = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in typing_only:
            yield from (Imported(alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in typing_only:
            module = "." * node.level + (node.module or "")
            yield from (Imported(module, alias.name) for alias in node.names)


def all_left(wing: str) -> set[str]:
    """The wing and everything left of it."""
    return {wing}.union(*(all_left(left) for left in LEFT[wing]))


def place(file: Path) -> str:
    """Where a file stands in the house: steps/record.py."""
    return file.relative_to(HOUSE).as_posix()


def wing_of(file: Path) -> str:
    """The wing that a file belongs to, or its own name where it stands in the hall."""
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


@every_file
def test_imports_point_left(file):
    """A wing imports only what stands left of it in the table."""
    wings = {each.wing for each in imports(file.read_text(encoding="utf-8"))} - {""}
    assert wings <= all_left(wing_of(file))


@every_file
def test_what_may_be_missing_is_imported_in_few_rooms(file):
    """Without PyTorch, scikit-learn, JAX or rich, everything else still imports."""
    for each in imports(file.read_text(encoding="utf-8")):
        rooms = OUTSIDE.get(each.module.split(".")[0])
        assert rooms is None or place(file).startswith(tuple(rooms)), each


@every_file
def test_parity_uses_refnet_s_public_names_alone(file):
    """The proof looks at refnet from outside: by what it exports, its tables of names,
    the checks of its door, the forms it times, how it writes figures, and its page.
    """
    imported = {
        each
        for each in imports(file.read_text(encoding="utf-8"))
        if each.module.split(".")[0] == "refnet" and each.name
    }
    forms = {each.name for each in imported if each.module == "refnet.forms"}
    figures = {each.name for each in imported if each.module == "refnet.explanation.figures"}
    page = {each.name for each in imported if each.module.startswith("refnet.explanation.page")}
    known = set(refnet.__all__) | TABLES
    assert {each.name for each in imported} - forms - figures - page <= known
    assert figures == FIGURES.get(place(file), set())
    assert forms == FORMS.get(place(file), set())
    assert page == PAGE.get(place(file), set())


@every_file
def test_nothing_depends_on_what_python_OO_leaves_out(file):
    """No assert that the product relies on, and no docstring that a program reads."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    assert not any(getattr(node, "attr", "") == "__doc__" for node in ast.walk(tree))


@every_file
def test_a_variable_is_named_after_what_it_holds(file):
    """No local name says only that something was found, told or made."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    given = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert {"found", "told", "made"}.isdisjoint(stored | given)


def test_rooms_import_one_another_one_way():
    """No two rooms import each other, be it by a third: not within a wing, either."""
    names = {place(file).removesuffix(".py").replace("/", "."): file for file in FILES}
    arrows = {}
    for name, file in names.items():
        targets = {
            full.removeprefix("parity.")
            for each in imports(file.read_text(encoding="utf-8"))
            for full in (each.module, f"{each.module}.{each.name}")
        }
        arrows[name] = targets & set(names) - {name}
    assert arrows["proof.certificate"] >= {"proof.statements", "rounding.claim"}
    assert [*TopologicalSorter(arrows).static_order()]  # CycleError where they go in a circle


def test_the_table_is_whole():
    """Every wing has a row, and every row is a wing."""
    assert {wing_of(file) for file in FILES} == set(LEFT)


def test_no_wing_is_named_like_a_public_function():
    """`parity.check` is the function, whatever has been imported."""
    assert set(LEFT).isdisjoint(parity.__all__)


def test_the_front_door_has_a_map():
    """The package's docstring names every wing, and a wing's every room in it."""
    assert set(LEFT) - {"__init__", "__main__"} == mapped(parity.__doc__)
    for folder in {file.parent for file in FILES} - {HOUSE}:
        on_the_map = mapped(
            ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
        )
        rooms = {file.stem for file in FILES if file.parent == folder}
        rooms |= {other.parent.name for other in folder.glob("*/__init__.py")}
        assert rooms - {"__init__", "tests"} == on_the_map, folder


def mapped(text: str) -> set[str]:
    """The rooms that a docstring's map has a line for."""
    return set(re.findall(r"^ *(\w+)  +\S", text, re.MULTILINE))


def test_the_checks_above_find_what_they_look_for():
    """Each of the searches finds a wrong line, also one within a function, and passes a
    right one.
    """

    def wings(source):
        return {each.wing for each in imports(source)}

    assert wings("def f():\n    import parity.bench.timing\n    from parity import cli") == {
        "bench",
        "cli",
    }
    assert wings("from parity import certify\nimport numpy as np") == {"__init__", ""}
    assert wings("if TYPE_CHECKING:\n    from parity.cli import main") == set()
    assert wings("from . import steps\nfrom .proof import certify") == {"."}
    assert all_left("proof") == {"proof", "steps", "rounding"}
