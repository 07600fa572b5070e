"""When `fit` asks for one BLAS thread: with a stand-in for threadpoolctl, which is not
among what these tests need.
"""

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

import refnet
from refnet.fast import threads


@pytest.fixture
def asked(monkeypatch):
    """What BLAS is asked for: "api threads" where a limit begins, and its end."""
    calls = []

    class Controller:
        @contextmanager
        def limit(self, *, limits, user_api):
            calls.append(f"{user_api} {limits}")
            try:
                yield
            finally:
                calls.append("end")

    for name in threads.DECIDED:
        monkeypatch.delenv(name, raising=False)
    library = SimpleNamespace(ThreadpoolController=Controller)
    monkeypatch.setitem(sys.modules, "threadpoolctl", library)
    threads._controller.cache_clear()
    yield calls
    threads._controller.cache_clear()


def train(rows, sizes, **settings):
    """One epoch of zeros."""
    net = refnet.mlp(sizes, "relu", "identity", dtype="float32")
    x, y = np.zeros((rows, sizes[0]), "float32"), np.zeros((rows, sizes[-1]), "float32")
    refnet.fit(net, x, y, loss="mse", optimizer="sgd", epochs=1, **settings)


@pytest.mark.parametrize(
    ("rows", "sizes", "small"),
    [
        (4097, [65, 63], True),  # (2^12 + 1) (2^12 - 1) = 2^24 - 1
        (4096, [64, 64], False),  # 2^12 2^12 = 2^24
    ],
)
def test_small_ends_at_2_to_the_24_multiply_adds(rows, sizes, small, asked):
    """A product of rows times fan_in times fan_out multiply-adds is small below
    2^24.
    """
    train(rows, sizes)
    assert asked == (["blas 1", "end"] if small else [])


def test_the_largest_layer_and_the_largest_batch_decide(asked):
    """Rows count by the batch, at most as many as there are, and the largest layer
    decides wherever it stands.
    """
    train(4097, [64, 64], batch_size=4095)  # 4095 * 64 * 64 < 2^24
    train(4095, [64, 64], batch_size=4097)
    assert asked == ["blas 1", "end"] * 2
    train(4097, [64, 64], batch_size=4096)
    for sizes in ([64, 64, 1], [1, 64, 64], [1, 64, 64, 1]):
        train(4096, sizes)
    assert asked == ["blas 1", "end"] * 2


@pytest.mark.parametrize("name", threads.DECIDED)
def test_a_number_in_the_environment_is_left(name, asked, monkeypatch):
    """Where a variable says how many threads there are to be, BLAS is asked for
    nothing.
    """
    monkeypatch.setenv(name, "2")
    train(1, [1, 1])
    assert asked == []


def test_the_limit_ends_with_the_training(asked):
    """A training that fails ends the limit too, and the next one sets its own."""
    net = refnet.mlp([1, 1], output="identity")
    with pytest.raises(FloatingPointError, match=r"^epoch 1, batch 1: "):
        refnet.fit(net, [[1e200]], [[0.0]], loss="mse", optimizer=refnet.SGD(1e200), epochs=1)
    assert asked == ["blas 1", "end"]
    train(1, [1, 1])
    assert asked == ["blas 1", "end"] * 2


@pytest.mark.parametrize("library", [None, SimpleNamespace()], ids=["none", "before version 3"])
def test_without_a_controller_the_training_goes_on(library, asked, monkeypatch):
    """Where threadpoolctl is missing, or has no controller, BLAS is asked for
    nothing.
    """
    monkeypatch.setitem(sys.modules, "threadpoolctl", library)
    train(1, [1, 1])
    assert asked == []
