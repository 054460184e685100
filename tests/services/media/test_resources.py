"""Sources, engines and pipelines as CloudFormation resources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.testing.compute import package

from .conftest import Bench

# The template of the README, after ``pileus deploy`` has put its folder into a bucket.
SOURCE = {"Pull": "rtsp://me:secret@h/lobby", "Segment": "2s", "Keep": "1h"}
ENGINE: dict[str, Any] = {
    "Handler": "look.look",
    "Code": {"S3Bucket": "code", "S3Key": "look.zip"},
    "Mode": "object",
    "Input": {"Frames": {"Rate": 5, "Width": 640}},
    "Batch": {"Size": 8, "Window": "200ms"},
    "Scale": {"Min": 0, "Max": 4, "TargetLag": "1s"},
    "Gate": "motion",
    "WhenBehind": "newest",
}


def template(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """``Lobby``, ``People`` and ``Newsroom``; changes to properties by logical id, None takes away."""
    properties: dict[str, dict[str, Any]] = {
        "Lobby": SOURCE,
        "People": ENGINE,
        "Newsroom": {"Source": {"Ref": "Lobby"}, "Engines": [{"Ref": "People"}]},
    }
    for name, change in changes.items():
        merged = {**properties[name], **change}
        properties[name] = {key: value for key, value in merged.items() if value is not None}
    types = {"Lobby": "Source", "People": "Engine", "Newsroom": "Pipeline"}
    return {
        name: {"Type": f"Pileus::Media::{types[name]}", "Properties": properties[name]}
        for name in properties
    }


async def change(
    bench: Bench, resources: dict[str, Any], verb: str = "UpdateStack"
) -> dict[str, Any]:
    """Create or update the stack, to its end; the stack with its outputs by name."""
    given = {
        "Resources": resources,
        "Outputs": {
            "Source": {"Value": {"Ref": "Lobby"}},
            "Engine": {"Value": {"Fn::GetAtt": ["People", "Arn"]}},
            "Pipeline": {"Value": {"Ref": "Newsroom"}},
        },
    }
    await bench.platform("cloudformation", verb, StackName="app", TemplateBody=json.dumps(given))
    for _ in range(100):
        await bench.passing(1000)
        told = await bench.platform("cloudformation", "DescribeStacks", StackName="app")
        stack: dict[str, Any] = told["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs") or ()}
    return {**stack, "Outputs": outputs}


async def reasons(bench: Bench) -> str:
    told = await bench.platform("cloudformation", "DescribeStackEvents", StackName="app")
    return "\n".join(each.get("ResourceStatusReason", "") for each in told["StackEvents"])


@pytest.fixture
async def code(bench: Bench) -> Bench:
    """A bench with the engine's package in a bucket."""
    await bench.platform("s3", "CreateBucket", Bucket="code")
    for name in ("look.zip", "later.zip"):
        body = package({"look.py": f"# {name}"})
        await bench.platform("s3", "PutObject", body, Bucket="code", Key=name)
    return bench


async def only(bench: Bench, kind: str) -> dict[str, Any]:
    (found,) = (await bench(f"List{kind}s"))[f"{kind}s"]
    described: dict[str, Any] = found
    return described


