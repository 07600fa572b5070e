"""Every right way to write an equation passes."""

from dataclasses import replace

import pytest

from parity.proof.tests.programs import assert_passes, in_both_dtypes, run
from parity.proof.tests.spelled_rules import RULE_FORMS
from parity.proof.tests.spellings import (
    BP3_FORMS,
    BP4_FORMS,
    COST_FORMS,
    DELTA_FORMS,
    GRADIENTS,
    PULLBACKS,
    VALUE_FORMS,
    Z_FORMS,
)
from parity.steps.cases import RULES, TRAINABLE, Case, outputs_of, targets_of
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


def cases(hidden=("tanh",), output="identity", loss="mse", dtype="float64", **given):
    """Networks of two layers and of three, with every kind of targets that the loss
    takes.
    """
    for targets in targets_of(loss):
        for sizes, functions, batch in (((7, 5, 3), hidden, 11), ((2, 3, 1, 4), hidden * 2, 4)):
            yield Case(
                "", sizes, functions, output, loss, targets, batch=batch, dtype=dtype, **given
            )


SUMS = (
    [("z", name) for name in Z_FORMS]
    + [("bp3", name) for name in BP3_FORMS]
    + [("bp4", name) for name in BP4_FORMS]
)


@in_both_dtypes
@pytest.mark.parametrize(("equation", "name"), SUMS, ids=lambda part: part)
def test_every_order_of_a_sum_passes(equation, name, dtype):
    """z, BP3 and BP4 hold in whatever order, layout or width their products are added
    up.
    """
    written = {"z": Z_FORMS, "bp3": BP3_FORMS, "bp4": BP4_FORMS}[equation][name]
    for case in cases(dtype=dtype):
        assert_passes(run(case, 1, **{equation: written}))


@in_both_dtypes
@pytest.mark.parametrize("name", TRAINABLE)
def test_every_way_to_write_an_activation_passes(name, dtype):
    """f holds through e^z, e^-z or e^-|z|, with one division or a reciprocal, for small
    and for large z.
    """
    for written in VALUE_FORMS[name].values():
        for scale in (1e-3, 8.0):
            for case in cases((name,), name, dtype=dtype):
                exchanged = {"a": lambda f, z, written=written: written(z)}
                assert_passes(run(case, 1, scale, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("name", TRAINABLE)
def test_every_way_to_write_a_derivative_passes(name, dtype):
    """BP2 holds with f' from a, from z once more, or by the Jacobian, for small and for
    large z.
    """
    for pull in PULLBACKS[name].values():
        for scale in (1e-3, 8.0):
            for case in cases((name,), dtype=dtype):
                exchanged = {"bp2": lambda f, z, a, above, W, _, pull=pull: pull(above @ W, z, a)}
                assert_passes(run(case, 1, scale, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("loss", GRADIENTS)
def test_every_way_to_write_an_output_delta_on_values_passes(loss, dtype):
    """BP1 holds for each way to write dC/da, with f' from a and from z."""
    for k, output in enumerate(outputs_of(loss)):
        pulls = [*PULLBACKS[output].values()]
        for i, gradient in enumerate(GRADIENTS[loss].values()):
            for j, pull in enumerate((pulls[0], pulls[(i + 1) % len(pulls)])):
                # now on one network, now on the other
                for case in [*cases(output=output, loss=loss, dtype=dtype)][(i + j + k) % 2 :: 2]:
                    exchanged = {
                        "bp1": lambda _, f, z, a, y, gradient=gradient, pull=pull: pull(
                            gradient(a - y), z, a
                        )
                    }
                    assert_passes(run(case, 1, 4.0, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("pair", DELTA_FORMS, ids=" behind ".join)
def test_every_way_to_write_an_output_delta_passes(pair, dtype):
    """BP1 holds fused and unfused, with labels and with distributions."""
    for written in DELTA_FORMS[pair].values():
        for scale in (1.0, 4.0):
            for case in cases(output=pair[1], loss=pair[0], dtype=dtype):
                exchanged = {"bp1": lambda _, f, z, a, y, written=written: written(z, a, y)}
                assert_passes(run(case, 1, scale, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("loss", COST_FORMS)
def test_every_way_to_write_a_cost_passes(loss, dtype):
    """C holds in every order of its sum, and through each stable form of its
    logarithms.
    """
    for written in COST_FORMS[loss].values():
        for k, output in enumerate(outputs_of(loss)):
            # on both networks, then on either
            for case in [*cases(output=output, loss=loss, dtype=dtype)][k % 2 :: 2 if k else 1]:
                exchanged = {"cost": lambda _, a, y, written=written: written(a, y)}
                assert_passes(run(case, 1, **exchanged))


@in_both_dtypes
@pytest.mark.parametrize("rule", RULE_FORMS)
def test_every_way_to_write_a_rule_passes(rule, dtype):
    """The step holds for every setting of the case table with plain means or lerp,
    corrections in the means or folded, in any grouping.
    """
    for written in RULE_FORMS[rule].values():
        for case in RULES:
            if case.optimizer == rule and len(case.sizes) < 4:
                assert_passes(run(replace(case, dtype=dtype), 3, rule=written))


def test_every_entry_has_other_ways_to_write_it():
    """The tables of forms reach every activation that can be trained, every loss and
    every rule.
    """
    assert set(VALUE_FORMS) == set(PULLBACKS) == set(TRAINABLE)
    assert set(COST_FORMS) == set(LOSSES)
    on_values = {(loss, output) for loss in GRADIENTS for output in TRAINABLE}
    assert {(loss, output) for loss in LOSSES for output in outputs_of(loss)} == {
        *DELTA_FORMS
    } | on_values
    assert set(RULE_FORMS) == set(OPTIMIZERS)
