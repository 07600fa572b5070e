"""The test vectors: the files of the version are those that were published, they come
of the code, they have all there is, and right programs stay within them, and wrong ones
do not.
"""

import hashlib
import json
from collections import Counter
from decimal import Decimal
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from parity.checking.tasks.declaration import KNOWN
from parity.checking.tests import spelled_otherwise
from parity.checking.tests.test_spellings import by_pytorch, by_refnet
from parity.checking.tests.vector_files import (
    arrays_of,
    of_layers,
    run_of,
    share,
    shares,
    task,
    text,
    vectors,
)
from parity.checking.vectors import files
from parity.checking.vectors.bounds import SHORT, expected, is_sharp, rounded_up
from parity.checking.vectors.choice import RULES, SMALL
from parity.checking.vectors.notes import NOTES, notes_of
from parity.checking.vectors.writing import documents, text_of
from parity.mistakes.catalogue.index import BY_ID, CATALOGUE
from parity.mistakes.mistake import WRONG
from parity.mistakes.search.replay import simulate
from refnet.optimizers import OPTIMIZERS

SUMS = Path(__file__).parent / f"version_{files.VERSION}.sha256"
VECTORS = vectors()
every_vector = pytest.mark.parametrize("name", VECTORS)
LARGEST = 600_000  # bytes, all files together


# the files


def test_the_files_of_a_version_never_change():
    """Each has the sum that it was published with, and none is missing or new."""
    published = dict(line.split("  ")[::-1] for line in SUMS.read_text("utf-8").splitlines())
    assert published == {
        name: hashlib.sha256((files.HOME / name).read_bytes()).hexdigest() for name in files.names()
    }, "the files of a version never change: write another version"


def test_the_files_are_small():
    """So that they may stand in anybody's repository."""
    sizes = [(files.HOME / name).stat().st_size for name in files.names()]
    assert 25 <= len(VECTORS) == len(files.names()) - 2
    assert sum(sizes) < LARGEST


def test_the_inputs_are_those_of_the_code():
    """Bit by bit, file by file."""
    again = dict(documents())
    assert [*again] == [*VECTORS]
    for name, whole in again.items():
        inputs, those = (
            {key: each[key] for key in each if key not in ("expected", "notes")}
            for each in (json.loads(text_of(whole)), VECTORS[name])
        )
        # of the text, for -0.0 == 0.0
        assert json.dumps(inputs) == json.dumps(those), (
            f"{name}: the code draws other inputs now; leave this version as it is, and write "
            f"another one"
        )


@every_vector
def test_what_is_expected_is_computed_again_from_the_inputs(name):
    """Other libraries of this machine give other last bits: each value is within the
    allowed error of the one in the file, and each allowed error is the same up to one
    unit of its third digit.
    """
    vector = VECTORS[name]
    again = expected(run_of(vector), bias=vector["bias"])
    for step, there in zip(again, vector["expected"], strict=True):
        assert set(step) == set(there)
        for key, arrays in step.items():
            files_own = zip(arrays, *of_layers(key, *there[key].values()), strict=True)
            for array, value, allowed in files_own:
                assert share(array.value, value, allowed) <= 1
                assert same_to_three_digits(array.error, allowed)


def same_to_three_digits(error, allowed):
    """Whether bounds are those of a file, but for one unit of the third digit: bounds
    that differ in their last bits may be rounded up to neighbours.
    """
    pairs = zip(np.ravel(rounded_up(error.tolist())), np.ravel(allowed), strict=True)
    return all(again in neighbours(bound) for again, bound in pairs)


def neighbours(bound):
    """The number of three digits, and those before and behind it; 0 has none."""
    digits = Decimal(repr(float(bound)))
    steps = (SHORT.next_minus, SHORT.plus, SHORT.next_plus)
    return {float(step(digits)) for step in steps} if bound else {0.0}


def test_neighbours_are_one_unit_apart():
    """The comparison above can fail."""
    assert neighbours(1.23e-15) == {1.22e-15, 1.23e-15, 1.24e-15}
    assert neighbours(1e-15) == {9.99e-16, 1e-15, 1.01e-15}
    assert same_to_three_digits(np.array([[1.2399e-15, 0.0]]), [[1.23e-15, 0.0]])
    assert not same_to_three_digits(np.array([1.2401e-15]), [1.23e-15])
    assert not same_to_three_digits(np.array([5e-324]), [0.0])


