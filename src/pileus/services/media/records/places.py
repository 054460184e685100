"""Where records come from: what an address means, and what it can be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pileus.kernel.calls import Call
from pileus.media.intake.location import redacted
from pileus.ports.intakes import PUSHED
from pileus.services.media import errors
from pileus.services.media.model import RecordFormat
from pileus.values.arns import Arn, is_arn

JSONL, SSE, JSON, KINESIS = "jsonl", "sse", "json", "kinesis"
_AUTO = "auto"
"""As the server's Content-Type says; of a stream kinesis."""
AT_TIMESTAMP = "AT_TIMESTAMP"
_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_OVER_HTTP = ("http", "https")


def is_stream(url: str) -> bool:
    """Whether an address names a Kinesis stream."""
    return url.startswith("kinesis:") or (is_arn(url) and Arn.parse(url).service == "kinesis")


def stream_of(call: Call, url: str) -> str:
    """The ARN of the Kinesis stream that an address names; raises ValidationException."""
    if is_arn(url):
        arn = Arn.parse(url)
        if (arn.account, arn.region) != (call.account, call.region):
            raise errors.invalid(
                f"A source reads streams of its own account and region, not {url}."
            )
        return url
    name = url.removeprefix("kinesis:").removeprefix("//")
    if not _STREAM.fullmatch(name):
        raise errors.invalid(f"{url}: a stream's name has letters, digits, and any of _.-")
    return call.arn(f"stream/{name}", "kinesis")


def told(
    call: Call, url: str, before: RecordFormat | None, given: Mapping[str, Any]
) -> RecordFormat:
    """How records come from an address; raises ValidationException for what does not go together."""
    start = given.get("StartingPositionTimestamp")
    known = before or RecordFormat()
    position = given.get("StartingPosition", known.start)
    known_ms = known.start_ms if position == AT_TIMESTAMP else 0
    made = RecordFormat(
        format=_form(given.get("Format", known.format)),
        time_field=given.get("TimeField", known.time_field),
        every_s=given.get("EverySeconds", known.every_s),
        silence_s=given.get("SilenceSeconds", known.silence_s),
        start=position,
        start_ms=round(start.timestamp() * 1000) if start else known_ms,
    )
    if is_stream(url):
        return _of_stream(call, url, made)
    if made.format == KINESIS:
        raise errors.invalid("Records of Format kinesis come from kinesis:<stream> or its ARN.")
    if given.get("StartingPosition") or start:
        raise errors.invalid("Records.StartingPosition is for streams of Kinesis.")
    if url == PUSHED:
        if made.format not in ("", JSONL) or made.every_s:
            raise errors.invalid(
                "Records are pushed as JSON lines: Format is jsonl, without Every."
            )
        return made
    parts = urlsplit(url)
    if parts.scheme not in _OVER_HTTP or not parts.hostname:
        raise errors.invalid(
            f"{redacted(url)}: records are pushed, or come from http:, https: or kinesis:."
        )
    return made


def _form(given: str) -> str:
    return "" if given == _AUTO else given


def _of_stream(call: Call, url: str, made: RecordFormat) -> RecordFormat:
    stream_of(call, url)
    if made.format not in ("", KINESIS) or made.every_s:
        raise errors.invalid("Records of a stream have the Format kinesis, and no Every.")
    if (made.start == AT_TIMESTAMP) != bool(made.start_ms):
        raise errors.invalid("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP.")
    return RecordFormat(
        format=KINESIS, time_field=made.time_field, start=made.start, start_ms=made.start_ms
    )
