import os
import signal
import subprocess
import sys

import pytest

from ember_ml.pipeline.runtimes._ledger import Ledger

WRITER = """
import sys
from ember_ml.pipeline.runtimes._ledger import Ledger
ledger = Ledger(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    ledger.begin(3, number)
    ledger.finish(3, number)
"""


def test_slots_are_apart():
    ledger = Ledger()
    ledger.unlink()
    assert not os.path.exists(ledger.path)
    ledger.reset(0, 5)
    ledger.begin(1, 2**63)
    ledger.finish(4095, 9)
    assert [ledger.read(slot) for slot in (0, 1, 2, 4095)] == [(5, 5), (2**63, 0), (0, 0), (0, 9)]


def test_a_file_that_is_not_here_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        Ledger(str(tmp_path / "elsewhere"))


def test_what_a_killed_process_has_begun_and_done_is_known():
    for _ in range(3):
        ledger = Ledger()
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, ledger.path], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout.readline() == "ready\n"
        ledger.unlink()
        while ledger.read(3)[1] < 10_000:
            pass
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        begun, done = ledger.read(3)
        assert done >= 10_000
        assert begun - done in (0, 1)
