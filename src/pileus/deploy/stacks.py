"""CloudFormation stacks as a client drives them: change sets, events as they come, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pileus.deploy.api import Api, Time
from pileus.deploy.errors import ApiError, DeployError, StackFailed
from pileus.values.times import epoch_ms

CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_FIRST_PAUSE_S = 0.05
_PAUSE_S_MAX = 1.0
_PAUSE_GROWTH = 1.3
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_CANCELLED = ("cancelled", "canceled")
_SUCCESS = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE"})


@dataclass(frozen=True, slots=True)
class ResourceProgress:
    """One event of a stack.

    Attributes:
        resource: logical id; the stack's own name for the stack itself.
        kind: resource type.
        status: ``CREATE_IN_PROGRESS`` and the like.
        at_ms: epoch milliseconds.
    """

    id: str
    resource: str
    kind: str
    physical_id: str
    status: str
    reason: str
    at_ms: int

    @property
    def is_failure(self) -> bool:
        """True for the resource that failed; not for those given up because another did."""
        is_cancelled = any(word in self.reason.lower() for word in _CANCELLED)
        return self.status.endswith("_FAILED") and not is_cancelled


Watch = Callable[[ResourceProgress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChange:
    """What a stack is to become; exactly one of ``body`` and ``url`` holds the template."""

    name: str
    body: str | None = None
    url: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    notification_arns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackOutcome:
    """How it went: ``created``, ``updated`` or ``unchanged``, and the stack's outputs."""

    what: str
    stack_id: str
    outputs: Mapping[str, str]


