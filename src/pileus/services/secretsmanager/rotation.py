"""When a secret is due for rotation, and what is written when one begins, fails and ends.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.sealing import seal
from pileus.languages.schedule import InvalidSchedule, parse_schedule
from pileus.services.secretsmanager import errors, store, values
from pileus.services.secretsmanager.limits import LIMITS
from pileus.services.secretsmanager.model import (
    CURRENT,
    DAY_MS,
    PENDING,
    Rotation,
    Secret,
    Version,
)

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_HOUR_MS = 3_600_000
_HOURS_MIN = 4


def with_rules(rotation: Rotation, rules: Mapping[str, Any]) -> None:
    """Take over what a request says of the schedule; raises InvalidParameterException."""
    days, schedule = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    if days and schedule:
        raise errors.both_rotation_rules()
    if schedule:
        _check_schedule(schedule)
    if days or schedule:
        rotation.days, rotation.schedule = days or 0, schedule or ""
    hours = int(str(rules.get("Duration") or "0h")[:-1])
    if hours > 24 or (hours and _is_hourly(rotation) and hours * _HOUR_MS > _period_ms(rotation)):
        raise errors.invalid_duration(hours)
    if days or schedule or hours:
        rotation.window_hours = hours


def _check_schedule(expression: str) -> None:
    try:
        parsed = parse_schedule(expression)
    except InvalidSchedule:
        raise errors.invalid_schedule(expression) from None
    period_ms = getattr(parsed, "period_ms", _HOURS_MIN * _HOUR_MS)
    if parsed.kind == "at" or period_ms < _HOURS_MIN * _HOUR_MS:
        raise errors.invalid_schedule(expression)


def _period_ms(rotation: Rotation) -> int:
    """The time between two rotations of ``rate(…)``; 0 for other rules."""
    if not rotation.schedule.startswith("rate("):
        return 0
    return int(getattr(parse_schedule(rotation.schedule), "period_ms", 0))


def _is_hourly(rotation: Rotation) -> bool:
    return "hour" in rotation.schedule


def window(rotation: Rotation, after_ms: int) -> tuple[int, int] | None:
    """Begin and end of the next rotation window after a moment; None without a schedule.

    A window of days begins at midnight UTC and lasts until the next unless Duration says
    otherwise; one of hours lasts an hour.
    """
    if rotation.days:
        opens_ms = after_ms // DAY_MS * DAY_MS + rotation.days * DAY_MS
    elif rotation.schedule:
        period_ms = _period_ms(rotation)
        due_ms = parse_schedule(rotation.schedule).next_after(after_ms)
        if due_ms is None:
            return None
        unit_ms = _HOUR_MS if _is_hourly(rotation) else DAY_MS
        opens_ms = due_ms // unit_ms * unit_ms if period_ms else due_ms
    else:
        return None
    if rotation.window_hours:
        return opens_ms, opens_ms + rotation.window_hours * _HOUR_MS
    if _is_hourly(rotation):
        return opens_ms, opens_ms + _HOUR_MS
    return opens_ms, (opens_ms // DAY_MS + 1) * DAY_MS


def rearm(call: WriteCall, found: Secret) -> None:
    """Set the timer of the next rotation, by the last one or by when the rules were given."""
    rotation = found.rotation
    call.cancel_timer("rotate_secret", found.name)
    if rotation is None or found.deleted_ms:
        return
    rotation.next_ms = 0
    if rotation.is_enabled:
        due = window(rotation, max(rotation.rotated_ms, rotation.since_ms))
        if due is not None and due[1] <= call.now_ms:
            due = window(rotation, call.now_ms)
        if due is not None:
            rotation.next_ms = due[1] - 1000
            payload = {"name": found.name}
            call.set_timer(
                Timer(name="rotate_secret", key=found.name, at_ms=due[0], payload=payload)
            )
    store.put(call.state, found)


def pending(call: Any, found: Secret) -> Version | None:
    """The version that a rotation has begun and not made current, or None."""
    version = store.staged(call.state, found.name, PENDING)
    return None if version is None or CURRENT in version.stages else version


def begin(call: WriteCall, found: Secret, token: str, *, is_test: bool) -> None:
    """Announce the version under rotation: labelled AWSPENDING, still without a value."""
    rotation = found.rotation
    assert rotation is not None
    rotation.token, rotation.is_test, rotation.attempts = token, is_test, 0
    rotation.step = STEPS.index("testSecret") if is_test else 0
    if store.version(call.state, found.name, token) is None:
        store.make_room(call, found.name)
        version = Version(id=token, created_ms=call.now_ms)
        current = store.staged(call.state, found.name, CURRENT)
        if is_test and current is not None and current.sealed:
            plain = values.plain_value(call, found, current)
            version.sealed = seal(call, plain, values.place(call, found, token))
            version.is_binary = current.is_binary
        store.put_version(call.state, found.name, version)
        values.set_stage(call, found, PENDING, token)
    store.put(call.state, found)


def advance(call: WriteCall, name: str, token: str) -> bool:
    """One step was done; False when the rotation is over."""
    found = store.by_name(call.state, name)
    if found is None or found.rotation is None or found.rotation.token != token:
        return False
    rotation = found.rotation
    rotation.step += 1
    if not rotation.is_test and rotation.step < len(STEPS):
        store.put(call.state, found)
        return True
    rotation.token = ""
    if rotation.is_test:
        _forget_test(call, found, token)
    else:
        rotation.rotated_ms = found.changed_ms = call.now_ms
    store.put(call.state, found)
    rearm(call, found)
    return False


def _forget_test(call: WriteCall, found: Secret, token: str) -> None:
    version = store.version(call.state, found.name, token)
    if version is not None and set(version.stages) <= {PENDING}:
        call.state.delete(("version", found.name, token))


def failed(call: WriteCall, name: str, token: str) -> None:
    """A step failed: all four are tried again in a while, a few times; then at the next date."""
    found = store.by_name(call.state, name)
    if found is None or found.rotation is None or found.rotation.token != token:
        return
    rotation = found.rotation
    rotation.attempts += 1
    if rotation.is_test or rotation.attempts >= LIMITS.rotation_attempts_max:
        rotation.token = ""
        if rotation.is_test:
            _forget_test(call, found, token)
        rotation.since_ms = max(rotation.since_ms, call.now_ms)
        store.put(call.state, found)
        rearm(call, found)
        return
    rotation.step = 0
    store.put(call.state, found)
    pause_ms = LIMITS.rotation_pause_ms * 2 ** (rotation.attempts - 1)
    payload = {"name": name, "token": token}
    at_ms = call.now_ms + pause_ms
    call.set_timer(Timer(name="retry_rotation", key=name, at_ms=at_ms, payload=payload))
