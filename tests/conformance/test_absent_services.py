"""What is no service of the house, as real clients see it: refused by name in every protocol."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.live import LivePlatform


@pytest.mark.parametrize(
    ("service", "call", "given"),
    [
        ("ec2", "describe_instances", {}),  # EC2's dialect of the query protocol
        ("autoscaling", "describe_auto_scaling_groups", {}),  # query
        ("apigateway", "get_rest_apis", {}),  # rest-json
        ("route53", "list_hosted_zones", {}),  # rest-xml
        ("apprunner", "list_services", {}),  # json 1.0
        ("athena", "list_work_groups", {}),  # json 1.1
        ("directconnect", "describe_connections", {}),  # rpc-v2-cbor in newer clients
        ("rds", "describe_db_instances", {}),  # two more services sign as it does
        ("elbv2", "describe_load_balancers", {}),  # a signing name that two services share
    ],
)
def test_a_service_without_a_room_is_refused_by_its_name(
    live_platform: LivePlatform, service: str, call: str, given: dict[str, Any]
) -> None:
    client = live_platform.client(service, retries={"total_max_attempts": 1})
    with pytest.raises(ClientError) as caught:
        getattr(client, call)(**given)
    told = caught.value.response
    assert told["Error"]["Code"] == "NotImplemented"
    assert told["Error"]["Message"] == f"Pileus has no {service} yet."
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert len(told["ResponseMetadata"]["RequestId"]) == 36


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("application/x-www-form-urlencoded", 400, "<Code>MissingAction</Code>"),
        ("text/plain", 400, "<Code>MissingAction</Code>"),
        ("application/x-amz-json-1.1", 400, '"UnknownOperationException"'),
    ],
)
def test_rubbish_at_the_root_is_told_what_it_lacks(
    live_platform: LivePlatform, kind: str, status: int, words: str
) -> None:
    request = urllib.request.Request(
        live_platform.endpoint, data=b"rubbish", headers={"content-type": kind}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    text = caught.value.read().decode()
    assert (caught.value.code, words in text) == (status, True), text
    assert "X-Amz-Target" in text
