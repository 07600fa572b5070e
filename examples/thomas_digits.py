"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), section 5: the 64-30-10 network on scikit-learn's digits
as the text trains it, what its cost curve shows, and what it takes to pass 97 % on the
same test rows.

    python examples/thomas_digits.py [--plot DIR]
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

import refnet
from printed import Printed, run, side_by_side, wanted
from refnet.forms import accumulated
from thomas_forward import claim_or_both

with wanted("parity"):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

TITLE = "Thomas, Neural Networks Tutorial, §5: handwritten digits"
COST, ALPHA, ITERATIONS, LONGER = "half_squared_error", 0.25, 3000, 4000
# an epoch of the 1078 rows has 34 mini-batches; 88 epochs have 2992 steps, as the text
# has 3,000
EPOCHS, BATCH = 88, 32
SEEDS = (0, 1, 2)

FIRST_IMAGE = (
    "[ 0., 0., 5., 13., 9., 1., 0., 0., 0., 0., 13., 15., 10., 15., 5., 0., 0., 3., 15., 2., 0., "
    "11., 8., 0., 0., "
    "4., 12., 0., 0., 8., 8., 0., 0., 5., 8., 0., 0., 9., 8., 0., 0., 4., 11., 0., 1., 12., 7., "
    "0., 0., 2., 14., "
    "5., 10., 12., 0., 0., 0., 0., 6., 13., 10., 0., 0., 0.]"
)
FIRST_SCALED = (
    "[ 0. , -0.33501649, -0.04308102, 0.27407152, -0.66447751, -0.84412939, -0.40972392, "
    "-0.12502292, -0.05907756, "
    "-0.62400926, 0.4829745 , 0.75962245, -0.05842586, 1.12772113, 0.87958306, -0.13043338, "
    "-0.04462507, "
    "0.11144272, 0.89588044, -0.86066632, -1.14964846, 0.51547187, 1.90596347, -0.11422184, "
    "-0.03337973, "
    "0.48648928, 0.46988512, -1.49990136, -1.61406277, 0.07639777, 1.54181413, -0.04723238, 0. , "
    "0.76465553, "
    "0.05263019, -1.44763006, -1.73666443, 0.04361588, 1.43955804, 0. , -0.06134367, 0.8105536 , "
    "0.63011714, "
    "-1.12245711, -1.06623158, 0.66096475, 0.81845076, -0.08874162, -0.03543326, 0.74211893, "
    "1.15065212, "
    "-0.86867056, 0.11012973, 0.53761116, -0.75743581, -0.20978513, -0.02359646, -0.29908135, "
    "0.08671869, "
    "0.20829258, -0.36677122, -1.14664746, -0.5056698 , -0.19600752]"
)


class Rows(NamedTuple):
    """Inputs and labels of the training and of the test part."""

    x: np.ndarray
    labels: np.ndarray
    test_x: np.ndarray
    test_labels: np.ndarray


class Trained(NamedTuple):
    """The network after the text's iterations and after more of them, and both curves:
    J, and the mean norm that the text plots.
    """

    net: refnet.Network
    longer: refnet.Network
    J: list
    norms: list


@cache
def digits():
    """scikit-learn's digits."""
    return load_digits()


def split(x):
    """40 % of the rows for testing; the text gives no random_state, here it is 0."""
    x, test_x, labels, test_labels = train_test_split(
        x, digits().target, test_size=0.4, random_state=0
    )
    return Rows(x, labels, test_x, test_labels)


@cache
def scaler():
    """The text's scaler, fitted to all rows."""
    return StandardScaler().fit(digits().data)


@cache
def as_in_the_text():
    """Scaled over all rows, then split."""
    return split(scaler().transform(digits().data))


@cache
def scaled_on_training_rows():
    """Split, then scaled by mean and deviation of the training rows alone."""
    raw = split(digits().data)
    scaler = StandardScaler().fit(raw.x)
    return raw._replace(x=scaler.transform(raw.x), test_x=scaler.transform(raw.test_x))


def start():
    """64-30-10 with W1, b1, W2, b2 from [0, 1), drawn in this order by random_sample
    as in the text.
    """
    # the text sets no seed; its generator is the legacy one
    draw = np.random.RandomState(0).random_sample
    shapes = (30, 64), (10, 30)
    return refnet.Network(
        [refnet.Dense(draw(shape), draw(shape[:1]), "sigmoid") for shape in shapes]
    )


