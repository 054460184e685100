"""Where groups, streams and events lie.

``group, name``                            Group
``stream, group, name``                    Stream
``metric_filter, group, name``             MetricFilter
``policy, name``                           ResourcePolicy
``chunk, group, stream, first_ms, ordinal`` Chunk: events of at most five minutes, about 16 KiB
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall
from pileus.kernel.records import RecordCodec
from pileus.services.logs import errors
from pileus.services.logs.model import Chunk, Group, MetricFilter, ResourcePolicy, Stream
from pileus.values.page_tokens import parse_page_token

GROUPS = RecordCodec(Group)
STREAMS = RecordCodec(Stream)
CHUNKS = RecordCodec(Chunk)
METRIC_FILTERS = RecordCodec(MetricFilter)
RESOURCE_POLICIES = RecordCodec(ResourcePolicy)


def group(state: Any, name: str) -> Group:
    """The log group; raises ResourceNotFoundException."""
    raw = state.get(("group", name))
    if raw is None:
        raise errors.group_not_found()
    return GROUPS.decode(raw)


def put_group(state: Any, record: Group) -> None:
    state.put(("group", record.name), GROUPS.encode(record))


def stream(state: Any, group_name: str, name: str) -> Stream:
    """The log stream; raises ResourceNotFoundException."""
    raw = state.get(("stream", group_name, name))
    if raw is None:
        raise errors.stream_not_found()
    return STREAMS.decode(raw)


def put_stream(state: Any, group_name: str, record: Stream) -> None:
    state.put(("stream", group_name, record.name), STREAMS.encode(record))


def find_metric_filter(state: Any, group_name: str, name: str) -> MetricFilter | None:
    raw = state.get(("metric_filter", group_name, name))
    return None if raw is None else METRIC_FILTERS.decode(raw)


def put_metric_filter(state: Any, group_name: str, record: MetricFilter) -> None:
    state.put(("metric_filter", group_name, record.name), METRIC_FILTERS.encode(record))


def remove_metric_filter(state: Any, group_name: str, name: str) -> None:
    state.delete(("metric_filter", group_name, name))


def metric_filters(state: Any, group_name: str) -> list[MetricFilter]:
    """The metric filters of a group in order of name."""
    return [record for _, record in all_metric_filters(state, group_name)]


def all_metric_filters(state: Any, group_name: str = "") -> Iterator[tuple[str, MetricFilter]]:
    """Groups' names and metric filters, of one group or of all."""
    prefix = ("metric_filter", group_name) if group_name else ("metric_filter",)
    for key, raw in state.range(prefix):
        yield str(key[1]), METRIC_FILTERS.decode(raw)


def group_name(identifier: str) -> str:
    """The name, where an ARN may be given for it (with or without the final ``:*``)."""
    if identifier.startswith("arn:"):
        parts = identifier.split(":", 6)
        return parts[6].removesuffix(":*") if len(parts) == 7 else ""
    return identifier


def asked_group(call: ReadCall, request: Mapping[str, Any]) -> Group:
    """The group by ``logGroupName`` or ``logGroupIdentifier``; raises what AWS does."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name and identifier:
        raise errors.name_or_identifier()
    if not name and not identifier:
        raise errors.name_missing()
    return group(call.state, str(name or group_name(str(identifier))))


def tagged_group(state: Any, arn: str) -> Group:
    """The group a tag operation is about; raises ResourceNotFoundException."""
    raw = state.get(("group", group_name(arn)))
    if raw is None or ":log-group:" not in arn:
        raise errors.resource_not_found()
    return GROUPS.decode(raw)


def group_arn(call: Call, name: str) -> str:
    """``arn:aws:logs:<region>:<account>:log-group:<name>``."""
    return call.arn(f"log-group:{name}")


def parse_name_token(token: str | None) -> str:
    """The name of a token, or an empty string; raises InvalidParameterException."""
    try:
        return parse_page_token(token)
    except ValueError:
        raise errors.invalid_token() from None
