"""`parity check` in a process of its own, ended in the middle: nothing is left running,
nothing is left behind, and it says so in one sentence.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import parity
from parity.checking.process.pipes import SUPERVISOR, Clock, Ended, Process
from parity.checking.templates import HERE
from parity.checking.tests.waiting import FLAG, WAIT, until_it_waits
from parity.tests.command import run as command

LINUX = sys.platform == "linux"
# a network that has a process of its own in a session of its own, and one that has lost
# its parent; it writes their numbers, and waits in its first task
WAITS = f"""
    import os, subprocess, sys, time
    long = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)"]
    first = subprocess.Popen(long, start_new_session=True)
    code = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=-3); print(p.pid)"
    orphan = subprocess.run([sys.executable, "-c", code, *long], stdout=-1).stdout.decode()
    with open("pids.part", "w") as file:
        print(os.getpid(), first.pid, orphan, file=file)
    os.rename("pids.part", "pids")
    {WAIT}
"""
ADAPTER = (HERE / "adapter.py.txt").read_text(encoding="utf-8")
PROGRAM = ADAPTER.replace("    shown = []\n", f"    shown = []\n{WAITS}", 1)
# at import
AT_ONCE = "if True:" + WAITS


def waiting(folder, text):
    """A check whose program waits, and the numbers of its processes."""
    (folder / "net.py").write_text(text, encoding="utf-8")
    here = os.environ | {"PYTHONPATH": str(Path(parity.__file__).parent.parent)}
    check = subprocess.Popen(
        [sys.executable, "-m", "parity", "check", "net.py"],
        cwd=folder,
        env=here | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (folder / "pids").exists():
        assert check.poll() is None, check.communicate()
        time.sleep(0.01)
    return check, [int(each) for each in (folder / "pids").read_text().split()]


def are_gone(pids):
    """Whether all of them end, soon."""
    late = time.monotonic() + 60
    while any(map(is_alive, pids)) and time.monotonic() < late:
        time.sleep(0.01)
    return not any(map(is_alive, pids))


def is_alive(pid):
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or " Z " not in state.read_text()
    except (ProcessLookupError, FileNotFoundError):  # it may end at any of these lines
        return False


# exit status, and what is said
SIGNALS = {
    "SIGTERM": (143, "parity: ended by SIGTERM\n"),
    "SIGHUP": (129, "parity: ended by SIGHUP\n"),
    "SIGINT": (130, "parity: interrupted\n"),
    "SIGKILL": (-9, ""),
}
needs_linux = pytest.mark.skipif(not LINUX, reason="elsewhere, what calls setsid lives on")


@needs_linux
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("text", [PROGRAM, AT_ONCE], ids=["in a task", "at import"])
def test_a_signal_ends_all_of_it(tmp_path, name, text):
    """In a task and at import: also what has a session of its own, and what has lost
    its parent.
    """
    check, pids = waiting(tmp_path, text)
    assert len(pids) == 3
    assert all(map(is_alive, pids))
    check.send_signal(signal.Signals[name])
    out, err = check.communicate()
    assert (check.returncode, out, err) == (SIGNALS[name][0], "", SIGNALS[name][1])
    assert are_gone(pids)
    assert {file.name for file in tmp_path.iterdir()} <= {"net.py", "pids", FLAG, "__pycache__"}


@needs_linux
def test_the_end_of_its_time_ends_all_of_it(tmp_path, monkeypatch):
    """Which is said, with the task."""
    until_it_waits(monkeypatch, tmp_path)
    (tmp_path / "net.py").write_text(PROGRAM, encoding="utf-8")
    status, out, err = command("check", "net.py")
    assert (status, err) == (1, "")
    said = " ".join(out.split())
    assert "did not come to an end within 60 seconds in the task 'one hidden layer, 5 sa" in said
    assert "To do: --timeout says how long it may take" in said
    assert are_gone([int(each) for each in (tmp_path / "pids").read_text().split()])


@needs_linux
def test_what_a_finished_program_leaves_is_ended(tmp_path):
    """Where it is right, too."""
    text = PROGRAM.replace(f"    {WAIT}\n", "")
    check, pids = waiting(tmp_path, text)
    out, _ = check.communicate()
    assert (check.returncode, "RIGHT. net.py: " in out) == (0, True)
    assert are_gone(pids)


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    """As nohup wants it."""
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "from parity.cli.endings import ended_by_signals\n"
        "with ended_by_signals():\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)\n"
        "print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\nTrue\n", "")


@needs_linux
def test_a_supervisor_without_its_parent_starts_nothing(tmp_path):
    """It may have died before."""
    command = [sys.executable, "-I", "-S", SUPERVISOR, "1", "touch", tmp_path / "started"]
    assert subprocess.run(command, check=False).returncode == 0
    assert not (tmp_path / "started").exists()


ENDS = {
    "import os; os._exit(3)": 3,
    "import os; os.kill(os.getpid(), 15)": -15,
    "import os; os.kill(os.getpid(), 9)": -9,
    "import ctypes; ctypes.string_at(0)": -11,
    "pass": 0,
}


@needs_linux
@pytest.mark.parametrize("code", ENDS)
def test_a_supervisor_ends_as_its_program_does(code):
    """With its exit status, or of its signal."""
    command = [sys.executable, "-I", "-S", SUPERVISOR, str(os.getpid()), sys.executable, "-c", code]
    assert subprocess.run(command, check=False).returncode == ENDS[code]


def test_an_end_is_an_end(monkeypatch):
    """What has ended is not waited for again, behind a last line without an end too."""
    clock = Clock(60.0)
    process = Process([sys.executable, "-I", "-S", "-c", "print('last', end='')"], clock)
    try:
        with clock.running():
            assert process.line(100) == b"last"
            monkeypatch.setattr(clock, "wait", None)
            for _ in range(2):
                with pytest.raises(Ended, match="ended the process"):
                    process.line(100)
    finally:
        process.close()