@cache
def trained():
    """Full-batch descent on J with alpha 0.25: the text's 3,000 iterations, and 1,000
    more.
    """
    rows, net, norms, snapshots = as_in_the_text(), start(), [], []

    def watch(step):
        norms.append(np.linalg.norm(step.y - step.trace.output, axis=1).mean())
        if step.epoch == ITERATIONS:
            snapshots.append(net.copy())

    optimizer = refnet.SGD(lr=ALPHA)
    y = refnet.one_hot(rows.labels, 10)
    history = refnet.fit(
        net, rows.x, y, loss=COST, optimizer=optimizer, epochs=LONGER, on_step=watch
    )
    return Trained(snapshots[0], net, history.loss, norms)


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
        refnet.fit(
            net,
            rows.x,
            y,
            loss=self.loss,
            optimizer=optimizer,
            epochs=EPOCHS,
            batch_size=BATCH,
            seed=seed,
        )
        return net


@cache
def ladder():
    """What each rung changes, and its accuracy with each seed.

    On the last rung the networks of the rung before vote: their outputs are averaged.
    """
    text = {
        "sizes": (64, 30, 10),
        "hidden": "sigmoid",
        "output": "sigmoid",
        "init": refnet.Uniform(0.0, 1.0),
    }
    small, softmax = (
        text | {"init": "torch_linear"},
        text | {"init": "torch_linear", "output": "softmax"},
    )
    wide, apart = (
        softmax | {"sizes": (64, 100, 10), "hidden": "relu", "init": "he_normal"},
        scaled_on_training_rows,
    )
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
        accuracies.append(
            (rung.change, [net.accuracy(rows.test_x, rows.test_labels) for net in nets])
        )
    together = np.mean([net.predict(rows.test_x) for net in nets], axis=0).argmax(axis=1)
    return [
        *accuracies,
        (f"mean output of these {len(nets)} networks", [np.mean(together == rows.test_labels)]),
    ]


def story():
    yield from the_data()
    yield from scaling()
    yield from splitting()
    yield from training()
    yield from three_iterations()
    yield from accuracy()
    yield from curves()
    yield from climbing()


def the_data():
    """Section 5: what the rows are."""
    described = digits().DESCR.splitlines()[2].removesuffix(" dataset")
    yield Printed("§5", "shape of the data", "(1797, 64)", digits().data.shape)
    yield Printed("§5", "pixels of an image", "8 x 8", digits().images[1].shape)
    yield Printed("§5", "data points of an image", "64", digits().data[1].size)
    yield Printed("§5", "label of images[1]", "1", digits().target[1])
    yield Printed(
        "§5", "the data set, by its own description", "MNIST", described, erratum="thomas-mnist"
    )
    yield Printed("§5.1", "digits.data[0]", FIRST_IMAGE, digits().data[0])
    ends = [(x.min(), x.max()) for x in (digits().data[0], digits().data)]
    yield Printed("§5.1", "range of digits.data[0]", "0 up to 15", ends[0])
    yield Printed("§5.1", "range of the input data", "0 up to 15", ends[1], erratum="thomas-16")


def scaling():
    """Section 5.1: every pixel less its mean, by its deviation, over all rows."""
    x = scaler().transform(digits().data)
    yield Printed("§5.1", "X[0] after scaling", FIRST_SCALED, x[0])
    share = np.mean(abs(x) <= 2)
    yield Printed(
        "§5.1",
        "how much of it is between -2 and 2",
        "most",
        "most" if share > 0.5 else "less than half",
    )
    used = np.count_nonzero(digits().data[:, x.max(axis=0).argmax()])
    yield (
        f"Of all scaled pixels {share:.1%} are between -2 and 2. The largest is {x.max():.1f}, "
        f"in a pixel that is 0 in all images but {used}."
    )


def splitting():
    """Sections 5.2 and 5.3: training part, test part, targets."""
    rows, raw = as_in_the_text(), split(digits().data)
    n = len(digits().data)
    share = round(100 * len(rows.x) / n)
    yield Printed(
        "§5.2", f"test part, {len(rows.test_x)} of {n} rows", "40%", 100 * len(rows.test_x) / n
    )
    yield Printed("§5.2", f"training part, {len(rows.x)} of {n} rows", "60%", 100 * len(rows.x) / n)
    yield Printed(
        "§5.2",
        "the training part, as is usual",
        "60-80%",
        "60-80%" if 60 <= share <= 80 else f"{share}%",
    )
    known = int(scaler().n_samples_seen_) - len(raw.x)
    seen = f"{known} of {len(raw.test_x)} in the scaler" if known else "not seen"
    yield Printed("§5.2", "test rows, before the test", "not seen", seen, erratum="thomas-scaler")
    training = raw.x.mean(axis=0)
    pixel = np.argmax(abs(scaler().mean_ - training))
    yield (
        f"The test rows change the mean of pixel {pixel} most: it is {scaler().mean_[pixel]:.3f}, "
        f"and {training[pixel]:.3f} over the training rows alone."
    )
    yield Printed(
        "§5.3", "target of a 5", "[0, 0, 0, 0, 0, 1, 0, 0, 0, 0]", refnet.one_hot([5], 10)[0]
    )
    settled = [0.01, 0.1, 0.2, 0.05, 0.3, 0.8, 0.4, 0.03, 0.25, 0.02]
    yield Printed("§5.3", "digit of the output 0.01, 0.1, 0.2, ...", "5", np.argmax(settled))
    yield Printed("§5.3", "y_train[0]", "1", rows.labels[0], chance="the text sets no seed")
    yield Printed(
        "§5.3",
        "target of a 1",
        "[ 0., 1., 0., 0., 0., 0., 0., 0., 0., 0.]",
        refnet.one_hot([1], 10)[0],
    )


