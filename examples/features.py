"""Features of a folder of sound or image files: decoded in processes, computed in batches, written out.

    python examples/features.py [FOLDER] [--backend torch] [--checkpoint features.checkpoint]
    python examples/features.py --runtime ray

Without a folder it makes one, ``sounds``, with a file among them that is none. Each file's features go
to a safetensors file of its own in ``features``: of a sound the mean and the standard deviation of its
log-mel spectrum, of an image those of its colours in 8 x 8 fields. A file that cannot be read is told
at the end and in ``features/failed.txt``, with the reason, and holds up nothing. Ctrl-C stops it, and
the same command goes on where it stopped.
"""

import argparse
import asyncio
import contextlib
import functools
import math
import random
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from PIL import Image

from ember_ml import nn
from ember_ml.nn import tensor as et
from ember_ml.pipeline import AsyncPipeline, DeadLetters

SOUNDS = {".wav", ".flac", ".ogg", ".mp3", ".aiff"}
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}

RATE, WINDOW, HOP, FFT, BANDS = 16_000, 400, 160, 512, 40
SIDE, FIELDS = 64, 8


def decode(path):
    """A file as its path and an array: samples (N,) at 16 kHz, or pixels (64, 64, 3)."""
    if path.suffix.lower() in IMAGES:
        with Image.open(path) as image:
            return path, np.asarray(image.convert("RGB").resize((SIDE, SIDE)), np.float32) / 255
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = soxr.resample(samples.mean(axis=1), rate, RATE)
    return path, np.pad(samples, (0, max(WINDOW - len(samples), 0)))


def features(files, *, backend):
    """The features of a batch of decoded files, computed together on one backend."""
    with et.use_backend(backend):
        results = {}
        for compute, dimensions in ((of_sounds, 1), (of_images, 3)):
            batch = [(path, array) for path, array in files if array.ndim == dimensions]
            if batch:
                paths, arrays = zip(*batch, strict=True)
                results.update(zip(paths, compute(arrays), strict=True))
        return [(path, results[path]) for path, _ in files]


def of_sounds(sounds):
    """For each sound the mean and the deviation of its frames' log-mel spectra: (80,)."""
    counts = [(len(samples) - WINDOW) // HOP + 1 for samples in sounds]
    starts, begin = [], 0
    for samples, count in zip(sounds, counts, strict=True):
        starts += range(begin, begin + count * HOP, HOP)
        begin += len(samples)
    frames = et.asarray(np.concatenate(sounds))[et.asarray(starts)[:, None] + et.arange(WINDOW)]
    hann = 0.5 - 0.5 * et.cos(et.arange(WINDOW, dtype=et.float32) * (2 * math.pi / WINDOW))
    spectrum = et.fft.rfft(frames * hann, n=FFT)  # (frames, 257)
    power = et.real(spectrum) ** 2 + et.imag(spectrum) ** 2
    mel = et.log(power @ mel_filters() + 1e-6)
    results, begin = [], 0
    for count in counts:
        own = mel[begin : begin + count]  # (count, 40)
        results.append(et.concat([et.mean(own, axis=0), et.std(own, axis=0)]))
        begin += count
    return results


def mel_filters():
    """Triangles at equal distances on the mel scale of HTK, as columns: (257, 40)."""
    edges = 700 * et.expm1(et.linspace(0, math.log1p(RATE / 2 / 700), BANDS + 2))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    frequency = et.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    rising, falling = (frequency - low) / (centre - low), (high - frequency) / (high - centre)
    return et.clip(et.minimum(rising, falling), min=0)


def of_images(images):
    """For each image the mean and the deviation of each colour in 8 x 8 fields: (384,)."""
    size = SIDE // FIELDS
    fields = et.reshape(et.asarray(np.stack(images)), (-1, FIELDS, size, FIELDS, size, 3))
    parts = [et.mean(fields, axis=(2, 4)), et.std(fields, axis=(2, 4))]
    return et.reshape(et.stack(parts, axis=1), (len(images), -1))


def write(result, *, folder, out):
    """Write one file's features, whole or not at all; gives the path."""
    path, values = result
    target = out / path.relative_to(folder).with_name(f"{path.name}.safetensors")
    target.parent.mkdir(parents=True, exist_ok=True)
    nn.save({"features": values}, target, metadata={"source": path.name})
    return target


def pipeline_of(arguments):
    """Decoding in processes, features by the batch in one thread, writing in another."""
    return (
        AsyncPipeline("features")
        .add_stage(
            decode,
            where="process",
            concurrency=arguments.workers,
            timeout=60,
            on_error="dead_letter",
            rate_limit=arguments.rate,
        )
        .add_stage(
            functools.partial(features, backend=arguments.backend),
            batch_size=16,
            batch_timeout=0.2,
        )
        .add_stage(functools.partial(write, folder=arguments.folder, out=arguments.out), retry=3)
    )


def make_sounds(folder, count=200):
    """Chords in WAV and FLAC, of different lengths and rates, and one file that is no sound."""
    chance = random.Random(0)
    folder.mkdir(parents=True)
    for number in range(count):
        rate = chance.choice([8_000, 16_000, 22_050, 44_100])
        t = np.arange(int(rate * chance.uniform(0.2, 3.0))) / rate
        chord = sum(np.sin(2 * np.pi * chance.uniform(80, 3_000) * t) for _ in range(3))
        soundfile.write(folder / f"{number:04}.{('wav', 'flac')[number % 2]}", chord / 4, rate)
    (folder / "broken.flac").write_bytes(b"fLaC, or so it says")


async def run(arguments, paths):
    """Run the pipeline to its end, or until it is cancelled; tells what became of the files."""
    letters = DeadLetters(limit=len(paths) + 1)
    letters.subscribe(functools.partial(note, arguments.out / "failed.txt"))
    async with place_of(arguments.runtime) as runtime:
        stream = pipeline_of(arguments).stream(
            paths,
            progress=not arguments.quiet,
            checkpoint=arguments.checkpoint,
            dead_letters=letters,
            runtime=runtime,
        )
        try:
            async with stream:
                async for _ in stream:
                    pass
        finally:
            for letter in letters:
                print(f"not done: {letter.message}: {letter.reason}", file=sys.stderr)
            if not arguments.quiet:
                print(stream.report)


def note(file, letter):
    """Write down at once what could not be done, as a run that resumes does not try it again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write(f"{letter.message}: {letter.reason}\n")


def place_of(runtime):
    """Where the stages run: a Ray cluster, or with None threads and processes of this machine."""
    if runtime == "local":
        return contextlib.nullcontext()
    from ember_ml.pipeline import RayRuntime

    return RayRuntime()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, help="sound and image files; default: sounds"
    )
    parser.add_argument("--out", type=Path, default=Path("features"), help="for the results")
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--checkpoint", type=Path, default=Path("features.checkpoint"))
    parser.add_argument("--runtime", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    parser.add_argument("--rate", type=float, help="read at most so many files in a second")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    arguments = parser.parse_args()
    if arguments.folder is None:
        arguments.folder = Path("sounds")
        if not arguments.folder.exists():
            make_sounds(arguments.folder)
    if not arguments.folder.is_dir():
        parser.error(f"there is no folder {arguments.folder}")
    known = SOUNDS | IMAGES
    paths = sorted(p for p in arguments.folder.rglob("*") if p.suffix.lower() in known)
    try:
        asyncio.run(run(arguments, paths))
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
