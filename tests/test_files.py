"""save and load: what comes back is what was saved, bit for bit, and a training goes on
from a file as if it had never been interrupted.
"""

import hashlib
import json
import os
import re
import stat
import tracemalloc
from math import inf, nan

import numpy as np
import pytest

import refnet
from refnet.files import saving
from refnet.files.layout import CHUNK
from refnet.history import Reached

RNG = np.random.default_rng(9)
X, Y = RNG.standard_normal((11, 3)), RNG.standard_normal((11, 2))


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}")


def network(**settings):
    return refnet.mlp([3, 5, 2], "tanh", "identity", **settings)


def train(net, optimizer, epochs, **settings):
    given = {"loss": "mse", "batch_size": 4, "seed": 3, "validation": (X[:4], Y[:4]), **settings}
    return refnet.fit(net, X, Y, optimizer=optimizer, epochs=epochs, **given)


def bits(net, optimizer=None):
    state = {} if optimizer is None else optimizer.state
    vectors = {name: (np.asarray(v).dtype, np.asarray(v).tobytes()) for name, v in state.items()}
    return net.parameters.dtype, net.parameters.tobytes(), vectors, repr(optimizer)


def there_and_back(path, *given, **settings):
    refnet.save(path, *given, **settings)
    return refnet.load(path)


# what is in a file


NETS = [
    refnet.mlp([2, 3, 5, 1], ["tanh", "relu"], "sigmoid", seed=1),
    refnet.mlp([2, 3, 1], "relu", "identity", bias=False, dtype="float32"),
    refnet.mlp([7, 3, 1], "sigmoid", refnet.LeakyReLU(0.1), dropout=0.1, input_dropout=0.2),
    refnet.Network([refnet.Dense([[1.0]], None), refnet.Dense([[2.0]], [3.0], "softmax")]),
]


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_a_network_comes_back(net, tmp_path):
    """Every bit, the layers, and views of one vector that training writes."""
    again, optimizer, history = there_and_back(tmp_path / "net.safetensors", net)
    assert bits(again) == bits(net)
    assert [layer.kind for layer in again.layers] == [layer.kind for layer in net.layers]
    assert (optimizer, history, again.columns) == (None, None, None)
    again.parameters[:] = 0.0
    assert not any(layer.W.any() for layer in again.layers)


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_the_layout_is_that_of_safetensors(net, tmp_path):
    """Read by hand: the length, JSON padded to 8 bytes, and the arrays, one behind the
    other in the order of the flat vector under PyTorch's names.
    """
    path = tmp_path / "net.safetensors"
    refnet.save(path, net)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    metadata = header.pop("__metadata__")
    state = refnet.formats.to_state_dict(net)
    assert length % 8 == 0
    assert [*header] == [*state]
    end = 0
    for name, entry in header.items():
        start, end_before = entry["data_offsets"][0], end
        end = entry["data_offsets"][1]
        dtype = {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]
        read = np.frombuffer(data[start:end], dtype).reshape(entry["shape"])
        assert start == end_before
        assert read.dtype == net.dtype
        assert read.tobytes() == state[name].tobytes()
    assert end == len(data)
    assert data == net.parameters.tobytes()
    assert [*metadata] == ["sha256", "refnet"]
    at = whole.index(metadata["sha256"].encode())
    assert at == 8 + len('{"__metadata__":{"sha256":"')
    assert hashlib.sha256(whole[:at] + whole[at + 64 :]).hexdigest() == metadata["sha256"]


