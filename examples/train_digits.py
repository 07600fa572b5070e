"""Handwritten digits: one hidden layer, trained on the training rows and on copies
moved by half a pixel.

    python examples/train_digits.py [SECTION ...] [--seeds N] [--search] [--plot DIR]

The data are scikit-learn's 1,797 digits of 8x8 pixels. A seed splits them at random:
40 % are test rows; of the other 60 % one fifth are validation rows, and the rest are
training rows. The scaler and the copies come from the training rows alone. Each split
trains one network; there is no ensemble. This script needs scikit-learn.

The setting was chosen by validation accuracy alone, over five splits, with two fifths
of each split taking turns as validation rows. `--search` repeats that choice among the
14 settings below. More settings were tried before these. They cannot be repeated here,
and it cannot be shown that no test row influenced them. Two settings tie with the
fewest wrong rows, 19 of 2,160 (99.12 % right). The one without noise was chosen: it has
one setting less. Its mean test accuracy is 98.58 %. But a test row of one split is a
training row of another, so a choice made over five splits has seen all rows. The
cleaner figure is the one where each split chooses for itself: 98.50 %, at the end of
`--search`.
"""

from collections import Counter
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

import refnet
from lesson import Claim, command, perform, wanted

with wanted("parity"):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

TITLE = "Handwritten digits by one hidden layer: the goal is 98 % of the test images"
GOAL = 0.98
SPLITS = 5
FIFTHS = 5  # of the training part; one of them validates
SEARCHED = 2  # so many of the fifths take turns in the search
# 862 rows and their copies are 7,758: 122 mini-batches an epoch, and 20 epochs
BATCH, STEPS = 64, 2440
AROUND = [shift for shift in product((-1, 0, 1), repeat=2) if shift != (0, 0)]


class Setting(NamedTuple):
    """What is chosen before a training."""

    units: int = 128
    hidden: str = "relu"
    # by how many pixels the eight copies of each row are moved, one in each direction;
    # 0: no copies
    shift: float = 0.5
    # standard deviation of the noise on each pixel; pixels go from 0 to 16
    noise: float = 0.0
    smoothing: float = 0.1  # share of each target that is spread over all ten digits
    lr: float = 2e-3


CHOSEN, PLAIN = Setting(), Setting(shift=0.0, smoothing=0.0)
SETTINGS = {
    "plain: the rows as they are": PLAIN,
    "plain, noise": PLAIN._replace(noise=1.0),
    "plain, smoothed targets": PLAIN._replace(smoothing=0.1),
    "copies a whole pixel off": PLAIN._replace(shift=1.0),
    "copies half a pixel off": PLAIN._replace(shift=0.5),
    "half a pixel, noise": PLAIN._replace(shift=0.5, noise=1.0),
    "half a pixel, smoothed targets": CHOSEN,
    "the same, noise": CHOSEN._replace(noise=1.0),
    "the same, smoothed twice as much": CHOSEN._replace(smoothing=0.2),
    "the same, learning rate 0.001": CHOSEN._replace(lr=1e-3),
    "the same, learning rate 0.004": CHOSEN._replace(lr=4e-3),
    "the same, 30 units": CHOSEN._replace(units=30),
    "the same, 256 units": CHOSEN._replace(units=256),
    "the same, tanh": CHOSEN._replace(hidden="tanh"),
}


class Part(NamedTuple):
    """Some of the digits: pixels (rows, 64) from 0 to 16, and labels (rows,)."""

    x: Any
    labels: Any


class Scaler(NamedTuple):
    """Mean and standard deviation of each pixel over the training rows; 1 is the
    deviation of a pixel that never changes.
    """

    mean: Any
    deviation: Any

    @classmethod
    def of(cls, x):
        """The scaler of some rows."""
        deviation = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def __call__(self, x):
        """The rows scaled, as the network takes them."""
        return ((x - self.mean) / self.deviation).astype(np.float32)


