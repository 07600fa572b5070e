"""What a file says of an optimizer and a history: all but the vectors of the state."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from refnet.checks import Array, as_dtype, finite, flag, instance, integer, only_number
from refnet.files.fields import any_real, listed, real, record, refuse, text, truth, whole, written
from refnet.files.layout import Tensor
from refnet.history import Epoch, History, Reached
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer

PREFIX = "optimizer."  # of the names of an optimizer's vectors


def optimizer_to_save(
    net: Network, optimizer: Optimizer | None, history: History | None
) -> Optimizer | None:
    """The optimizer that was given, or the one that the history keeps; refused where
    they are two, or it is not that of the network.
    """
    if history is not None and type(instance("save", "history", history, History)) is not History:
        raise ValueError(
            f"save: history has class {type(history).__name__}, expected History itself, as a "
            f"file keeps no class of one's own"
        )
    reached = None if history is None else history.reached
    if reached is not None and optimizer is not None and reached.optimizer is not optimizer:
        raise ValueError(
            f"save: optimizer has {optimizer!r}, expected the very object that history keeps, "
            f"{reached.optimizer!r}: history.reached.optimizer"
        )
    if reached is None and optimizer is None:
        return None
    given = optimizer if reached is None else reached.optimizer
    chosen = instance("save", "optimizer", given, Optimizer)
    if type(chosen) is not OPTIMIZERS.get(getattr(chosen, "name", "")):
        raise ValueError(
            f"save: optimizer has class {type(chosen).__name__}, expected one of refnet's own, as "
            f"a file keeps no class of one's own: {', '.join(OPTIMIZERS)}"
        )
    chosen.check_network(net)
    return chosen


def vectors_of(optimizer: Optimizer, dtype: np.dtype[Any]) -> dict[str, Array]:
    """The vectors of its state, in the network's dtype as `bind` would have them."""
    state = optimizer.state
    del state["steps"]
    return {name: _converted(f"save: {optimizer}: {name}", v, dtype) for name, v in state.items()}


def _converted(where: str, vector: Array, dtype: np.dtype[Any]) -> Array:
    # one that is bound has it already, and may have overflowed
    return vector if vector.dtype == dtype else finite(where, as_dtype(where, vector, dtype))


def written_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """An optimizer as plain data, with the names of its vectors."""
    state = optimizer.state
    return {
        "name": optimizer.name,
        "hyperparameters": optimizer.hyperparameters,
        "decay_biases": optimizer.decay_biases,
        "steps": state.pop("steps"),
        "state": [*state],
    }


class Prepared(NamedTuple):
    """An optimizer without the numbers of its state."""

    optimizer: Optimizer
    steps: int
    names: Sequence[str]

    def tensors(self, size: int, dtype: np.dtype[Any]) -> Iterator[Tensor]:
        """The vectors of its state, one number for each parameter."""
        return (Tensor(f"{PREFIX}{name}", dtype, (size,)) for name in self.names)

    def bound(self, net: Network) -> dict[str, Array]:
        """Bind it to the network, and give the vectors of its state, to be filled."""
        self.optimizer.bind(net)
        zeros = np.broadcast_to(net.dtype.type(0), net.parameters.shape)
        self.optimizer.state = {"steps": self.steps, **dict.fromkeys(self.names, zeros)}
        state = self.optimizer.state
        return {name: state[name] for name in self.names}


def read_optimizer(given: object) -> Prepared | None:
    """The optimizer that a file has, by its name in refnet's own table."""
    if given is None:
        return None
    names = ("name", "hyperparameters", "decay_biases", "steps", "state")
    fields = record("optimizer", given, names)
    kind = OPTIMIZERS.get(text("optimizer: name", fields["name"]))
    if kind is None:
        refuse("optimizer: name", fields["name"], f"one of {', '.join(OPTIMIZERS)}")
    settings = _settings(kind, fields["hyperparameters"])
    decay_biases = truth("optimizer: decay_biases", fields["decay_biases"])
    optimizer = kind(**settings, decay_biases=decay_biases)
    vectors = [text("optimizer: state", name) for name in listed("state", fields["state"])]
    steps = whole("optimizer: steps", fields["steps"], below=2**63)
    if len({"steps", *vectors}) != 1 + len(vectors):
        refuse("optimizer: state", vectors, "each name once")
    # refused where the names are not those of the rule; they are of one number here
    kind(**settings).state = {"steps": steps, **{name: [0.0] for name in vectors}}
    return Prepared(optimizer, steps, vectors)


