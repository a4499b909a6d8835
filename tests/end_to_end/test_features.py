"""The real job: a folder of files to features, with a corrupt one, stopped, killed and resumed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from PIL import Image
from safetensors.numpy import load_file
from scipy.signal import get_window

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "features.py"
LIMIT = 120  # seconds for one run, many times what it takes
COUNT, BEFORE = 160, 100  # files, and how many of them are written before the run is ended
# Of those, how many may be written again. A run that ends by itself notes where it is, and only what
# was between the last stage and the consumer comes again. One that is killed has noted it within the
# last half second, which is 20 files, and a batch of 16 may be under way.
TAIL = {signal.SIGINT: 16, signal.SIGKILL: 50}
RATES = (8_000, 16_000, 22_050, 44_100)

ON_RAY = [
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.xdist_group("ray"),
]

Command = Callable[..., list[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command line of the example, with its files in a folder of the test's."""

    def make(*options: str) -> list[str]:
        places = ["--out", tmp_path / "features", "--checkpoint", tmp_path / "checkpoint"]
        return [sys.executable, str(EXAMPLE), str(tmp_path / "files"), *map(str, places), *options]

    return make


def make_sounds(folder: Path, count: int) -> list[Path]:
    """Noise in mono and stereo, WAV and FLAC, of different rates and lengths."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        path = folder / f"{number:03}.{('wav', 'flac')[number % 2]}"
        rate = RATES[number % 4]
        samples = rng.uniform(-0.5, 0.5, (int(rate * rng.uniform(0.02, 0.5)), 1 + number % 3 % 2))
        soundfile.write(path, samples, rate)
        paths.append(path)
    return paths


def features_of_sound(path: Path) -> np.ndarray:
    """Mean and deviation of the log-mel spectrum, in float64."""
    samples, rate = soundfile.read(path, always_2d=True)
    y = soxr.resample(samples.mean(axis=1), rate, 16_000)
    y = np.pad(y, (0, max(0, 400 - len(y))))
    frames = np.lib.stride_tricks.sliding_window_view(y, 400)[::160]
    power = np.abs(np.fft.rfft(frames * get_window("hann", 400), 512)) ** 2
    edges = 700 * np.expm1(np.linspace(0, np.log1p(8_000 / 700), 42))
    frequencies = np.fft.rfftfreq(512, 1 / 16_000)
    bands = [np.interp(frequencies, edges[i : i + 3], [0, 1, 0]) for i in range(40)]
    mel = np.log(power @ np.transpose(bands) + 1e-6)
    return np.concatenate([mel.mean(axis=0), mel.std(axis=0)])


def features_of_image(path: Path) -> np.ndarray:
    """Mean and deviation of each colour in 8 x 8 fields."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((64, 64)), np.float64) / 255
    fields = [pixels[i : i + 8, j : j + 8].reshape(64, 3) for i in range(0, 64, 8)
              for j in range(0, 64, 8)]  # fmt: skip
    parts = [[f.mean(axis=0) for f in fields], [f.std(axis=0) for f in fields]]
    return np.concatenate([np.ravel(part) for part in parts])


def written(path: Path, tmp_path: Path) -> np.ndarray:
    """What the example wrote for ``path``."""
    name = path.relative_to(tmp_path / "files").with_name(f"{path.name}.safetensors")
    return load_file(tmp_path / "features" / name)["features"]


def outputs(tmp_path: Path) -> dict[str, tuple[int, int]]:
    """The files written so far; the second part changes when a file is written again."""
    found = {}
    for path in (tmp_path / "features").rglob("*.safetensors"):
        status = path.stat()
        found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


def check_all(paths: list[Path], tmp_path: Path) -> None:
    assert outputs(tmp_path).keys() == {f"{path.name}.safetensors" for path in paths}
    for path in paths:
        expected = (features_of_image if path.suffix == ".png" else features_of_sound)(path)
        np.testing.assert_allclose(written(path, tmp_path), expected, atol=2e-3, err_msg=path.name)


