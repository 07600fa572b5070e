"""Steps of optimizers whose numbers can be followed by hand, rules of one's own, and
what is refused.
"""

import re
from typing import ClassVar

import numpy as np
import pytest

import refnet
from refnet.explanation.mathml import mathml_of
from refnet.optimizers import OPTIMIZERS

LOSS = "half_squared_error"
NET = refnet.Network([refnet.Dense(np.array([[3.0, -4.0]]), np.array([2.0]))])
X, Y = [[1.0, 1.0]], [[0.0]]  # z = 1, dC/dz = 1, dW = (1, 1), db = 1


def lines(**given):
    """The lines about a step of it."""
    return [line.strip() for line in str(refnet.explain(NET, X, Y, LOSS, **given)).splitlines()]


def test_momentum_by_hand():
    """The first step has v := d; a later one reads the v that there is."""
    first = lines(optimizer=refnet.SGD(0.5, momentum=0.5))
    assert "v := d" in first
    assert "v(W^1_1,1) := 1" in first
    assert "W^1_1,1 := 3 - 0.5*1 = 2.5" in first
    assert (
        "In its state the optimizer keeps v as momentum_buffer. There is no v before the first "
        "step." in " ".join(first)
    )
    later = refnet.SGD(0.5, momentum=0.5)
    later.state = {"steps": 4, "momentum_buffer": np.array([2.0, -4.0, 8.0])}
    said = lines(optimizer=later)
    assert "v := momentum v + d" in said
    assert "v(W^1) = [2  -4]" in said
    assert "v(W^1_1,2) := 0.5*(-4) + 1 = -1" in said
    assert "W^1_1,2 := -4 - 0.5*(-1) = -3.5" in said
    assert "b^1_1 := 2 - 0.5*5 = -0.5" in said
    assert "for which it is step t = 5." in " ".join(said)


def test_nesterov_by_hand():
    """d + momentum v: 1 + 0.5 * 2."""
    later = refnet.SGD(0.5, momentum=0.5, nesterov=True)
    later.state = {"steps": 1, "momentum_buffer": np.array([2.0, 2.0, 2.0])}
    said = lines(optimizer=later)
    assert "v(W^1_1,1) := 0.5*2 + 1 = 2" in said
    assert "W^1_1,1 := 3 - 0.5*(1 + 0.5*2) = 2" in said


def test_adam_by_hand():
    """With the bias corrected: m_hat and v_hat are 1 at the first step."""
    said = lines(optimizer=refnet.Adam(0.5, betas=(0.5, 0.75), eps=0.0))
    assert "m = 0" in said
    assert "v = 0" in said
    assert "m(W^1_1,1) := 0.5*0 + (1 - 0.5)*1 = 0.5" in said
    assert "v(W^1_1,1) := 0.75*0 + (1 - 0.75)*1^2 = 0.25" in said
    assert "m_hat(W^1_1,1) = 0.5/(1 - 0.5^1) = 1" in said
    assert "v_hat(W^1_1,1) = 0.25/(1 - 0.75^1) = 1" in said
    assert "W^1_1,1 := 3 - 0.5*1/(sqrt(1) + 0) = 2.5" in said
    assert "In its state the optimizer keeps m as exp_avg, v as exp_avg_sq." in said


def test_the_number_of_a_step_is_shown_in_full():
    """Whatever the digits are: its power would read otherwise."""
    rule = refnet.Adagrad(0.5, lr_decay=1.0)
    rule.state = {"steps": 12344, "sum": np.ones(3)}
    assert "b^1_1 := 2 - 0.5/(1 + (12345 - 1)*1)*1/(sqrt(2) + 1e-10) = 2" in lines(optimizer=rule)


def test_decay_by_hand():
    """d = 1 + 0.5 * 3; biases only where they decay."""
    said = lines(optimizer=refnet.SGD(0.5, weight_decay=0.5))
    assert "d = g + weight_decay theta" in said
    assert "Here g is dW^1 or db^1." in said
    assert "d(W^1_1,1) = 1 + 0.5*3 = 2.5" in said
    assert "d(b^1_1) = 1 + 0.5*2 = 2" in said
    assert not [line for line in said if line.startswith("Biases do not decay")]
    said = lines(optimizer=refnet.SGD(0.5, weight_decay=0.5, decay_biases=False))
    assert "Biases do not decay: for them d is g." in said
    assert "W^1_1,1 := 3 - 0.5*2.5 = 1.75" in said
    assert "b^1_1 := 2 - 0.5*1 = 1.5" in said
    assert not [line for line in said if line.startswith("d(b^1")]


