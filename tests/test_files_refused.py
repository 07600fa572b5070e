"""load reads nothing but what save writes: whatever else stands in a file, there is a
sentence, nothing is executed, and little memory is taken.
"""

import bisect
import copy
import hashlib
import io
import json
import os
import pickle
import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet.files import loading

VERSION_1 = Path(__file__).parent / "files" / "version_1"


def parts(name="training"):
    """The metadata of a file of version 1, its arrays' entries, and the numbers."""
    whole = (VERSION_1 / f"{name}.safetensors").read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:end])
    return json.loads(header.pop("__metadata__")["refnet"]), header, whole[end:]


def sealed(description, arrays, numbers, **metadata):
    """A file of these parts whose SHA-256 is right."""
    text = description if isinstance(description, str) else json.dumps(description)
    given = {"sha256": "0" * 64, "refnet": text, **metadata}
    return summed(json.dumps({"__metadata__": given, **arrays}, separators=(",", ":")), numbers)


def summed(header, numbers):
    """A file with this header, in which the zeros of the sum are replaced by it."""
    header = header.encode("utf-8", "surrogatepass")
    whole = len(header).to_bytes(8, "little") + header + numbers
    at = whole.find(b"0" * 64)
    digest = hashlib.sha256(whole[:at] + whole[at + 64 :]).hexdigest().encode()
    return whole[:at] + digest + whole[at + 64 :]


def refused(path, whole, sentence=""):
    """The sentence that says why the file is refused."""
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=f"^{re.escape(f'load: {path}: {sentence}')}") as error:
        refnet.load(path)
    assert type(error.value) is ValueError
    assert "expected" in str(error.value)
    assert len(str(error.value)) < 500 + len(str(path))
    return str(error.value)


def test_a_file_sealed_here_is_read(tmp_path):
    """What is refused below is refused for what it says."""
    path = tmp_path / "net"
    path.write_bytes(sealed(*parts()))
    assert refnet.load(path).history.epochs[0].loss == 0.5


# files that are none


def torch_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return file.getvalue()


def header_alone(header):
    return len(header).to_bytes(8, "little") + header


OURS = "expected a file that refnet.save wrote"
OTHERS = "weights of others come in by refnet.formats.from_state_dict"
FOREIGN = json.dumps({"w": {"dtype": "F64", "shape": [20], "data_offsets": [0, 160]}}).encode()
START = b'{"__metadata__":{"sha256":"'
NONE = {
    "empty": (b"", "has 0 bytes, expected a file that refnet.save wrote"),
    "short": (b"\x01" * 33, "has 33 bytes, expected a file that refnet.save wrote"),
    "zeros": (bytes(200), "has 200 bytes and a header of 0 bytes, expected a file that"),
    "huge": (b"\xff" * 200, f"has 200 bytes and a header of {2**64 - 1} bytes, expected a file"),
    "text": (b"import os\n" * 20, "has 200 bytes and a header of"),
    "pickle": (pickle.dumps([1] * 200), "has 4"),
    "zip": (torch_zip() + bytes(100), "has "),
    "foreign": (
        header_alone(FOREIGN) + bytes(160),
        f"has a header that starts with {FOREIGN[: len(START)]!r}, {OURS}; {OTHERS}",
    ),
    "bytes": (header_alone(START + b"\xff" * 200), "header is no UTF-8, expected a file that"),
    "cut": (header_alone(START + b"0" * 200), "header is no JSON: Unterminated string"),
    "deep": (
        header_alone(START + b'0","refnet":' + b"[" * 50000),
        "header is nested deeply, expected a few levels",
    ),
    "digits": (
        header_alone(START + b'0","refnet":' + b"1" * 5000 + b"}}"),
        "header is no JSON: Exceeds the limit",
    ),
    "one more": (
        header_alone(START + b'0" } } {}' + b" " * 100),
        "header is no JSON: Extra data",
    ),
}


@pytest.mark.parametrize(("whole", "sentence"), NONE.values(), ids=NONE)
def test_what_refnet_did_not_write(whole, sentence, tmp_path):
    """Nothing is assumed of a file."""
    refused(tmp_path / "net", whole, sentence)


def test_every_cut_is_noticed(tmp_path):
    """Of a whole file, at every length, and with a byte more."""
    path, whole = tmp_path / "net", (VERSION_1 / "leaky.safetensors").read_bytes()
    for length in range(len(whole)):
        refused(path, whole[:length])
    refused(path, whole + b"\0", f"has {len(whole) + 1} bytes, expected {len(whole)}, where")


