"""Where results can go: what a Kinesis stream and an event bus get, and how much at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from pileus.kernel.calls import StreamCall
from pileus.ports.log import Record
from pileus.services.media import errors, store
from pileus.services.media.model import Deliver, Pipeline
from pileus.values.arns import Arn, is_arn
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.media")
EVENT_SOURCE, DETAIL_TYPE = "pileus.media", "Media Result"
_EVENTS_AT_ONCE = 10
_EVENTS_BYTES_MAX = 256 * 1024
_EVENT_BYTES = 512
"""What an event holds besides its detail, at most: source, type, time, two ARNs."""
_RECORD_BYTES_MAX = 1024 * 1024
"""What every stream takes; one may be configured to take more."""


class _Document(msgspec.Struct):
    engine: str
    done_at_ms: int
    series: list[msgspec.Raw]
    error: str = ""


_DOCUMENTS = msgspec.json.Decoder(_Document)


class Target(Protocol):
    """A stream or bus. Equal ones are the same."""

    @property
    def place(self) -> str:
        """``stream:<name or ARN>`` or ``bus:<name or ARN>``."""
        ...

    def takes(self, record: Record) -> bool:
        """Whether the result is to be delivered at all."""
        ...

    def parts(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        """Results in order, as many together as go in one call."""
        ...

    async def send(self, call: StreamCall, source: str, records: list[Record]) -> None:
        """Give them over. Raises ServiceError: some of them, or all, were not taken."""
        ...


def targets_of(pipeline: Pipeline) -> list[Target]:
    """Where a pipeline's results go."""
    deliver = pipeline.deliver
    found: list[Target] = []
    if deliver is not None and deliver.stream:
        found.append(StreamTarget(name=deliver.stream, is_empty_left_out=deliver.skips_empty))
    if deliver is not None and deliver.bus:
        found.append(BusTarget(name=deliver.bus, is_empty_left_out=deliver.skips_empty))
    return found


def checked(given: Any) -> Deliver | None:
    """``Deliver`` of a request; None where it names nothing. Raises ValidationException."""
    deliver = Deliver(
        bus=given.get("Bus") or "",
        stream=given.get("Stream") or "",
        skips_empty=bool(given.get("SkipEmpty")),
    )
    for name, value, service in (
        ("Bus", deliver.bus, "events"),
        ("Stream", deliver.stream, "kinesis"),
    ):
        if is_arn(value) and Arn.parse(value).service != service:
            raise errors.invalid(f"Deliver.{name} is a name or an ARN of {service}, not {value}.")
    if not deliver.bus and not deliver.stream:
        if deliver.skips_empty:
            raise errors.invalid("Deliver has a Bus, a Stream, or both.")
        return None
    return deliver


def _is_empty(record: Record) -> bool:
    """Whether the engine found nothing."""
    document = _DOCUMENTS.decode(record.value)
    return not document.series and not document.error


def _ours(call: StreamCall) -> Principal:
    return Principal.service("media.amazonaws.com", call.account)


class StreamTarget(msgspec.Struct, frozen=True):
    """A Kinesis stream: a record a result, all of a source on one shard."""

    name: str
    is_empty_left_out: bool

    @property
    def place(self) -> str:
        return f"stream:{self.name}"

    def takes(self, record: Record) -> bool:
        return not (self.is_empty_left_out and _is_empty(record))

    def parts(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        # One by one: of several together a stream may take the second and not the first.
        return ([each] for each in records)

    async def send(self, call: StreamCall, source: str, records: list[Record]) -> None:
        key = "StreamARN" if is_arn(self.name) else "StreamName"
        for each in records:
            given = {key: self.name, "PartitionKey": source, "Data": each.value}
            try:
                await call.invoke("kinesis", "PutRecord", given, principal=_ours(call))
            except ServiceError as problem:
                if len(each.value) < _RECORD_BYTES_MAX or problem.code != "ValidationException":
                    raise
                # No later attempt would make it smaller.
                _log.warning("result %d of %s is too large for %s", each.offset, source, self.name)


class BusTarget(msgspec.Struct, frozen=True):
    """An event bus: an event a result, which is its detail."""

    name: str
    is_empty_left_out: bool

    @property
    def place(self) -> str:
        return f"bus:{self.name}"

    def takes(self, record: Record) -> bool:
        return not (self.is_empty_left_out and _is_empty(record))

    def parts(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        part: list[Record] = []
        room_bytes = _EVENTS_BYTES_MAX
        for each in records:
            size_bytes = len(each.value) + _EVENT_BYTES
            if part and (len(part) == _EVENTS_AT_ONCE or size_bytes > room_bytes):
                yield part
                part, room_bytes = [], _EVENTS_BYTES_MAX
            part.append(each)
            room_bytes -= size_bytes
        if part:
            yield part

    async def send(self, call: StreamCall, source: str, records: list[Record]) -> None:
        if len(records[0].value) + _EVENT_BYTES > _EVENTS_BYTES_MAX:
            # It goes alone, and no later attempt would make it smaller.
            _log.warning("result %d of %s is too large for an event", records[0].offset, source)
            return
        entries = [self._entry(call, source, each) for each in records]
        reply = await call.invoke(
            "events", "PutEvents", {"Entries": entries}, principal=_ours(call)
        )
        for told in reply.output["Entries"]:
            if "ErrorCode" in told:
                raise ServiceError(told["ErrorCode"], told["ErrorMessage"])

    def _entry(self, call: StreamCall, source: str, record: Record) -> dict[str, Any]:
        document = _DOCUMENTS.decode(record.value)
        return {
            "EventBusName": self.name,
            "Source": EVENT_SOURCE,
            "DetailType": DETAIL_TYPE,
            "Time": document.done_at_ms // 1000,
            "Resources": [
                store.arn_of(call, "source", source),
                store.arn_of(call, "engine", document.engine),
            ],
            "Detail": record.value.decode(),
        }
