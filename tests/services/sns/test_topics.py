"""Topics deliver what subscriptions' filters let through; texts go out and come in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from pileus.adapters.sms_handset import HandsetSms
from pileus.ports.sms import SmsProvider
from pileus.services.sms_voice.inbound import receive_text
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

HANDSET = HandsetSms()


@pytest.fixture
async def platform() -> AsyncIterator[MemoryPlatform]:
    HANDSET.messages.clear()
    platform = await MemoryPlatform.start(parts={SmsProvider: HANDSET})
    yield platform
    await platform.crash()


async def _subscribed(platform: MemoryPlatform, **attributes: str) -> tuple[str, str]:
    arn = (await platform("sns", "CreateTopic", Name="t"))["TopicArn"]
    url = (await platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    await platform(
        "sns",
        "Subscribe",
        TopicArn=arn,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:000000000000:q",
        Attributes=attributes,
    )
    return arn, url


async def _bodies(platform: MemoryPlatform, url: str) -> list[str]:
    await platform.clock.settle()
    output = await platform("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in output.get("Messages", ())]


async def test_queue_gets_the_envelope(platform: MemoryPlatform) -> None:
    arn, url = await _subscribed(platform)
    sent = await platform("sns", "Publish", TopicArn=arn, Message="hi", Subject="s")
    (body,) = await _bodies(platform, url)
    envelope = json.loads(body)
    assert envelope["Message"] == "hi"
    assert envelope["Subject"] == "s"
    assert envelope["MessageId"] == sent["MessageId"]
    assert envelope["TopicArn"] == arn


async def test_filter_and_raw_delivery(platform: MemoryPlatform) -> None:
    policy = json.dumps({"kind": ["wanted"]})
    arn, url = await _subscribed(platform, FilterPolicy=policy, RawMessageDelivery="true")
    for kind in ("wanted", "other"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        await platform("sns", "Publish", TopicArn=arn, Message=kind, MessageAttributes=attributes)
    assert await _bodies(platform, url) == ["wanted"]


async def test_sms_goes_to_the_provider_once(platform: MemoryPlatform) -> None:
    await platform("sns", "Publish", PhoneNumber="+15550100", Message="hello")
    await platform.clock.settle()
    platform = await platform.restart()
    await platform.clock.settle()
    assert [sms.text for sms in HANDSET.messages] == ["hello"]


async def test_inbound_text_reaches_the_topic(platform: MemoryPlatform) -> None:
    arn, url = await _subscribed(platform, RawMessageDelivery="true")
    number = await platform(
        "pinpoint-sms-voice-v2",
        "RequestPhoneNumber",
        IsoCountryCode="US",
        MessageType="TRANSACTIONAL",
        NumberCapabilities=["SMS"],
        NumberType="LONG_CODE",
    )
    await platform(
        "pinpoint-sms-voice-v2",
        "UpdatePhoneNumber",
        PhoneNumberId=number["PhoneNumberId"],
        TwoWayEnabled=True,
        TwoWayChannelArn=arn,
    )
    space = ("000000000000", "us-east-1", "pinpoint-sms-voice-v2")
    call = platform.kernel.stream_call(space)
    await receive_text(call, "+15550199", number["PhoneNumber"], "status please")
    (body,) = await _bodies(platform, url)
    assert json.loads(body)["messageBody"] == "status please"
    assert json.loads(body)["originationNumber"] == "+15550199"
    assert [one["direction"] for one in _told(platform)] == ["in"]


async def test_texts_are_told_again_after_a_restart(platform: MemoryPlatform) -> None:
    for number in range(210):
        await platform("sns", "Publish", PhoneNumber="+15550100", Message=f"text {number}")
        await platform.clock.advance(1)
    before = _told(platform)
    await platform.clock.advance(5_000)
    platform = await platform.restart()
    after = _told(platform)
    assert [one["text"] for one in after] == [f"text {number}" for number in range(10, 210)]
    assert after == before[10:]
    await platform.crash()


def _told(platform: MemoryPlatform) -> list[dict[str, object]]:
    names = ("at_ms", "direction", "number", "text", "id")
    return [{name: one[name] for name in names} for one in platform.records if one["kind"] == "sms"]


@pytest.mark.parametrize(
    ("operation", "given", "code"),
    [
        (
            "Publish",
            {"Message": "x", "TopicArn": "arn:aws:sns:us-east-1:000000000000:no"},
            "NotFound",
        ),
        ("Publish", {"Message": "x", "PhoneNumber": "abc"}, "InvalidParameter"),
        ("CreateTopic", {"Name": "a b"}, "InvalidParameter"),
        ("GetTopicAttributes", {"TopicArn": "nothing"}, "InvalidParameter"),
        ("CreateTopic", {}, "InvalidParameter"),
    ],
)
async def test_refusals(
    platform: MemoryPlatform, operation: str, given: dict[str, str], code: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await platform("sns", operation, **given)
    assert caught.value.code == code
