"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), beyond section 5.5: what it takes to pass 97 % on the
text's test rows, one change after the other.

    python examples/thomas_ladder.py [SECTION ...] [--plot DIR]
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

import refnet
from lesson import Claim, Expected, run, wanted
from thomas_digits import (
    ALPHA,
    COST,
    NN_STRUCTURE,
    Rows,
    as_in_the_text,
    digits,
    right_in_percent,
    split,
    trained,
)

with wanted("parity"):
    from sklearn.preprocessing import StandardScaler

TITLE = "Thomas, Neural Networks Tutorial - A Pathway to Deep Learning, beyond section 5.5"
# an epoch of the 1078 rows has 34 mini-batches; 88 epochs have 2992 steps, as the text
# has 3,000
EPOCHS, BATCH = 88, 32
SEEDS = (0, 1, 2)


@cache
def scaled_on_training_rows():
    """Split, then scaled by mean and deviation of the training rows alone."""
    raw = split(digits().data)
    own = StandardScaler().fit(raw.x)
    return raw._replace(x=own.transform(raw.x), test_x=own.transform(raw.test_x))


class Rung(NamedTuple):
    """One way to train: what it changes compared with the rung before, where its rows
    come from, its network, loss and learning rate.
    """

    change: str
    rows: Callable[[], Rows]
    net: dict
    loss: str
    lr: float

    def trained(self, seed):
        """The network trained from one seed, of its weights and its mini-batches."""
        net, rows = refnet.mlp(seed=seed, **self.net), self.rows()
        y, optimizer = refnet.one_hot(rows.labels, 10), refnet.SGD(lr=self.lr)
        how = {"epochs": EPOCHS, "batch_size": BATCH, "seed": seed}
        refnet.fit(net, rows.x, y, loss=self.loss, optimizer=optimizer, **how)
        return net


@cache
def ladder():
    """What each rung changes, and its accuracy with each seed.

    On the last rung the networks of the rung before vote: their outputs are averaged.
    """
    text = {"sizes": tuple(NN_STRUCTURE), "hidden": "sigmoid", "output": "sigmoid"}
    small = text | {"init": "torch_linear"}
    text, softmax = text | {"init": refnet.Uniform(0.0, 1.0)}, small | {"output": "softmax"}
    wide = softmax | {"sizes": (64, 100, 10), "hidden": "relu", "init": "he_normal"}
    apart = scaled_on_training_rows
    rungs = (
        Rung(f"mini-batches of {BATCH}, other starts", as_in_the_text, text, COST, ALPHA),
        Rung("scaled by the training rows", apart, text, COST, ALPHA),
        Rung("weights within 1/sqrt(fan_in) of 0", apart, small, COST, ALPHA),
        Rung("softmax and cross-entropy", apart, softmax, "cross_entropy", ALPHA),
        Rung("100 units, ReLU, He start, lr 0.1", apart, wide, "cross_entropy", 0.1),
    )
    accuracies = []
    for rung in rungs:
        rows, nets = rung.rows(), [rung.trained(seed) for seed in SEEDS]
        right = [net.accuracy(rows.test_x, rows.test_labels) for net in nets]
        accuracies.append((rung.change, right))
    together = np.mean([net.predict(rows.test_x) for net in nets], axis=0).argmax(axis=1)
    vote = f"mean output of these {len(nets)} networks", [np.mean(together == rows.test_labels)]
    return [*accuracies, vote]


def ladder_to_97():
    """What it takes to pass 97 %."""
    rungs = ladder()
    yield (
        f"The text ends with 86 %. A ladder: each rung changes what it names, "
        f"keeps the rest of the rung above it, and takes as many steps as the text. (The first "
        f"rung also has other starting weights, so it does not measure mini-batches alone.) The "
        f"accuracy is a mean over {len(SEEDS)} seeds, on the same test rows. The settings are "
        f"round numbers; none was chosen by the test rows."
    )
    # whole percents, as another BLAS may give a few rows another label
    expected = ("89 %", "87 %", "87 %", "96 %", "97 %", "97 %", "98 %")
    before = "the text: full batch, one start", [right_in_percent(trained().net) / 100]
    for percent, (change, right) in zip(expected, [before, *rungs], strict=True):
        yield Expected(change, percent, 100 * np.mean(right))
    apart = max(np.ptp(right) for _, right in rungs)
    yield (
        f"The last rung has {np.mean(rungs[-1][1]):.2%}. The best and the worst seed of a rung "
        f"differ by up to {apart:.2%}."
    )
    seen, unseen = (np.mean(right) for _, right in rungs[:2])
    yield Claim(
        "scaling by the training rows alone changes less than another seed does",
        f"{abs(unseen - seen):.2%}, seeds up to {apart:.2%} apart",
        abs(unseen - seen) < apart,
    )


SECTIONS = {"5.5 Assessing the accuracy of the trained model: from there to 97 %": ladder_to_97}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