def test_the_same_is_the_same_file(tmp_path):
    """Nothing in it depends on the hour or the path."""
    for name in "ab":
        refnet.save(tmp_path / name, NETS[0])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_diverged_come_back(dtype, tmp_path):
    """NaN with its payload, inf, -0 and the smallest number: as they were."""
    net = network(dtype=dtype)
    net.parameters[:5] = [nan, inf, -inf, -0.0, np.finfo(dtype).smallest_subnormal]
    number = net.parameters.view("u4" if dtype == "float32" else "u8")
    number[0] += 5  # another NaN
    assert bits(there_and_back(tmp_path / "net", net).net) == bits(net)


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c"],
        [1, 2.5, None],
        [True, 1, 1.0],
        [("a", 1), ("a", None), ()],
        ["\ud800", '"\\\n', "\N{SNOWMAN}"],
        [-0.0, 10**40, 5e-324],
    ],
)
def test_columns_come_back(names, tmp_path):
    """Equal, and each of its own type."""
    net = network()
    net.columns = names
    again = there_and_back(tmp_path / "net", net).net
    assert again.columns == net.columns
    assert repr(again.columns) == repr(net.columns)


def test_names_that_are_numpy_s_come_back_as_python_s(tmp_path):
    """They are equal, and frames compare alike."""
    net = network()
    net.columns = [np.str_("a"), (np.int64(1), np.float32(0.5)), np.True_]
    assert repr(there_and_back(tmp_path / "net", net).net.columns) == "('a', (1, 0.5), True)"


@pytest.mark.parametrize(
    "name", [b"a", 1j, nan, inf, ("a", ("b",)), frozenset(), np.datetime64(1, "D")]
)
def test_other_names_of_columns_are_refused(name, tmp_path):
    """A sentence says what to do."""
    net = network()
    net.columns = ["a", "b", name]
    with refuses(ValueError, "save: net.columns has the name ") as error:
        refnet.save(tmp_path / "net", net)
    assert ", expected text, finite numbers, None, or tuples of them: give" in str(error.value)
    assert not [*tmp_path.iterdir()]


# optimizers and histories


