"""The sender tries again until a segment is acknowledged, under the same key."""

from pathlib import Path

import pytest

from pileus.media.spool import Spool
from pileus.media.upload import (
    Patience,
    Stored,
    Unreachable,
    UploadGivenUp,
    UploadRefused,
    send_all,
)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s

    def patience(self, away_s_max: float) -> Patience:
        return Patience(
            lambda: round(self.now_s * 1000), lambda: self.now_s, self.sleep, away_s_max
        )


class FlakyBucket:
    """Fails as told, then stores."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.stored: dict[str, bytes] = {}
        self.asked: list[str] = []

    def put(self, key: str, data: bytes) -> None:
        self.asked.append(key)
        if self.failures:
            raise self.failures.pop(0)
        self.stored[key] = data


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    filled = Spool(tmp_path, 1000)
    filled.put("a", b"1", 0)
    filled.put("b", b"2", 0)
    filled.close()
    return filled


def test_an_outage_loses_nothing(spool: Spool) -> None:
    bucket, told, waits = FlakyBucket(*[Unreachable("away")] * 5), [], []
    send_all(spool, bucket, Time().patience(60), told.append, waits.append)
    assert bucket.stored == {"a": b"1", "b": b"2"}
    assert bucket.asked == ["a"] * 6 + ["b"]
    assert [(one.segment.key, one.attempts) for one in told] == [("a", 6), ("b", 1)]
    assert all(isinstance(one, Stored) for one in told)
    assert waits == ["away"]
    assert len(spool) == 0


def test_patience_ends_and_everything_is_kept(spool: Spool) -> None:
    bucket = FlakyBucket(*[Unreachable("away")] * 1000)
    with pytest.raises(UploadGivenUp, match="2 segments are kept"):
        send_all(spool, bucket, Time().patience(30), lambda _: None, lambda _: None)
    assert len(spool) == 2


def test_a_refusal_is_not_repeated(spool: Spool) -> None:
    bucket = FlakyBucket(UploadRefused("no such bucket"))
    with pytest.raises(UploadRefused, match="no such bucket"):
        send_all(spool, bucket, Time().patience(30), lambda _: None, lambda _: None)
    assert bucket.asked == ["a"]
    assert len(spool) == 2
