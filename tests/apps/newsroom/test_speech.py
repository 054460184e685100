"""Known words become a transcript with times: the engine alone, and as subtitles."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from pileus.engines import EngineContext, Sound
from pileus.languages.media_results import checked, webvtt
from pileus.media.stretches import Cutter, Stretch
from pileus.media.units import CutSettings

from .words import errors

pytestmark = pytest.mark.slow
RATE = 16_000
CONTEXT = EngineContext("studio", "1", lambda: 60_000)


def pieces(sound: Any) -> list[Sound]:
    """A sound as the platform cuts it."""
    cutter = Cutter(RATE, CutSettings())
    found = [*cutter.add(0, sound), *cutter.finish()]
    return [
        Sound(each.samples, RATE, each.start_ms, each.stop_ms, "studio", number)
        for number, each in enumerate(found, 1)
        if isinstance(each, Stretch)
    ]


def transcript(sound: Any) -> list[dict[str, Any]]:
    """What the engine says of a sound, checked as the platform checks it."""
    import speech

    given = pieces(sound)
    told = speech.transcribe(given, CONTEXT)
    assert len(told) == len(given)
    series = [
        checked(said, each.start_ms, each.stop_ms) for said, each in zip(told, given, strict=True)
    ]
    return [each for found in series for each in found]


def test_two_sentences_are_written_with_the_times_of_their_words(installed: None) -> None:
    import make_film

    said = make_film.recordings()
    pause = np.zeros(RATE, np.int16)
    sound = np.concatenate([pause, said["0870"], pause, pause, said["0930"], pause])
    series = transcript(sound)
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
    subtitles = webvtt(series)
    assert re.search(r"00:00:0[01]\.\d{3} --> 00:00:0[78]\.\d{3}\nAnd Mr. John Dashwood", subtitles)


def test_noise_and_silence_say_nothing(installed: None) -> None:
    noise = np.random.default_rng(2).normal(0, 600, 4 * RATE).astype(np.int16)
    series = transcript(np.concatenate([np.zeros(2 * RATE, np.int16), noise]))
    assert series == []


def test_a_word_with_a_hyphen_is_one_word(installed: None) -> None:
    import make_film

    series = transcript(make_film.recordings()["0890"])
    words = [word["word"] for each in series for word in each["words"]]
    assert not any(word.startswith("-") for word in words)
    assert errors(" ".join(words), make_film.SENTENCES["0890"]) <= 3


@pytest.mark.parametrize("noise", [0, 20, 200])
def test_sound_is_cut_between_sentences_and_no_speech_is_left_out(
    installed: None, noise: int
) -> None:
    """LibriVox's readings, whose loudness is some 2000, in silence and in noise 20 dB below."""
    import make_film

    pause = np.zeros(3 * RATE, np.int16)
    parts, wanted, at_ms = [np.zeros(9 * RATE, np.int16)], [], 9000
    for said in make_film.recordings().values():
        parts += [said, pause]
        wanted.append((at_ms, at_ms + len(said) * 1000 // RATE))
        at_ms = wanted[-1][1] + 3000
    sound = np.concatenate(parts).astype(float)
    sound += np.random.default_rng(5).normal(0, noise, len(sound)) if noise else 0
    found = pieces(np.clip(sound, -32768, 32767).astype(np.int16))
    for start_ms, stop_ms in wanted:
        inside = [each for each in found if start_ms - 300 <= each.start_ms < stop_ms]
        assert inside[0].start_ms - start_ms < 500 and stop_ms - inside[-1].stop_ms < 700
    ends = [(start_ms - 300, stop_ms + 300) for start_ms, stop_ms in wanted]
    assert all(any(a <= each.start_ms and each.stop_ms <= b for a, b in ends) for each in found)
