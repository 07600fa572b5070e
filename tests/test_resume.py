"""Training that goes on: fit in two parts is fit in one, bit for bit; what is known not
to be the same training is refused.
"""

import pickle
import re

import numpy as np
import pytest

import refnet

RNG = np.random.default_rng(9)
X, Y = RNG.standard_normal((11, 3)), RNG.standard_normal((11, 2))
XV, YV = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 2))


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def network(**settings):
    return refnet.mlp([3, 5, 2], hidden="tanh", output="identity", **settings)


def train(net, optimizer, epochs, **settings):
    given = {"loss": "mse", "batch_size": 4, "seed": 3, "validation": (XV, YV), **settings}
    return refnet.fit(net, X, Y, optimizer=optimizer, epochs=epochs, **given)


def bits(net, optimizer):
    state = {name: np.asarray(vector).tobytes() for name, vector in optimizer.state.items()}
    return net.parameters.tobytes(), state, optimizer.lr


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
@pytest.mark.parametrize(
    "schedule", [None, refnet.ExponentialLR(0.5), refnet.CosineLR(5)], ids=["none", "exp", "cos"]
)
def test_three_epochs_and_two_are_five(schedule, batch_size, shuffle, dropout):
    """Weights, optimizer, permutations, masks, rates and history are those of one
    training; the first history stays as it was.
    """
    net, whole = network(dropout=dropout), network(dropout=dropout)
    optimizer, another = refnet.Adam(lr=0.25), refnet.Adam(lr=0.25)
    settings = {"schedule": schedule, "batch_size": batch_size, "shuffle": shuffle}
    first = train(net, optimizer, 3, **settings)
    copy = refnet.History(list(first.epochs), first.stopped)
    second = train(net, optimizer, 2, resume=first, **settings)
    expected = train(whole, another, 5, **settings)
    assert bits(net, optimizer) == bits(whole, another)
    assert second == expected
    assert first == copy
    assert [(epoch.number, epoch.of) for epoch in second.epochs] == [(n, 5) for n in range(1, 6)]
    third = train(net, optimizer, 1, resume=second, **settings)
    assert third == train(whole, another, 1, resume=expected, **settings)
    assert len(third.epochs) == 6


def test_callbacks_see_the_numbers_go_on():
    """on_step, on_epoch and the schedule are told the epochs that follow."""
    net, optimizer, seen = network(), refnet.SGD(), []
    first = train(net, optimizer, 2)
    train(
        net,
        optimizer,
        2,
        resume=first,
        batch_size=None,
        schedule=lambda lr, epoch: seen.append(("schedule", epoch)) or lr,
        on_step=lambda step: seen.append(("step", step.epoch)),
        on_epoch=lambda epoch: seen.append(("epoch", epoch.number, epoch.of)),
    )
    assert seen == [
        ("schedule", 2),
        ("step", 3),
        ("epoch", 3, 4),
        ("schedule", 3),
        ("step", 4),
        ("epoch", 4, 4),
    ]


def test_an_error_names_the_epoch_that_follows():
    """A step that diverges after a resumption is told by its own epoch."""
    net, optimizer = network(), refnet.SGD(lr=0.1)
    first = train(net, optimizer, 2)
    with pytest.raises(FloatingPointError, match=r"^epoch 3, batch 2: layer 1: gradient"):
        train(net, optimizer, 1, resume=first, schedule=lambda lr, epoch: 1e308)
    assert optimizer.lr == 0.1


def test_an_optimizer_by_name_is_the_one_that_trained():
    """The history keeps the optimizer that fit made, with its state and its learning
    rate.
    """
    net, whole = network(), network()
    settings = {"lr": 0.25, "schedule": refnet.ExponentialLR(0.5)}
    first = train(net, "adam", 3, **settings)
    again = train(net, "adam", 1, resume=first, **settings)
    again = train(net, "adam", 1, resume=again, schedule=settings["schedule"])
    assert again == train(whole, "adam", 5, **settings)
    assert net.parameters.tobytes() == whole.parameters.tobytes()
    assert again.reached.optimizer is first.reached.optimizer


def test_another_process_goes_on():
    """A network and its history that were pickled together train the same bits."""
    net = network()
    first = train(net, "adam", 3)
    other, history = pickle.loads(pickle.dumps((net, first)))  # noqa: S301 - our own
    assert train(other, "adam", 2, resume=history) == train(net, "adam", 2, resume=first)
    assert other.parameters.tobytes() == net.parameters.tobytes()
    assert history == first


def test_a_state_that_was_kept_goes_on():
    """An optimizer made anew and given the old one's state is the same optimizer."""
    net, other, optimizer = network(), network(), refnet.Adam(lr=0.25)
    first = train(net, optimizer, 3)
    restored = refnet.Adam(lr=0.25)
    restored.state = {name: np.copy(value)[()] for name, value in optimizer.state.items()}
    other.parameters[:] = net.parameters
    assert train(other, restored, 2, resume=first) == train(net, optimizer, 2, resume=first)