async def test_the_whole_template_runs(code: Bench) -> None:
    stack = await change(code, template(), "CreateStack")
    assert stack["StackStatus"] == "CREATE_COMPLETE", await reasons(code)
    source, engine = await only(code, "Source"), await only(code, "Engine")
    assert source["Name"] == stack["Outputs"]["Source"]
    assert source["Name"].startswith("app-Lobby-")
    assert (source["Url"], source["SegmentSeconds"], source["KeepSeconds"]) == (
        "rtsp://h/lobby", 2.0, 3600,
    )  # fmt: skip
    assert stack["Outputs"]["Engine"] == engine["EngineArn"]
    assert engine["Input"] == {"Kind": "frames", "Rate": 5.0, "Width": 640, "Gate": "motion"}
    assert engine["Batch"] == {"Size": 8, "WindowMs": 200}
    assert engine["Scale"] == {"Min": 0, "Max": 4, "TargetLagMs": 1000, "IdleMs": 60_000}
    pipeline = await only(code, "Pipeline")
    assert (pipeline["Source"], pipeline["Engines"]) == (source["Name"], [engine["Name"]])
    code.intake.show(1)
    await code.passing(200)
    told = await code("ListResults", Source=source["Name"], Engine=engine["Name"])
    assert len(told["Results"]) == 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"Segments": {}}, {"Kind": "segments"}),
        (
            {"Audio": {"Rate": 16000, "Cut": "silence", "Pause": "700ms", "Max": "30s"}},
            {
                "Kind": "audio", "Rate": 16_000.0, "Width": 0, "Gate": "none",
                "Cut": "silence", "PauseMs": 700, "MinMs": 240, "MaxMs": 30_000,
            },
        ),
    ],
)  # fmt: skip
async def test_pieces_of_any_length(
    code: Bench, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    changes = {"Input": given, "Gate": None, "WhenBehind": None}
    stack = await change(code, template(People=changes), "CreateStack")
    assert stack["StackStatus"] == "CREATE_COMPLETE", await reasons(code)
    engine = await only(code, "Engine")
    assert (engine["Input"], engine["WhenBehind"]) == (shown, "never")


async def test_changes_are_made_in_place(code: Bench) -> None:
    await change(code, template(), "CreateStack")
    before = await only(code, "Engine")
    wanted = template(
        Lobby={"Pull": "rtsp://h/2", "Segment": 4, "Keep": "2d"},
        People={"Code": None, "CodeUri": "s3://code/later.zip", "Batch": {"Size": "2"}},
    )
    assert (await change(code, wanted))["StackStatus"] == "UPDATE_COMPLETE", await reasons(code)
    after, source = await only(code, "Engine"), await only(code, "Source")
    assert (after["Name"], after["Batch"]["Size"]) == (before["Name"], 2)
    assert after["CodeSha256"] != before["CodeSha256"]
    assert (source["Url"], source["SegmentSeconds"], source["KeepSeconds"]) == (
        "rtsp://h/2", 4.0, 172_800,
    )  # fmt: skip


async def test_an_engine_whose_code_stays_is_not_fetched_again(code: Bench) -> None:
    await change(code, template(), "CreateStack")
    await code.platform("s3", "DeleteObject", Bucket="code", Key="look.zip")
    stack = await change(code, template(People={"MemorySize": 1024}))
    assert stack["StackStatus"] == "UPDATE_COMPLETE", await reasons(code)
    assert (await only(code, "Engine"))["MemoryMB"] == 1024


async def test_what_cannot_change_is_replaced(code: Bench) -> None:
    before = await change(code, template(), "CreateStack")
    after = await change(code, template(Lobby={"Name": "hall"}))
    assert after["StackStatus"] == "UPDATE_COMPLETE", await reasons(code)
    assert after["Outputs"]["Source"] == "hall"
    assert after["Outputs"]["Pipeline"] != before["Outputs"]["Pipeline"]
    assert (await only(code, "Pipeline"))["Source"] == "hall"
    assert (await only(code, "Source"))["Name"] == "hall"


async def test_a_stack_takes_everything_away(code: Bench) -> None:
    await change(code, template(), "CreateStack")
    await code.platform("cloudformation", "DeleteStack", StackName="app")
    await code.passing(10_000)
    for kind in ("Sources", "Engines", "Pipelines"):
        assert (await code(f"List{kind}"))[kind] == []
    assert code.intake.is_closed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Lobby": {"Pull": None}}, "Property Pull cannot be empty."),
        ({"Lobby": {"Pull": "gopher://h"}}, "a source's address begins with one of"),
        ({"Lobby": {"Segment": "soon"}}, "Segment is a duration such as 2s or 200ms, not 'soon'."),
        ({"Lobby": {"Segment": "1h"}}, "Member must have value less than or equal to 60"),
        ({"People": {"Handler": None}}, "Property Handler cannot be empty."),
        ({"People": {"Code": None}}, "a folder as CodeUri is packed by pileus deploy."),
        ({"People": {"Code": None, "CodeUri": "."}}, "a folder as CodeUri is packed by pileus"),
        ({"People": {"CodeUri": "s3://code/look.zip"}}, "An engine has either Code or CodeUri."),
        ({"People": {"Input": {}}}, "Input has either Frames or Audio or Segments or Records"),
        ({"People": {"Mode": "stream"}}, "A stream engine has one instance for a stream"),
        ({"People": {"Batch": {"Size": "many"}}}, "Batch.Size is a whole number, not 'many'."),
        ({"People": {"Framerate": 5}}, "Framerate is not a property; there are Batch, Code, "),
        ({"People": {"Scale": {"Most": 5}}}, "Scale.Most is not a property; there are Idle, Max, "),
        ({"People": {"Input": {"Audio": {"Width": 5}}}}, "Audio.Width is not a property"),
        ({"People": {"Input": {"Segments": {"Length": 5}}}}, "Segments.Length is not a property"),
        ({"People": {"Input": {"Audio": {"Pause": "long"}}}}, "Input.Audio.Pause is a duration"),
        ({"Lobby": {"Posh": "x"}}, "Posh is not a property; there are CopyTo, Enabled, "),
        ({"Lobby": {"Listen": "rtmp://127.0.0.1:1935/x"}}, "A source has Pull, Push or Listen."),
        ({"Lobby": {"Push": True}}, "A source is read at its Url or pushed to, not both."),
        ({"Newsroom": {"Engines": ["ghost"]}}, "There is no engine ghost."),
    ],
)  # fmt: skip
async def test_a_mistake_is_told_in_a_sentence(
    code: Bench, changes: dict[str, dict[str, Any]], words: str
) -> None:
    stack = await change(code, template(**changes), "CreateStack")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert words in await reasons(code)
    for kind in ("Sources", "Engines", "Pipelines"):
        assert (await code(f"List{kind}"))[kind] == []


