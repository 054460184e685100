"""What operations refuse, in which words, and what they leave as it was."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.compute import package
from pileus.values.errors import ServiceError

from .conftest import CODE, FRAMES, Bench

ENGINE = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES}


async def refusal(bench: Bench, operation: str, **given: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        await bench(operation, **given)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("kind", ["Source", "Engine", "Pipeline"])
@pytest.mark.parametrize("verb", ["Describe", "Update", "Delete"])
async def test_what_is_not_there_is_named(bench: Bench, kind: str, verb: str) -> None:
    more: dict[str, Any] = {"Engines": ["e"]} if (kind, verb) == ("Pipeline", "Update") else {}
    code, message = await refusal(bench, f"{verb}{kind}", Name="nobody", **more)
    assert code == "ResourceNotFoundException"
    assert message == f"There is no {kind.lower()} nobody."


async def test_names_are_given_once(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    source = {"Name": "lobby", "Url": "rtsp://h/2"}
    for operation, given in (
        ("CreateSource", source),
        ("CreateEngine", {"Name": "look", **ENGINE}),
        ("CreatePipeline", {"Name": "p", "Source": "lobby", "Engines": ["look"]}),
    ):
        code, message = await refusal(bench, operation, **given)
        assert code == "ResourceAlreadyExistsException"
        assert message.endswith(f" {given['Name']} already.")
    assert (await bench("DescribeSource", Name="lobby"))["Source"]["Url"] == "rtsp://h/lobby"


async def test_what_a_pipeline_has_stays(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    for kind, name in (("Source", "lobby"), ("Engine", "look")):
        code, message = await refusal(bench, f"Delete{kind}", Name=name)
        assert code == "ResourceInUseException"
        assert message == (
            f"The {kind.lower()} {name} belongs to the pipeline p; delete or change that first."
        )
    await bench("DeletePipeline", Name="p")
    await bench("DeleteSource", Name="lobby")
    await bench("DeleteEngine", Name="look")
    assert (await bench("ListEngines"))["Engines"] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Url": "gopher://h/x"}, "a source's address begins with one of alsa, device, file, http"),
        ({"Url": "rtsp:///x"}, "names no host"),
        ({"Url": "file:relative.mp4"}, "the path of a file is absolute"),
        ({"Url": "rtsp://h/x", "Options": {"protocol_whitelist": "file"}}, "is no option of a"),
        ({"Url": "rtsp://h/x", "SegmentSeconds": 0.1}, "Member must have value greater than"),
        ({"Url": "rtsp://h/x", "Name": "a b"}, "Member must satisfy regular expression pattern"),
    ],
)
async def test_sources_that_mean_nothing(bench: Bench, given: dict[str, Any], words: str) -> None:
    code, message = await refusal(bench, "CreateSource", **{"Name": "lobby", **given})
    assert (code, words in message) == ("ValidationException", True), message
    assert (await bench("ListSources"))["Sources"] == []


async def test_a_source_that_was_just_added_is_being_connected_to(bench: Bench) -> None:
    states = []
    for name, is_enabled in (("read", True), ("off", False)):
        added = {"Name": name, "Url": "rtsp://h/1", "Enabled": is_enabled}
        states.append((await bench("CreateSource", **added))["Source"]["State"])
    assert states == ["CONNECTING", "STOPPED"]


async def test_a_refused_address_keeps_its_password_to_itself(bench: Bench) -> None:
    for url in ("gopher://me:secret@h/x", "rtsp://me:secret@/x"):
        _, message = await refusal(bench, "CreateSource", Name="lobby", Url=url)
        assert "secret" not in message
    await bench("CreateSource", Name="lobby", Url="rtsp://me:secret@h/x")
    assert (await bench("DescribeSource", Name="lobby"))["Source"]["Url"] == "rtsp://h/x"
    await refusal(bench, "UpdateSource", Name="lobby", Url="gopher://h/x")
    assert bench.intake.opened.url == "rtsp://me:secret@h/x"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Code": {}}, "Code has neither ZipFile, nor S3Bucket and S3Key, nor ImageUri."),
        ({"Code": {"S3Bucket": "none", "S3Key": "k"}}, "Code cannot be had from S3: "),
        ({"Code": {"ZipFile": b"no zip"}}, "zip"),
        ({"Mode": "stream", "Scale": {"Max": 2}}, "A stream engine has one instance for a stream"),
        ({"RewindMs": 100}, "Rewind is for stream engines"),
        ({"Scale": {"Min": 3, "Max": 2}}, "Scale.Max is at least 1 and not below Scale.Min."),
        ({"Scale": {"Max": 0}}, "Scale.Max is at least 1 and not below Scale.Min."),
        ({"Input": {"Kind": "audio", "Gate": "motion"}}, "Input.Gate is for frames"),
        ({"Batch": {"Size": 65}}, "Member must have value less than or equal to 64"),
        ({"Mode": "object", "Handler": "x"}, "Member must have length greater than"),
    ],
)
async def test_engines_that_cannot_run(bench: Bench, given: dict[str, Any], words: str) -> None:
    code, message = await refusal(bench, "CreateEngine", **{"Name": "look", **ENGINE, **given})
    assert (code, words in message) == ("ValidationException", True), message
    assert (await bench("ListEngines"))["Engines"] == []


async def test_a_refused_change_of_an_engine_changes_nothing(bench: Bench) -> None:
    before = (await bench.engine())["Engine"]
    code = {"ZipFile": package({"look.py": "# another"})}
    await refusal(bench, "UpdateEngine", Name="look", Code=code, RewindMs=100)
    assert (await bench("DescribeEngine", Name="look"))["Engine"] == before
    changed = (await bench("UpdateEngine", Name="look", Code=code, MemoryMB=256))["Engine"]
    assert changed["CodeSha256"] != before["CodeSha256"]
    assert (changed["MemoryMB"], changed["Handler"]) == (256, "look.look")


async def test_pipelines_name_what_is_there(bench: Bench) -> None:
    await bench.engine()
    await bench("CreateSource", Name="lobby", Url="rtsp://h/1", Enabled=False)
    for source, engines, words in (
        ("nowhere", ["look"], "There is no source nowhere."),
        ("lobby", ["look", "ghost"], "There is no engine ghost."),
        ("lobby", ["look", "look"], "Engines names one twice."),
    ):
        _, message = await refusal(
            bench, "CreatePipeline", Name="p", Source=source, Engines=engines
        )
        assert message == words
    assert (await bench("ListPipelines"))["Pipelines"] == []


async def test_results_and_lanes_that_are_not_there(bench: Bench) -> None:
    await bench.engine()
    for operation in ("ListResults", "DescribeLane"):
        _, message = await refusal(bench, operation, Source="lobby", Engine="look")
        assert message == "There is no source lobby."
    await bench.pipeline("look")
    _, message = await refusal(bench, "ListResults", Source="lobby", Engine="ghost")
    assert message == "There is no lane lobby/ghost."
    code, message = await refusal(
        bench, "ListResults", Source="lobby", Engine="look", AfterOffset=7
    )
    assert (code, message) == (
        "ValidationException", "AfterOffset 7 lies beyond the end (-1).",
    )  # fmt: skip
    _, message = await refusal(bench, "GetSegment", Source="lobby", SegmentId="12")
    assert message == "There is no segment 12."
    assert (await bench("ListLanes", Source="lobby"))["Lanes"][0]["Engine"] == "look"


@pytest.mark.parametrize("kind", ["Sources", "Engines", "Pipelines"])
async def test_a_token_of_another_world_is_refused(bench: Bench, kind: str) -> None:
    code, message = await refusal(bench, f"List{kind}", NextToken="?")
    assert (code, message) == ("ValidationException", "NextToken is not valid.")


async def test_lists_come_in_pages(bench: Bench) -> None:
    for number in range(5):
        await bench("CreateSource", Name=f"s{number}", Url="rtsp://h/1", Enabled=False)
    names: list[str] = []
    given: dict[str, Any] = {"MaxResults": 2}
    while True:
        page = await bench("ListSources", **given)
        assert len(page["Sources"]) <= 2
        names += [each["Name"] for each in page["Sources"]]
        if "NextToken" not in page:
            break
        given["NextToken"] = page["NextToken"]
    assert names == ["s0", "s1", "s2", "s3", "s4"]


async def test_the_newest_segments(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://h/lobby")
    await bench.passing(10)
    for number in range(3):
        await bench.segment(number)
        await bench.passing(2000)
    told = await bench("ListSegments", Source="lobby", Last=2)
    assert [each["StartMs"] for each in told["Segments"]] == [2000, 4000]
    assert "NextToken" not in told