class Trained(NamedTuple):
    """A network, its scaler, and the history of its training."""

    net: refnet.Network
    scaler: Scaler
    history: refnet.History

    def accuracy(self, part):
        """The share of right labels on a part."""
        return self.net.accuracy(self.scaler(part.x), part.labels)

    def probabilities(self, part):
        """The softmax of the logits, (rows, 10)."""
        return refnet.Softmax().value(self.net.predict(self.scaler(part.x)).astype(float))


@cache
def split(seed):
    """The part to train and validate on, and the part to test on."""
    x, labels = load_digits(return_X_y=True)
    x, x_test, labels, labels_test = train_test_split(x, labels, test_size=0.4, random_state=seed)
    return Part(x, labels), Part(x_test, labels_test)


@cache
def divided(seed, fifth=0):
    """The training part of a split, divided again: training and validation rows."""
    (x, labels), _ = split(seed)
    fifths = np.array_split(np.random.default_rng(seed).permutation(len(x)), FIFTHS)
    held_out = fifths.pop(fifth)
    rest = np.concatenate(fifths)
    return Part(x[rest], labels[rest]), Part(x[held_out], labels[held_out])


def moved(x, down, right):
    """Images (rows, 64) moved by whole pixels; the edge that becomes free is 0."""
    wide = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    return wide[:, 1 - down : 9 - down, 1 - right : 9 - right].reshape(len(x), 64)


def copies(part, setting, rng):
    """The rows and their eight copies, all with noise.

    To move an image by part of a pixel, it is mixed with itself moved by a whole one.
    """
    x, labels = part
    shifts = AROUND if setting.shift else []
    x = np.concatenate(
        [x, *((1 - setting.shift) * x + setting.shift * moved(x, *shift) for shift in shifts)]
    )
    return Part(x + setting.noise * rng.standard_normal(x.shape), np.tile(labels, 1 + len(shifts)))


@cache
def train(setting, seed, fifth=0):
    """One network on one split, 64-units-10, by AdamW for about STEPS mini-batches with
    a falling learning rate.
    """
    part, held_out = divided(seed, fifth)
    x, labels = copies(part, setting, np.random.default_rng(seed))
    scaler, epochs = Scaler.of(x), round(STEPS / np.ceil(len(x) / BATCH))
    targets = (
        (1 - setting.smoothing) * refnet.one_hot(labels, 10) + setting.smoothing / 10
    ).astype(np.float32)
    init = "he_normal" if setting.hidden == "relu" else "glorot_uniform"
    net = refnet.mlp(
        (64, setting.units, 10), setting.hidden, "identity", init, seed=seed, dtype="float32"
    )
    history = refnet.fit(
        net,
        scaler(x),
        targets,
        loss="softmax_cross_entropy",
        optimizer=refnet.AdamW(lr=setting.lr),
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
        schedule=refnet.CosineLR(epochs),
        validation=(scaler(held_out.x), held_out.labels),
    )
    return Trained(net, scaler, history)


def validated(setting, seed):
    """How many validation rows are labelled right, and how many there are, over the
    fifths that take turns.
    """
    parts = [(fifth, divided(seed, fifth)[1]) for fifth in range(SEARCHED)]
    right = sum(
        round(train(setting, seed, fifth).accuracy(part) * len(part.x)) for fifth, part in parts
    )
    return right, sum(len(part.x) for _, part in parts)


def search(seeds=SPLITS):
    """The validation accuracy of each setting, and what each split would choose."""
    yield (
        f"Validation accuracy over {seeds} splits, {SEARCHED} fifths of each. Every setting trains "
        f"for about {STEPS} mini-batches of {BATCH}:"
    )
    scores = {
        name: [validated(setting, seed) for seed in range(seeds)]
        for name, setting in SETTINGS.items()
    }
    for name, counts in scores.items():
        right, rows = np.sum(counts, axis=0)
        chosen = "  <- chosen" if SETTINGS[name] == CHOSEN else ""
        yield f"  {right / rows:7.2%}  {rows - right:3} of {rows} wrong  {name}{chosen}"
    best = [max(SETTINGS, key=lambda name, seed=seed: scores[name][seed]) for seed in range(seeds)]
    test = [train(SETTINGS[name], seed).accuracy(split(seed)[1]) for seed, name in enumerate(best)]
    yield "If each split chooses for itself (of equal settings the first):"
    yield from (
        f"  seed {seed}: test {accuracy:.2%}  {best[seed]}" for seed, accuracy in enumerate(test)
    )
    mean = np.mean(test)
    yield Claim(f"the goal, {GOAL:.0%} of the test images", f"mean {mean:.2%}", mean >= GOAL)


