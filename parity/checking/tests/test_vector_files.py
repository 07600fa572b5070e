"""The test vectors as others read them: by the schema, by JSON parsers in Python and in
JavaScript, and by the reader in JavaScript that runs an engine over all of them.
"""

import json
import re
import shutil
import subprocess
from copy import deepcopy

import jsonschema
import numpy as np
import pytest

from parity.checking.tests.test_other_languages import ENGINE, EXAMPLES, tool
from parity.checking.tests.vector_files import text, vectors
from parity.checking.vectors import files

VECTORS = vectors()
FIRST = next(iter(VECTORS))
READER = EXAMPLES / "vectors.js"


# the schema


@pytest.fixture(scope="module")
def schema():
    """The validator that the schema of the version makes."""
    whole = json.loads(text("schema.json"))
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


def test_every_file_is_as_the_schema_says(schema):
    """All that it has, and nothing besides."""
    assert [
        (name, e.json_path, e.message)
        for name in VECTORS
        for e in schema.iter_errors(VECTORS[name])
    ] == []


def without(*path):
    def change(vector):
        del place(vector, path[:-1])[path[-1]]

    return change


def having(value, *path):
    def change(vector):
        place(vector, path[:-1])[path[-1]] = value

    return change


def place(vector, path):
    for key in path:
        vector = vector[key]
    return vector


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (having(2, "version"), "$.version"),
        (having("gelu", "activations", 0), "$.activations[0]"),
        (having(0, "sizes", 0), "$.sizes[0]"),
        (having("sum", "loss"), "$.loss"),
        (having(0.1, "settings", "rho"), "$.settings"),
        (having("0.5", "W", 0, 0, 0), "$.W[0][0][0]"),
        (having(None, "steps", 0, "lr"), "$.steps[0].lr"),
        (having([[0.5], "a"], "steps", 0, "y"), "$.steps[0].y"),
        (having(-1e-15, "expected", 0, "loss", "allowed"), "$.expected[0].loss.allowed"),
        (having([1.0], "expected", 0, "z", "value", 0), "$.expected[0].z.value[0][0]"),
        (having(1.0, "expected", 0, "dW", "allowed", 0, 0), "$.expected[0].dW.allowed[0][0]"),
        (having(1, "seed"), "$"),
        (having(1, "expected", 0, "loss", "unit"), "$.expected[0].loss"),
        (having(1, "expected", 0, "loss_value"), "$.expected[0]"),
        (without("notes"), "$"),
        (without("expected", 0, "W"), "$.expected[0]"),
        (without("expected", 0, "db"), "$.expected[0]"),
        (without("expected", 0, "z", "allowed"), "$.expected[0].z"),
        (having(False, "bias"), "$.expected[0]"),
    ],
)
def test_the_schema_refuses_what_is_no_vector(schema, change, where):
    """At the place where it is wrong."""
    vector = deepcopy(VECTORS[FIRST])
    change(vector)
    assert where in {error.json_path for error in schema.iter_errors(vector)}


def test_the_schema_and_the_files_have_the_same_names(schema):
    """None that no file has, and a description for all but the plainest."""
    properties = schema.schema["properties"]
    assert {*properties} == {*VECTORS[FIRST]}
    kinds = properties["expected"]["items"]["properties"]
    assert {*kinds} == {name for vector in VECTORS.values() for name in vector["expected"][0]}
    assert all("description" in each for each in kinds.values())
    plain = {name for name, each in properties.items() if "description" not in each}
    assert plain == {"format", "optimizer"}


# numbers, bit by bit

SPECIAL = (
    *(0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308),
    *(1.7976931348623157e308, -1.7976931348623157e308, 1e22, 1e23, 9007199254740993.0, 0.1),
    *(float(np.nextafter(1.0, 0.0)), float(np.nextafter(1.0, 2.0)), float(np.float32(0.1))),
    *(float(np.nextafter(np.float32(0.0), np.float32(1.0))), 1e-7, 1e21, 123456789012345680.0),
)
# reads numbers from a file, and prints their bits
BITS = """
const whole = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
const numbers = [];
const collect = (value) => {
  if (typeof value === "number") numbers.push(value);
  else if (value && typeof value === "object") Object.values(value).forEach(collect);
};
collect(whole);
const bits = new BigUint64Array(new Float64Array(numbers).buffer);
console.log(Array.from(bits, String).join("\\n"));
"""


def numbers(value):
    """All numbers, in the order of the text."""
    if isinstance(value, bool) or not isinstance(value, int | float | list | dict):
        return []
    if isinstance(value, int | float):
        return [float(value)]
    return [
        n for each in (value.values() if isinstance(value, dict) else value) for n in numbers(each)
    ]


def bits(values):
    """The bits of numbers, as integers."""
    return np.array(values, np.float64).view(np.uint64).tolist()


def whole():
    """All floats of all files, and some that are hard to write."""
    rng = np.random.default_rng(0)
    wild = rng.integers(0, 2**64, 2000, dtype=np.uint64).view(np.float64)
    narrow = rng.normal(size=1000).astype(np.float32)
    others = [*SPECIAL, *wild[np.isfinite(wild)].tolist(), *map(float, narrow)]
    return {"files": list(VECTORS.values()), "others": others}


