"""A formula that no catalogue has is found again from the numbers: said in words, tried
on runs that were not searched, alone and beside another, in its scope.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.conditions import anywhere, both, has, is_hidden, is_inner, is_last
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.functions import masked
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import PROBES
from parity.mistakes.recovery.expression import ZERO
from parity.mistakes.recovery.fitting import Place, Target
from parity.mistakes.recovery.places import places
from parity.mistakes.recovery.right import key_of
from parity.mistakes.recovery.source import recovered
from parity.mistakes.search.judging import Station, judged
from parity.mistakes.search.replay import Placed, run_of, run_of_case, showing, simulate
from parity.mistakes.search.search import Search
from parity.mistakes.search.suspects import placed
from parity.mistakes.search.trials import Effort, Trials
from parity.mistakes.tests.tasks import EVERYTHING, GRADIENTS, changed

BY_NAME = {probe.name: probe for probe in PROBES}


def wrong(slot, where=anywhere):
    """A mistake in a slot, in these layers."""
    return lambda function: Mistake("", "", "", "", "", {slot: function}, where)


def of_rule(name):
    """Where a rule trains the network."""
    return lambda spec, l: spec.optimizer == name


MISTAKES = {
    "tanh' at half of z": (
        wrong("pullback", has("tanh"))(
            lambda s, l, g, right: g * (1.0 - (s.z(l) * 0.5).tanh() * (s.z(l) * 0.5).tanh())
        ),
        "f'(0.5 z^l)",
        "BP2",
    ),
    "a (1 - a^2)": (
        wrong("pullback", has("sigmoid"))(
            lambda s, l, g, right: g * (s.a(l) * (1.0 - s.a(l) * s.a(l)))
        ),
        "a^l * (1 - (a^l)^2)",
        "BP2",
    ),
    "absolute weights": (
        wrong("cotangent", is_hidden)(
            lambda s, l, right: masked(s, l + 1, s.delta(l + 1) @ abs(s.W(l + 1)))
        ),
        "delta^(l+1) |W^(l+1)|",
        "BP2",
    ),
    "a part of the last dW": (
        wrong("BP4")(
            lambda s, l, right: right() + s.previous.dW(l) * 0.9 if s.previous else right()
        ),
        "0.9 dW_last^l",
        "BP4",
    ),
    "without the first sample": (
        wrong("BP4")(lambda s, l, right: s.delta(l)[1:].T @ s.a_prev(l)[1:]),
        "[rows 1:]",
        "BP4",
    ),
    "over the units": (
        wrong("BP3")(lambda s, l, right: right() * (1.0 / s.spec.sizes[l])),
        "fan_out",
        "BP3",
    ),
    "half of b": (
        wrong("z")(lambda s, l, right: s.a_prev(l) @ s.W(l).T + s.b(l) * 0.5),
        "+ 0.5 b^l",
        "z",
    ),
    "softplus": (
        wrong("a", has("relu"))(lambda s, l, right: (s.z(l).exp() + 1.0).log()),
        "log(1 + exp(z^l))",
        "a",
    ),
    "clipped deltas": (
        wrong("BP2")(lambda s, l, right: -(-right().maximum(-0.01)).maximum(-0.01)),
        "clip(",
        "BP2",
    ),
    "another schedule": (
        wrong("step")(
            lambda s, part, right: (
                s.start(part) + (right() - s.start(part)) * float(1 / np.sqrt(s.t))
            )
        ),
        "sqrt(t)",
        "step",
    ),
    "a penalty of absolutes": (
        wrong("decayed", of_rule("sgd"))(
            lambda s, part, right: s.clipped(part) + abs(s.start(part)) * s.h(part)["weight_decay"]
        ),
        "weight_decay |theta|",
        "step",
    ),
    "Adam one step ahead": (
        wrong("step", of_rule("adam"))(
            lambda s, part, right: (
                s.start(part)
                - s.state("exp_avg", part)
                / (
                    (
                        s.state(_second(s, part), part)
                        * (1 / (1 - s.h(part)["betas"][1] ** (s.t + 1)))
                    ).sqrt()
                    + s.h(part)["eps"]
                )
                * (s.lr(part) / (1 - s.h(part)["betas"][0] ** s.t))
            )
        ),
        "1 - beta2^(t + 1)",
        "step",
    ),
}
every_mistake = pytest.mark.parametrize("name", MISTAKES)


def _second(s, part):
    """The vector that Adam's root is taken of."""
    return "max_exp_avg_sq" if s.h(part)["amsgrad"] else "exp_avg_sq"


def shown(mistakes, names=BY_NAME, quantities=GRADIENTS):
    """What a program with these mistakes shows of probes."""
    runs = []
    for name in names:
        run = BY_NAME[name].run()
        found_in = [(each, each.layers(run.spec)) for each in mistakes]
        done = run_of(simulate(run, found_in))
        if done.is_finite:
            runs.append(showing(done, *quantities))
    return runs