def _settings(kind: Callable[[], Optimizer], given: object) -> dict[str, Any]:
    """The hyper-parameters, of the kinds that those by default have."""
    defaults = kind().hyperparameters
    values = record("optimizer: hyperparameters", given, [*defaults])
    return {name: _setting(f"optimizer: {name}", values[name], defaults[name]) for name in defaults}


def _setting(what: str, value: object, default: object) -> Any:
    if isinstance(default, tuple):
        return tuple(real(what, each) for each in listed(what, value, len(default)))
    return truth(what, value) if isinstance(default, bool) else real(what, value)


def written_history(history: History) -> dict[str, Any]:
    """A history as plain data: the columns of its epochs, why it ended, and where."""
    epochs, reached = history.epochs, history.reached
    for epoch in epochs:
        instance("save", "history.epochs", epoch, Epoch)
    return {
        "epochs": {
            name: [_written_field(name, getattr(epoch, name)) for epoch in epochs]
            for name in Epoch._fields
        },
        "stopped": str(history.stopped),
        "reached": None if reached is None else _written_reached(reached),
    }


COUNTS = ("number", "of")
ALWAYS = ("loss", "lr")


def _written_field(name: str, value: Any) -> Any:
    if name in COUNTS:
        return integer("save: history", name, value, low=1)
    if value is None and name not in ALWAYS:
        return None
    return written(only_number(f"save: history: {name}", value))


def _written_reached(reached: Reached) -> dict[str, Any]:
    return {
        "seed": integer("save: history", "seed", reached.seed, low=0),
        "shuffle": flag("save: history", "shuffle", reached.shuffle),
        "generator": _generator("save: history: generator", dict(reached.generator)),
        "steps": integer("save: history", "steps", reached.steps, low=0),
    }


def read_history(given: object, optimizer: Optimizer | None) -> History | None:
    """The history that a file has, which keeps this optimizer."""
    if given is None:
        return None
    fields = record("history", given, ("epochs", "stopped", "reached"))
    columns = record("history: epochs", fields["epochs"], Epoch._fields)
    numbers = listed("history: number", columns["number"])
    read = [
        [_read_field(name, value) for value in listed(f"history: {name}", column, len(numbers))]
        for name, column in ((name, columns[name]) for name in Epoch._fields)
    ]
    epochs = [Epoch(*values) for values in zip(*read, strict=True)]
    stopped = text("history: stopped", fields["stopped"])
    return History(epochs, stopped, _read_reached(fields["reached"], optimizer))


def _read_field(name: str, value: object) -> Any:
    what = f"history: {name}"
    if name in COUNTS:
        return whole(what, value, low=1)
    return None if value is None and name not in ALWAYS else any_real(what, value)


def _read_reached(given: object, optimizer: Optimizer | None) -> Reached | None:
    if given is None:
        return None
    fields = record("history: reached", given, ("seed", "shuffle", "generator", "steps"))
    if optimizer is None:
        raise ValueError("history: reached has no optimizer, expected the one that trained")
    return Reached(
        whole("history: seed", fields["seed"]),
        truth("history: shuffle", fields["shuffle"]),
        _generator("history: generator", fields["generator"]),
        optimizer,
        whole("history: steps", fields["steps"]),
    )


def _generator(what: str, given: object) -> dict[str, Any]:
    """The state of the bit generator that `fit` draws from, as NumPy gives it."""
    state = record(what, given, ("bit_generator", "state", "has_uint32", "uinteger"))
    if state["bit_generator"] != "PCG64":
        refuse(f"{what}: bit_generator", state["bit_generator"], "PCG64")
    numbers = record(f"{what}: state", state["state"], ("state", "inc"))
    if whole(f"{what}: inc", numbers["inc"], below=2**128) % 2 == 0:
        refuse(f"{what}: inc", numbers["inc"], "an odd number")
    whole(f"{what}: state", numbers["state"], below=2**128)
    whole(f"{what}: has_uint32", state["has_uint32"], below=2)
    whole(f"{what}: uinteger", state["uinteger"], below=2**32)
    return state
