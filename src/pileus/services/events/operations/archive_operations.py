"""Archives and replays. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.operations import read, write
from pileus.services.events import errors, paging, replays, routing, store
from pileus.services.events.model import Archive, Replay
from pileus.values.times import epoch_ms, utc


def _keep_expiring(call: WriteCall, archive: Archive) -> None:
    call.cancel_timer("expire_archived", archive.name)
    if archive.retention_days:
        call.set_timer(
            Timer(
                name="expire_archived",
                key=archive.name,
                at_ms=call.now_ms,
                payload={"archive": archive.name},
            )
        )


@write
def create_archive(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the events of a bus from now on."""
    name = request["ArchiveName"]
    if call.state.get(("archive", name)) is not None:
        raise errors.exists("Archive", name)
    bus = store.find_bus(call.state, request["EventSourceArn"]).name
    pattern = request.get("EventPattern") or ""
    if pattern:
        routing.matcher(pattern)
    archive = Archive(
        name=name,
        bus=bus,
        created_ms=call.now_ms,
        pattern=pattern,
        description=request.get("Description") or "",
        retention_days=request.get("RetentionDays") or 0,
    )
    store.put_archive(call.state, archive)
    _keep_expiring(call, archive)
    return {
        "ArchiveArn": call.arn(f"archive/{name}"),
        "State": "ENABLED",
        "CreationTime": utc(call.now_ms),
    }


@write
def update_archive(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change what an archive keeps, and for how long."""
    archive = store.find_archive(call.state, request["ArchiveName"])
    if "EventPattern" in request:
        if request["EventPattern"]:
            routing.matcher(request["EventPattern"])
        archive.pattern = request["EventPattern"]
    archive.description = request.get("Description", archive.description)
    archive.retention_days = request.get("RetentionDays", archive.retention_days)
    store.put_archive(call.state, archive)
    _keep_expiring(call, archive)
    return {
        "ArchiveArn": call.arn(f"archive/{archive.name}"),
        "State": "ENABLED",
        "CreationTime": utc(archive.created_ms),
    }


@write
def delete_archive(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Delete an archive and what it kept."""
    archive = store.find_archive(call.state, request["ArchiveName"])
    call.state.delete(("archive", archive.name))
    call.state.delete_range(("archived", archive.name))
    call.cancel_timer("expire_archived", archive.name)


def _check_filters(request: Mapping[str, Any], operation: str) -> None:
    filters = ("NamePrefix", "State", "EventSourceArn")
    if sum(1 for name in filters if request.get(name)) > 1:
        raise errors.one_filter(operation, "NamePrefix")


def _shown_archive(call: Call, archive: Archive) -> dict[str, Any]:
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": call.arn(f"event-bus/{archive.bus}"),
        "State": "ENABLED",
        "RetentionDays": archive.retention_days,
        "SizeBytes": archive.size_bytes,
        "EventCount": archive.count,
        "CreationTime": utc(archive.created_ms),
    }


