"""A stand-in for the platform's APIs: the few operations deploying needs, in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pileus.deploy.api import Api, Time
from pileus.deploy.errors import ApiError
from pileus.deploy.stacks import ResourceProgress
from pileus.languages.serverless.build import BUCKET_ID


class FakeClock:
    """Time that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at_ms = 1_700_000_000_000

    def time(self) -> Time:
        return Time(lambda: self.at_ms, self._sleep)

    def _sleep(self, duration_s: float) -> None:
        self.at_ms += int(duration_s * 1000)


class CollectedProgress:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.warnings: list[str] = []
        self.events: list[ResourceProgress] = []

    def step(self, what: str) -> None:
        self.steps.append(what)

    def detail(self, what: str) -> None:
        pass

    def warn(self, what: str) -> None:
        self.warnings.append(what)

    def resource(self, event: ResourceProgress) -> None:
        self.events.append(event)


class FakeApi(Api):
    """CloudFormation that applies every template at once, S3 in a dict, parameters.

    Attributes:
        failing: logical ids whose creation fails.
    """

    def __init__(
        self,
        account: str = "000000000000",
        region: str = "us-east-1",
        shared: FakeApi | None = None,
    ) -> None:
        super().__init__("http://platform", account, region)
        self._places: dict[tuple[str, str], FakeApi] = shared._places if shared else {}
        self._places[account, region] = self
        self.objects: dict[tuple[str, str], bytes] = shared.objects if shared else {}
        self.parameters: dict[str, dict[str, str]] = shared.parameters if shared else {}
        self.stacks: dict[str, dict[str, Any]] = {}
        self.failing: dict[str, str] = {}
        self.refused = ""
        self.calls: list[str] = []
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._proposed: dict[str, Any] = {}

    def of_account(self, account: str, region: str | None = None) -> FakeApi:
        place = (account, region or self.region)
        return self._places.get(place) or FakeApi(*place, self)

    def call(self, service: str, operation: str, **input: Any) -> dict[str, Any]:
        self.calls.append(operation)
        answer: dict[str, Any] = getattr(self, f"_{operation}")(**input)
        return answer

    def each(self, service: str, operation: str, member: str, **input: Any) -> Iterator[Any]:
        yield from self.call(service, operation, **input)[member]

    # -- s3 ---------------------------------------------------------------------------------

    def _PutObject(self, Bucket: str, Key: str, Body: Any) -> dict[str, Any]:
        self.objects[Bucket, Key] = Body if isinstance(Body, bytes) else Body.read()
        return {}

    def _GetObject(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def _HeadObject(self, Bucket: str, Key: str) -> dict[str, Any]:
        if (Bucket, Key) not in self.objects:
            raise ApiError("s3", "HeadObject", "404", "Not Found")
        return {}

    def _GetBucketVersioning(self, Bucket: str) -> dict[str, Any]:
        return {}

    def _ListObjectsV2(self, Bucket: str, Prefix: str = "") -> dict[str, Any]:
        keys = [key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix)]
        return {"Contents": [{"Key": key} for key in keys]}

    def _DeleteObjects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        for one in Delete["Objects"]:
            del self.objects[Bucket, one["Key"]]
        return {}

    # -- ssm --------------------------------------------------------------------------------

    def _PutParameter(self, Name: str, Description: str, **_: Any) -> dict[str, Any]:
        self.parameters[Name] = {"Name": Name, "Description": Description}
        return {}

    def _GetParametersByPath(self, Path: str) -> dict[str, Any]:
        return {"Parameters": [{"Name": name} for name in self.parameters if name.startswith(Path)]}

    def _DescribeParameters(self, ParameterFilters: list[dict[str, Any]]) -> dict[str, Any]:
        names = ParameterFilters[0]["Values"]
        return {"Parameters": [self.parameters[name] for name in names if name in self.parameters]}

    def _DeleteParameter(self, Name: str) -> dict[str, Any]:
        if self.parameters.pop(Name, None) is None:
            raise ApiError("ssm", "DeleteParameter", "ParameterNotFound", "")
        return {}

    # -- cloudformation ---------------------------------------------------------------------

    def _DescribeStacks(self, StackName: str = "") -> dict[str, Any]:
        if not StackName:
            return {"Stacks": list(self.stacks.values())}
        name = StackName.removeprefix("id-")
        if name not in self.stacks:
            message = f"Stack with id {StackName} does not exist"
            raise ApiError("cloudformation", "DescribeStacks", "ValidationError", message)
        return {"Stacks": [self.stacks[name]]}

    def _CreateChangeSet(self, StackName: str, **input: Any) -> dict[str, Any]:
        text = input.get("TemplateBody")
        if text is None:
            bucket, _, key = input["TemplateURL"].removeprefix("http://platform/").partition("/")
            text = self.objects[bucket, key].decode()
        self._proposed = {"name": StackName, "template": json.loads(text)}
        return {"StackId": f"id-{StackName}", "Id": f"change-{StackName}"}

    def _DescribeChangeSet(self, ChangeSetName: str) -> dict[str, Any]:
        if self.refused:
            return {"Status": "FAILED", "StatusReason": self.refused}
        present = self.stacks.get(self._proposed["name"], {}).get("template")
        if present == self._proposed["template"]:
            reason = "The submitted information didn't contain changes."
            return {"Status": "FAILED", "StatusReason": reason}
        return {"Status": "CREATE_COMPLETE"}

    def _DeleteChangeSet(self, ChangeSetName: str) -> dict[str, Any]:
        return {}

    def _ExecuteChangeSet(self, ChangeSetName: str) -> dict[str, Any]:
        name, template = self._proposed["name"], self._proposed["template"]
        before = self.stacks.get(name, {}).get("template", {"Resources": {}})["Resources"]
        verb = "UPDATE" if before else "CREATE"
        failed = False
        for logical_id, body in template["Resources"].items():
            if before.get(logical_id) == body:
                continue
            reason = self.failing.get(logical_id, "")
            failed = failed or bool(reason)
            state = f"{verb}_FAILED" if reason else f"{verb}_COMPLETE"
            self._note(name, logical_id, body["Type"], state, reason)
        final = f"{verb}_COMPLETE" if not failed else f"{verb}_ROLLBACK_COMPLETE"
        self.stacks[name] = {
            "StackName": name,
            "StackId": f"id-{name}",
            "StackStatus": final.replace("CREATE_ROLLBACK", "ROLLBACK"),
            "Outputs": [],
            "template": template,
        }
        return {}

    def _note(self, stack: str, resource: str, kind: str, status: str, reason: str) -> None:
        events = self._events.setdefault(f"id-{stack}", [])
        events.insert(
            0,
            {
                "EventId": f"{stack}-{len(events)}",
                "LogicalResourceId": resource,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": datetime.fromtimestamp(len(events), UTC),
            },
        )

    def _DescribeStackEvents(self, StackName: str) -> dict[str, Any]:
        return {"StackEvents": list(self._events.get(StackName, ()))}

    def _DescribeStackResource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        self._DescribeStacks(StackName)
        return {"StackResourceDetail": {"PhysicalResourceId": _physical(LogicalResourceId)}}

    def _ListStackResources(self, StackName: str) -> dict[str, Any]:
        resources = self.stacks[StackName]["template"]["Resources"]
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": logical_id,
                    "PhysicalResourceId": _physical(logical_id),
                    "ResourceType": body["Type"],
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for logical_id, body in resources.items()
            ]
        }

    def _DeleteStack(self, StackName: str) -> dict[str, Any]:
        self.stacks.pop(StackName.removeprefix("id-"), None)
        return {}


def _physical(logical_id: str) -> str:
    return "deployment-bucket" if logical_id == BUCKET_ID else logical_id.lower()


def write_service(folder: Path, more: str = "", **files: str) -> Path:
    """A service ``shop`` with function ``hello``; dots of file names are spelled ``__``."""
    (folder / "serverless.yml").write_text(
        "service: shop\nprovider: {name: aws, runtime: python3.11}\n"
        "functions: {hello: {handler: handler.hello}}\n" + more
    )
    (folder / "handler.py").write_text("def hello(event, context):\n    return event\n")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder / "serverless.yml"
