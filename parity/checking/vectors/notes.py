"""What frameworks, papers and textbooks do otherwise, and what is expected here: a
sentence for each name of a task at which programs part.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from parity.checking.program.given import GivenTask


class Note(NamedTuple):
    """A sentence, and the setting that it is about, which has to differ from 0 and
    False; "" where it holds for all settings.
    """

    text: str
    setting: str = ""


RATE_APART = Note(
    "The learning rate changes from step to step. The state of the rule has none in it, as in "
    "PyTorch; Keras and scikit-learn have it in the velocity, which is something else then.",
    "momentum",
)
COUPLED = Note(
    "weight_decay theta is added to the gradient before anything else is done with it, for b as "
    "for W, as in PyTorch; scikit-learn and many textbooks leave b out.",
    "weight_decay",
)
LOG = (
    "In the cost, log counts as at least -100, as in PyTorch, so log 0 is no infinity; Keras and "
    "scikit-learn clip the probabilities instead. The gradient is that of the formula without "
    "the clamp."
)
AMSGRAD = Note(
    "amsgrad keeps the largest v, and corrects that for the first steps, as in PyTorch; the paper "
    "corrects nothing, and others take the largest of corrected ones.",
    "amsgrad",
)
CORRECTED = Note(
    "eps stands outside the root, beside the corrected one: sqrt(v / (1 - beta2^t)) + eps, as in "
    "PyTorch and in the algorithm of the paper; Keras and TensorFlow add it before the correction "
    "(epsilon hat). t is 1 in the first step."
)
OUTSIDE = "eps stands outside the root, as in PyTorch; Keras has sqrt(v + eps)"

# by the name of an activation, a loss or an optimizer
NOTES: dict[str, tuple[Note, ...]] = {
    "identity": (),
    "sigmoid": (),
    "tanh": (),
    "relu": (
        Note("The derivative of relu at 0 is 0, as in PyTorch; JAX's maximum(z, 0) has 0.5."),
    ),
    "leaky_relu": (
        Note(
            "The derivative of leaky_relu at 0 is the slope, and the slope is given: PyTorch's "
            "default is 0.01, that of Keras 0.3."
        ),
    ),
    "softmax": (
        Note(
            "softmax is taken over the outputs of each sample. Its derivative is a full matrix, of "
            "which f'(z) as a (1 - a) is the diagonal alone."
        ),
    ),
    "mse": (
        Note(
            "The cost is a mean over the samples and over the outputs, without a half, as in "
            "PyTorch; textbooks have half of the sum over the outputs."
        ),
    ),
    "half_squared_error": (
        Note(
            "The cost is half of the sum over the outputs, a mean over the samples alone, as in "
            "textbooks; PyTorch has no such loss."
        ),
    ),
    "mae": (
        Note(
            "The cost is a mean over the samples and over the outputs. Where a = y, the derivative "
            "is 0."
        ),
    ),
    "cross_entropy": (
        Note(
            "The loss reads probabilities, and is a mean over the samples alone. CrossEntropyLoss "
            "of PyTorch reads logits, and would apply softmax to them once more."
        ),
        Note(LOG),
    ),
    "softmax_cross_entropy": (
        Note(
            "The loss reads logits, applies softmax itself, and is a mean over the samples alone, "
            "as CrossEntropyLoss of PyTorch does and is."
        ),
    ),
    "binary_cross_entropy": (
        Note(
            "The cost is a mean over the samples and over the outputs, as BCELoss of PyTorch; "
            "textbooks have the sum over the outputs."
        ),
        Note(LOG),
    ),
    "sigmoid_cross_entropy": (
        Note(
            "The loss reads logits, applies sigmoid itself, and is a mean over the samples and "
            "over the outputs, as BCEWithLogitsLoss of PyTorch does and is."
        ),
    ),
    "sgd": (
        Note(
            "The first velocity is the gradient: it is not dampened, and v := momentum v + "
            "(1 - dampening) g begins with the second step, as in PyTorch.",
            "momentum",
        ),
        RATE_APART,
        Note(
            "nesterov moves by g + momentum v, with v after its update, as in PyTorch; papers "
            "take the gradient at the point ahead.",
            "nesterov",
        ),
        COUPLED,
    ),
    "adagrad": (
        Note(f"{OUTSIDE}."),
        Note("lr_decay: the rate of step t is lr / (1 + (t - 1) lr_decay).", "lr_decay"),
        Note(
            "The sum of squares begins at initial_accumulator_value: 0 by default in PyTorch, 0.1 "
            "in Keras.",
            "initial_accumulator_value",
        ),
        COUPLED,
    ),
    "rmsprop": (
        Note(f"{OUTSIDE}. v begins at 0, and has no correction for the first steps."),
        Note("centered: the root is of v minus the square of the mean gradient.", "centered"),
        Note(
            "With momentum, the velocity is of quotients: buf := momentum buf + g / (sqrt(v) + "
            "eps), and theta moves by lr buf.",
            "momentum",
        ),
        COUPLED,
    ),
    "adam": (CORRECTED, AMSGRAD, COUPLED),
    "adamw": (
        CORRECTED,
        AMSGRAD,
        Note(
            "Weight decay is decoupled: theta is multiplied by 1 - lr weight_decay first, b too, "
            "and then moved, as in PyTorch. In the paper, lr is not in that factor.",
            "weight_decay",
        ),
    ),
}


def notes_of(task: GivenTask) -> list[str]:
    """The sentences that a task's names bring, each once."""
    names = (*task.activations, task.loss, task.optimizer)
    return [*dict.fromkeys(text for name in names for text in _texts(name, task.settings))]


def _texts(name: str, settings: dict[str, Any]) -> Iterator[str]:
    yield from (note.text for note in NOTES[name] if not note.setting or settings[note.setting])
