"""The program declares what the seed's does, under the seed's names."""

from __future__ import annotations

import json
from typing import Any

import pytest

Json = dict[str, Any]


@pytest.fixture(scope="module")
def template() -> Json:
    import program

    found: Json = json.loads(program.declare().template())
    return found


def properties(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def test_the_seeds_resources_are_there(template: Json) -> None:
    kinds = {name: one["Type"] for name, one in template["Resources"].items()}
    assert kinds["bucket"] == "AWS::S3::Bucket"
    assert kinds["ffmpegTask"] == "AWS::ECS::TaskDefinition"
    assert kinds["ffmpegTaskRepository"] == "AWS::ECR::Repository"
    assert kinds["cluster"] == "AWS::ECS::Cluster"
    assert kinds["onNewVideo"] == kinds["onNewThumbnail"] == "AWS::Lambda::Function"


def test_each_function_hears_of_its_own_suffix(template: Json) -> None:
    told = properties(template, "bucket")["NotificationConfiguration"]["LambdaConfigurations"]
    heard = {
        one["Function"]["Fn::GetAtt"][0]: (one["Event"], one["Filter"]["S3Key"]["Rules"])
        for one in told
    }
    assert heard == {
        "onNewThumbnail": ("s3:ObjectCreated:*", [{"Name": "suffix", "Value": ".jpg"}]),
        "onNewVideo": ("s3:ObjectCreated:*", [{"Name": "suffix", "Value": ".mp4"}]),
    }
    # S3 asks at once whether it may call, so the bucket comes last.
    assert set(template["Resources"]["bucket"]["DependsOn"]) == {
        "onNewThumbnailPermission",
        "onNewVideoPermission",
    }


def test_the_reservation_is_the_size_of_the_task(template: Json) -> None:
    task = properties(template, "ffmpegTask")
    [container] = task["ContainerDefinitions"]
    assert container["MemoryReservation"] == 512
    assert (task["Memory"], task["Cpu"]) == ("512", "256")
    assert task["RequiresCompatibilities"] == ["FARGATE"]


def test_roles_may_do_their_work_and_no_more(template: Json) -> None:
    def allowed(role: str) -> list[str]:
        [policy] = properties(template, role)["Policies"]
        found: list[str] = []
        for statement in policy["PolicyDocument"]["Statement"]:
            action = statement["Action"]
            found += [action] if isinstance(action, str) else action
        return found

    assert allowed("ffmpegTaskRole") == ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
    assert "ecs:RunTask" in allowed("onNewVideoRole")
    assert "iam:PassRole" in allowed("onNewVideoRole")
    assert "ecs:RunTask" not in allowed("onNewThumbnailRole")


def test_a_name_is_taken_once() -> None:
    import program

    with pytest.raises(ValueError, match="two resources of the name bucket"):
        program.declare().add("bucket", "AWS::S3::Bucket", {})


def test_a_task_needs_its_dockerfile() -> None:
    import cloud
    import program

    with pytest.raises(ValueError, match=r"no Dockerfile in \./nowhere"):
        cloud.Task(program.declare(), "other", build="./nowhere", memory_reservation=512)
