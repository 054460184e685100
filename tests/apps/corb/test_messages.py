"""An SMS conversation: what comes in, what is put on the bus, what is answered, once."""

import json
from typing import Any

import pytest

from .fakes import FakeCloud

NUMBER = "+31612345678"


def incoming(text: str) -> dict[str, Any]:
    """A two-way SMS as SNS hands it to Lambda."""
    message = {
        "originationNumber": NUMBER,
        "destinationNumber": "+31970000001",
        "messageKeyword": "CORB",
        "messageBody": text,
        "inboundMessageId": "message-1",
        "previousPublishedMessageId": "",
    }
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("status", {"command_type": "report_status"}),
        ("  STATUS lobby ", {"command_type": "report_status", "room": "lobby"}),
        ("Clean Lobby", {"command_type": "request_cleaning", "room": "lobby"}),
        ("clean meeting-room.2", {"command_type": "request_cleaning", "room": "meeting-room.2"}),
        ("alarm lobby 6", {"command_type": "set_alarm", "room": "lobby", "persons": 6}),
        ("alarm lobby off", {"command_type": "clear_alarm", "room": "lobby"}),
        ("Help!", {"command_type": "send_help"}),
        ("?", {"command_type": "send_help"}),
        ("clean", {"command_type": "not_understood", "text": "clean"}),
        ("alarm lobby zero", {"command_type": "not_understood", "text": "alarm lobby zero"}),
        ("alarm lobby 0", {"command_type": "not_understood", "text": "alarm lobby 0"}),
        ("", {"command_type": "not_understood", "text": ""}),
    ],
)
def test_messages_become_commands(text: str, command: dict[str, Any]) -> None:
    from aws_lambda import message_ingress

    answer = message_ingress.handler(incoming(text), None)
    assert answer == command | {"reply_to": NUMBER, "message_id": "message-1"}


@pytest.mark.parametrize("message", ["hello", "{}", "[]", '{"messageBody": "status"}'])
def test_what_is_no_sms_is_a_clear_error(message: str) -> None:
    from aws_lambda import message_ingress

    with pytest.raises(message_ingress.UnreadableMessage, match="two-way SMS JSON"):
        message_ingress.handler({"Records": [{"Sns": {"Message": message}}]}, None)


@pytest.fixture
def say(cloud: FakeCloud, event: Any, invocation: Any) -> Any:
    """Say something; the texts that come back. The bus is played by hand."""
    from aws_lambda import (
        message_ingress,
        report_status,
        request_cleaning,
        send_help,
        set_alarm,
    )

    handlers = {
        "report_status": report_status.handler,
        "request_cleaning": request_cleaning.handler,
        "set_alarm": set_alarm.handler,
        "clear_alarm": set_alarm.handler,
        "send_help": send_help.handler,
        "not_understood": send_help.handler,
    }

    def conversation(text: str, message_id: str = "", request_id: str = "") -> list[str]:
        before = len(cloud.sns.sent)
        message_id = message_id or f"{text}-{before}"
        command = message_ingress.handler(incoming(text), None) | {"message_id": message_id}
        answer = handlers[command["command_type"]](
            event(command), invocation(request_id or f"request-{before}")
        )
        assert "command_type" not in answer
        assert all(number == NUMBER for number, _ in cloud.sns.sent[before:])
        return [text for _, text in cloud.sns.sent[before:]]

    return conversation


@pytest.fixture
def watched(cloud: FakeCloud, event: Any, invocation: Any) -> None:
    """A lobby seen for four seconds at 10:15."""
    from aws_lambda import occupancy

    for number, persons in enumerate([2, 3]):
        segment = {
            "source": "lobby",
            "segment": f"s{number}",
            "captured_at_ms": 1_771_668_900_000 + number * 2000,
            "persons": persons,
        }
        occupancy.handler(event({"segments": [segment]}), invocation(f"watch-{number}"))


def test_status_of_all_rooms_and_of_one(say: Any, watched: None) -> None:
    line = "lobby: 3 people at 10:15 UTC, most 3 at 10:15 UTC"
    assert say("status") == [line]
    assert say("status lobby") == [line]
    assert say("status cellar") == ["I know no room cellar. Rooms: lobby."]


def test_status_before_anything_was_seen(say: Any) -> None:
    assert say("status") == ["No camera has reported yet."]


def test_a_cleaning_is_noted_and_reported(say: Any, watched: None, cloud: FakeCloud) -> None:
    assert say("clean lobby") == [
        "Cleaning of lobby is asked for. Since the last one: 1 min watched, 2 person-minutes, "
        "most 3 at once. Now 3 people."
    ]
    noted = [record for owner, record in cloud.dynamodb.items if owner == "room#lobby"]
    assert any(record.startswith("cleaning#") for record in noted)
    assert say("clean lobby") == [
        "Cleaning of lobby is asked for, less than a minute after the last one."
    ]


def test_the_crew_is_told(
    cloud: FakeCloud, watched: None, event: Any, invocation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aws_lambda import request_cleaning

    monkeypatch.setenv("CLEANING_CREW_NUMBER", "+31687654321")
    command = {"room": "lobby", "reply_to": NUMBER, "message_id": "m"}
    request_cleaning.handler(event(command), invocation())
    assert [number for number, _ in cloud.sns.sent] == [NUMBER, "+31687654321"]
    assert cloud.sns.sent[1][1].startswith("Please clean lobby.")


def test_an_unknown_room_is_not_cleaned(say: Any, watched: None) -> None:
    assert say("clean cellar") == ["I know no room cellar. Rooms: lobby."]


def test_help_and_what_is_not_understood(say: Any) -> None:
    [text] = say("help")
    assert text.startswith("You can say:\nstatus - ")
    [text] = say("make coffee")
    assert text.startswith('Sorry, I do not understand "make coffee". You can say:')


def test_an_alarm_tells_each_who_asked_once(
    say: Any, watched: None, cloud: FakeCloud, event: Any, invocation: Any
) -> None:
    from aws_lambda import announce_too_full

    assert say("alarm lobby 6") == ["You will be told when lobby holds more than 6 people."]
    begun = {"room": "lobby", "persons": 7, "as_of_ms": 1_771_668_900_000, "episode": "lobby/s9"}
    before = len(cloud.sns.sent)
    for request_id in ("first", "second"):
        announce_too_full.handler(event({"too_full": [begun]}), invocation(request_id))
    assert cloud.sns.sent[before:] == [(NUMBER, "lobby is too full: 7 people at 10:15 UTC.")]
    assert say("alarm lobby off") == ["You will no longer be told when lobby is too full."]
    announce_too_full.handler(event({"too_full": [begun | {"episode": "x"}]}), invocation("third"))
    assert len(cloud.sns.sent) == before + 2


def test_an_alarm_for_a_room_not_seen_yet_says_so(say: Any) -> None:
    assert say("alarm hall 1") == [
        "You will be told when hall holds more than 1 person. No camera has reported from hall yet."
    ]


@pytest.mark.parametrize("text", ["status", "clean lobby", "alarm lobby 6", "help"])
def test_a_message_delivered_twice_is_answered_once(say: Any, watched: None, text: str) -> None:
    assert len(say(text, "message-7", "first")) == 1
    assert say(text, "message-7", "second") == []


def test_a_retried_invocation_answers_again(say: Any) -> None:
    assert len(say("help", "message-7", "same")) == 1
    assert len(say("help", "message-7", "same")) == 1