OPTIMIZERS = {
    "sgd": lambda: refnet.SGD(0.1),
    "momentum": lambda: refnet.SGD(0.1, momentum=0.9, dampening=0.5, weight_decay=0.01),
    "nesterov": lambda: refnet.SGD(
        0.1, momentum=0.9, nesterov=True, weight_decay=0.1, decay_biases=False
    ),
    "adagrad": lambda: refnet.Adagrad(0.1, lr_decay=0.1, initial_accumulator_value=0.1),
    "rmsprop": lambda: refnet.RMSprop(0.01),
    "centered": lambda: refnet.RMSprop(0.01, momentum=0.9, centered=True),
    "adam": lambda: refnet.Adam(0.01, weight_decay=0.1, decay_biases=False),
    "amsgrad": lambda: refnet.Adam(0.01, (0.5, 0.75), amsgrad=True),
    "adamw": lambda: refnet.AdamW(0.01, decay_biases=False),
}
TRAININGS = {
    "plain": ({}, {}),
    "dropout": ({"dropout": 0.5, "input_dropout": 0.1}, {"schedule": refnet.ExponentialLR(0.5)}),
    "no biases": (
        {"bias": False},
        {"penalty": refnet.ElasticNet(), "clip_norm": 0.5, "schedule": refnet.CosineLR(5)},
    ),
    "in order": ({}, {"shuffle": False, "clip_value": 0.1, "sample_weight": np.arange(11.0)}),
    "batch": ({"dropout": 0.5}, {"batch_size": None, "penalty": "l1"}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_goes_on_from_a_file(optimizer, training, dtype, tmp_path):
    """Three epochs, a file, and two more are five, bit for bit: weights, state, masks,
    permutations, rates and history.
    """
    of_network, settings = TRAININGS[training]
    net, whole = (network(dtype=dtype, **of_network) for _ in range(2))
    first, another = OPTIMIZERS[optimizer](), OPTIMIZERS[optimizer]()
    history = train(net, first, 3, **settings)
    before = bits(net, first)
    loaded = there_and_back(tmp_path / "net", net, first, history)
    assert bits(net, first) == before == bits(loaded.net, loaded.optimizer)
    assert loaded.history == history
    assert loaded.history.reached.optimizer is loaded.optimizer
    again = train(loaded.net, loaded.optimizer, 2, resume=loaded.history, **settings)
    assert again == train(whole, another, 5, **settings)
    assert bits(loaded.net, loaded.optimizer) == bits(whole, another)
    assert bits(net, first) == before


@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_a_history_brings_its_optimizer(name, tmp_path):
    """fit made it from a name, and goes on by name, time and again."""
    net, whole, history = network(), network(), None
    for _ in range(3):
        history = train(net, name, 1, resume=history)
        net, optimizer, history = there_and_back(tmp_path / "net", net, history=history)
        assert optimizer is history.reached.optimizer
    assert train(net, name, 1, resume=history) == train(whole, name, 4)
    assert bits(net) == bits(whole)


def test_a_file_of_on_epoch_has_the_rate_of_that_epoch(tmp_path):
    """Of a schedule, from which the optimizer comes back when fit ends."""
    net, optimizer = network(), refnet.SGD(0.5)
    rates = []

    def keep(epoch):
        loaded = there_and_back(tmp_path / "net", net, optimizer)
        assert bits(loaded.net, loaded.optimizer) == bits(net, optimizer)
        rates.append(loaded.optimizer.lr)

    train(net, optimizer, 3, schedule=refnet.ExponentialLR(0.5), on_epoch=keep)
    assert rates == [0.5, 0.25, 0.125]
    assert there_and_back(tmp_path / "net", net, optimizer).optimizer.lr == 0.5


def test_a_history_with_all_that_it_can_have(tmp_path):
    """Numbers that are not finite, counts of NumPy, a reason of its own; each epoch is
    of plain numbers.
    """
    epochs = [
        refnet.Epoch(np.int64(1), 3, np.float32(0.1), np.float64(0.1), inf, 0.5, None),
        refnet.Epoch(2, 3, 5e-324, 1e308, -inf, None, 1),
        refnet.Epoch(3, 3, -0.0, 0, 1e-300),
    ]
    history = refnet.History(epochs, "a \ud800 reason")
    again = there_and_back(tmp_path / "net", network(), history=history).history
    assert again == history
    assert repr(again.epochs[0]) == repr(
        refnet.Epoch(1, 3, float(np.float32(0.1)), 0.1, inf, 0.5, None)
    )
    assert repr(again.epochs[2].loss) == "-0.0"
    undefined = refnet.History([refnet.Epoch(1, 1, 0.5, 0.1, nan)])
    loaded = there_and_back(tmp_path / "net", network(), history=undefined).history
    assert repr(loaded.epochs) == repr(undefined.epochs)
    assert there_and_back(tmp_path / "net", network(), history=refnet.History()).history == (
        refnet.History()
    )


def test_an_optimizer_that_has_not_begun(tmp_path):
    """Bound or not, it starts as it would have started, and saving binds it to no
    network.
    """
    for make in OPTIMIZERS.values():
        net, other, fresh = network(dtype="float32"), network(dtype="float32"), make()
        loaded = there_and_back(tmp_path / "net", net, fresh)
        assert there_and_back(tmp_path / "net", loaded.net, loaded.optimizer).history is None
        train(other, fresh, 1)  # not bound to `net`
        train(loaded.net, loaded.optimizer, 1)
        assert bits(loaded.net, loaded.optimizer) == bits(other, fresh)


def test_a_state_that_was_set_is_rounded_as_bind_rounds_it(tmp_path):
    """An optimizer that is not bound has its state in float64."""
    net, twin, optimizer = network(dtype="float32"), network(dtype="float32"), refnet.Adam()
    vector = np.arange(net.parameters.size) / 3
    optimizer.state = {"steps": 2, "exp_avg": vector, "exp_avg_sq": vector}
    loaded = there_and_back(tmp_path / "net", net, optimizer)
    optimizer.bind(twin)
    assert bits(loaded.net, loaded.optimizer) == bits(twin, optimizer)
    huge = refnet.Adam()
    huge.state = {"steps": 2, "exp_avg": vector * 1e300, "exp_avg_sq": vector}
    with refuses(ValueError, "save: Adam: exp_avg has inf at row 1, expected finite values"):
        refnet.save(tmp_path / "other", net, huge)


def test_a_state_that_overflowed_comes_back(tmp_path):
    """A sum of squares may be inf while every weight is finite: the step is 0."""
    net, optimizer = network(), refnet.Adam()
    optimizer.bind(net)
    optimizer.state["exp_avg_sq"][:] = inf
    loaded = there_and_back(tmp_path / "net", net, optimizer)
    assert bits(loaded.net, loaded.optimizer) == bits(net, optimizer)


def test_an_optimizer_that_went_on_elsewhere_comes_back_as_it_is(tmp_path):
    """The history keeps the step that it ended with, and fit refuses the pair as
    ever.
    """
    net, optimizer = network(), refnet.SGD()
    history = train(net, optimizer, 1)
    train(net, optimizer, 1)
    loaded = there_and_back(tmp_path / "net", net, optimizer, history)
    with refuses(ValueError, "fit: optimizer has taken 6 steps, expected 3 as at the end of"):
        train(loaded.net, loaded.optimizer, 1, resume=loaded.history)


# what cannot be saved


class Own(refnet.Tanh):
    """An activation of one's own, which has the name of refnet's."""


class OwnRule(refnet.SGD):
    """An optimizer of one's own, which has the name of refnet's."""


class OwnNetwork(refnet.Network):
    """A network of one's own."""


class OwnHistory(refnet.History):
    """A history of one's own."""


def of_another(net):
    return {"optimizer": train(network(), "sgd", 1).reached.optimizer}


def two_optimizers(net):
    return {"history": train(net, "sgd", 1), "optimizer": refnet.SGD()}


def history_of_another(net):
    return {"history": train(network(), "sgd", 1)}


REFUSED = {
    "kind": (lambda net: {"net": [net]}, TypeError, "save: net has type list, expected Network"),
    "network": (
        lambda net: {"net": OwnNetwork(net.layers)},
        ValueError,
        "save: net has class OwnNetwork, expected Network itself, as a file keeps no class of",
    ),
    "activation": (
        lambda net: {"net": refnet.mlp([2, 3, 1], Own())},
        ValueError,
        "save: layer 1 has activation Own, expected one of refnet's own, as a file keeps no class",
    ),
    "rule": (
        lambda net: {"optimizer": OwnRule()},
        ValueError,
        "save: optimizer has class OwnRule, expected one of refnet's own, as a file keeps no",
    ),
    "name": (
        lambda net: {"optimizer": "sgd"},
        TypeError,
        "save: optimizer has type str, expected Optimizer",
    ),
    "another": (of_another, ValueError, "SGD: got another network, expected the one of its first"),
    "size": (
        lambda net: {"optimizer": sized()},
        ValueError,
        "SGD: state momentum_buffer has shape (1,), expected (32,)",
    ),
    "two": (
        two_optimizers,
        ValueError,
        f"save: optimizer has {refnet.SGD()!r}, expected the very object that history keeps, SGD(",
    ),
    "history": (history_of_another, ValueError, "SGD: got another network, expected the one of"),
    "list": (
        lambda net: {"history": []},
        TypeError,
        "save: history has type list, expected History",
    ),
    "own": (
        lambda net: {"history": OwnHistory()},
        ValueError,
        "save: history has class OwnHistory, expected History itself, as a file keeps no class of",
    ),
    "epoch": (
        lambda net: {"history": refnet.History([(1, 1, 0.5, 0.1)])},
        TypeError,
        "save: history.epochs has type tuple, expected Epoch",
    ),
    "number": (
        lambda net: {"history": refnet.History([refnet.Epoch(0, 1, 0.5, 0.1)])},
        ValueError,
        "save: history: number has 0, expected an integer >= 1",
    ),
    "loss": (
        lambda net: {"history": refnet.History([refnet.Epoch(1, 1, None, 0.1)])},
        TypeError,
        "save: history: loss has type NoneType, expected a number",
    ),
    "none": (
        lambda net: {"history": refnet.History(reached=reached(optimizer=None))},
        TypeError,
        "save: optimizer has type NoneType, expected Optimizer",
    ),
    "generator": (
        lambda net: {"history": refnet.History(reached=reached(generator=np.random.MT19937))},
        ValueError,
        "save: history: generator: bit_generator has 'MT19937', expected PCG64",
    ),
}


def sized():
    optimizer = refnet.SGD(momentum=0.5)
    optimizer.state = {"steps": 1, "momentum_buffer": [0.0]}
    return optimizer


def reached(generator=np.random.PCG64, **settings):
    state = {**generator(0).state}
    if "has_uint32" not in state or generator is not np.random.PCG64:
        state |= {"has_uint32": 0, "uinteger": 0}
        state = {name: state[name] for name in ("bit_generator", "state", "has_uint32", "uinteger")}
    return Reached(
        **{
            "seed": 0,
            "shuffle": True,
            "generator": state,
            "optimizer": refnet.SGD(),
            "steps": 0,
            **settings,
        }
    )


@pytest.mark.parametrize(("settings", "kind", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_saved_leaves_the_file_as_it_was(settings, kind, sentence, tmp_path):
    """A sentence, and the file that was there."""
    path, net = tmp_path / "net.safetensors", network()
    path.write_text("an old one")
    with refuses(kind, sentence):
        refnet.save(**{"path": path, "net": net, **settings(net)})
    assert path.read_text() == "an old one"
    assert [*tmp_path.iterdir()] == [path]


def test_a_header_that_no_reader_takes_is_refused(monkeypatch, tmp_path):
    """Other readers of safetensors take no more than 100 MB."""
    monkeypatch.setattr("refnet.files.layout.LIMIT", 100)
    with pytest.raises(ValueError, match=r"^save: header has \d+ bytes, expected at most 100: a"):
        refnet.save(tmp_path / "net", network())
    assert not [*tmp_path.iterdir()]


# where it is written


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("moment", ["_parts", "os.fsync", "Path.replace"])
def test_an_exception_leaves_the_file_as_it_was(moment, error, monkeypatch, tmp_path):
    """And no other file, at whatever moment it comes."""
    path = tmp_path / "net.safetensors"
    refnet.save(path, NETS[0])
    before = path.read_bytes()

    def fail(*arguments):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"refnet.files.saving.{moment}", fail)
        with pytest.raises(type(error)):
            refnet.save(path, NETS[1])
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]
    refnet.save(path, NETS[1])
    assert bits(refnet.load(path).net) == bits(NETS[1])


def test_the_new_file_is_on_the_disk_before_it_takes_the_place(monkeypatch, tmp_path):
    """All is written, then synchronized, then named; then the name is synchronized."""
    calls, sync, replace = [], os.fsync, saving.Path.replace

    def looked_at(number):
        is_folder = stat.S_ISDIR(os.fstat(number).st_mode)
        calls.append("folder" if is_folder else next(tmp_path.iterdir()).read_bytes())
        sync(number)

    monkeypatch.setattr(saving.os, "fsync", looked_at)
    monkeypatch.setattr(
        saving.Path, "replace", lambda self, to: calls.append(self) or replace(self, to)
    )
    path = tmp_path / "net"
    refnet.save(path, NETS[0])
    written, renamed, *folder = calls
    assert written == path.read_bytes()
    assert (renamed.parent, renamed.suffix) == (tmp_path, ".tmp")
    assert folder == ["folder"] * (os.name == "posix")


def test_a_file_that_has_the_temporary_name_stays(monkeypatch, tmp_path):
    """It may be a link that somebody laid there, to a file of another."""
    monkeypatch.setattr(saving.os, "urandom", bytes)
    other = tmp_path / f".refnet-{'00' * 8}.tmp"
    other.write_text("of another")
    with pytest.raises(FileExistsError):
        refnet.save(tmp_path / "net", NETS[0])
    assert other.read_text() == "of another"
    assert [*tmp_path.iterdir()] == [other]


def test_what_is_summed_is_what_is_written():
    """A part is a copy: another thread that trains changes the weights meanwhile."""
    vector = np.zeros(3)
    for part in saving._parts([vector]):
        vector[:] = 1.0
        assert part == bytes(24)


posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")


@posix
def test_the_permissions_are_the_usual_ones(tmp_path):
    """As of any new file."""
    path, before = tmp_path / "net", os.umask(0o027)
    try:
        for permissions in (0o600, 0o400):  # of the file that is replaced
            refnet.save(path, NETS[0])
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            path.chmod(permissions)
        refnet.save(path, NETS[1])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
def test_a_symbolic_link_stays_one(tmp_path):
    """What it leads to is replaced, be it there or not."""
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link", tmp_path / "folder" / "net"
    link.symlink_to("folder/net")
    for net in NETS[:2]:
        refnet.save(link, net)
        assert link.is_symlink()
        assert bits(refnet.load(link).net) == bits(refnet.load(target).net) == bits(net)
    assert [*target.parent.iterdir()] == [target]


@posix
def test_what_is_no_file_is_refused(tmp_path):
    """A pipe would wait for ever, and would be replaced, as a device would."""
    place = tmp_path / "pipe"
    os.mkfifo(place)
    with place.open("rb+", buffering=0) as pipe:  # a test that fails does not wait
        pipe.write(bytes(100))
        refuse_what_is_no_file(place)


def refuse_what_is_no_file(place):
    with refuses(ValueError, f"save: {place} is no regular file, expected one to replace, or"):
        refnet.save(place, NETS[0])
    with refuses(ValueError, f"load: {place} is no regular file, expected a file that"):
        refnet.load(place)
    with refuses(ValueError, f"load: {os.devnull} is no regular file, expected a file that"):
        refnet.load(os.devnull)


def test_where_no_file_can_be(tmp_path):
    """A folder, and a folder that is missing, raise Python's own kinds of errors."""
    with refuses(IsADirectoryError, f"save: {tmp_path} is a directory, expected the name of a"):
        refnet.save(tmp_path, NETS[0])
    missing = tmp_path / "missing" / "net"
    with refuses(FileNotFoundError, f"save: {missing.parent} is no directory, expected one"):
        refnet.save(missing, NETS[0])
    with pytest.raises(FileNotFoundError, match=re.escape(repr(str(missing)))):
        refnet.load(missing)
    with pytest.raises(OSError, match=re.escape(repr(str(tmp_path)))):  # of Windows: no access
        refnet.load(tmp_path)
    for number in (0, None, b"net"):
        with refuses(TypeError, f"save: path has type {type(number).__name__}, expected a path"):
            refnet.save(number, NETS[0])
        with refuses(TypeError, f"load: path has type {type(number).__name__}, expected a path"):
            refnet.load(number)


def test_a_path_may_be_text(monkeypatch, tmp_path):
    """Relative ones, too, and long names."""
    monkeypatch.chdir(tmp_path)
    for name in ("net.safetensors", "n" * 250):
        refnet.save(name, NETS[0])
        assert bits(refnet.load(name).net) == bits(NETS[0])


# memory


def peak_of(action):
    """Bytes that it takes at once, and what it gives."""
    action()
    tracemalloc.start()
    try:
        result = action()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_saving_and_loading_take_little_memory(tmp_path):
    """Saving copies part by part; loading takes the vectors alone, those of a state
    for a moment twice, and a part.
    """
    net = refnet.mlp([512, 1024, 1], "tanh", "identity")
    optimizer = refnet.Adam()
    optimizer.bind(net)
    path = tmp_path / "net"
    room = 2 * CHUNK + 2**17  # two parts, the next before the last is gone; and objects
    peak, _ = peak_of(lambda: refnet.save(path, net, optimizer))
    assert peak <= room
    peak, loaded = peak_of(lambda: refnet.load(path))
    assert peak <= (1 + 2 * 2) * net.parameters.nbytes + room
    assert bits(loaded.net, loaded.optimizer) == bits(net, optimizer)