def test_a_flipped_bit_of_every_byte_is_noticed(tmp_path):
    """Of a whole file, one bit of each byte, all eight of the sum."""
    path, whole = tmp_path / "net", (VERSION_1 / "leaky.safetensors").read_bytes()
    places = {8 * byte + byte % 8 for byte in range(len(whole))}
    for place in sorted(places | {*range(8 * 35, 8 * 99)}):
        other = bytearray(whole)
        other[place // 8] ^= 1 << place % 8
        refused(path, other)


def test_another_sum_is_told(tmp_path):
    """Both, and what that means."""
    whole = bytearray(sealed(*parts()))
    whole[-1] ^= 1
    sentence = refused(tmp_path / "net", whole, "has the SHA-256 ")
    assert sentence.endswith("' as it says: it is damaged")


# a right sum of wrong contents


def header_with(change):
    """The parts of a file, of which the arrays' entries are changed."""

    def changed():
        description, arrays, numbers = parts()
        change(arrays)
        return sealed(description, arrays, numbers)

    return changed


def described_with(change, name="training"):
    """The parts of a file, of which the metadata are changed."""

    def changed():
        description, arrays, numbers = parts(name)
        change(description)
        return sealed(description, arrays, numbers)

    return changed


def put(*path_and_value, name="training"):
    """One value of the metadata is another."""
    *path, last, value = path_and_value

    def change(description):
        node = description
        for key in path:
            node = node[key]
        node[last] = value

    return described_with(change, name)


def entry(name, **fields):
    return header_with(lambda arrays: arrays[name].update(fields))


def swapped_entries(arrays):
    arrays["0.bias"], arrays["2.bias"] = arrays["2.bias"], arrays["0.bias"]


def twice():
    description, arrays, numbers = parts()
    whole = sealed(description, arrays, numbers)[8 : -len(numbers)].decode()
    name = '"0.weight":'
    doubled = whole.replace(name, f'{name}{{"dtype":"F64","shape":[],"data_offsets":[0,0]}},{name}')
    return summed(re.sub(r'(?<="sha256":")\w{64}', "0" * 64, doubled), numbers)


EPOCHS = ("history", "epochs")
GENERATOR = ("history", "reached", "generator")
INTEGER = "expected an integer >= "
WRONG = {
    # arrays
    "a name twice": (twice, "header is no JSON: a name stands twice, expected that of"),
    "no entry": (
        header_with(lambda arrays: arrays.update({"0.bias": None})),
        "'0.bias' has None, expected the fields dtype, shape, data_offsets",
    ),
    "one field more": (
        entry("0.bias", more=1),
        "'0.bias' has ['dtype', 'shape', 'data_offsets', 'more'], expected the fields dtype, sha",
    ),
    "another dtype": (
        entry("0.bias", dtype="F32"),
        "'0.bias' has {'dtype': 'F32', 'shape': [3], 'data_offsets': [48, 72]}, expected {'dtype':",
    ),
    "a dtype that is no text": (entry("0.bias", dtype=8), "'0.bias': dtype has 8, expected text"),
    "shape ()": (
        entry("0.bias", shape=[]),
        "'0.bias' has {'dtype': 'F64', 'shape': [], 'data_offsets': [48, 72]}, expected {'dtype'",
    ),
    "shape 0": (entry("0.bias", shape=[0]), "'0.bias' has {'dtype': 'F64', 'shape': [0], 'data"),
    "shape -3": (entry("0.bias", shape=[-3]), f"'0.bias': shape has -3, {INTEGER}0"),
    "shape true": (entry("0.bias", shape=[True]), f"'0.bias': shape has True, {INTEGER}0"),
    "shape 3.0": (entry("0.bias", shape=[3.0]), f"'0.bias': shape has 3.0, {INTEGER}0"),
    "shape text": (entry("0.bias", shape="3"), "'0.bias': shape has '3', expected a list"),
    "huge shape": (entry("0.weight", shape=[2**60, 2]), "'0.weight' has {'dtype': 'F64', 'shape"),
    "negative offset": (
        entry("0.weight", data_offsets=[-8, 48]),
        f"'0.weight': data_offsets has -8, {INTEGER}0",
    ),
    "three offsets": (
        entry("0.weight", data_offsets=[0, 8, 48]),
        "'0.weight': data_offsets has length 3, expected 2",
    ),
    "overlapping": (
        entry("0.bias", data_offsets=[0, 24]),
        "'0.bias' has {'dtype': 'F64', 'shape': [3], 'data_offsets': [0, 24]}, expected {'dtype'",
    ),
    "a hole": (
        entry("0.bias", data_offsets=[56, 80]),
        "'0.bias' has {'dtype': 'F64', 'shape': [3], 'data_offsets': [56, 80]}, expected",
    ),
    "backwards": (entry("0.bias", data_offsets=[72, 48]), "'0.bias' has {'dtype': 'F64', 'shape'"),
    "beyond the file": (
        entry("0.bias", data_offsets=[48, 2**63]),
        "has 2101 bytes, expected 9223372036854777",
    ),
    "exchanged": (header_with(swapped_entries), "'0.bias' has {'dtype': 'F64', 'shape': [1], 'dat"),
    "one less": (
        header_with(lambda arrays: arrays.pop("0.bias")),
        "header has ['0.weight', '2.weight', '2.bias', 'optimizer.exp_avg', '..., expected the ar",
    ),
    "one more": (
        header_with(lambda arrays: arrays.update(more=arrays["0.bias"])),
        "header has the array 'more', expected those of the network",
    ),
    "none": (header_with(dict.clear), "has "),
    # metadata
    "metadata text": (
        lambda: summed('{"__metadata__":{"sha256":"' + "0" * 64 + '"}}', b""),
        "__metadata__ has ['sha256'], expected the fields sha256, refnet",
    ),
    "metadata of others": (
        lambda: sealed(*parts(), format="pt"),
        "__metadata__ has ['sha256', 'refnet', 'format'], expected the fields sha256, refnet",
    ),
    "refnet no text": (
        lambda: sealed("", {}, b"", refnet=1),
        "refnet has 1, expected text",
    ),
    "no JSON": (lambda: sealed("{", *parts()[1:]), "refnet is no JSON: Expecting property name"),
    "NaN": (lambda: sealed("NaN", *parts()[1:]), "refnet is no JSON: NaN is no number, expected"),
    "1e999": (lambda: sealed("1e999", *parts()[1:]), "refnet is no JSON: 1e999 is no number"),
    "deep": (lambda: sealed("[" * 50000, *parts()[1:]), "refnet is nested deeply, expected a few"),
    "a list": (lambda: sealed("[1]", *parts()[1:]), "refnet has [1], expected the field version"),
    "a name twice in it": (
        lambda: sealed('{"version":1,"version":1}', *parts()[1:]),
        "refnet is no JSON: a name stands twice",
    ),
    "newer": (put("version", 2), "has version 2 of the format, expected 1: update refnet"),
    "newer and other": (
        lambda: sealed('{"version":7,"graph":[]}', {}, b""),
        "has version 7 of the format, expected 1: update refnet",
    ),
    "version 0": (put("version", 0), f"version has 0, {INTEGER}1"),
    "version true": (put("version", True), f"version has True, {INTEGER}1"),
    "version 1.0": (put("version", 1.0), f"version has 1.0, {INTEGER}1"),
    "one name more": (
        put("more", 1),
        "refnet has ['version', 'dtype', 'sizes', 'layers', 'columns', 'optim..., expected the fi",
    ),
    "one name less": (
        described_with(lambda description: description.pop("columns")),
        "refnet has ['version', 'dtype', 'sizes', 'layers', 'optimizer', 'his..., expected the f",
    ),
    # networks
    "float16": (put("dtype", "float16"), "dtype has 'float16', expected float32 or float64"),
    "float32": (put("dtype", "float32"), "'0.weight' has {'dtype': 'F64', 'shape': [3, 2], 'data"),
    "one size": (put("sizes", [2]), "sizes has [2], expected at least 2 (inputs and outputs)"),
    "size 0": (put("sizes", 1, 0), f"sizes has 0, {INTEGER}1"),
    "huge sizes": (
        put("sizes", [2**62, 2**62, 2**62]),
        "'0.weight' has {'dtype': 'F64', 'shape': [3, 2], 'data_offsets': [0, 48]}, expected",
    ),
    "other sizes": (put("sizes", 0, 3), "'0.weight' has {'dtype': 'F64', 'shape': [3, 2], 'data"),
    "layers": (put("layers", []), "layers has length 0, expected 2"),
    "layer": (put("layers", 1, 7), "layer 2 has 7, expected the fields activation, parameters, bi"),
    "unknown activation": (
        put("layers", 0, "activation", "os.system"),
        "layer 1: activation has 'os.system', expected one of identity, heaviside, sigmoid, tanh",
    ),
    "no text": (put("layers", 0, "activation", ["tanh"]), "layer 1: activation has ['tanh'], exp"),
    "parameters": (
        put("layers", 0, "parameters", {"slope": 1}),
        "layer 1: parameters has ['slope'], expected the fields ",
    ),
    "slope": (
        put("layers", 0, "parameters", {}, name="leaky"),
        "layer 1: parameters has [], expected the fields slope",
    ),
    "slope text": (
        put("layers", 0, "parameters", "slope", "inf", name="leaky"),
        "layer 1: slope has 'inf', expected a number",
    ),
    "slope huge": (
        put("layers", 0, "parameters", "slope", 10**400, name="leaky"),
        f"layer 1: slope has {str(10**400)[:57]}..., expected a finite number",
    ),
    "bias": (put("layers", 0, "bias", 1), "layer 1: bias has 1, expected true or false"),
    "no bias": (put("layers", 0, "bias", False), "'2.weight' has {'dtype': 'F64', 'shape': [1, 3]"),
    "dropout 1": (
        put("layers", 0, "dropout", 1),
        "layer 1: dropout has 1.0, expected a probability >= 0 and < 1",
    ),
    "dropout": (put("layers", 0, "dropout", 0.5), "header has ['0.weight', '0.bias', '2.weight',"),
    "columns": (put("columns", ["a"]), "columns has length 1, expected 2"),
    "column": (put("columns", ["a", {}]), "columns has {}, expected text, numbers, null, or lists"),
    "column in column": (put("columns", ["a", [[]]]), "columns has [], expected text, numbers, nu"),
    # optimizers
    "optimizer": (
        put("optimizer", 1),
        "optimizer has 1, expected the fields name, hyperparameters",
    ),
    "unknown optimizer": (
        put("optimizer", "name", "eve"),
        "optimizer: name has 'eve', expected one of sgd, adagrad, rmsprop, adam, adamw",
    ),
    "another optimizer": (
        put("optimizer", "name", "sgd"),
        "optimizer: hyperparameters has ['lr', 'betas', 'eps', 'amsgrad', 'weight_decay'], expect",
    ),
    "lr": (put("optimizer", "hyperparameters", "lr", -1), "Adam: lr has -1.0, expected a finite"),
    "betas": (
        put("optimizer", "hyperparameters", "betas", [0.5]),
        "optimizer: betas has length 1, expected 2",
    ),
    "beta": (
        put("optimizer", "hyperparameters", "betas", [0.5, 1]),
        "Adam: betas[1] has 1.0, expected a finite number >= 0 and < 1",
    ),
    "amsgrad": (
        put("optimizer", "hyperparameters", "amsgrad", 0),
        "optimizer: amsgrad has 0, expected true or false",
    ),
    "no amsgrad": (
        put("optimizer", "hyperparameters", "amsgrad", False),
        "Adam: state has steps, exp_avg, exp_avg_sq, max_exp_avg_sq, expected steps, exp_avg, exp_",
    ),
    "nesterov": (
        put("optimizer", "hyperparameters", "momentum", 0.0, name="dropping"),
        "SGD: nesterov has momentum 0.0 and dampening 0.0, expected momentum > 0 and dampening 0",
    ),
    "decay_biases": (
        put("optimizer", "decay_biases", None),
        "optimizer: decay_biases has None, expected true or false",
    ),
    "steps": (put("optimizer", "steps", -1), "optimizer: steps has -1, expected an integer from 0"),
    "steps huge": (put("optimizer", "steps", 2**63), "optimizer: steps has 9223372036854775808, e"),
    "state": (put("optimizer", "state", []), "Adam: state has steps, expected steps, exp_avg, exp"),
    "state twice": (
        put("optimizer", "state", ["sum", "sum"], name="optimizer_alone"),
        "optimizer: state has ['sum', 'sum'], expected each name once",
    ),
    "state of other names": (
        put("optimizer", "state", 0, "steps"),
        "optimizer: state has ['steps', 'exp_avg_sq', 'max_exp_avg_sq'], expected each name once",
    ),
    "no optimizer": (
        put("optimizer", None),
        "history: reached has no optimizer, expected the one that trained",
    ),
    # histories
    "history": (put("history", 1), "history has 1, expected the fields epochs, stopped, reached"),
    "stopped": (put("history", "stopped", None), "history: stopped has None, expected text"),
    "epochs": (
        put(*EPOCHS, []),
        "history: epochs has [], expected the fields number, of, loss, lr",
    ),
    "column of epochs": (put(*EPOCHS, "loss", {}), "history: loss has {}, expected a list"),
    "shorter": (put(*EPOCHS, "loss", [0.5]), "history: loss has length 1, expected 3"),
    "number 0": (put(*EPOCHS, "number", 0, 0), f"history: number has 0, {INTEGER}1"),
    "number 1.0": (put(*EPOCHS, "of", 0, 1.0), f"history: of has 1.0, {INTEGER}1"),
    "no loss": (put(*EPOCHS, "loss", 0, None), "history: loss has None, expected a number"),
    "loss true": (put(*EPOCHS, "loss", 0, True), "history: loss has True, expected a number"),
    "loss text": (put(*EPOCHS, "loss", 0, "1"), "history: loss has '1', expected a number"),
    "loss list": (put(*EPOCHS, "loss", 0, []), "history: loss has [], expected a number"),
    "loss huge": (put(*EPOCHS, "loss", 0, 10**400), f"history: loss has {10**56}..., expected a"),
    "seed": (put("history", "reached", "seed", -1), f"history: seed has -1, {INTEGER}0"),
    "shuffle": (put("history", "reached", "shuffle", 1), "history: shuffle has 1, expected true"),
    "steps of it": (put("history", "reached", "steps", "9"), f"history: steps has '9', {INTEGER}0"),
    "generator": (put(*GENERATOR, None), "history: generator has None, expected the fields bit_ge"),
    "MT19937": (
        put(*GENERATOR, "bit_generator", "MT19937"),
        "history: generator: bit_generator has 'MT19937', expected PCG64",
    ),
    "its state": (
        put(*GENERATOR, "state", "state", 2**128),
        f"history: generator: state has {2**128}, expected an integer from 0 to {2**128 - 1}",
    ),
    "even inc": (
        put(*GENERATOR, "state", "inc", 4),
        "history: generator: inc has 4, expected an odd number",
    ),
    "has_uint32": (
        put(*GENERATOR, "has_uint32", 2),
        "history: generator: has_uint32 has 2, expected an integer from 0 to 1",
    ),
    "uinteger": (
        put(*GENERATOR, "uinteger", 2**32),
        "history: generator: uinteger has 4294967296, expected an integer from 0 to 4294967295",
    ),
    "key": (put(*GENERATOR, "state", {"key": []}), "history: generator: state has ['key'], expe"),
}


@pytest.mark.parametrize(("make", "sentence"), WRONG.values(), ids=WRONG)
def test_a_right_sum_makes_no_contents_right(make, sentence, tmp_path):
    """Whoever writes a file can make its sum: each value is checked for itself."""
    refused(tmp_path / "net", make(), sentence)


def test_no_depth_is_too_deep(tmp_path):
    """Python gives up on JSON at some depth, and could on showing a value at another;
    there is a sentence at each.
    """
    readable = bisect.bisect_left(range(100_000), True, key=is_too_deep)
    for depth in range(readable - 60, readable + 20):
        description = json.dumps(parts()[0])
        other = description.replace('"sizes": [2, 3, 1]', f'"sizes": {nested(depth)}')
        refused(tmp_path / "net", sealed(other, *parts()[1:]))


def nested(depth):
    return "[" * depth + "]" * depth


def is_too_deep(depth):
    try:
        json.loads(nested(depth))
    except RecursionError:
        return True
    return False


def test_a_file_that_is_cut_meanwhile_is_refused(monkeypatch, tmp_path):
    """After all was checked, and before the numbers are read."""
    path, whole = tmp_path / "net", (VERSION_1 / "leaky.safetensors").read_bytes()
    understood = loading._contents

    def cut(description):
        os.truncate(path, len(whole) - 8)
        return understood(description)

    monkeypatch.setattr(loading, "_contents", cut)
    refused(path, whole, "has 56 bytes where 64 were, expected no change")


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (refnet.Adagrad, "sum"),
        (refnet.RMSprop, "square_avg"),
        (refnet.AdamW, "exp_avg_sq"),
        (lambda: refnet.Adam(amsgrad=True), "max_exp_avg_sq"),
    ],
)
def test_a_mean_of_squares_is_not_negative(optimizer, name, tmp_path):
    """The root of it would be nan, at a later step."""
    net, changed = refnet.mlp([2, 3, 1]), optimizer()
    changed.bind(net)
    changed.state[name][2] = -0.5
    refnet.save(tmp_path / "net", net, changed)
    whole = (tmp_path / "net").read_bytes()
    refused(tmp_path / "net", whole, f"{name!r} has -0.5, expected a mean or sum of squares")


