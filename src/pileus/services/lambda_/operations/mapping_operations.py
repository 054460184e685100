"""Event source mappings. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.languages.event_pattern import InvalidPattern, compile_pattern
from pileus.services.lambda_ import errors, paging, store
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.names import function_name
from pileus.services.lambda_.queue_source import QueueSources, queue_url
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
    _check_kind(source, request)
    name, qualifier = function_name(request["FunctionName"])
    mapping = Mapping(id=call.new_id(), source=source, function=name, qualifier=qualifier)
    _apply(mapping, request)
    await _check_queue(call, source, call.read(lambda view: _timeout_s(view, mapping)))

    def step(write: WriteCall) -> str:
        _timeout_s(write, mapping)
        for _, raw in write.state.range(("mapping",)):
            other = store.MAPPINGS.decode(raw)
            if (other.source, other.function, other.qualifier) == (source, name, qualifier):
                raise errors.conflict(
                    f'An event source mapping with SQS arn (" {source} ") and function (" {name} ")'
                    f" already exists. Please update or delete the existing mapping with UUID {other.id}"
                )
        mapping.modified_ms = write.now_ms
        store.put_mapping(write.state, mapping)
        return mapping.id

    made = await call.write(step, once=True)
    kept = call.read(lambda view: store.find_mapping(view, made))
    call.part(QueueSources).follow(call, kept)
    return Reply(_shown(call, kept, "Creating"), status=202)


def _check_kind(source: str, request: Dictionary[str, Any]) -> None:
    if not is_arn(source):
        raise errors.invalid("Unrecognized event source.")
    arn = Arn.parse(source)
    if arn.service != "sqs":
        raise errors.invalid(f"Pileus does not poll {arn.service} event sources yet.")
    if request.get("StartingPosition") or request.get("StartingPositionTimestamp"):
        raise errors.invalid("StartingPosition is not valid for SQS event sources.")


def _timeout_s(call: ReadCall, mapping: Mapping) -> int:
    """The timeout of the function that a mapping invokes, which must exist."""
    try:
        function = store.find_function(call, mapping.function)
        return store.configuration(call, function, mapping.qualifier).timeout_s
    except ServiceError:
        raise errors.invalid("Function does not exist") from None


async def _check_queue(call: StreamCall, source: str, timeout_s: int) -> None:
    given = {"QueueUrl": queue_url(source), "AttributeNames": ["VisibilityTimeout"]}
    try:
        reply = await call.invoke("sqs", "GetQueueAttributes", given)
    except ServiceError as error:
        raise errors.invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: "
            f"{error.query_code or error.code}. SQS Error Message: {error.message}"
        ) from error
    visibility_s = int(reply.output["Attributes"]["VisibilityTimeout"])
    if visibility_s < timeout_s:
        raise errors.invalid(
            f"Queue visibility timeout: {visibility_s} seconds is less than Function timeout: "
            f"{timeout_s} seconds"
        )


def _apply(mapping: Mapping, request: Dictionary[str, Any]) -> None:
    """Change what the request names, and check the whole."""
    if request.get("FunctionName"):
        mapping.function, mapping.qualifier = function_name(request["FunctionName"])
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
        try:
            compile_pattern(pattern)
        except InvalidPattern as error:
            raise errors.invalid(f"Invalid filter pattern definition. {error.message}") from None
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
        "State": state or ("Enabled" if mapping.is_enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.reports_failures else [],
    }
    if mapping.last_result:
        shown["LastProcessingResult"] = mapping.last_result
    if mapping.filters:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": p} for p in mapping.filters]}
    if mapping.concurrency_max:
        shown["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency_max}
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
    _apply(current, request)
    await _check_queue(call, current.source, call.read(lambda view: _timeout_s(view, current)))

    def step(write: WriteCall) -> Mapping:
        mapping = store.find_mapping(write, request["UUID"])
        _apply(mapping, request)
        _timeout_s(write, mapping)
        mapping.modified_ms = write.now_ms
        store.put_mapping(write.state, mapping)
        return mapping

    mapping = await call.write(step)
    call.part(QueueSources).follow(call, mapping)
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
        return mapping

    mapping = await call.write(step)
    call.part(QueueSources).forget(mapping.id)
    return Reply(_shown(call, mapping, "Deleting"), status=202)
