"""cloudwatch as real clients see it: boto3 and the AWS CLI (CBOR), older ones (JSON, query)."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.conformance.commands import Commands
from tests.conformance.live import REGION, LivePlatform


@pytest.fixture(scope="module")
def cloudwatch(live_platform: LivePlatform) -> Any:
    return boto3.client(
        "cloudwatch",
        endpoint_url=live_platform.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _span() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(minutes=2)}


def test_boto3_puts_and_asks(cloudwatch: Any) -> None:
    sent: list[bytes] = []

    def note(request: Any, **_: Any) -> None:
        sent.append(request.headers.get("Content-Encoding", b""))

    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", note)
    dimensions = [{"Name": "Queue", "Value": "q"}]
    data = [
        {"MetricName": "m", "Dimensions": dimensions, "Values": [1.0, 2.0], "Counts": [2, 1],
         "Unit": "Count"}
    ] * 400  # fmt: skip
    cloudwatch.put_metric_data(Namespace="Boto", MetricData=data)
    assert sent == [b"gzip"], "a body of this size goes packed"
    found = cloudwatch.get_metric_statistics(
        Namespace="Boto", MetricName="m", Dimensions=dimensions, Period=7200,
        Statistics=["Sum", "SampleCount"], ExtendedStatistics=["p90"], **_span(),
    )  # fmt: skip
    (point,) = found["Datapoints"]
    assert (point["Sum"], point["SampleCount"]) == (1600, 1200)
    assert point["ExtendedStatistics"] == {"p90": 2.0}
    assert point["Unit"] == "Count"
    metric = {"Namespace": "Boto", "MetricName": "m", "Dimensions": dimensions}
    queries = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
        {"Id": "half", "Expression": "m / 2"},
    ]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, **_span()
    )
    results = [each for page in pages for each in page["MetricDataResults"]]
    assert [sum(each["Values"]) for each in results] == [1600, 800]
    assert isinstance(results[0]["Timestamps"][0], datetime)
    listed = cloudwatch.list_metrics(Namespace="Boto")["Metrics"]
    assert listed == [metric]


def test_boto3_keeps_alarms_and_dashboards(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName="boto", Namespace="Boto", MetricName="m", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1.5, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["boto"])["MetricAlarms"]
    assert (alarm["Threshold"], alarm["StateValue"]) == (1.5, "INSUFFICIENT_DATA")
    cloudwatch.set_alarm_state(AlarmName="boto", StateValue="ALARM", StateReason="a test")
    waiter = cloudwatch.get_waiter("alarm_exists")
    waiter.wait(AlarmNames=["boto"])
    history = cloudwatch.describe_alarm_history(AlarmName="boto", HistoryItemType="StateUpdate")
    assert len(history["AlarmHistoryItems"]) == 1
    cloudwatch.put_dashboard(DashboardName="board", DashboardBody='{"widgets": []}')
    assert json.loads(cloudwatch.get_dashboard(DashboardName="board")["DashboardBody"])
    # Two shapes have this code; the header of the older protocol tells no more.
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloudwatch.get_dashboard(DashboardName="none")
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException):
        cloudwatch.put_metric_data(
            Namespace="AWS/X", MetricData=[{"MetricName": "m", "Value": 1.0}]
        )
    cloudwatch.delete_alarms(AlarmNames=["boto"])
    assert cloudwatch.describe_alarms(AlarmNames=["boto"])["MetricAlarms"] == []


def _post(platform: LivePlatform, body: bytes, **headers: str) -> bytes:
    """A signed request as a client of another protocol sends it."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = AWSRequest("POST", platform.endpoint + "/", data=body, headers=names)
    SigV4Auth(Credentials("test", "test"), "monitoring", REGION).add_auth(asked)
    request = urllib.request.Request(asked.url, body, dict(asked.headers.items()))
    with urllib.request.urlopen(request) as answer:
        found: bytes = answer.read()
    return found


def test_older_clients_speak_query_and_json(live_platform: LivePlatform, cloudwatch: Any) -> None:
    form = {
        "Action": "PutMetricData",
        "Version": "2010-08-01",
        "Namespace": "Old",
        "MetricData.member.1.MetricName": "m",
        "MetricData.member.1.Value": "2.5",
        "MetricData.member.1.Dimensions.member.1.Name": "d",
        "MetricData.member.1.Dimensions.member.1.Value": "v",
    }
    body = urllib.parse.urlencode(form).encode()
    _post(live_platform, body, Content_Type="application/x-www-form-urlencoded")
    form = {"Action": "ListMetrics", "Version": "2010-08-01", "Namespace": "Old"}
    body = urllib.parse.urlencode(form).encode()
    told = _post(live_platform, body, Content_Type="application/x-www-form-urlencoded")
    assert b"<MetricName>m</MetricName>" in told
    listed = _post(
        live_platform,
        b'{"Namespace": "Old"}',
        Content_Type="application/x-amz-json-1.0",
        X_Amz_Target="GraniteServiceVersion20100801.ListMetrics",
    )
    (metric,) = json.loads(listed)["Metrics"]
    assert metric["Dimensions"] == [{"Name": "d", "Value": "v"}]


def test_the_aws_cli_puts_and_asks(commands: Commands) -> None:
    put = ("--namespace", "Typed", "--metric-name", "m", "--value", "4", "--unit", "Seconds")
    assert commands.aws("cloudwatch", "put-metric-data", *put) == {}
    span = _span()
    found = commands.aws(
        "cloudwatch", "get-metric-statistics", "--namespace", "Typed", "--metric-name", "m",
        "--period", "7200", "--statistics", "Maximum",
        "--start-time", span["StartTime"].isoformat(), "--end-time", span["EndTime"].isoformat(),
    )  # fmt: skip
    assert [each["Maximum"] for each in found["Datapoints"]] == [4.0]
    alarm = ("--alarm-name", "typed", "--namespace", "Typed", "--metric-name", "m", "--period",
             "60", "--evaluation-periods", "1", "--threshold", "1", "--statistic", "Sum",
             "--comparison-operator", "LessThanThreshold")  # fmt: skip
    commands.aws("cloudwatch", "put-metric-alarm", *alarm)
    told = commands.aws("cloudwatch", "describe-alarms", "--alarm-names", "typed")
    assert told["MetricAlarms"][0]["AlarmName"] == "typed"


def test_the_platform_measures_itself(make_platform: Callable[..., LivePlatform]) -> None:
    platform = make_platform()
    sqs = platform.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    # An orderly stop hands over the minute under way.
    assert platform.stop() == 0
    platform.start()
    found = platform.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Period=7200, Statistics=["Sum"],
        Dimensions=[{"Name": "QueueName", "Value": "q"}], **_span(),
    )  # fmt: skip
    assert [point["Sum"] for point in found["Datapoints"]] == [1]