def mistaken(seeds):
    """How often each digit was mistaken for each other one, over the test parts."""
    counts = Counter()
    for seed in range(seeds):
        _, test = split(seed)
        guesses = train(CHOSEN, seed).probabilities(test).argmax(axis=1)
        counts.update(
            (int(label), int(guess))
            for label, guess in zip(test.labels, guesses, strict=True)
            if label != guess
        )
    return counts


def accuracies(setting, seeds):
    """The accuracy on the validation and on the test part of each split, (seeds, 2)."""
    return np.array(
        [
            [train(setting, seed).accuracy(part) for part in (divided(seed)[1], split(seed)[1])]
            for seed in range(seeds)
        ]
    )


def splits(seeds=SPLITS):
    """The accuracy on each split, and the mean."""
    part, held_out = divided(0)
    yield (
        f"{len(part.x)} training rows, {len(held_out.x)} validation rows, {len(split(0)[1].x)} "
        f"test rows; a 64-{CHOSEN.units}-10 network."
    )
    plain, chosen = accuracies(PLAIN, seeds), accuracies(CHOSEN, seeds)
    yield f"  {'':<5}{'the rows as they are':>26}{'with copies, smoothed targets':>35}"
    yield f"  {'split':<5}{'validation':>15}{'test':>11}{'validation':>24}{'test':>11}"
    for name, values in (
        *((seed, (*plain[seed], *chosen[seed])) for seed in range(seeds)),
        ("mean", (*plain.mean(axis=0), *chosen.mean(axis=0))),
    ):
        held_out, test, held_out_chosen, test_chosen = values
        yield f"  {name:<5}{held_out:15.2%}{test:11.2%}{held_out_chosen:24.2%}{test_chosen:11.2%}"
    before, after = plain.mean(axis=0)[1], chosen.mean(axis=0)[1]
    yield Claim(f"the goal, {GOAL:.0%} of the test images", f"mean {after:.2%}", after >= GOAL)
    yield Claim("more than the rows as they are", f"{after:.2%} and {before:.2%}", after > before)
    yield (
        "The setting was chosen over splits that share rows. `--search` ends with the mean where "
        "each split chooses for itself."
    )


def mistakes(seeds=SPLITS):
    """The most frequent mistakes."""
    counts = mistaken(seeds)
    digits = sum(np.bincount(split(seed)[1].labels) for seed in range(seeds))
    yield (
        f"{counts.total()} of {digits.sum()} test images are labelled wrong. The most frequent "
        f"mistakes, out of all images of the digit:"
    )
    yield from (
        f"  {label} mistaken for {guess}: {count} of {digits[label]}"
        for (label, guess), count in counts.most_common(5)
    )


SECTIONS = {"Test images of each split": splits, "Which digits are mistaken": mistakes}
SEARCH = {"How the setting was chosen": search}


def main(arguments=None):
    """The command line.

    Exit status 0 where the goal is met, 1 where it is not, 2 where a package is
    missing.
    """
    parser = command(TITLE, SECTIONS)
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        default=SPLITS,
        help=f"how many splits, from seed 0 on (default {SPLITS})",
    )
    parser.add_argument(
        "--search", action="store_true", help="repeat how the setting was chosen: a minute or two"
    )
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}, expected 1 or more")
    names = [section.__name__ for section in SECTIONS.values()]
    for name in set(options.section) - set(names):
        parser.error(f"section: there is no {name}, expected {', '.join(names)}")
    asked = {
        heading: partial(section, options.seeds)
        for heading, section in (SEARCH if options.search else SECTIONS).items()
        if options.search or section.__name__ in (options.section or names)
    }
    return perform(__file__, TITLE, asked, options.plot)


if __name__ == "__main__":
    raise SystemExit(main())