def training():
    """Section 5.4: the network before training."""
    rows, net = as_in_the_text(), start()
    inputs, hidden, outputs = net.sizes
    yield Printed("§5.4", "nn_structure", "[64, 30, 10]", net.sizes)
    ends = {"layers, 1 and 1": (1, 1), f"nodes, {outputs} and {inputs}": (outputs, inputs)}
    between = next(
        (numbers for numbers, (low, high) in ends.items() if low <= hidden <= high), "none"
    )
    yield Printed(
        "§5.4",
        f"{hidden} hidden nodes: a number between those of",
        "layers, 1 and 1",
        between,
        erratum="thomas-between-layers",
    )
    yield (
        f"Weights from [0, 1) are all positive, so at the start every output is near 1 "
        f"({net.predict(rows.x).mean():.4f} on average)."
    )


def three_iterations():
    """Section 5.4: the first iterations, sample by sample and with all rows at once."""
    rows, net = as_in_the_text(), start()
    summed, y = net.copy(), refnet.one_hot(rows.labels, 10)
    J = [accumulated.step(summed, rows.x, y, COST, ALPHA) for _ in range(3)]
    refnet.fit(net, rows.x, y, loss=COST, optimizer=refnet.SGD(lr=ALPHA), epochs=3)
    yield (
        "Three iterations, sample by sample as in the text. Expected is what refnet.fit has, "
        "which takes all rows at once:"
    )
    yield Printed(
        "§5.4",
        "J in the first three iterations",
        side_by_side(trained().J[:3], 10),
        J,
        column="expected",
    )
    after = side_by_side(net.parameters, 8)
    yield Printed(
        "§5.4",
        f"the {net.parameters.size} weights and biases after them",
        after,
        summed.parameters,
        column="expected",
    )


def accuracy():
    """Section 5.5: the accuracy after 3,000 iterations."""
    rows = as_in_the_text()
    right = trained().net.accuracy(rows.test_x, rows.test_labels)
    yield Printed(
        "§5.5", "accuracy on the test part", "86%", 100 * right, chance="the text sets no seed"
    )
    yield (
        f"This accuracy is for random_state=0 and weights from RandomState(0), after {ITERATIONS} "
        f"iterations."
    )


def curves():
    """Section 5.4: what is plotted, what is minimised, and what more iterations do."""
    done, rows = trained(), as_in_the_text()
    at = ITERATIONS - 1
    plotted = claim_or_both("average J", f"{done.norms[at]:.4f}", f"{done.J[at]:.4f}")
    yield Printed(
        "§5.4",
        f"curve and J in iteration {ITERATIONS}",
        "average J",
        plotted,
        erratum="thomas-mean-norm",
    )
    yield (
        "The text's curve is the mean of ||y - h||. The steps minimise another cost, the mean of "
        "1/2 ||y - h||^2."
    )
    wrong = [
        round(len(rows.test_x) * (1 - net.accuracy(rows.test_x, rows.test_labels)))
        for net in (done.net, done.longer)
    ]
    right = 1 - wrong[1] / len(rows.test_x)
    yield (
        f"{LONGER - ITERATIONS} more iterations lower J by {1 - done.J[-1] / done.J[at]:.0%}, "
        f"and the accuracy becomes {right:.2%}."
    )
    yield "Let us call it much if more than a tenth of the errors disappear:"
    better = wrong[1] < 0.9 * wrong[0]
    gained = f"by much, {wrong[0]} to {wrong[1]} wrong" if better else "not by much"
    yield Printed(
        "§5.4",
        f"test rows, {ITERATIONS} to {LONGER} iterations: better",
        "not by much",
        gained,
        erratum="thomas-plateau",
    )


