"""What the perceptron learns, proves and refuses."""

import re
from fractions import Fraction

import numpy as np
import pytest

import refnet
from refnet.forms import perceptron, separation

SQUARE = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("labels", "w", "b"), [([0, 0, 0, 1], [2.0, 1.0], -2.0), ([0, 1, 1, 1], [1.0, 1.0], 0.0)]
)
def test_it_learns_and_and_or(labels, w, b):
    """The rule by hand, from zero: AND ends with 2 x1 + x2 - 2, OR with x1 + x2."""
    learned = perceptron.learn(SQUARE, labels)
    assert (learned.w.tolist(), learned.b, learned.separable) == (w, b, True)
    assert learned.predict(SQUARE).tolist() == labels
    assert learned.why == f"a line separates the labels: epoch {learned.epochs} has no mistake"
    assert (learned.mistakes[-1], sum(learned.mistakes), len(learned.mistakes)) == (
        0,
        learned.counts.sum(),
        learned.epochs,
    )


def test_what_it_learned_of_a_seeded_set_is_the_sum_of_its_mistakes():
    """w = lr sum of counts s x, exactly on integers; the labels of 40 points beside a
    plane are all learned.
    """
    rng = np.random.default_rng(5)
    x = rng.integers(-9, 10, (40, 3))
    labels = (x @ [2, -1, 1] > 1).astype(int)
    learned = perceptron.learn(x, labels)
    signed = learned.counts * (2 * labels - 1)
    assert learned.separable is True
    assert (learned.w.tolist(), learned.b) == ((signed @ x).tolist(), signed.sum())
    assert np.array_equal(learned.predict(x), labels)


@pytest.mark.parametrize("lr", [0.25, 1.0, 8.0])
@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 1, 1, 0]])
def test_the_learning_rate_changes_nothing_but_the_scale(lr, labels):
    """From zero weights, exactly for powers of two: the same mistakes, w and b lr times
    as large.
    """
    one, other = perceptron.learn(SQUARE, labels), perceptron.learn(SQUARE, labels, lr=lr)
    assert other.mistakes == one.mistakes
    assert (other.w.tolist(), other.b, other.separable) == (
        (lr * one.w).tolist(),
        lr * one.b,
        one.separable,
    )


def proves(x, labels, learned):
    """The counts are a proof, by substitution."""
    assert min(learned.counts) >= 0 < max(learned.counts)
    for column in (*np.array(x, float).T, np.ones(len(x))):
        terms = zip(learned.counts.tolist(), labels, column.tolist(), strict=True)
        assert sum(k * (2 * int(y) - 1) * Fraction(value) for k, y, value in terms) == 0


XOR = {
    "in order": (SQUARE, [0, 1, 1, 0]),
    "turned": ([[0, 1], [1, 1], [0, 0], [1, 0]], [1, 0, 0, 1]),
    "tenths": ([[0.1 * a, 0.1 * b] for a, b in SQUARE], [0, 1, 1, 0]),
    "from -1 to 1": ([[2 * a - 1, 2 * b - 1] for a, b in SQUARE], [0, 1, 1, 0]),
}


@pytest.mark.parametrize(("x", "labels"), XOR.values(), ids=XOR)
@pytest.mark.parametrize("lr", [1.0, 0.1])
def test_xor_is_proven_impossible(x, labels, lr):
    """The counts are the proof: a sum of signed rows (x, 1), not all zero times, is
    zero, so no line has all on their sides.
    """
    learned = perceptron.learn(x, labels, lr=lr)
    assert learned.separable is False
    proves(x, labels, learned)
    mistakes = (
        r"the mistakes of epochs? (?:(\d+) to )?(\d+), rows \(x, 1\) with the signs of their "
        r"labels, sum to zero"
    )
    said = re.fullmatch(f"no line separates the labels: {mistakes}", learned.why)
    first, last = int(said[1] or said[2]), int(said[2])
    assert (last, sum(learned.mistakes[first - 1 :])) == (learned.epochs, learned.counts.sum())


