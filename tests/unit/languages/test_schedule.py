"""Schedules: the examples of the EventBridge guides, and the corners of AWS's cron."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pileus.languages.schedule import InvalidSchedule, parse_schedule


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def runs(expression: str, start: str, count: int, timezone: str | None = None) -> list[str]:
    schedule, at, found = parse_schedule(expression), ms(start), []
    for _ in range(count):
        due = schedule.next_after(at, timezone=timezone)
        if due is None:
            break
        at = due
        found.append(datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M"))
    return found


DOCUMENTED = [
    ("cron(0 10 * * ? *)", ["2026-11-21 10:00", "2026-11-22 10:00"]),
    ("cron(15 12 * * ? *)", ["2026-11-21 12:15", "2026-11-22 12:15"]),
    ("cron(0 18 ? * MON-FRI *)", ["2026-11-23 18:00", "2026-11-24 18:00"]),
    ("cron(0 8 1 * ? *)", ["2026-12-01 08:00", "2027-01-01 08:00"]),
    ("cron(0/15 * * * ? *)", ["2026-11-21 00:15", "2026-11-21 00:30"]),
    ("cron(0/10 * ? * MON-FRI *)", ["2026-11-23 00:00", "2026-11-23 00:10"]),
    ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-11-23 08:00", "2026-11-23 08:05"]),
    ("cron(0/30 20-2 ? * MON-FRI *)", ["2026-11-23 00:00", "2026-11-23 00:30"]),
    ("cron(0 9 ? * 2#1 *)", ["2026-12-07 09:00", "2027-01-04 09:00"]),
    ("cron(0 9 ? * TUE#5 *)", ["2026-12-29 09:00", "2027-03-30 09:00"]),
    ("cron(0 10 ? * 6L 2026-2027)", ["2026-11-27 10:00", "2026-12-25 10:00"]),
    ("cron(0 0 ? * L *)", ["2026-11-28 00:00", "2026-12-05 00:00"]),
    ("cron(0 0 L * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00"]),
    ("cron(0 0 LW * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-29 00:00"]),
    ("cron(0 0 1W * ? *)", ["2026-12-01 00:00", "2027-01-01 00:00", "2027-02-01 00:00"]),
    ("cron(0 0 15W AUG ? 2027)", ["2027-08-16 00:00"]),
    ("cron(0 0 1W MAY ? 2027)", ["2027-05-03 00:00"]),
    ("cron(0 0 31W 10 ? 2027)", ["2027-10-29 00:00"]),
    ("cron(1/10 0 * * ? *)", ["2026-11-21 00:01", "2026-11-21 00:11"]),
    ("cron(*/20,5 0 * JAN,MAR ? *)", ["2027-01-01 00:00", "2027-01-01 00:05"]),
    ("cron(10-30/10 1 29 2 ? *)", ["2028-02-29 01:10", "2028-02-29 01:20"]),
    ("cron(0 0 ? * FRI-MON *)", ["2026-11-22 00:00", "2026-11-23 00:00", "2026-11-27 00:00"]),
    ("cron(0 12 25 12 ? 2025)", []),
    ("cron(0 0 31 2 ? *)", []),
    ("cron(0 0 1 1 ? 2199)", ["2199-01-01 00:00"]),
]


@pytest.mark.parametrize(("expression", "wanted"), DOCUMENTED)
def test_cron(expression: str, wanted: list[str]) -> None:
    assert runs(expression, "2026-11-21T00:00:00", max(len(wanted), 1)) == wanted


def test_rate_counts_from_its_anchor() -> None:
    schedule = parse_schedule("rate(5 minutes)")
    assert schedule.next_after(1000) == 301_000
    assert schedule.next_after(1000, anchor_ms=500) == 300_500
    assert schedule.next_after(300_500, anchor_ms=500) == 600_500
    assert schedule.next_after(0, anchor_ms=500) == 500
    assert parse_schedule("rate(1 hour)").next_after(0) == 3_600_000
    assert parse_schedule("rate(7 days)").next_after(0) == 7 * 86_400_000


def test_at_is_due_once() -> None:
    schedule = parse_schedule("at(2026-11-20T13:00:00)")
    due = ms("2026-11-20T13:00:00")
    assert schedule.next_after(due - 1) == due
    assert schedule.next_after(due) is None
    assert schedule.next_after(0, timezone="America/New_York") == due + 5 * 3_600_000


def test_local_times() -> None:
    assert runs("cron(0 8 * * ? *)", "2026-03-07T00:00:00", 3, "America/New_York") == [
        "2026-03-07 13:00",
        "2026-03-08 12:00",
        "2026-03-09 12:00",
    ]


def test_a_skipped_local_time_is_left_out() -> None:
    assert runs("cron(30 2 * * ? *)", "2026-03-07T08:00:00", 1, "America/New_York") == [
        "2026-03-09 06:30"
    ]


def test_a_repeated_local_time_counts_once() -> None:
    assert runs("cron(30 1 * * ? *)", "2026-11-01T00:00:00", 2, "America/New_York") == [
        "2026-11-01 05:30",
        "2026-11-02 06:30",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "", "rate(5 minute)", "rate(1 minutes)", "rate(0 minutes)", "rate(-1 minutes)",
        "rate(5  minutes)", "rate(5 seconds)", "rate(1.5 hours)", "Rate(5 minutes)",
        "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(0 10 * * ?)", "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 * 13 ? *)",
        "cron(0 0 ? * 8 *)", "cron(0 0 ? * 3#6 *)", "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 * * ? 1969)", "cron(0/0 * * * ? *)", "cron(a * * * ? *)", "cron(? * * * ? *)",
        "cron(0 0 , * ? *)", "at(2026-13-01T00:00:00)", "at(2026-11-20 13:00:00)", "at(now)",
    ],
)  # fmt: skip
def test_refuses_with_the_sentence_of_aws(text: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        parse_schedule(text)
    assert caught.value.code == "ValidationException"
    assert caught.value.message == "Parameter ScheduleExpression is not valid."
