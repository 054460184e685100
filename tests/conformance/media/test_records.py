"""Records for real: pushed, read over HTTP and out of Kinesis by clients and servers, and everything killed between."""

from __future__ import annotations

import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request, TextMessage

from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform
from tests.conformance.media.test_pushed import Sending
from tests.conformance.test_media_live import zipped

_PATIENCE_S = 60.0
_ENGINES = """
from pileus.engines import Record, object_engine, stream_engine

@object_engine
def look(records: list[Record], context):
    return [[{"label": str(record.data["n"])}] for record in records]

@stream_engine
def total(stream, emit, context):
    count = (stream.state or {}).get("count", 0)
    for record in stream:
        count += 1
        emit(record.start_ms, record.stop_ms, words=[{"word": f"{count} {record.data['n']}"}])
        stream.checkpoint({"count": count})
"""


def begin(platform: LivePlatform, **source: Any) -> Any:
    """Source ``feed`` with two engines that look at all of it."""
    media = platform.client("media", read_timeout=60)
    for name, mode in (("look", "object"), ("total", "stream")):
        batch = {"Batch": {"Size": 16}} if mode == "object" else {}
        media.create_engine(
            Name=name, Mode=mode, Handler=f"engine.{name}", Input={"Kind": "records"},
            Code={"ZipFile": zipped(engine=_ENGINES)}, WhenBehind="never", **batch,
        )  # fmt: skip
    media.create_source(Name="feed", **source)
    engines = ["look", "total"]
    media.create_pipeline(Name="p", Source="feed", Engines=engines, From="earliest")
    return media


def listed(media: Any, operation: str = "list_records", **more: Any) -> list[dict[str, Any]]:
    found, last = list[dict[str, Any]](), -1
    while True:
        told = getattr(media, operation)(Source="feed", AfterOffset=last, MaxResults=1000, **more)
        page = told["Results" if "Engine" in more else "Records"]
        if not page:
            return found
        found += [json.loads(each["Document"]) for each in page]
        last = told["LastOffset"]


def numbers(media: Any) -> list[int]:
    return [each["record"]["n"] for each in listed(media)]


def until(holds: Callable[[], Any], what: Callable[[], Any] = lambda: "") -> Any:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.05)
    return found


def until_numbers(media: Any, count: int) -> None:
    """Until so many records are kept."""
    until(lambda: len(numbers(media)) >= count, lambda: media.describe_source(Name="feed"))


def check_engines(media: Any, wanted: list[int]) -> None:
    """Both engines come to have said everything, once, in order."""

    def said(engine: str, kind: str, name: str) -> list[str]:
        found = listed(media, "list_results", Engine=engine)
        series = [each for document in found for each in document["series"]]
        return [word[name] for each in series for word in each[kind]]

    looked = [str(n) for n in wanted]
    until(
        lambda: len(said("look", "objects", "label")) >= len(wanted),
        lambda: (len(wanted), media.list_lanes(Source="feed")["Lanes"]),
    )
    assert said("look", "objects", "label") == looked
    counted = [f"{count} {n}" for count, n in enumerate(wanted, 1)]
    until(
        lambda: len(said("total", "words", "word")) >= len(wanted),
        lambda: (len(wanted), media.list_lanes(Source="feed")["Lanes"]),
    )
    assert said("total", "words", "word") == counted


def lines(numbers: Iterator[int] | range) -> bytes:
    return b"".join(b'{"n": %d}\n' % n for n in numbers)


def test_the_platform_is_killed_in_the_middle_of_pushes(platform: LivePlatform) -> None:
    media = begin(platform, Push=True, Records={})
    acknowledged = 0
    for life in range(3):
        media = platform.client("media", read_timeout=60)
        told = media.describe_source(Name="feed")["Source"]
        key = {"Authorization": f"Bearer {told['PushKey']}"}
        kept = numbers(media)
        assert kept == list(range(len(kept))) and len(kept) >= acknowledged
        following = len(kept)
        for size in (1, 40, 300):
            sending = Sending(told["PushUrl"], key)
            sending.send(lines(range(following, following + size)))
            status, answer = sending.finish()
            assert (status, answer["Taken"], answer["Refused"]) == (200, size, 0)
            following = acknowledged = following + size
        # One that goes on for ever: what it has pushed can be seen long before its end.
        endless = Sending(told["PushUrl"], key)
        endless.send(lines(range(following, following + 100))[:-3])
        until_numbers(media, following + 99)
        acknowledged = following + 99  # on disk, as they can be read
        if life < 2:
            platform.kill()
            platform.start()
        endless.break_off()
    media = platform.client("media", read_timeout=60)
    kept = numbers(media)
    assert kept == list(range(acknowledged))
    check_engines(media, kept)
    assert len({each["stream"] for each in listed(media)}) == 1


