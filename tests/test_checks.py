"""Checks: every sentence of the public door, what passes unchanged, and that the
checked arrays are left alone.
"""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet import checks

FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_number_is_a_python_float(value):
    """Every finite number comes back as a Python float of the same value, from NumPy's
    scalars too.
    """
    for given_value in (value, np.float64(value)):
        number = checks.number("Here", "lr", given_value)
        assert type(number) is float
        assert number == value


@pytest.mark.parametrize(
    "kind", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64]
)
def test_number_takes_every_numpy_scalar(kind):
    """NumPy's real scalars are numbers."""
    assert checks.number("Here", "lr", kind(3)) == 3.0


NUMBERS = [
    (np.nan, {}, "Here: lr has nan, expected a finite number"),
    (np.inf, {}, "Here: lr has inf, expected a finite number"),
    (-1, {"low": 0.0}, "Here: lr has -1, expected a finite number >= 0"),
    (
        np.float32(1),
        {"low": 0.0, "below": 1.0},
        "Here: lr has 1.0, expected a finite number >= 0 and < 1",
    ),
    (2.5, {"below": 2.5}, "Here: lr has 2.5, expected a finite number < 2.5"),
]


@pytest.mark.parametrize(
    ("value", "bounds", "sentence"), NUMBERS, ids=[sentence for *_, sentence in NUMBERS]
)
def test_number_out_of_bounds(value, bounds, sentence):
    """A number that is not finite, below the low end or not below the high one is
    refused with both ends.
    """
    with refuses(ValueError, sentence):
        checks.number("Here", "lr", value, **bounds)


@pytest.mark.parametrize("value", [True, np.False_, "1", None, 1j, [1.0], np.ones(1)], ids=repr)
def test_number_of_another_kind(value):
    """What is no real scalar is refused by its type, truth values too."""
    with refuses(TypeError, f"Here: lr has type {type(value).__name__}, expected a number"):
        checks.number("Here", "lr", value)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flag_is_a_python_bool(value):
    """NumPy's booleans are booleans."""
    assert checks.flag("here", "on", value) is bool(value)


@pytest.mark.parametrize("value", ["False", "no", "", 0, 1, 2, 1.0, np.nan, None, [], np.int8(1)])
def test_what_is_no_boolean_is_refused(value):
    """Text is true whatever it says; a number is no flag, as a flag is no number."""
    sentence = f"here: on has {value!r}, expected True or False"
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        checks.flag("here", "on", value)


def test_integer():
    """An integer comes back as a Python int; floats and truth values are none, and one
    too small is refused.
    """
    assert type(checks.integer("Here", "epochs", np.int32(3), low=1)) is int
    assert checks.integer("Here", "epochs", 1, low=1) == 1
    with refuses(ValueError, "Here: epochs has 0, expected an integer >= 1"):
        checks.integer("Here", "epochs", 0, low=1)
    for value in (1.0, True, np.True_, "3", None):
        with refuses(
            TypeError, f"Here: epochs has type {type(value).__name__}, expected an integer"
        ):
            checks.integer("Here", "epochs", value, low=1)


@pytest.mark.parametrize(
    "given_dtype", ["float32", np.float32, np.dtype("float32"), "f4", "single", "<f4", ">f4"]
)
def test_float_dtype_in_every_spelling(given_dtype):
    """Every spelling of float32, in either byte order, becomes the machine's own."""
    dtype = checks.float_dtype("Here: dtype", given_dtype)
    assert dtype == FLOAT32
    assert dtype.isnative


def test_float_dtype_refuses_the_rest():
    """Other dtypes are refused by name, and words that are none as they stand."""
    for given_dtype in ("float16", int, "complex128", np.longdouble, "U1"):
        with refuses(
            TypeError, f"Here: dtype has {np.dtype(given_dtype)}, expected float32 or float64"
        ):
            checks.float_dtype("Here: dtype", given_dtype)
    with refuses(TypeError, "Here: dtype has 'quarter', expected 'float32' or 'float64'"):
        checks.float_dtype("Here: dtype", "quarter")