class Stacks:
    """Stacks of one account and region."""

    def __init__(self, api: Api, time: Time) -> None:
        self._api = api
        self._time = time

    def describe(self, name: str) -> dict[str, Any] | None:
        """The stack as DescribeStacks tells it; None when there is none."""
        try:
            found = self._api.call("cloudformation", "DescribeStacks", StackName=name)["Stacks"]
        except ApiError as error:
            if error.code == "ValidationError" and "does not exist" in error.detail:
                return None
            raise
        stack: dict[str, Any] = found[0]
        return stack

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of a stack; none when there is no stack."""
        return _outputs(self.describe(name) or {})

    def physical_id(self, name: str, logical_id: str) -> str | None:
        """The physical id of a resource; None when the stack or the resource is not there."""
        try:
            answer = self._api.call(
                "cloudformation",
                "DescribeStackResource",
                StackName=name,
                LogicalResourceId=logical_id,
            )
        except ApiError as error:
            if error.code == "ValidationError":
                return None
            raise
        found: str | None = answer["StackResourceDetail"].get("PhysicalResourceId")
        return found

    def change(self, change: StackChange, watch: Watch) -> StackOutcome:
        """Create or update a stack by a change set and wait for the end.

        Raises:
            StackFailed: it was rolled back, or could not be.
            DeployError: the template is refused, or the stack is in a state that allows no change.
        """
        before = self.describe(change.name)
        is_new = before is None or before["StackStatus"] == "REVIEW_IN_PROGRESS"
        if before is not None and not is_new:
            _check_changeable(before)
        stack_id, change_set = self._propose(change, "CREATE" if is_new else "UPDATE")
        if change_set is None:
            return StackOutcome("unchanged", stack_id, _outputs(before or {}))
        seen = {event.id for event in self._events(stack_id)}
        self._api.call("cloudformation", "ExecuteChangeSet", ChangeSetName=change_set)
        stack = self._follow(stack_id, seen, watch)
        return StackOutcome("created" if is_new else "updated", stack_id, _outputs(stack))

    def delete(self, name: str, watch: Watch) -> None:
        """Delete a stack and wait until it is gone.

        Raises:
            DeployError: there is no such stack.
            StackFailed: a resource could not be deleted.
        """
        stack = self.describe(name)
        if stack is None:
            raise DeployError(f"there is no stack {name} in account {self._api.account}")
        stack_id = stack["StackId"]
        seen = {event.id for event in self._events(stack_id)}
        self._api.call("cloudformation", "DeleteStack", StackName=stack_id)
        self._follow(stack_id, seen, watch)

    def _propose(self, change: StackChange, kind: str) -> tuple[str, str | None]:
        """The stack's id and the ready change set's, None in place of one without changes."""
        template = {"TemplateURL": change.url} if change.url else {"TemplateBody": change.body}
        answer = self._api.call(
            "cloudformation",
            "CreateChangeSet",
            StackName=change.name,
            ChangeSetName=f"pileus-{self._time.now_ms()}",
            ChangeSetType=kind,
            Capabilities=list(CAPABILITIES),
            Parameters=_pairs(change.parameters, "ParameterKey", "ParameterValue"),
            Tags=_pairs(change.tags, "Key", "Value"),
            NotificationARNs=list(change.notification_arns),
            **template,
        )
        stack_id, change_set = answer["StackId"], answer["Id"]
        described = self._settled_change_set(change_set)
        if described["Status"] == "CREATE_COMPLETE":
            return stack_id, change_set
        self._api.call("cloudformation", "DeleteChangeSet", ChangeSetName=change_set)
        reason = described.get("StatusReason", "")
        if any(words in reason for words in _NO_CHANGES):
            return stack_id, None
        if kind == "CREATE":  # nothing but an empty stack in review, which would stand in the way
            self._api.call("cloudformation", "DeleteStack", StackName=stack_id)
        raise DeployError(f"stack {change.name}: the template was refused: {reason}")

    def _settled_change_set(self, change_set: str) -> dict[str, Any]:
        pause_s = _FIRST_PAUSE_S
        while True:
            described = self._api.call(
                "cloudformation", "DescribeChangeSet", ChangeSetName=change_set
            )
            if described["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return described
            pause_s = self._pause(pause_s)

    def _follow(self, stack_id: str, seen: set[str], watch: Watch) -> dict[str, Any]:
        """Tell every new event until the stack rests; the stack. Raises StackFailed."""
        failure: ResourceProgress | None = None
        pause_s = _FIRST_PAUSE_S
        while True:
            # The stack first: an event that came before its end is then among those read.
            stack = self.describe(stack_id) or {"StackStatus": "DELETE_COMPLETE"}
            news = [event for event in self._events(stack_id) if event.id not in seen]
            for event in news:
                seen.add(event.id)
                watch(event)
                if failure is None and event.is_failure:
                    failure = event
            status: str = stack["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                break
            pause_s = _FIRST_PAUSE_S if news else pause_s
            pause_s = self._pause(pause_s)
        if status not in _SUCCESS:
            name = stack.get("StackName", stack_id)
            what = failure or _nothing(stack.get("StackStatusReason", ""))
            raise StackFailed(name, status, what.resource, what.kind, what.reason)
        return stack

    def _events(self, stack_id: str) -> list[ResourceProgress]:
        """The events so far, oldest first."""
        try:
            found = list(
                self._api.each(
                    "cloudformation", "DescribeStackEvents", "StackEvents", StackName=stack_id
                )
            )
        except ApiError as error:
            if error.code == "ValidationError" and "does not exist" in error.detail:
                return []
            raise
        return [_progress(event) for event in reversed(found)]

    def _pause(self, pause_s: float) -> float:
        self._time.sleep(pause_s)
        return min(_PAUSE_S_MAX, pause_s * _PAUSE_GROWTH)


def _check_changeable(stack: Mapping[str, Any]) -> None:
    name, status = stack["StackName"], stack["StackStatus"]
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        raise DeployError(
            f"stack {name} is in {status} and cannot be changed; remove it first (pileus remove, "
            f"or aws cloudformation delete-stack --stack-name {name})"
        )
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"stack {name} is being changed by somebody else ({status}); wait for it")


def _progress(event: Mapping[str, Any]) -> ResourceProgress:
    at: datetime = event["Timestamp"]
    return ResourceProgress(
        event["EventId"],
        event.get("LogicalResourceId", ""),
        event.get("ResourceType", ""),
        event.get("PhysicalResourceId", ""),
        event.get("ResourceStatus", ""),
        event.get("ResourceStatusReason", ""),
        epoch_ms(at),
    )


def _nothing(reason: str) -> ResourceProgress:
    return ResourceProgress("", "", "", "", "", reason, 0)


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs") or ()}


def _pairs(values: Mapping[str, str], key: str, value: str) -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in values.items()]
