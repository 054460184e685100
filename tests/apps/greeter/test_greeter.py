"""apps/greeter as its README has it; this machine's Python stands for AWS's base image."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import pytest
from tests.conformance.commands import Commands
from tests.conformance.conftest import live_platform
from tests.conformance.live import LivePlatform

from pileus.testing.images import docker_archive, python_layer, tar_of

__all__ = ["live_platform"]
APP = Path(__file__).parents[3] / "apps" / "greeter"
ALIASES = {"PILEUS_IMAGE_ALIASES": "public.ecr.aws/lambda/python=lambda-python:3.12"}
BASE = {
    "Entrypoint": ["/usr/local/bin/python3", "-m", "awslambdaric"],
    "Env": ["LAMBDA_TASK_ROOT=/var/task", "PATH=/usr/local/bin"],
    "WorkingDir": "/var/task",
}


@pytest.mark.sandbox
def test_the_readme(live_platform: LivePlatform, tmp_path: Path) -> None:
    folder = tmp_path / "greeter"
    shutil.copytree(APP, folder)
    commands = Commands(live_platform, folder, tmp_path / "cache")
    layers = [python_layer("awslambdaric"), tar_of({"var/task/": b""})]
    docker_archive(tmp_path / "base.tar", layers, "lambda-python:3.12", **BASE)
    commands.pileus("image", "import", str(tmp_path / "base.tar"))

    told = commands.pileus("deploy", "--json", **ALIASES).json()
    event = json.dumps({"name": "Ada"})
    greeting = commands.pileus("invoke", "-f", "greet", "-d", event).json()
    assert greeting == {"statusCode": 200, "body": "Hello, Ada!"}
    farewell = commands.pileus("invoke", "-f", "farewell", "-d", event).json()
    assert farewell == "Goodbye, Ada."
    functions = live_platform.client("lambda")
    address = functions.get_function_url_config(FunctionName="greeter-dev-greet")["FunctionUrl"]
    assert address in told["outputs"].values()
    path = f"/_pileus/lambda-url/{address.split('//')[1].split('.')[0]}/?name=Eve"
    with urllib.request.urlopen(live_platform.endpoint + path) as answer:
        assert answer.read() == b"Hello, Eve!"

    live_platform.kill()
    live_platform.start()
    farewell = commands.pileus("invoke", "-f", "farewell", "-d", event).json()
    assert farewell == "Goodbye, Ada."

    commands.pileus("deploy", "--param", "language=fr", **ALIASES)
    greeting = commands.pileus("invoke", "-f", "greet", "-d", event).json()
    assert greeting["body"] == "Bonjour, Ada!"
    commands.pileus("remove")
