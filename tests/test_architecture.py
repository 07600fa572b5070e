"""The architecture: who may import whom, the public contract, and how a public name is
documented.
"""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import refnet
from refnet import (
    activations,
    backprop,
    checks,
    formats,
    initializers,
    losses,
    optimizers,
    plot,
    regularisers,
)
from refnet.equations import PLAIN

HOUSE = Path(refnet.__file__).parent
FILES = sorted(HOUSE.rglob("*.py"))
every_file = pytest.mark.parametrize(
    "file", FILES, ids=[file.relative_to(HOUSE).as_posix() for file in FILES]
)

# Each room, and those directly left of it; it may import them and what is left of them.
# The front door, __init__, may import all.
LEFT = {
    "checks": [],
    "blockwise": ["checks"],
    "flags": [],
    "frames": ["checks"],
    "equations": [],
    "activations": ["checks", "flags", "equations"],
    "losses": ["activations"],
    "generators": ["checks"],
    "initializers": ["checks", "equations", "generators"],
    "notebook": ["checks"],
    "layer": ["activations", "losses", "notebook"],
    "backprop": ["layer"],
    "passes": ["backprop"],
    "regularisers": ["backprop", "blockwise"],
    "clipping": ["passes", "blockwise"],
    "network": ["passes", "regularisers", "frames"],
    "building": ["initializers", "network"],
    "batches": ["network"],
    "fast": ["network", "blockwise"],
    "optimizers": ["blockwise"],
    "schedules": ["checks"],
    "history": ["passes"],
    "progress": ["history"],
    "stopping": ["network", "history"],
    "resuming": ["history", "optimizers"],
    "counting": ["batches", "fast"],
    "training": ["counting", "schedules", "stopping", "clipping", "progress", "resuming"],
    "differences": ["network"],
    "explanation": ["building", "clipping", "optimizers"],
    "__main__": ["explanation"],
    "forms": ["network"],
    "formats": ["building"],
    "plot": ["network", "history"],
    "files": ["formats", "resuming"],
    "estimators": ["training", "building"],
    "sklearn": ["estimators"],
}


KINDS_OF_RNG = (".default_rng", ".Generator", ".RandomState")


def all_left(room):
    return {room}.union(*(all_left(left) for left in LEFT[room]))


