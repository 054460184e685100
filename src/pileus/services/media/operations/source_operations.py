"""Sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.media.intake.location import locate, redacted
from pileus.media.units import SourceError
from pileus.ports.intakes import PUSHED
from pileus.services.media import copies, errors, push_keys, shapes, store
from pileus.services.media.model import STOPPED, Source
from pileus.services.media.records import places
from pileus.services.media.retention import Retention
from pileus.services.media.streams import Streams
from pileus.values.body import Body


def _address(record: Source, request: Mapping[str, Any]) -> str:
    """Where it comes from; raises ValidationException for nothing, and for two things at once."""
    url: str = request.get("Url", "")
    if request.get("Push"):
        if url:
            raise errors.invalid("A source is read at its Url or pushed to, not both.")
        return PUSHED
    if url.startswith(PUSHED):
        raise errors.invalid("A source that is pushed to has Push, and no Url.")
    if request.get("Push") is False and not url and record.url == PUSHED:
        raise errors.invalid("A source that is not pushed to has a Url.")
    if not url and not record.url:
        raise errors.invalid("A source has a Url, or Push.")
    return url or record.url


def _apply(call: WriteCall, record: Source, request: Mapping[str, Any]) -> None:
    """Take over what is given; raises ValidationException for an address that means nothing."""
    had_records, is_new = record.records is not None, not record.url
    record.url = _address(record, request)
    record.options = dict(request.get("Options", record.options))
    record.is_listening = request.get("Listen", record.is_listening and record.url != PUSHED)
    if had_records or places.is_stream(record.url) or request.get("Records") is not None:
        if not (had_records or is_new):
            raise errors.has_media(record.name, " Delete it first.")
        _apply_records(call, record, request)
    else:
        _apply_media(record)
    if "SegmentSeconds" in request:
        record.segment_ms = round(request["SegmentSeconds"] * 1000)
    record.keep_s = request.get("KeepSeconds", record.keep_s)
    record.keep_bytes = request.get("KeepBytes", record.keep_bytes)
    record.keep_results_s = request.get("KeepResultsSeconds", record.keep_results_s)
    record.keep_results_bytes = request.get("KeepResultsBytes", record.keep_results_bytes)
    record.copy_to = request.get("CopyTo", record.copy_to)
    if record.copy_to:
        copies.bucket_and_prefix(record.copy_to)
    record.is_paced = request.get("Paced", record.is_paced)
    record.is_enabled = request.get("Enabled", record.is_enabled)


def _apply_media(record: Source) -> None:
    try:
        location = locate(record.url, record.options, is_listening=record.is_listening)
    except SourceError as problem:
        raise errors.invalid(str(problem)) from None
    record.shown, record.is_live = location.shown, location.is_live


def _apply_records(call: WriteCall, record: Source, request: Mapping[str, Any]) -> None:
    for name in ("CopyTo", "SegmentSeconds"):
        if request.get(name):
            raise errors.has_records(record.name, f" {name} is for media.")
    if unknown := sorted(set(record.options) - {"user_agent"}):
        raise errors.invalid(f"{unknown[0]} is no option of a source of records; user_agent is.")
    if record.is_listening:
        raise errors.invalid("Listen is for media; records are pushed to PushUrl.")
    given = request.get("Records") or {}
    record.records = places.told(call, record.url, record.records, given)
    record.shown = "What is pushed" if record.url == PUSHED else redacted(record.url)


@stream
async def create_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Read a source from now on, unless it is not enabled."""

    def step(write: WriteCall) -> None:
        store.check_new(write.state, "source", request["Name"])
        record = Source(name=request["Name"], url="", shown="", created_ms=write.now_ms)
        _apply(write, record, request)
        push_keys.give(write, record)
        store.put(write.state, "source", record)

    if call.read(lambda view: store.find(view.state, "source", request["Name"])) is None:
        await call.part(Streams).prepare(call, request["Name"])
    await call.write(step, once=True)
    call.part(Streams).follow(call, request["Name"])
    call.part(Retention).look_after(call)
    return Reply({"Source": _shown(call, request["Name"])})


@stream
async def update_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Change a source; it is read anew."""

    def step(write: WriteCall) -> None:
        record = store.named(write.state, "source", request["Name"])
        _apply(write, record, request)
        push_keys.give(write, record)
        record.revision += 1
        store.put(write.state, "source", record)

    await call.write(step, once=True)
    await call.part(Streams).restart(call, request["Name"])
    call.part(Retention).look_after(call)
    return Reply({"Source": _shown(call, request["Name"])})


@stream
async def rotate_push_key(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Give a source that is pushed to a new key. The one it had ends after ``GraceSeconds``, at once where none
    are given; a publisher who came with it is cut off then."""
    name, grace_s = request["Name"], request.get("GraceSeconds", 0)

    def step(write: WriteCall) -> None:
        record = store.named(write.state, "source", name)
        push_keys.rotate(write, record, grace_s)
        store.put(write.state, "source", record)

    await call.write(step, once=True)
    await call.part(Streams).keys_changed(call, name, grace_s)
    return Reply({"Source": _shown(call, name)})


@stream
async def delete_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Read it no more, and forget its recording and what engines said of it."""
    name = request["Name"]

    def step(write: WriteCall) -> None:
        store.named(write.state, "source", name)
        for pipeline in store.every(write.state, "pipeline"):
            if pipeline.source == name:
                raise errors.in_use("source", name, pipeline.name)
        write.state.delete(("source", name))

    await call.write(step, once=True)
    await call.part(Streams).forget(call, name)
    return Reply({})


@stream
async def describe_source(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """A source, its state and why it is in it, what it holds; of one that is pushed to, where to and with
    which key."""

    def look(view: ReadCall) -> dict[str, Any]:
        record = store.named(view.state, "source", request["Name"])
        return shapes.source(view, record) | shapes.push(view, record)

    known = call.part(Streams).known(call, request["Name"])
    told = call.read(look) | shapes.known(known)
    if "Records" in told:
        topic = store.topic(call.account, call.region, request["Name"], store.RECORDS)
        low, end = call.log.bounds(topic, 0) if topic in call.log.topics() else (0, 0)
        told["RecordsKept"] = end - low
    return Reply({"Source": told})


@read
def list_sources(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Sources in order of name."""
    found, token = store.page(call.state, "source", request)
    output: dict[str, Any] = {"Sources": [shapes.source(call, each) for each in found]}
    return output | ({"NextToken": token} if token else {})


def _shown(call: StreamCall, name: str) -> dict[str, Any]:
    def look(view: ReadCall) -> dict[str, Any]:
        found = store.find(view.state, "source", name)
        # Deleted by another call meanwhile.
        if found is None:
            return {"Name": name, "State": STOPPED}
        return shapes.source(view, found) | shapes.push(view, found)

    return call.read(look)
