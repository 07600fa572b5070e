"""load: a network, and what it takes to go on with its training, from a file.

A file is checked in four steps, each of which trusts no more than those before it have
shown: the header is no longer than the file; it is JSON, and its arrays fill the file;
the SHA-256 is right; what the metadata says is a network of exactly those arrays. Then
memory is taken, as much as the file has numbers.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnet.checks import Array, chunks
from refnet.files.fields import listed, record, refuse, text, whole
from refnet.files.layout import CHUNK, LIMIT, START, SUM, SUM_AT, VERSION, entries, parsed
from refnet.files.networks import NAMES, Architecture, read_network
from refnet.files.trainings import Prepared, read_history, read_optimizer
from refnet.history import History
from refnet.network import Network
from refnet.optimizers import SECOND_MOMENTS, Optimizer

OURS = "expected a file that refnet.save wrote"
OTHERS = "weights of others come in by refnet.formats.from_state_dict"


class Checkpoint(NamedTuple):
    """What `load` reads: the network, and the optimizer and the history of its
    training, None where they were not saved.
    """

    net: Network
    optimizer: Optimizer | None
    history: History | None


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what `save` wrote, bit for bit: `net, optimizer, history = load(path)`.

    The optimizer is bound to the network, and is the one that the history keeps. So
    fit(net, ..., optimizer=optimizer, resume=history) goes on with the training as if
    it had never been interrupted, in the next epoch of its schedule, with the next
    permutation and the next masks of dropout.

    Nothing in a file is executed. It is checked as a whole, with its SHA-256, before
    memory is taken for its numbers. That shows a damaged file; it does not show who
    wrote it. Files of earlier versions can be read.

    Shapes: weight is W (fan_out, fan_in), bias is b (fan_out,), a vector of the state
        (number of parameters,).
    Torch: torch.load(path, weights_only=True), which needs the model's class besides.
    Errors: ValueError where the file is damaged, is of a newer version, or was not
        written by `save`; OSError where it cannot be read; TypeError where path is no
        path.
    Source: Hugging Face, safetensors, README.md, Format.
    """
    with _opened(path) as file, _naming(path):
        header = _header(file)
        _check_sum(file, header)
        contents = _contents(header.description)
        contents.check_arrays(header.arrays)
        file.seek(header.end)
        return contents.filled(file)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[BufferedReader]:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"load: path has type {type(path).__name__}, expected a path")
    place = Path(path)
    if place.exists() and not place.is_file() and not place.is_dir():
        raise ValueError(f"load: {path} is no regular file, {OURS}")  # a pipe would wait
    with place.open("rb") as file:
        yield file


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Every refusal names the file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"load: {path}: {error}") from None


class Header(NamedTuple):
    """What the header says: the SHA-256, each array's entry, and the rest in JSON."""

    end: int  # where the numbers start
    sha256: str
    arrays: dict[str, Any]
    description: str


def _header(file: BufferedReader) -> Header:
    """The header, where it and its arrays fill the file."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < SUM_AT:
        raise ValueError(f"has {size} bytes, {OURS}")
    if not len(START) <= length <= min(size - 8, LIMIT):
        raise ValueError(f"has {size} bytes and a header of {length} bytes, {OURS}; {OTHERS}")
    start = file.read(len(START))
    if start != START:
        raise ValueError(f"has a header that starts with {start!r}, {OURS}; {OTHERS}")
    try:
        arrays = parsed("header", (start + file.read(length - len(start))).decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"header is no UTF-8, {OURS}") from None
    metadata = record("__metadata__", arrays.pop("__metadata__"), ("sha256", "refnet"))
    end = 8 + length + max([0, *map(_end, arrays.items())])
    if end != size:
        raise ValueError(f"has {size} bytes, expected {end}, where its last array ends")
    return Header(
        8 + length,
        text("sha256", metadata["sha256"]),
        arrays,
        text("refnet", metadata["refnet"]),
    )


def _end(item: tuple[str, object]) -> int:
    """Where an array ends, from its name and its entry; refused where that is none."""
    what, entry = repr(item[0]), record(repr(item[0]), item[1], ("dtype", "shape", "data_offsets"))
    text(f"{what}: dtype", entry["dtype"])
    for side in listed(f"{what}: shape", entry["shape"]):
        whole(f"{what}: shape", side)
    offsets = listed(f"{what}: data_offsets", entry["data_offsets"], 2)
    start, end = (whole(f"{what}: data_offsets", offset) for offset in offsets)
    return max(start, end)


def _check_sum(file: BufferedReader, header: Header) -> None:
    """Refuse a file of which a byte has changed."""
    file.seek(0)
    digest = hashlib.sha256(file.read(SUM_AT))
    file.seek(SUM_AT + SUM)
    while part := file.read(CHUNK):
        digest.update(part)
    if digest.hexdigest() != header.sha256:
        got, want = digest.hexdigest(), header.sha256
        raise ValueError(f"has the SHA-256 {got}, expected {want!r} as it says: it is damaged")


class Contents(NamedTuple):
    """What a file has, without the numbers."""

    architecture: Architecture
    prepared: Prepared | None
    history: History | None

    def check_arrays(self, arrays: dict[str, Any]) -> None:
        """Refuse arrays that are not those of the network and of the optimizer."""
        tensors = [*self.architecture.tensors()]
        if self.prepared is not None:
            tensors += self.prepared.tensors(self.architecture.size, self.architecture.dtype)
        expected = entries(tensors)
        for name in (*expected, *arrays):
            if name not in arrays:
                refuse("header", [*arrays], f"the array {name!r}, too")
            if name not in expected:
                raise ValueError(f"header has the array {name!r}, expected those of the network")
            if arrays[name] != expected[name]:
                refuse(f"{name!r}", arrays[name], f"{expected[name]}")

    def filled(self, file: BufferedReader) -> Checkpoint:
        """Network, optimizer and history, with the numbers from here on in the file."""
        vector = np.empty(self.architecture.size, self.architecture.dtype)
        net = self.architecture.network(vector)
        _read_into(net.parameters, file)
        if self.prepared is None:
            return Checkpoint(net, None, self.history)
        for name, vector in self.prepared.bound(net).items():
            _read_into(vector, file)
            if name in SECOND_MOMENTS and any((part < 0).any() for _, part in chunks(vector)):
                refuse(f"{name!r}", float(vector.min()), "a mean or sum of squares, >= 0")
        return Checkpoint(net, self.prepared.optimizer, self.history)


def _contents(description: str) -> Contents:
    """What the metadata says of the arrays, in this version of the format."""
    given = parsed("refnet", description)
    if not isinstance(given, dict) or "version" not in given:
        refuse("refnet", given, "the field version")
    version = whole("version", given["version"], low=1)
    if version > VERSION:
        raise ValueError(f"has version {version} of the format, expected {VERSION}: update refnet")
    fields = record("refnet", given, ("version", *NAMES, "optimizer", "history"))
    prepared = read_optimizer(fields["optimizer"])
    optimizer = None if prepared is None else prepared.optimizer
    return Contents(read_network(fields), prepared, read_history(fields["history"], optimizer))


def _read_into(vector: Array, file: BufferedReader) -> None:
    """Fill a vector with the numbers that come next."""
    count = file.readinto(vector.data.cast("B"))
    if count != vector.nbytes:
        raise ValueError(f"has {count} bytes where {vector.nbytes} were, expected no change")
    if sys.byteorder == "big":
        vector.byteswap(inplace=True)