def room_of(file):
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(source):
    """The full name of everything that is imported, at the top or within a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names
            )


def strangers(source):
    """Packages that are neither the standard library nor NumPy nor refnet; a relative
    import is one, as it hides its room.
    """
    return {name.split(".")[0] or "." for name in imported(source)} - {
        *sys.stdlib_module_names,
        "numpy",
        "refnet",
    }


def rooms_entered(source):
    """The rooms of refnet that are imported; refnet itself counts as its __init__."""
    paths = [name.split(".") for name in imported(source)]
    return {
        path[1] if path[1:] and path[1] in LEFT else "__init__"
        for path in paths
        if path[0] == "refnet"
    }


def global_randomness(source):
    """What draws from a generator that everybody shares: the module random, and
    numpy.random but for its generators.
    """
    names = {
        ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)
    }
    used = {name for name in names if re.match(r"(np|numpy)\.random\.", name)}
    used |= {name for name in imported(source) if "random" in name.split(".")}
    return {name for name in used if not name.endswith(KINDS_OF_RNG)}


@every_file
def test_imports_point_left(file):
    """A room imports only what stands left of it in the table, and the table has every
    room.
    """
    if file != HOUSE / "__init__.py":
        assert rooms_entered(file.read_text(encoding="utf-8")) <= all_left(room_of(file))


# what is not installed everywhere, and the one room that needs it
OUTSIDE: dict[str, set[str]] = {
    "plot/style.py": {"matplotlib"},
    "sklearn.py": {"sklearn"},
}
# what a file asks for where it is installed, and the front door when it is asked for
ON_DEMAND = {
    "__init__.py": {'f"refnet.{room}"'},
    "fast/threads.py": {'"threadpoolctl"'},
    "formats/onnx.py": {'"onnx"'},
    "progress.py": {'"rich.console"', '"rich.progress"'},
}


@every_file
def test_only_numpy_and_the_standard_library(file):
    """refnet needs nothing but NumPy, and names its own rooms in full; what else it can
    use is asked for in one file, where it is there, or in a room that nothing else
    needs.
    """
    source, place = file.read_text(encoding="utf-8"), file.relative_to(HOUSE).as_posix()
    assert strangers(source) == OUTSIDE.get(place, set())
    demanded = ON_DEMAND.get(place, set())
    assert set(re.findall(r"import_module\((.*?)\)", source)) == demanded


@every_file
def test_no_global_randomness(file):
    """Random numbers come from a generator that was passed or seeded."""
    assert global_randomness(file.read_text(encoding="utf-8")) == set()


@every_file
def test_no_program_reads_a_docstring(file):
    """What code needs is a field: python -OO has no docstrings."""
    source = file.read_text(encoding="utf-8")
    assert not re.search(r"__doc__|\bgetdoc\b|\bget_docstring\b|\bcleandoc\b", source)


@every_file
def test_no_module_is_long(file):
    """Nobody reads more than 400 lines at once."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_checks_above_find_what_they_look_for():
    """Each of the searches finds a wrong line, also one within a function, and passes a
    right one.
    """
    assert strangers(
        "def f():\n    import torch.nn\n    from scipy import linalg\n    from . import checks"
    ) == {"torch", "scipy", "."}
    assert strangers("import math\nimport numpy as np\nfrom refnet.checks import Array") == set()
    assert rooms_entered("from refnet.training import fit\nfrom refnet import checks") == {
        "training",
        "checks",
    }
    assert rooms_entered("from refnet import fit\ndef f():\n    import refnet.losses") == {
        "__init__",
        "losses",
    }
    assert global_randomness("np.random.seed(0)\nnumpy.random.rand()") == {
        "np.random.seed",
        "numpy.random.rand",
    }
    assert global_randomness("import random\nfrom numpy.random import rand") == {
        "random",
        "numpy.random.rand",
    }
    assert (
        global_randomness("rng: np.random.Generator = np.random.default_rng(0)\nrng.random()")
        == set()
    )
    assert all_left("layer") == {
        "checks",
        "flags",
        "equations",
        "activations",
        "losses",
        "notebook",
        "layer",
    }