def test_the_numbers_of_python_keep_their_bits():
    """Written and read again, -0.0 and subnormals too."""
    values = numbers(whole())
    assert len(values) > 30_000
    assert any(each == 0 and np.signbit(each) for each in numbers([*VECTORS.values()]))
    assert bits(numbers(json.loads(json.dumps(whole())))) == bits(values)


def test_javascript_reads_the_same_bits(tmp_path):
    """By JSON.parse, of what Python wrote."""
    file = tmp_path / "numbers.json"
    file.write_text(json.dumps(whole()), encoding="utf-8")
    command = [tool("node"), "-e", BITS, str(file)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [int(line) for line in printed.split()] == bits(numbers(whole()))


def test_the_numbers_of_float32_are_exact():
    """Each input is a number of the vector's dtype, in the digits of float64."""
    for vector in VECTORS.values():
        inputs = np.array(numbers([vector["W"], vector["b"], [s["x"] for s in vector["steps"]]]))
        assert bits(inputs.astype(vector["dtype"]).astype(np.float64)) == bits(inputs)


# the reader in JavaScript

in_a_checkout = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the examples lie beside the package in a checkout alone"
)


def read(engine="", folder=files.HOME):
    """Exit status and lines of the reader, with an engine or its own."""
    command = [tool("node"), str(READER), str(folder), *([str(engine)] if engine else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


@in_a_checkout
def test_the_engine_is_right_by_all_vectors():
    """By refnet's engine, if none is named."""
    right = [f"RIGHT: {len(VECTORS)} test vectors"]
    assert read() == read(ENGINE) == (0, right, "")


# a line of the engine, what it becomes, and the first array that is beyond; "" for many
BROKEN = {
    "f' of hidden layers": (
        'run("BP2", l, () => through(above())); // BP2',
        "above();",
        "delta",
    ),
    "f' of relu at 0": ("(z) => (z > 0 ? 1 : 0)", "(z) => (z >= 0 ? 1 : 0)", "delta"),
    "a sum for a mean": (
        "mse: summed((a, y) => (a - y) ** 2, (a, y) => 2",
        "mse: summed((a, y) => (a - y) ** 2, (a, y) => 1",
        "delta",
    ),
    "the diagonal of softmax": (
        "each * (gradA[j] - mean)",
        "each * (1 - each) * gradA[j]",
        "delta",
    ),
    "eps in the root": (
        "Math.sqrt(v) / correction2 + eps",
        "Math.sqrt(v / correction2 ** 2 + eps)",
        "W",
    ),
    "a first step that is dampened": (
        "let v = d; // the first v is not dampened",
        "let v = entrywise((d) => (1 - dampening) * d, d);",
        "W",
    ),
    "log without a floor": ("Math.max(Math.log(p), -100)", "Math.log(p)", "loss"),
    "another slope": ("z > 0 ? 1 : slope)", "z > 0 ? 1 : 0.01)", "delta"),
    "db of one sample": ("transpose(here.delta).map(sum)", "here.delta[0]", "db"),
    "one entry too few": ("return z.map((row) => ACT", "return z.slice(1).map((row) => ACT", ""),
}


@in_a_checkout
@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_engine_fails(tmp_path, name):
    """With exit status 1, and the file, step, array and entry of the first number that
    is beyond what is allowed.
    """
    there, becomes, array = BROKEN[name]
    source = ENGINE.read_text("utf-8")
    assert source.count(there) == 1
    (tmp_path / "engine.js").write_text(source.replace(there, becomes), encoding="utf-8")
    status, lines, errors = read(tmp_path / "engine.js")
    assert (status, lines[-1], errors) == (1, "WRONG", "")
    pattern = rf"(\S+\.json), step \d, {array}[\[\d\]]*: got \S+, expected \S+, allowed \S+"
    if array:
        assert all(re.fullmatch(pattern, line) for line in lines[:-1]), lines
    assert 1 <= len(lines[:-1]) <= len(VECTORS)


@in_a_checkout
def test_the_line_of_the_readme_is_printed(tmp_path):
    """Without f' of the hidden layers, up to the digits of the program."""
    there, becomes, _ = BROKEN["f' of hidden layers"]
    text = ENGINE.read_text("utf-8").replace(there, becomes)
    (tmp_path / "engine.js").write_text(text, encoding="utf-8")
    line = read(tmp_path / "engine.js")[1][0]
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    got = r"got \S+,"
    (said,) = (each for each in readme.splitlines() if each.startswith(FIRST))
    assert re.sub(got, "", said) == re.sub(got, "", line)


@in_a_checkout
def test_a_folder_without_vectors_is_not_right(tmp_path):
    """Nothing was tried."""
    status, lines, errors = read(folder=tmp_path)
    assert (status, lines) == (1, [])
    assert f"{tmp_path}: has no test vectors" in errors


@in_a_checkout
def test_a_vector_of_one_s_own_is_read(tmp_path):
    """The reader looks at every file, at its last number, too."""
    shutil.copytree(files.HOME, tmp_path / "vectors")
    vector = deepcopy(VECTORS[FIRST])
    after = vector["expected"][-1]["b"]
    after["value"][-1][-1] += 2 * after["allowed"][-1][-1]
    (tmp_path / "vectors" / "99-last.json").write_text(json.dumps(vector), encoding="utf-8")
    status, lines, _ = read(folder=tmp_path / "vectors")
    assert (status, lines[1:]) == (1, ["WRONG"])
    assert lines[0].startswith("99-last.json, step 3, b[1][1]: got ")
