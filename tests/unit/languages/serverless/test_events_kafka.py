"""Kafka topics in serverless.yml, translated as the framework does."""

from __future__ import annotations

import pytest

from pileus.languages.serverless import ServiceFileError

from .support import one_function, properties, statements

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka-AbCdEf"
SCRAM = f"accessConfigurations: {{saslScram512Auth: ['{SECRET}']}}"
SERVERS = "bootstrapServers: ['a.test:9092']"


def test_topic_becomes_a_mapping() -> None:
    result = one_function(f"events: [{{kafka: {{{SCRAM}, {SERVERS}, topic: my-orders.v1}}}}]")
    mapping = result.template["Resources"]["HelloEventSourceMappingKafkaMyordersv1"]
    assert mapping == {
        "Type": "AWS::Lambda::EventSourceMapping",
        "DependsOn": ["IamRoleLambdaExecution"],
        "Properties": {
            "FunctionName": {"Fn::GetAtt": ["HelloLambdaFunction", "Arn"]},
            "StartingPosition": "TRIM_HORIZON",
            "SelfManagedEventSource": {"Endpoints": {"KafkaBootstrapServers": ["a.test:9092"]}},
            "Topics": ["my-orders.v1"],
            "SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}],
        },
    }
    assert statements(result) == [
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [SECRET]}
    ]


def test_topic_is_read_as_it_says() -> None:
    result = one_function(f"""
events:
  - kafka:
      accessConfigurations: {{vpcSubnet: [subnet-1], vpcSecurityGroup: [sg-1], serverRootCaCertificate: ['{SECRET}']}}
      {SERVERS}
      topic: orders
      batchSize: 7
      maximumBatchingWindow: 3
      enabled: false
      consumerGroupId: mine
      startingPosition: AT_TIMESTAMP
      startingPositionTimestamp: 1700000000
      filterPatterns: [{{value: {{a: [1]}}}}]
      onFailureDestination: arn:aws:sqs:us-east-1:123456789012:dlq
      provisionedPollerConfig: {{minimumPollers: 1, maximumPollers: 2}}
""")
    told = properties(result, "HelloEventSourceMappingKafkaOrders")
    assert told["SourceAccessConfigurations"] == [
        {"Type": "VPC_SUBNET", "URI": "subnet:subnet-1"},
        {"Type": "VPC_SECURITY_GROUP", "URI": "security_group:sg-1"},
        {"Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": SECRET},
    ]
    assert (told["BatchSize"], told["MaximumBatchingWindowInSeconds"]) == (7, 3)
    assert told["Enabled"] is False
    assert told["SelfManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": "mine"}
    assert (told["StartingPosition"], told["StartingPositionTimestamp"]) == (
        "AT_TIMESTAMP",
        1_700_000_000,
    )
    assert told["FilterCriteria"] == {"Filters": [{"Pattern": '{"value":{"a":[1]}}'}]}
    assert told["DestinationConfig"]["OnFailure"]["Destination"].endswith(":dlq")
    assert told["ProvisionedPollerConfig"] == {"MinimumPollers": 1, "MaximumPollers": 2}
    secrets, network = statements(result)
    assert secrets["Resource"] == [SECRET]
    assert (network["Action"][0], network["Resource"]) == ("ec2:CreateNetworkInterface", "*")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (f"{SCRAM}, topic: orders", "kafka.bootstrapServers: expected a list of host:port"),
        (f"{SCRAM}, {SERVERS}", "kafka.topic: expected a topic's name"),
        (f"{SERVERS}, topic: orders", "kafka.accessConfigurations: expected ways in"),
        (
            f"accessConfigurations: {{vpcSubnet: [subnet-1]}}, {SERVERS}, topic: orders",
            "You must specify at least one vpcSecurityGroup",
        ),
        (
            f"accessConfigurations: {{saslPlainAuth: [me]}}, {SERVERS}, topic: orders",
            "saslPlainAuth.0: expected the ARN of a secret, found 'me'",
        ),
        (
            f"accessConfigurations: {{magic: [me]}}, {SERVERS}, topic: orders",
            "accessConfigurations.magic: not a way in; expected some of vpcSubnet",
        ),
        (
            f"{SCRAM}, {SERVERS}, topic: orders, startingPosition: AT_TIMESTAMP",
            "startingPositionTimestamp: expected a moment in seconds",
        ),
    ],
)
def test_what_is_wrong_is_told(settings: str, message: str) -> None:
    with pytest.raises(ServiceFileError) as caught:
        one_function(f"events: [{{kafka: {{{settings}}}}}]")
    assert message in str(caught.value)
