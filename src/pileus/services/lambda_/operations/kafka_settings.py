"""What a mapping of a Kafka topic is asked to be, checked.

https://docs.aws.amazon.com/lambda/latest/dg/kafka-esm-create.html
https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from pileus.services.lambda_ import errors
from pileus.services.lambda_.kafka.connecting import AUTHORITY, CLIENT_CERTIFICATE, MECHANISMS
from pileus.services.lambda_.model import KafkaSource, Mapping
from pileus.values.arns import Arn, is_arn
from pileus.values.times import utc

OF_KAFKA = (
    "ProvisionedPollerConfig", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations", "Topics",
)  # fmt: skip
DEFAULT_WINDOW = -1
_SERVERS = "KAFKA_BOOTSTRAP_SERVERS"
_KEPT = ("VPC_SUBNET", "VPC_SECURITY_GROUP")
_LOGINS = (*MECHANISMS, CLIENT_CERTIFICATE)
_SECRETS = (*_LOGINS, AUTHORITY)
_OF_STREAMS = ("ParallelizationFactor", "ScalingConfig", "TumblingWindowInSeconds")
_PROVISIONED = (
    "BisectBatchOnFunctionError", "FunctionResponseTypes", "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
)  # fmt: skip
_POLLERS_MAX = 2000


def source_of(request: Dictionary[str, Any]) -> KafkaSource:
    """The topic that a new mapping reads; raises InvalidParameterValueException."""
    endpoints = request["SelfManagedEventSource"].get("Endpoints") or {}
    servers, topics = endpoints.get(_SERVERS) or [], request.get("Topics") or []
    if not servers:
        raise errors.invalid(f"SelfManagedEventSource must name Endpoints of {_SERVERS}.")
    if len(topics) != 1:
        raise errors.invalid("A self-managed Apache Kafka event source must name one topic.")
    source = KafkaSource(servers=list(servers), topic=topics[0])
    source.group = _group(request) or ""
    return source


def _group(request: Dictionary[str, Any]) -> str | None:
    """ConsumerGroupId; raises InvalidParameterValueException for what else is asked for beside."""
    config = request.get("SelfManagedKafkaEventSourceConfig") or {}
    if config.get("SchemaRegistryConfig"):
        raise errors.invalid("Pileus does not implement SchemaRegistryConfig yet.")
    if (config.get("ConsumptionMode") or "Stream") != "Stream":
        raise errors.invalid("Pileus does not implement the ConsumptionMode Queue yet.")
    return config.get("ConsumerGroupId")


def apply(mapping: Mapping, source: KafkaSource, request: Dictionary[str, Any]) -> None:
    """Take over what the request names of topics, and check the whole."""
    for name in _OF_STREAMS:
        if request.get(name):
            raise errors.invalid(f"{name} is not valid for self-managed Kafka event sources.")
    group = _group(request)
    if group is not None and group != (source.group or mapping.id):
        raise errors.invalid("ConsumerGroupId cannot be updated.")
    if request.get("SourceAccessConfigurations") is not None:
        source.access = _access(request["SourceAccessConfigurations"])
    if request.get("ProvisionedPollerConfig") is not None:
        source.pollers = _pollers(request["ProvisionedPollerConfig"])
    _check_provisioned(mapping, source)


def _access(given: list[dict[str, str]]) -> list[dict[str, str]]:
    kinds = [each.get("Type") or "" for each in given]
    for kind, each in zip(kinds, given, strict=True):
        if kind not in (*_KEPT, *_SECRETS):
            raise errors.invalid(
                f"Pileus does not implement {kind} of SourceAccessConfigurations for "
                "self-managed Kafka event sources yet."
            )
        uri = each.get("URI") or ""
        if kind in _SECRETS and not (is_arn(uri) and Arn.parse(uri).service == "secretsmanager"):
            raise errors.invalid(f"The URI of {kind} must be the ARN of a secret.")
    for kind in _SECRETS:
        if kinds.count(kind) > 1:
            raise errors.invalid(f"SourceAccessConfigurations can hold one {kind}.")
    logins = [kind for kind in kinds if kind in _LOGINS]
    if len(logins) > 1:
        raise errors.invalid(
            f"Only one way to authenticate can be used, not {' and '.join(logins)}."
        )
    return [dict(each) for each in given]


def _pollers(given: Dictionary[str, Any]) -> dict[str, Any]:
    if given.get("PollerGroupName"):
        raise errors.invalid("Pileus does not implement PollerGroupName yet.")
    low, high = given.get("MinimumPollers"), given.get("MaximumPollers")
    if high is not None and high > _POLLERS_MAX:
        raise errors.invalid(f"MaximumPollers must be at most {_POLLERS_MAX}.")
    if low is not None and high is not None and low > high:
        raise errors.invalid("MinimumPollers must not be greater than MaximumPollers.")
    return {name: value for name, value in given.items() if value is not None}


def _check_provisioned(mapping: Mapping, source: KafkaSource) -> None:
    if source.pollers:
        return
    asked = (
        mapping.bisects, mapping.reports_failures, mapping.age_max_s >= 0, mapping.retries_max >= 0,
    )  # fmt: skip
    for name, is_asked in zip(_PROVISIONED, asked, strict=True):
        if is_asked:
            raise errors.invalid(
                f"{name} needs provisioned mode (ProvisionedPollerConfig) for Kafka event sources."
            )


def check_twin(mapping: Mapping, source: KafkaSource, other: Mapping) -> None:
    """Raise ResourceConflictException for a topic's second mapping to a function, and
    InvalidParameterValueException for a consumer group that another mapping uses."""
    theirs = other.kafka
    if theirs is None:
        return
    is_same_topic = theirs.topic == source.topic and set(theirs.servers) & set(source.servers)
    if is_same_topic and (other.function, other.qualifier) == (mapping.function, mapping.qualifier):
        raise errors.conflict(
            f'An event source mapping with Kafka topic (" {source.topic} ") and function '
            f'(" {mapping.function} ") already exists. Please update or delete the existing '
            f"mapping with UUID {other.id}"
        )
    if source.group and source.group == (theirs.group or other.id):
        raise errors.invalid(
            f"The consumer group {source.group} is used by the event source mapping {other.id}."
        )


def shown(mapping: Mapping, source: KafkaSource) -> dict[str, Any]:
    """What only mappings of topics show."""
    members: dict[str, Any] = {
        "MaximumBatchingWindowInSeconds": max(mapping.window_s, 0),
        "StateTransitionReason": mapping.trouble or "USER_INITIATED",
        "LastProcessingResult": mapping.last_result or "No records processed",
        "StartingPosition": mapping.start,
        "Topics": [source.topic],
        "SelfManagedEventSource": {"Endpoints": {_SERVERS: source.servers}},
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": source.group or mapping.id},
        "SourceAccessConfigurations": source.access,
        "DestinationConfig": {
            "OnFailure": {"Destination": mapping.on_failure} if mapping.on_failure else {}
        },
    }
    if mapping.start_ms:
        members["StartingPositionTimestamp"] = utc(mapping.start_ms)
    if source.pollers:
        members |= {
            "ProvisionedPollerConfig": source.pollers,
            "MaximumRetryAttempts": mapping.retries_max,
            "MaximumRecordAgeInSeconds": mapping.age_max_s,
            "BisectBatchOnFunctionError": mapping.bisects,
        }
    return members