def check_one_corrupt(tmp_path: Path, line: list[str]) -> None:
    """Run ``line`` over sounds, images and a file that is neither."""
    files = tmp_path / "files"
    paths = make_sounds(files, 20)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 90, 70, 3), np.uint8)
    for number, image in enumerate(pixels):
        paths.append(files / f"0{number}1.png")
        Image.fromarray(image).save(paths[-1])
    corrupt = files / "010-corrupt.flac"
    corrupt.write_bytes(b"fLaC, or so it says")
    done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert f"not done: {corrupt}: " in done.stderr
    assert "LibsndfileError" in done.stderr
    assert done.stderr.count("not done: ") == 1
    assert re.search(r"24 of 24 items in, 23 out, .* 1 dead-lettered, 0 cancelled", done.stdout)
    check_all(paths, tmp_path)
    (failed,) = (tmp_path / "features" / "failed.txt").read_text().splitlines()
    assert failed.startswith(f"{corrupt}: LibsndfileError: ")
    assert len(list((tmp_path / "features").iterdir())) == len(paths) + 1  # nothing half written


def test_all_but_the_corrupt_file_is_written(
    tmp_path: Path, command: Command, backend: str
) -> None:
    check_one_corrupt(tmp_path, command("--backend", backend))


@pytest.mark.parametrize("runtime", [pytest.param("ray", marks=ON_RAY)])
def test_the_same_elsewhere(tmp_path: Path, command: Command, runtime: str) -> None:
    check_one_corrupt(tmp_path, command("--runtime", runtime))


@pytest.mark.parametrize(
    ("runtime", "end"),
    [
        pytest.param("local", signal.SIGINT, id="ctrl-c"),
        pytest.param("local", signal.SIGKILL, id="kill"),
        pytest.param("ray", signal.SIGINT, id="ctrl-c-on-ray", marks=ON_RAY),
    ],
)
def test_stopped_in_mid_run_and_resumed(
    tmp_path: Path, command: Command, runtime: str, end: signal.Signals
) -> None:
    paths = make_sounds(tmp_path / "files", COUNT)
    (tmp_path / "files" / "005-corrupt.wav").write_bytes(b"RIFF")
    line = command("--rate", "40", "--quiet")
    process = subprocess.Popen(
        [*line, "--runtime", runtime], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + LIMIT
    while len(outputs(tmp_path)) < BEFORE:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    if end is signal.SIGINT:
        os.killpg(process.pid, end)  # as a terminal does: the processes that decode get it too
    else:
        process.kill()
    _, errors = process.communicate(timeout=LIMIT)
    first = outputs(tmp_path)
    assert BEFORE <= len(first) < COUNT
    if end is signal.SIGINT:
        assert process.returncode == 130
        assert "005-corrupt.wav" in errors
        assert "the same command goes on from here" in errors
        assert "Traceback" not in errors

    done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    second = outputs(tmp_path)
    repeated = [name for name, status in first.items() if second[name] != status]
    assert len(repeated) <= TAIL[end]
    check_all(paths, tmp_path)


def test_progress_of_each_stage_on_a_terminal(tmp_path: Path, command: Command) -> None:
    make_sounds(tmp_path / "files", 6)
    (tmp_path / "files" / "corrupt.wav").write_bytes(b"RIFF")
    terminal, end = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command(), stdout=subprocess.DEVNULL, stderr=end, env=environment) as job:
        os.close(end)
        shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", _read(terminal))
    assert job.returncode == 0
    last = shown[shown.rindex("decode") :]
    assert re.search(r"decode .* 7/7 .* 1 dead letters", last)
    assert re.search(r"features .* 6/6 .* 0 dead letters", last)
    assert re.search(r"write .* 6/6 .* 0 in flight", last)


def _read(terminal: int) -> str:
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:  # how Linux says that nobody has the other end open
        pass
    os.close(terminal)
    return b"".join(parts).decode()