def test_named():
    """An object passes as it is, a name makes one, and what is neither is refused with
    the names that are known.
    """
    known, three = {"int": int, "bool": bool}, 3
    assert checks.named("kind", int, known, three) is three
    assert checks.named("kind", int, known, "int") == 0
    with refuses(ValueError, "kind: name has 'float', expected one of int, bool"):
        checks.named("kind", int, known, "float")
    for wrong, shown in ((None, "None"), (float, "float"), (1.5, "1.5")):
        with refuses(
            TypeError, f"kind: has {shown}, expected an object or one of the names int, bool"
        ):
            checks.named("kind", int, known, wrong)


@pytest.mark.parametrize(
    "values", [[True, False], [1, 2], [0.5], np.float16([1]), np.ones((2, 3), ">f4")], ids=repr
)
def test_real_array_takes_every_real_kind(values):
    """Booleans, integers and floats of every width are real, in their own dtype; an
    array is taken as it is.
    """
    array = checks.real_array("x", values)
    assert array.dtype == np.asarray(values).dtype
    assert not isinstance(values, np.ndarray) or array is values


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([None], "O"),
        ([2**70], "O"),
        (iter([1]), "O"),
        (["1"], "U1"),
        ([b"1"], "S1"),
        ([1j], "complex128"),
        (np.zeros(1, "M8[s]"), "M8[s]"),
    ],
)
def test_real_array_refuses_the_rest(values, dtype):
    """Objects, text, complex numbers and dates are refused by dtype, ragged rows by
    their lengths.
    """
    with refuses(TypeError, f"x has dtype {np.dtype(dtype)}, expected real numbers"):
        checks.real_array("x", values)
    with refuses(ValueError, "x has rows of different lengths, expected a rectangular array"):
        checks.real_array("x", [[1.0], [1.0, 2.0]])


def test_as_dtype_returns_what_fits_itself():
    """An array that has the dtype already is not copied; any other keeps its values and
    dtype.
    """
    array = np.ones((2, 2))
    assert checks.as_dtype("x", array, FLOAT64) is array
    checks.as_dtype("x", array, FLOAT32)[:] = 7.0
    assert array.tolist() == [[1.0, 1.0], [1.0, 1.0]]


@given(st.integers(-(2**63), 2**64 - 1), st.sampled_from([FLOAT32, FLOAT64]))
def test_integers_are_exact_or_refused(value, dtype):
    """An integer passes if and only if the dtype holds it exactly, whether below or
    above 2^24 and 2^53.
    """
    array = np.array([[0, value]], "int64" if value < 2**63 else "uint64")
    if int(dtype.type(value)) == value:
        assert int(checks.as_dtype("x", array, dtype)[0, 1]) == value
    else:
        with refuses(
            ValueError,
            f"x has {value} at row 0, column 1, expected integers that {dtype} holds exactly",
        ):
            checks.as_dtype("x", array, dtype)


@pytest.mark.parametrize(("dtype", "bits"), [(FLOAT32, 24), (FLOAT64, 53)])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_at_the_end_of_exactness(dtype, bits, sign):
    """2^24 and 2^53 are the ends: they pass, one more does not, two more do."""
    for more, exact in ((0, True), (1, False), (2, True), (3, False), (4, True)):
        array = np.array([sign * (2**bits + more)])
        if exact:
            assert int(checks.as_dtype("x", array, dtype)[0]) == array[0]
        else:
            with refuses(
                ValueError,
                f"x has {array[0]} at row 0, expected integers that {dtype} holds exactly",
            ):
                checks.as_dtype("x", array, dtype)


def test_floats_are_rounded_once():
    """float64 into float32 rounds to nearest, and what float32 cannot hold becomes inf,
    without a warning, for `finite` to name.
    """
    third = np.array([1.0 / 3.0, 1e300])
    assert checks.as_dtype("x", third, FLOAT32).tolist() == [float(np.float32(1.0 / 3.0)), np.inf]
    with refuses(ValueError, "x has inf at row 0, column 1, expected finite values"):
        checks.matrix("x", third[None], FLOAT32, ("n", 2))


def test_place_in_words():
    """An index is written as row and column, a third one as axis, and a scalar has only
    one entry.
    """
    assert [checks.place(index) for index in ((4,), (4, 0), (4, 0, 2), ())] == [
        "row 4",
        "row 4, column 0",
        "row 4, column 0, axis 2",
        "its only entry",
    ]


