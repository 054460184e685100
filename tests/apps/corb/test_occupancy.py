"""Occupancy counts each segment once and raises an alarm once an episode."""

import itertools
from typing import Any

import pytest

from .fakes import FakeCloud

AT_MS = 1_771_668_900_000


def analysed(number: int, persons: int) -> dict[str, Any]:
    return {
        "result_type": "segments_analysed",
        "segments": [
            {
                "source": "lobby",
                "segment": f"s{number:03d}",
                "captured_at_ms": AT_MS + number * 2000,
                "persons": persons,
            }
        ],
    }


@pytest.fixture
def keep(cloud: FakeCloud, event: Any, invocation: Any) -> Any:
    """Count one segment; each call is another event and another invocation unless told."""
    from aws_lambda import occupancy

    numbers = itertools.count()

    def count(number: int, persons: int, event_id: str = "", request_id: str = "") -> Any:
        fresh = next(numbers)
        return occupancy.handler(
            event(analysed(number, persons), event_id or f"event-{fresh}"),
            invocation(request_id or f"request-{fresh}"),
        )

    return count


def room() -> Any:
    from aws_lambda import table

    [found] = table.all_rooms()
    return found


def test_now_peak_and_minutes(keep: Any, cloud: FakeCloud) -> None:
    from aws_lambda import table

    for number, persons in enumerate([2, 3, 1]):
        keep(number, persons)
    keep(31, 2)
    assert (room().persons, room().peak, room().peak_at_ms) == (2, 3, AT_MS + 2000)
    minutes = table.query("room#lobby", "minute#", "minute#~")
    assert [table.minute_from(item) for item in minutes] == [
        table.Minute(3, 6, 3),
        table.Minute(1, 2, 2),
    ]


def test_the_same_event_again_counts_nothing(keep: Any, cloud: FakeCloud) -> None:
    keep(0, 3, event_id="event-a")
    before = dict(cloud.dynamodb.items)
    answer = keep(0, 3, event_id="event-a")
    assert cloud.dynamodb.items == before
    assert answer["rooms"][0]["counted_before"] is True


def test_a_segment_analysed_twice_counts_once(keep: Any, cloud: FakeCloud) -> None:
    keep(0, 3, event_id="event-a")
    before = dict(cloud.dynamodb.items)
    keep(0, 2, event_id="event-b")
    assert cloud.dynamodb.items == before


def test_a_late_segment_counts_but_is_not_now(keep: Any) -> None:
    keep(5, 1)
    keep(4, 3)
    assert (room().persons, room().peak) == (1, 3)


def test_too_full_is_raised_once_an_episode(keep: Any) -> None:
    raised = []
    for number, persons in enumerate([3, 4, 5, 3, 4, 2, 4, 4]):
        answer = keep(number, persons)
        if answer.get("command_type") == "announce_too_full":
            raised.append((number, answer["too_full"][0]["episode"]))
    assert raised == [(1, "lobby/s001"), (6, "lobby/s006")]


def test_a_redelivered_alarm_is_not_raised_again(keep: Any) -> None:
    assert "command_type" in keep(0, 9, event_id="event-a", request_id="first")
    assert "command_type" not in keep(0, 9, event_id="event-a", request_id="second")


def test_a_retry_of_the_same_invocation_raises_its_alarm(keep: Any) -> None:
    first = keep(0, 9, event_id="event-a", request_id="same")
    again = keep(0, 9, event_id="event-a", request_id="same")
    assert again["too_full"][0]["episode"] == first["too_full"][0]["episode"]


def test_another_writer_in_between_is_noticed(keep: Any, cloud: FakeCloud) -> None:
    from aws_lambda import table

    keep(0, 1)
    cloud.dynamodb.before_write.append(lambda: keep(1, 2))
    keep(2, 3)
    [minute] = table.query("room#lobby", "minute#", "minute#~")
    assert table.minute_from(minute) == table.Minute(3, 6, 3)
    assert room().version == 3


def test_a_room_that_never_rests_is_an_error(keep: Any, cloud: FakeCloud) -> None:
    from aws_lambda import occupancy

    keep(0, 1)
    for number in range(1, occupancy.ATTEMPTS_MAX + 1):
        cloud.dynamodb.before_write += [lambda at=number: keep(at, 1), lambda: None]
    with pytest.raises(occupancy.RoomBusy):
        keep(99, 1)


def test_the_limit_set_by_sms_wins(keep: Any, cloud: FakeCloud) -> None:
    from aws_lambda import set_alarm

    set_alarm.carry_out(
        {"command_type": "set_alarm", "room": "lobby", "persons": 1, "reply_to": "+31612345678"}
    )
    assert keep(0, 2)["command_type"] == "announce_too_full"


def test_the_live_engines_are_counted_and_segments_of_the_past_change_only_the_peak(
    cloud: FakeCloud, keep: Any, invocation: Any
) -> None:
    from aws_lambda import occupancy, table

    def live(at_ms: int, persons: int) -> Any:
        moment = {"source": "lobby", "segment": f"live-1-{at_ms}", "captured_at_ms": AT_MS + at_ms}
        event = {
            "id": f"event-{at_ms}",
            "source": "corb.live",
            "detail-type": "Persons Seen",
            "detail": {"segments": [{**moment, "persons": persons}]},
        }
        return occupancy.handler(event, invocation(f"request-{at_ms}"))

    live(5000, 2)
    assert live(5000, 2)["rooms"][0]["counted_before"]
    assert live(6000, 4)["command_type"] == "announce_too_full"
    keep(1, 5)  # captured before; analysed later
    (room,) = table.all_rooms()
    assert (room.persons, room.peak) == (4, 5)
