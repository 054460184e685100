"""Functions of container images by CloudFormation, serverless.yml and osls, and after a power cut."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from pileus.testing.images import docker_archive
from tests.conformance.commands import Commands
from tests.conformance.image_functions import (
    CONFIG,
    Images,
    handler_layer,
    images,
    python_base,
)
from tests.conformance.live import LivePlatform
from tests.conformance.osls import osls_program

__all__ = ["images", "python_base"]


def test_a_stack_with_a_function_of_an_image(images: Images) -> None:
    stacks = images.platform.client("cloudformation")

    def template(tag: str, **more: Any) -> str:
        properties = {"PackageType": "Image", "Role": images.role, "Timeout": 20,
                      "Code": {"ImageUri": images.uri(f"app:{tag}")}, **more}  # fmt: skip
        function = {"Type": "AWS::Lambda::Function", "Properties": properties}
        return json.dumps({"Resources": {"F": function}, "Outputs": {"N": {"Value": {"Ref": "F"}}}})

    config = {"WorkingDirectory": "/srv"}
    stacks.create_stack(StackName="s", TemplateBody=template("first", ImageConfig=config))
    stacks.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    stack = stacks.describe_stacks(StackName="s")["Stacks"][0]
    name = stack["Outputs"][0]["OutputValue"]
    assert images.invoke(name)[0]["word"] == "first"
    found = images.functions.get_function_configuration(FunctionName=name)
    assert found["ImageConfigResponse"] == {"ImageConfig": config}
    stacks.update_stack(StackName="s", TemplateBody=template("second"))
    stacks.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert images.invoke(name)[0]["word"] == "second"
    found = images.functions.get_function_configuration(FunctionName=name)
    assert "ImageConfigResponse" not in found


SERVICE = """
service: shop
provider:
  name: aws
  runtime: python3.12
  ecr:
    images:
      own:
        path: own
        file: Dockerfile.own
        buildArgs: {WORD: bought}
functions:
  own: {image: {name: own}, timeout: 20}
  told: {image: {name: own, command: [app.other]}, timeout: 20}
  pushed: {image: "000000000000.dkr.ecr.us-east-1.amazonaws.com/app:first", timeout: 20}
"""
DOCKERFILE = """
FROM app:first
ARG WORD
ENV WORD=$WORD
COPY app.py /srv/
RUN ["/usr/local/bin/python3", "-m", "py_compile", "/srv/app.py"]
"""
BUILT = """
import os


def handler(event, context):
    return os.environ["WORD"]


def other(event, context):
    return "other"
"""


@pytest.mark.sandbox
def test_a_service_whose_image_is_built(images: Images, commands: Commands) -> None:
    commands.write(serverless__yml=SERVICE, own___Dockerfile__own=DOCKERFILE, own___app__py=BUILT)
    told = commands.pileus("deploy", "--json").json()
    assert told["functions"]["own"] == "shop-dev-own"
    words = {name: images.invoke(full)[0] for name, full in told["functions"].items()}
    assert (words["own"], words["told"], words["pushed"]["word"]) == ("bought", "other", "first")
    found = images.functions.get_function(FunctionName="shop-dev-own", Qualifier="1")
    address = images.uri("serverless-shop-dev")
    digest = found["Configuration"]["CodeSha256"]
    assert found["Code"]["ImageUri"] == f"{address}@sha256:{digest}"
    assert commands.pileus("deploy", "--json").json()["what"] == "unchanged"

    changed = SERVICE.replace("bought", "sold")
    commands.write(serverless__yml=changed)
    assert commands.pileus("deploy", "--json").json()["what"] == "updated"
    assert images.invoke("shop-dev-own")[0] == "sold"
    assert images.invoke("shop-dev-own", Qualifier="1")[0] == "bought"
    commands.pileus("remove")
    repositories = images.platform.client("ecr").describe_repositories()["repositories"]
    assert "serverless-shop-dev" not in [one["repositoryName"] for one in repositories]


OSLS_SERVICE = """
service: shelf
provider: {name: aws}
functions:
  first:
    image:
      uri: 000000000000.dkr.ecr.us-east-1.amazonaws.com/app:first
      command: [app.handler]
      workingDirectory: /srv
    timeout: 20
"""


@pytest.mark.slow
def test_the_serverless_frameworks_fork_deploys_an_image(
    images: Images, commands: Commands
) -> None:
    program = osls_program()
    commands.write(serverless__yml=OSLS_SERVICE)
    done = commands.run(program, "deploy")
    assert done.status == 0, done.out + done.err
    found = images.functions.get_function(FunctionName="shelf-dev-first")
    digest = found["Configuration"]["CodeSha256"]
    assert found["Code"]["ImageUri"] == f"{images.uri('app')}@sha256:{digest}"
    told = found["Configuration"]["ImageConfigResponse"]["ImageConfig"]
    assert told == {"Command": ["app.handler"], "WorkingDirectory": "/srv"}
    assert images.invoke("shelf-dev-first")[0]["word"] == "first"
    done = commands.run(program, "remove")
    assert done.status == 0, done.out + done.err


def test_a_platform_killed_with_calls_in_flight(
    make_platform: Callable[..., LivePlatform], python_base: bytes, tmp_path: Path
) -> None:
    platform = make_platform()
    commands = Commands(platform, tmp_path, tmp_path / "cache")
    docker_archive(tmp_path / "a.tar", [python_base, handler_layer("kept")], "app:first", **CONFIG)
    commands.pileus("image", "import", str(tmp_path / "a.tar"))
    images = Images(platform, tmp_path)
    images.create("f", "app:first")
    assert images.invoke("f")[0]["word"] == "kept"
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(images.invoke, "f", {"do": "sleep", "s": 30})
        time.sleep(0.3)
        platform.kill()
        with pytest.raises(BotoCoreError):
            call.result(10)
    platform.start()
    images = Images(platform, tmp_path)
    told, error, _ = images.invoke("f")
    assert (told["word"], error) == ("kept", "")