def test_a_training_that_stopped_goes_on():
    """One that a rule ended counts the epochs that it had; the rules start anew, with
    their patience whole.
    """
    net, optimizer = network(), refnet.SGD(lr=0.0)
    stop = refnet.EarlyStopping(patience=3)
    first = train(net, optimizer, 9, stop=stop)
    assert first.stopped == "validation loss best at epoch 1, 3 epochs ago"
    second = train(net, optimizer, 9, stop=stop, resume=first)
    assert [epoch.number for epoch in second.epochs] == list(range(1, 9))
    assert {epoch.of for epoch in second.epochs} == {4 + 9}
    assert second.stopped == "validation loss best at epoch 5, 3 epochs ago"
    third = train(net, optimizer, 9, stop=refnet.Precision(1e-9), resume=second)
    assert len(third.epochs) == 8 + 2
    never = {"validation": (XV, YV * 1e200), "stop": refnet.EarlyStopping(patience=2)}
    fourth = train(net, optimizer, 9, **never, resume=third)
    assert fourth.stopped == "validation loss never finite in 2 epochs"
    assert len(fourth.epochs) == 10 + 2


OTHERS = {
    "kind": ({"resume": {}}, TypeError, "fit: resume has type dict, expected History"),
    "class": ({"resume": refnet.History}, TypeError, "fit: resume has class History, expected"),
    "empty": (
        {"resume": refnet.History()},
        ValueError,
        "fit: resume has no training behind it, expected a History that fit gave",
    ),
    "seed": (
        {"seed": 4},
        ValueError,
        "fit: seed has 4, expected 3 as in the training to resume",
    ),
    "shuffle": (
        {"shuffle": False},
        ValueError,
        "fit: shuffle has False, expected True as in the training to resume",
    ),
    "name": (
        {"optimizer": "rmsprop"},
        ValueError,
        "fit: optimizer has RMSprop(",
    ),
    "lr": ({"optimizer": "adam", "lr": 0.5}, ValueError, "fit: optimizer has Adam(lr=0.5, "),
    "fresh": (
        {"optimizer": refnet.Adam(lr=0.25)},
        ValueError,
        "fit: optimizer has taken 0 steps, expected 9 as at the end of the training to resume",
    ),
}


@pytest.mark.parametrize(("settings", "kind", "sentence"), OTHERS.values(), ids=OTHERS)
def test_what_is_known_to_be_another_training_is_refused(settings, kind, sentence):
    """Another seed, order, optimizer or learning rate, or no history, changes
    nothing.
    """
    net, optimizer = network(), refnet.Adam(lr=0.25)
    first = train(net, optimizer, 3)
    before = bits(net, optimizer), pickle.dumps(first.epochs)
    with pytest.raises(kind, match=f"^{re.escape(sentence)}"):
        train(**{"net": net, "optimizer": optimizer, "epochs": 1, "resume": first, **settings})
    assert (bits(net, optimizer), pickle.dumps(first.epochs)) == before


def test_another_optimizer_is_told_with_the_one_that_trained():
    """The sentence shows both."""
    net, optimizer = network(), refnet.Adam(lr=0.25)
    first = train(net, optimizer, 3)
    got = repr(refnet.Adam(lr=0.5))
    with refuses(
        ValueError,
        f"fit: optimizer has {got}, expected {optimizer!r} of the training to resume",
    ):
        train(net, "adam", 1, resume=first, lr=0.5)


def test_another_network_is_refused():
    """The optimizer that the history keeps knows its network."""
    first = train(network(), "adam", 3)
    with pytest.raises(ValueError, match=r"^Adam: got another network, expected the one"):
        train(network(), "adam", 1, resume=first)


def test_an_optimizer_that_went_on_elsewhere_is_refused():
    """Steps taken since then are none of this training."""
    net, optimizer = network(), refnet.SGD()
    first = train(net, optimizer, 1)
    train(net, optimizer, 1)
    with refuses(
        ValueError,
        "fit: optimizer has taken 6 steps, expected 3 as at the end of the training to resume",
    ):
        train(net, optimizer, 1, resume=first)


def test_history_is_a_table():
    """Plain numbers, one dict for each epoch, without the columns that have none."""
    net = refnet.mlp([3, 2])
    labels = np.arange(11) % 2
    settings = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 2}
    history = refnet.fit(net, X, labels, **settings, validation=(X, labels))
    assert history.table() == [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "accuracy": epoch.accuracy,
            "lr": epoch.lr,
            "validation_loss": epoch.validation_loss,
            "validation_accuracy": epoch.validation_accuracy,
        }
        for epoch in history.epochs
    ]
    assert [*history.table()[0]] == (
        ["epoch", "loss", "accuracy", "lr", "validation_loss", "validation_accuracy"]
    )
    assert {type(value) for row in history.table() for value in row.values()} == {int, float}
    values = refnet.fit(network(), X, Y, loss="mse", optimizer="sgd", epochs=1)
    assert [[*row] for row in values.table()] == [["epoch", "loss", "lr"]]
    assert refnet.History().table() == []


def test_a_column_that_has_a_number_somewhere_is_whole():
    """A column is left out where it is None in every epoch, not in some."""
    some = refnet.Epoch(1, 2, 0.5, 0.1), refnet.Epoch(2, 2, 0.25, 0.1, validation_loss=0.5)
    table = refnet.History(list(some)).table()
    assert [row["validation_loss"] for row in table] == [None, 0.5]
    assert all("accuracy" not in row for row in table)
