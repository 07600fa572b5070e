"""A record that cannot be judged is refused with a sentence that says what is the
matter.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity.proof.certificate import certify
from parity.proof.tests.certified import DEEP, good, recorded
from parity.steps.cases import RULES
from parity.steps.record import record_refnet
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


def edited(**changed):
    """The good record with another spec."""
    return replace(good(), spec=replace(good().spec, **changed))


def started(**changed):
    """The good record with another start."""
    return replace(good(), before=replace(good().before, **changed))


KNOWN_LOSSES = ", ".join(LOSSES)
KNOWN_ACTIVATIONS = ", ".join(ACTIVATIONS)


def unusable():
    """A record that cannot be judged, and the sentence that says so."""
    record = good()
    spec, before, state = record.spec, record.before, record.before.state
    softmax = (*spec.activations[:2], ("softmax", {}))
    meant = "with Softmax you probably mean CrossEntropy"
    bce = (
        f"BinaryCrossEntropy: reads probabilities, but the output layer has Softmax, expected "
        f"Sigmoid; {meant}"
    )
    sce = (
        f"SoftmaxCrossEntropy: reads logits, but the output layer has Softmax, expected "
        f"Identity; {meant}"
    )
    return {
        "loss": (edited(loss="l2"), f"certify: loss has 'l2', expected one of {KNOWN_LOSSES}"),
        "optimizer": (
            edited(optimizer="lbfgs"),
            f"certify: optimizer has 'lbfgs', expected one of {', '.join(OPTIMIZERS)}",
        ),
        "dtype": (
            edited(dtype="float16"),
            "certify: dtype has 'float16', expected one of float32, float64",
        ),
        "activation": (
            edited(activations=(("gelu", {}), *spec.activations[1:])),
            f"certify: activation has 'gelu', expected one of {KNOWN_ACTIVATIONS}",
        ),
        "bce behind softmax": (edited(loss="binary_cross_entropy", activations=softmax), bce),
        "double softmax": (edited(loss="softmax_cross_entropy", activations=softmax), sce),
        "activations": (
            edited(activations=spec.activations[:2]),
            "certify: record has 2 activations, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "sizes": (
            edited(sizes=(5, 4, 2)),
            "certify: record has 3 activations, expected 2 as its sizes (5, 4, 2)",
        ),
        "layers": (
            replace(record, layers=record.layers[:2]),
            "certify: record has 2 layers, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "W": (
            started(W=before.W[:2]),
            "certify: record has 2 W, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "b": (
            started(b=(*before.b, before.b[0])),
            "certify: record has 4 b, expected 3 as its sizes (5, 4, 3, 2)",
        ),
        "x": (
            replace(record, x=record.x[:, :4]),
            "certify: x has float64 (6, 4), expected float64 (6, 5)",
        ),
        "x in float32": (
            replace(record, x=record.x.astype(np.float32)),
            "certify: x has float32 (6, 5), expected float64 (6, 5)",
        ),
        "y": (replace(record, y=record.y[:, :1]), "MSE: y has shape (6, 1), expected (6, 2)"),
        "rows of y": (replace(record, y=record.y[:5]), "MSE: y has shape (5, 2), expected (6, 2)"),
        "W's shape": (
            started(W=(before.W[0].T, *before.W[1:])),
            "certify: W of layer 1 before the step has float64 (5, 4), expected float64 (4, 5)",
        ),
        "b's dtype": (
            started(b=(*before.b[:2], before.b[2].astype(np.float32))),
            "certify: b of layer 3 before the step has float32 (2,), expected float64 (2,)",
        ),
        "state's shape": (
            started(state={**state, "exp_avg": state["exp_avg"][:-1]}),
            "certify: exp_avg before the step has float64 (46,), expected float64 (47,)",
        ),
        "no state": (
            started(state={}),
            "certify: state before step 2 has no exp_avg, expected it: adam reads it",
        ),
        "no maximum": (
            started(
                state={name: vector for name, vector in state.items() if name != "max_exp_avg_sq"}
            ),
            "certify: state before step 2 has no max_exp_avg_sq, expected it: adam reads it",
        ),
        "no layer": (
            edited(sizes=(5,)),
            "certify: sizes has (5,), expected at least an input and an output, of 1 or more",
        ),
        "size 0": (
            edited(sizes=(5, 0, 3, 2)),
            (
                "certify: sizes has (5, 0, 3, 2), expected at least an input and an output, of 1 "
                "or "
                "more"
            ),
        ),
        "step": (edited(step=0), "certify: step has 0, expected 1 or more"),
        "setting missing": (
            edited(hyperparameters={"lr": 0.1}),
            "certify: adam has the settings lr, expected lr, betas, eps, amsgrad, weight_decay",
        ),
        "setting unknown": (
            edited(activations=(("tanh", {"slope": 1.0}), *spec.activations[1:])),
            "certify: tanh has the settings slope, expected none",
        ),
        "group of one": (
            edited(groups=((("W1",),),)),
            "certify: group has 1 entries, expected parts and their hyper-parameters",
        ),
        "no such part": (
            edited(groups=((("W4",), {"lr": 0.1}),)),
            "certify: group has 'W4', expected one of W1, b1, W2, b2, W3, b3",
        ),
        "two groups": (
            edited(groups=((("W1", "b2"), {"lr": 0.1}), (("b2",), {"lr": 0.2}))),
            "certify: groups has b2 twice, expected it in one of them",
        ),
        "setting unknown in a group": (
            edited(groups=((("W1",), {"momentum": 0.1}),)),
            (
                "certify: adam has the settings lr, betas, eps, amsgrad, weight_decay, momentum, "
                "expected lr, betas, eps, amsgrad, weight_decay"
            ),
        ),
        "slope missing": (
            edited(activations=(("leaky_relu", {}), *spec.activations[1:])),
            "certify: leaky_relu has the settings none, expected slope",
        ),
        "setting of another type": (
            edited(hyperparameters={**spec.hyperparameters, "eps": "1e-8"}),
            "Adam: eps has type str, expected a number",
        ),
        "setting out of range": (
            edited(hyperparameters={**spec.hyperparameters, "betas": (0.9, 1.0)}),
            "Adam: betas[1] has 1.0, expected a finite number >= 0 and < 1",
        ),
        "y a list": (
            replace(record, y=record.y.tolist()),
            "certify: y has type list, expected an array",
        ),
        "y in float32": (
            replace(record, y=record.y.astype(np.float32)),
            "certify: y has float32 (6, 2), expected float64 (6, 2)",
        ),
        "W not shown": (
            started(W=(None, *before.W[1:])),
            "certify: W of layer 1 before the step has type NoneType, expected an array",
        ),
        "settings of a penalty": (
            replace(record, spec=replace(record.spec, penalty=("l2", None))),
            "certify: settings of the penalty has type NoneType, expected Mapping",
        ),
        "W after": (
            replace(record, after=replace(record.after, W=record.after.W[:2])),
            "certify: record has 2 W after the step, expected 3 as its sizes (5, 4, 3, 2)",
        ),
    }


@pytest.mark.parametrize("what", unusable())
def test_an_unusable_record_is_refused(what):
    """A ValueError says where it is, what it has and what was expected."""
    record, sentence = unusable()[what]
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(sentence)}"):
        certify(record)


def test_a_first_step_of_momentum_needs_no_buffer():
    """SGD makes its buffer at the first step; later it is refused without one."""
    case = replace(DEEP, optimizer="sgd", settings={"momentum": 0.9})
    first = recorded(case)
    assert first.before.state == {}
    assert certify(first).passed
    sentence = "certify: state before step 2 has no momentum_buffer, expected it: sgd reads it"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        certify(replace(first, spec=replace(first.spec, step=2)))


def test_every_rule_of_the_case_table_can_be_certified():
    """The last step of every optimizer case passes, each step from the one before
    it.
    """
    for case in RULES[::3]:
        net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
        previous = None
        for x, y, optimizer.lr in case.steps():
            record = record_refnet(net, x, y, loss, optimizer)
            assert certify(record, previous).passed
            previous = record
