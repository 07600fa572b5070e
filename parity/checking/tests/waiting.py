"""A clock of which the time is up once a program waits, and not before: however long it
takes on a busy machine to come to that.
"""

import time
from pathlib import Path
from queue import Empty

from parity.checking.process.pipes import Clock

FLAG = "waiting"  # a file that the program writes into the working folder
WAIT = f"open('{FLAG}', 'w').close(); import time; time.sleep(1000)"


def until_it_waits(monkeypatch, folder):
    """Let the time be up as soon as the flag is there."""

    late = time.monotonic() + 60.0  # whatever a test is for, it comes to an end

    def wait(clock, queue, longest):
        try:
            return queue.get(timeout=0.2)
        except Empty:
            if (Path(folder) / FLAG).exists() or time.monotonic() > late:
                clock.left = 0.0
            raise

    monkeypatch.chdir(folder)
    monkeypatch.setattr(Clock, "wait", wait)
