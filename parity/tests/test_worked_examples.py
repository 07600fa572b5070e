"""The worked examples that others published, digit by digit, by refnet and by its
PyTorch twin.

Every published figure is a string as it was printed. The computed value, written with
the same number of digits, equals that string: nothing is "close". Where the publication
itself is off, an erratum holds the printed figure, the right one and the reason, and
where the reason is a mistake in the computation, a test makes that mistake and gets the
printed figure.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache, partial

import numpy as np
import pytest

import parity
import refnet
from parity.tests.coursera import (
    COURSERA_Y,
    EPSILON,
    FIXED,
    RULE_OF_THUMB,
    WITH_MISTAKES,
    coursera,
    coursera_step,
    difference,
    difference_noise,
    gradient,
    quotients,
    stable_digits,
)
from parity.tests.figures import (
    COURSERA,
    LEFT_OUT,
    MAZUR,
    SIDES,
    SKLEARN,
    SOURCES,
    Figure,
    as_numpy_prints,
    as_printed,
    network,
    record,
)
from parity.tests.mazur import (
    MAZUR_10000,
    MAZUR_ERRATA,
    MAZUR_FIGURES,
    mazur,
    mazur_after,
    mazur_after_with_biases,
    mazur_one_output,
    mazur_step_after,
)
from parity.tests.rules import (
    NEXT_V,
    NEXT_W,
    ONNX_ADAM,
    RULE_FIGURES,
    RULES,
    rule_alone,
    rule_record,
    rule_run,
    theta,
)
from parity.tests.sklearn_fit import (
    SKLEARN_DECIMALS,
    SKLEARN_ERRATA,
    SKLEARN_FIGURES,
    SKLEARN_WRONG_INPUT,
    sklearn_after,
    sklearn_biases,
    sklearn_weights,
)


@cache
def affine(side):
    """A step of the linear layer, of which only the forward pass is published; CS231n
    holds w as (fan_in, fan_out).
    """
    x = np.linspace(-0.1, 0.5, 2 * 120).reshape(2, 120)
    W, b = np.linspace(-0.2, 0.3, 120 * 3).reshape(120, 3).T, np.linspace(-0.3, 0.1, 3)
    return record(
        side, network([W], [b], "identity"), x, np.zeros((2, 3)), refnet.MSE(), refnet.SGD()
    )


AFFINE_OUT = (("1.49834967", "1.70660132", "1.91485297"), ("3.25553199", "3.5141327", "3.77273342"))
AFFINE_FIGURES = [
    Figure("cs231n-affine", "out", AFFINE_OUT, affine, lambda r: r.layers[0].a, as_numpy_prints)
]

FIGURES = [*MAZUR_FIGURES, *SKLEARN_FIGURES, *AFFINE_FIGURES, *RULE_FIGURES]
ERRATA = [*MAZUR_ERRATA, *SKLEARN_ERRATA]
RUNS = {
    MAZUR: [
        mazur,
        partial(mazur_one_output, k=0),
        partial(mazur_one_output, k=1),
        mazur_after,
        mazur_after_with_biases,
        MAZUR_10000,
    ],
    "cs231n-affine": [affine],
    SKLEARN: [sklearn_weights, sklearn_biases, sklearn_after],
    COURSERA: [coursera_step],
    **{example: [partial(rule_run, example=example)] for example in RULES},
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_published_digits(side, figure):
    """The computed value, written as the figure is printed, is the printed figure."""
    assert figure.write(figure.read(figure.run(side)), figure.printed) == figure.printed


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("erratum", ERRATA, ids=str)
def test_erratum(side, erratum):
    """The printed figure is not the computed one, and the right figure is."""
    value = erratum.read(erratum.run(side))
    assert erratum.write(value, erratum.printed) != erratum.printed, erratum.because
    assert erratum.write(value, erratum.right) == erratum.right


@pytest.mark.parametrize("example", RUNS)
def test_refnet_and_torch_hold_and_agree(example):
    """Every quantity of every step of the example is right on both sides; from refnet's
    weights the two agree.
    """
    for run in RUNS[example]:
        ours, theirs = run("refnet"), run("torch")
        for record_ in (ours, theirs):
            certificate = parity.certify(record_)
            assert certificate.passed, str(certificate)
        agreement = parity.compare(ours, parity.restart(ours))
        assert agreement.passed, str(agreement)


def test_every_example_is_worked_or_left_out_with_a_reason():
    """The examples with published digits and those left out are all there are, and each
    left out has a reason.
    """
    worked = {figure.example for figure in FIGURES} | {COURSERA}
    assert worked == set(RUNS)
    assert worked | set(LEFT_OUT) == set(SOURCES)
    assert not worked & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize(
    ("value", "printed", "written"),
    [
        (0.12345678, "0.123", "0.123"),
        (0.1236, "0.123", "0.124"),
        (1.189e-7, "1.2e-07", "1.2e-07"),
        (-0.5, "1.00", "-0.50"),
    ],
)
def test_as_printed_keeps_the_digits_of_the_figure(value, printed, written):
    """A value is rounded to the printed number of digits, and one that differs there is
    written differently.
    """
    assert as_printed(value, printed) == written


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("steps", "printed", "read"),
    [
        (1, "0.291027924", lambda r: r.loss),
        (10_000, ("0.015912196", "0.984065734"), lambda r: r.layers[1].a[0]),
        # as the post first had it; today it reads 0.0000351085
        (10_000, "0.000035085", lambda r: r.loss),
    ],
    ids=["E_total after the step", "out_o after 10,000 steps", "E_total after 10,000 steps"],
)
def test_mazur_errata_are_what_deltas_through_updated_weights_give(side, steps, printed, read):
    """Taking the hidden deltas back through the already updated W2 gives the three odd
    figures of the post, digit by digit.
    """
    assert as_printed(read(mazur_step_after(side, steps, late=True)), printed) == printed


def test_mazur_contribution_is_rounded_twice():
    """Half of the delta printed with nine decimals lies on a tie, which the post rounds
    away from zero.
    """
    half = Decimal("-0.038098237") * Decimal("0.5")
    assert str(half.quantize(Decimal("1e-9"), ROUND_HALF_UP)) == "-0.019049119"


@pytest.mark.parametrize("side", SIDES)
def test_mazur_error_is_smaller_where_biases_are_updated_too(side):
    """A step on weights and biases leaves the error 0.28047144679, which is no figure
    of the post.
    """
    assert as_printed(mazur_after_with_biases(side).loss, "0.28047144679") == "0.28047144679"


@pytest.mark.parametrize("side", SIDES)
def test_mazur_figures_after_10000_steps_in_full(side):
    """Ten thousand steps on the weights alone leave the error 3.5101878e-05 and the
    outputs .01591362 and .98406427.
    """
    last = MAZUR_10000(side)
    assert as_printed(last.loss, "3.5101878e-05") == "3.5101878e-05"
    assert as_printed(last.layers[1].a[0], ("0.01591362", "0.98406427")) == (
        "0.01591362",
        "0.98406427",
    )


@pytest.mark.parametrize(
    ("weight", "a_prev", "delta", "gradient", "new"),
    [
        ("0.1", "0.6", "0.01667", "0.0200", "0.098"),
        ("0.2", "0.6", "0.0374", "0.04244", "0.195756"),
        ("0.3", "0.8", "0.01667", "0.043336", "0.2956664"),
        ("0.1", "0.8", "0.0374", "0.03992", "0.096008"),
        ("0.5", "0.6", "0.01667", "0.060002", "0.4939998"),  # a_prev is X3 = 0.7
        ("0.0", "0.6", "0.0374", "0.02244", "-0.002244"),  # and here
        ("0.1", "0.679", "0.765", "0.5294", "0.04706"),
        ("0.2", "0.574", "0.765", "0.45911", "0.154089"),
    ],
)
def test_sklearn_comment_follows_from_its_rounded_deltas(weight, a_prev, delta, gradient, new):
    """The comment's own short figures, with 0.6 for X3, give its gradients and new
    weights exactly.
    """
    exact = Decimal(a_prev) * Decimal(delta) + Decimal("0.1") * Decimal(weight)
    assert str(exact.quantize(Decimal(gradient))) == gradient
    assert Decimal(weight) - Decimal("0.1") * Decimal(gradient) == Decimal(new)


def test_sklearn_output_follows_from_rounded_hidden_units():
    """The printed o1 is the sigmoid at 0.679 x 0.1 + 0.574 x 0.2 + 1 in fourteen of its
    sixteen digits, a last place of a double off.
    """
    z = Decimal("0.679") * Decimal("0.1") + Decimal("0.574") * Decimal("0.2") + 1
    assert f"{1 / (1 + (-z).exp()):.14f}" == f"{0.7654329236196236:.14f}" == "0.76543292361962"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("erratum", SKLEARN_WRONG_INPUT, ids=str)
def test_sklearn_three_decimals_hide_the_wrong_input(side, erratum):
    """The test's own comparison, assert_almost_equal to 3 decimals, passes the figures
    that the wrong input gave.
    """
    # as NumPy documents it
    assert (
        abs(float(erratum.printed) - erratum.read(erratum.run(side))) < 1.5 * 10**-SKLEARN_DECIMALS
    )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("example", RULES)
def test_rule_alone_gives_the_published_digits(side, example):
    """The update rule fed with the published gradient itself gives the published
    parameters.
    """
    assert as_numpy_prints(rule_alone(side, RULES[example]), NEXT_W[example]) == NEXT_W[example]


def onnx_momentum(x, g, v, norm_coefficient, *, nesterov):
    """ONNX's rule at T = 0 in decimal arithmetic, where these inputs give finite
    decimals: nothing is rounded.
    """
    r, alpha, d = Decimal("0.1"), Decimal("0.95"), Decimal(norm_coefficient) * x + g
    v_new = alpha * v + d
    return x - r * (d + alpha * v_new if nesterov else v_new), v_new


@pytest.mark.parametrize(
    ("example", "norm_coefficient", "nesterov"),
    [("onnx-momentum", "0.001", False), ("onnx-nesterov", "0.01", True)],
)
@pytest.mark.parametrize(
    ("i", "x", "g", "v"), [(0, "1.2", "-0.94", "1.7"), (1, "2.8", "-2.5", "3.6")]
)
def test_onnx_figures_are_what_its_rule_gives(example, norm_coefficient, nesterov, i, x, g, v):
    """ONNX publishes the inputs and the rule, and that rule without rounding gives the
    figures held here.
    """
    x_new, v_new = onnx_momentum(
        Decimal(x), Decimal(g), Decimal(v), norm_coefficient, nesterov=nesterov
    )
    assert (x_new, v_new) == (Decimal(NEXT_W[example][i]), Decimal(NEXT_V[example][i]))


ADAM_X, ADAM_V, ADAM_H = (
    ("1.0250363491", "2.6610326710"),
    ("1.56806", "3.29514"),
    ("0.803210896", "5.622407056"),
)


@pytest.mark.parametrize(
    ("i", "x", "g", "v"), [(0, "1.2", "-0.94", "1.7"), (1, "2.8", "-2.5", "3.6")]
)
def test_onnx_adam_figures_are_a_rule_without_bias_correction(i, x, g, v):
    """ONNX's rule at T = 0, x - r v / (sqrt(h) + eps) with no 1 - beta^t in it, gives
    the figures held here.
    """
    d = Decimal("0.001") * Decimal(x) + Decimal(g)
    v_new = Decimal("0.95") * Decimal(v) + Decimal("0.05") * d
    h_new = Decimal("0.1") * Decimal("0.1") + Decimal("0.9") * d * d
    x_new = Decimal(x) - Decimal("0.1") * v_new / (h_new.sqrt() + Decimal("1e-7"))
    assert (v_new, h_new) == (Decimal(ADAM_V[i]), Decimal(ADAM_H[i]))
    assert str(x_new.quantize(Decimal(ADAM_X[i]))) == ADAM_X[i]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("t", [2, 3, 10, 50])
def test_onnx_adam_is_left_out_because_its_first_step_corrects_no_bias(side, t):
    """The same step at a small t has the same moments as ONNX's and other parameters,
    since it corrects their bias.
    """
    r = rule_record(side, ONNX_ADAM, steps=t - 1)
    assert as_printed(r.after.state["exp_avg"], ADAM_V) == ADAM_V
    assert as_printed(r.after.state["exp_avg_sq"], ADAM_H) == ADAM_H
    assert all(
        ours != printed for ours, printed in zip(as_printed(theta(r), ADAM_X), ADAM_X, strict=True)
    )


@pytest.mark.parametrize("side", SIDES)
def test_onnx_adam_differs_in_nothing_but_the_bias_correction(side):
    """At a t so large that 1 - beta^t is 1, the same step gives ONNX's digits."""
    steps = 10_000
    assert 1.0 - 0.95**steps == 1.0
    assert as_printed(theta(rule_record(side, ONNX_ADAM, steps)), ADAM_X) == ADAM_X