def halves(mistake, quantities):
    """Runs to learn from and runs to try: every other one that the mistake changes,
    and some that it does not.
    """
    runs = shown([mistake], BY_NAME, EVERYTHING)
    off = Trials(runs).off(())
    changed_by_it = [run for i, run in enumerate(runs) if i in off]
    others = [run for i, run in enumerate(runs) if i not in off]
    learned = changed_by_it[:: max(len(changed_by_it) // 6, 1)]
    unseen = [run for run in changed_by_it if not any(run is each for each in learned)]
    if not unseen:  # few show it: what is said has to be right in the others
        unseen = others
    return [showing(run, *quantities) for run in (*learned, *others[:3])], unseen


def walked(runs, **options):
    """The search over these runs."""
    search = Search(runs, (), **options)
    search.walk()
    return search


@every_mistake
@pytest.mark.parametrize("quantities", [EVERYTHING, GRADIENTS], ids=["everything", "gradients"])
def test_a_formula_is_found_and_said(name, quantities):
    """Its equation, the wrong formula, what was expected, and what it rests on."""
    mistake, part, equation = MISTAKES[name]
    findings = diagnose_runs(halves(mistake, quantities)[0])
    assert findings
    assert {finding.equation for finding in findings} <= {equation, "BP1"}
    assert any(part in finding.formula for finding in findings)
    for finding in findings:
        assert finding.bug == ""
        assert f"expected {finding.expected}" in finding.sentence
        assert "the nearest is off by" in finding.evidence[-1]


@every_mistake
def test_what_is_found_is_the_program(name):
    """On runs that the search has not seen the formula gives the program's numbers."""
    mistake, _, _ = MISTAKES[name]
    learned, unseen = halves(mistake, GRADIENTS)
    search = walked(learned)
    assert not search.trials.off(search.program)
    assert not search.unknown
    assert unseen
    for run in unseen:
        assert not any(station.off for station in judged(run, placed(run, search.program)))


def test_a_catalogued_mistake_keeps_its_name():
    """The formula of an entry is found only where the catalogue is left out."""
    runs = shown([BY_ID["db-averaged"]], [*BY_NAME][:6])
    (named,) = diagnose_runs(runs)
    (said,) = diagnose_runs(runs, catalogue=False)
    assert named.bug == "db-averaged"
    assert said.bug == ""
    assert said.equation == named.equation == "BP3"
    assert "mean over rows" in said.formula or "/ n" in said.formula


@pytest.mark.parametrize("quantities", [EVERYTHING, GRADIENTS], ids=["everything", "gradients"])
def test_two_at_once_are_both_found(quantities):
    """After the first is in the right one's place, the walk goes on to the second."""
    both_of = [MISTAKES["a part of the last dW"][0], MISTAKES["absolute weights"][0]]
    findings = diagnose_runs(shown(both_of, [*BY_NAME][:8], quantities))
    said = " ".join(finding.formula for finding in findings)
    assert "0.9 dW_last^l" in said
    assert "|W^(l+1)|" in said
    assert {finding.equation for finding in findings} == {"BP2", "BP4"}


@pytest.mark.parametrize(
    ("where", "layers"),
    [(is_last, {2}), (both(is_hidden, is_inner), {2}), (is_hidden, {1, 2})],
    ids=["last", "inner", "hidden"],
)
def test_a_formula_of_some_layers_is_said_of_them(where, layers):
    """The others are right."""
    mistake = wrong("BP4", where)(lambda s, l, right: s.delta(l).T @ (s.a(l - 1) * s.a(l - 1)))
    names = ["square layers", "no hidden layer"] if where is is_last else ["square layers"]
    runs = shown([mistake], names[:1], EVERYTHING)
    (finding,) = diagnose_runs(runs)
    depth = len(runs[0].spec.sizes) - 1
    assert set(finding.layers) == ({depth} if where is is_last else layers)


def test_a_formula_of_b_alone_is_said_of_it():
    """W is stepped rightly."""
    mistake = wrong("step")(
        lambda s, part, right: (
            s.start(part) - abs(s.start(part) - right()) if part.name == "b" else right()
        )
    )
    search = walked(shown([mistake], [*BY_NAME][:4]))
    assert [each.mistake.of.part for each in search.program] == ["b"]


def test_a_right_program_is_never_explained():
    """Nothing is off, so nothing is looked for."""
    search = walked(shown([], BY_NAME, EVERYTHING))
    assert search.program == ()
    assert search.trials.effort.left == Effort().left


def test_what_is_no_number_is_explained_by_no_formula():
    """A formula is compared with numbers alone."""
    (run,) = shown([], ["mixed activations"], EVERYTHING)
    broken = changed(run, lambda where, a: a * np.nan if where == ("dW", 2) else a)
    assert recovered(Trials([broken]), 0, ()) == []


def test_noise_is_explained_by_no_formula():
    """However many are tried."""
    rng = np.random.default_rng(3)
    for run in shown([], [*BY_NAME][:6], EVERYTHING):
        for where in (("dW", 1), ("db", 1), ("W", 1)):
            noisy = changed(
                run,
                lambda each, a, where=where: rng.normal(size=a.shape) if each == where else a,
            )
            assert walked([noisy]).program == ()


def test_without_effort_nothing_is_tried():
    """How long a check takes has a limit, which is a number of formulas."""
    runs = shown([MISTAKES["absolute weights"][0]], [*BY_NAME][:4])
    trials = Trials(runs, effort=Effort(0))
    number, _ = next(iter(trials.off(()).items()))
    assert recovered(trials, number, ()) == []
    assert recovered(Trials(runs), number, ()) != []
    off = trials.first_off(number, ())
    tired, fresh = (Target(runs[number], [], off, effort) for effort in (Effort(0), Effort()))
    grown, *_ = places(fresh, ["pullback"])
    assert tired.array(grown.place, grown.tree) is None
    assert fresh.leaves(fresh.array(grown.place, grown.tree)) == fresh.missing
    assert trials.of(runs).effort is trials.effort


def test_where_f_has_cancelled_nothing_is_pulled_back():
    """A loss of labels has no dC/da: its delta is run again as a whole."""
    (run,) = shown([], ["classes"], EVERYTHING)
    off = Station(0, "delta", 2, 2.0)
    target = Target(run, [], off, Effort())
    assert target.is_quick("BP1")
    for slot in ("pullback", "cotangent"):
        assert not target.is_quick(slot)
        place = Place(slot, key_of(slot, run.spec, 2), frozenset({2}))
        assert target.leaves(target.array(place, ZERO)) == 0.0


def test_a_formula_has_to_change_what_is_off():
    """By far more than it leaves: a number that fits what is right already is none."""
    mistake = wrong("BP3")(lambda s, l, right: right() * (1.0 + 1e-9))
    runs = shown([mistake], ["mixed activations"], EVERYTHING)
    off = Trials(runs).first_off(0, ())
    target = Target(runs[0], [], off, Effort())
    assert target.leaves(target.right) <= target.tolerance
    assert not target.fits(target.right)
    assert target.fits(target.got)
    assert [finding.verdict for finding in diagnose_runs(runs)] == ["imprecise"]


def test_the_layers_of_a_formula_are_those_that_can_have_it():
    """A formula of tanh stands in no layer of sigmoids."""
    search = walked(shown([MISTAKES["a (1 - a^2)"][0]], [*BY_NAME][:6]))
    (suspect,) = search.program
    for run in search.trials.runs:
        for l in suspect.placed(run).layers:
            assert run.spec.activations[l - 1][0] == "sigmoid"
    replaced = Placed(suspect.mistake, frozenset(), None)
    assert replace(search.trials.runs[0]).layers(replaced.mistake) is not None


def test_a_formula_spoils_no_array_of_a_run_that_is_not_explained_yet():
    """Hidden sigmoids alone have it: as everywhere it would put the output delta of
    another run in the wrong, which comes before what is off there.
    """
    mistake = wrong("pullback", both(has("sigmoid"), is_hidden))(
        lambda s, l, g, right: g * (s.a(l) * (1.0 - s.a(l) * s.a(l)))
    )
    runs = shown([mistake], ["mixed activations", "square layers"], EVERYTHING)
    search = walked(runs)
    assert not search.unknown
    (suspect,) = search.program
    assert [suspect.placed(run).layers for run in runs] == [{1}, {2}]


def test_what_is_expected_is_the_right_formula_of_that_activation():
    """Beside a (1 - a^2) it is a (1 - a), not f'(z) of any."""
    findings = diagnose_runs(shown([MISTAKES["a (1 - a^2)"][0]], ["mixed activations"]))
    assert [finding.expected for finding in findings] == [
        "delta^l = delta^(l+1) W^(l+1) * (a^l * (1 - a^l))"
    ]


@pytest.mark.parametrize(
    ("slot", "says"),
    [("z", "|W^l|"), ("BP4", "0.9 dW_last^l"), ("cotangent", "|W^(l+1)| * m^(l+1)")],
)
def test_a_formula_reads_what_dropout_leaves(slot, says):
    """In z and BP4, a^(l-1) is what the layer reads; BP2 has the mask of the layer
    above.
    """
    function = {
        "z": lambda s, l, right: s.a_prev(l) @ abs(s.W(l)).T + s.b(l),
        "BP4": lambda s, l, right: right() + s.previous.dW(l) * 0.9 if s.previous else right(),
        "cotangent": lambda s, l, right: s.delta(l + 1) @ abs(s.W(l + 1)) * s.mask(l + 1),
    }[slot]
    run = run_of_case(replace(BY_NAME["mixed activations"].case, dropout=(0.3, 0.5, 0.5)))
    layers = {1, 2} if slot == "cotangent" else {1, 2, 3}
    (finding,) = diagnose_runs([run_of(simulate(run, [(wrong(slot)(function), layers)]))])
    assert says in finding.formula