@pytest.mark.parametrize("lr", [1.0, 0.1])
def test_a_long_cycle_is_found(lr):
    """Twelve seeded sets of 3 columns of integers with random labels, of which some
    cannot be separated: nothing stays unknown, and only powers of two are looked back
    at.
    """
    rng = np.random.default_rng(6)
    separable = []
    for _ in range(12):
        x, labels = rng.integers(-2, 3, (9, 3)), rng.integers(0, 2, 9)
        learned = perceptron.learn(x, labels, lr, epochs=4000)
        separable.append(learned.separable)
        if learned.separable:
            assert np.array_equal(learned.predict(x), labels)
        else:
            proves(x, labels, learned)
            first = int(re.search(r"the mistakes of epochs? (\d+)", learned.why)[1])
            assert (first - 1) & (first - 2) == 0  # comes after 0 or a power of two
    assert {*separable} == {True, False}


def test_the_proof_is_exact_where_w_is_rounded():
    """With lr = 0.1 the mistakes of three epochs sum to zero, while what was added to w
    and taken from it does not.
    """
    learned = perceptron.learn([[1, 2], [-2, 2], [-2, -1], [0, -1]], [0, 1, 0, 1], lr=0.1)
    assert (learned.separable, learned.epochs, learned.counts.tolist()) == (False, 3, [2, 2, 3, 3])
    assert 0.0 < learned.w[1] < 1e-16
    assert "the mistakes of epochs 1 to 3," in learned.why


def test_what_could_be_learned_but_is_not_yet_is_said():
    """After two epochs, and at lr = 0: a line is there, so `separable` is True, and
    what the rule still misses is said.
    """
    rng = np.random.default_rng(9)
    x = rng.integers(-9, 10, (30, 2))
    labels = (x @ [3, -2] > 4).astype(int)
    learned = perceptron.learn(x, labels, epochs=2)
    assert (learned.separable, learned.epochs, learned.mistakes[-1] > 1) == (True, 2, True)
    assert learned.why == (
        f"a line separates the labels, but epoch 2 still has {learned.mistakes[-1]} mistakes: "
        "more epochs may find one, sooner where x is centred and scaled"
    )
    assert learned.counts.sum() == sum(learned.mistakes)
    still = perceptron.learn(SQUARE, [0, 0, 0, 1], lr=0.0, epochs=5)
    assert (still.separable, still.mistakes, still.w.tolist()) == (True, (1,) * 5, [0.0, 0.0])
    assert (
        still.why
        == "a line separates the labels, but epoch 5 still has 1 mistake: at lr = 0 nothing is "
        "learned"
    )


def test_one_mistake_is_no_plural():
    """AND is missed once in its first epoch, at the last row, from zero: z = 0 is 0."""
    assert perceptron.learn(SQUARE, [0, 0, 0, 1], epochs=1).why == (
        "a line separates the labels, but epoch 1 still has 1 mistake: more epochs may find one, "
        "sooner where x is centred and scaled"
    )


def test_a_thousand_epochs_unless_another_number_is_given():
    """The rule waits 1000 epochs for a line between 2^20 and 2^20 + 1, which takes it
    longer: each of its epochs moves b by at most 1, and b has to come down to -2^20.
    """
    learned = perceptron.learn([[2**20], [2**20 + 1]], [0, 1])
    assert (learned.epochs, learned.separable, learned.mistakes[-1] > 0) == (1000, True, True)


def test_what_no_epoch_proves_is_decided():
    """One epoch of XOR, and heights and weights for which no mistakes come back to
    zero: the weights of the sum are the proof.
    """
    once = perceptron.learn(SQUARE, [0, 1, 1, 0], epochs=1)
    assert (once.separable, once.counts.tolist()) == (False, [1, 1, 1, 1])
    assert once.why == (
        "no line separates the labels: rows 0, 1, 2, 3, as (x, 1) with the signs of their labels "
        "and the weights in counts, sum to zero"
    )
    people, labels = [[160, 34], [175, 51], [170, 40], [168, 44], [171, 41]], [0, 1, 1, 0, 0]
    learned = perceptron.learn(people, labels, epochs=20)
    assert (learned.separable, learned.epochs, learned.counts.tolist(), learned.counts.dtype) == (
        False,
        20,
        [3, 2, 41, 0, 40],
        np.int64,
    )
    proves(people, labels, learned)


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_labels_at_random_are_always_decided(decimals):
    """Twenty rows of 2, also of floats that have no short sums: the weights are then
    Python ints beyond int64.
    """
    rng = np.random.default_rng(3)
    for _ in range(5):
        x, labels = 10 * rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
        x = x if decimals is None else x.round(decimals)
        learned = perceptron.learn(x, labels, epochs=10)
        assert learned.separable is False
        proves(x, labels, learned)
        if decimals is None:
            assert max(learned.counts) > 2**63
            assert {type(count) for count in learned.counts.tolist()} == {int}


