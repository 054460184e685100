"""Alarms under virtual time: evaluation, missing points, actions, composites."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pileus.services.cloudwatch.evaluation import outcome
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

MINUTE_MS = 60_000
_STATE = {"A": "ALARM", "O": "OK", "I": "INSUFFICIENT_DATA", ".": None}


# AWS's two tables: points, then the state by missing, ignore, breaching, notBreaching.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
@pytest.mark.parametrize(
    ("wanted", "points", "states"),
    [
        (3, "0-X-X", "OOOO"),
        (3, "0----", "OOOO"),
        (3, "-----", "I.AO"),
        (3, "0XX-X", "AAAA"),
        (3, "--X--", "A.AO"),
        (3, "----X", "..AO"),
        (3, "---X-", "..AO"),
        (2, "0-X-X", "AAAA"),
        (2, "00X0X", "AAAA"),
        (2, "0-X--", "OOAO"),
        (2, "----0", "OOAO"),
        (2, "---X-", "A.AO"),
    ],
)
def test_missing_points_as_in_the_tables(wanted: int, points: str, states: str) -> None:
    values = {"0": 0.0, "X": 9.0, "-": None}
    newest_first = [(0, values[each]) for each in reversed(points)]
    for treatment, state in zip(
        ("missing", "ignore", "breaching", "notBreaching"), states, strict=True
    ):
        definition = {
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": wanted,
            "TreatMissingData": treatment,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5.0,
        }
        assert outcome(definition, newest_first).state == _STATE[state], treatment


class Watched:
    """A platform with an alarm on App/m, a topic and a queue that hears all."""

    def __init__(self, platform: MemoryPlatform) -> None:
        self.platform = platform
        self.topic = ""
        self.queue = ""

    async def prepare(self) -> None:
        self.topic = (await self.platform("sns", "CreateTopic", Name="t"))["TopicArn"]
        url = (await self.platform("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
        self.queue = url
        arn = "arn:aws:sqs:us-east-1:000000000000:q"
        given = {"TopicArn": self.topic, "Protocol": "sqs", "Endpoint": arn}
        await self.platform("sns", "Subscribe", **given, Attributes={"RawMessageDelivery": "true"})
        pattern = json.dumps({"source": ["aws.cloudwatch"]})
        await self.platform("events", "PutRule", Name="r", EventPattern=pattern)
        targets = [{"Id": "1", "Arn": arn}]
        await self.platform("events", "PutTargets", Rule="r", Targets=targets)
        now_ms = self.platform.clock.now_ms()
        await self.platform.clock.advance(MINUTE_MS - now_ms % MINUTE_MS)

    async def alarm(self, name: str = "a", **more: Any) -> None:
        given: dict[str, Any] = {
            "AlarmName": name,
            "Namespace": "App",
            "MetricName": "m",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 3.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [self.topic],
            **more,
        }
        wanted = {key: value for key, value in given.items() if value is not None}
        await self.platform("cloudwatch", "PutMetricAlarm", **wanted)

    async def minute(self, value: float | None = None, name: str = "m") -> str:
        """A minute with one number, or none; the state of alarm ``a`` after it."""
        if value is not None:
            datum = {"MetricName": name, "Value": value}
            await self.platform("cloudwatch", "PutMetricData", Namespace="App", MetricData=[datum])
        now_ms = self.platform.clock.now_ms()
        # Six seconds into the next minute: past the evaluation, before the next number.
        await self.platform.clock.advance(MINUTE_MS - now_ms % MINUTE_MS + 6000)
        return await self.state()

    async def state(self, name: str = "a") -> str:
        return str((await self.described(name))["StateValue"])

    async def described(self, name: str = "a") -> dict[str, Any]:
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = await self.platform(
            "cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=kinds
        )
        alarm: dict[str, Any] = (found["MetricAlarms"] + found["CompositeAlarms"])[0]
        return alarm

    async def heard(self) -> list[dict[str, Any]]:
        found = await self.platform("sqs", "ReceiveMessage", QueueUrl=self.queue,
                                    MaxNumberOfMessages=10)  # fmt: skip
        for message in found.get("Messages", ()):
            handle = message["ReceiptHandle"]
            await self.platform("sqs", "DeleteMessage", QueueUrl=self.queue, ReceiptHandle=handle)
        return [json.loads(message["Body"]) for message in found.get("Messages", ())]


@pytest.fixture
async def watched(memory_platform: MemoryPlatform) -> Watched:
    watched = Watched(memory_platform)
    await watched.prepare()
    return watched


async def test_an_alarm_goes_off_and_ends(watched: Watched) -> None:
    await watched.alarm(AlarmDescription="too many", OKActions=[watched.topic])
    made = await watched.described()
    assert made["StateValue"] == "INSUFFICIENT_DATA"
    assert made["StateReason"] == "Unchecked: Initial alarm creation"
    assert await watched.minute(5.0) == "ALARM"
    alarm = await watched.described()
    assert alarm["StateReason"].startswith(
        "Threshold Crossed: 1 out of the last 1 datapoints [5.0 ("
    )
    assert alarm["StateReason"].endswith(
        "was greater than the threshold (3.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [5.0]
    told = await watched.heard()
    message = next(each for each in told if "AlarmName" in each)
    event = next(each for each in told if "detail" in each)
    assert (message["NewStateValue"], message["OldStateValue"]) == ("ALARM", "INSUFFICIENT_DATA")
    assert message["Trigger"]["Statistic"] == "SUM"
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [alarm["AlarmArn"]]
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["stat"] == "Sum"
    assert await watched.minute(1.0) == "OK"
    assert len(await watched.heard()) == 2
    for _ in range(3):
        await watched.minute()
    assert await watched.state() == "INSUFFICIENT_DATA"
    history = await watched.platform("cloudwatch", "DescribeAlarmHistory", AlarmName="a")
    kinds = [item["HistoryItemType"] for item in history["AlarmHistoryItems"]]
    assert kinds == [
        "StateUpdate", "Action", "StateUpdate", "Action", "StateUpdate", "ConfigurationUpdate",
    ]  # fmt: skip


async def test_two_of_three_points(watched: Watched) -> None:
    await watched.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    states = [await watched.minute(value) for value in (1.0, 5.0, 1.0, 5.0, 1.0, 1.0)]
    assert states == ["OK", "OK", "OK", "ALARM", "OK", "OK"]


async def test_alarms_go_on_after_a_restart(watched: Watched) -> None:
    await watched.alarm()
    watched.platform = await watched.platform.restart()
    assert await watched.minute(5.0) == "ALARM"


async def test_short_periods_are_judged_every_ten_seconds(watched: Watched) -> None:
    await watched.alarm(Period=10)
    datum = {"MetricName": "m", "Value": 9.0, "StorageResolution": 1}
    await watched.platform("cloudwatch", "PutMetricData", Namespace="App", MetricData=[datum])
    await watched.platform.clock.advance(12_500)
    assert await watched.state() == "ALARM"


async def test_an_alarm_on_an_expression(watched: Watched) -> None:
    metrics = [
        {"Id": f"m{number}", "ReturnData": False, "MetricStat": {
            "Metric": {"Namespace": "App", "MetricName": name}, "Period": 60, "Stat": "Sum"}}
        for number, name in enumerate(("m", "n"))
    ]  # fmt: skip
    nothing: dict[str, Any] = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    await watched.alarm(
        Metrics=[*metrics, {"Id": "e", "Expression": "m0 + FILL(m1, 0)"}], **nothing
    )
    assert await watched.minute(5.0) == "ALARM"
    with pytest.raises(ServiceError, match="Exactly one element of the metrics list"):
        await watched.alarm(Metrics=metrics, **nothing)


async def test_an_expression_that_fails_stops_no_other_alarm(watched: Watched) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    await watched.alarm("0 broken", Metrics=[{"Id": "e", "Expression": "1 + 1"}], **nothing)
    await watched.alarm()
    assert await watched.minute(5.0) == "ALARM"
    assert await watched.minute(1.0) == "OK"
    broken = await watched.described("0 broken")
    assert broken["StateValue"] == "INSUFFICIENT_DATA"
    assert "the result is not a time series" in broken["StateReason"]


async def test_a_function_is_told(watched: Watched) -> None:
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    await watched.alarm(AlarmActions=[function])
    await watched.minute(5.0)
    told = [each for each in watched.platform.records if each["kind"] == "delivery"]
    given = next(each["input"] for each in told if each["target"] == "lambda")
    payload = json.loads(given["Payload"])
    assert payload["source"] == "aws.cloudwatch"
    assert payload["alarmData"]["state"]["value"] == "ALARM"
    assert payload["alarmData"]["previousState"]["value"] == "INSUFFICIENT_DATA"


async def test_states_by_hand_and_actions_off(watched: Watched) -> None:
    await watched.alarm()
    ask = watched.platform
    await ask("cloudwatch", "DisableAlarmActions", AlarmNames=["a"])
    given = {"AlarmName": "a", "StateReason": "a test"}
    await ask("cloudwatch", "SetAlarmState", **given, StateValue="ALARM")
    await ask.clock.advance(1000)
    assert ["detail" in each for each in await watched.heard()] == [True], "the event alone"
    await ask("cloudwatch", "EnableAlarmActions", AlarmNames=["a"])
    await ask("cloudwatch", "SetAlarmState", **given, StateValue="OK")
    await ask("cloudwatch", "SetAlarmState", **given, StateValue="ALARM")
    await ask.clock.advance(1000)
    assert len(await watched.heard()) == 3
    with pytest.raises(ServiceError, match="ResourceNotFound"):
        await ask("cloudwatch", "SetAlarmState", **{**given, "AlarmName": "x"}, StateValue="OK")


async def test_composite_alarms_follow_their_children(watched: Watched) -> None:
    await watched.alarm("a")
    await watched.alarm("b", MetricName="n")
    ask = watched.platform
    rule = 'ALARM("a") AND NOT ALARM(b)'
    given = {"AlarmName": "both", "AlarmRule": rule, "AlarmActions": [watched.topic]}
    await ask("cloudwatch", "PutCompositeAlarm", **given)
    assert await watched.state("both") == "OK"
    await watched.minute(5.0)
    assert await watched.state("both") == "ALARM"
    assert "transitioned to ALARM" in (await watched.described("both"))["StateReason"]
    told = [each["AlarmName"] for each in await watched.heard() if "AlarmName" in each]
    assert sorted(told) == ["a", "both"]
    await ask("cloudwatch", "SetAlarmState", AlarmName="b", StateValue="ALARM", StateReason="x")
    assert await watched.state("both") == "OK"
    children = await ask("cloudwatch", "DescribeAlarms", ChildrenOfAlarmName="both")
    assert [each["AlarmName"] for each in children["MetricAlarms"]] == ["a", "b"]
    plain = await ask("cloudwatch", "DescribeAlarms")
    assert plain["CompositeAlarms"] == []
    with pytest.raises(ServiceError, match="depend on it"):
        await ask("cloudwatch", "DeleteAlarms", AlarmNames=["a"])
    outer = {"AlarmName": "outer", "AlarmRule": "ALARM(both)"}
    await ask("cloudwatch", "PutCompositeAlarm", **outer)
    with pytest.raises(ServiceError, match="cycle"):
        await ask("cloudwatch", "PutCompositeAlarm", **{**given, "AlarmRule": "ALARM(outer)"})
    with pytest.raises(ServiceError, match="AlarmRule is not valid"):
        await ask("cloudwatch", "PutCompositeAlarm", **{**given, "AlarmRule": "ALARM("})
    for name in ("outer", "both", "a"):
        await ask("cloudwatch", "DeleteAlarms", AlarmNames=[name])


async def test_alarms_that_cannot_be(watched: Watched) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Period": 45}, "ValidationException"),
        ({"Statistic": None}, "MissingRequiredParameterException"),
        ({"ExtendedStatistic": "p9"}, "InvalidParameterCombinationException"),
        ({"TreatMissingData": "x"}, "InvalidParameterValueException"),
        ({"Period": 3600, "EvaluationPeriods": 200}, "ValidationException"),
        ({"DatapointsToAlarm": 2}, "ValidationException"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "NotImplemented"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "NotImplemented"),
    ]
    for more, code in cases:
        with pytest.raises(ServiceError) as caught:
            await watched.alarm(**more)
        assert caught.value.code == code, more


async def test_tags_and_alarms_of_a_metric(watched: Watched) -> None:
    await watched.alarm(Tags=[{"Key": "k", "Value": "v"}])
    ask = watched.platform
    arn = (await watched.described())["AlarmArn"]
    await ask("cloudwatch", "TagResource", ResourceARN=arn, Tags=[{"Key": "l", "Value": "w"}])
    await ask("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=["k"])
    tags = await ask("cloudwatch", "ListTagsForResource", ResourceARN=arn)
    assert tags["Tags"] == [{"Key": "l", "Value": "w"}]
    found = await ask("cloudwatch", "DescribeAlarmsForMetric", Namespace="App", MetricName="m")
    assert [each["AlarmName"] for each in found["MetricAlarms"]] == ["a"]
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        await ask("cloudwatch", "ListTagsForResource", ResourceARN=arn + "x")
