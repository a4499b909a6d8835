"""Files of checkpoints: whole or not at all, whatever happens to the process that writes them."""

import os
import stat
import subprocess
import sys
import time

import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, CheckpointError, InvalidValueError
from ember_ml.nn import tensor as et


def names(directory):
    return sorted(file.name for file in directory.iterdir())


def test_the_step_is_part_of_the_name_and_old_ones_go(tmp_path):
    (tmp_path / "run-best.safetensors").write_bytes(b"mine")
    (tmp_path / "run-00000001.safetensors").write_bytes(b"no checkpoint")
    nn.save_checkpoint(tmp_path / "other-00000002.safetensors", step=2)
    for step in (3, 20, 100):
        written = nn.save_checkpoint(tmp_path / "run-{step}.safetensors", step=step, keep=2)
        assert written == tmp_path / f"run-{step:08d}.safetensors"
    assert names(tmp_path) == [
        "other-00000002.safetensors",
        "run-00000001.safetensors",
        "run-00000020.safetensors",
        "run-00000100.safetensors",
        "run-best.safetensors",
    ]


def test_the_one_just_written_is_kept_beside_later_ones(tmp_path):
    for step in (7, 8, 9, 1):
        nn.save_checkpoint(tmp_path / "{step}", step=step, keep=2)
    assert names(tmp_path) == ["00000001", "00000009"]
    nn.save_checkpoint(tmp_path / "{step}", step=2, keep=1)
    assert names(tmp_path) == ["00000002"]


def test_without_keep_all_stay(tmp_path):
    for step in range(4):
        nn.save_checkpoint(tmp_path / "{step}", step=step)
    assert len(names(tmp_path)) == 4


def test_names_that_make_no_sense(tmp_path):
    with pytest.raises(ArgumentError, match=r"'a\{step\}': give the step"):
        nn.save_checkpoint(tmp_path / "a{step}")
    with pytest.raises(ArgumentError, match=r"keep=3 needs a name with \{step\} in it"):
        nn.save_checkpoint(tmp_path / "a", step=3, keep=3)
    with pytest.raises(InvalidValueError, match="keep is at least 1, not 0"):
        nn.save_checkpoint(tmp_path / "a{step}", step=3, keep=0)
    assert names(tmp_path) == []


def test_the_latest(tmp_path):
    assert nn.latest_checkpoint(tmp_path) is None
    for step in (10, 9, 11):
        nn.save_checkpoint(tmp_path / f"{step}.x", step=step)
    nn.save_checkpoint(tmp_path / "later-without-step")
    nn.save({"x": et.ones(1)}, tmp_path / "99.x", metadata={"a": "b"})
    (tmp_path / "100.x").write_bytes((tmp_path / "11.x").read_bytes()[:40])
    (tmp_path / "101.x").write_bytes(b"")
    (tmp_path / ".102.x.0123.part").write_bytes((tmp_path / "11.x").read_bytes())
    (tmp_path / "103").mkdir()
    nn.save({}, tmp_path / "104.x", metadata={"ember.checkpoint": "{"})
    nn.save({}, tmp_path / "105.x", metadata={"ember.checkpoint": '{"step": "much"}'})
    assert nn.latest_checkpoint(tmp_path) == tmp_path / "11.x"
    nn.save_checkpoint(tmp_path / "again", step=11)
    os.utime(tmp_path / "11.x", (1, 1))
    assert nn.latest_checkpoint(tmp_path) == tmp_path / "again"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        nn.latest_checkpoint(tmp_path / "nowhere")


def test_a_latest_that_is_cut_short_is_passed_over(tmp_path):
    nn.save_checkpoint(tmp_path / "1", extra={"x": et.ones(100)}, step=1)
    nn.save_checkpoint(tmp_path / "2", extra={"x": et.ones(100)}, step=2)
    (tmp_path / "2").write_bytes((tmp_path / "2").read_bytes()[:-1])
    assert nn.latest_checkpoint(tmp_path) == tmp_path / "1"


