"""A user with images in a platform's registry, whose functions run them: what several modules share."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pileus.testing.images import docker_archive, python_layer, tar_of
from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform

HANDLER = """
import os, time

WORD = "first"
print("init of", WORD)


def handler(event, context):
    what = event.get("do")
    if what == "raise":
        raise ValueError("no such luck")
    if what == "hang":
        time.sleep(3600)
    if what == "eat":
        eaten = bytearray(400 << 20)
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(event["s"])
        return "slept"
    if what == "write":
        told = {}
        for path in ("/tmp/x", "/srv/x", "/x", "/etc/x"):
            try:
                open(path, "w").close()
                told[path] = ""
            except OSError as error:
                told[path] = error.strerror
        return told
    if what == "boto3":
        import boto3
        boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody="from inside")
        return boto3.client("sts").get_caller_identity()["Arn"]
    if what == "surroundings":
        return {
            "cwd": os.getcwd(), "uid": os.getuid(), "root": sorted(os.listdir("/")),
            "tmp": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize >> 20,
            "environment": dict(os.environ), "processes": [p for p in os.listdir("/proc") if p.isdigit()],
        }
    print("called with", event)
    return {"word": WORD, "event": event, "version": context.function_version}
"""
ENTRYPOINT = ["/usr/local/bin/python3", "-m", "awslambdaric"]
CONFIG = {"Entrypoint": ENTRYPOINT, "Cmd": ["app.handler"], "WorkingDir": "/srv", "User": "root",
          "Env": ["COLOUR=red", "SHAPE=round"]}  # fmt: skip


def is_of_other_services(name: str) -> bool:
    steps = name.split("/")
    return steps[:2] == ["botocore", "data"] and len(steps) > 3 and steps[2] not in ("sqs", "sts")


def handler_layer(word: str) -> bytes:
    source = HANDLER.replace('"first"', f'"{word}"')
    users = b"root:x:0:0::/root:/bin/sh\n"
    files = {"srv/app.py": source.encode(), "srv/run.sh": b"#!/nowhere\n", "etc/passwd": users}
    return tar_of(files)


class Images:
    """A user of one live platform who has images in its registry."""

    def __init__(self, platform: LivePlatform, folder: Path) -> None:
        self.platform = platform
        self.folder = folder
        self.functions = platform.client("lambda", read_timeout=120)
        self.role = platform.add_role("images")

    def uri(self, name: str) -> str:
        return f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}"

    def create(self, name: str, image: str, **more: Any) -> dict[str, Any]:
        given = {"FunctionName": name, "Role": self.role, "PackageType": "Image",
                 "Code": {"ImageUri": self.uri(image)}, "Timeout": 20, "MemorySize": 256}  # fmt: skip
        return dict(self.functions.create_function(**given | more))

    def invoke(self, name: str, event: object = None, **more: Any) -> tuple[Any, str, str]:
        """Payload, error and the log's tail."""
        payload = json.dumps(event or {})
        told = self.functions.invoke(FunctionName=name, Payload=payload, LogType="Tail", **more)
        log = base64.b64decode(told["LogResult"]).decode()
        return json.loads(told["Payload"].read()), told.get("FunctionError", ""), log

    def refused(self, name: str, **given: Any) -> str:
        with pytest.raises(ClientError) as refused:
            getattr(self.functions, name)(**given)
        error = refused.value.response["Error"]
        return f"{error['Code']}: {error['Message']}"


@pytest.fixture(scope="session")
def python_base() -> bytes:
    return python_layer("awslambdaric", "boto3", leaves_out=is_of_other_services)


@pytest.fixture(scope="module")
def images(
    live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory, python_base: bytes
) -> Iterator[Images]:
    folder = tmp_path_factory.mktemp("images")
    commands = Commands(live_platform, folder, folder / "cache")
    for word in ("first", "second"):
        docker_archive(
            folder / f"{word}.tar", [python_base, handler_layer(word)], f"app:{word}", **CONFIG
        )
        commands.pileus("image", "import", str(folder / f"{word}.tar"))
    yield Images(live_platform, folder)
