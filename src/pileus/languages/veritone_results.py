"""Engine output in Veritone's form (``vtn-standard``) as series of ours: what engines written for it answer.

https://docs.veritone.com/#/developer/engines/standards/engine-output/. Times are on the source's clock, which the
request tells. Words and objects are taken; what else the form knows (sentiments, vendors' own) has no place here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_OF_OBJECTS = ("confidence", "text")


def is_document(given: Any) -> bool:
    """Whether something is a document with ``series`` or whole-piece objects, of ours or of Veritone's."""
    return isinstance(given, Mapping) and ("series" in given or "object" in given)


def series_of(document: Mapping[str, Any]) -> list[Any]:
    """The document's series in our names; what is not in Veritone's is left as it is, to be checked."""
    found = [_series(each) for each in _several(document.get("series"))]
    if objects := _several(document.get("object")):
        found.append({"objects": [_object(each) for each in objects]})
    return found


def _several(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def _series(given: Any) -> Any:
    if not isinstance(given, Mapping) or not {"startTimeMs", "stopTimeMs", "object"} & set(given):
        return given
    span = {
        ours: given[theirs]
        for ours, theirs in (("start_ms", "startTimeMs"), ("stop_ms", "stopTimeMs"))
        if theirs in given
    }
    series: dict[str, Any] = dict(span)
    if words := _several(given.get("words")):
        series["words"] = [{**_word(_best(words)), **span}]
    if objects := _several(given.get("object")):
        series["objects"] = [_object(each) for each in objects]
    return series


def _best(words: list[Any]) -> Any:
    """Of several readings of one stretch the best: the one that says so, or the surest."""
    told = [each for each in words if isinstance(each, Mapping)]
    marked = [each for each in told if each.get("bestPath")]
    if marked or not told:
        return (marked or words)[0]
    return max(told, key=lambda each: each.get("confidence") or 0)


def _word(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return {"word": given}
    return {name: given[name] for name in ("word", "confidence") if name in given}


def _object(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    found = {name: given[name] for name in _OF_OBJECTS if given.get(name) is not None}
    found["label"] = given.get("label") or given.get("type") or ""
    if corners := given.get("boundingPoly"):
        across: list[Any] = [each.get("x") for each in corners if isinstance(each, Mapping)]
        down: list[Any] = [each.get("y") for each in corners if isinstance(each, Mapping)]
        if across and all(isinstance(each, (int, float)) for each in (*across, *down)):
            found["box"] = [min(across), min(down), max(across), max(down)]
    return found