def test_leftovers_of_killed_processes_go_with_the_next_save(tmp_path):
    old, fresh = tmp_path / ".c.00000000.part", tmp_path / ".c.11111111.part"
    for file in (old, fresh, tmp_path / ".other.00000000.part"):
        file.write_bytes(b"part")
    hours_ago = time.time() - 3 * 3600
    os.utime(old, (hours_ago, hours_ago))
    os.utime(tmp_path / ".other.00000000.part", (hours_ago, hours_ago))
    nn.save_checkpoint(tmp_path / "c")
    assert names(tmp_path) == [".c.11111111.part", ".other.00000000.part", "c"]


#: A process that saves over and over, forked from one that has everything imported, and is killed.
KILLED = """
import os, random, signal, sys, time
from ember_ml import nn
from ember_ml.nn import tensor as et
path, until = sys.argv[1], time.monotonic() + float(sys.argv[2])
model = nn.Sequential(nn.Linear(64, 256), nn.Linear(256, 64))
optimizer = nn.optimizers.Adam()
optimizer.update(model, {name: et.ones(x.shape) for name, x in model.named_parameters()})

def save(step):
    for x in model.parameters():
        x[...] = float(step)
    optimizer.step = step
    nn.save_checkpoint(path, model=model, optimizer=optimizer, step=step, extra={"step": step})

def check():
    found = nn.load_checkpoint(path, model=model, optimizer=optimizer)
    assert found.extra == {"step": found.step}, found
    assert optimizer.step == found.step
    assert {x.min().item() for x in model.parameters()} == {float(found.step)}
    assert {x.max().item() for x in model.parameters()} == {float(found.step)}
    return found.step

save(0)
last, kills, moved = 0, 0, 0
random.seed(0)
while time.monotonic() < until or (min(kills, 4 * moved) < 24 and time.monotonic() < until + 60):
    child = os.fork()
    if child == 0:
        step = last
        while True:
            step += 1
            save(step)
    time.sleep(random.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    step = check()
    assert step >= last, (step, last)
    kills, moved, last = kills + 1, moved + (step > last), step
print(kills, moved, len([n for n in os.listdir(os.path.dirname(path)) if n.endswith(".part")]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="killing and forking are POSIX")
def test_a_process_killed_while_it_saves_never_loses_the_file(tmp_path):
    environment = dict(os.environ, EMBER_BACKEND="numpy")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "c"), "4"],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kills, moved, leftovers = map(int, done.stdout.split())
    assert kills > 20
    assert moved > 5
    assert leftovers > 0  # some were killed in the middle of a save


FULL = """
import os, resource, sys
from ember_ml import nn
from ember_ml.nn import tensor as et
path = sys.argv[1]
nn.save_checkpoint(path, extra={"x": et.zeros(10)}, step=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    nn.save_checkpoint(path, extra={"x": et.zeros(100_000)}, step=2)
except OSError as error:
    print(error)
print(nn.load_checkpoint(path).step, sorted(os.listdir(os.path.dirname(path))))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_a_full_disk_names_the_file_and_keeps_the_old_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "c")],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, EMBER_BACKEND="numpy"),
        check=False,
    )
    error, found = done.stdout.splitlines()
    assert error == f"[Errno 27] File too large: '{tmp_path / 'c'}'"
    assert found == "1 ['c']"


def test_a_directory_that_is_missing_or_no_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*no/c'"):
        nn.save_checkpoint(tmp_path / "no" / "c")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"file/c'"):
        nn.save_checkpoint(tmp_path / "file" / "c")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError, match=r"directory'$"):
        nn.save_checkpoint(tmp_path / "directory")
    assert names(tmp_path) == ["directory", "file"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_directory_that_is_not_to_be_written(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(PermissionError, match=r"Permission denied: '.*c'"):
            nn.save_checkpoint(tmp_path / "c")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


@pytest.mark.parametrize("cut", [1, 8, 100, -200, -1])
def test_a_file_that_is_cut_short(tmp_path, cut):
    model = nn.Linear(8, 8)
    nn.save_checkpoint(tmp_path / "c", model=model)
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:cut])
    before = model.weight.tolist()
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        nn.load_checkpoint(tmp_path / "c", model=model)
    assert model.weight.tolist() == before