@given(st.integers(0, 40), st.integers(0, 5), st.integers(1, 12))
def test_chunks_cover_every_row_once(rows, columns, size):
    """The parts are the array, in order, each of at most CHUNK entries or of one
    row.
    """
    array = np.arange(rows * columns).reshape(rows, columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHUNK", size)
        parts = list(checks.chunks(array))
    assert [start for start, _ in parts] == np.cumsum([0, *(len(part) for _, part in parts)])[
        :-1
    ].tolist()
    assert np.array_equal(
        np.concatenate([np.empty((0, columns), int), *(part for _, part in parts)]), array
    )
    assert all(part.size <= size or len(part) == 1 for _, part in parts)


CHECKS = {
    "finite": (
        checks.finite,
        (np.nan, np.inf, -np.inf),
        "x has {} at row {}, column {}, expected finite values",
    ),
    "unit": (
        checks.within_unit_interval,
        (-0.5, 1.5, 2.0),
        "x has {:g} at row {}, column {}, expected values in [0, 1]",
    ),
}


@pytest.mark.parametrize(("check", "wrong", "sentence"), CHECKS.values(), ids=CHECKS)
@given(st.data())
def test_first_wrong_entry_is_named_wherever_it_is(check, wrong, sentence, data):
    """Whatever the size of the parts, the first wrong entry is named by the row and
    column it has in the whole array.
    """
    array = np.full((11, 3), 0.25)
    places = data.draw(
        st.lists(st.tuples(st.integers(0, 10), st.integers(0, 2)), min_size=1, max_size=4)
    )
    value = data.draw(st.sampled_from(wrong))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHUNK", data.draw(st.integers(1, 40)))
        assert check("x", array) is array
        for place in places:
            array[place] = value
        with refuses(ValueError, sentence.format(value, *min(places))):
            check("x", array)


def test_matrix_shapes():
    """A matrix has rank 2, its width, its number of rows where one is asked for, and at
    least one row.
    """
    right = np.ones((4, 3))
    assert checks.matrix("x", right, FLOAT64, ("n", 3)) is right
    assert checks.matrix("x", right, FLOAT64, (4, 3)) is right
    for shape in ((3,), (), (1, 4, 3), (4, 2), (3, 4)):
        with refuses(ValueError, f"x has shape {shape}, expected (n, 3)"):
            checks.matrix("x", np.ones(shape), FLOAT64, ("n", 3))
    with refuses(ValueError, "x has shape (5, 3), expected (4, 3)"):
        checks.matrix("x", np.ones((5, 3)), FLOAT64, (4, 3))
    with refuses(ValueError, "x has shape (0, 3), expected (n, 3) with at least one row"):
        checks.matrix("x", np.ones((0, 3)), FLOAT64, ("n", 3))


def test_matrix_on_disk_is_left_there(tmp_path, monkeypatch):
    """An array on disk in another dtype is returned unconverted, after all of it has
    been looked at.
    """
    monkeypatch.setattr(checks, "CHUNK", 6)
    disk = np.memmap(tmp_path / "x", dtype="float64", mode="w+", shape=(9, 2))
    array = checks.matrix("x", disk, FLOAT32, ("n", 2))
    assert array.dtype == FLOAT64
    assert np.shares_memory(array, disk)
    for value, shown in ((np.nan, "nan"), (1e300, "inf")):
        disk[7, 1] = value
        with refuses(ValueError, f"x has {shown} at row 7, column 1, expected finite values"):
            checks.matrix("x", disk, FLOAT32, ("n", 2))


@pytest.mark.parametrize("row", [0, 4, 8])
def test_an_integer_on_disk_is_named_by_its_row_there(row, tmp_path, monkeypatch):
    """An integer that the dtype does not hold is named by its row in the whole array,
    in whichever part of three rows it is found.
    """
    monkeypatch.setattr(checks, "CHUNK", 6)
    disk = np.memmap(tmp_path / "x", dtype="int64", mode="w+", shape=(9, 2))
    disk[row, 1] = 2**24 + 1  # between two float32
    with refuses(
        ValueError,
        f"x has {2**24 + 1} at row {row}, column 1, expected integers that float32 holds exactly",
    ):
        checks.matrix("x", disk, FLOAT32, ("n", 2))


def test_matrix_is_laid_out_row_by_row_once():
    """Columns first becomes rows first here, at the door, so that no batch pays for it;
    rows first is not copied.
    """
    rows = np.arange(6.0).reshape(2, 3)
    assert checks.matrix("x", np.asfortranarray(rows), FLOAT64, ("n", 3)).flags.c_contiguous
    assert checks.matrix("x", rows, FLOAT64, ("n", 3)) is rows


def test_masked_entries_are_refused():
    """A mask would be dropped in silence: an array with masked entries is refused, one
    with none is taken.
    """
    with refuses(ValueError, "x has masked entries, expected every entry given"):
        checks.matrix("x", np.ma.masked_equal([[1.0, 2.0]], 2.0), FLOAT64, ("n", 2))
    assert checks.matrix(
        "x", np.ma.masked_equal([[1.0, 2.0]], 3.0), FLOAT64, ("n", 2)
    ).tolist() == [[1.0, 2.0]]


def test_a_label_too_large_for_an_index_is_shown_as_it_is():
    """An unsigned label does not wrap around before it is looked at."""
    with refuses(ValueError, f"y has label {2**64 - 1} at row 1, expected 0 to 2"):
        checks.class_labels("y", np.array([0, 2**64 - 1], np.uint64), 3)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
@given(st.integers(1, 40), st.integers(0, 10**6))
def test_normalised_rows_are_distributions(dtype, classes, seed):
    """Rows that were divided by their sum pass, whatever the rounding, also after a
    cast to float32.
    """
    raw = np.random.default_rng(seed).random((3, classes)) + 0.01
    rows = (raw / raw.sum(axis=1, keepdims=True)).astype(dtype)
    assert checks.distributions("y", rows, float(np.finfo(dtype).eps)) is rows


@given(st.integers(0, 6), st.integers(1, 8))
def test_row_that_does_not_sum_to_one_is_named(row, size):
    """A row off by twice the slack of k eps is refused with its number, whatever the
    size of the parts, after entries outside [0, 1].
    """
    eps, array = 2.0**-20, np.full((7, 4), 0.25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHUNK", size)
        array[row, 0] += 4 * eps
        checks.distributions("y", array, eps)
        array[row, 0] += 4 * eps
        with refuses(
            ValueError,
            f"y has the sum {1 + 8 * eps:.8g} at row {row}, expected 1 (each row a distribution)",
        ):
            checks.distributions("y", array, eps)
        array[row] = (1.5, -0.5, 0.0, 0.0)
        with refuses(ValueError, f"y has 1.5 at row {row}, column 0, expected values in [0, 1]"):
            checks.distributions("y", array, eps)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", ">i4", "bool"])
def test_class_labels_of_every_integer_dtype(dtype):
    """Labels of any integer dtype, and truth values, come back as the machine's index
    integers.
    """
    labels = checks.class_labels("y", np.array([0, 1, 1], dtype), 2)
    assert labels.tolist() == [0, 1, 1]
    assert labels.dtype == np.intp


def test_class_labels_out_of_range():
    """Labels below 0 or from the number of classes on are refused with their row,
    labels that are no integers by dtype.
    """
    for label in (-1, 3, 100):
        with refuses(ValueError, f"y has label {label} at row 2, expected 0 to 2"):
            checks.class_labels("y", np.array([0, 2, label, -5]), 3)
    with refuses(TypeError, "y has labels of dtype float64, expected integers: y.astype(int)"):
        checks.class_labels("y", np.array([0.0, 1.0]), 2)


class Named:
    """What an argument should be."""


@pytest.mark.parametrize(
    ("value", "shown"), [(5, "type int"), (None, "type NoneType"), (Named, "class Named")]
)
def test_an_object_of_another_class_is_refused(value, shown):
    """An object of the class or of a subclass comes back as it is; the class itself is
    none.
    """
    given_value = type("Sub", (Named,), {})()
    assert checks.instance("Here", "net", given_value, Named) is given_value
    with refuses(TypeError, f"Here: net has {shown}, expected Named"):
        checks.instance("Here", "net", value, Named)
