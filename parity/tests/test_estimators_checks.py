"""The estimators pass every check that scikit-learn has for estimators, and none is
expected to fail; also with its array API on.
"""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import SkipTest

import pytest
import sklearn.neural_network

import refnet.sklearn

with pytest.MonkeyPatch.context() as patch:  # 1.6 looks for it while this is imported
    patch.setenv("SCIPY_ARRAY_API", "1")
    from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

ROOT = Path(refnet.__file__).parent.parent
OURS = [refnet.sklearn.MLPClassifier(), refnet.sklearn.MLPRegressor()]
THEIRS = [sklearn.neural_network.MLPClassifier(), sklearn.neural_network.MLPRegressor()]
# scikit-learn skips these by itself: the one without SCIPY_ARRAY_API, which the process
# below has, the other where there is no decision_function, as of its own MLPClassifier
SKIPPED = {
    "check_array_api_input",
    "check_classifiers_multilabel_output_format_decision_function",
}
SPARSE = {"check_sample_weight_equivalence_on_sparse_data"}  # of estimators that take them


CHECKS = parametrize_with_checks(OURS).mark
NAMES, GENERATED = CHECKS.args  # before 1.9 a generator, which pytest 9 warns of


def name_of(check):
    """The name of a check, of which some are partial functions."""
    return getattr(check, "func", check).__name__


def names_of(estimator):
    """The names of the checks that scikit-learn has for an estimator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where checks do not apply
        return [name_of(check) for _, check in estimator_checks_generator(estimator)]


@pytest.mark.filterwarnings("ignore")  # the checks train for a few epochs alone
@pytest.mark.parametrize(NAMES, [*GENERATED], **CHECKS.kwargs)
def test_every_check_of_scikit_learn_passes(estimator, check):
    """What the estimator is given, keeps, refuses and predicts is what scikit-learn
    asks of every estimator.
    """
    try:
        check(estimator)
    except SkipTest:
        assert name_of(check) in SKIPPED
        pytest.skip("scikit-learn leaves it out, as of its own")


@pytest.mark.parametrize("i", [0, 1], ids=["MLPClassifier", "MLPRegressor"])
def test_there_are_as_many_checks_as_of_scikit_learn_s_own(i, capsys):
    """Each check that scikit-learn's MLP has, ours has too, but for those with sparse
    matrices; the tags say no more and no less.
    """
    ours, theirs = names_of(OURS[i]), names_of(THEIRS[i])
    assert {*theirs} - {*ours} <= SPARSE
    assert len(ours) >= len(theirs) > 50  # scikit-learn 1.6 has 51 for its MLPRegressor
    with capsys.disabled():
        print(f" {len(ours)} checks, scikit-learn's own {len(theirs)}", end="")


IN_ARRAY_API = """
import warnings
from unittest import SkipTest
import sklearn
from sklearn.utils import estimator_checks
from refnet.sklearn import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")
make_blobs = estimator_checks.make_blobs

def make_blobs_without(*given, **named):
    with sklearn.config_context(array_api_dispatch=False):
        return make_blobs(*given, **named)

# what makes the data of some checks takes no lists there before scikit-learn 1.9
estimator_checks.make_blobs = make_blobs_without
for estimator in (MLPClassifier(max_iter=60), MLPRegressor(max_iter=60)):
    passed, skipped = 0, []
    with sklearn.config_context(array_api_dispatch=True):
        for each, check in estimator_checks.estimator_checks_generator(estimator):
            try:
                check(each)
            except SkipTest:
                skipped.append(getattr(check, "func", check).__name__)
            else:
                passed += 1
    print(passed, *skipped)
"""


def test_every_check_passes_with_the_array_api_on():
    """In a process of its own, as SciPy reads SCIPY_ARRAY_API once, and with fewer
    epochs than above, as how long it trains makes no difference to this.
    """
    done = subprocess.run(
        [sys.executable, "-c", IN_ARRAY_API],
        capture_output=True,
        text=True,
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    counts = [len(names_of(estimator)) for estimator in OURS]
    assert [int(passed) + len(skipped) for passed, *skipped in lines] == counts
    assert {name for _, *skipped in lines for name in skipped} <= SKIPPED - {
        "check_array_api_input"
    }
