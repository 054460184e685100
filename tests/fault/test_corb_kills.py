"""``kill -9`` of the platform while Edifice Corb works: nothing acknowledged is lost or counted twice."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conformance.live import LivePlatform
from tests.fault.corb import Corb, clip
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("corb_kills")]
FRAMES, SEGMENTS = 200, 10
STACK = "corb-dev"


@pytest.fixture(scope="module")
def corb(live_platform: LivePlatform) -> Corb:
    return Corb(live_platform)


def _processes_of(platform: LivePlatform) -> list[int]:
    """Processes that name the data folder or work in it, the platform's own children."""
    found, folder = [], str(platform.data_dir)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if folder.encode() in told:
            found.append(int(entry.name))
    return found


def _kill_and_start(platform: LivePlatform) -> None:
    platform.kill()
    until(lambda: not _processes_of(platform), "the end of what the dead platform ran", 10)
    platform.start()


def _check_all_is_there(corb: Corb, room: str, acknowledged: list[str]) -> None:
    """Each acknowledged segment has its detections once and counts once, and nothing else does."""
    assert len(acknowledged) == len(set(acknowledged)) == SEGMENTS
    wanted = set(acknowledged)
    until(lambda: wanted <= corb.counted(room).keys(), "every segment counted", 240)
    results = corb.results(room)
    assert sorted(corb.result_keys(room)) == sorted(f"{room}/{name}.jsonl" for name in wanted)
    times = sorted(line["pts_ms"] for lines in results.values() for line in lines)
    assert times == [frame * 100 for frame in range(FRAMES)], "frames missing or stored twice"
    assert corb.counted(room) == dict.fromkeys(wanted, 1)
    minutes = corb.minutes(room)
    assert sum(minute["segments"] for minute in minutes) == SEGMENTS
    counted = sum(minute["persons_sum"] for minute in minutes)
    assert counted == sum(_typical(lines) for lines in results.values())


def _typical(lines: list[dict[str, list[object]]]) -> int:
    """The app's own reckoning: the most that a fifth of the frames agree on."""
    counts = sorted((len(line["persons"]) for line in lines), reverse=True)
    return counts[max(0, int(len(counts) * 0.2 + 0.999) - 1)]


def test_kill_amid_the_deployment(corb: Corb, tmp_path: Path) -> None:
    corb.publish()
    deployment = corb.start_deploying()
    until(lambda: _complete(corb) >= 12, "a dozen resources")
    _kill_and_start(corb.platform)
    told, _ = deployment.communicate(timeout=1200)
    if deployment.returncode:
        assert told.splitlines()[-1].startswith("pileus: "), told
    assert "Traceback" not in told
    status = until(lambda: _rested(corb), "the stack at rest", 240)
    assert status in ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    corb.deploy()
    assert _rested(corb) == "UPDATE_COMPLETE"


@pytest.mark.parametrize("moment", ["acknowledged", "analysing"])
def test_kill_amid_the_video(corb: Corb, tmp_path: Path, moment: str) -> None:
    room = f"room-{moment}"
    texts = ["status", f"alarm {room} 3", f"clean {room}"]
    before = len(corb.texts("in"))
    corb.text(texts[0])
    player = corb.start_player(clip(tmp_path, FRAMES), tmp_path / "spool", room)
    try:
        if moment == "acknowledged":
            until(lambda: len(player.acknowledged) >= 2, "two segments acknowledged")
        else:
            until(lambda: corb.counted(room), "a first segment counted")
            assert len(corb.result_keys(room)) < SEGMENTS, "it is over; kill earlier"
        corb.text(texts[1])
        _kill_and_start(corb.platform)
        player.wait()
    finally:
        player.end()
    _check_all_is_there(corb, room, player.acknowledged)
    corb.text(texts[2])
    for words in (": | has reported yet", f"be told when {room} ", f"Cleaning of {room} "):
        until(
            lambda words=words: any(re.search(words, text) for text in corb.texts("out")),
            f"the answer {words}",
        )
    assert corb.texts("in")[before:] == texts


def _complete(corb: Corb) -> int:
    client = corb.platform.client("cloudformation")
    try:
        found = client.describe_stack_resources(StackName=STACK)["StackResources"]
    except client.exceptions.ClientError as error:
        assert "does not exist" in str(error)
        return 0
    return sum(one["ResourceStatus"] == "CREATE_COMPLETE" for one in found)


def _rested(corb: Corb) -> str:
    client = corb.platform.client("cloudformation")
    status: str = client.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    return "" if status.endswith("_IN_PROGRESS") else status
