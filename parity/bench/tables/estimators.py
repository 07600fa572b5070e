"""How long the estimators take on handwritten digits, beside scikit-learn's own:
`python -m parity.bench.tables.estimators [SEEDS [SETTING ...]]`. Set
OPENBLAS_NUM_THREADS=1 for one thread.

Both get the same parameters and every default of the other, and take turns. With 20
epochs both take as many steps; a training that ends by itself takes as many epochs as
its rule lets it. The accuracy is that on a fifth of the images, which neither has seen,
over as many seeds as there are repeats.
"""

import statistics
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import refnet.sklearn

EPOCHS = {"max_iter": 20, "n_iter_no_change": 1000}  # 20, whatever the loss does
SMALL = {"hidden_layer_sizes": (30,), "batch_size": 32}
PLAIN = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "learning_rate_init": 0.1}
SETTINGS: dict[str, dict[str, Any]] = {
    "by default": EPOCHS,
    "by default, until it ends": {},
    "30 units, batches of 32": {**SMALL, **EPOCHS},
    "30 units, batches of 32, until it ends": SMALL,
    "sgd": {"solver": "sgd", **EPOCHS},
    "sgd, 30 units, batches of 32": {"solver": "sgd", **SMALL, **EPOCHS},
    "plain sgd, 30 units, batches of 32": {**PLAIN, **SMALL, **EPOCHS},
}
HEAD = (
    f"{'':<40}{'dtype':<9}{'refnet':>11}{'scikit-learn':>14}{'ratio':>7}   accuracy: mean +- "
    f"standard deviation, epochs"
)


class Ended(NamedTuple):
    """One training: seconds, accuracy on images that it has not seen, epochs."""

    seconds: float
    accuracy: float
    epochs: int


class EstimatorRow(NamedTuple):
    """The trainings of both sides with one setting, one for each seed."""

    setting: str
    dtype: str
    refnet: list[Ended]
    theirs: list[Ended]

    @property
    def ratio(self) -> float:
        """How many times as long scikit-learn takes: the median over the seeds of the
        quotient of two trainings that followed one another.
        """
        pairs = zip(self.theirs, self.refnet, strict=True)
        return statistics.median(other.seconds / own.seconds for other, own in pairs)

    @property
    def is_as_accurate(self) -> bool:
        """Whether the means of the accuracy are within the wider of both spreads."""
        own, other = ([end.accuracy for end in ends] for ends in (self.refnet, self.theirs))
        apart = abs(statistics.mean(own) - statistics.mean(other))
        return apart <= max(statistics.stdev(own), statistics.stdev(other))

    def line(self) -> str:
        """All of it in one line."""
        times = [statistics.median(end.seconds for end in ends) * 1e3 for ends in self[2:]]
        shown = "; ".join(_spread(ends) for ends in (self.refnet, self.theirs))
        return (
            f"{self.setting:<40}{self.dtype:<9}{times[0]:>8.1f} ms{times[1]:>11.1f} ms"
            f"{self.ratio:>7.2f}   {shown}{'' if self.is_as_accurate else '; APART'}"
        )


def measure(setting: str, dtype: str, seeds: int, images: int | None = None) -> EstimatorRow:
    """Both in turns, each first as often as the other; `images` are the first so
    many.
    """
    x, labels = load_digits(return_X_y=True)
    x, labels = x[:images].astype(dtype) / 16, labels[:images]
    split = train_test_split(x, labels, test_size=0.2, random_state=0)
    kinds = [refnet.sklearn.MLPClassifier, sklearn.neural_network.MLPClassifier]
    ends: list[list[Ended]] = [[], []]
    for kind in kinds:  # what is done once, such as an import, is not timed
        _trained(kind(**{**SETTINGS[setting], "max_iter": 2}), split)
    for seed in range(seeds):
        for i in (0, 1) if seed % 2 else (1, 0):
            ends[i].append(_trained(kinds[i](random_state=seed, **SETTINGS[setting]), split))
    return EstimatorRow(setting, dtype, *ends)


def _trained(model: Any, split: list[Any]) -> Ended:
    x, x_test, labels, labels_test = split
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where max_iter ends it
        start = time.perf_counter()
        model.fit(x, labels)
        took = time.perf_counter() - start
    return Ended(took, float(model.score(x_test, labels_test)), int(model.n_iter_))


def _spread(ends: list[Ended]) -> str:
    accuracy = [end.accuracy for end in ends]
    epochs = statistics.median(end.epochs for end in ends)
    return f"{statistics.mean(accuracy):.2%} +- {statistics.stdev(accuracy):.2%}, {epochs:g}"


def machine() -> Iterator[str]:
    """The threads and kernels of the BLAS of NumPy and SciPy."""
    for pool in import_module("threadpoolctl").threadpool_info():
        if pool["user_api"] == "blas":
            kernel = f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', '')}"
            yield f"{kernel}, {pool['num_threads']} threads"


def main(seeds: int, names: Sequence[str]) -> None:
    """Print the machine, and a line for each of these settings in both dtypes."""
    print(*machine(), HEAD, sep="\n")
    for setting in names:
        for dtype in ("float64", "float32"):
            print(measure(setting, dtype, seeds).line(), flush=True)


if __name__ == "__main__":
    main(int([*sys.argv, "10"][1]), sys.argv[2:] or [*SETTINGS])
