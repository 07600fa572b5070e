"""What happens to files: bits flip, ends are cut off, headers get in front of other
numbers, and a process that saves is killed.

    python tests/damaged_files.py --cases 1000 --kills 60

Each case must be noticed by `load` with a sentence, and nothing may be executed; after
each kill the file must be one of the two networks that were saved in turn. With
--in-place, the process that is killed writes into the file itself, as a program does
that takes no care, so that files break: the check can fail.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import refnet
from refnet.files import saving

# what Python tells its audit hooks when code is brought in or run
EXECUTION = {
    *("compile", "exec", "import", "marshal.loads", "pickle.find_class", "code.__new__"),
    *("function.__new__", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("subprocess.Popen", "ctypes.dlopen", "builtins.input"),
}


def networks():
    """Networks with their trainings, of which two have arrays of the same shapes."""
    x = np.linspace(-1.0, 1.0, 33).reshape(11, 3)
    for seed, dtype, optimizer in (
        (0, "float64", "adam"),
        (1, "float64", "adam"),
        (2, "float32", "rmsprop"),
    ):
        net = refnet.mlp([3, 5, 2], "tanh", "identity", seed=seed, dtype=dtype)
        history = refnet.fit(net, x, x[:, :2], loss="mse", optimizer=optimizer, epochs=2)
        yield net, history
        yield net, None


def written(folder):
    """The bytes of a file of each."""
    path = folder / "net.safetensors"
    for net, history in networks():
        refnet.save(path, net, history=history)
        yield path.read_bytes()


def halves(whole):
    """The header of a file with its length, and the numbers."""
    end = 8 + int.from_bytes(whole[:8], "little")
    return whole[:end], whole[end:]


def flipped(files, rng):
    """One bit is another, every second time in the header."""
    whole = bytearray(files[rng.integers(len(files))])
    header, _ = halves(whole)
    place = rng.integers(len(header) if rng.random() < 0.5 else len(whole))
    whole[place] ^= 1 << rng.integers(8)
    return bytes(whole)


def cut(files, rng):
    """The end is missing."""
    whole = files[rng.integers(len(files))]
    return whole[: rng.integers(len(whole))]


def swapped(files, rng):
    """A header in front of the numbers of another file."""
    first, second = rng.choice(len(files), 2, replace=False)
    return halves(files[first])[0] + halves(files[second])[1]


DAMAGES = (flipped, cut, swapped)


def damaged(cases, seed):
    """As many damaged files, and what was done to each."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        files = [*written(Path(folder))]
    for case in range(cases):
        damage = DAMAGES[case % len(DAMAGES)]
        whole = damage(files, rng)
        yield damage.__name__, whole


def unnoticed(cases, seed):
    """What load does not refuse with a sentence of the house, and how."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.safetensors"
        for damage, whole in damaged(cases, seed):
            path.write_bytes(whole)
            answer = outcome(path)
            if not (answer.startswith(f"ValueError: load: {path}: ") and "expected" in answer):
                yield f"{damage}: {answer}"


def outcome(path):
    """What load says."""
    try:
        refnet.load(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
        return f"{type(error).__name__}: {error}"
    return "read"


@contextmanager
def watched():
    """The list of what was executed meanwhile, as Python's audit hooks are told."""
    events, is_on = [], True

    def hook(event, arguments):
        if is_on and event in EXECUTION:
            events.append(event)

    sys.addaudithook(hook)
    try:
        yield events
    finally:
        is_on = False


def executed(cases, seed):
    """What is executed while damaged files are loaded, and whole ones."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{case}.safetensors" for case in range(cases)]
        whole = [*written(Path(folder))]
        for path, (_, content) in zip(paths, damaged(cases, seed), strict=True):
            path.write_bytes(content)
        for place, content in enumerate(whole):
            path = Path(folder) / f"whole{place}.safetensors"
            path.write_bytes(content)
            paths.append(path)
        outcome(paths[-1])  # modules that a first call imports are there from now on
        with watched() as events:
            answers = [outcome(path) for path in paths]
        if answers[-len(whole) :] != ["read"] * len(whole):
            raise RuntimeError("whole files were refused")
    with watched() as seen:
        compile("0", "", "eval")  # the watch sees what it watches for
    if "compile" not in seen:
        raise RuntimeError("nothing is seen of what is executed")
    return events


# killing


def two():
    """The networks that are saved in turn, 3 MB each."""
    for seed in (0, 1):
        yield refnet.mlp([512, 512, 256], "tanh", "identity", seed=seed)


@contextmanager
def in_place(target):
    """How a program writes that takes no care."""
    with target.open("wb") as file:
        yield file


def die():
    """End at once, as kill -9 does."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def save_for_ever(path, *, dying=""):
    """Save two networks in turn, until somebody kills this process; or die in the
    second save, at this moment of it.
    """
    both = [*two()]
    refnet.save(path, both[0])
    print("saving", flush=True)
    if dying:
        MOMENTS[dying]()
    while True:
        for net in (both[1], both[0]):
            refnet.save(path, net)


def _die_after_a_part():
    parts = saving._parts

    def some(arrays):
        given = parts(arrays)
        yield next(given)
        die()

    saving._parts = some


def _die_before_sync():
    saving.os.fsync = lambda number: die()


def _die_before_replace():
    Path.replace = lambda self, target: die()


def _die_after_replace():
    saving._sync = lambda folder: die()


MOMENTS = {
    "part": _die_after_a_part,
    "sync": _die_before_sync,
    "replace": _die_before_replace,
    "replaced": _die_after_replace,
}


def started(path, *arguments):
    """A process that saves, and has saved once."""
    command = [sys.executable, __file__, "--save", str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def ended(process):
    """Wait until it is gone."""
    process.stdout.close()
    process.wait()


def is_whole(path):
    """Whether the file is one of the two networks, to the last bit."""
    try:
        net = refnet.load(path).net
    except (ValueError, OSError):
        return False
    return any(net.parameters.tobytes() == each.parameters.tobytes() for each in two())


def kill(kills, seed, *arguments):
    """Kill as many processes that save, each at a random moment. How many files were
    broken then, and how many temporary files lay beside, which tells how many kills
    came in the middle of a save.
    """
    rng, broken, left = np.random.default_rng(seed), 0, 0
    for _ in range(kills):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.safetensors"
            process = started(path, *arguments)
            time.sleep(rng.uniform(0.0, 0.1))
            process.kill()
            ended(process)
            broken += not is_whole(path)
            left += len([*Path(folder).iterdir()]) - 1
    return broken, left


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Damage files, and kill what saves them.")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--die", choices=MOMENTS, default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.save:
        if options.in_place:
            saving._in_place_of = in_place
        save_for_ever(options.save, dying=options.die)
    start = time.perf_counter()
    missed = [*unnoticed(options.cases, options.seed)]
    events = executed(options.cases, options.seed)
    middle = time.perf_counter()
    arguments = ["--in-place"] * options.in_place
    broken, left = kill(options.kills, options.seed, *arguments)
    print(
        json.dumps(
            {
                "cases": options.cases,
                "noticed": options.cases - len(missed),
                "unnoticed": missed,
                "executed": events,
                "seconds of cases": round(middle - start, 1),
                "kills": options.kills,
                "broken": broken,
                "temporary files left": left,
                "seconds of kills": round(time.perf_counter() - middle, 1),
            },
            indent=4,
        )
    )
    return int(bool(missed or events or broken))


if __name__ == "__main__":
    sys.exit(main())