@every_vector
def test_a_file_is_written_as_it_is_read(name):
    """With the same digits and lines."""
    assert text_of(VECTORS[name]) == text(name)


def test_a_bound_is_rounded_up_to_three_digits():
    """Never down, and 0 stays 0."""
    assert rounded_up([1.2301e-15, [0.0, 0.9999], 5e-324]) == [1.24e-15, [0.0, 1.0], 5e-324]
    bounds = np.random.default_rng(0).lognormal(0.0, 100.0, 1000).tolist()
    assert all(short >= bound for short, bound in zip(rounded_up(bounds), bounds, strict=True))


@every_vector
def test_rounding_leaves_half_of_the_digits(name):
    """Of every array: a bound that lets everything pass is none."""
    assert is_sharp(run_of(VECTORS[name]), bias=VECTORS[name]["bias"])


# all there is


def test_every_name_is_in_some_vector():
    """Activations below and on top, losses with labels and distributions, optimizers,
    both dtypes.
    """
    every = VECTORS.values()
    assert {f for each in every for f in each["activations"][:-1]} == {*SMALL["activations"]}
    assert {each["activations"][-1] for each in every} == {*SMALL["activations"]}
    assert {each["loss"] for each in every} == {*SMALL["losses"]}
    assert {each["optimizer"] for each in every} == {*RULES}
    for loss in ("cross_entropy", "softmax_cross_entropy"):
        kinds = {each["targets"] for each in every if each["loss"] == loss}
        assert kinds == {"labels", "distributions"}
    narrow = [each for each in every if each["dtype"] == "float32"]
    assert {each["optimizer"] for each in narrow} == {*RULES}
    assert {f for each in narrow for f in each["activations"]} == {*SMALL["activations"]}


@pytest.mark.parametrize("optimizer", RULES)
def test_every_setting_differs_from_its_default_in_some_vector(optimizer):
    """So that a program that does not read it is found out."""
    defaults = OPTIMIZERS[optimizer]().hyperparameters
    those = [each["settings"] for each in VECTORS.values() if each["optimizer"] == optimizer]
    other = {name for each in those for name in each if tuple_of(each[name]) != defaults[name]}
    assert other == set(defaults) - {"lr"}


def tuple_of(value):
    """A setting as it is in Python."""
    return tuple(value) if isinstance(value, list) else value


def test_every_shape_in_which_something_hides_is_there():
    """Width 1, one output, one layer, one sample, square layers, three layers, batches
    of two sizes, no biases, and -0.0.
    """
    counts = Counter()
    for each in VECTORS.values():
        sizes, batches = each["sizes"], [len(step["x"]) for step in each["steps"]]
        counts["width 1"] += 1 in sizes[1:-1]
        counts["one output"] += sizes[-1] == 1
        counts["one layer"] += len(sizes) == 2
        counts["three layers"] += len({*sizes}) > 2 and len(sizes) == 4
        counts["square"] += len({*sizes}) == 1
        counts["one sample"] += max(batches) == 1
        counts["two batches"] += len({*batches}) == 2
        counts["long"] += len(batches) > 5
        counts["no biases"] += not each["bias"]
        counts["-0.0"] += any(
            np.signbit(step["x"]).any() and not np.any(step["x"]) for step in each["steps"]
        )
    assert min(counts.values()) >= 1


# notes


def test_every_name_has_its_notes():
    """Of activations, losses and optimizers; and a setting that a note is about is one
    of the optimizer's.
    """
    names = {name for kind in ("activations", "losses", "optimizers") for name in KNOWN[kind]}
    assert set(NOTES) == names, f"parity/checking/vectors/notes.py: {set(NOTES) ^ names}"
    for name, notes in NOTES.items():
        settings = {note.setting for note in notes} - {""}
        assert not settings or settings <= set(OPTIMIZERS[name]().hyperparameters)


def test_notes_are_of_what_a_task_has():
    """relu at 0 where there is a relu; nesterov where it is on; each once."""
    plain = next(
        each
        for each in VECTORS.values()
        if each["optimizer"] == "sgd" and not any(each["settings"].values())
    )
    notes = " ".join(notes_of(task(plain)))
    assert "velocity" not in notes
    nesterov = next(each for each in VECTORS.values() if each["settings"].get("nesterov"))
    notes = notes_of(task(nesterov))
    assert sum(note.startswith("nesterov moves") for note in notes) == 1
    assert len({*notes}) == len(notes)


