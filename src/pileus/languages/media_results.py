"""What engines say of a stream: one form for words, objects and anything else that has a time.

A result is ``{"start_ms", "stop_ms"}`` with any of ``words`` and ``objects`` (``docs/media-results.schema.json``).
Times count from the source's first frame. Boxes are ``[x0, y0, x1, y1]`` in parts of the picture.
Exports: WebVTT (https://www.w3.org/TR/webvtt1/), SubRip, and the shape of Veritone's engine output
(https://docs.veritone.com/#/developer/engines/standards/engine-output/).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pileus.languages import veritone_results

Series = dict[str, Any]
_SERIES = frozenset({"start_ms", "stop_ms", "words", "objects"})
_WORD = frozenset({"word", "start_ms", "stop_ms", "confidence"})
_OBJECT = frozenset({"label", "confidence", "box", "track", "text", "attributes"})
_CORNERS = 4


class InvalidResult(ValueError):
    """An engine gave something else than a result; the sentence says what."""


def checked(given: Any, start_ms: int, stop_ms: int) -> list[Series]:
    """What an engine gave for a chunk as series: None, one mapping, a list of objects, a list of series.

    A list of objects (they have a ``label``) is one series over the whole chunk. A mapping with ``series`` is a
    document, which may be in the form of Veritone (``veritone_results``).

    Raises:
        InvalidResult: it is none of these, or a time, confidence or box is out of its range.
    """
    if given is None:
        return []
    if veritone_results.is_document(given):
        given = veritone_results.series_of(given)
    elif isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, (list, tuple)):
        raise InvalidResult(f"an engine gives a list or None, not {type(given).__name__}")
    items = list(given)
    if items and all(isinstance(item, Mapping) and "label" in item for item in items):
        items = [{"objects": items}]
    return [_series(item, start_ms, stop_ms) for item in items]


def _series(item: Any, start_ms: int, stop_ms: int) -> Series:
    _only(item, _SERIES, "a series")
    series: Series = {
        "start_ms": _time(item.get("start_ms", start_ms), "start_ms"),
        "stop_ms": _time(item.get("stop_ms", stop_ms), "stop_ms"),
    }
    if series["stop_ms"] < series["start_ms"]:
        raise InvalidResult("stop_ms lies before start_ms")
    if "words" in item:
        series["words"] = [_word(word, series) for word in _list(item, "words")]
    if "objects" in item:
        series["objects"] = [_object(found) for found in _list(item, "objects")]
    return series


def _word(given: Any, series: Series) -> dict[str, Any]:
    _only(given, _WORD, "a word")
    if not isinstance(given.get("word"), str):
        raise InvalidResult("a word has its text as 'word'")
    word = {
        "word": given["word"],
        "start_ms": _time(given.get("start_ms", series["start_ms"]), "start_ms"),
        "stop_ms": _time(given.get("stop_ms", series["stop_ms"]), "stop_ms"),
    }
    if "confidence" in given:
        word["confidence"] = _part(given["confidence"], "confidence")
    return word


def _object(given: Any) -> dict[str, Any]:
    _only(given, _OBJECT, "an object")
    found: dict[str, Any] = {"label": str(given.get("label", ""))}
    if not found["label"]:
        raise InvalidResult("an object has a label")
    if "confidence" in given:
        found["confidence"] = _part(given["confidence"], "confidence")
    if "box" in given:
        box = given["box"]
        if not isinstance(box, Sequence) or len(box) != _CORNERS:
            raise InvalidResult("a box is [x0, y0, x1, y1]")
        found["box"] = [_part(corner, "box") for corner in box]
    for name in ("track", "text", "attributes"):
        if name in given:
            found[name] = given[name]
    return found


def _only(given: Any, names: frozenset[str], what: str) -> None:
    if not isinstance(given, Mapping):
        raise InvalidResult(f"{what} is a mapping, not {type(given).__name__}")
    if unknown := sorted(set(given) - names):
        raise InvalidResult(f"{what} has no {unknown[0]!r}; it may have {', '.join(sorted(names))}")


def _list(item: Mapping[str, Any], name: str) -> list[Any]:
    given = item[name]
    if not isinstance(given, (list, tuple)):
        raise InvalidResult(f"{name} is a list")
    return list(given)


def _time(given: Any, name: str) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise InvalidResult(f"{name} is a number of milliseconds")
    return round(given)


def _part(given: Any, name: str) -> float:
    value = _number(given, name)
    if not 0 <= value <= 1:
        raise InvalidResult(f"{name} lies between 0 and 1, not at {value:g}")
    return round(value, 4)


def _number(given: Any, name: str) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise InvalidResult(f"{name} is a number") from None
    if not math.isfinite(value):
        raise InvalidResult(f"{name} is a number")
    return value


# -- exports ------------------------------------------------------------------------------------


def captions(series: Sequence[Series]) -> Iterator[tuple[int, int, str]]:
    """``start_ms, stop_ms, text`` of every series with words, in order."""
    for each in series:
        text = " ".join(word["word"].strip() for word in each.get("words") or ()).strip()
        if text:
            yield each["start_ms"], each["stop_ms"], text


def webvtt(series: Sequence[Series]) -> str:
    """A WebVTT file of the words."""
    cues = [
        f"{_clock(start, '.')} --> {_clock(stop, '.')}\n{_escaped(text)}\n"
        for start, stop, text in captions(series)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def subrip(series: Sequence[Series]) -> str:
    """A SubRip (``.srt``) file of the words."""
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(stop, ',')}\n{text}\n"
        for number, (start, stop, text) in enumerate(captions(series), 1)
    ]
    return "\n".join(cues)


def veritone(series: Sequence[Series]) -> dict[str, Any]:
    """The series in the names of Veritone's engine output."""
    return {"series": [one for each in series for one in _veritone(each)]}


