"""What an engine looks at, as the API tells it: checked, kept, and shown again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.media.units import WINDOW_MS, CutSettings
from pileus.services.media import errors
from pileus.services.media.model import EngineInput

_RATES = {"audio": 16_000.0, "segments": 0.0}
_ZONE_MS_MIN = 400
_CUT_RATE_MIN = 8000
_PIECE_BYTES_MAX = 4 << 20
"""Of sound that is cut at silences: its places in a ring are as long as its longest piece."""
_CUT = CutSettings()


def engine_input(given: Mapping[str, Any]) -> EngineInput:
    """The ``Input`` of a request; raises ValidationException."""
    kind, results = given.get("Kind") or "frames", given.get("Results") or ""
    gate = given.get("Gate") or "none"
    if kind != "frames" and gate != "none":
        raise errors.invalid(
            "Input.Gate is for frames; sound, segments, records and results have none."
        )
    if (kind == "results") != bool(results) and kind != "frames":
        raise errors.invalid(
            "Input.Results names an engine, for Kind results alone, and for frames beside them."
        )
    rate = given.get("Rate") or _RATES.get(kind, 5.0)
    cut = _cut(kind, rate, given)
    return EngineInput(
        kind=kind,
        rate=rate,
        width=given.get("Width") or 0,
        gate="" if gate == "none" else gate,
        results=results,
        format=_format(kind, given),
        pause_ms=cut.pause_ms if cut else 0,
        least_ms=cut.least_ms if cut else 0,
        most_ms=cut.most_ms if cut else 0,
    )


def _format(kind: str, given: Mapping[str, Any]) -> str:
    """``jpeg`` for pictures as files, else empty."""
    if given.get("Format") and kind != "frames":
        raise errors.invalid("Input.Format is for frames.")
    return "jpeg" if given.get("Format") == "jpeg" else ""


def _cut(kind: str, rate: float, given: Mapping[str, Any]) -> CutSettings | None:
    """Where sound is cut; None for pieces of a fixed length."""
    if (given.get("Cut") or "none") == "none":
        for name in ("PauseMs", "MinMs", "MaxMs"):
            if given.get(name):
                raise errors.invalid(f"Input.{name} is for sound with Cut silence.")
        return None
    if kind != "audio":
        raise errors.invalid("Input.Cut is for Kind audio.")
    cut = CutSettings(
        pause_ms=_windows(given, "PauseMs", _CUT.pause_ms),
        least_ms=_windows(given, "MinMs", _CUT.least_ms),
        most_ms=_windows(given, "MaxMs", _CUT.most_ms),
    )
    if cut.zone_ms < _ZONE_MS_MIN:
        least_ms = 2 * (cut.pause_ms + cut.least_ms) + 3 * _ZONE_MS_MIN
        raise errors.invalid(
            f"Input.MaxMs is at least twice PauseMs and MinMs and {3 * _ZONE_MS_MIN}, here {least_ms}."
        )
    if rate < _CUT_RATE_MIN:
        raise errors.invalid(f"Sound is cut at silences from a Rate of {_CUT_RATE_MIN} on.")
    if rate * 2 * cut.most_ms / 1000 > _PIECE_BYTES_MAX:
        raise errors.invalid("A piece of Input.MaxMs at that Rate is larger than 4 MiB.")
    return cut


def _windows(given: Mapping[str, Any], name: str, default_ms: int) -> int:
    """A length in whole windows."""
    length_ms = int(given.get(name) or default_ms)
    return max(1, length_ms // WINDOW_MS) * WINDOW_MS


def shown(kept: EngineInput) -> dict[str, Any]:
    """An ``EngineInput``."""
    if kept.kind == "segments":
        return {"Kind": kept.kind}
    told: dict[str, Any] = {
        "Kind": kept.kind,
        "Rate": kept.rate,
        "Width": kept.width,
        "Gate": kept.gate or "none",
    }
    if kept.results:
        told["Results"] = kept.results
    if kept.format:
        told["Format"] = kept.format
    if kept.is_cut:
        told |= {"Cut": "silence", "PauseMs": kept.pause_ms}
        told |= {"MinMs": kept.least_ms, "MaxMs": kept.most_ms}
    return told
