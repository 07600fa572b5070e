"""How time and memory of `fit` grow with width, depth, batch, rows and steps: a few
sizes of each, and the exponent through them.
"""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from parity.bench.sides.setting import Setting
from parity.bench.timing import Timing, exponent, interleaved
from refnet.checks import Array
from refnet.training import fit

SettingAndEpochs: TypeAlias = tuple[Setting, int]


class Axis(NamedTuple):
    """What grows, from size to size, everything else fixed; `memory` where the arrays
    grow, too.
    """

    name: str
    fixed: str
    make: Callable[[int], SettingAndEpochs]
    sizes: tuple[int, ...]
    memory: bool = True

    def scaled(self, share: float) -> "Axis":
        """The same with smaller sizes."""
        return self._replace(
            sizes=tuple(dict.fromkeys(max(1, round(size * share)) for size in self.sizes))
        )


def _width(n: int) -> SettingAndEpochs:
    return Setting((n,) * 4, 128, batches=4), 1


def _depth(n: int) -> SettingAndEpochs:
    return Setting((128,) * (n + 1), 64, batches=4), 1


def _batch(n: int) -> SettingAndEpochs:
    return Setting((256, 256, 10), n, batches=4), 1


def _rows(n: int) -> SettingAndEpochs:
    return Setting((64, 64, 10), 64, batches=max(1, n // 64)), 1


def _steps(n: int) -> SettingAndEpochs:
    return Setting((64, 64, 10), 64, batches=16), max(1, n // 16)


AXES = (
    Axis("width", "3 layers of that width, batch 128, 4 steps", _width, (128, 192, 256, 384, 512)),
    Axis("depth", "layers of 128, batch 64, 4 steps", _depth, (4, 8, 16, 32, 64)),
    Axis("batch", "256-256-10, 4 steps", _batch, (128, 256, 512, 1024, 2048)),
    Axis("rows", "64-64-10, batch 64, 1 epoch", _rows, (4096, 8192, 16384, 32768, 65536)),
    Axis(
        "steps", "64-64-10, batch 64, 1,024 rows", _steps, (128, 256, 512, 1024, 2048), memory=False
    ),
)


class Growth(NamedTuple):
    """Timings and traced peaks by size, and the exponents."""

    axis: Axis
    timings: tuple[Timing, ...]
    peaks: tuple[int, ...]  # bytes beyond x, y and the network; () where they are not measured

    @property
    def time(self) -> float:
        """The exponent of the time."""
        return exponent(self.axis.sizes, [timing.median for timing in self.timings])

    @property
    def memory(self) -> float | None:
        """The exponent of the peak."""
        return exponent(self.axis.sizes, self.peaks) if self.peaks else None

    def lines(self) -> list[str]:
        """What is printed."""
        sizes, times = self.axis.sizes, [timing.median * 1e3 for timing in self.timings]
        lines = [
            f"{self.axis.name:<8} {self.axis.fixed}",
            f"{'  size':<8}{''.join(f'{size:>10,}' for size in sizes)}{'exponent':>11}",
            f"{'  ms':<8}{''.join(f'{took:>10.2f}' for took in times)}{self.time:>11.2f}",
        ]
        if self.memory is not None:
            peaks = "".join(f"{peak / 1024:>10.1f}" for peak in self.peaks)
            lines.append(f"{'  KiB':<8}{peaks}{self.memory:>11.2f}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "axis": self.axis.name,
            "fixed": self.axis.fixed,
            "sizes": list(self.axis.sizes),
            "timings": [timing.as_json() for timing in self.timings],
            "peaks": list(self.peaks),
            "time_exponent": self.time,
            "memory_exponent": self.memory,
        }


def grow(axis: Axis, repeats: int, seconds: float, seed: int) -> Growth:
    """Time all sizes in turns, then trace the peak of each."""
    runs = {size: axis.make(size) for size in axis.sizes}
    runs = {size: (replace(setting, seed=seed), epochs) for size, (setting, epochs) in runs.items()}
    data = {size: setting.data(setting.batches) for size, (setting, _) in runs.items()}
    timings = interleaved(
        {str(size): _training(*runs[size], *data[size]) for size in axis.sizes}, repeats, seconds
    )
    peaks = (
        tuple(peak(_training(*runs[size], *data[size])) for size in axis.sizes)
        if axis.memory
        else ()
    )
    return Growth(axis, tuple(timings[str(size)] for size in axis.sizes), peaks)


def peak(call: Callable[[], object]) -> int:
    """The most bytes that are held at once while it runs: what was there before is not
    traced.
    """
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _training(setting: Setting, epochs: int, x: Array, y: Array) -> Callable[[], object]:
    net, loss, optimizer = setting.network(), setting.loss(), setting.optimizer()
    return lambda: fit(
        net,
        x,
        y,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=setting.rows,
        seed=setting.seed,
    )
