"""Lambda functions in the place of engines: their events, their answers, and what goes wrong with them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.ports import intakes as messages
from pileus.runtime.frame_ring import JPEG, RingWriter
from pileus.testing.compute import add_function, add_role
from pileus.testing.fake_nodes import Answer
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

from .conftest import CODE, FRAMES
from .function_bench import FunctionBench

FUNCTION = {"Name": "look", "Mode": "object", "Function": "f", "Input": FRAMES}


class RingBench(FunctionBench):
    """With real pictures in a ring."""

    def begin_ring(self) -> None:
        self.ring = RingWriter(self.code_dir.parent / "ring", 4, 64)

    async def see(self, *numbers: int) -> None:
        """Pictures that come at once."""
        for number in numbers:
            data = memoryview(b"\xff\xd8%d" % number)
            self.ring.write(number, (number - 1) * 200, (4, 2, JPEG), data)
            (attached,) = self.intake.inputs
            self.intake.tell(
                messages.Chunk(
                    input=attached, ring=str(self.ring.path), number=number,
                    start_ms=(number - 1) * 200, stop_ms=number * 200, captured_at_ms=0,
                )
            )  # fmt: skip
        await self.passing(200)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[RingBench]:
    made = RingBench(None, tmp_path / "code")
    made.begin_ring()
    made.platform = await MemoryPlatform.start(prepare=made.prepare)
    await add_role(made.platform)
    await add_function(made.platform, "f", "app.f")
    yield made
    await made.platform.crash()


async def test_a_function_gets_pictures_and_its_answer_is_the_result(bench: RingBench) -> None:
    bench.answer = lambda event: Answer(b'[[{"label": "cat"}]]')
    told = (await bench("CreateEngine", **FUNCTION))["Engine"]
    assert (told["Function"], told["Input"]["Format"]) == ("f", "jpeg")
    await bench.pipeline("look")
    await bench.see(1)
    await bench.see(2)
    (event, _) = bench.events
    (record,) = event["Records"]
    media = record.pop("media")
    assert base64.b64decode(media.pop("data")) == b"\xff\xd81"
    stream = media.pop("stream")
    assert media == {
        "source": "lobby", "engine": "look", "number": 1, "start_ms": 0, "stop_ms": 200,
        "contentType": "image/jpeg", "width": 4, "height": 2,
    }  # fmt: skip
    assert record == {
        "eventSource": "pileus:media",
        "eventVersion": "1.0",
        "eventID": f"lobby/look:{stream}:0",
        "eventName": "pileus:media:piece",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:media:us-east-1:000000000000:source/lobby",
    }
    found = await bench.results()
    assert [each["chunk"]["start_ms"] for each in found] == [0, 200]
    assert found[0]["series"][0]["objects"] == [{"label": "cat"}]


async def test_pieces_that_wait_go_together(bench: RingBench) -> None:
    bench.answer = lambda event: Answer(
        json.dumps(
            {"results": [[{"label": str(r["media"]["number"])}] for r in event["Records"]]}
        ).encode(),
        duration_s=0.1,
    )
    await bench("CreateEngine", **FUNCTION, Batch={"Size": 8}, WhenBehind="oldest")
    await bench.pipeline("look")
    await bench.see(1, 2, 3, 4)
    await bench.passing(1000)
    assert bench.batches() == [[0, 200, 400, 600]]
    labels = [each["series"][0]["objects"][0]["label"] for each in await bench.results()]
    assert labels == ["1", "2", "3", "4"]


async def test_what_the_ring_lost_is_not_told(bench: RingBench) -> None:
    bench.answer = lambda event: Answer(b"null", duration_s=0.1)
    await bench("CreateEngine", **FUNCTION, WhenBehind="oldest")
    await bench.pipeline("look")
    await bench.see(1, 2, 3, 4, 5, 6)  # 5 and 6 lie over 1 and 2
    await bench.passing(2000)
    assert bench.seen() == [400, 600, 800, 1000]
    assert (await bench.lane())["Drops"] == {"overwritten": 2}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b'{"errorType": "E", "errorMessage": "no"}', is_error=True), "E: no"),
        (Answer(b"[1, 2]"), "Engine.WrongResult: the function got 1 pieces and gave 2 results"),
        (Answer(b"[5]"), "Engine.WrongResult: an engine gives a list or None, not int"),
    ],
)
async def test_what_goes_wrong_is_told(bench: RingBench, answer: Answer, words: str) -> None:
    bench.answer = lambda event: answer
    await bench("CreateEngine", **FUNCTION, MaxAttempts=2)
    await bench.pipeline("look")
    await bench.see(1)
    await bench.passing(10_000)
    (found,) = await bench.results()
    assert found["error"] == words and len(bench.events) == 2


async def test_a_function_that_is_gone_is_told(bench: RingBench) -> None:
    await bench("CreateEngine", **{**FUNCTION, "Function": "g"}, MaxAttempts=1)
    await bench.pipeline("look")
    await bench.see(1)
    await bench.passing(2000)
    (found,) = await bench.results()
    assert found["error"].startswith("ResourceNotFoundException: Function not found: ")


async def test_functions_that_answer_something_else_say_nothing(bench: RingBench) -> None:
    bench.answer = lambda event: Answer(b'{"statusCode": 200}')
    await bench("CreateEngine", **FUNCTION)
    await bench.pipeline("look")
    await bench.see(1)
    assert [each["series"] for each in await bench.results()] == [[]]


async def test_what_another_engine_says_is_data(bench: RingBench) -> None:
    await bench.engine("first")
    await bench("CreateEngine", **{**FUNCTION, "Input": {"Kind": "results", "Results": "first"}})
    await bench.pipeline("first", "look")
    bench.intake.show(1)
    await bench.passing(500)
    (event,) = bench.events
    assert event["Records"][0]["media"]["record"]["engine"] == "first"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Code": CODE}, "An engine has either Code or Function."),
        ({"Handler": "a.b"}, "Handler is for engines with Code; a function has its own."),
        ({"Environment": {"A": "b"}}, "Environment is for engines with Code"),
        ({"Mode": "stream"}, "Functions are object engines"),
    ],
)
async def test_what_goes_not_together(bench: RingBench, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await bench("CreateEngine", **{**FUNCTION, **given})
    assert words in refused.value.message, refused.value.message


async def test_an_engine_stays_what_it_is(bench: RingBench) -> None:
    await bench("CreateEngine", **FUNCTION)
    await bench.engine("code")
    for given in ({"Name": "look", "Code": CODE}, {"Name": "code", "Function": "f"}):
        with pytest.raises(ServiceError, match="An engine of a function stays one"):
            await bench("UpdateEngine", **given)
    changed = (await bench("UpdateEngine", Name="look", Function="f:live"))["Engine"]
    assert changed["Function"] == "f:live"
    await bench("DeleteEngine", Name="look")
