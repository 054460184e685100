"""Corb's serverless.yml becomes the stack the seed describes."""

from pathlib import Path
from typing import Any

import pytest

from pileus.languages.serverless import Options, Sources, Translation, load_file

APP = Path(__file__).parents[3] / "apps" / "corb"


def read_file(name: str) -> str | None:
    path = APP / name
    return path.read_text() if path.is_file() else None


@pytest.fixture(scope="module")
def translation() -> Translation:
    return load_file("serverless.yml", Sources(read_file=read_file)).to_template(Options())


@pytest.fixture(scope="module")
def resources(translation: Translation) -> dict[str, Any]:
    found: dict[str, Any] = translation.template["Resources"]
    return found


def properties(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == kind]


def test_only_what_is_kept_as_printed_is_warned_of(translation: Translation) -> None:
    [warning] = translation.warnings
    assert "CleaningReportGenerator.destinations.onSuccess" in warning
    assert "lacks region or account" in warning


def test_every_handler_exists(resources: dict[str, Any]) -> None:
    handlers = [one["Handler"] for one in properties(resources, "AWS::Lambda::Function")]
    assert len(handlers) == 8
    for handler in handlers:
        module, _, function = handler.rpartition(".")
        source = (APP / f"{module.replace('.', '/')}.py").read_text()
        assert f"\ndef {function}(" in source


def test_stored_segments_invoke_video_ingress(resources: dict[str, Any]) -> None:
    [bucket] = [
        one
        for one in properties(resources, "AWS::S3::Bucket")
        if one.get("BucketName") == "video-bucket"
    ]
    [notification] = bucket["NotificationConfiguration"]["LambdaConfigurations"]
    assert notification["Event"] == "s3:ObjectCreated:*"
    assert notification["Filter"]["S3Key"]["Rules"] == [{"Name": "suffix", "Value": ".mkv"}]


def test_rules_match_what_the_functions_return(resources: dict[str, Any]) -> None:
    from aws_lambda import message_ingress, occupancy

    patterns = [one["EventPattern"] for one in properties(resources, "AWS::Events::Rule")]
    kinds = {
        kind
        for pattern in patterns
        for kind in pattern.get("detail", {}).get("responsePayload", {}).get("command_type", [])
    }
    understood = {command_type for _, command_type in message_ingress._COMMANDS}
    assert kinds == understood | {"not_understood", "announce_too_full"}
    assert {"source": ["corb.live"], "detail-type": ["Persons Seen"]} in patterns
    assert 'command_type": "announce_too_full"' in Path(occupancy.__file__).read_text()


def test_the_detector_is_served(resources: dict[str, Any]) -> None:
    [model] = properties(resources, "AWS::SageMaker::Model")
    [endpoint] = properties(resources, "AWS::SageMaker::Endpoint")
    assert model["PrimaryContainer"]["ModelDataUrl"].startswith("s3://corb-models/")
    assert endpoint["EndpointName"] == "person-detector"


def test_only_what_runs_is_packed(translation: Translation) -> None:
    [artifact] = translation.plan.artifacts
    assert artifact.patterns[-3:] == ("!**", "aws_lambda/**", "!**/__pycache__/**")
    assert translation.plan.requirements.file_name == "requirements.txt"


def test_the_model_archive_is_sagemakers_and_reproducible(tmp_path: Path) -> None:
    import io
    import tarfile

    import publish_model

    (tmp_path / "any.tflite").write_bytes(b"weights")
    packed = publish_model.archive(tmp_path / "any.tflite")
    assert packed == publish_model.archive(tmp_path / "any.tflite")
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        assert files.getnames() == ["model.tflite", "code/inference.py", "code/requirements.txt"]


def test_where_the_model_is_published_is_where_the_stack_looks() -> None:
    import publish_model

    text = (APP / "serverless.yml").read_text()
    assert f"modelArchive: s3://{publish_model.BUCKET}/{publish_model.KEY}" in text