@read
def describe_archive(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One archive."""
    archive = store.find_archive(call.state, request["ArchiveName"])
    extra = {"Description": archive.description, "EventPattern": archive.pattern}
    return {
        **_shown_archive(call, archive),
        "ArchiveArn": call.arn(f"archive/{archive.name}"),
        **{name: value for name, value in extra.items() if value},
    }


@read
def list_archives(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Archives by name prefix and bus."""
    _check_filters(request, "ListArchives")
    prefix, source = request.get("NamePrefix") or "", request.get("EventSourceArn")
    if source:
        store.find_bus(call.state, source)
    if request.get("State") not in (None, "ENABLED"):
        return {"Archives": []}
    archives = [store.ARCHIVES.decode(raw) for _, raw in call.state.range(("archive",))]
    shown = [
        _shown_archive(call, archive)
        for archive in archives
        if archive.name.startswith(prefix) and (not source or archive.bus == store.bus_name(source))
    ]
    return paging.page("Archives", shown, request)


@write
def start_replay(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send archived events of a time span to their bus again."""
    name = request["ReplayName"]
    if call.state.get(("replay", name)) is not None:
        raise errors.exists("Replay", name)
    source, destination = request["EventSourceArn"], request["Destination"]
    if ":archive/" not in source:
        raise errors.invalid_parameter("EventSourceArn", "Must contain an archive ARN.")
    if ":event-bus/" not in destination["Arn"]:
        raise errors.invalid_parameter("Destination.Arn", "Must contain an event bus ARN.")
    bus = store.find_bus(call.state, destination["Arn"]).name
    raw = call.state.get(("archive", source.rpartition("/")[2]))
    if raw is None:
        name = source.rpartition("/")[2]
        raise errors.invalid_parameter("EventSourceArn", f"Archive {name} does not exist.")
    archive = store.ARCHIVES.decode(raw)
    if bus != archive.bus:
        raise errors.invalid_parameter(
            "Destination.Arn", "Cross event bus replay is not permitted."
        )
    start_ms, end_ms = epoch_ms(request["EventStartTime"]), epoch_ms(request["EventEndTime"])
    if end_ms <= start_ms:
        raise errors.invalid_parameter(
            "EventEndTime", "EventStartTime must be before EventEndTime."
        )
    replay = Replay(
        name=name,
        archive=archive.name,
        bus=bus,
        start_ms=start_ms,
        end_ms=end_ms,
        started_ms=call.now_ms,
        rules=[arn.rpartition("/")[2] for arn in destination.get("FilterArns") or ()],
        description=request.get("Description") or "",
    )
    store.put_replay(call.state, replay)
    replays.schedule(call, replay)
    return {
        "ReplayArn": call.arn(f"replay/{name}"),
        "State": replay.state,
        "ReplayStartTime": utc(call.now_ms),
    }


def _shown_replay(call: Call, replay: Replay) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ReplayName": replay.name,
        "EventSourceArn": call.arn(f"archive/{replay.archive}"),
        "State": replay.state,
        "EventStartTime": utc(replay.start_ms),
        "EventEndTime": utc(replay.end_ms),
        "ReplayStartTime": utc(replay.started_ms),
    }
    if replay.last_ms:
        shown["EventLastReplayedTime"] = utc(replay.last_ms)
    if replay.ended_ms:
        shown["ReplayEndTime"] = utc(replay.ended_ms)
    return shown


@read
def describe_replay(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One replay and how far it has come."""
    replay = store.find_replay(call.state, request["ReplayName"])
    shown = _shown_replay(call, replay)
    rules = [call.arn(f"rule/{name}") for name in replay.rules]
    shown["ReplayArn"] = call.arn(f"replay/{replay.name}")
    shown["Destination"] = {"Arn": call.arn(f"event-bus/{replay.bus}"), "FilterArns": rules}
    if replay.description:
        shown["Description"] = replay.description
    return shown


@read
def list_replays(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Replays by name prefix, state and archive."""
    _check_filters(request, "ListReplays")
    prefix, state = request.get("NamePrefix") or "", request.get("State")
    source = request.get("EventSourceArn")
    found = [store.REPLAYS.decode(raw) for _, raw in call.state.range(("replay",))]
    shown = [
        _shown_replay(call, replay)
        for replay in found
        if replay.name.startswith(prefix)
        and state in (None, replay.state)
        and (not source or replay.archive == source.rpartition("/")[2])
    ]
    return paging.page("Replays", shown, request)


@write
def cancel_replay(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Stop a replay; what was sent stays sent."""
    replay = store.find_replay(call.state, request["ReplayName"])
    if replay.state not in ("STARTING", "RUNNING"):
        raise errors.illegal_status(replay.name)
    replay.state, replay.ended_ms = "CANCELLED", call.now_ms
    store.put_replay(call.state, replay)
    call.cancel_timer(replays.TIMER, replay.name)
    return {"ReplayArn": call.arn(f"replay/{replay.name}"), "State": "CANCELLING"}