def _veritone(series: Series) -> Iterator[dict[str, Any]]:
    span = {"startTimeMs": series["start_ms"], "stopTimeMs": series["stop_ms"]}
    for word in series.get("words") or ():
        told: dict[str, Any] = {"word": word["word"]}
        if "confidence" in word:
            told["confidence"] = word["confidence"]
        yield {
            "startTimeMs": word["start_ms"],
            "stopTimeMs": word["stop_ms"],
            "words": [told],
        }
    for found in series.get("objects") or ():
        thing: dict[str, Any] = {"type": "object", "label": found["label"]}
        if "confidence" in found:
            thing["confidence"] = found["confidence"]
        if "box" in found:
            x0, y0, x1, y1 = found["box"]
            corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            thing["boundingPoly"] = [{"x": x, "y": y} for x, y in corners]
        yield {**span, "object": thing}


def line(document: Mapping[str, Any]) -> str:
    """A record in a line for people: its time, words and objects; empty where nothing was found."""
    said = [text for _, _, text in captions(document["series"])]
    objects = [found for each in document["series"] for found in each.get("objects") or ()]
    said += [_named(found) for found in objects]
    if document.get("error"):
        said.append(f"failed: {document['error']}")
    if not said:
        return ""
    told = [each for each in document["series"] if each.get("words") or each.get("objects")]
    start_ms = document["chunk"]["start_ms"]
    if told:  # of a stream engine it may have begun much later than what the engine has heard since
        start_ms = told[0].get("start_ms", start_ms)
    return f"{_clock(start_ms, '.')}  {', '.join(said)}"


def _named(found: Mapping[str, Any]) -> str:
    parts = [found["label"]]
    if "track" in found:
        parts[0] += f" #{found['track']}"
    if "text" in found:
        parts.append(str(found["text"]))
    if "confidence" in found:
        parts.append(f"{found['confidence']:.2f}")
    if isinstance(found.get("attributes"), Mapping):
        parts += [f"{name}={value}" for name, value in found["attributes"].items()]
    if "box" in found:
        parts.append("[" + " ".join(f"{corner:.2f}" for corner in found["box"]) + "]")
    return " ".join(parts)


def _clock(at_ms: int, point: str) -> str:
    seconds, millis = divmod(max(0, at_ms), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{millis:03d}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
