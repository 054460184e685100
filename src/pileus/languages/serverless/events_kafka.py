"""Events of Kafka topics, on clusters of the user's own."""

from __future__ import annotations

from typing import Any

from pileus.languages.serverless.build import Build
from pileus.languages.serverless.events_messages import add_mapping, filters
from pileus.languages.serverless.names import alphanumeric
from pileus.languages.serverless.reading import Reading

_ACCESS = {
    "vpcSubnet": ("VPC_SUBNET", "subnet:"),
    "vpcSecurityGroup": ("VPC_SECURITY_GROUP", "security_group:"),
    "saslPlainAuth": ("BASIC_AUTH", ""),
    "saslScram256Auth": ("SASL_SCRAM_256_AUTH", ""),
    "saslScram512Auth": ("SASL_SCRAM_512_AUTH", ""),
    "clientCertificateTlsAuth": ("CLIENT_CERTIFICATE_TLS_AUTH", ""),
    "serverRootCaCertificate": ("SERVER_ROOT_CA_CERTIFICATE", ""),
}
_SUBNET, _GROUP = "vpcSubnet", "vpcSecurityGroup"
_PATTERNS = {
    _SUBNET: (r".*subnet-[a-z0-9]+.*", "a subnet's id"),
    _GROUP: (r".*sg-[a-z0-9]+.*", "a security group's id"),
}
_SECRET = (
    r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d+:secret:[A-Za-z0-9/_+=.@-]+",
    "the ARN of a secret",
)
_EC2_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
]
_KEYS = (
    "accessConfigurations", "batchSize", "bootstrapServers", "consumerGroupId", "enabled",
    "filterPatterns", "maximumBatchingWindow", "onFailureDestination", "provisionedPollerConfig",
    "startingPosition", "startingPositionTimestamp", "topic",
)  # fmt: skip
_TOPIC_IN_ID_MAX = 158


def add_kafka(build: Build, name: str, events: list[Reading]) -> None:
    """All ``kafka`` events of a function, with what they together ask of its role.

    Raises:
        ServiceFileError: no servers, topic or way in, or a setting outside its bounds.
    """
    access: list[dict[str, str]] = []
    for event in events:
        event.check_keys(*_KEYS)
        topic = event["topic"].text(what="a topic's name")
        properties = _properties(build, name, event, topic)
        access += properties["SourceAccessConfigurations"]
        tail = f"EventSourceMappingKafka{alphanumeric(topic)[:_TOPIC_IN_ID_MAX]}"
        add_mapping(build, name, tail, properties)
    secrets = [each["URI"] for each in access if not each["Type"].startswith("VPC_")]
    if secrets:
        actions = ["secretsmanager:GetSecretValue"]
        build.statements.append({"Effect": "Allow", "Action": actions, "Resource": secrets})
    if len(secrets) < len(access):
        build.statements.append({"Effect": "Allow", "Action": _EC2_ACTIONS, "Resource": "*"})


def _properties(build: Build, name: str, event: Reading, topic: str) -> dict[str, Any]:
    servers = [each.text(what="host:port") for each in event["bootstrapServers"].entries()]
    if not servers:
        raise event["bootstrapServers"].expected("a list of host:port")
    properties: dict[str, Any] = {
        "FunctionName": build.target(name),
        **_start(event),
        "SelfManagedEventSource": {"Endpoints": {"KafkaBootstrapServers": servers}},
        "Topics": [topic],
        "SourceAccessConfigurations": _access(event["accessConfigurations"]),
    }
    if event["batchSize"]:
        properties["BatchSize"] = event["batchSize"].integer(1, 10_000)
    if event["maximumBatchingWindow"]:
        window_s = event["maximumBatchingWindow"].integer(0, 300)
        if window_s:
            properties["MaximumBatchingWindowInSeconds"] = window_s
    if event["enabled"]:
        properties["Enabled"] = event["enabled"].boolean(True)
    if event["consumerGroupId"]:
        group = event["consumerGroupId"].text(r"[a-zA-Z0-9-/*:_+=.@]{1,200}", "a group's id")
        properties["SelfManagedKafkaEventSourceConfig"] = {"ConsumerGroupId": group}
    properties.update(filters(event))
    if event["onFailureDestination"]:
        destination = event["onFailureDestination"].text()
        properties["DestinationConfig"] = {"OnFailure": {"Destination": destination}}
    return properties | _pollers(event["provisionedPollerConfig"])


def _start(event: Reading) -> dict[str, Any]:
    start, moment = event["startingPosition"], event["startingPositionTimestamp"]
    position = start.one_of("LATEST", "TRIM_HORIZON", "AT_TIMESTAMP") if start else "TRIM_HORIZON"
    if not moment:
        if position == "AT_TIMESTAMP":
            raise moment.expected("a moment in seconds, as startingPosition is AT_TIMESTAMP")
        return {"StartingPosition": position}
    seconds = moment.integer(0, 2**53)
    return {"StartingPosition": position, "StartingPositionTimestamp": seconds}


def _access(given: Reading) -> list[dict[str, str]]:
    if not given.mapping():
        raise given.expected(f"ways in: some of {', '.join(_ACCESS)}")
    found: list[dict[str, str]] = []
    for kind, values in given.items():
        if kind not in _ACCESS:
            raise values.error(f"not a way in; expected some of {', '.join(_ACCESS)}")
        if not values.entries():
            raise values.expected("a list")
        wire, prefix = _ACCESS[kind]
        pattern = _PATTERNS.get(kind, _SECRET)
        found += [{"Type": wire, "URI": prefix + each.text(*pattern)} for each in values.entries()]
    if bool(given[_SUBNET]) != bool(given[_GROUP]):
        missing = _SUBNET if given[_GROUP] else _GROUP
        raise given.error(f"You must specify at least one {missing}")
    return found


def _pollers(given: Reading) -> dict[str, Any]:
    if not given:
        return {}
    given.check_keys("minimumPollers", "maximumPollers")
    bounds = {"MinimumPollers": ("minimumPollers", 200), "MaximumPollers": ("maximumPollers", 2000)}
    found = {
        wire: given[name].integer(1, most) for wire, (name, most) in bounds.items() if given[name]
    }
    if not found:
        raise given.expected("minimumPollers or maximumPollers")
    return {"ProvisionedPollerConfig": found}