# right programs


def has_certain_classes(vector):
    """Whether a cross-entropy on probabilities meets one that is 0: the gradient of
    PyTorch is NaN there, a deviation of its own.
    """
    outputs = (step["output"]["value"] for step in vector["expected"])
    return vector["loss"] == "cross_entropy" and not all(np.all(each) for each in outputs)


PROGRAMS = {"otherwise": spelled_otherwise.train, "refnet": by_refnet, "PyTorch": by_pytorch}
RIGHT = [
    (program, name)
    for program, name in product(PROGRAMS, VECTORS)
    if program != "PyTorch" or not has_certain_classes(VECTORS[name])
]


@pytest.mark.parametrize(("program", "name"), RIGHT)
def test_right_programs_stay_within_what_is_allowed(program, name):
    """However they are spelled, in the dtype of the vector and in every step."""
    vector = VECTORS[name]
    run = PROGRAMS[program]
    if run is not spelled_otherwise.train and not vector["bias"]:
        run = without_biases
    assert max(shares([*run(task(vector))], vector).values()) <= 1


def test_pytorch_is_asked_for_all_vectors_but_one():
    """Of its deviation."""
    assert len(RIGHT) == len(PROGRAMS) * len(VECTORS) - 1


NO_BIASES = BY_ID["no-biases"]


def without_biases(case):
    """The right program of the catalogue without biases, on plain numbers."""
    records = simulate(case.inputs, [(NO_BIASES, NO_BIASES.layers(case.inputs.spec))])
    return map(arrays_of, records)


# wrong programs

RUNS = {vector["name"]: run_of(vector) for vector in VECTORS.values()}


def shares_of(mistake, vector):
    """What a program with the mistake uses; 0 where it cannot stand, or its wrong form
    does not fit these shapes.
    """
    run = RUNS[vector["name"]]
    others = [] if vector["bias"] else [(NO_BIASES, NO_BIASES.layers(run.spec))]
    try:
        records = simulate(run, [*others, (mistake, run.layers(mistake))])
    except (ValueError, IndexError):
        return [0.0]
    return shares([*map(arrays_of, records)], vector).values()


# samples so far apart that e^z is 0 have no digits there to be judged by
UNSEEN = {"softmax-maximum-of-all"}


def test_every_mistake_but_one_is_beyond_what_is_allowed():
    """In at least one entry of one vector, and by far: the next one uses 9e10 of it.
    What needs weights, a penalty, clipping or dropout cannot stand in any.
    """
    wrong = [mistake for mistake in CATALOGUE if mistake.verdict == WRONG and can_stand(mistake)]
    assert len(wrong) > 180
    unseen = {mistake.id for mistake in wrong if not is_seen(mistake)}
    assert unseen == UNSEEN


def can_stand(mistake):
    """Whether it can stand in any vector."""
    return not mistake.of_weights and any(run.layers(mistake) for run in RUNS.values())


def is_seen(mistake):
    """Whether it is beyond what is allowed in any vector."""
    return any(used > 1 for vector in VECTORS.values() for used in shares_of(mistake, vector))


def test_half_a_bound_too_far_is_beyond_what_is_allowed():
    """A single entry of a single array of a right program is moved."""
    vector = VECTORS[next(iter(VECTORS))]
    shown = [*spelled_otherwise.train(task(vector))]
    allowed = vector["expected"][1]["dW"]["allowed"][0][0][0]
    shown[1]["dW"][0][0, 0] = vector["expected"][1]["dW"]["value"][0][0][0] + 1.5 * allowed
    used = shares(shown, vector)
    assert [where for where, each in used.items() if each > 1] == [(1, "dW")]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_beyond_what_is_allowed(wrong):
    """And so is another shape."""
    vector = VECTORS[next(iter(VECTORS))]
    shown = [*spelled_otherwise.train(task(vector))]
    shown[0]["z"][0][0, 0] = wrong
    shown[0]["a"][0] = shown[0]["a"][0][None]
    used = shares(shown, vector)
    assert [where for where, each in used.items() if each > 1] == [(0, "z"), (0, "a")]
