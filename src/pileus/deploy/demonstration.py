"""What a demonstration of Corb does as a client: plays, waits, and reads what was stored.

It sees what any user would see: objects in the results bucket, REPORT lines in the logs, texts on the
handset. Nothing here is told by the platform's inside.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import Any

from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError, PlatformUnreachable
from pileus.media.units import SEGMENT_MS
from pileus.values.percentiles import percentile

SOURCE = "lobby"
RESULTS_BUCKET = "corb-results"
VIDEO_BUCKET = "video-bucket"
GUEST_NUMBER = "+15550123456"
_INGRESS = "VideoIngress"
_CAPTURED = re.compile(r"(\d{8}T\d{6})\.(\d{3})Z")
_REPORT = re.compile(
    r"REPORT RequestId: \S+\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\t"
    r"Memory Size: (\d+) MB(?:.*?Init Duration: ([\d.]+) ms)?"
)
_SHARE_OF_FRAMES = 0.2
SLACK_MS = 1000
"""A result is in time when it is stored so long after its segment's end."""

_HTTP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """What was stored for one segment.

    Attributes:
        lag_ms: stored minus captured, both wall times.
        persons: what at least a fifth of its frames show.
    """

    key: str
    captured_ms: int
    stored_ms: int
    frames: int
    persons: int

    @property
    def lag_ms(self) -> int:
        return self.stored_ms - self.captured_ms


@dataclass(slots=True)
class Usage:
    """Invocations as their REPORT lines tell them; times in milliseconds."""

    cold_ms: list[float] = field(default_factory=list)
    warm_ms: list[float] = field(default_factory=list)
    requests: int = 0
    gb_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Whether the machine kept up with the camera.

    Attributes:
        limit_ms: lag of a result in time: a segment's length as captured, and a second.
        late_ms: median lag of the last quarter, when a backlog shows and cold starts are over.
        has_kept_up: False when results fell further behind the longer it went, or far behind.
        speed_possible: the speed at which it would have kept up.
    """

    limit_ms: int
    late_ms: int
    has_kept_up: bool
    speed_possible: float

    @property
    def is_late(self) -> bool:
        """Whether results came later than in time."""
        return self.late_ms > self.limit_ms


@dataclass(frozen=True, slots=True)
class Summary:
    """The machine-readable end of a demonstration."""

    frames_analysed: int
    segments: int
    people_peak: int
    people_over_time: list[int]
    lag_ms_p50: float
    lag_ms_p95: float
    pace: Pace
    cold_ms_p50: float | None
    warm_ms_p50: float | None
    requests: int
    gb_seconds: float
    detections_file: str
    sms: list[dict[str, str]]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


class Results:
    """Reads the results bucket as it fills."""

    def __init__(self, api: Api, detections: Path) -> None:
        self._api = api
        self._detections = detections
        self._seen: set[str] = set()
        self.segments: list[SegmentResult] = []
        detections.parent.mkdir(parents=True, exist_ok=True)
        detections.write_text("")

    def refresh(self, stored: Collection[str]) -> int:
        """Take in what is new; how many segments that were.

        Args:
            stored: keys of the segments in the video bucket. Nothing is asked when all of them have
                been taken in, and nothing is listed before the oldest that has not.
        """
        missing = {key.removesuffix(".mkv") + ".jsonl" for key in stored} - self._seen
        if not missing:
            return 0
        fresh, before = 0, min(missing)[:-1]
        for item in self._api.each(
            "s3",
            "ListObjectsV2",
            "Contents",
            Bucket=RESULTS_BUCKET,
            Prefix=f"{SOURCE}/",
            StartAfter=before,
        ):
            if item["Key"] not in self._seen:
                self._take(item["Key"], item["LastModified"])
                self._seen.add(item["Key"])
                fresh += 1
        return fresh

    def _take(self, key: str, stored: datetime) -> None:
        body = self._api.call("s3", "GetObject", Bucket=RESULTS_BUCKET, Key=key)["Body"].read()
        with self._detections.open("ab") as file:
            file.write(body)
        counts = [len(json.loads(line)["persons"]) for line in body.splitlines() if line]
        self.segments.append(
            SegmentResult(
                key,
                captured_ms=captured_ms(key),
                stored_ms=round(stored.timestamp() * 1000),
                frames=len(counts),
                persons=_typical(counts),
            )
        )
        self.segments.sort(key=lambda segment: segment.captured_ms)

    @property
    def frames(self) -> int:
        return sum(segment.frames for segment in self.segments)


def _typical(counts: list[int]) -> int:
    ordered = sorted(counts, reverse=True)
    return ordered[max(0, int(len(ordered) * _SHARE_OF_FRAMES + 0.999) - 1)] if ordered else 0


def captured_ms(key: str) -> int:
    """Epoch milliseconds of a segment's first frame, from its name."""
    match = _CAPTURED.search(key)
    if match is None:
        raise DeployError(f"{key} is not named after its capture time")
    moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000) + int(match[2])


