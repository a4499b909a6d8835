"""Stages for processes: they are imported there, so they live in a module of their own."""

import os
import signal
import sys
import time
from pathlib import Path


def double(x):
    return 2 * x


def identity(x):
    return x


def reciprocal(x):
    return 1 / x


def call_it(function):
    return function()


def pid_of(_):
    return os.getpid()


def with_pid(x):
    time.sleep(0.001)
    return os.getpid(), x


def a_generator(x):
    return (i for i in range(x))


class Awkward(Exception):
    """Pickles, and cannot be read: it is made of other arguments than it keeps."""

    def __init__(self, code, reason):
        super().__init__(f"{reason} ({code})")


def raise_awkward(x):
    raise Awkward(x, "no such page")


def end(how):
    if how == "exit":
        os._exit(3)
    elif how == "sys.exit":
        sys.exit(4)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return how


class WriteWhenTold:
    """Marks the begin of each item in a folder, and its end once it is told to go on."""

    def __init__(self, folder, pause=0.0):
        self.folder = folder
        self.pause = pause

    def __call__(self, x):
        folder = Path(self.folder)
        (folder / f"begun-{x}").touch()
        while not (folder / "go").exists():
            time.sleep(0.005)
        time.sleep(self.pause)
        (folder / f"ended-{x}").touch()
        return x


class CountsItsPickling:
    pickled = 0

    def __getstate__(self):
        type(self).pickled += 1
        return {"filler": 0}

    def __call__(self, x):
        return x


def gone(pid):
    """Whether no process of that number runs. One that has ended and was not asked how counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