def test_many_rows_of_a_proof_are_counted_not_listed():
    """Nine and more."""
    rng = np.random.default_rng(4)
    learned = perceptron.learn(rng.normal(size=(60, 9)), rng.integers(0, 2, 60), epochs=1)
    assert (learned.separable, np.count_nonzero(learned.counts)) == (False, 11)
    assert learned.why.startswith("no line separates the labels: 11 rows, as (x, 1) with")


def test_an_epoch_without_mistakes_by_rounding_alone_is_no_proof():
    """(1 + e)(e - 1) + 1 = e^2 > 0 is rounded to 0, which is the right side of label 0
    in floating point only.
    """
    e = 2.0**-30
    x, labels = [[1 + e], [e - 1]], [1, 0]
    rounded = (
        "a line separates the labels, not yet that of epoch 2, which has no mistake only because "
        "z is rounded: row"
    )
    learned = perceptron.learn(x, labels)
    assert (learned.mistakes[-1], learned.separable, learned.predict(x).tolist()) == (
        0,
        True,
        labels,
    )
    assert learned.why == f"{rounded} 1 lies on its other side"
    assert (
        perceptron.learn([[1 + e], [-1 - e]], labels).why
        == "a line separates the labels: epoch 2 has no mistake"
    )
    # 1e400 - 5e399 > 0 is NaN, and so no 1
    huge = perceptron.learn([[1e200, -1e200], [1e200, 5e199]], labels)
    assert (huge.mistakes, huge.separable, huge.w.tolist()) == ((1, 0), True, [1e200, -1e200])
    assert huge.why == f"{rounded} 1 lies on its other side"
    tenths = perceptron.learn([[2, 1], [-2, 3], [3, 0], [3, 2]], [1, 1, 1, 1], lr=0.1)
    assert (tenths.mistakes, tenths.why) == ((1, 0), f"{rounded} 1 lies on it")
    alike = perceptron.learn([[1 + e], [e - 1], [e - 1]], [1, 0, 1], epochs=1)
    assert alike.separable is False


def test_separate_finds_the_line_or_the_sum():
    """Exactly one of them, by substitution, for 400 seeded sets of integers in few
    places, a third of them in columns of any size.
    """
    times = {True: 0, False: 0}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x = rng.integers(-2, 3, rng.integers([1, 1], [14, 5])).astype(float)
        x *= 10.0 ** rng.integers(-150, 150, x.shape[1]) if seed % 3 == 0 else 1.0
        rows = separation.signed_rows(x, rng.integers(0, 2, len(x)))
        line, weights = separation.separate(rows)
        assert (line is None) != (weights is None)
        if weights is None:
            assert (rows @ line > 0).all()
        else:
            assert (weights >= 0).all()
            assert weights.any()
            assert not (weights @ rows).any()
        times[weights is None] += 1
    assert min(times.values()) > 100


def test_separate_by_hand():
    """Two points: the nearest one in the middle; the line between 1 and 3; a third of a
    way, exactly; x = 5 with both labels.
    """
    assert separation.affine_minimum(np.array([[2, 1], [1, 2]], object)).tolist() == [1, 1]
    line, weights = separation.separate(
        separation.signed_rows(np.array([[1.0], [3.0]]), np.array([0, 1]))
    )
    assert (line.tolist(), weights) == ([1, -2], None)
    line, weights = separation.separate(
        separation.signed_rows(np.array([[0.0], [0.1], [0.3]]), np.array([1, 0, 1]))
    )
    tenth, three = Fraction(0.1), Fraction(0.3)
    assert line is None
    assert [Fraction(int(weight), int(weights[1])) for weight in weights] == [
        1 - tenth / three,
        1,
        tenth / three,
    ]
    assert separation.separate(
        separation.signed_rows(np.array([[5.0], [5.0]]), np.array([0, 1]))
    ).weights.tolist() == [1, 1]


