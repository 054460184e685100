from __future__ import annotations

from pathlib import Path

import pytest

from pileus import shapes
from pileus.shapes import source


def test_a_service_tells_its_facts() -> None:
    sqs = shapes.service("sqs")
    assert sqs.protocols == ("json", "query")
    assert (sqs.target_prefix, sqs.json_version) == ("AmazonSQS", "1.0")
    assert sqs.is_query_compatible
    sts = shapes.service("sts")
    assert sts.xml_namespace == "https://sts.amazonaws.com/doc/2011-06-15/"
    assert shapes.service("sagemaker-runtime").signing_name == "sagemaker"


def test_an_operation_tells_its_bindings() -> None:
    put = shapes.service("s3").operation("PutObject")
    assert (put.method, put.uri) == ("PUT", "/{Bucket}/{Key+}")
    assert put.input is not None
    assert put.input.streaming_member is not None
    assert put.input.streaming_member.name == "Body"
    assert put.input.members["Metadata"].location == "headers"
    invoke = shapes.service("lambda").operation("Invoke")
    assert invoke.input is not None
    assert invoke.input.payload == "Payload"
    assert invoke.input.streaming_member is None


def test_recursive_shapes_refer_to_themselves() -> None:
    put = shapes.service("dynamodb").operation("PutItem")
    assert put.input is not None
    value = put.input.members["Item"].shape.value
    assert value is not None
    nested = value.shape.members["L"].shape.element
    assert nested is not None
    assert nested.shape is value.shape


def test_errors_are_found_by_name_and_by_code() -> None:
    errors = shapes.service("iam").errors
    assert errors["NoSuchEntity"] is errors["NoSuchEntityException"]
    assert errors["NoSuchEntity"].error_status == 404
    assert shapes.service("sqs").errors["QueueDoesNotExist"].code == (
        "AWS.SimpleQueueService.NonExistentQueue"
    )


def test_unknown_names_are_refused() -> None:
    with pytest.raises(shapes.UnknownService):
        shapes.service("nonesuch")
    with pytest.raises(shapes.UnknownService):
        shapes.service("../sqs")
    with pytest.raises(shapes.UnknownOperation):
        shapes.service("sqs").operation("FlyAway")


def test_every_service_of_aws_is_known_by_its_metadata() -> None:
    known = shapes.known_services()
    assert known["dynamodb"]["targetPrefix"] == "DynamoDB_20120810"
    assert len(known) > 300


def test_the_cache_is_rebuilt_when_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUS_CACHE_DIR", str(tmp_path))
    first = source.load("sts")
    kept = source.cache_folder() / "sts.json"
    assert kept.exists()
    kept.write_bytes(b"{half a docu")
    assert source.load("sts") == first
    assert not list(kept.parent.glob(".*"))


def test_an_unwritable_cache_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("PILEUS_CACHE_DIR", str(blocked))
    assert "GetCallerIdentity" in source.load("sts")["operations"]


def test_prose_is_dropped_and_members_of_that_name_are_not() -> None:
    raw = source.load("apigateway")
    assert "documentation" not in raw["operations"]["CreateRestApi"]
    assert "deprecated" in source.load("s3")["operations"]["PutBucketLifecycle"]