def test_import_loads_nothing_heavy():
    """`import refnet` in a new process loads none of the packages that only the proof,
    plots and tests need.
    """
    done = subprocess.run(
        [sys.executable, "-c", "import refnet, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert {"refnet", "numpy"} <= loaded
    assert loaded.isdisjoint(
        {
            "threadpoolctl",
            "torch",
            "sklearn",
            "scipy",
            "matplotlib",
            "rich",
            "parity",
            "pytest",
            "hypothesis",
        }
    )


def test_what_no_training_needs_is_imported_when_it_is_asked_for():
    """Neither explain nor gradient_check, nor NumPy's random numbers where NumPy itself
    leaves them out; each name brings its room, and a wrong name is refused as ever.
    """
    rooms = {"refnet.differences", "refnet.explanation", "refnet.files"}
    then = {
        "import numpy": set(),
        "import refnet": set(),
        "refnet.gradient_check": {"refnet.differences"},
        "from refnet import Explanation": rooms - {"refnet.files"},
        "refnet.load": rooms,
    }
    code = "\n".join(f"{line}; print(*sys.modules)" for line in then)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"], capture_output=True, text=True, check=True
    )
    loaded = [set(line.split()) for line in done.stdout.splitlines()]
    for modules, expected in zip(loaded, then.values(), strict=True):
        assert modules & rooms == expected
        assert ("numpy.random" in modules) == ("numpy.random" in loaded[0])
    with pytest.raises(AttributeError, match=r"^module 'refnet' has no attribute 'explains'$"):
        refnet.explains  # noqa: B018 - it is asked for
    assert {"explain", "Explanation", "gradient_check", "GradientCheck", "load", "save"} <= {
        *dir(refnet)
    }


def test_every_public_name_exists_in_order():
    """__all__ has what the front door imports, each name once, constants before classes
    before functions.
    """
    assert refnet.__all__ == sorted(
        set(refnet.__all__), key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert {*refnet.__all__} == {
        name
        for name in dir(refnet)
        if name[0] != "_" and not inspect.ismodule(getattr(refnet, name))
    }


def test_no_public_function_is_named_like_a_module():
    """A module, present or planned, and a public name or a function never share a name:
    the one would hide the other.
    """
    top = [node for file in FILES for node in ast.parse(file.read_text(encoding="utf-8")).body]
    names = {node.name for node in top if isinstance(node, ast.FunctionDef)} | {*refnet.__all__}
    assert names >= {"fit", "forward", "EQUATIONS"}
    assert names.isdisjoint({*LEFT, *(room_of(file) for file in FILES)})


def test_the_front_door_has_a_map():
    """The docstring of each package names every module in it."""
    for door in (file for file in FILES if file.name == "__init__.py"):
        map_of_rooms = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8")))
        rooms = {file.stem for file in door.parent.glob("*.py")}
        rooms |= {other.parent.name for other in door.parent.glob("*/__init__.py")}
        assert rooms - {"__init__"} <= set(
            re.findall(r"^ *(\w+)  +\S", map_of_rooms, re.MULTILINE)
        ), door


def signature(thing):
    """Arguments with their defaults, a star before those that go by name only."""
    shown, starred = [], False
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown, starred = [*shown, "*"], True
        shown.append(
            parameter.name
            if parameter.default is parameter.empty
            else f"{parameter.name}={parameter.default!r}"
        )
    return ", ".join(shown)


CONTRACT = {
    refnet.mlp: "sizes, hidden='sigmoid', output='softmax', init='torch_linear', seed=0, "
    "dtype='float64'",
    refnet.Network: "layers",
    refnet.Dense: "W, b, activation",
    refnet.LayerTrace: "a_prev, z, a",
    refnet.LayerGradient: "delta, dW, db",
    refnet.Network.forward: "self, x",
    refnet.Network.backward: "self, trace, loss, y",
    refnet.Network.loss_and_gradients: "self, x, y, loss",
    refnet.Network.predict: "self, x",
    refnet.Network.classify: "self, x",
    refnet.Network.accuracy: "self, x, labels",
    refnet.Network.summary: "self",
    refnet.Network.copy: "self",
    refnet.Network.astype: "self, dtype",
    refnet.Gradients.wrt_input: "self, net",
    refnet.Optimizer.step: "self, net, gradients",
    refnet.SGD: "lr=0.1, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0",
    refnet.fit: "net, x, y, *, loss, optimizer, epochs, batch_size=None, shuffle=True, seed=0, "
    "validation=None, "
    "schedule=None, stop=None, on_step=None, on_epoch=None",
    refnet.gradient_check: "net, x, y, loss",
    refnet.explain: "net, x, y, loss, lr=None, weight=None",
    refnet.LeakyReLU: "slope=0.01",
}


@pytest.mark.parametrize(
    ("thing", "arguments"), CONTRACT.items(), ids=[thing.__qualname__ for thing in CONTRACT]
)
def test_contract_of_arguments(thing, arguments):
    """A public name takes the arguments of the contract, in order and with their
    defaults; what it takes besides comes after.
    """
    assert re.match(rf"{re.escape(arguments)}(, \w+=|=<factory>|$)", signature(thing))


ATTRIBUTES = {
    refnet.Network: "layers parameters",
    refnet.Trace: "output",
    refnet.Gradients: "vector",
    refnet.Optimizer: "lr state",
}


@pytest.mark.parametrize(
    ("kind", "names"), ATTRIBUTES.items(), ids=[kind.__name__ for kind in ATTRIBUTES]
)
def test_contract_of_attributes(kind, names):
    """The attributes of the contract are there and documented; those of the optimizer
    can be set, those of the network cannot.
    """
    attributes = [inspect.getattr_static(kind, name) for name in names.split()]
    assert all(inspect.getdoc(attribute) for attribute in attributes)
    if kind in (refnet.Network, refnet.Optimizer):
        assert {attribute.fset is not None for attribute in attributes} == {
            kind is refnet.Optimizer
        }


BASES = {
    "refnet/activations.py: ACTIVATIONS": (activations.ACTIVATIONS, refnet.Activation),
    "refnet/losses/__init__.py: LOSSES": (losses.LOSSES, refnet.Loss),
    "refnet/initializers.py: INITIALIZERS": (initializers.INITIALIZERS, refnet.Initializer),
    "refnet/optimizers/__init__.py: OPTIMIZERS": (optimizers.OPTIMIZERS, refnet.Optimizer),
    "refnet/regularisers.py: PENALTIES": (regularisers.PENALTIES, refnet.Penalty),
}


@pytest.mark.parametrize("place", BASES)
def test_a_class_is_public_where_it_has_a_name(place):
    """What is in a table is in refnet.__all__, and what is there is in a table."""
    table, base = BASES[place]
    named, shown = {kind.__name__ for kind in table.values()}, {*public(base)}
    assert shown <= named, f"{place} has no entry for {', '.join(shown - named)}"
    says = f"refnet/__init__.py: __all__ has no {', '.join(named - shown)}"
    assert named <= shown, says


TABLES = {
    "activations": (
        activations.ACTIVATIONS,
        "Identity Heaviside Sigmoid Tanh ReLU LeakyReLU Softmax",
    ),
    "losses": (
        losses.LOSSES,
        (
            "MSE HalfSquaredError MAE CrossEntropy SoftmaxCrossEntropy BinaryCrossEntropy "
            "SigmoidCrossEntropy"
        ),
    ),
    "initializers": (
        initializers.INITIALIZERS,
        "Zeros Constant Uniform Normal TorchLinear GlorotUniform GlorotNormal HeUniform HeNormal",
    ),
    "optimizers": (optimizers.OPTIMIZERS, "SGD Adagrad RMSprop Adam AdamW"),
    "regularisers": (regularisers.PENALTIES, "L1 L2 ElasticNet"),
}


@pytest.mark.parametrize(("table", "classes"), TABLES.values(), ids=TABLES)
def test_every_class_has_its_name(table, classes):
    """Each kind is public and known by its own name, its class name in small letters
    with underscores between words.
    """
    assert [kind.__name__ for kind in table.values()] == classes.split()
    assert all(
        getattr(refnet, kind.__name__) is kind and kind.name == name for name, kind in table.items()
    )
    together = {name.replace("_", ""): kind for name, kind in table.items()}
    assert together == {kind.__name__.lower(): kind for kind in table.values()}


def test_equations_in_the_order_of_computation():
    """The eight equations of every step stand under their labels, in the order in
    which it computes them, after that of dropout.
    """
    assert [*PLAIN] == ["z", "a", "C", "BP1", "BP2", "BP3", "BP4", "step"]
    assert [*refnet.EQUATIONS] == ["dropout", *PLAIN]
    assert all(equation.label == label for label, equation in refnet.EQUATIONS.items())
    assert all(
        equation.formula and equation.reads and equation.writes and equation.source
        for equation in refnet.EQUATIONS.values()
    )


def public(*bases):
    """The public classes that are derived from these."""
    return [
        name
        for name in refnet.__all__
        if inspect.isclass(thing := getattr(refnet, name))
        and issubclass(thing, bases)
        and thing not in (*bases, refnet.Elementwise)
    ]


# The parts that a docstring has after its first paragraph, by the kind of the public
# name. Whatever raises has Errors too.
PARTS = {
    "activations": (public(refnet.Activation), "Shapes Torch Source"),
    "losses": (public(refnet.Loss), "Shapes Torch Errors Source"),
    "initializers": (public(refnet.Initializer), "Shapes Torch Source"),
    # libraries part ways over update rules, so each says how
    "optimizers": (public(refnet.Optimizer), "Shapes Torch Dialect Errors Source"),
    "penalties": (public(refnet.Penalty), "Shapes Torch Errors Source"),
    "clippings": (["ClipNorm", "ClipValue"], "Shapes Torch Errors Source"),
    "bases": (
        ["Activation", "Clipping", "Elementwise", "Initializer", "Loss", "Optimizer", "Penalty"],
        "Shapes Torch Source",
    ),
    "schedules": (
        ["ConstantLR", "CosineLR", "ExponentialLR", "InverseTimeLR", "StepLR"],
        "Shapes Torch Source",
    ),
    "stopping rules": (["EarlyStopping", "Precision"], "Shapes Torch Errors Source"),
    "networks": (["Dense", "Network"], "Shapes Torch Errors Source"),
    "functions": (
        ["explain", "fit", "gradient_check", "load", "minibatches", "mlp", "one_hot", "save"],
        "Shapes Torch Errors Source",
    ),
    "what a pass computes": (
        ["Gradients", "LayerGradient", "LayerTrace", "Trace"],
        "Shapes Torch Source",
    ),
    # the function that returns them has the parts
    "results": (
        ["Checkpoint", "Epoch", "Explanation", "GradientCheck", "History", "Step"],
        "",
    ),
    # a protocol computes nothing
    "interfaces": (["Stop"], ""),
    # their sources are fields; a dict has no docstring
    "data": (["EQUATIONS", "Equation"], ""),
}
REQUIRED = {
    **{
        getattr(refnet, name): parts
        for names, parts in PARTS.values()
        for name in names
        if name != "EQUATIONS"
    },
    backprop.forward: "Shapes Torch Errors Source",
    backprop.backward: "Shapes Torch Errors Source",
    **{getattr(formats, name): "Shapes Torch Errors Source" for name in formats.__all__},
    **dict.fromkeys(
        (plot.learning_curves, plot.weights, plot.deltas, plot.decision_boundary),
        "Shapes Torch Errors Source",
    ),
}


def test_every_public_name_has_one_kind():
    """The table of parts has each name of __all__, once."""
    assert sorted(name for names, _ in PARTS.values() for name in names) == sorted(refnet.__all__)


def raises(thing):
    """Whether a class or function raises, itself or by one of refnet's checks."""
    calls = {name for name, check in vars(checks).items() if inspect.isfunction(check)}
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in calls)
        for node in ast.walk(ast.parse(inspect.getsource(thing)))
    )


