from itertools import islice
from typing import Any

import pytest

from pileus.deploy.errors import ApiError, DeployError
from pileus.deploy.log_tail import follow, read, since_ms

from .fake_platform import FakeApi, FakeClock

NOW_MS = 1_763_719_200_000


class _Logs(FakeApi):
    """Grows by one line at every question; the group appears at the second."""

    questions = 0

    def _FilterLogEvents(self, startTime: int, **_: Any) -> dict[str, Any]:
        self.questions += 1
        if self.questions == 1:
            raise ApiError("logs", "FilterLogEvents", "ResourceNotFoundException", "no group")
        events = [
            {"eventId": str(n), "timestamp": 1000 + n, "logStreamName": "s", "message": f"line {n}"}
            for n in range(self.questions)
        ]
        return {"events": [one for one in events if one["timestamp"] >= startTime]}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW_MS - 30_000),
        ("5m", NOW_MS - 300_000),
        ("2 hours", NOW_MS - 7_200_000),
        ("1d", NOW_MS - 86_400_000),
        ("2025-11-21T10:00", NOW_MS),
        ("2025-11-21T11:00+01:00", NOW_MS),
    ],
)
def test_since_is_a_span_or_a_moment(text: str, expected: int) -> None:
    assert since_ms(text, NOW_MS) == expected


def test_anything_else_is_refused() -> None:
    with pytest.raises(DeployError, match="expected a span such as 5m"):
        since_ms("yesterday", NOW_MS)


def test_following_waits_for_the_group_and_tells_each_line_once() -> None:
    lines = follow(_Logs(), FakeClock().time(), "/aws/lambda/x", 0)
    assert [line.text for line in islice(lines, 4)] == ["line 0", "line 1", "line 2", "line 3"]


def test_reading_a_group_that_is_not_there_is_told() -> None:
    with pytest.raises(DeployError, match="there is no log group /aws/lambda/x"):
        list(read(_Logs(), "/aws/lambda/x", 0))
