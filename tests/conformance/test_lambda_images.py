"""Functions of container images with real clients: images pushed here, AWS's own Python client inside."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pileus.testing.images import docker_archive, oci_layout, tar_of
from tests.conformance.commands import Commands
from tests.conformance.image_functions import (
    CONFIG,
    ENTRYPOINT,
    Images,
    handler_layer,
    images,
    python_base,
)
from tests.waiting import until

__all__ = ["images", "python_base"]


def test_create_and_invoke(images: Images) -> None:
    made = images.create("hello", "app:first", Environment={"Variables": {"COLOUR": "blue"}})
    assert made["PackageType"] == "Image" and made["CodeSize"] == 0
    assert not {"Runtime", "Handler", "Layers", "ImageConfigResponse"} & made.keys()
    told, error, log = images.invoke("hello", {"a": 1})
    assert (told, error) == ({"word": "first", "event": {"a": 1}, "version": "$LATEST"}, "")
    lines = log.splitlines()
    assert lines[0] == "init of first" and lines[1].startswith("START RequestId: ")
    assert lines[2] == "called with {'a': 1}" and "\tInit Duration: " in lines[4]
    assert "Init Duration" not in images.invoke("hello")[2]

    found = images.functions.get_function(FunctionName="hello")
    digest = made["CodeSha256"]
    assert found["Code"] == {
        "RepositoryType": "ECR",
        "ImageUri": images.uri("app:first"),
        "ResolvedImageUri": f"{images.uri('app')}@sha256:{digest}",
    }
    logs = images.platform.client("logs")
    groups = until(
        lambda: logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/hello")["logGroups"],
        "the log group",
    )
    streams = logs.describe_log_streams(logGroupName=groups[0]["logGroupName"])["logStreams"]
    assert len(streams) == 1


def test_the_address_that_a_repository_tells(images: Images) -> None:
    told = images.platform.client("ecr").describe_repositories(repositoryNames=["app"])
    uri = told["repositories"][0]["repositoryUri"]
    images.create("addressed", "", Code={"ImageUri": f"{uri}:first"})
    assert images.invoke("addressed")[0]["word"] == "first"
    found = images.functions.get_function(FunctionName="addressed")
    assert found["Code"]["ResolvedImageUri"].startswith(f"{uri}@sha256:")


def test_what_a_function_sees(images: Images) -> None:
    settings = {"Environment": {"Variables": {"COLOUR": "blue"}}, "EphemeralStorage": {"Size": 600}}
    images.create("seeing", "app:first", **settings)
    told = images.invoke("seeing", {"do": "surroundings"})[0]
    assert (told["cwd"], told["tmp"]) == ("/srv", 600)
    assert told["uid"] != 0, "USER is Lambda's own, whatever the image says"
    assert {"dev", "etc", "proc", "srv", "tmp", "usr"} <= set(told["root"])
    assert not {"run", "var", "work", "home"} & set(told["root"]), "nothing of the host"
    assert len(told["processes"]) == 2
    inside = told["environment"]
    assert (inside["COLOUR"], inside["SHAPE"]) == ("blue", "round")
    assert inside["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert (inside["_HANDLER"], inside["AWS_LAMBDA_FUNCTION_NAME"]) == ("app.handler", "seeing")
    assert "AWS_EXECUTION_ENV" not in inside
    told = images.invoke("seeing", {"do": "write"})[0]
    read_only = "Read-only file system"
    assert told == {"/tmp/x": "", "/srv/x": read_only, "/x": read_only, "/etc/x": read_only}


def test_the_platform_is_reached_with_the_roles_keys(images: Images) -> None:
    sqs = images.platform.client("sqs")
    url = sqs.create_queue(QueueName="inside")["QueueUrl"]
    images.create("calling", "app:first")
    told, error, log = images.invoke("calling", {"do": "boto3", "url": url})
    assert not error, log
    assert told == "arn:aws:sts::000000000000:assumed-role/images/calling"
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "from inside"


def test_errors_timeouts_and_memory(images: Images) -> None:
    images.create("failing", "app:first", Timeout=2)
    told, error, _ = images.invoke("failing", {"do": "raise"})
    assert (error, told["errorType"], told["errorMessage"]) == (
        "Unhandled", "ValueError", "no such luck",
    )  # fmt: skip
    told, error, log = images.invoke("failing", {"do": "hang"})
    assert (error, told["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 2.00 seconds" in told["errorMessage"]
    assert "Status: timeout" in log
    told, error, log = images.invoke("failing", {"do": "eat"})
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "signal: killed" in told["errorMessage"] and "Runtime.OutOfMemory" in log
    told, error, _ = images.invoke("failing", {"do": "exit"})
    assert told["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert images.invoke("failing")[0]["word"] == "first"


def test_settings_win_over_the_image(images: Images) -> None:
    config = {"EntryPoint": ["python3", "-m", "awslambdaric"], "Command": ["nothing.at_all"],
              "WorkingDirectory": "/usr"}  # fmt: skip
    made = images.create("settings", "app:first", ImageConfig=config)
    assert made["ImageConfigResponse"] == {"ImageConfig": config}
    told, error, _ = images.invoke("settings")
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")
    change = {"FunctionName": "settings"}
    told = images.functions.update_function_configuration(
        ImageConfig={"WorkingDirectory": "/srv"}, **change
    )
    assert told["ImageConfigResponse"] == {"ImageConfig": {"WorkingDirectory": "/srv"}}
    assert images.invoke("settings")[0]["word"] == "first"
    told = images.functions.update_function_configuration(ImageConfig={}, **change)
    assert "ImageConfigResponse" not in told


@pytest.mark.parametrize(
    ("config", "kind", "detail"),
    [
        ({"EntryPoint": ["/none"]}, "InvalidEntrypoint",
         "fork/exec /none: no such file or directory"),
        ({"EntryPoint": ["none", "-x"]}, "InvalidEntrypoint",
         'exec: "none": executable file not found in $PATH'),
        ({"EntryPoint": ["/srv/run.sh"]}, "InvalidEntrypoint",
         "fork/exec /srv/run.sh: no such file or directory"),
        ({"EntryPoint": ["/srv"]}, "InvalidEntrypoint", "fork/exec /srv: permission denied"),
        ({"WorkingDirectory": "/none"}, "InvalidWorkingDir",
         "the working directory doesn't exist: /none"),
    ],
)  # fmt: skip
def test_programs_that_cannot_start(
    images: Images, request: pytest.FixtureRequest, config: dict[str, Any], kind: str, detail: str
) -> None:
    name = f"unstartable-{request.node.callspec.indices['config']}"
    images.create(name, "app:first", ImageConfig=config)
    told, error, log = images.invoke(name)
    assert (error, told["errorType"]) == ("Unhandled", f"Runtime.{kind}")
    assert told["errorMessage"].startswith("RequestId: ")
    assert told["errorMessage"].endswith(f" Error: {detail}")
    entrypoint = ",".join(config.get("EntryPoint", ENTRYPOINT))
    folder = config.get("WorkingDirectory", "/srv")
    launch = f"IMAGE\tLaunch error: {detail}\tEntrypoint: [{entrypoint}]\tCmd: [app.handler]\t"
    assert f"{launch}WorkingDir: [{folder}]" in log
    assert f"Status: error\tError Type: Runtime.{kind}" in log


def test_new_code_and_versions_that_keep_theirs(images: Images) -> None:
    images.create("changing", "app:first", Publish=True)
    assert images.invoke("changing")[0]["word"] == "first"
    change = {"FunctionName": "changing", "ImageUri": images.uri("app:second")}
    told = images.functions.update_function_code(Publish=True, **change)
    assert told["Version"] == "2"
    assert images.invoke("changing")[0]["word"] == "second"
    assert images.invoke("changing", Qualifier="1")[0] == {
        "word": "first", "event": {}, "version": "1",
    }  # fmt: skip
    found = images.functions.get_function(FunctionName="changing", Qualifier="1")
    assert found["Code"]["ImageUri"] == images.uri("app:first")


def test_an_image_may_leave_its_repository(
    images: Images, commands: Commands, python_base: bytes, tmp_path: Path
) -> None:
    ecr = images.platform.client("ecr")
    layers = [python_base, handler_layer("gone")]
    docker_archive(tmp_path / "gone.tar", layers, "leaving:1", **CONFIG)
    commands.pileus("image", "import", str(tmp_path / "gone.tar"))
    images.create("keeping", "leaving:1")
    image = {"imageTag": "1"}
    told = ecr.batch_delete_image(repositoryName="leaving", imageIds=[image])
    assert not told["failures"]
    ecr.delete_repository(repositoryName="leaving")
    assert images.invoke("keeping")[0]["word"] == "gone"
    told = images.refused(
        "create_function", FunctionName="late", Role=images.role, PackageType="Image",
        Code={"ImageUri": images.uri("leaving:1")},
    )  # fmt: skip
    assert told.endswith(
        f"Source image {images.uri('leaving:1')} does not exist. Provide a valid source image."
    )


def test_asynchronous_calls_and_urls(images: Images) -> None:
    images.create("later", "app:first")
    sqs = images.platform.client("sqs")
    url = sqs.create_queue(QueueName="later")["QueueUrl"]
    event = json.dumps({"do": "boto3", "url": url})
    images.functions.invoke(FunctionName="later", InvocationType="Event", Payload=event)
    told = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)
    assert told["Messages"][0]["Body"] == "from inside"


def test_many_at_once(images: Images) -> None:
    images.create("many", "app:first")
    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(lambda n: images.invoke("many", {"n": n})[0], range(18)))
    assert [one["event"]["n"] for one in told] == list(range(18))


def test_refusals(images: Images, tmp_path: Path) -> None:
    given = {"FunctionName": "refused", "Role": images.role}
    image = {"PackageType": "Image", "Code": {"ImageUri": images.uri("app:first")}}
    invalid = "InvalidParameterValueException: "
    neither = (
        f"{invalid}Please don't provide Handler or Runtime or Layer when the intended function "
        "PackageType is Image."
    )
    layer = ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]
    wrong: dict[str, Any]
    for wrong in ({"Handler": "a.b"}, {"Runtime": "python3.12"}, {"Layers": layer}):
        assert images.refused("create_function", **given, **image, **wrong) == neither

    for uri, told in {
        images.uri("app:none"): "does not exist. Provide a valid source image.",
        images.uri("none:first"): "does not exist. Provide a valid source image.",
        "app:first": "is not valid. Provide a valid source image.",
        "public.ecr.aws/lambda/python:3.12": "is not valid. Provide a valid source image.",
        "No Name": "is not valid. Provide a valid source image.",
    }.items():
        wrong = {"PackageType": "Image", "Code": {"ImageUri": uri}}
        got = images.refused("create_function", **given, **wrong)
        assert got == f"{invalid}Source image {uri} {told}"

    package = {"Runtime": "python3.12", "Handler": "a.b"}
    assert images.refused("create_function", **given, **package, Code=image["Code"]) == (
        f"{invalid}Please provide a source for function code."
    )
    assert images.refused("create_function", **given, Code=image["Code"]).startswith(
        f"{invalid}Runtime and Handler are mandatory parameters"
    )
    images.create("kind", "app:first")
    for wrong in ({"Handler": "a.b"}, {"Runtime": "python3.12"}, {"Layers": layer}):
        told = images.refused("update_function_configuration", FunctionName="kind", **wrong)
        assert told == neither
    assert images.refused("update_function_code", FunctionName="kind", ZipFile=b"x") == (
        f"{invalid}Please provide ImageUri when updating a function with packageType Image."
    )


def test_an_index_of_many_machines_is_refused(images: Images, commands: Commands) -> None:
    layout = images.folder / "layout"
    oci_layout(layout, [tar_of({"x": b""})], "small:1")
    commands.pileus("image", "import", str(layout))
    raw = (layout / "index.json").read_text()
    media_type = "application/vnd.oci.image.index.v1+json"
    document = {**json.loads(raw), "mediaType": media_type}
    images.platform.client("ecr").put_image(
        repositoryName="small", imageManifest=json.dumps(document), imageTag="index"
    )
    uri = images.uri("small:index")
    told = images.refused(
        "create_function", FunctionName="index", Role=images.role, PackageType="Image",
        Code={"ImageUri": uri},
    )  # fmt: skip
    assert told == (
        "InvalidParameterValueException: The image manifest, config or layer media type for the "
        f"source image {uri} is not supported."
    )
