"""Event source mappings. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.lambda_ import errors, paging, store
from pileus.services.lambda_.kafka import places
from pileus.services.lambda_.kafka.following import KafkaSources
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.names import function_name
from pileus.services.lambda_.operations import kafka_settings
from pileus.services.lambda_.operations import mapping_settings as settings
from pileus.services.lambda_.queue_source import QueueSources
from pileus.services.lambda_.streams import store as shards
from pileus.services.lambda_.streams.following import StreamSources, beginnings, is_stream
from pileus.services.lambda_.streams.model import Progress
from pileus.values.body import Body
from pileus.values.times import utc


@stream
async def create_event_source_mapping(
    call: StreamCall, request: Dictionary[str, Any], body: Body | None
) -> Reply:
    """Let messages of a queue, records of a stream or of a Kafka topic invoke a function."""
    mapping = settings.made(call, request)
    if mapping.kafka is not None:
        call.part(KafkaSources).check()
    await settings.check_source(call, mapping)
    begun: list[Progress] = []
    latest: dict[str, str] = {}
    if is_stream(mapping.source):
        begun, latest = await beginnings(call, mapping)

    def step(write: WriteCall) -> str:
        settings.timeout_s(write, mapping)
        _refuse_twins(write, mapping)
        mapping.modified_ms = write.now_ms
        store.put_mapping(write.state, mapping)
        for progress in begun:
            shards.put(write.state, mapping.id, progress)
        return mapping.id

    made = await call.write(step, once=True)
    kept = call.read(lambda view: store.find_mapping(view, made))
    # A repetition of a call that was answered already must not begin at today's tip.
    _follow(call, kept, latest if made == mapping.id else None)
    return Reply(_shown(call, kept, "Creating"), status=202)


def _follow(call: StreamCall, mapping: Mapping, latest: dict[str, str] | None = None) -> None:
    """Begin, change or end polling, as the mapping says now."""
    if mapping.kafka is not None:
        call.part(KafkaSources).follow(call, mapping)
    elif is_stream(mapping.source):
        call.part(StreamSources).follow(call, mapping, latest)
    else:
        call.part(QueueSources).follow(call, mapping)


def _refuse_twins(write: WriteCall, mapping: Mapping) -> None:
    for _, raw in write.state.range(("mapping",)):
        other = store.MAPPINGS.decode(raw)
        if mapping.kafka is not None:
            kafka_settings.check_twin(mapping, mapping.kafka, other)
            continue
        if (other.source, other.function, other.qualifier) == (
            mapping.source, mapping.function, mapping.qualifier,
        ):  # fmt: skip
            raise errors.mapping_exists(mapping.source, mapping.function, other.id)


def _shown(call: Call, mapping: Mapping, state: str = "") -> dict[str, Any]:
    shown: dict[str, Any] = {
        "UUID": mapping.id,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "FunctionArn": store.arn_of(call, mapping.function, mapping.qualifier),
        "EventSourceMappingArn": call.arn(f"event-source-mapping:{mapping.id}"),
        "LastModified": utc(mapping.modified_ms),
        "State": state or ("Enabled" if mapping.is_enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.reports_failures else [],
    }
    if mapping.source:
        shown["EventSourceArn"] = mapping.source
    if mapping.last_result:
        shown["LastProcessingResult"] = mapping.last_result
    if mapping.filters:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": p} for p in mapping.filters]}
    if mapping.concurrency_max:
        shown["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency_max}
    if is_stream(mapping.source):
        shown |= _shown_of_stream(mapping)
    if mapping.kafka is not None:
        shown |= kafka_settings.shown(mapping, mapping.kafka)
    return shown


def _shown_of_stream(mapping: Mapping) -> dict[str, Any]:
    destination = {"Destination": mapping.on_failure} if mapping.on_failure else {}
    shown: dict[str, Any] = {
        "StateTransitionReason": "User action",
        "LastProcessingResult": mapping.last_result or "No records processed",
        "StartingPosition": mapping.start,
        "ParallelizationFactor": mapping.parallel,
        "DestinationConfig": {"OnFailure": destination},
        "MaximumRecordAgeInSeconds": mapping.age_max_s,
        "BisectBatchOnFunctionError": mapping.bisects,
        "MaximumRetryAttempts": mapping.retries_max,
        "TumblingWindowInSeconds": mapping.tumbling_s,
    }
    if mapping.start_ms:
        shown["StartingPositionTimestamp"] = utc(mapping.start_ms)
    return shown


@read
def get_event_source_mapping(call: ReadCall, request: Dictionary[str, Any]) -> dict[str, Any]:
    """One mapping."""
    return _shown(call, store.find_mapping(call, request["UUID"]))


@read
def list_event_source_mappings(call: ReadCall, request: Dictionary[str, Any]) -> dict[str, Any]:
    """Mappings of a function or source."""
    source, name = request.get("EventSourceArn"), request.get("FunctionName")
    wanted = function_name(name)[0] if name else None
    found = [store.MAPPINGS.decode(raw) for _, raw in call.state.range(("mapping",))]
    shown = [
        _shown(call, mapping)
        for mapping in found
        if source in (None, mapping.source) and wanted in (None, mapping.function)
    ]
    return paging.page("EventSourceMappings", shown, request)


@stream
async def update_event_source_mapping(
    call: StreamCall, request: Dictionary[str, Any], body: Body | None
) -> Reply:
    """Change a mapping."""
    current = call.read(lambda view: store.find_mapping(view, request["UUID"]))
    was_enabled = current.is_enabled
    settings.apply(call, current, request)
    await settings.check_source(call, current)

    def step(write: WriteCall) -> Mapping:
        mapping = store.find_mapping(write, request["UUID"])
        settings.apply(write, mapping, request)
        mapping.trouble = ""
        settings.timeout_s(write, mapping)
        mapping.modified_ms = write.now_ms
        store.put_mapping(write.state, mapping)
        return mapping

    mapping = await call.write(step)
    _follow(call, mapping)
    state = "Updating"
    if was_enabled != mapping.is_enabled:
        state = "Enabling" if mapping.is_enabled else "Disabling"
    return Reply(_shown(call, mapping, state), status=202)


@stream
async def delete_event_source_mapping(
    call: StreamCall, request: Dictionary[str, Any], body: Body | None
) -> Reply:
    """End a mapping."""

    def step(write: WriteCall) -> Mapping:
        mapping = store.find_mapping(write, request["UUID"])
        write.state.delete(("mapping", mapping.id))
        shards.forget(write.state, mapping.id)
        places.forget(write.state, mapping.id)
        return mapping

    mapping = await call.write(step)
    call.part(QueueSources).forget(mapping.id)
    call.part(StreamSources).forget(mapping.id)
    call.part(KafkaSources).forget(mapping.id)
    return Reply(_shown(call, mapping, "Deleting"), status=202)