def test_a_longer_header_than_save_writes_is_not_read(monkeypatch, tmp_path):
    """Nor is memory taken for it."""
    whole = sealed(*parts())
    length = int.from_bytes(whole[:8], "little")
    monkeypatch.setattr(loading, "LIMIT", length - 1)
    refused(tmp_path / "net", whole, f"has {len(whole)} bytes and a header of {length} bytes, ")


# hypothesis: any value in any place

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, 2**128, 10**400, 1e308, -0.0, 0.5])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["inf", "nan", "tanh", "softmax", "sgd", "adam", "exp_avg", "F32", "PCG64"])
)
JSON = st.recursive(
    SCALARS,
    lambda each: (
        st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=3)
    ),
    max_leaves=6,
)


def places(value, path=()):
    """The path to every value in plain data, the whole first."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            yield from places(each, (*path, key))


@st.composite
def mutated(draw):
    """The parts of a file with other values in some places, or without some."""
    name = draw(st.sampled_from([path.stem for path in sorted(VERSION_1.iterdir())]))
    description, arrays, numbers = parts(name)
    both = {"description": description, "arrays": arrays}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in places(both) if len(path) > 1]))
        node = both
        for key in path[:-1]:
            node = node[key]
        change = draw(st.sampled_from(["put", "drop", "copy"]))
        if change == "put":
            node[path[-1]] = draw(JSON)
        elif change == "drop":
            del node[path[-1]]
        else:
            other = draw(st.sampled_from([path for path in places(both) if path]))
            value = both
            for key in other:
                value = value[key]
            node[path[-1]] = copy.deepcopy(value)
    return both["description"], both["arrays"], numbers


@given(mutated())
def test_anything_in_any_place_is_read_or_refused(tmp_path_factory, given_parts):
    """There is a sentence, or a checkpoint that can be saved again and is the same."""
    path = tmp_path_factory.getbasetemp() / "mutated.safetensors"
    whole = sealed(*given_parts)
    path.write_bytes(whole)
    try:
        loaded = refnet.load(path)
    except ValueError:
        refused(path, whole)
        return
    refnet.save(path, *loaded)
    again = refnet.load(path)
    assert repr(again) == repr(loaded)
    assert again.net.parameters.tobytes() == loaded.net.parameters.tobytes()


# memory


def peak_of_refusal(path):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"^{re.escape(f'load: {path}: ')}"):
            refnet.load(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def claims():
    """Files that claim much: 2^60 numbers, and headers of 2^63 and 2^26 bytes."""
    description, arrays, numbers = parts("alone")
    description["sizes"] = [2**30, 2**30, 1]
    yield sealed(description, arrays, numbers)
    arrays["0.weight"] |= {"shape": [2**30, 2**30], "data_offsets": [0, 2**63]}
    yield sealed(description, arrays, numbers)
    for length in (2**63, 2**26):
        yield length.to_bytes(8, "little") + sealed(*parts("alone"))[8:]


def test_a_claim_takes_no_memory(tmp_path):
    """The sizes are compared with the file's before memory is taken: a part is all that
    a refusal takes.
    """
    path = tmp_path / "net"
    for whole in claims():
        path.write_bytes(whole)
        peak_of_refusal(path)  # the first one imports
        assert peak_of_refusal(path) < 2 * loading.CHUNK


@pytest.mark.parametrize("length", [80_000_000, 2**32 - 8])
def test_a_sparse_file_takes_no_memory(length, tmp_path):
    """Four gigabytes that take no room on the disk, with a header as long: the first
    characters are looked at before the rest.
    """
    path = tmp_path / "net"
    with path.open("wb") as file:
        file.write(length.to_bytes(8, "little"))
        file.truncate(2**32)
    assert peak_of_refusal(path) < loading.CHUNK
