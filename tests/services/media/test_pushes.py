"""Who may push to a source, one at a time, and what becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pileus.ports.intakes import PUSHED, Answer, Left, State
from pileus.services.media.pushes import Place, Pushes
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

from .conftest import Bench

HERE = Place("000000000000", "us-east-1", "phone")


async def pushed(bench: Bench, **more: Any) -> Pushes:
    await bench("CreateSource", Name="phone", Push=True, **more)
    return bench.platform.kernel.part(Pushes)


async def source(bench: Bench) -> Any:
    return (await bench("DescribeSource", Name="phone"))["Source"]


async def refusal(work: Any) -> tuple[str, int]:
    with pytest.raises(ServiceError) as caught:
        await work
    return caught.value.code, caught.value.status


async def test_nothing_runs_before_somebody_pushes(bench: Bench) -> None:
    pushes = await pushed(bench)
    await bench.passing(1000)
    assert not bench.intakes.started
    told = await source(bench)
    assert (told["State"], told["StateReason"]) == ("CONNECTING", "Nobody has pushed yet.")
    assert told["PushUrl"].endswith("/_pileus/media/000000000000/us-east-1/phone/push")
    (listed,) = (await bench("ListSources"))["Sources"]
    assert listed["Push"] and "PushKey" not in listed and "Url" not in listed
    publishing = await pushes.publish(HERE)
    await publishing.begin()
    await publishing.write(b"media")
    assert bench.intake.opened.url == PUSHED
    assert bench.intake.inlet.came == ["begin", b"media"]


async def test_a_clean_end_waits_until_all_is_read(bench: Bench) -> None:
    publishing = await (await pushed(bench)).publish(HERE)
    await publishing.begin()
    ending = asyncio.ensure_future(publishing.end(is_clean=True))
    await bench.passing(10)
    assert bench.intake.inlet.came[-1] == "end" and not ending.done()
    bench.intake.tell(State(state="ended"))
    bench.intake.end()
    await bench.passing(10)
    assert ending.done() and ending.result() is None
    assert (await source(bench))["State"] == "ENDED"


async def test_the_second_is_refused_until_the_first_is_gone(bench: Bench) -> None:
    pushes = await pushed(bench)
    first = await pushes.publish(HERE)
    await first.begin()
    assert await refusal(pushes.publish(HERE)) == ("ResourceInUseException", 409)
    await first.end(is_clean=False)
    second = await pushes.publish(HERE)
    await second.begin()
    assert bench.intake.inlet.came == ["begin", "cut", "begin"]
    assert len(bench.intakes.started) == 1


async def test_what_cannot_be_read_ends_the_publisher(bench: Bench) -> None:
    publishing = await (await pushed(bench)).publish(HERE)
    await publishing.begin()
    bench.intake.tell(State(state="failed", reason="garbage"))
    bench.intake.end(is_forced=True)
    await bench.passing(10)
    assert await refusal(publishing.write(b"more")) == ("SourceNotReadableException", 422)
    await publishing.end(is_clean=False)
    assert (await source(bench))["StateReason"] == "garbage"


async def test_a_process_that_dies_ends_the_publisher_and_the_next_may_come(bench: Bench) -> None:
    pushes = await pushed(bench)
    publishing = await pushes.publish(HERE)
    await publishing.begin()
    bench.intake.die()
    await bench.passing(10)
    assert (await refusal(publishing.write(b"more")))[1] == 422
    again = await pushes.publish(HERE)
    beginning = asyncio.ensure_future(again.begin())
    await bench.passing(5000)
    assert beginning.done() and len(bench.intakes.started) == 2


async def test_a_life_begins_with_the_next_publisher(bench: Bench) -> None:
    pushes = await pushed(bench)
    for number in (1, 2):
        publishing = await pushes.publish(HERE)
        await publishing.begin()
        assert len(bench.intakes.started) == number
        bench.intake.end()
        await bench.passing(10)
    first, second = bench.intakes.started
    assert first.opened.stream != second.opened.stream


async def test_a_publisher_by_webrtc_is_answered_and_hangs_up(bench: Bench) -> None:
    pushes = await pushed(bench)
    offering = asyncio.ensure_future(pushes.offer(HERE, "offered"))
    await bench.passing(10)
    assert bench.intake.inlet.came == ["offer offered"]
    bench.intake.tell(Answer(sdp="answered"))
    await bench.passing(10)
    name, answer = offering.result()
    assert answer == "answered"
    assert (await refusal(pushes.publish(HERE)))[1] == 409
    assert (await refusal(pushes.hang_up(HERE, "another")))[1] == 404
    ending = asyncio.ensure_future(pushes.hang_up(HERE, name))
    await bench.passing(10)
    assert bench.intake.inlet.came[-1] == "end"
    bench.intake.end()
    await bench.passing(10)
    assert ending.done() and ending.result() is None
    assert (await refusal(pushes.hang_up(HERE, name)))[1] == 404


async def test_a_publisher_by_webrtc_that_vanishes_leaves_its_place(bench: Bench) -> None:
    pushes = await pushed(bench)
    offering = asyncio.ensure_future(pushes.offer(HERE, "offered"))
    await bench.passing(10)
    bench.intake.tell(Answer(sdp="answered"))
    await bench.passing(10)
    name, _ = offering.result()
    bench.intake.tell(Left())
    await bench.passing(10)
    assert (await refusal(pushes.hang_up(HERE, name)))[1] == 404
    await (await pushes.publish(HERE)).begin()
    assert bench.intake.inlet.came == ["offer offered", "begin"]


async def test_an_offer_that_means_nothing(bench: Bench) -> None:
    pushes = await pushed(bench)
    offering = asyncio.ensure_future(pushes.offer(HERE, "nonsense"))
    await bench.passing(10)
    bench.intake.tell(State(state="failed", reason="no offer"))
    bench.intake.end(is_forced=True)
    await bench.passing(10)
    assert (await refusal(offering))[0] == "SourceNotReadableException"
    await (await pushes.publish(HERE)).begin()


async def test_keys(bench: Bench) -> None:
    pushes = await pushed(bench)
    key = (await source(bench))["PushKey"]
    pushes.check_key(HERE, key)
    for place, given in (
        (HERE, ""),
        (HERE, "x"),
        (Place("000000000000", "us-east-1", "nobody"), key),
    ):
        with pytest.raises(ServiceError, match="push key"):
            pushes.check_key(place, given)
    await bench("UpdateSource", Name="phone", KeepSeconds=60)
    assert (await source(bench))["PushKey"] == key
    await bench("UpdateSource", Name="phone", Url="rtsp://h/1")
    assert "PushKey" not in await source(bench)
    with pytest.raises(ServiceError):
        pushes.check_key(HERE, "")


async def rotated(bench: Bench, **more: Any) -> dict[str, Any]:
    told = await bench("RotatePushKey", Name="phone", **more)
    made: dict[str, Any] = told["Source"]
    return made


async def test_a_new_key_ends_the_old_one_and_who_came_with_it(bench: Bench) -> None:
    pushes = await pushed(bench)
    old = (await source(bench))["PushKey"]
    publishing = await pushes.publish(HERE, old)
    await publishing.begin()
    await publishing.write(b"media")
    made = await rotated(bench)
    assert made["PushKey"] != old and "OldPushKeyUntil" not in made
    assert bench.intake.inlet.came == ["begin", b"media", "cut"]
    assert await refusal(publishing.write(b"more")) == ("AccessDeniedException", 403)
    await publishing.end(is_clean=False)
    with pytest.raises(ServiceError, match="push key"):
        pushes.check_key(HERE, old)
    pushes.check_key(HERE, made["PushKey"])
    again = await pushes.publish(HERE, made["PushKey"])
    await again.begin()
    await again.write(b"again")
    assert bench.intake.inlet.came[2:] == ["cut", "begin", b"again"]


async def test_an_old_key_is_good_until_its_grace_ends(bench: Bench) -> None:
    pushes = await pushed(bench)
    old = (await source(bench))["PushKey"]
    publishing = await pushes.publish(HERE, old)
    await publishing.begin()
    made = await rotated(bench, GraceSeconds=60)
    assert "OldPushKeyUntil" in made
    await bench.passing(59_000)
    await publishing.write(b"media")
    pushes.check_key(HERE, old)
    await bench.passing(1_001)
    assert bench.intake.inlet.came[-1] == "cut"
    assert (await refusal(publishing.write(b"more")))[1] == 403
    assert (await refusal(pushes.publish(HERE, old)))[1] == 403
    await (await pushes.publish(HERE, made["PushKey"])).begin()
    assert bench.intake.inlet.came[-1] == "begin"


async def test_a_second_new_key_ends_the_first(bench: Bench) -> None:
    pushes = await pushed(bench)
    oldest = (await source(bench))["PushKey"]
    old = (await rotated(bench, GraceSeconds=60))["PushKey"]
    made = await rotated(bench, GraceSeconds=60)
    with pytest.raises(ServiceError, match="push key"):
        pushes.check_key(HERE, oldest)
    for key in (old, made["PushKey"]):
        pushes.check_key(HERE, key)
    await bench.restart()
    pushes = bench.platform.kernel.part(Pushes)
    await bench.passing(60_000)
    with pytest.raises(ServiceError, match="push key"):
        pushes.check_key(HERE, old)


async def test_a_publisher_without_a_key_stays_when_keys_change(bench: Bench) -> None:
    pushes = await pushed(bench)
    publishing = await pushes.publish(HERE)  # let in by its signature
    await publishing.begin()
    await rotated(bench)
    await publishing.write(b"media")
    assert bench.intake.inlet.came == ["begin", b"media"]


async def test_sources_without_a_key_have_none_to_change(bench: Bench) -> None:
    await bench("CreateSource", Name="phone", Url="rtsp://h/1")
    assert (await refusal(rotated(bench)))[0] == "ValidationException"


async def test_signatures_of_strangers(bench: Bench) -> None:
    pushes = await pushed(bench)
    await pushes.check_principal(HERE, Principal.root("000000000000"))
    stranger = Principal.root("111111111111")
    assert (await refusal(pushes.check_principal(HERE, stranger)))[1] == 403


async def test_sources_that_take_nothing(bench: Bench) -> None:
    pushes = await pushed(bench, Enabled=False)
    assert (await refusal(pushes.publish(HERE)))[1] == 409
    await bench("UpdateSource", Name="phone", Url="rtsp://h/1", Enabled=True)
    assert (await refusal(pushes.publish(HERE)))[0] == "ValidationException"
    await bench("DeleteSource", Name="phone")
    assert (await refusal(pushes.publish(HERE)))[0] == "ResourceNotFoundException"


WRONG: list[dict[str, Any]] = [
    {},
    {"Push": True, "Url": "rtsp://h/1"},
    {"Url": "push:"},
    {"Push": False},
]


@pytest.mark.parametrize("given", WRONG, ids=repr)
async def test_a_source_has_one_place_to_come_from(bench: Bench, given: dict[str, Any]) -> None:
    code, _ = await refusal(bench("CreateSource", Name="x", **given))
    assert code == "ValidationException"


async def test_a_restart_says_that_nobody_pushes(bench: Bench) -> None:
    pushes = await pushed(bench)
    await (await pushes.publish(HERE)).begin()
    bench.intake.tell(State(state="live"))
    await bench.passing(10)
    assert (await source(bench))["State"] == "LIVE"
    await bench.restart()
    told = await source(bench)
    assert (told["State"], told["StateReason"]) == (
        "ENDED",
        "The platform was started anew; nobody pushes now.",
    )
    assert not bench.intakes.started