def usage_of(api: Api, groups: Sequence[str]) -> dict[str, Usage]:
    """Log group → what its REPORT lines add up to."""
    found: dict[str, Usage] = {}
    for group in groups:
        usage = found[group] = Usage()
        for text in _reports(api, group):
            match = _REPORT.search(text)
            if match is None:
                continue
            usage.requests += 1
            usage.gb_seconds += int(match[2]) / 1000 * int(match[3]) / 1024
            if match[4]:
                usage.cold_ms.append(float(match[1]) + float(match[4]))
            else:
                usage.warm_ms.append(float(match[1]))
    return found


def _reports(api: Api, group: str) -> Iterator[str]:
    try:
        for event in api.each(
            "logs", "FilterLogEvents", "events", logGroupName=group, filterPattern='"REPORT"'
        ):
            yield event["message"]
    except ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise


class Handset:
    """The page's handset, used from here: texts to the app, and what it answered.

    Its calls raise ApiError with what the platform gave as the reason when it refuses, and
    PlatformUnreachable when nobody answers or the answer breaks off.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def send(self, text: str) -> None:
        """Text the app's number."""
        given = {"from": GUEST_NUMBER, "text": text, "account": self._api.account}
        request = urllib.request.Request(
            f"{self._api.endpoint}/_pileus/api/sms",
            json.dumps(given).encode(),
            {"Content-Type": "application/json"},
        )
        self._ask("SendText", request)

    def conversation(self) -> list[dict[str, str]]:
        """Every text so far, oldest first: direction (``in`` to the app), number, text."""
        url = f"{self._api.endpoint}/_pileus/api/overview?account={self._api.account}"
        told: list[dict[str, Any]] = json.loads(
            self._ask("Conversation", urllib.request.Request(url))
        )["sms"]
        return [
            {name: str(each.get(name, "")) for name in ("direction", "number", "text")}
            for each in told
        ]

    def _ask(self, operation: str, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT_S) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            with error:
                code, detail = _reason(error.read(), f"HTTP status {error.code}")
            raise ApiError("handset", operation, code, detail) from error
        except (OSError, HTTPException) as error:
            raise PlatformUnreachable(self._api.endpoint, str(error)) from error


def _reason(body: bytes, status: str) -> tuple[str, str]:
    """Code and sentence of a refusal: the console's JSON ``error`` and ``code``, or plain text."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict):
        return str(told.get("code") or status), str(told.get("error") or "no reason was given")
    return status, body.decode(errors="replace").strip() or "no reason was given"


def pace_of(segments: Sequence[SegmentResult], speed: float) -> Pace:
    """Compare the lag of the last quarter of the segments with that of the second."""
    limit_ms = round(SEGMENT_MS / speed) + SLACK_MS
    if not segments:
        return Pace(limit_ms, 0, True, speed)
    quarter = max(1, len(segments) // 4)
    early_ms = median(one.lag_ms for one in segments[quarter : 2 * quarter] or segments)
    late_ms = round(median(one.lag_ms for one in segments[-quarter:]))
    is_growing = late_ms > early_ms + limit_ms / 4
    if late_ms <= limit_ms or not (is_growing or late_ms > 2 * limit_ms):
        return Pace(limit_ms, late_ms, True, speed)
    took_ms = max(one.stored_ms for one in segments) - segments[0].captured_ms
    possible = len(segments) * SEGMENT_MS / max(1, took_ms)
    return Pace(limit_ms, late_ms, False, max(0.1, math.floor(possible * 10) / 10))


def summary(
    results: Results,
    usage: dict[str, Usage],
    sms: list[dict[str, str]],
    played: tuple[Path, float],
) -> Summary:
    """What a demonstration came to.

    Args:
        played: where the detections were written, and the speed.
    """
    detections, speed = played
    lags = [float(segment.lag_ms) for segment in results.segments]
    ingress = next((each for group, each in usage.items() if group.endswith(_INGRESS)), Usage())
    return Summary(
        frames_analysed=results.frames,
        segments=len(results.segments),
        people_peak=max((segment.persons for segment in results.segments), default=0),
        people_over_time=[segment.persons for segment in results.segments],
        lag_ms_p50=percentile(lags, 0.5) or 0.0,
        lag_ms_p95=percentile(lags, 0.95) or 0.0,
        pace=pace_of(results.segments, speed),
        cold_ms_p50=median(ingress.cold_ms) if ingress.cold_ms else None,
        warm_ms_p50=median(ingress.warm_ms) if ingress.warm_ms else None,
        requests=sum(each.requests for each in usage.values()),
        gb_seconds=round(sum(each.gb_seconds for each in usage.values()), 3),
        detections_file=str(detections),
        sms=sms,
    )
