"""Training ends where a stop says so: early stopping, precision, and stops of one's
own.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

import refnet


def passing(**settings):
    """Training from 0 towards 1, watched by a validation that wants 0.4: its loss
    falls, then rises. Also the weights after each epoch.
    """
    net, weights = refnet.Network([refnet.Dense([[0.0]], [0.0])]), []
    settings = {
        "optimizer": refnet.SGD(lr=0.05),
        "epochs": 40,
        "validation": ([[1.0]], [[0.4]]),
        **settings,
    }
    history = refnet.fit(
        net,
        [[1.0]],
        [[1.0]],
        loss="half_squared_error",
        on_epoch=lambda _: weights.append(net.parameters.tobytes()),
        **settings,
    )
    return net, history, weights


@pytest.mark.parametrize("patience", [1, 3, 100])
def test_early_stopping_restores_the_best_weights(patience):
    """Training ends `patience` epochs after the best validation loss, or with the last
    epoch, and the best weights are back bit for bit.
    """
    stop = refnet.EarlyStopping(patience)
    net, history, weights = passing(stop=stop)
    best = int(np.argmin(passing()[1].validation_loss))
    assert 0 < best < 36
    assert (stop.best_epoch, stop.best) == (best + 1, history.validation_loss[best])
    assert len(history.epochs) == min(best + 1 + patience, 40)
    assert net.parameters.tobytes() == weights[best] != weights[-1]
    sentence = (
        f"validation loss best at epoch {best + 1}, {patience} epoch{'s' * (patience > 1)} ago"
        if patience < 40
        else "all epochs done"
    )
    assert history.stopped == sentence


@pytest.mark.parametrize("by", ["divergence", "callback"])
def test_early_stopping_restores_the_best_weights_after_an_error(by):
    """Where a step is no longer finite, or a callback ends the training, the best
    weights are back too, and the learning rate.
    """
    stop, optimizer = refnet.EarlyStopping(patience=100), refnet.SGD(lr=0.05)
    best = int(np.argmin(passing()[1].validation_loss))
    weights = passing()[2][best]
    net = refnet.Network([refnet.Dense([[0.0]], [0.0])])

    def last(epoch):
        if by == "callback" and epoch.number == best + 3:
            raise RuntimeError("enough")

    # the first step with the large lr still fits, as the gradient is below 1
    kind, sentence = {
        "divergence": (FloatingPointError, f"epoch {best + 5}, batch 1: layer 1: new value of W"),
        "callback": (RuntimeError, "enough"),
    }[by]
    with pytest.raises(kind, match=f"^{sentence}"):
        refnet.fit(
            net,
            [[1.0]],
            [[1.0]],
            loss="half_squared_error",
            optimizer=optimizer,
            epochs=40,
            validation=([[1.0]], [[0.4]]),
            schedule=lambda lr, epoch: lr if epoch < best + 3 else 1.7e308,
            stop=stop,
            on_epoch=last,
        )
    assert stop.best_epoch == best + 1
    assert net.parameters.tobytes() == weights
    assert optimizer.lr == 0.05


def test_early_stopping_counts_only_falls_beyond_min_delta():
    """With min_delta as large as the first validation loss no later one is a fall, so
    the first weights are the best.
    """
    stop = refnet.EarlyStopping(patience=4, min_delta=1.0)
    net, history, weights = passing(stop=stop)
    assert (stop.best_epoch, len(history.epochs)) == (1, 5)
    assert net.parameters.tobytes() == weights[0]


def test_precision_stops_at_the_first_small_change():
    """Training ends at the first epoch whose loss differs from the one before by less
    than the threshold, and keeps its weights.
    """
    losses = passing()[1].loss
    end = next(
        e for e, (last, now) in enumerate(pairwise(losses), start=2) if abs(now - last) < 0.01
    )
    net, history, weights = passing(stop=refnet.Precision(0.01))
    assert 2 < end < 40
    assert len(history.epochs) == end
    assert (
        history.stopped
        == f"loss changed by {abs(losses[end - 1] - losses[end - 2]):.3g}, less than 0.01"
    )
    assert net.parameters.tobytes() == weights[-1]


@dataclass
class Third:
    """A rule of one's own: it stops training after the third epoch and records its
    calls.
    """

    calls: list = field(default_factory=list)

    def start(self, validated):
        self.calls.append(validated)

    def reason(self, net, epoch):
        self.calls.append(epoch.number)
        return "third" if epoch.number == 3 else None

    def finish(self, net):
        self.calls.append("over")


def test_several_stops_are_all_asked():
    """Of several rules each is started, asked after every epoch and called at the end;
    all reasons are given.
    """
    one, two = Third(), Third()
    _, history, _ = passing(stop=[one, refnet.Precision(1e-9), two])
    assert one.calls == two.calls == [True, 1, 2, 3, "over"]
    assert history.stopped == "third; third"
    assert passing(stop=one, validation=None)[1].stopped == "third"
    assert one.calls[5:] == [False, 1, 2, 3, "over"]


@pytest.mark.parametrize("lr", [0.05, 0.0])
@pytest.mark.parametrize(
    "make",
    [lambda: refnet.EarlyStopping(2), lambda: refnet.Precision(0.01)],
    ids=["early stopping", "precision"],
)
def test_stop_forgets_an_earlier_training(make, lr):
    """A stop that has served once does the same for a second training as a new one,
    also where nothing changes from one to the next.
    """
    used = make()
    passing(stop=used, optimizer=refnet.SGD(lr=lr))
    again, fresh = (passing(stop=stop, optimizer=refnet.SGD(lr=lr)) for stop in (used, make()))
    assert again[0].parameters.tobytes() == fresh[0].parameters.tobytes()
    assert again[1] == fresh[1]
