"""How many threads BLAS gets while `fit` trains: looked at from inside the training,
with threadpoolctl installed and without it.
"""

import sys
import threading
import types
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import refnet
from refnet.fast import threads

X, Y = np.ones((4, 3)), np.zeros((4, 2))


@pytest.fixture(autouse=True)
def _undecided(monkeypatch):
    """No environment variable says how many threads there are to be, and NumPy's BLAS
    has two.
    """
    for name in threads.DECIDED:
        monkeypatch.delenv(name, raising=False)
    threads._controller.cache_clear()
    with threadpool_limits(limits=2, user_api="blas"):
        yield
    threads._controller.cache_clear()


def blas_threads():
    """The threads of NumPy's BLAS now."""
    return next(
        pool["num_threads"]
        for pool in threadpool_info()
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]
    )


def seen(sizes=(6, 5, 3), rows=8, **settings):
    """The threads that BLAS has at each step of a training."""
    counts = []
    net, x, labels = (
        refnet.mlp(sizes, output="identity"),
        np.ones((rows, sizes[0])),
        np.arange(rows) % 3,
    )
    settings = {"loss": "softmax_cross_entropy", "optimizer": "sgd", "epochs": 1, **settings}
    refnet.fit(net, x, labels, **settings, on_step=lambda _: counts.append(blas_threads()))
    return counts


def test_a_small_network_gets_one_thread():
    """Each step of a small network has one BLAS thread; before and after it there are
    two.
    """
    assert blas_threads() == 2
    assert seen(batch_size=4) == [1, 1]
    assert blas_threads() == 2


def test_small_is_the_largest_product(monkeypatch):
    """The largest layer times the rows of a batch decides: the limit is the first
    number of multiply-adds that is not small.
    """
    monkeypatch.setattr(threads, "SMALL", 4 * 30)
    assert seen(batch_size=4) == [2, 2]
    monkeypatch.setattr(threads, "SMALL", 4 * 30 + 1)
    assert seen(batch_size=4) == [1, 1]
    assert seen(batch_size=None) == [2]


@pytest.mark.parametrize("name", threads.DECIDED)
def test_the_environment_s_word_counts(monkeypatch, name):
    """Where a variable says how many threads there are to be, fit leaves them."""
    monkeypatch.setenv(name, "2")
    assert seen() == [2]


def test_threads_come_back_after_an_error():
    """A training that fails gives the threads back too."""
    net = refnet.mlp([2, 1], output="identity")
    with pytest.raises(FloatingPointError), np.errstate(over="ignore"):
        refnet.fit(
            net, [[1e200, 1e200]], [[0.0]], loss="mse", optimizer=refnet.SGD(lr=1e200), epochs=9
        )
    assert blas_threads() == 2


class Pool:
    """A number of threads of the whole process, as a BLAS has it."""

    threads = 2

    @contextmanager
    def limit(self, limits, user_api):
        before, self.threads = self.threads, limits
        yield
        self.threads = before


def test_overlapping_trainings_give_the_threads_back(monkeypatch):
    """Two trainings in two Python threads, the first of which ends first: it puts back
    what it found, and the second nothing.
    """
    inside, goes_on = [threading.Event() for _ in range(2)], [threading.Event() for _ in range(2)]
    pool, counts = Pool(), []
    monkeypatch.setattr(threads, "_controller", cache(lambda: pool))

    def train(i):
        def wait(epoch):
            inside[i].set()
            assert goes_on[i].wait(60)

        refnet.fit(
            refnet.mlp([3, 2], output="identity"),
            X,
            Y,
            loss="mse",
            optimizer="sgd",
            epochs=1,
            on_epoch=wait,
        )

    trainings = [threading.Thread(target=train, args=(i,)) for i in range(2)]
    for training, begun in zip(trainings, inside, strict=True):
        training.start()
        assert begun.wait(60)
    for training, end in zip(trainings, goes_on, strict=True):
        counts.append(pool.threads)
        end.set()
        training.join()
    assert [*counts, pool.threads] == [1, 2, 2]


def test_a_training_within_a_training_keeps_the_one_thread():
    """The inner one of two neither takes the threads nor gives them back."""
    counts = []
    inner = refnet.mlp([3, 2], output="identity")

    def within(epoch):
        refnet.fit(
            inner,
            X,
            Y,
            loss="mse",
            optimizer="sgd",
            epochs=1,
            on_epoch=lambda _: counts.append(blas_threads()),
        )
        counts.append(blas_threads())

    refnet.fit(
        refnet.mlp([3, 2], output="identity"),
        X,
        Y,
        loss="mse",
        optimizer="sgd",
        epochs=1,
        on_epoch=within,
    )
    assert [*counts, blas_threads()] == [1, 1, 2]


def test_an_old_threadpoolctl_is_none(monkeypatch):
    """Before version 3 it had no controller."""
    monkeypatch.setitem(sys.modules, "threadpoolctl", types.ModuleType("threadpoolctl"))
    assert seen() == [2]


def test_without_threadpoolctl_threads_are_left_alone(monkeypatch):
    """Where the library is not installed, training goes on with the threads there
    are.
    """
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert seen() == [2]