@pytest.mark.parametrize("side", SIDES)
def test_coursera_planted_mistakes_give_the_digits_that_rounding_leaves(side):
    """Five of the sixteen printed digits are above the noise, which the publication and
    this machine each have, and they come back.
    """
    g = gradient(side, mistakes=True)
    assert stable_digits(WITH_MISTAKES, 2 * difference_noise(g)) == "0.28509"
    measured = difference(g, quotients(side))
    assert f"{measured:.16f}".startswith("0.28509")
    assert measured > difference_noise(g)


@pytest.mark.parametrize("side", SIDES)
def test_coursera_figure_with_mistakes_is_off_in_the_eighth_digit(side):
    """Beside the gradient itself, free of noise, the planted mistakes measure
    0.285093149 and not the printed 0.285093157.
    """
    exact = difference(gradient(side, mistakes=True), gradient(side, mistakes=False))
    assert as_printed(exact, "0.285093149") == "0.285093149"
    assert as_printed(float(WITH_MISTAKES), "0.285093149") == "0.285093157"


@pytest.mark.parametrize("side", SIDES)
def test_coursera_fixed_figure_is_noise(side):
    """The printed 1.1890913024229996e-07 is nothing but noise, so that no digit of it
    is sure; its first one comes back.
    """
    g = gradient(side, mistakes=False)
    measured = difference(g, quotients(side))
    assert max(float(FIXED), measured) < difference_noise(g)
    assert as_printed(measured, "1e-07") == "1e-07" == as_printed(float(FIXED), "1e-07")


@pytest.mark.parametrize("side", SIDES)
def test_coursera_correct_backward_fails_the_rule_of_thumb(side):
    """A correct backward measures more than the 1e-7 that the course calls great, since
    eps = 1e-7 divides rounding by 2e-7.
    """
    g = gradient(side, mistakes=False)
    assert difference(g, quotients(side)) > RULE_OF_THUMB
    assert difference(g, quotients(side, epsilon=100 * EPSILON)) < RULE_OF_THUMB


def test_coursera_network_passes_gradient_check():
    """refnet's own check, which estimates the error of its differences, passes the same
    backward in every entry.
    """
    x, net = coursera()
    check = refnet.gradient_check(net, x, COURSERA_Y, "binary_cross_entropy")
    assert check.passed
    assert all(array.judged == array.entries for array in check.arrays)