async def test_a_source_of_records_and_an_engine_on_it(code: Bench) -> None:
    records = {"TimeField": "at", "Silence": "5m"}
    lobby = {"Push": True, "Records": records, "Pull": None, "Segment": None}
    people = {"Input": {"Records": {}}, "Gate": None, "WhenBehind": None}
    stack = await change(code, template(Lobby=lobby, People=people), "CreateStack")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    made = await only(code, "Source")
    assert made["Records"] == {"TimeField": "at", "SilenceSeconds": 300.0}
    made = await only(code, "Engine")
    assert (made["Input"]["Kind"], made["WhenBehind"]) == ("records", "never")
    at = {"Records": {"StartingPosition": "AT_TIMESTAMP"}, "Segment": None}
    at["Records"]["StartingPositionTimestamp"] = "2026-11-22T00:00:00Z"
    whole = template(Lobby={**at, "Pull": "kinesis:s"}, People=people)
    assert (await change(code, whole))["StackStatus"] == "UPDATE_COMPLETE"
    told = (await only(code, "Source"))["Records"]
    assert told["Format"] == "kinesis" and "TimeField" not in told


@pytest.mark.parametrize(
    ("lobby", "words"),
    [
        ({"Records": 5}, "Records holds any of Every, Format"),
        ({"Records": {"Fields": "x"}}, "Records.Fields is not a property"),
        ({"Records": {"Format": "csv"}}, "csv"),
        ({"Pull": "http://h/x", "Records": {}}, "Segment"),
    ],
)
async def test_a_mistake_in_records(code: Bench, lobby: dict[str, Any], words: str) -> None:
    people = {"Input": {"Records": {}}, "Gate": None}
    await change(code, template(Lobby=lobby, People=people), "CreateStack")
    assert words in await reasons(code)


async def test_an_engine_in_another_language(code: Bench) -> None:
    others = {"Runtime": "nodejs20.x", "Handler": "look.js", "Http": {"Port": "9000"}}
    stack = await change(code, template(People={**others, "Gate": None}), "CreateStack")
    assert stack["StackStatus"] == "CREATE_COMPLETE", await reasons(code)
    made = await only(code, "Engine")
    assert (made["Runtime"], made["Http"]) == ("nodejs20.x", {"Port": 9000, "ReadySeconds": 60})
    assert made["Input"]["Format"] == "jpeg"
    # Without them it is an engine in Python again.
    stack = await change(code, template())
    assert stack["StackStatus"] == "UPDATE_COMPLETE", await reasons(code)
    changed = await only(code, "Engine")
    assert not {"Runtime", "Http"} & set(changed) and "Format" not in changed["Input"]


async def test_a_function_as_an_engine(code: Bench) -> None:
    function = {"Function": "cats", "Handler": None, "Code": None}
    stack = await change(code, template(People=function), "CreateStack")
    assert stack["StackStatus"] == "CREATE_COMPLETE", await reasons(code)
    assert (await only(code, "Engine"))["Function"] == "cats"
    stack = await change(code, template(People={**function, "Function": "dogs"}))
    assert stack["StackStatus"] == "UPDATE_COMPLETE", await reasons(code)
    assert (await only(code, "Engine"))["Function"] == "dogs"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Function": "f", "Handler": None}, "An engine has either Function or Code."),
        (
            {"ImageUri": "app:1", "Handler": None},
            "An engine has either ImageUri or Code or CodeUri.",
        ),
        ({"PackageType": "Image"}, "PackageType is Image for engines with ImageUri"),
        ({"Http": {"Path": "/"}}, "Http.Path is not a property"),
        ({"Http": {"Port": 9000}}, "Http is for engines that speak it"),
        ({"Runtime": "ruby3.3"}, "must satisfy regular expression pattern"),
    ],
)
async def test_engines_whose_program_is_none(
    code: Bench, given: dict[str, Any], words: str
) -> None:
    stack = await change(code, template(People=given), "CreateStack")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert words in await reasons(code)