def test_step_function_and_weighted_sum():
    """The step at 0 is 0, as Heaviside's; shapes are kept, and a row alone has the bits
    that it has among others.
    """
    z = np.array([[-1.0, 0.0, -0.0], [5e-324, 1.0, np.inf]])
    assert perceptron.step_function(z).tolist() == [[0, 0, 0], [1, 1, 1]]
    assert np.array_equal(perceptron.step_function(z), refnet.Heaviside().value(z))
    assert perceptron.step_function(0.0) == 0
    assert perceptron.weighted_sum([2, 3], 1, [10, 100]) == 321
    assert perceptron.weighted_sum(np.int8([100]), 0, np.int8([100])) == 10000
    assert perceptron.weighted_sum(np.uint8([200]), 0, np.uint8([[2], [3]])).tolist() == [
        400.0,
        600.0,
    ]
    assert perceptron.weighted_sum([2**62], 0, [4]) == 2.0**64
    rng = np.random.default_rng(1)
    w, x = rng.normal(size=37), np.asfortranarray(rng.normal(size=(5, 37)))
    assert perceptron.weighted_sum(w, 0.1, x).tolist() == [
        perceptron.weighted_sum(w, 0.1, row) for row in x
    ]


def test_the_perceptron_refuses_by_name():
    """Its arguments."""
    nan = [[0.0, 1.0], [np.nan, 1.0]]
    for sentence, kind, call in (
        (
            "perceptron: x has shape (4,), expected (n, features) with both at least 1",
            ValueError,
            lambda: perceptron.learn([1, 2, 3, 4], [0, 0, 1, 1]),
        ),
        (
            "perceptron: x has shape (0, 2), expected (n, features) with both at least 1",
            ValueError,
            lambda: perceptron.learn(np.ones((0, 2)), []),
        ),
        (
            "perceptron: x has nan at row 1, column 0, expected finite values",
            ValueError,
            lambda: perceptron.learn(nan, [0, 1]),
        ),
        (
            "perceptron: labels has shape (3,), expected (4,)",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1]),
        ),
        (
            "perceptron: labels has label 2 at row 3, expected 0 to 1",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1, 2]),
        ),
        (
            "perceptron: labels has labels of dtype float64, expected integers: labels.astype(int)",
            TypeError,
            lambda: perceptron.learn(SQUARE, [0.0, 1, 1, 1]),
        ),
        (
            "perceptron: lr has -1, expected a finite number >= 0",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1, 1], lr=-1),
        ),
        (
            "perceptron: epochs has 0, expected an integer >= 1",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 1, 1, 1], epochs=0),
        ),
        (
            "weighted_sum: x has shape (3,), expected (n, features) with w (2,) as (features,)",
            ValueError,
            lambda: perceptron.weighted_sum([1, 2], 0, [1, 2, 3]),
        ),
        (
            (
                "weighted_sum: x has shape (2, 3, 2), expected (n, features) with w (2,) as "
                "(features,)"
            ),
            ValueError,
            lambda: perceptron.weighted_sum([1, 2], 0, np.ones((2, 3, 2))),
        ),
        (
            "weighted_sum: x has nan at row 1, column 0, expected finite values",
            ValueError,
            lambda: perceptron.weighted_sum([1, 2], 0, nan),
        ),
        (
            "weighted_sum: w has nan at row 1, expected finite values",
            ValueError,
            lambda: perceptron.weighted_sum([1, np.nan], 0, [1, 2]),
        ),
        (
            "weighted_sum: b has type str, expected a number",
            TypeError,
            lambda: perceptron.weighted_sum([1], "a", [1]),
        ),
        (
            "step_function: z has dtype <U1, expected real numbers",
            TypeError,
            lambda: perceptron.step_function("a"),
        ),
        (
            "Learned.predict: x has shape (1, 3), expected (n, 2)",
            ValueError,
            lambda: perceptron.learn(SQUARE, [0, 0, 0, 1]).predict([[1, 2, 3]]),
        ),
    ):
        with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
            call()
    with pytest.raises(
        FloatingPointError,
        match=r"^perceptron: epoch 1: w and b have \[inf, 1e\+308\], expected finite values$",
    ):
        perceptron.learn([[10.0]], [1], lr=1e308)
