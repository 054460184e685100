"""Lifecycle rules: checked, shown as expiry dates, and carried out once a day.

S3 rounds an object's age up to the next midnight UTC and runs its rules once a day; so does this.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.ports.state import Space
from pileus.services.s3 import errors, store, versions
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Bucket, Version
from pileus.services.s3.notices import announce
from pileus.values.errors import StoreUnavailable
from pileus.values.times import epoch_ms, utc

KIND = "lifecycle"
DAY_MS = 86_400_000
_ROWS_PER_STEP = 200
_RETRY_S = 60.0
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)


def checked(config: Mapping[str, Any], new_ids: Iterator[str]) -> dict[str, Any]:
    """The configuration with an id for every rule.

    Raises:
        ServiceError: MalformedXML, InvalidRequest, InvalidArgument.
    """
    rules = config.get("Rules") or []
    if not 1 <= len(rules) <= LIMITS.lifecycle_rules_max:
        raise errors.malformed_xml()
    found = []
    for rule in rules:
        if ("Filter" in rule) == ("Prefix" in rule):
            raise errors.malformed_xml()
        if len(rule.get("Filter") or ()) > 1:
            # Several conditions stand below ``And``.
            raise errors.malformed_xml()
        if not any(rule.get(action) for action in _ACTIONS):
            raise errors.invalid_request("At least one action needs to be specified in a rule")
        _check_expiration(rule.get("Expiration") or {})
        found.append({**rule, "ID": rule.get("ID") or next(new_ids)})
    if len({rule["ID"] for rule in found}) < len(found):
        raise errors.invalid_argument(
            "Rule ID must be unique. Found same ID for more than one rule"
        )
    return {"Rules": found}


def _check_expiration(expiration: Mapping[str, Any]) -> None:
    if sum(1 for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if name in expiration) > 1:
        raise errors.malformed_xml()
    days, date = expiration.get("Days"), expiration.get("Date")
    if days is not None and days <= 0:
        raise errors.invalid_argument("'Days' for Expiration action must be a positive integer")
    if date is not None and _moment_ms(date) % DAY_MS:
        raise errors.invalid_argument("'Date' must be at midnight GMT")


def _moment_ms(value: Any) -> int:
    if isinstance(value, datetime):
        return epoch_ms(value)
    if isinstance(value, str):
        return epoch_ms(datetime.fromisoformat(value))
    return round(float(value) * 1000)


def _midnight(at_ms: int) -> int:
    """The first midnight UTC not before ``at_ms``."""
    return -(-at_ms // DAY_MS) * DAY_MS


def _applies(rule: Mapping[str, Any], key: str, version: Version | None) -> bool:
    """Whether a rule is switched on and its filter lets ``key`` through.

    ``version`` is None for uploads, which only prefixes select.
    """
    if rule["Status"] != "Enabled":
        return False
    given = rule.get("Filter") or {}
    given = {**given, **(given.get("And") or {})}
    if not key.startswith(given.get("Prefix") or rule.get("Prefix") or ""):
        return False
    tags = [*(given.get("Tags") or ()), *([given["Tag"]] if given.get("Tag") else ())]
    if version is None:
        return not tags
    size = version.size_bytes
    if size <= given.get("ObjectSizeGreaterThan", -1):
        return False
    if given.get("ObjectSizeLessThan") is not None and size >= given["ObjectSizeLessThan"]:
        return False
    return all(version.settings.tags.get(tag["Key"]) == tag["Value"] for tag in tags)


def expiry(config: Mapping[str, Any], key: str, version: Version) -> tuple[int, str] | None:
    """When the newest version of ``key`` expires (epoch ms), and by which rule."""
    found: list[tuple[int, str]] = []
    for rule in config["Rules"]:
        expiration = rule.get("Expiration") or {}
        if not _applies(rule, key, version):
            continue
        if expiration.get("Days"):
            at_ms = _midnight(version.modified_ms + expiration["Days"] * DAY_MS)
            found.append((at_ms, rule["ID"]))
        elif expiration.get("Date") is not None:
            found.append((_moment_ms(expiration["Date"]), rule["ID"]))
    return min(found) if found else None


def shown_expiry(call: ReadCall, bucket: Bucket, key: str, version: Version) -> dict[str, str]:
    """The output member that tells when an object expires, if it does."""
    if not bucket.has_lifecycle:
        return {}
    found = expiry(store.config(call.state, bucket.name, KIND) or {"Rules": []}, key, version)
    if found is None:
        return {}
    date = format_datetime(utc(found[0]), usegmt=True)
    return {"Expiration": f'expiry-date="{date}", rule-id="{quote(found[1])}"'}


# ---------------------------------------------------------------- carried out


class Lifecycles:
    """Spaces whose rules are being carried out."""

    def __init__(self) -> None:
        self.running: set[Space] = set()


def ensure(call: StreamCall) -> None:
    """Carry out the rules of this space from now on; returns at once."""
    lifecycles = call.own(Lifecycles)
    if call.space not in lifecycles.running:
        lifecycles.running.add(call.space)
        call.spawn("s3 lifecycle", _run(call, lifecycles))


async def _run(call: StreamCall, lifecycles: Lifecycles) -> None:
    try:
        while buckets := call.read(_with_rules):
            try:
                for name in buckets:
                    await _carry_out(call, name)
            except StoreUnavailable:
                await call.clock.sleep(_RETRY_S)
                continue
            now_ms = call.clock.now_ms()
            await call.clock.sleep((_midnight(now_ms + 1) - now_ms) / 1000)
    finally:
        lifecycles.running.discard(call.space)


def _with_rules(call: ReadCall) -> list[str]:
    buckets = [store.BUCKETS.decode(raw) for _, raw in call.state.range(("bucket",))]
    return [bucket.name for bucket in buckets if bucket.has_lifecycle]


async def _carry_out(call: StreamCall, name: str) -> None:
    """All of a bucket, some keys at a time."""
    after: str | None = ""
    while after is not None:
        start = after

        def step(write: WriteCall, start: str = start) -> str | None:
            return _expire_some(write, name, start)

        after = await call.write(step)
    await call.write(lambda write: _abort_uploads(write, name))


def _rules(call: WriteCall, name: str) -> tuple[Bucket, list[dict[str, Any]]] | None:
    raw = call.state.get(("bucket", name))
    config = store.config(call.state, name, KIND)
    if raw is None or config is None:
        return None
    return store.BUCKETS.decode(raw), config["Rules"]


def _expire_some(call: WriteCall, name: str, after: str) -> str | None:
    """Expire what is due among the keys behind ``after``; the last key seen, None at the end."""
    found = _rules(call, name)
    if found is None:
        return None
    bucket, rules = found
    table = ("object", name)
    rows = call.state.range(table, start=(*table, after + "\0"), limit=_ROWS_PER_STEP)
    for row, raw in rows:
        key, version = str(row[2]), store.VERSIONS.decode(raw)
        _expire_older(call, bucket, rules, key, version)
        _expire_newest(call, bucket, rules, key, version)
    return str(rows[-1][0][2]) if len(rows) == _ROWS_PER_STEP else None


def _expire_newest(
    call: WriteCall, bucket: Bucket, rules: list[dict[str, Any]], key: str, version: Version
) -> None:
    if version.is_delete_marker:
        if any(
            (rule.get("Expiration") or {}).get("ExpiredObjectDeleteMarker")
            and _applies(rule, key, version)
            for rule in rules
        ) and not call.state.range(("version", bucket.name, key), limit=1):
            versions.remove(call, bucket, key, version.version_id)
            announce(call, bucket, "LifecycleExpiration:Delete", key, version)
        return
    due = expiry({"Rules": rules}, key, version)
    if due is None or due[0] > call.now_ms:
        return
    gone, is_marker = versions.remove_current(call, bucket, key)
    if gone is not None:
        kind = "DeleteMarkerCreated" if is_marker else "Delete"
        announce(call, bucket, f"LifecycleExpiration:{kind}", key, gone)


def _expire_older(
    call: WriteCall, bucket: Bucket, rules: list[dict[str, Any]], key: str, newest: Version
) -> None:
    if not bucket.has_versions:
        return
    # A version is noncurrent since the next newer one was made.
    since_ms, newer = newest.modified_ms, 0
    for _, raw in call.state.range(("version", bucket.name, key)):
        version = store.VERSIONS.decode(raw)
        for rule in rules:
            told = rule.get("NoncurrentVersionExpiration") or {}
            days = told.get("NoncurrentDays")
            if (
                days
                and _applies(rule, key, version)
                and newer >= told.get("NewerNoncurrentVersions", 0)
                and _midnight(since_ms + days * DAY_MS) <= call.now_ms
            ):
                versions.remove(call, bucket, key, version.version_id)
                announce(call, bucket, "LifecycleExpiration:Delete", key, version)
                break
        since_ms, newer = version.modified_ms, newer + 1


def _abort_uploads(call: WriteCall, name: str) -> None:
    found = _rules(call, name)
    if found is None:
        return
    for _, raw in call.state.range(("upload", name)):
        upload = store.UPLOADS.decode(raw)
        for rule in found[1]:
            days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
            if (
                days
                and _applies(rule, upload.key, None)
                and _midnight(upload.started_ms + days * DAY_MS) <= call.now_ms
            ):
                store.discard_upload(call.state, upload.id)
                store.delete_upload(call.state, upload)
                break
