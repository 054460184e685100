"""Topics of a broker that invoke real functions, as boto3 users set them up."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform
from tests.fault.functions import add_function
from tests.kafka_broker import Broker

_FORWARD = """
import json, os, time, boto3
sqs = boto3.client("sqs")
def handler(event, context):
    time.sleep(float(os.environ.get("PAUSE", "0")))
    event["at"] = time.time_ns()
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
_WAIT_S = 180.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def _add_forwarder(platform: LivePlatform, name: str, pause: str = "0") -> str:
    """A function that hands its events to a queue; the queue."""
    url: str = platform.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    given = {"Variables": {"QUEUE": url, "PAUSE": pause}}
    add_function(platform, name, _FORWARD, Environment=given, Timeout=30)
    return url


def _receive(platform: LivePlatform, url: str) -> list[dict[str, Any]]:
    queues = platform.client("sqs")
    told = queues.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10)
    for message in told.get("Messages", []):
        queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in told.get("Messages", [])]


def _map(platform: LivePlatform, broker: Broker, name: str, **more: Any) -> str:
    made = platform.client("lambda").create_event_source_mapping(
        FunctionName=name, Topics=[name], StartingPosition="TRIM_HORIZON",
        SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.address]}},
        SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": f"group-of-{name}"},
        **more,
    )  # fmt: skip
    return str(made["UUID"])


def _committed(broker: Broker, name: str, partitions: int) -> list[int]:
    """What any other client of the cluster sees of the group."""
    settings = {"bootstrap.servers": broker.address, "group.id": f"group-of-{name}"}
    consumer = Consumer(settings)
    places = [TopicPartition(name, partition) for partition in range(partitions)]
    found = [place.offset for place in consumer.committed(places, 10)]
    consumer.close()
    return found


def _texts(event: dict[str, Any]) -> list[str]:
    records = [each for told in event["records"].values() for each in told]
    return [base64.b64decode(record["value"]).decode() for record in records]


def test_topic_invokes_a_function(live_platform: LivePlatform, broker: Broker) -> None:
    name = "from-topic"
    url = _add_forwarder(live_platform, name)
    broker.add_topic(name, 2)
    pattern = json.dumps({"value": {"kind": ["wanted"]}})
    mapping = _map(live_platform, broker, name, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    broker.produce(name, b'{"kind": "other"}', partition=0)
    broker.produce(name, b'{"kind": "wanted"}', key=b"k", partition=0, headers=[("h", b"\xfe")])
    deadline = time.monotonic() + _WAIT_S
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        found = _receive(live_platform, url)
    (event,) = found
    assert (event["eventSource"], event["bootstrapServers"]) == ("SelfManagedKafka", broker.address)
    (record,) = event["records"][f"{name}-0"]
    assert (record["offset"], record["key"], record["headers"]) == (1, "aw==", [{"h": [-2]}])
    assert base64.b64decode(record["value"]) == b'{"kind": "wanted"}'
    # The function has ended; its offsets are committed a moment later.
    while _committed(broker, name, 1) != [2]:
        assert time.monotonic() < deadline
    functions = live_platform.client("lambda")
    told = functions.get_event_source_mapping(UUID=mapping)
    assert (told["State"], told["LastProcessingResult"]) == ("Enabled", "OK")
    functions.delete_event_source_mapping(UUID=mapping)


def test_service_of_the_documentation_works_as_it_stands_there(
    commands: Commands, broker: Broker
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "kafka.md").read_text()
    service, handler = (
        text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("yaml", "python")
    )
    # A broker without a gate: what the page says for one.
    way_in = service[service.index("            saslScram512Auth") :]
    network = "            vpcSubnet: [subnet-1]\n            vpcSecurityGroup: [sg-1]\n"
    service = service.replace(way_in, network).replace("127.0.0.1:9092", broker.address)
    (commands.folder / "serverless.yml").write_text(service)
    (commands.folder / "book.py").write_text(handler)
    broker.add_topic("orders", 1)
    commands.pileus("deploy")
    broker.produce("orders", b'{"item": "cup"}', partition=0)
    logs = commands.platform.client("logs")
    deadline = time.monotonic() + _WAIT_S
    told = ""
    while "orders-0 0" not in told and time.monotonic() < deadline:
        time.sleep(0.2)
        events = _log_events(logs, "/aws/lambda/orders-dev-book")
        told = "".join(event["message"] for event in events)
    assert "orders-0 0 {'item': 'cup'}" in told


def _log_events(logs: Any, group: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = logs.filter_log_events(logGroupName=group)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return found


@pytest.mark.slow
def test_no_record_is_lost_when_the_platform_is_killed(tmp_path: Path, broker: Broker) -> None:
    name, partitions, count = "killed", 3, 120
    platform = LivePlatform(tmp_path / "data").start()
    try:
        url = _add_forwarder(platform, name, pause="0.05")
        broker.add_topic(name, partitions)
        for number in range(count):
            broker.produce(name, b"%d" % number, partition=number % partitions)
        _map(platform, broker, name, BatchSize=10, MaximumBatchingWindowInSeconds=0)
        events: list[dict[str, Any]] = []
        wanted = {str(number) for number in range(count)}
        deadline = time.monotonic() + 2 * _WAIT_S
        kills = 0
        while time.monotonic() < deadline:
            events += _receive(platform, url)
            seen = [text for event in events for text in _texts(event)]
            if kills < 2 and len(seen) >= 20 * (kills + 1):
                platform.kill()
                kills += 1
                platform.start()
            if set(seen) == wanted and _committed(broker, name, partitions) == [40] * 3:
                break
        events.sort(key=lambda event: event["at"])
        seen = [text for event in events for text in _texts(event)]
        assert kills == 2
        assert set(seen) == wanted, "lost"
        # A batch that was with its function, or whose end was not on disk, comes once more.
        assert len(seen) <= count + 10 * kills, "repeated too much"
        for partition in range(partitions):
            firsts = [int(text) for text in dict.fromkeys(seen)]
            own = [number for number in firsts if number % partitions == partition]
            assert own == sorted(own), "out of order"
        assert _committed(broker, name, partitions) == [40] * 3
    finally:
        platform.kill()


@pytest.mark.slow
def test_platform_ends_although_its_cluster_is_gone(tmp_path: Path) -> None:
    platform = LivePlatform(tmp_path / "data").start()
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as broker:
        url = _add_forwarder(platform, "gone")
        broker.add_topic("gone", 1)
        broker.produce("gone", b"a", partition=0)
        _map(platform, broker, "gone")
        deadline = time.monotonic() + _WAIT_S
        while not _receive(platform, url):
            assert time.monotonic() < deadline
    # It fails if that takes more than 15 seconds.
    assert platform.stop() == 0
