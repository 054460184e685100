"""Event source mappings. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.languages.event_pattern import compile_pattern
from pileus.services.lambda_ import errors, paging, store
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.names import function_name
from pileus.services.lambda_.queue_source import QueueSources
from pileus.values.arns import Arn, is_arn
from pileus.values.body import Body
from pileus.values.errors import ServiceError
from pileus.values.times import utc

_FIFO_BATCH_MAX = 10
_BATCH_WITHOUT_WINDOW_MAX = 10


@stream
async def create_event_source_mapping(
    call: StreamCall, request: Dictionary[str, Any], body: Body | None
) -> Reply:
    """Let a queue's messages invoke a function."""
    source = request.get("EventSourceArn") or ""
    await _check_source(call, source)
    name, qualifier = function_name(request["FunctionName"])
    mapping = Mapping(id=call.new_id(), source=source, function=name, qualifier=qualifier)
    _apply(mapping, request)

    def step(write: WriteCall) -> dict[str, Any]:
        function = store.find_function(write, name, qualifier)
        store.configuration(write, function, qualifier)
        for _, raw in write.state.range(("mapping",)):
            other = store.MAPPINGS.decode(raw)
            if (other.source, other.function) == (source, name):
                raise errors.conflict(
                    f'An event source mapping with SQS arn (" {source} ") and function (" {name} ")'
                    f" already exists. Please update or delete the existing mapping with UUID {other.id}"
                )
        mapping.modified_ms = write.now_ms
        write.state.put(("mapping", mapping.id), store.MAPPINGS.encode(mapping))
        return _shown(write, mapping, "Creating")

    output = await call.write(step)
    call.part(QueueSources).follow(call, mapping)
    return Reply(output, status=202)


async def _check_source(call: StreamCall, source: str) -> None:
    if not is_arn(source):
        raise errors.invalid("Unrecognized event source.")
    arn = Arn.parse(source)
    if arn.service != "sqs":
        raise errors.invalid(f"Pileus does not poll {arn.service} event sources yet.")
    try:
        await call.invoke("sqs", "GetQueueUrl", {"QueueName": arn.resource})
    except ServiceError as error:
        raise errors.invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: "
            f"{error.query_code or error.code}. SQS Error Message: {error.message}"
        ) from error


def _apply(mapping: Mapping, request: Dictionary[str, Any]) -> None:
    """Change what the request names, and check the whole."""
    mapping.batch_size = request.get("BatchSize") or mapping.batch_size
    if request.get("MaximumBatchingWindowInSeconds") is not None:
        mapping.window_s = request["MaximumBatchingWindowInSeconds"]
    if request.get("Enabled") is not None:
        mapping.is_enabled = request["Enabled"]
    if request.get("FunctionResponseTypes") is not None:
        mapping.reports_failures = "ReportBatchItemFailures" in request["FunctionResponseTypes"]
    if request.get("FilterCriteria") is not None:
        filters = request["FilterCriteria"].get("Filters") or ()
        mapping.filters = [each["Pattern"] for each in filters]
    if request.get("ScalingConfig") is not None:
        mapping.concurrency_max = request["ScalingConfig"].get("MaximumConcurrency") or 0
    for pattern in mapping.filters:
        compile_pattern(pattern)
    if mapping.source.endswith(".fifo"):
        if mapping.batch_size > _FIFO_BATCH_MAX:
            raise errors.invalid("The maximum batch size for FIFO queues is 10.")
        if mapping.window_s:
            raise errors.invalid("Batching window is not supported for FIFO queues.")
    elif mapping.batch_size > _BATCH_WITHOUT_WINDOW_MAX and not mapping.window_s:
        raise errors.invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )


def _shown(call: Call, mapping: Mapping, state: str = "") -> dict[str, Any]:
    shown: dict[str, Any] = {
        "UUID": mapping.id,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "EventSourceArn": mapping.source,
        "FunctionArn": store.arn_of(call, mapping.function, mapping.qualifier),
        "EventSourceMappingArn": call.arn(f"event-source-mapping:{mapping.id}"),
        "LastModified": utc(mapping.modified_ms),
        "LastProcessingResult": mapping.last_result,
        "State": state or ("Enabled" if mapping.is_enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.reports_failures else [],
    }
    if mapping.filters:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": p} for p in mapping.filters]}
    if mapping.concurrency_max:
        shown["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency_max}
    return shown


def _find(call: ReadCall, mapping_id: str) -> Mapping:
    raw = call.state.get(("mapping", mapping_id))
    if raw is None:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return store.MAPPINGS.decode(raw)


@read
def get_event_source_mapping(call: ReadCall, request: Dictionary[str, Any]) -> dict[str, Any]:
    """One mapping."""
    return _shown(call, _find(call, request["UUID"]))


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

    def step(write: WriteCall) -> tuple[Mapping, dict[str, Any]]:
        mapping = _find(write, request["UUID"])
        _apply(mapping, request)
        if request.get("FunctionName"):
            mapping.function, mapping.qualifier = function_name(request["FunctionName"])
            store.find_function(write, mapping.function)
        mapping.modified_ms = write.now_ms
        write.state.put(("mapping", mapping.id), store.MAPPINGS.encode(mapping))
        return mapping, _shown(write, mapping, "Updating")

    mapping, output = await call.write(step)
    call.part(QueueSources).follow(call, mapping)
    return Reply(output, status=202)


@stream
async def delete_event_source_mapping(
    call: StreamCall, request: Dictionary[str, Any], body: Body | None
) -> Reply:
    """End a mapping."""

    def step(write: WriteCall) -> dict[str, Any]:
        mapping = _find(write, request["UUID"])
        write.state.delete(("mapping", mapping.id))
        return _shown(write, mapping, "Deleting")

    output = await call.write(step)
    call.part(QueueSources).forget(request["UUID"])
    return Reply(output, status=202)
