"""Who may import whom in parity: the table of rooms, read off the source."""

import ast
from pathlib import Path

import pytest

import refnet

ROOMS = Path(__file__).parent
ALLOWED = {  # module of parity: the modules of parity that it may import
    "record": set(),
    "cases": set(),
    "published": set(),
    "exact": set(),
    "claim": {"exact"},
    "activation_entries": {"claim", "exact"},
    "loss_entries": {"activation_entries", "claim", "exact"},
    "update_entries": {"claim", "exact"},
    "equations": {"activation_entries", "claim", "exact", "loss_entries", "update_entries"},
    "statements": {
        "activation_entries",
        "claim",
        "equations",
        "exact",
        "loss_entries",
        "record",
        "update_entries",
    },
    "usable": {"record", "update_entries"},
    "certificate": {"claim", "record", "statements", "update_entries", "usable"},
    "truth": {"record"},
    "bounded": {"exact"},
    "formulas": {"bounded", "loss_entries", "update_entries"},
    "plain": set(),
    "program": {"formulas", "loss_entries", "record", "update_entries"},
    "mistake": {"program", "record"},
    "places": {"formulas", "program", "record"},
    "forward_bugs": {"bounded", "formulas", "mistake", "places", "program", "record"},
    "delta_bugs": {"bounded", "formulas", "mistake", "places", "program", "record"},
    "gradient_bugs": {"mistake", "places", "program", "record"},
    "update_bugs": {"bounded", "formulas", "mistake", "program", "record"},
    "momentum_bugs": {
        "bounded",
        "formulas",
        "mistake",
        "program",
        "record",
        "update_bugs",
        "update_entries",
    },
    "adaptive_bugs": {
        "bounded",
        "formulas",
        "mistake",
        "program",
        "record",
        "update_bugs",
        "update_entries",
    },
    "convention_bugs": {"mistake", "program", "record"},
    "bugs": {
        "adaptive_bugs",
        "convention_bugs",
        "delta_bugs",
        "forward_bugs",
        "gradient_bugs",
        "mistake",
        "momentum_bugs",
        "program",
        "published",
        "update_bugs",
    },
    "simulation": {"bounded", "exact", "mistake", "plain", "program", "record"},
    "probes": {"cases", "simulation"},
    "search": {"bugs", "mistake", "simulation"},
    "diagnosis": {"bugs", "certificate", "claim", "mistake", "record", "search", "simulation"},
    "score": {
        "bugs",
        "cases",
        "certificate",
        "diagnosis",
        "mistake",
        "plain",
        "probes",
        "program",
        "record",
        "simulation",
    },
    "agreement": {
        "bounded",
        "certificate",
        "claim",
        "exact",
        "formulas",
        "record",
        "statements",
        "usable",
    },
    "torch_twin": {"record"},
    "sweep": {"agreement", "cases", "certificate", "claim", "record", "torch_twin"},
    "digits": {"certificate", "record", "sweep", "torch_twin"},
    "soundness": {"cases", "certificate", "record", "torch_twin"},
    "power": {"cases", "certificate", "exact", "record", "statements", "torch_twin"},
    "report": set(),
    "job": {"cases", "digits", "report", "sweep"},
    "figure": {"job"},
    "task": {"bugs", "cases", "probes", "simulation"},
    "answer": {"simulation", "task"},
    "sandbox": {"answer", "task"},
    "implementation": {"answer", "bugs", "cases", "diagnosis", "sandbox", "simulation", "task"},
    "timing": set(),
    "bench_setting": set(),
    "bench_numpy": {"bench_setting"},
    "bench_torch": {"bench_setting", "torch_twin"},
    "bench_jax": {"bench_setting"},
    "bench_judge": {"bench_setting", "diagnosis", "record", "simulation"},
    "bench_steps": {
        "bench_jax",
        "bench_judge",
        "bench_numpy",
        "bench_setting",
        "bench_torch",
        "timing",
    },
    "bench_digits": {
        "bench_jax",
        "bench_setting",
        "bench_steps",
        "bench_torch",
        "digits",
        "timing",
        "torch_twin",
    },
    "bench_loops": {
        "bench_judge",
        "bench_numpy",
        "bench_setting",
        "digits",
        "record",
        "simulation",
        "timing",
    },
    "bench_growth": {"bench_setting", "timing"},
    "bench_threads": {"bench_numpy", "bench_setting", "timing"},
    "bench": {
        "bench_digits",
        "bench_growth",
        "bench_jax",
        "bench_loops",
        "bench_setting",
        "bench_steps",
        "bench_threads",
        "report",
    },
    "bench_figure": {"bench", "bench_growth", "bench_steps"},
    "cli": {"cases", "report", "sandbox"},
    "__init__": {
        "agreement",
        "cases",
        "certificate",
        "diagnosis",
        "equations",
        "implementation",
        "record",
        "sandbox",
        "task",
    },
    "__main__": {"cli"},
}
FORMS = {"bench_loops": {"accumulated", "loops"}}  # the modules of refnet.forms that a module times
OUTSIDE = {  # what is not installed everywhere: the modules that may import it at the top
    "torch": {"bench_torch", "torch_twin"},
    "sklearn": {"bench_digits", "digits"},
    "jax": set(),
    "mpmath": {"truth"},
    "matplotlib": {"bench_figure", "figure"},
    "rich": {"certificate"},
    "threadpoolctl": {"bench_threads"},
}


def imports(path):
    """The modules that a file imports when it is imported, with the names taken from
    each.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in typing_only:
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in typing_only:
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_the_table_allows(room):
    """Imports in parity run one way, from records up to the command line."""
    found = {
        module.split(".")[1]
        for module, _ in imports(ROOMS / f"{room}.py")
        if module.startswith("parity.")
    }
    assert found <= ALLOWED[room]


@pytest.mark.parametrize("room", ALLOWED)
def test_what_may_be_missing_is_imported_in_one_room(room):
    """Without PyTorch, scikit-learn or rich, everything else still imports."""
    found = {module.split(".")[0] for module, _ in imports(ROOMS / f"{room}.py")}
    assert {name for name in found & set(OUTSIDE) if room not in OUTSIDE[name]} == set()


@pytest.mark.parametrize("room", ALLOWED)
def test_parity_uses_refnet_s_public_names_alone(room):
    """The proof looks at refnet from outside: by what it exports, its tables of names,
    the checks of its door, and the forms it times.
    """
    found = {
        (module, name)
        for module, name in imports(ROOMS / f"{room}.py")
        if module.split(".")[0] == "refnet" and name
    }
    taken = {name for module, name in found if module != "refnet.forms"}
    tables = {
        "ACTIVATIONS",
        "LOSSES",
        "OPTIMIZERS",
        "LOG_FLOOR",
        "DECIDED",
        "Array",
        "Workspace",
        "matrix",
        "named",
        "place",
        "views",
    }
    assert taken <= set(refnet.__all__) | tables
    assert {name for module, name in found if module == "refnet.forms"} == FORMS.get(room, set())


def test_the_table_is_whole():
    """A new module needs a row."""
    assert {
        path.stem for path in ROOMS.glob("*.py") if not path.stem.startswith(("test_", "conftest"))
    } == set(ALLOWED)