def test_decoupled_decay_by_hand():
    """(1 - 0.5 * 0.5) 3 - 0.5; of biases without it."""
    rule = refnet.AdamW(0.5, eps=0.0, betas=(0.5, 0.75), weight_decay=0.5, decay_biases=False)
    said = lines(optimizer=rule)
    assert "W^1_1,1 := (1 - 0.5*0.5)*3 - 0.5*1/(sqrt(1) + 0) = 1.75" in said
    assert "b^1_1 := 2 - 0.5*1/(sqrt(1) + 0) = 1.5" in said
    assert "Biases do not decay." in said
    formulas = [line for line in said if line.startswith("theta := ")]
    assert [formula.count("weight_decay") for formula in formulas] == [0, 1, 0]
    assert formulas[0] == refnet.EQUATIONS["step"].formula


def test_gradient_descent_has_the_same_words_whoever_asks_for_it():
    """lr alone, a name with an lr, and an object."""
    texts = {
        str(refnet.explain(NET, X, Y, LOSS, **given))
        for given in (
            {"lr": 0.1},
            {"lr": 0.1, "optimizer": "sgd"},
            {"optimizer": "sgd"},  # whose lr is 0.1
            {"optimizer": refnet.SGD(0.1)},
        )
    }
    assert len(texts) == 1
    assert "gradient descent with lr = 0.1." in " ".join(texts.pop().split())


def test_what_the_gradient_is():
    """With the penalty, and clipped."""
    rule = refnet.Adam()
    said = lines(optimizer=rule, penalty=refnet.L2(0.5), clip_value=1.0)
    assert "Here d is dW^1 + P'(W^1) or db^1, clipped." in said
    said = lines(optimizer=rule, penalty=refnet.L2(0.5, biases=True))
    assert "Here d is dW^1 + P'(W^1) or db^1 + P'(b^1)." in said
    assert "Here d is dW^1 or db^1." in lines(optimizer=rule)
    without = refnet.Network([refnet.Dense([[3.0, -4.0]], None)])
    assert "Here d is dW^1." in str(refnet.explain(without, X, Y, LOSS, optimizer=rule))


def test_letters_of_rules_typeset():
    """Hats, roots, betas and settings as textbooks write them."""
    latex = refnet.explain(NET, X, Y, LOSS, optimizer=refnet.AdamW()).latex()
    assert r"\hat{m} = m / (1 - \beta_{1}^{t})" in latex
    assert r"\hat{v}(W^{1}_{1,1}) &= " in latex
    assert (
        r"\theta := (1 - \mathrm{lr} \text{ } \mathrm{weight}_{\mathrm{decay}}) \theta - "
        r"\mathrm{lr} \hat{m} / (\sqrt{\hat{v}} + \varepsilon)" in latex
    )


def test_names_of_rules_do_not_run_into_one():
    """alpha mean, momentum buf, lr buf."""
    rule = refnet.RMSprop(centered=True, momentum=0.5)
    markdown = refnet.explain(NET, X, Y, LOSS, optimizer=rule).markdown()
    assert r"\mathrm{mean} := \alpha \text{ } \mathrm{mean} + (1 - \alpha) d" in markdown
    assert r"\mathrm{buf} := \text{ momentum } \mathrm{buf} + q" in markdown
    assert r"\theta := \theta - \mathrm{lr} \text{ } \mathrm{buf}" in markdown


def test_letters_of_rules_in_mathml():
    """Nothing is left of LaTeX's own words."""
    formulas = {f for kind in OPTIMIZERS.values() for f in kind.formulas.values()}
    pages = {formula: mathml_of(formula) for formula in formulas}
    hat = "<mover><mi>{}</mi><mo>^</mo></mover>"
    root = f"<msqrt><mrow>{hat.format('v')}</mrow></msqrt><mo>+</mo><mi>ε</mi>"
    assert root in pages[refnet.Adam.formulas["step"]]
    assert "<msubsup><mi>β</mi><mn>2</mn><mi>t</mi></msubsup>" in pages["v_hat = v / (1 - beta2^t)"]
    for page in pages.values():
        assert not re.findall(r"hat|sqrt<|alpha|beta|varepsilon|theta", page)