def test_refused_lines_and_the_end(platform: LivePlatform) -> None:
    media = begin(platform, Push=True, Records={})
    told = media.describe_source(Name="feed")["Source"]
    key = {"Authorization": f"Bearer {told['PushKey']}"}
    sending = Sending(told["PushUrl"], key)
    sending.send(b'{"n": 0}\nwhat?\n\n{"n": 1}\n')
    status, answer = sending.finish()
    assert (status, answer["Taken"], answer["Errors"][0]["Line"]) == (200, 2, 2)
    sending = Sending(told["PushUrl"], key)
    sending.send(b"<html>")
    assert sending.finish()[0] == 422
    sending = Sending(told["PushUrl"], {"Authorization": "Bearer guessed"})
    assert sending.finish()[0] == 403
    sending = Sending(told["PushUrl"] + "?end=true", key)
    sending.send(lines(range(2, 5)))
    assert sending.finish()[1]["State"] == "ENDED"
    until(lambda: media.describe_source(Name="feed")["Source"]["State"] == "ENDED")
    check_engines(media, list(range(5)))


class Feeder:
    """A server of events that hangs up after every few, and knows where each client was."""

    def __init__(self, count: int, at_once: int) -> None:
        self.count, self.at_once = count, at_once
        self.asked: list[str | None] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        feeder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                feeder.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/events"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        last = request.headers.get("Last-Event-ID")
        self.asked.append(last)
        first = int(last) + 1 if last else 0
        if first >= self.count:
            request.send_response(204)
            request.end_headers()
            return
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.wfile.write(b"retry: 20\n\n")
        for n in range(first, min(self.count, first + self.at_once)):
            request.wfile.write(b'id: %d\ndata: {"n": %d}\n\n' % (n, n))
        request.wfile.write(b'id: 999\ndata: {"n":')  # and there it breaks


def test_events_of_a_server_that_hangs_up(platform: LivePlatform) -> None:
    feeder = Feeder(count=200, at_once=30)
    with feeder.serving() as url:
        media = begin(platform, Url=url, Records={})
        until(lambda: len(numbers(media)) >= 40)
        platform.kill()
        platform.start()
        media = platform.client("media", read_timeout=60)
        until(
            lambda: media.describe_source(Name="feed")["Source"]["State"] == "ENDED",
            lambda: media.describe_source(Name="feed")["Source"],
        )
        assert numbers(media) == list(range(200))
        check_engines(media, list(range(200)))
    assert "999" not in feeder.asked


def test_a_stream_of_kinesis(platform: LivePlatform) -> None:
    kinesis = platform.client("kinesis")
    kinesis.create_stream(StreamName="sensors", ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName="sensors")
    start = {"StartingPosition": "TRIM_HORIZON"}
    media = begin(platform, Url="kinesis:sensors", Records=start)
    counting = itertools.count()
    for life in range(3):
        kinesis = platform.client("kinesis")
        for _ in range(4):
            records = [
                {"Data": b'{"n": %d}' % n, "PartitionKey": str(n)}
                for n in itertools.islice(counting, 25)
            ]
            told = kinesis.put_records(StreamName="sensors", Records=records)
            assert told["FailedRecordCount"] == 0
        media = platform.client("media", read_timeout=60)
        if life < 2:
            until_numbers(media, life * 100 + 10)
            platform.kill()
            platform.start()
    media = platform.client("media", read_timeout=60)
    until(lambda: len(numbers(media)) >= 300)
    found = numbers(media)
    assert sorted(found) == list(range(300))
    check_engines(media, found)


def _block(text: str, kind: str, holds: str) -> str:
    """A block of the documentation that has something in it."""
    blocks = re.findall(rf"```{kind}\n(.*?)```", text, re.S)
    return str(next(each for each in blocks if holds in each))


