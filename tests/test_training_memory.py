"""Training takes room for a batch and the network, wherever x and y lie."""

import tracemalloc

import numpy as np
import pytest

import refnet
from refnet import checks


def on_disk(path, array, order="C"):
    disk = np.memmap(path, dtype=array.dtype, mode="w+", shape=array.shape, order=order)
    disk[:] = array
    disk.flush()
    return disk


ROWS, INPUTS = 6000, 50


def off_alignment(path, x):
    given = np.memmap(path, dtype=np.float32, mode="w+", shape=x.shape, offset=1)
    given[:] = x
    return given


LAYOUTS = {
    "off its alignment": off_alignment,
    "float32": lambda path, x: on_disk(path, x.astype(np.float32)),
    "float64": on_disk,
    "big-endian": lambda path, x: on_disk(path, x.astype(">f4")),
    "column by column": lambda path, x: on_disk(path, x.astype(np.float32), order="F"),
    "every second row": lambda path, x: on_disk(path, np.repeat(x, 2, axis=0).astype(np.float32))[
        ::2
    ],
}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_array_on_disk_is_never_held_whole(tmp_path, monkeypatch, layout, shuffle):
    """Training on a memory-mapped x takes room for one batch, the network and an index
    per row, and gives the same bits.
    """
    monkeypatch.setattr(checks, "CHUNK", 2**10)
    x = np.random.default_rng(0).standard_normal((ROWS, INPUTS))
    labels = np.arange(ROWS) % 2
    disk = LAYOUTS[layout](tmp_path / "x", x)
    settings = {"loss": "softmax_cross_entropy", "epochs": 1, "batch_size": 60, "shuffle": shuffle}
    net, other = (refnet.mlp([INPUTS, 5, 2], output="identity", dtype="float32") for _ in range(2))
    tracemalloc.start()
    try:
        refnet.fit(net, disk, labels, optimizer="sgd", **settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    refnet.fit(other, np.array(disk), labels, optimizer="sgd", **settings)
    assert net.parameters.tobytes() == other.parameters.tobytes()
    whole, index, batch = disk.size * 4, ROWS * 8, 60 * (INPUTS * 8 + INPUTS * 4 + 3 * (5 + 2) * 4)
    assert peak < 2 * index + batch + 2**16 < whole / 5


@pytest.mark.parametrize("shuffle", [True, False])
def test_room_for_training_does_not_grow_with_rows(shuffle):
    """Beside x and y, thirty times the rows take an index each and no more."""
    peaks = []
    for rows in (200, 6000):
        x, labels = np.random.default_rng(0).standard_normal((rows, 20)), np.arange(rows) % 3
        net = refnet.mlp([20, 30, 3], output="identity")
        tracemalloc.start()
        try:
            refnet.fit(
                net,
                x,
                labels,
                loss="softmax_cross_entropy",
                optimizer="adam",
                epochs=2,
                batch_size=50,
                shuffle=shuffle,
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    checked_in_chunks = 20 * 6000  # a byte for each entry of x while it is checked
    assert peaks[1] - peaks[0] < 2 * 8 * 6000 + checked_in_chunks


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_epochs_after_the_first_take_no_room(tmp_path, layout, optimizer):
    """From the second epoch on it takes 64 KiB, the indices, and what a batch fetched
    from a disk of another layout takes.
    """
    x = np.random.default_rng(0).standard_normal((3000, 50))
    given = LAYOUTS[layout](tmp_path / "x", x)
    lies_so = layout == "float32"
    peaks = []

    def between(epoch):
        peaks.append(tracemalloc.get_traced_memory()[1] - start[-1])
        start.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.reset_peak()

    net = refnet.mlp([50, 40, 2], output="identity", dtype="float32")
    tracemalloc.start()
    start = [0]
    try:
        settings = {
            "loss": "softmax_cross_entropy",
            "epochs": 3,
            "batch_size": 1000,
            "on_epoch": between,
        }
        refnet.fit(net, given, np.arange(3000) % 2, optimizer=optimizer, **settings)
    finally:
        tracemalloc.stop()
    fetched = 0 if lies_so else 1000 * 50 * given.itemsize
    assert max(peaks[1:]) <= 2**16 + 2 * 8 * 3000 + fetched
    assert fetched > 2**17 or lies_so
