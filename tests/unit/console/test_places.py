"""Calls and ARNs onto the map."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.console.places import (
    SMS_IN,
    SMS_OUT,
    normal_place,
    place_of_caller,
    place_of_target,
    source_of_object,
)

A, R = "000000000000", "us-east-1"


@pytest.mark.parametrize(
    ("arn", "place"),
    [
        ("arn:aws:s3:::videos/lobby/1.mkv", "arn:aws:s3:::videos"),
        (f"arn:aws:lambda:{R}:{A}:function:f:$LATEST", f"arn:aws:lambda:{R}:{A}:function:f"),
        (f"arn:aws:dynamodb:{R}:{A}:table/t/index/i", f"arn:aws:dynamodb:{R}:{A}:table/t"),
        (f"arn:aws:sns:{R}:{A}:topic:0c1", f"arn:aws:sns:{R}:{A}:topic"),
        (f"arn:aws:sqs:{R}:{A}:queue", f"arn:aws:sqs:{R}:{A}:queue"),
        ("source:lobby", "source:lobby"),
        ("", ""),
    ],
)
def test_arns_fold_onto_their_node(arn: str, place: str) -> None:
    assert normal_place(arn) == place


@pytest.mark.parametrize(
    ("service", "given", "place"),
    [
        ("s3", {"Bucket": "b", "Key": "k"}, "arn:aws:s3:::b"),
        ("sqs", {"QueueUrl": f"http://127.0.0.1:4566/{A}/q"}, f"arn:aws:sqs:{R}:{A}:q"),
        ("lambda", {"FunctionName": "f:live"}, f"arn:aws:lambda:{R}:{A}:function:f"),
        ("lambda", {"FunctionName": f"{A}:function:f"}, f"arn:aws:lambda:{R}:{A}:function:f"),
        (
            "lambda",
            {"FunctionName": f"arn:aws:lambda:{R}:{A}:function:f"},
            f"arn:aws:lambda:{R}:{A}:function:f",
        ),
        ("dynamodb", {"TableName": "t"}, f"arn:aws:dynamodb:{R}:{A}:table/t"),
        ("dynamodb", {"RequestItems": {"t": {}}}, f"arn:aws:dynamodb:{R}:{A}:table/t"),
        (
            "dynamodb",
            {"TransactItems": [{"Put": {"TableName": "t"}}]},
            f"arn:aws:dynamodb:{R}:{A}:table/t",
        ),
        ("sns", {"TopicArn": f"arn:aws:sns:{R}:{A}:t"}, f"arn:aws:sns:{R}:{A}:t"),
        ("sns", {"PhoneNumber": "+12025550142"}, SMS_OUT),
        ("pinpoint-sms-voice-v2", {"MessageBody": "hello"}, SMS_OUT),
        ("pinpoint-sms-voice-v2", {"PhoneNumberId": "p"}, ""),
        ("events", {"Entries": [{}]}, f"arn:aws:events:{R}:{A}:event-bus/default"),
        ("events", {"Entries": [{"EventBusName": "own"}]}, f"arn:aws:events:{R}:{A}:event-bus/own"),
        ("sagemaker-runtime", {"EndpointName": "e"}, f"arn:aws:sagemaker:{R}:{A}:endpoint/e"),
        ("s3", {}, ""),
        ("sts", {"RoleArn": "arn:aws:iam::0:role/r"}, ""),
    ],
)
def test_calls_name_their_target(service: str, given: dict[str, Any], place: str) -> None:
    assert place_of_target(service, given, A, R) == place


def test_callers_are_functions_and_the_phone() -> None:
    role = f"arn:aws:sts::{A}:assumed-role/corb/VideoIngress"
    assert place_of_caller(role, R) == f"arn:aws:lambda:{R}:{A}:function:VideoIngress"
    assert place_of_caller("service:sms-voice.amazonaws.com", R) == SMS_IN
    assert place_of_caller(f"arn:aws:iam::{A}:root", R) == ""
    assert place_of_caller("service:s3.amazonaws.com", R) == ""


def test_only_media_objects_are_segments() -> None:
    assert source_of_object("lobby/20261121T101502.000Z.mkv") == "lobby"
    assert source_of_object("lobby/20261121T101502.000Z.jsonl") == ""
    assert source_of_object("film.mkv") == ""
