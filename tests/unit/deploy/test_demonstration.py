"""What a demonstration makes of the platform's answers, the refusals among them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pileus.deploy.api import Api
from pileus.deploy.demonstration import RESULTS_BUCKET, Handset, Results, SegmentResult, pace_of
from pileus.deploy.errors import ApiError, PlatformUnreachable


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[Handset]:
    """A handset at a server that gives every request the same answer."""

    class Same(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Handset(Api(f"http://127.0.0.1:{server.server_port}", "1" * 12, "us-east-1"))
        finally:
            server.shutdown()
            thread.join()


def test_a_refusal_says_what_the_platform_said() -> None:
    body = b'{"error": "No number of this account takes texts.", "code": "NotFoundException"}'
    with _answering(404, body) as handset, pytest.raises(ApiError) as refused:
        handset.send("status")
    assert refused.value.code == "NotFoundException"
    assert refused.value.detail == "No number of this account takes texts."
    assert str(refused.value) == (
        "handset:SendText: NotFoundException: No number of this account takes texts."
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": "text has 1 to 1600 characters"}', "text has 1 to 1600 characters"),
        (b"The console asks for a token.\n", "The console asks for a token."),
        (b"", "no reason was given"),
    ],
)
def test_a_refusal_without_a_code_names_the_status(body: bytes, detail: str) -> None:
    with _answering(400, body) as handset, pytest.raises(ApiError) as refused:
        handset.conversation()
    assert (refused.value.code, refused.value.detail) == ("HTTP status 400", detail)


def test_nobody_there_is_told_as_such() -> None:
    with pytest.raises(PlatformUnreachable, match="nothing answers"):
        Handset(Api("http://127.0.0.1:1", "1" * 12, "us-east-1")).send("status")


def test_the_conversation_is_read() -> None:
    body = b'{"sms": [{"direction": "in", "number": "+1", "text": "status", "at_ms": 1}]}'
    with _answering(200, body) as handset:
        assert handset.conversation() == [{"direction": "in", "number": "+1", "text": "status"}]


def _segments(lags_ms: list[int], speed: float = 1.0) -> list[SegmentResult]:
    began_ms = [1000 + round(at * 2000 / speed) for at in range(len(lags_ms))]
    return [
        SegmentResult(f"lobby/{at}", captured_ms=at, stored_ms=at + lag_ms, frames=20, persons=3)
        for at, lag_ms in zip(began_ms, lags_ms, strict=True)
    ]


@pytest.mark.parametrize(
    ("lags_ms", "has_kept_up", "is_late"),
    [
        ([6000, 2700, 2700, 2700, 2600, 2700, 2700, 2700], True, False),
        ([3400, 3500, 3400, 3500, 3400, 3500, 3400, 3500], True, True),
        ([2500, 3000, 3500, 4000, 4500, 5000, 5500, 6000], False, True),
        ([9000, 9000, 9000, 9000, 9000, 9000, 9000, 9000], False, True),
        ([], True, False),
    ],
)
def test_a_machine_that_falls_behind_is_told_from_a_slow_one(
    lags_ms: list[int], has_kept_up: bool, is_late: bool
) -> None:
    pace = pace_of(_segments(lags_ms), 1.0)
    assert (pace.limit_ms, pace.has_kept_up, pace.is_late) == (3000, has_kept_up, is_late)


def test_the_speed_that_would_be_possible_is_what_was_managed() -> None:
    segments = _segments([1000 + 1000 * at for at in range(20)], speed=4.0)
    # 40 s of video, the last of it stored 29.5 s after the first was captured.
    assert pace_of(segments, 4.0).speed_possible == 1.3


class _Bucket(Api):
    """A results bucket in memory that counts what it is asked."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__("http://platform", "1" * 12, "us-east-1")
        self.objects = objects
        self.asked: list[str] = []

    def call(self, service: str, operation: str, **input: Any) -> dict[str, Any]:
        self.asked.append(operation)
        return {"Body": io.BytesIO(self.objects[input["Key"]])}

    def each(self, service: str, operation: str, member: str, **input: Any) -> Iterator[Any]:
        assert (input["Bucket"], input["Prefix"]) == (RESULTS_BUCKET, "lobby/")
        self.asked.append(f"{operation} after {input['StartAfter']}")
        for key in sorted(self.objects):
            if key > input["StartAfter"]:
                yield {"Key": key, "LastModified": datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)}


def test_only_results_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    names = [f"lobby/20260101T00000{at}.000Z" for at in (0, 2, 4)]
    bucket = _Bucket({f"{names[0]}.jsonl": b'{"persons": [1, 2]}\n'})
    results = Results(bucket, tmp_path / "detections.jsonl")
    assert (results.refresh(()), bucket.asked) == (0, [])
    assert results.refresh([f"{names[0]}.mkv"]) == 1
    bucket.asked.clear()
    assert (results.refresh([f"{names[0]}.mkv"]), bucket.asked) == (0, [])
    bucket.objects[f"{names[2]}.jsonl"] = b""
    assert results.refresh([f"{name}.mkv" for name in names]) == 1
    assert bucket.asked[0] == f"ListObjectsV2 after {names[1]}.json", "the one that is overdue"
    bucket.objects[f"{names[1]}.jsonl"] = b'{"persons": []}\n'
    assert results.refresh([f"{name}.mkv" for name in names]) == 1
    assert [segment.lag_ms for segment in results.segments] == [5000, 3000, 1000]