def climbing():
    """What it takes to pass 97 %."""
    rows, rungs = as_in_the_text(), ladder()
    before = [trained().net.accuracy(rows.test_x, rows.test_labels)]
    yield (
        f"What does it take to pass 97 %? A ladder: each rung changes what it names, keeps the "
        f"rest of the rung above it, and takes as many steps as the text. (The first rung also "
        f"has other starting weights, so it does not measure mini-batches alone.) The accuracy "
        f"is a mean over {len(SEEDS)} seeds, on the same test rows. The settings are round "
        f"numbers; none was chosen by the test rows."
    )
    # whole percents, as another BLAS may give a few rows another label
    expected = ("89 %", "87 %", "87 %", "96 %", "97 %", "97 %", "98 %")
    for percent, (change, right) in zip(
        expected, [("the text: full batch, one start", before), *rungs], strict=True
    ):
        yield Printed("§5.5", change, percent, 100 * np.mean(right), column="expected")
    apart = max(np.ptp(right) for _, right in rungs)
    yield (
        f"The last rung has {np.mean(rungs[-1][1]):.2%}. The best and the worst seed of a rung "
        f"differ by up to {apart:.2%}."
    )


def drawings():
    yield "thomas_digit", draw_digit
    yield "thomas_cost", draw_cost
    yield "thomas_97", draw_ladder


def draw_digit():
    """Section 5: the image of a 1, and section 5.1: all scaled values."""
    from refnet.plot.style import BLUE, RED, sheet

    figure, (image, values) = sheet(1, 2, width=4.6)
    image.imshow(digits().images[1], cmap="gray")
    image.set(title="digits.images[1], a 1 in 8 x 8 pixels")
    image.axis("off")
    x = scaler().transform(digits().data).ravel()
    values.hist(x, bins=np.arange(-3.5, 43), color=BLUE)
    for edge in (-2, 2):
        values.axvline(edge, color=RED, linestyle="--", label="-2 and 2" if edge == 2 else None)
    values.set(
        title=f"scaled pixels: {np.mean(abs(x) <= 2):.1%} within -2 and 2",
        xlabel="value",
        ylabel="number of pixels",
        yscale="log",
    )
    values.legend()
    return figure


def draw_cost():
    """Section 5.4: the curve that is plotted, and the J that is minimised."""
    from refnet.plot.style import BLACK, BLUE, RED, sheet

    done = trained()
    figure, axes = sheet(width=6.4, height=4.2)
    axes.semilogy(
        done.norms, color=RED, linestyle="--", label=r"mean of $\|y - h\|$, which the text plots"
    )
    axes.semilogy(
        done.J, color=BLUE, label=r"$J$ = mean of $\frac{1}{2}\|y - h\|^2$, which is minimised"
    )
    axes.axvline(ITERATIONS, color=BLACK, linestyle=":", label="the text stops at 3,000")
    axes.set(title="digits, 64-30-10: $J$ still falls where the text stops", ylim=(0.03, 6))
    axes.set(xlabel="iteration", ylabel="cost of the training rows")
    axes.legend(loc="lower left")
    return figure


def draw_ladder():
    """From the text's network to more than 97 %."""
    from refnet.plot.style import BLACK, BLUE, ORANGE, sheet

    rows = as_in_the_text()
    rungs = [
        (
            "the text: full batch, 3,000 iterations",
            [trained().net.accuracy(rows.test_x, rows.test_labels)],
        ),
        *ladder(),
    ]
    figure, axes = sheet(width=7.4, height=3.6)
    for k, (_, accuracies) in enumerate(rungs):
        axes.plot(
            100 * np.array(accuracies),
            [k] * len(accuracies),
            "o",
            color=BLUE,
            alpha=0.5,
            label="one seed" if k == 1 else None,
        )
        axes.plot(
            100 * np.mean(accuracies),
            k,
            "|",
            color=BLACK,
            markersize=16,
            markeredgewidth=2,
            label="mean" if k == 1 else None,
        )
    axes.axvline(97, color=ORANGE, linestyle="--", label="97 %")
    names = [
        change.replace("1/sqrt(fan_in)", r"$1/\sqrt{\mathrm{fan\_in}}$") for change, _ in rungs
    ]
    axes.set_yticks(
        range(len(rungs)), [name if k == 0 else f"+ {name}" for k, name in enumerate(names)]
    )
    axes.set(
        title="a ladder to 97 %, on the same test rows",
        xlabel="accuracy on the 719 test rows, %",
        ylabel="what each rung changes",
    )
    axes.invert_yaxis()
    axes.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
