"""What a mapping is asked to be, checked.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from datetime import datetime
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall
from pileus.languages.event_pattern import InvalidPattern, compile_pattern
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.names import function_name
from pileus.services.lambda_.operations import kafka_settings
from pileus.services.lambda_.queue_source import is_queue, queue_url
from pileus.services.lambda_.streams import media_results
from pileus.services.lambda_.streams.model import AT_TIMESTAMP
from pileus.services.lambda_.streams.reading import stream_arn
from pileus.values.arns import Arn, is_arn
from pileus.values.errors import ServiceError
from pileus.values.times import epoch_ms

_FIFO_BATCH_MAX = 10
_BATCH_WITHOUT_WINDOW_MAX = 10
_FILTERS_MAX = 10
_AGE_MIN_S = 60
_BATCH_DEFAULTS = {"sqs": 10, "kinesis": 100, "dynamodb": 100, "media": 100}
_OF_STREAMS = (
    "BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts", "ParallelizationFactor", "StartingPosition",
    "StartingPositionTimestamp", "TumblingWindowInSeconds",
)  # fmt: skip
_ABSENT = ("AmazonManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig", "Queues")
_KAFKA_BATCH = 100
_DESTINATIONS = ("sqs", "sns", "s3")
_NUMBERS = {
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "window_s",
    "Enabled": "is_enabled",
    "ParallelizationFactor": "parallel",
    "BisectBatchOnFunctionError": "bisects",
    "MaximumRetryAttempts": "retries_max",
    "MaximumRecordAgeInSeconds": "age_max_s",
    "TumblingWindowInSeconds": "tumbling_s",
}


def made(call: Call, request: Dictionary[str, Any]) -> Mapping:
    """A new mapping; raises InvalidParameterValueException."""
    name, qualifier = function_name(request["FunctionName"])
    mapping = Mapping(id=call.new_id(), source="", function=name, qualifier=qualifier)
    mapping.tags = dict(request.get("Tags") or {})
    source = request.get("EventSourceArn") or ""
    if request.get("SelfManagedEventSource"):
        if source:
            raise errors.invalid("EventSourceArn and SelfManagedEventSource exclude each other.")
        mapping.kafka = kafka_settings.source_of(request)
        mapping.batch_size, mapping.window_s = _KAFKA_BATCH, kafka_settings.DEFAULT_WINDOW
    else:
        mapping.source = source
        mapping.batch_size = _BATCH_DEFAULTS[_known_service(source)]
    if not is_queue(mapping.source):
        _begin(call, mapping, request)
    apply(call, mapping, request)
    return mapping


def _known_service(source: str) -> str:
    if not is_arn(source):
        raise errors.invalid("Unrecognized event source.")
    service = Arn.parse(source).service
    if service == "kafka":
        raise errors.invalid(
            "Pileus has no Amazon MSK clusters. A Kafka cluster of your own is an event source with "
            "SelfManagedEventSource."
        )
    if service == "media":
        _check_results(source)
    if service not in _BATCH_DEFAULTS:
        raise errors.invalid(f"Pileus does not poll {service} event sources yet.")
    return service


def _check_results(source: str) -> None:
    try:
        media_results.lane_of(source)
    except media_results.NotResults:
        raise errors.invalid(
            "An event source of media is what an engine says of a source: "
            "arn:aws:media:<region>:<account>:source/<source>/results/<engine>. Pictures and sound reach a "
            "function as an engine's: Pileus::Media::Engine with Function."
        ) from None


def _begin(call: Call, mapping: Mapping, request: Dictionary[str, Any]) -> None:
    """Take over where the stream is read from."""
    mapping.start = request.get("StartingPosition") or ""
    if not mapping.start:
        raise errors.invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    moment = request.get("StartingPositionTimestamp")
    if mapping.start != AT_TIMESTAMP:
        if moment is not None:
            raise errors.invalid(
                "StartingPositionTimestamp is only valid for the starting position AT_TIMESTAMP."
            )
        return
    if mapping.source and Arn.parse(mapping.source).service == "dynamodb":
        raise errors.invalid(f"Unsupported starting position for arn type: {mapping.source}")
    if moment is None:
        raise errors.invalid("StartingPositionTimestamp must be set for AT_TIMESTAMP.")
    # Templates give seconds.
    is_moment = isinstance(moment, datetime)
    mapping.start_ms = epoch_ms(moment) if is_moment else round(float(moment) * 1000)
    if mapping.start_ms > call.now_ms:
        raise errors.invalid("StartingPositionTimestamp cannot be in the future.")


def apply(call: Call, mapping: Mapping, request: Dictionary[str, Any]) -> None:
    """Change what the request names, and check the whole."""
    for name in _ABSENT:
        if request.get(name):
            raise errors.invalid(f"Pileus does not implement {name} of event source mappings yet.")
    if request.get("FunctionName"):
        mapping.function, mapping.qualifier = function_name(request["FunctionName"])
    for name, field in _NUMBERS.items():
        if request.get(name) is not None:
            setattr(mapping, field, request[name])
    if request.get("FunctionResponseTypes") is not None:
        mapping.reports_failures = "ReportBatchItemFailures" in request["FunctionResponseTypes"]
    if request.get("FilterCriteria") is not None:
        filters = request["FilterCriteria"].get("Filters") or ()
        mapping.filters = [each.get("Pattern") or "" for each in filters]
    if request.get("ScalingConfig") is not None:
        mapping.concurrency_max = request["ScalingConfig"].get("MaximumConcurrency") or 0
    if request.get("DestinationConfig") is not None:
        mapping.on_failure = _destination(request["DestinationConfig"])
    _check_filters(mapping)
    if mapping.kafka is not None:
        kafka_settings.apply(mapping, mapping.kafka, request)
        return
    for name in kafka_settings.OF_KAFKA:
        if request.get(name):
            raise errors.invalid(f"Pileus does not implement {name} for this event source.")
    if is_queue(mapping.source):
        _check_for_queue(mapping, request)
    else:
        _check_for_stream(mapping, request)


def _check_filters(mapping: Mapping) -> None:
    if len(mapping.filters) > _FILTERS_MAX:
        raise errors.invalid(f"Event source mapping exceeds the limit of {_FILTERS_MAX} filters.")
    for pattern in mapping.filters:
        try:
            compile_pattern(pattern)
        except InvalidPattern as error:
            raise errors.invalid(f"Invalid filter pattern definition. {error.message}") from None


def _check_for_queue(mapping: Mapping, request: Dictionary[str, Any]) -> None:
    for name in _OF_STREAMS:
        if request.get(name):
            raise errors.invalid(f"{name} is not valid for SQS event sources.")
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


def _check_for_stream(mapping: Mapping, request: Dictionary[str, Any]) -> None:
    if request.get("ScalingConfig"):
        raise errors.invalid("ScalingConfig is not valid for stream event sources.")
    if -1 < mapping.age_max_s < _AGE_MIN_S:
        raise errors.invalid(
            f"MaximumRecordAgeInSeconds must be -1 or at least {_AGE_MIN_S} seconds."
        )
    if mapping.tumbling_s and mapping.parallel > 1:
        raise errors.invalid(
            "TumblingWindowInSeconds can only be used with a ParallelizationFactor of 1."
        )


def _destination(config: Dictionary[str, Any]) -> str:
    """The on-failure destination; raises InvalidParameterValueException for any other."""
    given = {
        name: (config.get(name) or {}).get("Destination") for name in ("OnSuccess", "OnFailure")
    }
    on_failure = given["OnFailure"] or ""
    if on_failure.startswith("kafka://"):
        raise errors.invalid("Pileus does not implement kafka:// destinations yet.")
    is_known = is_arn(on_failure) and Arn.parse(on_failure).service in _DESTINATIONS
    if given["OnSuccess"] or (on_failure and (not is_known or on_failure.endswith(".fifo"))):
        shown = [f"{name}(destination={arn})" if arn else "null" for name, arn in given.items()]
        raise errors.invalid(
            f"The provided destination config DestinationConfig(onSuccess={shown[0]}, "
            f"onFailure={shown[1]}) is invalid."
        )
    return str(on_failure)


# -- what must exist ---------------------------------------------------------------------------


def timeout_s(call: ReadCall, mapping: Mapping) -> int:
    """The timeout of the function that a mapping invokes, which must exist."""
    try:
        function = store.find_function(call, mapping.function)
        return store.configuration(call, function, mapping.qualifier).timeout_s
    except ServiceError:
        raise errors.invalid("Function does not exist") from None


async def check_source(call: StreamCall, mapping: Mapping) -> None:
    """Raise InvalidParameterValueException unless function and source exist and fit each other."""
    timeout = call.read(lambda view: timeout_s(view, mapping))
    if mapping.kafka is not None:
        # As on AWS a cluster is looked for only when it is read.
        return
    service = Arn.parse(mapping.source).service
    if service == "sqs":
        await _check_queue(call, mapping.source, timeout)
        return
    if service == "media":
        if not await media_results.check(call, mapping.source):
            raise errors.invalid(f"Stream not found: {mapping.source}")
        return
    if service == "dynamodb":
        asked = "dynamodbstreams", "DescribeStream", {"StreamArn": mapping.source}
    elif stream_arn(mapping.source) != mapping.source:
        asked = "kinesis", "DescribeStreamConsumer", {"ConsumerARN": mapping.source}
    else:
        asked = "kinesis", "DescribeStreamSummary", {"StreamARN": mapping.source}
    try:
        await call.invoke(*asked)
    except ServiceError as error:
        raise errors.invalid(f"Stream not found: {mapping.source}") from error


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
