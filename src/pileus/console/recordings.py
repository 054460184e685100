"""Recordings of live sources, as browsers play them: HLS (RFC 8216), MP4, stills.

Below ``/_pileus/media/<account>/<region>/<source>/``: ``recording.m3u8`` and ``recording.json``, both with
``?from=`` and ``to=`` (epoch milliseconds), the playlist also with ``live=1`` (more is
to come), ``recording/<segment>.mp4`` (whole by itself), ``….init.mp4`` and
``….m4s`` (its two parts) and ``….jpg``, its still. Segments are packed anew as they are asked for; nothing is coded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pileus.console.answers import json_answer, query_of
from pileus.console.asking import Invoke, guest
from pileus.media.fragments import Unplayable, fragment, initialization
from pileus.media.matroska import MalformedMedia, Media, parse
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.errors import ServiceError

SEGMENTS_MAX = 5000
_PAGE = 100
_STILL_BACK_MS, _STILL_TRIES = 60_000, 3
"""How far back a still is looked for, and in how many segments."""
_GAP_MS = 300
_FRAME_MS = 40
"""Told of a segment's last picture, where no other follows."""

_PATH = re.compile(r"media/([0-9]{12})/([a-z0-9-]+)/([^/]+)/recording(\.m3u8|\.json|/(.+))")
_PART = re.compile(r"([0-9]{1,20})\.(mp4|init\.mp4|m4s|jpg)")
_KEPT = ("Cache-Control", "private, max-age=3600")
"""A segment under its name hardly ever changes: only where an interruption had cut it short."""


class Recordings:
    """What sources were recorded.

    Args:
        invoke: the door.
        endpoint: where clients reach the platform.
    """

    def __init__(self, invoke: Invoke, endpoint: str) -> None:
        self._invoke, self._endpoint = invoke, endpoint

    async def respond(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """The answer for a path of a recording; None for another."""
        found = _PATH.fullmatch(name)
        if found is None:
            return None
        try:
            part = _PART.fullmatch(found[5] or "")
            if part is not None:
                return await self._part(found, part[1], part[2])
            if found[5] is not None:
                raise ServiceError("NotFound", f"A recording has no {found[5]}.", status=404)
            query = query_of(request)
            segments = await self._segments(found, query)
        except ServiceError as error:
            return json_answer({"error": error.message, "code": error.code}, error.status)
        except (Unplayable, MalformedMedia) as error:
            return json_answer({"error": str(error), "code": type(error).__name__}, 415)
        if found[4] == ".json":
            return json_answer([_told(each) for each in segments])
        headers = [("Content-Type", "application/vnd.apple.mpegurl"), ("Cache-Control", "no-store")]
        is_live = query.get("live") == "1"
        return HttpResponse(200, headers, playlist(segments, is_live=is_live).encode())

    async def _part(self, found: re.Match[str], segment: str, form: str) -> HttpResponse:
        media = await self._media(found, segment)
        if form == "jpg":
            still = media.still or await self._still_before(found, int(segment))
            if not still:
                raise ServiceError("NotFound", "The segment has no picture.", status=404)
            return HttpResponse(200, [("Content-Type", "image/jpeg"), _KEPT], still)
        kind = "video/mp4" if media.video else "audio/mp4"
        return HttpResponse(200, [("Content-Type", kind), _KEPT], _packed(media, form))

    async def _media(self, found: re.Match[str], segment: str) -> Media:
        given = {"Source": found[3], "SegmentId": segment}
        return parse((await self._ask(found, "GetSegment", given))["Media"])

    async def _still_before(self, found: re.Match[str], at_ms: int) -> bytes:
        """The last one before a segment: where keyframes are far apart some segments have none of their own."""
        period = {"FromMs": max(0, at_ms - _STILL_BACK_MS), "ToMs": at_ms}
        told = await self._ask(found, "ListSegments", {"Source": found[3], **period})
        earlier = [each for each in told["Segments"] if int(each["SegmentId"]) < at_ms]
        for each in reversed(earlier[-_STILL_TRIES:]):
            if still := (await self._media(found, each["SegmentId"])).still:
                return still
        return b""

    async def _segments(
        self, found: re.Match[str], query: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        given: dict[str, Any] = {"Source": found[3], "MaxResults": _PAGE}
        for parameter, member in (("from", "FromMs"), ("to", "ToMs")):
            if value := query.get(parameter):
                if not value.isascii() or not value.isdecimal() or len(value) > 15:
                    message = f"{parameter} is a time in epoch milliseconds, not {value!r}."
                    raise ServiceError("ValidationException", message)
                given[member] = int(value)
        segments: list[Mapping[str, Any]] = []
        while len(segments) < SEGMENTS_MAX:
            told = await self._ask(found, "ListSegments", given)
            segments += told["Segments"]
            if not told.get("NextToken"):
                break
            given["NextToken"] = told["NextToken"]
        return segments

    async def _ask(
        self, found: re.Match[str], operation: str, given: dict[str, Any]
    ) -> Mapping[str, Any]:
        context = guest(found[1], found[2], self._endpoint)
        return (await self._invoke(context, "media", operation, given)).output


def _packed(media: Media, form: str) -> bytes:
    """A segment as MP4, or one part of it; raises Unplayable."""
    if form == "init.mp4":
        return initialization(media)
    if form == "m4s":
        return fragment(media, 1)
    return initialization(media) + fragment(media, 1)


def _told(segment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": segment["SegmentId"],
        "start_ms": segment["StartMs"],
        "stop_ms": segment["StopMs"],
        "captured_at_ms": _at_ms(segment),
        "stream": segment["Stream"],
    }


def _at_ms(segment: Mapping[str, Any]) -> int:
    captured_at: datetime = segment["CapturedAt"]
    return round(captured_at.timestamp() * 1000)


def playlist(segments: list[Mapping[str, Any]], *, is_live: bool = False) -> str:
    """A playlist of segments in order; one that does not go on where the one before ended is told so, as it may
    be of another form. A live one has no end: it is asked for again, and has grown."""
    lengths_ms = [_length_ms(at, segments) for at in range(len(segments))]
    longest_s = -(-max(lengths_ms, default=1000) // 1000)
    first = segments[0]["SegmentId"] if segments else "0"
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{longest_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{int(first)}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *(["#EXT-X-PLAYLIST-TYPE:EVENT"] if is_live else []),
    ]
    for at, segment in enumerate(segments):
        name = f"recording/{segment['SegmentId']}"
        if at == 0 or not _goes_on(segments[at - 1], segment):
            lines += ["#EXT-X-DISCONTINUITY"] if at else []
            lines.append(f'#EXT-X-MAP:URI="{name}.init.mp4"')
            when = segment["CapturedAt"].isoformat(timespec="milliseconds")
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{when}")
        lines += [f"#EXTINF:{lengths_ms[at] / 1000:.3f},", f"{name}.m4s"]
    return "\n".join([*lines, *([] if is_live else ["#EXT-X-ENDLIST"]), ""])


def _length_ms(at: int, segments: list[Mapping[str, Any]]) -> int:
    segment = segments[at]
    if at + 1 < len(segments) and _goes_on(segment, segments[at + 1]):
        return int(segments[at + 1]["StartMs"] - segment["StartMs"])
    return int(segment["StopMs"] - segment["StartMs"] + _FRAME_MS)


def _goes_on(segment: Mapping[str, Any], later: Mapping[str, Any]) -> bool:
    gap_ms = later["StartMs"] - segment["StopMs"]
    return bool(segment["Stream"] == later["Stream"] and 0 <= gap_ms <= _GAP_MS)
