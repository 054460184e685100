"""The ray tracer on one platform, with a scene small enough to be rendered again and again."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.conformance.live import PYTHON, LivePlatform
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "raytracer"
SCENES, WORK = "raytracer-scenes", "raytracer-work"
TILES = 8


def small_scene(seed: int = 1, samples: int = 2) -> bytes:
    """A scene.zip of 60 × 30 pixels in TILES tiles: the default scene, made small."""
    marbles = APP / "scenes" / "marbles"
    scene = json.loads((marbles / "scene.json").read_text())
    scene["picture"] = {"width": 60, "height": 30, "samples": samples, "tile": 15, "seed": seed}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("scene.json", json.dumps(scene))
        archive.write(marbles / "wood.png", "wood.png")
    return written.getvalue()


def rendered_alone(scene: bytes, folder: Path) -> bytes:
    """The picture of a scene as ``render.py`` makes it in one process."""
    source, target = folder / "alone.zip", folder / "alone.png"
    source.write_bytes(scene)
    command = [sys.executable, str(APP / "render.py"), str(source), str(target)]
    subprocess.run(command, check=True, timeout=1200)
    return target.read_bytes()


class Raytracer:
    """A user of the app."""

    def __init__(self, platform: LivePlatform) -> None:
        self.platform = platform

    def deploy(self, **environment: str) -> None:
        """``pileus deploy``, and every version of a picture kept for the tests to see."""
        done = subprocess.run(
            [PYTHON, "-m", "pileus.cli.main", "deploy", "--config", str(APP / "serverless.yml")],
            cwd=ROOT,
            env=self.platform.environment(**{"TASKS_AT_ONCE": "4", **environment}),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.s3.put_bucket_versioning(Bucket=SCENES, VersioningConfiguration={"Status": "Enabled"})

    @property
    def s3(self) -> Any:
        return self.platform.client("s3", s3={"addressing_style": "path"})

    def put(self, name: str, scene: bytes) -> None:
        self.s3.put_object(Bucket=SCENES, Key=name, Body=scene)

    def get(self, key: str, bucket: str = SCENES) -> bytes | None:
        """An object's bytes; None when it is not there."""
        try:
            body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404, error
            return None
        return body

    def versions(self, key: str) -> int:
        """How often an object was put."""
        found = self.s3.list_object_versions(Bucket=SCENES, Prefix=key)
        return sum(one["Key"] == key for one in found.get("Versions", ()))

    def picture(self, name: str, timeout_s: float = 120.0) -> bytes:
        """A scene's picture, once it is there."""

        def look() -> bytes | None:
            report = self.get(name.replace(".zip", ".error.json"))
            assert report is None, report
            return self.get(name.replace(".zip", ".png"))

        found: bytes = until(look, f"the picture of {name}", timeout_s)
        return found

    def report(self, name: str) -> dict[str, Any]:
        """Why a scene has no picture, once it is told."""
        key = name.replace(".zip", ".error.json")
        found: dict[str, Any] = json.loads(until(lambda: self.get(key), key))
        return found

    def render_of(self, name: str) -> str:
        """The id of a scene's newest render, once it has begun."""

        def look() -> str | None:
            item = self.platform.client("dynamodb").get_item(
                TableName="raytracer-renders", Key={"record": {"S": f"scene#{name}"}}
            )
            return str(item["Item"]["render"]["S"]) if "Item" in item else None

        return str(until(look, f"the render of {name}"))

    def files(self, name: str, suffix: str) -> list[str]:
        """Names of the render's files in the work bucket."""
        prefix = f"renders/{self.render_of(name)}/"
        found = self.s3.list_objects_v2(Bucket=WORK, Prefix=prefix).get("Contents", ())
        return sorted(
            one["Key"].removeprefix(prefix) for one in found if one["Key"].endswith(suffix)
        )

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """All tasks of a scene's newest render, in whatever state."""
        ecs = self.platform.client("ecs")
        given = {"cluster": "raytracer", "startedBy": self.render_of(name)}
        arns = []
        for status in ("RUNNING", "STOPPED"):
            arns += ecs.list_tasks(desiredStatus=status, **given)["taskArns"]
        if not arns:
            return []
        return list(ecs.describe_tasks(cluster="raytracer", tasks=arns)["tasks"])

    def attempts(self, name: str) -> dict[int, list[int]]:
        """The numbers of the attempts at each tile."""
        found: dict[int, list[int]] = {}
        for task in self.tasks(name):
            (container,) = task["overrides"]["containerOverrides"]
            given = {one["name"]: one["value"] for one in container["environment"]}
            found.setdefault(int(given["TILE"]), []).append(int(given["ATTEMPT"]))
        return {tile: sorted(numbers) for tile, numbers in sorted(found.items())}

    def send_step(self, step: dict[str, Any]) -> None:
        """Put a message into the queue of steps."""
        sqs = self.platform.client("sqs")
        url = sqs.get_queue_url(QueueName="raytracer-steps")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(step, default=str))

    def has_rested(self) -> bool:
        """Whether no step waits or is being taken."""
        sqs = self.platform.client("sqs")
        url = sqs.get_queue_url(QueueName="raytracer-steps")["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all(found[name] == "0" for name in names)

    def kill(self) -> None:
        """``kill -9`` of the platform, and its start."""
        self.platform.kill()
        self.platform.start()
