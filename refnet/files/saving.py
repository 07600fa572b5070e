"""save: a network, and what it takes to go on with its training, in a file."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from refnet.checks import Array
from refnet.files.layout import CHUNK, SUM, SUM_AT, VERSION, Tensor, head
from refnet.files.networks import architecture_of, written_network
from refnet.files.trainings import (
    PREFIX,
    optimizer_to_save,
    vectors_of,
    written_history,
    written_optimizer,
)
from refnet.history import History
from refnet.network import Network
from refnet.optimizers import Optimizer


def save(
    path: str | os.PathLike[str],
    net: Network,
    optimizer: Optimizer | None = None,
    history: History | None = None,
) -> None:
    """Write a network into a file, with its optimizer and the history of its training
    where they are given; `load` reads it, bit for bit.

    The file is a safetensors file: its arrays are those of a PyTorch state_dict, named
    0.weight, 0.bias, 2.weight, ..., and the vectors of the optimizer's state, such as
    optimizer.exp_avg. Its metadata has the architecture, the hyper-parameters, the
    epochs and the state of the random numbers in JSON, and the SHA-256 of the file. A
    history brings its optimizer with it.

    fit gives a history when it ends. To save a long training now and then, call fit for
    some epochs at a time, with `resume`; in on_epoch there is no history yet, and the
    optimizer has the learning rate of that epoch.

    The new file takes the place of an old one when it is whole and on the disk:
    whatever happens before that, even the end of the process, leaves the old one as it
    was. (A process that is killed may leave a file .refnet-*.tmp beside it.) The new
    one has the permissions of any new file. Nothing given is changed. Weights that have
    diverged are saved as they are.

    Shapes: weight is W (fan_out, fan_in), bias is b (fan_out,), a vector of the state
        (number of parameters,).
    Torch: torch.save(model.state_dict(), path). A file of a network alone goes straight
        into parity.twin(net): load_state_dict(safetensors.torch.load_file(path)).
    Errors: ValueError where the network, an activation, the optimizer or the history is
        of a class of one's own, optimizer and history are not of the same training or
        not of this network, a column has a name that is no text and no finite number,
        or path is a pipe or a device; TypeError for another kind; OSError where the
        file cannot be written.
    Source: Hugging Face, safetensors, README.md, Format.
    """
    target = _target(path)
    architecture = architecture_of(net)
    optimizer = optimizer_to_save(net, optimizer, history)
    vectors = {} if optimizer is None else vectors_of(optimizer, net.dtype)
    description = {
        "version": VERSION,
        **written_network(architecture),
        "optimizer": None if optimizer is None else written_optimizer(optimizer),
        "history": None if history is None else written_history(history),
    }
    kept = [Tensor(f"{PREFIX}{name}", v.dtype, v.shape) for name, v in vectors.items()]
    start = head(description, [*architecture.tensors(), *kept])
    with _in_place_of(target) as file:
        _write(file, start, [net.parameters, *vectors.values()])


def _target(path: str | os.PathLike[str]) -> Path:
    """The file to write, which is where a symbolic link leads."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"save: path has type {type(path).__name__}, expected a path")
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"save: {path} is a directory, expected the name of a file")
    if target.exists() and not target.is_file():
        raise ValueError(f"save: {path} is no regular file, expected one to replace, or none")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: {target.parent} is no directory, expected one")
    return target


@contextmanager
def _in_place_of(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `target` when it is whole; after an exception
    it is gone, and `target` as it was.
    """
    # beside it, as only within a file system a file takes the place of another at once
    temporary = target.with_name(f".refnet-{os.urandom(8).hex()}.tmp")
    file = temporary.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can."""
    with suppress(OSError):  # Windows opens no folder
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _write(file: BinaryIO, start: bytes, arrays: Iterable[Array]) -> None:
    """Everything, and then the sum in its place."""
    digest = hashlib.sha256(start[:SUM_AT] + start[SUM_AT + SUM :])
    file.write(start)
    for part in _parts(arrays):
        digest.update(part)
        file.write(part)
    file.seek(SUM_AT)
    file.write(digest.hexdigest().encode("ascii"))


def _parts(arrays: Iterable[Array]) -> Iterator[bytes]:
    """The numbers in little-endian order, in copies: what is summed is what is written,
    even where another thread goes on training.
    """
    for array in arrays:
        count = CHUNK // array.itemsize
        little = array.dtype.newbyteorder("<")
        for first in range(0, array.size, count):
            yield np.asarray(array[first : first + count], little).tobytes()