def parts_of(docstring):
    """The names of the parts, in their order; each starts a line of its own."""
    return re.findall(r"^([A-Z]\w+): \S", docstring, re.MULTILINE)


@pytest.mark.parametrize(
    ("thing", "required"), REQUIRED.items(), ids=[thing.__name__ for thing in REQUIRED]
)
def test_docstring_has_its_parts_in_order(thing, required):
    """The equation or what it is, then Shapes, Torch, Dialect, Errors and Source: those
    that its kind must have, and Errors where it raises.
    """
    docstring = inspect.cleandoc(thing.__doc__)
    parts, order = parts_of(docstring), ["Shapes", "Torch", "Dialect", "Errors", "Source"]
    wanted = {*required.split()} | ({"Errors"} if required and raises(thing) else set())
    missing = sorted(wanted - {*parts}, key=order.index)
    assert not missing, f"{thing.__name__} has no {', '.join(missing)}"
    assert parts == [part for part in order if part in parts]  # no other one, misspelt
    assert parts_of(docstring.partition("\n")[0]) == []


def test_the_labels_of_backpropagation_stand_once_in_its_code():
    """BP1 to BP4 label one line each, and one screen shows forward and backward."""
    code = "".join(map(inspect.getsource, (backprop.forward, backprop.backward)))
    assert re.findall(r"# (\w+)$", code, re.MULTILINE) == ["BP1", "BP2", "BP3", "BP4"]
    assert len(code.splitlines()) <= 60
    for function, labels in (
        (backprop.forward, ["z^l =", "a^l ="]),
        (backprop.backward, ["BP1  delta^L =", "BP2  delta^l =", "BP3  db^l =", "BP4  dW^l ="]),
    ):
        lines = [line.strip() for line in function.__doc__.splitlines()]
        assert all(sum(line.startswith(label) for line in lines) == 1 for label in labels)


def test_the_checks_of_docstrings_find_what_they_look_for():
    """A part is found at the start of a line alone, and a raise and a check in a
    body.
    """
    assert parts_of("f = 1.\n\nTorch: none.\nShapes: any. Source: none.") == ["Torch", "Shapes"]
    assert raises(refnet.one_hot)
    assert raises(refnet.StepLR)
    assert not raises(refnet.ConstantLR)
