"""Records that are read over HTTP: what comes, what is asked for again, and what the state tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.fake_fetching import FakeFetching

from .conftest import Bench
from .test_records_pushed import engine, labels, lines, listed, pipeline, reading, source

URL = "http://user:secret@feed.example/x"


@pytest.fixture
def server(bench: Bench) -> FakeFetching:
    """The one server that there is, also for platforms that come back."""
    return bench.server


async def pulled(bench: Bench, **records: Any) -> None:
    await bench("CreateSource", Name="lobby", Url=URL, Records=records)
    await bench.passing(10)


async def numbers(bench: Bench) -> list[int]:
    return [each["record"]["n"] for each in await listed(bench, MaxResults=1000)]


async def state(bench: Bench) -> tuple[str, str]:
    told = await source(bench)
    return told["State"], told.get("StateReason", "")


async def test_lines_come_live_and_end(bench: Bench, server: FakeFetching) -> None:
    answer = server.answer(content_type="application/x-ndjson")
    await pulled(bench)
    assert (await source(bench))["Url"] == "http://feed.example/x"
    for n in range(3):
        answer.say(lines({"n": n}))
        await bench.passing(100)
        assert await numbers(bench) == list(range(n + 1))
    assert await state(bench) == ("LIVE", "")
    answer.say(b'{"n": 3}').end()
    await bench.passing(100)
    assert await numbers(bench) == [0, 1, 2, 3]
    assert await state(bench) == ("ENDED", "")
    assert answer.is_closed
    await bench.restart()
    await bench.passing(60_000)
    assert len(server.asked) == 1  # what has ended is read again only when it is updated
    server.answer().say(lines({"n": 9})).end()
    await bench("UpdateSource", Name="lobby", KeepSeconds=7200)
    await bench.passing(100)
    assert await numbers(bench) == [0, 1, 2, 3, 9]


async def test_nobody_listens_and_then_somebody_does(bench: Bench, server: FakeFetching) -> None:
    await pulled(bench)
    assert await state(bench) == ("FAILED", "no connection to the server.")
    await bench.passing(60_000)
    assert 5 <= len(server.asked) <= 8  # with growing pauses
    server.answer(503)
    server.answer().say(lines({"n": 1}))
    await bench.passing(90_000)
    assert await numbers(bench) == [1]


async def test_a_server_that_answers_something_else(bench: Bench, server: FakeFetching) -> None:
    server.answer(401)
    await pulled(bench)
    assert await state(bench) == ("FAILED", "the server answers 401.")
    server.answer(content_type="text/html").say(b"<p>Hello").end()
    await bench.passing(1100)
    told = await state(bench)
    assert told == ("FAILED", "the server answers text/html, which holds no records.")


async def test_a_cut_is_asked_for_from_where_it_was(bench: Bench, server: FakeFetching) -> None:
    first = server.answer(etag='"a"', accept_ranges="bytes")
    await pulled(bench)
    first.say(b'{"n": 0}\n{"n": 1}\n{"n":').cut()
    second = server.answer(206, etag='"a"')
    await bench.passing(2000)
    second.say(b'\n{"n": 2}\n').end()
    await bench.passing(100)
    assert server.asked[1][1]["Range"] == "bytes=17-"
    assert await numbers(bench) == [0, 1, 2]
    assert (await state(bench))[0] == "ENDED"


async def test_ranges_of_another_document_are_not_taken(bench: Bench, server: FakeFetching) -> None:
    server.answer(accept_ranges="bytes").say(lines({"n": 0}, {"n": 1})).cut()
    server.answer(206).say(b"7}\n").cut()
    server.answer(200).say(lines({"n": 5}, {"n": 6}, {"n": 7})).end()
    await pulled(bench)
    await bench.passing(5000)
    assert await numbers(bench) == [0, 1, 5, 6, 7]


async def test_the_same_document_is_not_told_twice(bench: Bench, server: FakeFetching) -> None:
    whole = lines(*({"n": n} for n in range(5)))
    server.answer(etag='"a"').say(whole[:20]).cut()
    server.answer(etag='"a"').say(whole[:3]).say(whole[3:25]).say(whole[25:]).end()
    await pulled(bench)
    await bench.passing(5000)
    assert await numbers(bench) == [0, 1, 2, 3, 4]


async def test_a_growing_file_is_followed(bench: Bench, server: FakeFetching) -> None:
    whole = lines({"n": 0}, {"n": 1})
    server.answer(etag='"a"', accept_ranges="bytes").say(whole + b'{"n":').end()
    server.answer(206).say(b'\n{"n": 2}\n').end()
    server.answer(206).say(b"\n").end()
    server.answer(416)  # it was begun anew
    server.answer(accept_ranges="bytes").say(lines({"n": 9})).end()
    await pulled(bench, EverySeconds=10)
    await bench.passing(100)
    assert await numbers(bench) == [0, 1]
    await bench.passing(10_000)
    assert await numbers(bench) == [0, 1, 2]
    await bench.passing(20_000)
    assert await numbers(bench) == [0, 1, 2, 9]
    assert "Range" not in server.asked[4][1]


async def test_a_document_is_asked_for_now_and_then(bench: Bench, server: FakeFetching) -> None:
    server.answer(content_type="application/json", etag='"a"').say(b'[{"n": 0}, {"n"').say(
        b": 1}]"
    ).end()
    server.answer(304)
    server.answer(content_type="application/json", etag='"b"').say(b'{"n": 2}').end()
    await pulled(bench, EverySeconds=5)
    await bench.passing(100)
    assert await numbers(bench) == [0, 1]
    await bench.passing(5000)
    assert server.asked[1][1]["If-None-Match"] == '"a"'
    assert await numbers(bench) == [0, 1]
    await bench.passing(5000)
    assert await numbers(bench) == [0, 1, 2]
    assert (await state(bench))[0] == "FAILED" or len(server.asked) == 3


async def test_events_go_on_behind_the_last_id(bench: Bench, server: FakeFetching) -> None:
    sse = {"content_type": "text/event-stream; charset=utf-8"}
    first = server.answer(**sse)
    await pulled(bench)
    first.say(b': hello\n\nretry: 3000\nid: 7\ndata: {"n": 0}\n\nid: 8\ndata: {"n":\ndata: 1}\n\n')
    await bench.passing(10)
    assert await numbers(bench) == [0, 1]
    second = server.answer(**sse)
    first.say(b'id: 9\ndata: {"n": 2}\n').end()
    await bench.passing(2900)
    assert len(server.asked) == 1
    await bench.passing(200)
    assert server.asked[1][1]["Last-Event-ID"] == "8"
    second.say(b'id: 9\r\ndata: {"n": 2}\r\n\r\n')
    await bench.passing(100)
    third = server.answer(**sse)
    await bench.restart()
    assert server.asked[2][1]["Last-Event-ID"] == "9"
    third.say(b'data: {"n": 3}\n\ndata: nonsense\n\n').end()
    server.answer(204)
    await bench.passing(5000)
    assert await numbers(bench) == [0, 1, 2, 3]
    told = await source(bench)
    assert (told["State"], told["Counts"]["refused"]) == ("ENDED", 1)


async def test_silence_is_told_and_ends_what_can_go_on(bench: Bench, server: FakeFetching) -> None:
    plain = server.answer()
    await pulled(bench, SilenceSeconds=5)
    plain.say(lines({"n": 0}))
    await bench.passing(6000)
    assert await state(bench) == ("STALLED", "Nothing came for 5 s.")
    plain.say(lines({"n": 1}))
    await bench.passing(10)
    assert (await state(bench))[0] == "LIVE" and len(server.asked) == 1
    assert not plain.is_closed  # what follows could not be asked for
    await bench("DeleteSource", Name="lobby")
    assert plain.is_closed
    events = server.answer(content_type="text/event-stream")
    await pulled(bench, SilenceSeconds=5)
    events.say(b'id: 1\ndata: {"n": 0}\n\n')
    await bench.passing(6100)
    assert events.is_closed and len(server.asked) == 3


async def test_engines_look_at_it_once_whatever_breaks(bench: Bench, server: FakeFetching) -> None:
    bench.programs["look.look"] = reading()
    await engine(bench, Batch={"Size": 8})
    whole, cut = lines(*({"n": n} for n in range(200))), 0
    server.answer(etag='"a"').say(whole[:500]).cut()
    await pipeline(bench, "look", Push=False, Url=URL)
    for cut in range(600, 2000, 300):
        server.answer(etag='"a"').say(whole[:cut]).cut()
        await bench.passing(100)
        await bench.restart()
        await bench.passing(40_000)
    server.answer(etag='"a"').say(whole).end()
    await bench.passing(60_000)
    assert await labels(bench) == [f"n {n}" for n in range(200)]
    assert (await state(bench))[0] == "ENDED"
    assert json.loads(json.dumps(await listed(bench, Last=1)))[0]["record"] == {"n": 199}
