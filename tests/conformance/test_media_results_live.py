"""Results as they come, read by clients over sockets: server-sent events, WebSockets, the command line."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform
from tests.conformance.test_media_live import begin, results, write_shades
from tests.fault.functions import add_function
from tests.services.media.test_results_schema import SCHEMA, faults

_COUNT = 12
_PATH = "/_pileus/media/000000000000/us-east-1/lobby/results?engine=shade"
_PATIENCE_S = 180.0


class EventSource:
    """A client of server-sent events that notes the last id as browsers do."""

    def __init__(self, port: int, query: str = "", last_id: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        self._connection.request("GET", _PATH + query, headers=headers)
        self.response = self._connection.getresponse()
        self.last_id = last_id

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        event, data = "message", ""
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                event = value
            elif name == "data":
                data = value
            elif not line.strip() and data:
                yield event, json.loads(data)
                event, data = "message", ""

    def close(self) -> None:
        self._connection.close()


def websocket_texts(port: int, query: str) -> Iterator[Any]:
    """What a WebSocket says, as JSON, until it closes."""
    frames = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as raw:
        raw.sendall(frames.send(Request(host=f"127.0.0.1:{port}", target=_PATH + query)))
        text = ""
        while data := raw.recv(1 << 16):
            frames.receive_data(data)
            for event in frames.events():
                assert isinstance(event, (AcceptConnection, TextMessage)), event
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        yield json.loads(text)
                        text = ""


def test_what_an_engine_says_comes_by_itself_once_and_in_order(
    platform: LivePlatform, tmp_path: Path
) -> None:
    write_shades(tmp_path / "v.mkv", _COUNT)
    media = begin(platform, tmp_path / "v.mkv")
    reader = EventSource(platform.port)
    assert reader.response.status == 200
    starts: list[int] = []
    for _event, document in reader:
        starts.append(document["chunk"]["start_ms"])
        if len(starts) == 4:
            break
    reader.close()
    assert starts == [0, 200, 400, 600]

    again = EventSource(platform.port, last_id=reader.last_id)
    for event, document in again:
        if event == "end":
            break
        starts.append(document["chunk"]["start_ms"])
    again.close()
    assert starts == [200 * number for number in range(_COUNT)]

    told = []
    for each in websocket_texts(platform.port, "&from=800"):
        if "end" in each:
            break
        told.append(each)
    assert [each["offset"] for each in told] == list(range(4, _COUNT))
    assert told[0]["document"]["chunk"]["start_ms"] == 800
    assert [faults(each["document"], SCHEMA) for each in told] == [[]] * len(told)
    listed = media.list_results(Source="lobby", Engine="shade", FromMs=400, ToMs=800)
    assert [each["Offset"] for each in listed["Results"]] == [2, 3]


def test_following_a_file_ends_with_it(platform: LivePlatform, tmp_path: Path) -> None:
    write_shades(tmp_path / "v.mkv", 5)
    media = begin(platform, tmp_path / "v.mkv")
    commands = Commands(platform, tmp_path, tmp_path / "cache")
    told = commands.pileus("pipeline", "results", "p", "-f", "--format", "json").out
    starts = [json.loads(line)["chunk"]["start_ms"] for line in told.splitlines()]
    assert starts == [0, 200, 400, 600, 800]
    assert len(results(media, lambda found: len(found) >= 5)) == 5


def test_a_reader_that_takes_nothing_holds_nothing_up(
    platform: LivePlatform, tmp_path: Path
) -> None:
    write_shades(tmp_path / "v.mkv", 5)
    media = begin(platform, tmp_path / "v.mkv")
    asked = f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", platform.port)) as idle:
        idle.sendall(asked)
        assert len(results(media, lambda found: len(found) >= 5)) == 5


_COUNT_UP = """
import base64, json, os, boto3
queue = os.environ["QUEUE"]
def handler(event, context):
    for record in event["Records"]:
        boto3.client("sqs").send_message(
            QueueUrl=queue, MessageBody=base64.b64decode(record["kinesis"]["data"]).decode()
        )
"""


def test_a_function_gets_every_result_by_a_stream(platform: LivePlatform, tmp_path: Path) -> None:
    write_shades(tmp_path / "v.mkv", 6)
    media, kinesis = platform.client("media"), platform.client("kinesis")
    queues, functions = platform.client("sqs"), platform.client("lambda")
    kinesis.create_stream(StreamName="said", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="said")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    url = queues.create_queue(QueueName="said")["QueueUrl"]
    add_function(platform, "said", _COUNT_UP, Environment={"Variables": {"QUEUE": url}})
    functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="said", StartingPosition="TRIM_HORIZON"
    )
    media = begin(platform, tmp_path / "v.mkv")
    media.update_pipeline(Name="p", Engines=["shade"], Deliver={"Stream": "said"})
    starts: list[int] = []
    deadline_s = time.monotonic() + _PATIENCE_S
    while len(starts) < 6:
        assert time.monotonic() < deadline_s, media.describe_pipeline(Name="p")
        told = queues.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)
        for message in told.get("Messages", []):
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            starts.append(json.loads(message["Body"])["chunk"]["start_ms"])
    assert sorted(starts) == [200 * number for number in range(6)]
    shown = Commands(platform, tmp_path, tmp_path / "cache").pileus("pipeline", "show", "p").out
    assert "stream:said" in shown and "running" in shown
