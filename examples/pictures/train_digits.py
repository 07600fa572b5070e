"""The pictures of the digits: copies of a row, the training, and what is labelled
wrong.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from refnet.plot.style import BLUE, LINES, ORANGE, sheet
from train_digits import AROUND, CHOSEN, PLAIN, STEPS, Part, copies, divided, split, train


def draw_copies():
    """A training row, and its eight copies."""
    part, _ = divided(0)
    images = copies(Part(part.x[:1], part.labels[:1]), CHOSEN, np.random.default_rng(0)).x
    figure, axes = sheet(1, 9, 1.1, 1.7)
    for ax, image, shift in zip(axes, images, [(0, 0), *AROUND], strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.axis("off")
        ax.add_patch(Rectangle((-0.5, -0.5), 8, 8, fill=False, edgecolor="0.5", clip_on=False))
        ax.set_title(direction(*shift), fontsize=9)
    figure.suptitle(f"A training row, and its copies moved by {CHOSEN.shift:g} pixels", fontsize=10)
    return figure


def direction(down, right):
    """The direction in which a copy is moved, in words."""
    words = [word for word in (("", "down", "up")[down], ("", "right", "left")[right]) if word]
    return ",\n".join(words) or "the row"


def draw_training():
    """The share of wrong labels on the validation part during training, without and
    with copies.
    """
    figure, ax = sheet()
    for line, name, setting in zip(
        LINES,
        ("the rows as they are", "with copies, smoothed targets"),
        (PLAIN, CHOSEN),
        strict=False,
    ):
        history = train(setting, 0).history
        steps = STEPS * np.arange(1, len(history.epochs) + 1) / len(history.epochs)
        wrong = 100 * (1 - np.array(history.validation_accuracy))
        ax.plot(steps, wrong, linestyle=line, label=name)
    ax.set(
        yscale="log",
        xlabel="mini-batches",
        ylabel="wrong labels of the validation part, %",
        title="Split 0, while training",
    )
    ax.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    ax.minorticks_off()
    ax.legend()
    return figure


def draw_wrong(count=10):
    """Test images of split 0 with wrong labels, the most confident ones first, and the
    probabilities of all digits.
    """
    _, test = split(0)
    probabilities = train(CHOSEN, 0).probabilities(test)
    misses = np.flatnonzero(probabilities.argmax(axis=1) != test.labels)
    misses = misses[np.argsort(-probabilities[misses].max(axis=1))][:count]
    figure, axes = sheet(2, len(misses), 1.45, 2.0, squeeze=False)
    for (image, bars), row in zip(axes.T, misses, strict=True):
        label, guess = test.labels[row], probabilities[row].argmax()
        image.imshow(test.x[row].reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        image.axis("off")
        image.set_title(f"a {label},\nlabelled {guess}", fontsize=9)
        colours = [BLUE if digit == label else ORANGE for digit in range(10)]
        bars.barh(range(10), probabilities[row], color=colours)
        bars.plot(probabilities[row, label] + 0.1, label, "*", color=BLUE, markersize=9)
        bars.set(
            xlim=(0, 1),
            xticks=(0, 0.5, 1),
            yticks=range(10),
            xlabel="probability",
            ylabel="digit" if row == misses[0] else " ",
        )
        bars.tick_params(labelsize=7)
    figure.suptitle(
        "Test images of split 0 with wrong labels, and the probabilities of all digits", fontsize=10
    )
    star = Line2D([], [], color=BLUE, marker="*", markersize=9, linestyle="")
    figure.legend(
        [star], ["the right digit"], loc="outside lower center", fontsize=9, frameon=False
    )
    return figure


PICTURES = {
    "train_digits_copies": draw_copies,
    "train_digits_training": draw_training,
    "train_digits_wrong": draw_wrong,
}
