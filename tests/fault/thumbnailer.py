"""The thumbnailer on a real platform: deployed as its README says, and what tests look at afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.live import PYTHON, LivePlatform
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "thumbnailer"
STACK = "thumbnailer"
CACHE = ROOT / ".cache" / "thumbnailer"
_TIMEOUT_S = 1200


def need_what_the_base_is_made_of() -> None:
    """Skip where there is no Debian to take packages from; in CI there must be one."""
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        why = f"the base image needs apt-get, dpkg-deb and root (missing: {missing})"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


def write_video(folder: Path) -> Path:
    """The app's own sample, of four seconds."""
    path = folder / "cat.mp4"
    subprocess.run([PYTHON, str(APP / "sample.py"), str(path)], check=True)
    return path


class Thumbnailer:
    """The app on one platform."""

    def __init__(self, platform: LivePlatform) -> None:
        self.platform = platform
        self.bucket = ""

    # -- deploying --------------------------------------------------------------------------

    def deploy(self, folder: Path) -> None:
        """What the README says, word for word but for paths."""
        self._run(PYTHON, str(APP / "make_base.py"), "--work", str(CACHE))
        template = folder / "thumbnailer.json"
        template.write_text(self._run(PYTHON, str(APP / "program.py")))
        self._pileus("deploy", "--template", str(template), "--stack-name", STACK)
        self._pileus("image", "build", str(APP / "docker-folder"), "-t", "ffmpegtask")
        told = self.platform.client("cloudformation").describe_stacks(StackName=STACK)
        outputs = {one["OutputKey"]: one["OutputValue"] for one in told["Stacks"][0]["Outputs"]}
        self.bucket = outputs["bucket"]

    def _pileus(self, *arguments: str) -> str:
        return self._run(PYTHON, "-m", "pileus.cli.main", *arguments)

    def _run(self, *command: str) -> str:
        more = {
            "PILEUS_IMAGE_ALIASES": "jrottenberg/ffmpeg=ffmpeg:local",
            # Steps of builds are kept from one run of the tests to the next.
            "PILEUS_CACHE_DIR": str(CACHE / "pileus"),
        }
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.platform.environment(**more),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    # -- videos and pictures ----------------------------------------------------------------

    @property
    def s3(self) -> Any:
        return self.platform.client("s3", s3={"addressing_style": "path"})

    def put(self, key: str, video: Path) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=video.read_bytes())

    def stored(self) -> set[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {one["Key"] for one in found}

    def thumbnail(self, key: str) -> bytes:
        """The thumbnail of a video, once it is there."""
        until(lambda: f"{key}.jpg" in self.stored(), f"{key}.jpg")
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=f"{key}.jpg")["Body"].read()
        return body

    # -- what happened ----------------------------------------------------------------------

    def tasks(self, key: str) -> list[dict[str, Any]]:
        """The tasks that were started for a video."""
        ecs = self.platform.client("ecs")
        # A task may stop between the two questions, and is then in both answers.
        arns = {
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster=STACK, desiredStatus=status)["taskArns"]
        }
        if not arns:
            return []
        told = ecs.describe_tasks(cluster=STACK, tasks=sorted(arns))["tasks"]
        return [task for task in told if _environment(task)["INPUT_VIDEO"] == key]

    def stopped(self, key: str) -> dict[str, Any]:
        """The one task of a video, once it has stopped."""

        def look() -> dict[str, Any] | None:
            found = self.tasks(key)
            assert len(found) <= 1, [(one["taskArn"], one["createdAt"]) for one in found]
            return found[0] if found and found[0]["lastStatus"] == "STOPPED" else None

        found = until(look, f"the end of the task for {key}")
        assert found is not None
        return found

    def output(self, task: dict[str, Any]) -> str:
        """What a task wrote to its log."""
        stream = f"ffmpegTask/ffmpegTask/{task['taskArn'].rpartition('/')[2]}"
        return "\n".join(self._messages(f"/ecs/{STACK}-ffmpegTask", logStreamNames=[stream]))

    def said(self, function: str) -> list[str]:
        """The lines that a function printed, the app's own only."""
        messages = self._messages(f"/aws/lambda/{STACK}-{function}", filterPattern='"***"')
        return [message.rstrip("\n") for message in messages]

    def _messages(self, group: str, **more: Any) -> list[str]:
        pages = self.platform.client("logs").get_paginator("filter_log_events")
        return [
            event["message"]
            for page in pages.paginate(logGroupName=group, **more)
            for event in page["events"]
        ]


def _environment(task: dict[str, Any]) -> dict[str, str]:
    [container] = task["overrides"]["containerOverrides"]
    return {one["name"]: one["value"] for one in container["environment"]}
