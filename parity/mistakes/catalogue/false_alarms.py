"""Right code that somebody reported as wrong."""

from typing import NamedTuple


class FalseAlarm(NamedTuple):
    """A report: what it claims, and why the code is right. `out` names what refnet does
    not have; such a report is not recreated in the tests.
    """

    name: str
    url: str
    claim: str
    why: str
    out: str = ""


FALSE_ALARMS = (
    FalseAlarm(
        "fa-nielsen77",
        "https://github.com/mnielsen/neural-networks-and-deep-learning/pull/77",
        "The output's delta lacks the derivative of the sigmoid.",
        "With the cross-entropy that derivative cancels against the 1 / (a (1 - a)) of the loss, "
        "and what is left is a - y.",
    ),
    FalseAlarm(
        "fa-packt4",
        "https://github.com/PacktPublishing/Neural-Network-Projects-with-Python/issues/4",
        "x (1 - x) is not the derivative of the sigmoid.",
        "The function is called with a = sigmoid(z), and a (1 - a) is the derivative in "
        "terms of a.",
    ),
    FalseAlarm(
        "fa-dlt165",
        "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/165",
        "a (1 - a) should apply the sigmoid first.",
        "a has been through the sigmoid already; to apply it again would evaluate the derivative "
        "at the wrong place.",
    ),
    FalseAlarm(
        "fa-shiffman22",
        "https://github.com/shiffman/Neural-Network-p5/issues/22",
        "x (1 - x) lacks the sigmoid of x.",
        "It is mapped over the outputs of the layer, which are sigmoids of z; it would be wrong "
        "only for another activation.",
    ),
    FalseAlarm(
        "fa-sklearn14244",
        "https://github.com/scikit-learn/scikit-learn/issues/14244",
        "delta[a == 0] = 0 should be delta[a <= 0] = 0.",
        "a is the output of the ReLU, which is never negative, so both masks are the same.",
    ),
    FalseAlarm(
        "fa-sklearn8987",
        "https://github.com/scikit-learn/scikit-learn/issues/8987",
        "The lists of activations and deltas differ in length.",
        "One list has an entry for x, which has no delta; an array that nobody reads changes no "
        "gradient.",
    ),
    FalseAlarm(
        "fa-accord577",
        "https://github.com/accord-net/framework/issues/577",
        "The errors of the output are computed, but never written back.",
        "The name refers to the stored array itself, so what is written through it is stored.",
    ),
    FalseAlarm(
        "fa-accord258",
        "https://github.com/accord-net/framework/issues/258",
        "One class has output - desired, another desired - output.",
        "The first subtracts its step, the second adds it: both go downhill.",
    ),
    FalseAlarm(
        "fa-rashid66",
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/66",
        "The weights should be reduced, not increased, by the step.",
        "The error is target - output, which has the minus of gradient descent in it.",
    ),
    FalseAlarm(
        "fa-smile151",
        "https://github.com/haifengl/smile/pull/151",
        "The delta of the cross-entropy must be output - target.",
        "The library climbs the likelihood instead of descending its negative, so its gradient "
        "is target - output and is added.",
    ),
    FalseAlarm(
        "fa-darknet29",
        "https://github.com/pjreddie/darknet/pull/29",
        "The gradient of the mean lacks the term that comes through the variance.",
        "That term is a sum of x - mean, which is 0.",
        out="batch normalisation",
    ),
    FalseAlarm(
        "fa-pytorch44917",
        "https://github.com/pytorch/pytorch/issues/44917",
        "SGD's momentum is not that of the paper, which multiplies the learning rate into the "
        "velocity.",
        "While the learning rate is constant the two take the same steps; when it changes they "
        "are two conventions.",
    ),
    FalseAlarm(
        "fa-pytorch5920",
        "https://github.com/pytorch/pytorch/pull/5920",
        "Nesterov's momentum is implemented wrongly.",
        "The stored weights are those that have looked ahead; in terms of them the method is "
        "theta - lr (g + mu v).",
    ),
    FalseAlarm(
        "fa-torchoptim57",
        "https://github.com/torch/optim/pull/57",
        "x:add(-lr, d) adds -lr and d instead of multiplying them.",
        "With two arguments it adds their product: x + (-lr) d.",
    ),
    FalseAlarm(
        "fa-logsoftmax-coteaching4",
        "https://github.com/bhanML/Co-teaching/issues/4",
        "The log-softmax is applied twice.",
        "The second one changes nothing, because the exponentials already sum to 1; a softmax "
        "twice would be a mistake.",
    ),
    FalseAlarm(
        "fa-zeroinit-nanmnist2",
        "https://github.com/wagonhelm/NaNmnist/issues/2",
        "Weights that start at 0 never learn.",
        "That holds for hidden layers, whose units stay alike. This network has none, and each "
        "output has a gradient of its own from the first step.",
    ),
    FalseAlarm(
        "fa-fastbook515",
        "https://github.com/fastai/fastbook/pull/515",
        "where(y == 1, p, 1 - p) is the wrong way round.",
        "Its negative logarithm is the binary cross-entropy; the other way round belongs to a "
        "loss without a logarithm.",
    ),
    FalseAlarm(
        "fa-convnetjs17",
        "https://github.com/karpathy/convnetjs/issues/17",
        "The gradient is zeroed in every backward pass, so batches have no effect.",
        "What is zeroed is the gradient of the layer's inputs; those of the weights add up until "
        "the trainer has taken its step.",
    ),
    FalseAlarm(
        "fa-torch7-232",
        "https://github.com/torch/torch7/issues/232",
        "The sigmoid's backward pass does not return the derivative.",
        "It returns the derivative times the gradient that it is given, which the reporter had "
        "set to the sigmoid itself.",
    ),
    FalseAlarm(
        "fa-rashid77",
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/77",
        "The derivative of (t - o)^2 needs a factor o, and the transposes are unnecessary.",
        "The derivative is -2 (t - o), and the transposes lead each error back along the weights "
        "by which its unit was reached.",
    ),
)