def test_the_documentation_is_true(platform: LivePlatform, tmp_path: Path) -> None:
    """The example of ``docs/media.md``, pasted."""
    text = (Path(__file__).parents[3] / "docs" / "media.md").read_text()
    commands = Commands(platform, tmp_path / "app", tmp_path / "cache")
    commands.folder.mkdir()
    commands.write(
        anomalies__py=_block(text, "python", "def find"),
        sensors__yaml=_block(text, "yaml", "Name: sensors"),
    )
    commands.pileus("deploy", "--template", "sensors.yaml", "--stack-name", "sensors")
    shown = commands.pileus("source", "show", "sensors", "--json").json()
    told = _block(text, "console", "readings.jsonl")
    typed = [line.removeprefix("$ ") for line in told.splitlines() if line.startswith("$ ")]
    for line in [each for each in typed if "readings.jsonl" in each and "curl" not in each]:
        assert commands.run("bash", "-c", line).status == 0
    sending = Sending(shown["PushUrl"], {"Authorization": f"Bearer {shown['PushKey']}"})
    sending.send((commands.folder / "readings.jsonl").read_bytes())
    answer = next(line for line in told.splitlines() if line.startswith('{"Taken"'))
    assert sending.finish() == (200, json.loads(answer))
    found = until(lambda: commands.pileus("pipeline", "results", "watch").out)
    assert found.strip() in told
    assert commands.pileus("source", "records", "sensors", "--last", "1").out.strip() in told
    sqs = platform.client("sqs")
    url = sqs.get_queue_url(QueueName="alarms")["QueueUrl"]
    messages = until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
    event = json.loads(messages[0]["Body"])
    (series,) = event["detail"]["series"]
    assert series["objects"][0]["attributes"] == {"time": 1_700_000_061, "celsius": 95}


def test_the_command_line(platform: LivePlatform, tmp_path: Path) -> None:
    commands = Commands(platform, tmp_path, tmp_path / "cache")
    made = commands.pileus("source", "add", "feed", "--push", "--records", "--time-field", "at")
    url, key = made.out.split()[1], made.out.split()[-1]
    following = commands.start_pileus("source", "records", "feed", "-f")
    sending = Sending(f"{url}?end=true&key={key}", {})
    sending.send(lines(range(3)))
    assert sending.finish()[0] == 200
    out, _ = following.communicate(timeout=_PATIENCE_S)
    assert out.split() == ['{"n":0}', '{"n":1}', '{"n":2}']
    shown = commands.pileus("source", "show", "feed").out
    assert "kept      3 records" in shown and "records 3" in shown
    kinesis = platform.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    commands.pileus("source", "add", "clicks", "kinesis:s", "--start", "trim-horizon")
    assert "clicks" in commands.pileus("source", "list").out
    refused = commands.try_pileus("source", "add", "x", "http://h/x", "--every", "1m")
    assert refused.status and "--records" in refused.err


def test_records_over_a_websocket(platform: LivePlatform) -> None:
    media = begin(platform, Push=True, Records={})
    told = media.describe_source(Name="feed")["Source"]
    parts = urlsplit(told["PushUrl"])
    target = f"{parts.path}?end=true&key={told['PushKey']}"
    frames, said = WSConnection(ConnectionType.CLIENT), ""
    with socket.create_connection(("127.0.0.1", platform.port), timeout=_PATIENCE_S) as raw:
        raw.sendall(frames.send(Request(host=parts.netloc, target=target)))
        is_open = is_over = False
        while not is_over:
            frames.receive_data(raw.recv(1 << 16) or None)
            for event in frames.events():
                if isinstance(event, AcceptConnection):
                    is_open = True
                    for data in (
                        '{"n": 0}',
                        '{"n": 1}\n{"n": 2}\n',
                        b'{"n": 3}',
                        '{"event": "end"}',
                    ):
                        kind = TextMessage if isinstance(data, str) else BytesMessage
                        raw.sendall(frames.send(kind(data)))
                elif isinstance(event, TextMessage):
                    said += event.data
                else:
                    is_over = isinstance(event, CloseConnection)
    answer = json.loads(said)
    assert is_open and (answer["Taken"], answer["State"]) == (4, "ENDED")
    assert numbers(media) == [0, 1, 2, 3]
    check_engines(media, [0, 1, 2, 3])