# What is refused


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def test_an_optimizer_with_an_lr_has_its_own():
    """As in fit; a name takes it."""
    rule = refnet.Adam(0.5)
    sentence = f"explain: lr has 0.1, expected None with {rule!r}, which has its own"
    with refuses(ValueError, sentence):
        refnet.explain(NET, X, Y, LOSS, 0.1, optimizer=rule)
    assert "Adam(lr=0.25, betas=" in "".join(lines(lr=0.25, optimizer="adam"))
    assert rule.lr == 0.5


def test_what_is_no_optimizer_is_refused():
    """By the sentence of fit."""
    known = ", ".join(OPTIMIZERS)
    with refuses(ValueError, f"optimizer: name has 'adm', expected one of {known}"):
        refnet.explain(NET, X, Y, LOSS, optimizer="adm")
    with refuses(TypeError, f"optimizer: has Adam, expected an object or one of the names {known}"):
        refnet.explain(NET, X, Y, LOSS, optimizer=refnet.Adam)


def test_a_step_too_far_is_refused():
    """And the state of the optimizer is that of before."""
    rule = refnet.SGD(1e308, momentum=0.5)
    with pytest.raises(FloatingPointError, match=r"layer 1: new value of W has -inf"):
        refnet.explain(NET, [[1e3, 1e3]], [[-1e3]], LOSS, optimizer=rule)
    assert dict(rule.state) == {"steps": 0}


# Optimizers of one's own


class Doubled(refnet.Adam):
    """Adam's step twice over, which states nothing of its own."""

    def _update(self, d, state):
        return 2.0 * super()._update(d, state)


class Signs(refnet.Optimizer):
    """c := c + d^2; s = sqrt(d^2) / 2; theta := theta - lr s."""

    name = "signs"
    equation = "theta := theta - lr |d| / 2"
    _settings = ()
    _kept: ClassVar = {"c": 0.0}

    def __init__(self, lr=0.5, weight_decay=0.0):
        super().__init__(lr, weight_decay)

    def _update(self, d, state):
        state["c"] += d * d
        return self.lr * abs(d) / 2.0


class Stated(Signs):
    """The same, with its formulas."""

    formulas: ClassVar = {
        "c": "c := c + d^2",
        "s": "s = sqrt(d^2) / 2",
        "u": "theta := theta - lr s",
    }
    source = "here"


def test_a_rule_that_states_nothing_shows_its_numbers():
    """What it inherits is about another rule; where it has an equation, that is
    shown.
    """
    said = lines(optimizer=Doubled(0.5, eps=0.0, betas=(0.5, 0.75)))
    assert "m(W^1_1,1) := 0.5" in said
    assert "v(W^1_1,1) := 0.25" in said
    assert "W^1_1,1 := 2" in said
    assert not [line for line in said if "beta1" in line or "Kingma" in line]
    said = lines(optimizer=Signs())
    assert "theta := theta - lr |d| / 2" in said
    assert "c(W^1_1,1) := 1" in said
    assert "W^1_1,1 := 2.75" in said


def test_a_rule_may_state_its_formulas():
    """They are written out like those of refnet."""
    said = lines(optimizer=Stated(weight_decay=1.0))
    assert "[Stated; here]" in said
    assert "d(W^1_1,1) = 1 + 1*3 = 4" in said
    assert "c(W^1_1,1) := 0 + 4^2 = 16" in said
    assert "s(W^1_1,1) = sqrt(4^2)/2 = 2" in said
    assert "W^1_1,1 := 3 - 0.5*2 = 2" in said


def test_a_formula_with_an_unknown_letter_is_refused():
    """With those that there are; and one with more than arithmetic."""
    for right, kind in (("d / nu", "another letter"), ("exp(d)", "expected + - *")):

        class Wrong(Signs):
            formulas: ClassVar = {"s": f"s = {right}", "u": "theta := theta - lr s"}

        with pytest.raises(ValueError, match=re.escape(kind)):
            refnet.explain(NET, X, Y, LOSS, optimizer=Wrong())


def test_a_step_of_one_s_own_is_taken():
    """The copy takes it, as fit would."""

    class Twice(refnet.SGD):
        def step(self, net, gradients):
            super().step(net, gradients)
            super().step(net, gradients)

    assert "W^1_1,1 := 2" in lines(optimizer=Twice(0.5))
