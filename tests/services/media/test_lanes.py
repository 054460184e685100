"""Engines on sources: order, once each, drops, failures, restarts, changes while they run."""

from __future__ import annotations

import pytest

from pileus.ports.intakes import State
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError

from .conftest import Bench, looking, person


async def test_what_an_engine_says_can_be_read_in_order(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    bench.intake.tell(State(state="live"))
    for number in (1, 2, 3):
        bench.intake.show(number)
        await bench.passing(200)
    found = await bench.results()
    assert [each["chunk"]["start_ms"] for each in found] == [0, 200, 400]
    assert found[1]["series"] == [
        {"start_ms": 200, "stop_ms": 400, "objects": [{"label": "person 2"}]}
    ]
    assert (found[0]["source"], found[0]["engine"]) == ("lobby", "look")
    assert (await bench("DescribeSource", Name="lobby"))["Source"]["State"] == "LIVE"


async def test_one_input_serves_all_engines_that_want_the_same(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        width = 640 if name == "c" else 320
        await bench.engine(name, Input={"Kind": "frames", "Rate": 5.0, "Width": width})
    await bench.pipeline("a", "b", "c")
    assert sorted(each.width for each in bench.intake.inputs.values()) == [320, 640]
    bench.intake.show(1)
    await bench.passing(100)
    for name in ("a", "b", "c"):
        assert await bench.starts(name) == [0]


async def test_slow_engines_leave_out_what_newer_pieces_overtook(bench: Bench) -> None:
    bench.programs["look.look"] = looking(person, duration_s=1.0)
    await bench.engine()
    await bench.pipeline("look")
    for number in range(1, 16):
        bench.intake.show(number)
        await bench.passing(200)
    await bench.passing(5000)
    starts, lane = await bench.starts(), await bench.lane()
    assert starts == sorted(set(starts)) and starts[-1] == 2800
    assert len(starts) + lane["Drops"]["overtaken"] == 15
    assert lane["Results"] == len(starts)


async def test_more_instances_while_the_lag_is_high(bench: Bench) -> None:
    bench.programs["look.look"] = looking(person, duration_s=1.0)
    await bench.engine(Scale={"Max": 8, "TargetLagMs": 500}, WhenBehind="oldest")
    await bench.pipeline("look")
    for number in range(1, 101):
        bench.intake.show(number, captured_from_ms=bench.platform.clock.now_ms())
        await bench.passing(200)
    await bench.passing(20_000)
    assert max(link.spec.memory_mb for link in bench.nodes.links) == 512
    assert len(bench.nodes.links) > 3
    starts = await bench.starts()
    assert starts == sorted(set(starts))


@pytest.mark.parametrize(("window_ms", "calls"), [(0, 41), (1000, 20)])
async def test_under_load_a_window_forms_batches(bench: Bench, window_ms: int, calls: int) -> None:
    bench.programs["look.look"] = looking(person, duration_s=0.9)
    batch = {"Size": 4, "WindowMs": window_ms}
    await bench.engine(Scale={"Min": 6, "Max": 6}, Batch=batch, WhenBehind="oldest")
    await bench.pipeline("look")
    for number in range(1, 41):
        bench.intake.show(number)
        await bench.passing(200)
    await bench.passing(3000)
    assert await bench.starts() == [200 * number for number in range(40)]
    assert sum(link.calls for link in bench.nodes.links) < calls


async def test_a_piece_that_always_fails_is_told_and_the_others_pass(bench: Bench) -> None:
    def look(number: int) -> object:
        return 7 if number == 2 else person(number)  # 7 is no result

    bench.programs["look.look"] = looking(look)
    await bench.engine(WhenBehind="oldest", MaxAttempts=2)
    await bench.pipeline("look")
    for number in (1, 2, 3):
        bench.intake.show(number)
        await bench.passing(300)
    await bench.passing(5000)
    found = await bench.results()
    assert [each.get("error", "") != "" for each in found] == [False, True, False]
    assert "a list or None, not int" in found[1]["error"]
    assert (await bench.lane())["Dead"] == 1


async def test_an_engine_that_raises_says_why(bench: Bench) -> None:
    document = b'{"errorType": "ValueError", "errorMessage": "blind"}'
    bench.programs["look.look"] = Program(lambda *_: Answer(document, is_error=True))
    await bench.engine(WhenBehind="oldest", MaxAttempts=1)
    await bench.pipeline("look")
    bench.intake.show(1)
    await bench.passing(3000)
    (found,) = await bench.results()
    assert found["error"] == "ValueError: blind"
    lane = await bench.lane()
    assert (lane["State"], lane["StateReason"]) == ("RUNNING", "ValueError: blind")


async def test_after_a_crash_a_file_goes_on_behind_its_last_result(bench: Bench) -> None:
    await bench.engine(WhenBehind="oldest")
    await bench.pipeline("look", Url="file:/v.mkv")
    bench.intake.show(1, 2, 3)
    await bench.passing(100)
    await bench.restart()
    bench.intake.show(1, 2, 3, 4, 5)
    await bench.passing(100)
    assert await bench.starts() == [0, 200, 400, 600, 800]
    bench.intake.tell(State(state="ended"))
    bench.intake.end()
    await bench.passing(100)
    assert (await bench("DescribeSource", Name="lobby"))["Source"]["State"] == "ENDED"
    assert bench.intake.is_closed


async def test_after_a_crash_a_camera_goes_on_where_the_wall_clock_is(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    bench.intake.show(1)
    await bench.passing(60_000)
    await bench.restart()
    assert bench.intake.opened.origin_ms >= 60_000


async def test_a_process_that_dies_is_started_again_ever_more_seldom(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    for count in (2, 3, 4):
        bench.intake.die()
        await bench.passing(10)
        source = (await bench("DescribeSource", Name="lobby"))["Source"]
        assert (source["State"], "started again" in source["StateReason"]) == ("FAILED", True)
        await bench.passing(4100)
        assert len(bench.intakes.started) == count
    bench.intake.show(1)
    await bench.passing(100)
    assert len(await bench.starts()) == 1
    await bench.passing(60_000)  # a process that was well for long is begun again soon
    bench.intake.die()
    await bench.passing(1100)
    assert len(bench.intakes.started) == 5


async def test_engines_come_and_go_while_the_source_runs(bench: Bench) -> None:
    await bench.engine("a")
    await bench.engine("b", Input={"Kind": "audio", "Rate": 16_000.0})
    await bench.pipeline("a")
    bench.intake.show(1)
    await bench.passing(100)
    await bench("UpdatePipeline", Name="p", Engines=["b"])
    assert [each.kind for each in bench.intake.inputs.values()] == ["audio"]
    bench.intake.show(2)
    await bench.passing(100)
    assert (await bench.starts("a"), await bench.starts("b")) == ([0], [200])
    await bench("DeletePipeline", Name="p")
    assert bench.intake.inputs == {}
    assert len(bench.intakes.started) == 1


async def test_a_changed_engine_goes_on_with_its_new_code(bench: Bench) -> None:
    bench.programs["look.other"] = looking(lambda number: [{"label": "other"}])
    await bench.engine()
    await bench.pipeline("look")
    bench.intake.show(1)
    await bench.passing(100)
    await bench("UpdateEngine", Name="look", Handler="look.other")
    bench.intake.show(2)
    await bench.passing(100)
    found = await bench.results()
    assert [each["series"][0]["objects"][0]["label"] for each in found] == ["person 1", "other"]


async def test_readers_wait_for_the_next_result(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    bench.intake.show(1)
    assert len(await bench.results(WaitSeconds=20)) == 1
    told = await bench("ListResults", Source="lobby", Engine="look", AfterOffset=0)
    assert told == {"Results": [], "LastOffset": 0}


async def test_segments_are_kept_listed_read_and_evicted(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://h/x", KeepSeconds=10)
    await bench.passing(10)
    for number in range(3):
        await bench.segment(number)
        await bench.passing(2000)
    page = await bench("ListSegments", Source="lobby", MaxResults=2)
    assert [each["StartMs"] for each in page["Segments"]] == [0, 2000]
    rest = await bench("ListSegments", Source="lobby", NextToken=page["NextToken"])
    (last,) = rest["Segments"]
    told = await bench("GetSegment", Source="lobby", SegmentId=last["SegmentId"])
    assert told["Media"] == b"segment 2"
    await bench.passing(7500)
    await bench.segment(9)
    kept = (await bench("ListSegments", Source="lobby"))["Segments"]
    assert [each["StartMs"] for each in kept] == [4000, 18_000]
    assert await bench.intakes.spooled(bench.intake.opened.spool) == []


async def test_a_deleted_source_leaves_nothing(bench: Bench) -> None:
    await bench.engine()
    await bench.pipeline("look")
    with pytest.raises(ServiceError, match="belongs to the pipeline p"):
        await bench("DeleteSource", Name="lobby")
    bench.intake.show(1)
    await bench.passing(100)
    await bench("DeletePipeline", Name="p")
    await bench("DeleteSource", Name="lobby")
    assert bench.intake.is_closed
    assert not bench.platform.kernel.log.topics()
    assert not [blob.name for blob in await bench.platform.disks.blobs.list("media/segments")]
    await bench("DeleteEngine", Name="look")
    assert not await bench.platform.disks.blobs.list("media/")


async def test_a_password_is_never_shown(bench: Bench) -> None:
    await bench("CreateSource", Name="lobby", Url="rtsp://me:secret@h/x")
    shown = (await bench("DescribeSource", Name="lobby"))["Source"]
    assert shown["Url"] == "rtsp://h/x"
    assert bench.intake.opened.url == "rtsp://me:secret@h/x"
    assert "secret" not in repr(bench.platform.records)
