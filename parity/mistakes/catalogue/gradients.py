"""Mistakes in the gradients of W and b, and in what is kept of them from step to
step.
"""

from parity.mistakes.conditions import below, is_curved, is_inner, is_square, is_wide
from parity.mistakes.mistake import Catalogue
from parity.mistakes.program import Numbers, StepProgram
from parity.steps.record import Spec

GRADIENT = Catalogue()
bug = GRADIENT.add


def _as_wide_as_x(spec: Spec, l: int) -> bool:
    return is_inner(spec, l) and spec.sizes[l - 1] == spec.sizes[0]


def _keeps_no_state(spec: Spec, l: int) -> bool:
    """Plain gradient descent: a vector of the state has no room for a matrix."""
    return spec.optimizer == "sgd" and not spec.hyperparameters["momentum"]


def _kept(s: StepProgram, l: int, right: Numbers, name: str, factor: float) -> Numbers:
    """The new gradient on top of the one of the step before."""
    return right() + getattr(s.previous, name)(l) * factor if s.previous else right()


# the gradient of W


@bug("BP4", "dW = a_prev^T delta", where=is_square)
def dW_transposed(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The outer product of delta and a_prev is taken the wrong way round, which only a
    square W can hold. Entry (j, k) belongs to the weight from unit k to unit j: the row
    is the unit that delta belongs to, the column the one that a_prev does.
    """
    return right().T


@bug(
    "BP4",
    "dW = dW_previous + delta^T a_prev",
    hidden=("first step",),
    also={"BP3": lambda s, l, right: _kept(s, l, right, "db", 1.0)},
)
def gradients_not_reset(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradients are added to those of the steps before.

    A gradient belongs to the weights and the batch of its own step, so the store must
    be set to 0 before each backward pass.
    """
    return _kept(s, l, right, "dW", 1.0)


@bug(
    "BP4",
    "dW = (1 + lr) dW_previous + delta^T a_prev",
    hidden=("first step",),
    also={"BP3": lambda s, l, right: _kept(s, l, right, "db", 1.0 + s.lr)},
)
def gradients_not_reset_and_fed_back(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradients are never reset, and the learning rate feeds them back into
    themselves as if it were a momentum. Old gradients then grow from step to step
    instead of fading, and the weights run away.
    """
    return _kept(s, l, right, "dW", 1.0 + s.lr)


@bug(
    "BP4",
    "dW = dW_previous",
    hidden=("first step",),
    also={"BP3": lambda s, l, right: s.previous.db(l) if s.previous else right()},
)
def gradients_of_the_step_before(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradients are those of the step before, as when the update runs ahead of the
    backward pass. They were computed at other weights and on another batch.
    """
    return s.previous.dW(l) if s.previous else right()


@bug("BP4", "dW = delta^T a_prev / n, with 1/n in delta already", hidden=("one sample",))
def dW_averaged(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of W is divided by the number of samples, and delta was already.

    The mean in the loss brings one 1/n, which stands in either place, but not in both.
    """
    return right() / s.n


@bug("BP4", "dW = 2 delta^T a_prev")
def dW_scaled(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of W carries a factor 2 that belongs to another formula.

    The derivative of z with respect to a weight is a_prev, and the factors of the loss
    are all in delta.
    """
    return right() * 2.0


@bug("BP4", "dW = -delta^T a_prev")
def dW_negated(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of W has the wrong sign.

    It is delta times a_prev, without a minus: the minus of gradient descent belongs to
    the update and is there.
    """
    return -right()


@bug("BP4", "dW = delta_n^T a_prev_n, for the last sample n alone", hidden=("one sample",))
def dW_last_sample_only(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """Only the last sample of the batch enters the gradient of W, as when a loop
    assigns instead of adding. The cost is a mean over the samples, so its gradient is a
    sum over all of them.
    """
    return s.delta(l)[-1:].T @ s.a(l - 1)[-1:]


@bug("BP4", "dW_jk = sum of delta_j")
def dW_without_a_prev(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of W leaves the inputs of the layer out.

    A weight acts on z in proportion to the input that it multiplies, so a_prev is a
    factor of its gradient; only the bias has an input that is always 1.
    """
    return s.W(l) * 0.0 + s.delta(l).sum(axis=0).reshape(-1, 1)


@bug("BP4", "dW = delta^T x", where=_as_wide_as_x)
def dW_from_x(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The inputs of the network stand where those of the layer belong.

    The weights of a deeper layer multiply the activations of the layer below it, not x.
    """
    return s.delta(l).T @ s.x


@bug("BP4", "dW = delta^T z_prev", where=below(is_curved))
def dW_from_z(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The weighted inputs of the layer below stand where its activations belong.

    What W multiplied in the forward pass is a_prev, so that is the derivative of z with
    respect to W.
    """
    return s.delta(l).T @ s.z(l - 1)


@bug("BP4", "dW_jk = sum over samples and units of delta a")
def dW_from_own_a(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The delta is multiplied by the layer's own outputs, which gives one number for
    the whole of W. The inputs of the layer belong there, and an outer product, so that
    each weight has its own gradient.
    """
    return s.W(l) * 0.0 + (s.delta(l) * s.a(l)).sum()


@bug("BP4", "dW_jk = W_jk sum of delta_j")
def dW_from_W(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The delta is multiplied by the weights instead of the inputs.

    In z = W a_prev + b, the derivative with respect to W is a_prev; W is the derivative
    with respect to a_prev.
    """
    return s.W(l) * s.delta(l).sum(axis=0).reshape(-1, 1)


@bug("BP4", "dW = delta^T a_prev / (number of inputs)", where=lambda spec, l: spec.sizes[l - 1] > 1)
def dW_mean_over_inputs(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of W is divided by the number of inputs of the layer.

    The weighted input is a sum over them, not a mean, so its derivative has no such
    factor.
    """
    return right() / float(s.spec.sizes[l - 1])


@bug("BP4", "dW = 0")
def dW_zero(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of W is 0 throughout, as in a store that nobody fills.

    The layer's weights then stay at their random start, though its delta is right.
    """
    return right() * 0.0


# the gradient of b


@bug("BP3", "db = mean of delta", hidden=("one sample",))
def db_averaged(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of b is the mean of delta over the samples.

    The 1/n of the loss is in delta already, so b needs the sum, as W has it in its
    matrix product.
    """
    return right() / s.n


@bug("BP3", "db_j = sum over samples and units of delta", where=is_wide)
def db_summed_over_all(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The sum for b runs over the units too, so that all of them get the same number.

    Each bias acts on its own unit alone, so the sum is over the samples only.
    """
    return s.b(l) * 0.0 + s.delta(l).sum()


@bug("BP3", "db = delta", where=_keeps_no_state, hidden=("one sample",))
def db_not_summed(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of b is delta itself, with a row for each sample.

    All samples share one bias, so their rows must be added up; NumPy lets b grow into a
    matrix instead.
    """
    return s.delta(l) if s.n > 1 else right()


@bug("BP3", "db = 0")
def db_zero(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of b is 0 throughout.

    The bias is a parameter like any weight, whose input is always 1, and its gradient
    is the sum of delta.
    """
    return right() * 0.0


@bug("BP3", "db = row sums of dW", hidden=("rows of x that sum to 1",))
def db_from_dW(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of b is summed from the rows of dW. Each entry of dW already
    contains an input; the bias has the input 1, so its gradient is made of delta alone.
    """
    return s.dW(l).sum(axis=1)


@bug("BP3", "db = sum of a")
def db_from_a(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The activations are summed for b, where delta should be.

    A gradient says how the cost changes, which only delta knows: a does not depend on
    the targets.
    """
    return s.a(l).sum(axis=0)


@bug("BP3", "db = 4 sum of delta")
def db_scaled(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of b carries a factor 4 that belongs to another formula.

    The derivative of z with respect to b is 1, and the factors of the loss are all in
    delta.
    """
    return right() * 4.0


@bug("BP3", "db = -sum of delta")
def db_negated(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """The gradient of b has the wrong sign.

    It is the sum of delta, without a minus: z grows with b as it does with any weighted
    input.
    """
    return -right()


@bug("BP3", "db = delta of the last sample", hidden=("one sample",))
def db_last_sample_only(s: StepProgram, l: int, right: Numbers) -> Numbers:
    """Only the last sample of the batch enters the gradient of b, as when a loop
    assigns instead of adding. The cost is a mean over the samples, so its gradient is a
    sum over all of them.
    """
    return s.delta(l)[-1]
