"""Known words become a transcript with times: the engine alone, and as subtitles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pileus.engines import EngineContext, EngineStream, Sound
from pileus.languages.media_results import checked, webvtt

from .words import errors

pytestmark = pytest.mark.slow
RATE = 16_000
CONTEXT = EngineContext("studio", "1", lambda: 60_000)


class Stream(EngineStream):
    """A stream of what is there already."""

    def __init__(self, sound: Any) -> None:
        super().__init__()
        self._sound = sound
        self.checkpoints: list[int] = []

    def __iter__(self) -> Iterator[Sound]:
        for number, at in enumerate(range(0, len(self._sound), RATE), 1):
            part = self._sound[at : at + RATE]
            start_ms = at * 1000 // RATE
            self.position_ms = start_ms + len(part) * 1000 // RATE
            yield Sound(part, RATE, start_ms, self.position_ms, "studio", number)

    def checkpoint(self, state: Any = None) -> None:
        self.checkpoints.append(self.position_ms)


def transcript(sound: Any) -> tuple[list[dict[str, Any]], Stream]:
    """What the engine emits of a sound, checked as the platform checks it."""
    import speech

    told: list[dict[str, Any]] = []
    stream = Stream(sound)

    def emit(start_ms: float, stop_ms: float, **series: Any) -> None:
        told.extend(checked({"start_ms": start_ms, "stop_ms": stop_ms, **series}, 0, 0))

    speech.transcribe(stream, emit, CONTEXT)
    return told, stream


def test_two_sentences_are_written_with_the_times_of_their_words(installed: None) -> None:
    import make_film

    said = make_film.recordings()
    pause = np.zeros(RATE, np.int16)
    sound = np.concatenate([pause, said["0870"], pause, pause, said["0930"], pause])
    series, stream = transcript(sound)
    assert len(series) == 2
    for each, name, start_s in zip(
        series, ("0870", "0930"), (1.0, 3.0 + len(said["0870"]) / RATE), strict=True
    ):
        heard = " ".join(word["word"] for word in each["words"])
        assert errors(heard, make_film.SENTENCES[name]) <= 2
        stop_s = start_s + len(said[name]) / RATE
        assert start_s - 0.3 <= each["start_ms"] / 1000 <= start_s + 0.6
        assert stop_s - 0.8 <= each["stop_ms"] / 1000 <= stop_s + 0.3
        starts = [word["start_ms"] for word in each["words"]]
        assert starts == sorted(starts)
        assert all(0 <= word["confidence"] <= 1 for word in each["words"])
    assert stream.checkpoints[0] == 1000  # silence: a successor need not hear it again
    subtitles = webvtt(series)
    assert re.search(r"00:00:01\.\d{3} --> 00:00:0[78]\.\d{3}\nAnd Mr. John Dashwood", subtitles)


def test_noise_and_silence_say_nothing(installed: None) -> None:
    noise = np.random.default_rng(2).normal(0, 600, 4 * RATE).astype(np.int16)
    series, stream = transcript(np.concatenate([np.zeros(2 * RATE, np.int16), noise]))
    assert series == []
    assert stream.checkpoints == [1000, 2000, 3000, 4000, 5000, 6000]


def test_a_word_with_a_hyphen_is_one_word(installed: None) -> None:
    import make_film

    series, _ = transcript(make_film.recordings()["0890"])
    words = [word["word"] for each in series for word in each["words"]]
    assert not any(word.startswith("-") for word in words)
    assert errors(" ".join(words), make_film.SENTENCES["0890"]) <= 3
