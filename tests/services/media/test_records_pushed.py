"""Records that are pushed: taken line by line, looked at by engines once and in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pileus.ports.nodes import Invocation
from pileus.services.media.pushes import Place, Pushes
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.body import BytesBody
from pileus.values.errors import ServiceError

from .conftest import CODE, Bench, Listener

HERE = Place("000000000000", "us-east-1", "lobby")


def lines(*values: Any) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


async def push(bench: Bench, data: bytes, *, is_last: bool = False) -> Any:
    """A body that comes at once; its answer."""
    publishing = await bench.platform.kernel.part(Pushes).publish(HERE, is_last=is_last)
    taking = asyncio.ensure_future(publishing.take(BytesBody(data)))
    await bench.passing(10)
    return await taking


async def listed(bench: Bench, **more: Any) -> list[dict[str, Any]]:
    told = await bench("ListRecords", Source="lobby", **more)
    return [json.loads(each["Document"]) for each in told["Records"]]


async def source(bench: Bench) -> Any:
    return (await bench("DescribeSource", Name="lobby"))["Source"]


def reading() -> Program:
    """An object engine: the label of each piece is the number that its record holds."""

    def handle(invocation: Invocation, count: int) -> Answer:
        event = json.loads(invocation.payload)
        assert event["ring"] == ""
        told = [
            {"number": each["number"], "result": [{"label": f"n {each['record']['n']}"}]}
            for each in event["chunks"]
        ]
        return Answer(json.dumps({"results": told}).encode())

    return Program(handle)


async def engine(bench: Bench, name: str = "look", **more: Any) -> None:
    await bench.engine(name, Input={"Kind": "records"}, **{"WhenBehind": "never", **more})


async def pipeline(bench: Bench, *engines: str, **more: Any) -> None:
    records = {"Push": True, "Records": {}, **more}
    await bench("CreateSource", Name="lobby", **records)
    await bench("CreatePipeline", Name="p", Source="lobby", Engines=list(engines))
    await bench.passing(10)


async def labels(bench: Bench, name: str = "look") -> list[str]:
    found = await bench.results(name)
    return [o["label"] for each in found for s in each["series"] for o in s.get("objects", ())]


async def test_lines_are_kept_and_refused_by_number(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    assert (await source(bench))["StateReason"] == "Nobody has pushed yet."
    told = await push(bench, b'{"n": 1}\n\nnonsense\n{"n": 2}\r\n[3]')
    assert (told["Taken"], told["Refused"], told["State"]) == (3, 1, "LIVE")
    assert [each["Line"] for each in told["Errors"]] == [3]
    found = await listed(bench)
    assert [each["record"] for each in found] == [{"n": 1}, {"n": 2}, [3]]
    starts = [each["chunk"]["start_ms"] for each in found]
    assert starts == [0, 1, 2] and told["LastOffset"] == 2
    shown = await source(bench)
    assert (shown["State"], shown["RecordsKept"]) == ("LIVE", 3)
    assert shown["Counts"]["records"] == 3 and shown["Counts"]["refused"] == 1


async def test_a_line_may_be_too_long(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    told = await push(bench, b'"' + b"x" * (1 << 20) + b'"\n{"n": 1}\n')
    assert (told["Taken"], told["Refused"]) == (1, 1)
    assert told["Errors"] == [{"Line": 1, "Reason": "longer than 1048576 bytes"}]


async def test_engines_get_every_record_once_in_order(bench: Bench) -> None:
    bench.programs["look.look"] = reading()
    await engine(bench, Batch={"Size": 4})
    await pipeline(bench, "look")
    for first in range(0, 100, 10):
        await push(bench, lines(*({"n": n} for n in range(first, first + 10))))
    await bench.passing(5000)
    assert await labels(bench) == [f"n {n}" for n in range(100)]
    assert not bench.intakes.started


async def test_a_stream_engine_gets_the_whole_stream_and_its_end(bench: Bench) -> None:
    listener = Listener(has_checkpoints=True)
    bench.programs["look.look"] = listener.program
    await bench("CreateEngine", Name="look", Mode="stream", Handler="look.look", Code=CODE,
                Input={"Kind": "records"})  # fmt: skip
    await pipeline(bench, "look")
    for n in range(40):
        await push(bench, lines({"n": n}, {"n": n}))
    told = await push(bench, lines({"n": 80}), is_last=True)
    assert told["State"] == "ENDED"
    await bench.passing(1000)
    assert await bench.words() == [str(n) for n in range(1, 82)]
    assert listener.ends == [False]
    assert (await source(bench))["State"] == "ENDED"
    assert (await bench.results())[-1]["end"] == "clean"
    await push(bench, lines({"n": 81}))
    await bench.passing(1000)
    assert (await source(bench))["State"] == "LIVE"
    assert (await bench.words())[81:] == ["1"]  # another life of the source: a stream of its own


async def test_after_a_crash_engines_go_on_where_they_were(bench: Bench) -> None:
    listener = Listener(has_checkpoints=True)
    bench.programs["hear.hear"] = listener.program
    bench.programs["look.look"] = reading()
    await engine(bench)
    await bench("CreateEngine", Name="hear", Mode="stream", Handler="hear.hear", Code=CODE,
                Input={"Kind": "records"})  # fmt: skip
    await pipeline(bench, "look", "hear")
    for n in range(30):
        await push(bench, lines({"n": 2 * n}, {"n": 2 * n + 1}))
        if n % 7 == 3:
            await bench.restart()
    await bench.restart()
    await bench.passing(5000)
    assert await labels(bench) == [f"n {n}" for n in range(60)]
    assert await bench.words("hear") == [str(n) for n in range(1, 61)]
    assert len({each["stream"] for each in await bench.results()}) == 1


async def test_many_push_at_a_time(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    pushes = bench.platform.kernel.part(Pushes)
    bodies = [lines(*({"p": p, "n": n} for n in range(50))) for p in range(5)]
    opening = [asyncio.ensure_future(pushes.publish(HERE)) for _ in bodies]
    await bench.passing(10)
    takes = [
        asyncio.ensure_future((await each).take(_dripping(body)))
        for each, body in zip(opening, bodies, strict=True)
    ]
    await bench.passing(100)
    assert [(await each)["Taken"] for each in takes] == [50] * 5
    found = [each["record"] for each in await listed(bench, MaxResults=1000)]
    for p in range(5):
        assert [each["n"] for each in found if each["p"] == p] == list(range(50))
    starts = [each["chunk"]["start_ms"] for each in await listed(bench, MaxResults=1000)]
    assert starts == sorted(set(starts)) and len(starts) == 250


async def _dripping(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 7):
        yield data[at : at + 7]


async def test_what_came_before_a_cut_is_kept(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})

    async def cut() -> AsyncIterator[bytes]:
        yield b'{"n": 1}\n{"n": 2}\n{"n":'
        raise ServiceError("IncompleteBody", "gone")

    publishing = await bench.platform.kernel.part(Pushes).publish(HERE)
    taking = asyncio.ensure_future(publishing.take(cut()))
    await bench.passing(10)
    with pytest.raises(ServiceError):
        await taking
    assert [each["record"] for each in await listed(bench)] == [{"n": 1}, {"n": 2}]


async def test_times_of_records_place_them(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={"TimeField": "at.time"})
    at = "2020-01-01T00:00:{}Z"
    times = [at.format("10"), at.format("12.5"), at.format("11"), None, at.format("20")]
    await push(bench, lines(*({"at": {"time": each}} for each in times)))
    starts = [each["chunk"]["start_ms"] for each in await listed(bench)]
    assert starts == [0, 2500, 2501, 2502, 10_000]
    counts = (await source(bench))["Counts"]
    assert (counts["late"], counts["times_missing"]) == (1, 1)
    found = await listed(bench, FromMs=2501, ToMs=10_000)
    assert [each["chunk"]["start_ms"] for each in found] == [2501, 2502]


async def test_silence_is_a_stall(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={"SilenceSeconds": 5})
    await push(bench, lines({"n": 1}))
    await bench.passing(4000)
    assert (await source(bench))["State"] == "LIVE"
    await bench.passing(3000)
    told = await source(bench)
    assert (told["State"], told["StateReason"]) == ("STALLED", "No record for 5 s.")
    await push(bench, lines({"n": 2}))
    assert (await source(bench))["State"] == "LIVE"


async def test_engines_that_join_begin_at_any_kept_record(bench: Bench) -> None:
    bench.programs["look.look"] = reading()
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    for n in range(10):
        await push(bench, lines({"n": n}))
        await bench.passing(1000)
    await engine(bench)
    await engine(bench, "late")
    await engine(bench, "now", WhenBehind="newest")
    for name, begin in (("look", "earliest"), ("late", "5.5s"), ("now", "now")):
        await bench("CreatePipeline", Name=name, Source="lobby", Engines=[name], From=begin)
    await bench.passing(1000)
    await push(bench, lines({"n": 10}))
    await bench.passing(1000)
    assert await labels(bench, "look") == [f"n {n}" for n in range(11)]
    assert await labels(bench, "late") == [f"n {n}" for n in range(5, 11)]
    assert await labels(bench, "now") == ["n 10"]


async def test_old_records_are_forgotten_by_keep(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={}, KeepSeconds=60)
    big = "x" * 100_000
    for n in range(100):
        await push(bench, lines({"n": n, "big": big}))
        await bench.passing(1000)
    await bench.passing(120_000)
    assert (await source(bench))["RecordsKept"] < 100
    assert (await listed(bench, Last=1))[0]["record"]["n"] == 99


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Url": "rtsp://h/x", "Records": {}}, "records are pushed"),
        ({"Push": True, "Records": {"Format": "sse"}}, "JSON lines"),
        ({"Push": True, "Records": {"EverySeconds": 1}}, "Every"),
        ({"Push": True, "Records": {"StartingPosition": "LATEST"}}, "StartingPosition"),
        ({"Url": "http://h/x", "Records": {"Format": "kinesis"}}, "kinesis:<stream>"),
        ({"Url": "kinesis:a b"}, "stream's name"),
        ({"Url": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}, "own account"),
        ({"Url": "kinesis:s", "Records": {"StartingPosition": "AT_TIMESTAMP"}}, "Timestamp"),
        ({"Push": True, "Records": {}, "CopyTo": "s3://b/x"}, "CopyTo"),
        ({"Push": True, "Records": {}, "Options": {"framerate": "5"}}, "framerate"),
    ],
)
async def test_what_means_nothing_is_refused(bench: Bench, given: Any, words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await bench("CreateSource", Name="lobby", **given)
    assert caught.value.code == "ValidationException" and words in caught.value.message


async def test_engines_and_sources_must_fit(bench: Bench) -> None:
    await bench.engine()
    await engine(bench, "records")
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    await bench("CreateSource", Name="camera", Url="rtsp://h/x")
    for source_name, name in (("lobby", "look"), ("camera", "records")):
        with pytest.raises(ServiceError) as caught:
            await bench("CreatePipeline", Name="p", Source=source_name, Engines=[name])
        assert caught.value.code == "ValidationException" and name in caught.value.message
    with pytest.raises(ServiceError):
        await bench("ListRecords", Source="camera")
    with pytest.raises(ServiceError):
        await bench("UpdateSource", Name="camera", Records={})
    with pytest.raises(ServiceError):
        await bench.platform.kernel.part(Pushes).offer(HERE, "v=0")
    with pytest.raises(ServiceError):
        await bench("WatchSource", Source="lobby")


async def test_deleting_forgets_records(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    await push(bench, lines({"n": 1}))
    await bench("DeleteSource", Name="lobby")
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    assert await listed(bench) == []


async def test_a_change_while_somebody_pushes(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    publishing = await bench.platform.kernel.part(Pushes).publish(HERE)
    more = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield lines({"n": 1})
        await more.wait()
        yield lines({"n": 2})

    taking = asyncio.ensure_future(publishing.take(slow()))
    await bench.passing(10)
    await bench("UpdateSource", Name="lobby", KeepSeconds=60)
    more.set()
    await bench.passing(10)
    with pytest.raises(ServiceError, match="push again"):
        await taking
    told = await push(bench, lines({"n": 2}))
    assert told["LastOffset"] == 1


async def test_who_came_with_an_old_key_is_cut_off(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Push=True, Records={})
    pushes = bench.platform.kernel.part(Pushes)
    publishing = await pushes.publish(HERE, (await source(bench))["PushKey"])

    async def endless() -> AsyncIterator[bytes]:
        yield lines({"n": 1})
        await asyncio.Event().wait()

    taking = asyncio.ensure_future(publishing.take(endless()))
    await bench.passing(10)
    await bench("RotatePushKey", Name="lobby")
    await bench.passing(10)
    with pytest.raises(ServiceError) as caught:
        await taking
    assert caught.value.code == "AccessDeniedException"
    assert [each["record"] for each in await listed(bench)] == [{"n": 1}]
