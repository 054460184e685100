"""Schedules of EventBridge rules and of EventBridge Scheduler: ``rate``, ``cron`` and ``at``.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html and
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html. AWS's cron has six
fields (minutes, hours, day of month, month, day of week, year), days of the week count from 1 =
Sunday, and exactly one of the two day fields is ``?``.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from pileus.values.errors import ServiceError
from pileus.values.times import epoch_ms, utc

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_MINUTE: Final = timedelta(minutes=1)

DaysOfMonth = Callable[[int, int], list[int]]


class InvalidSchedule(ServiceError):
    """A schedule expression EventBridge refuses: ``ValidationException``."""

    def __init__(self, expression: str) -> None:
        super().__init__("ValidationException", "Parameter ScheduleExpression is not valid.")
        self.expression = expression


class Schedule:
    """When something is due. ``kind`` is ``rate``, ``cron`` or ``at``."""

    kind: str

    def next_after(
        self, at_ms: int, *, timezone: str | None = None, anchor_ms: int | None = None
    ) -> int | None:
        """The first due time strictly after a moment.

        Args:
            at_ms: epoch milliseconds.
            timezone: IANA name in which ``cron`` and ``at`` are read; UTC when None. A local time
                the clock skips is left out; one it repeats counts once, the first time.
            anchor_ms: the moment ``rate`` counts from (creation or start date, due itself);
                ``at_ms`` when None.
        Returns:
            Epoch milliseconds, or None when it is never due again.
        Raises:
            zoneinfo.ZoneInfoNotFoundError: for an unknown time zone.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RateSchedule(Schedule):
    """Due every ``period_ms`` milliseconds."""

    period_ms: int
    kind: str = "rate"

    def next_after(
        self, at_ms: int, *, timezone: str | None = None, anchor_ms: int | None = None
    ) -> int | None:
        if anchor_ms is None:
            return at_ms + self.period_ms
        if anchor_ms > at_ms:
            return anchor_ms
        return anchor_ms + ((at_ms - anchor_ms) // self.period_ms + 1) * self.period_ms


@dataclass(frozen=True, slots=True)
class AtSchedule(Schedule):
    """Due once, at a local date and time."""

    local: datetime
    kind: str = "at"

    def next_after(
        self, at_ms: int, *, timezone: str | None = None, anchor_ms: int | None = None
    ) -> int | None:
        due_ms = epoch_ms(self.local.replace(tzinfo=_zone(timezone)))
        return due_ms if due_ms > at_ms else None


@dataclass(frozen=True, slots=True)
class CronSchedule(Schedule):
    """Due at the minutes that all fields accept."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]
    days: DaysOfMonth
    kind: str = "cron"

    def next_after(
        self, at_ms: int, *, timezone: str | None = None, anchor_ms: int | None = None
    ) -> int | None:
        zone = _zone(timezone)
        start = utc(at_ms).astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
        # A repeated hour is read twice on the wall clock: start early, skip what is not later.
        for local in self._moments(start - timedelta(hours=2 if zone is not UTC else 0)):
            due = local.replace(tzinfo=zone)
            due_ms = epoch_ms(due)
            if due_ms <= at_ms:
                continue
            if utc(due_ms).astimezone(zone).replace(tzinfo=None) == local:
                return due_ms
        return None

    def _moments(self, start: datetime) -> Iterator[datetime]:
        """All accepted minutes from ``start`` on, in local time."""
        for day in self._dates(start.date()):
            is_first = day == start.date()
            for hour in self.hours:
                if is_first and hour < start.hour:
                    continue
                for minute in self.minutes:
                    moment = datetime(day.year, day.month, day.day, hour, minute)
                    if moment >= start:
                        yield moment

    def _dates(self, start: date) -> Iterator[date]:
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self.days(year, month):
                    if (year, month, day) >= (start.year, start.month, start.day):
                        yield date(year, month, day)


def _zone(name: str | None) -> tzinfo:
    return UTC if name in (None, "UTC") else ZoneInfo(str(name))


def parse_schedule(text: str) -> Schedule:
    """Parse a schedule expression.

    Raises:
        InvalidSchedule: with AWS's sentence, when it is none.
    """
    if found := _RATE.fullmatch(text):
        count = int(found[1])
        if (count == 1) == bool(found[3]):
            raise InvalidSchedule(text)
        return RateSchedule(count * _UNIT_MS[found[2]])
    try:
        if found := _AT.fullmatch(text):
            return AtSchedule(datetime.fromisoformat(found[1]))
        if found := _CRON.fullmatch(text):
            return _parse_cron(found[1].split())
    except ValueError:
        raise InvalidSchedule(text) from None
    raise InvalidSchedule(text)


def _parse_cron(fields: list[str]) -> CronSchedule:
    if len(fields) != 6:
        raise ValueError("six fields are required")
    minutes, hours, month_days, months, week_days, years = fields
    if (month_days == "?") == (week_days == "?"):
        raise ValueError("exactly one of the day fields must be ?")
    return CronSchedule(
        minutes=_values(minutes, 0, 59),
        hours=_values(hours, 0, 23),
        months=_values(months, 1, 12, _MONTHS),
        years=_values(years, 1970, 2199),
        days=_week_days(week_days) if month_days == "?" else _month_days(month_days),
    )


def _values(text: str, low: int, high: int, names: list[str] | None = None) -> tuple[int, ...]:
    """The sorted numbers a field of lists, ranges, steps and names accepts."""
    accepted: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, 1, high) if slash else 1
        if span in ("*", "") and (span or slash):
            first, last = low, high
        elif "-" in span:
            first_text, _, last_text = span.partition("-")
            first, last = (_named(t, low, high, names) for t in (first_text, last_text))
        else:
            first = _named(span, low, high, names)
            last = high if slash else first
        if last < first:  # a range may run over the end: FRI-MON, 22-2
            accepted.update((v - low) % (high - low + 1) + low
                            for v in range(first, last + high - low + 2, step))  # fmt: skip
        else:
            accepted.update(range(first, last + 1, step))
    return tuple(sorted(accepted))


def _number(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise ValueError(f"{text!r} is not between {low} and {high}")
    return int(text)


def _named(text: str, low: int, high: int, names: list[str] | None) -> int:
    if names and text.upper() in names:
        return names.index(text.upper()) + low
    return _number(text, low, high)


def _month_days(text: str) -> DaysOfMonth:
    if text == "L":
        return lambda year, month: [monthrange(year, month)[1]]
    if text == "LW":
        return lambda year, month: [_nearest_weekday(year, month, monthrange(year, month)[1])]
    if text.endswith("W"):
        day = _number(text[:-1], 1, 31)

        def nearest(year: int, month: int) -> list[int]:
            last = monthrange(year, month)[1]
            return [_nearest_weekday(year, month, day)] if day <= last else []

        return nearest
    days = _values(text, 1, 31)

    def listed(year: int, month: int) -> list[int]:
        last = monthrange(year, month)[1]
        return [day for day in days if day <= last]

    return listed


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The weekday nearest to a date, without leaving the month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < monthrange(year, month)[1] else day - 2
    return day


def _week_days(text: str) -> DaysOfMonth:
    if text == "L":
        return _each_week((7,))
    if "#" in text:
        name, _, order_text = text.partition("#")
        wanted, order = _named(name, 1, 7, _WEEKDAYS), _number(order_text, 1, 5)

        def numbered(year: int, month: int) -> list[int]:
            return _each_week((wanted,))(year, month)[order - 1 : order]

        return numbered
    if text.endswith("L"):
        wanted = _named(text[:-1], 1, 7, _WEEKDAYS)
        return lambda year, month: _each_week((wanted,))(year, month)[-1:]
    return _each_week(_values(text, 1, 7, _WEEKDAYS))


def _each_week(wanted: tuple[int, ...]) -> DaysOfMonth:
    def days(year: int, month: int) -> list[int]:
        first, last = monthrange(year, month)
        # monthrange counts Monday as 0; AWS counts Sunday as 1.
        return [day for day in range(1, last + 1) if (first + day) % 7 + 1 in wanted]

    return days
