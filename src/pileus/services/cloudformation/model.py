"""Stacks, their resources, change sets and what is under way, as records."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class StackParameter(msgspec.Struct, kw_only=True):
    """A parameter as given; ``stored`` is what the parameter store held under that name."""

    key: str
    value: str
    stored: str | None = None
    no_echo: bool = False


class StackOutput(msgspec.Struct, kw_only=True):
    """An output with its value."""

    key: str
    value: str
    description: str = ""
    export: str | None = None


class Wanted(msgspec.Struct, kw_only=True):
    """What a stack is or shall become: everything that an update may change.

    Attributes:
        template: the digest under which the template's text is kept.
    """

    template: str
    description: str = ""
    parameters: list[StackParameter] = []
    capabilities: list[str] = []
    tags: dict[str, str] = {}
    notification_arns: list[str] = []
    role_arn: str = ""
    transforms: list[str] = []


class Stack(msgspec.Struct, kw_only=True):
    """A stack. Times are epoch milliseconds; 0 for what has not happened."""

    uuid: str
    id: str
    name: str
    status: str
    status_reason: str = ""
    sequence: int
    created_ms: int
    updated_ms: int = 0
    deleted_ms: int = 0
    wanted: Wanted
    outputs: list[StackOutput] = []
    disable_rollback: bool = False
    timeout_minutes: int = 0
    is_protected: bool = False
    policy: str = ""
    parent_id: str = ""
    root_id: str = ""
    change_set_id: str = ""
    retain_except_on_create: bool = False


class StackResource(msgspec.Struct, kw_only=True):
    """A resource of a stack as it stands.

    Attributes:
        properties, tags: what it was last given, by the template and from the stack.
        attempted: the properties of an update that was begun; None when the last one ended well.
        needs: logical ids of the resources it was made after.
        token: the random part of its generated name.
    """

    logical_id: str
    type: str
    status: str
    physical_id: str = ""
    status_reason: str = ""
    updated_ms: int = 0
    properties: dict[str, Any] = {}
    tags: dict[str, str] = {}
    attempted: dict[str, Any] | None = None
    attributes: dict[str, Any] = {}
    needs: list[str] = []
    token: str = ""
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    metadata: Any = None


class Event(msgspec.Struct, kw_only=True):
    """One line of a stack's history."""

    id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""
    at_ms: int
    client_token: str = ""


Action = Literal["ensure", "restore", "delete"]
StepState = Literal["pending", "started", "done", "failed", "skipped"]
Mode = Literal["", "create", "update", "replace"]


class Step(msgspec.Struct, kw_only=True):
    """One resource's part of a phase, frozen when the phase begins.

    Attributes:
        needs: indexes of the steps that must have ended well before.
        mode, properties, tags: decided when the step was started.
        target: for a delete, what is to be deleted.
        is_kept: for a delete, a policy says that the resource stays.
        is_listed: for a delete, ``target`` is the stack's present resource of that name, not one
            that was replaced.
        is_gone_after: for a delete, forget the resource afterwards (updates; otherwise it stays
            listed as deleted).
    """

    index: int
    action: Action
    logical_id: str
    needs: list[int] = []
    state: StepState = "pending"
    token: str = ""
    mode: Mode = ""
    properties: dict[str, Any] = {}
    tags: dict[str, str] = {}
    target: StackResource | None = None
    is_kept: bool = False
    is_listed: bool = True
    is_gone_after: bool = False


class Actor(msgspec.Struct):
    """The identity that a stack operation acts under."""

    arn: str
    account: str
    access_key: str = ""
    user_id: str = ""


Phase = Literal["apply", "rollback", "cleanup", "undo", "delete"]


class Operation(msgspec.Struct, kw_only=True):
    """What is under way on a stack; there is none when the stack is at rest.

    Attributes:
        phase: ``apply`` makes the resources; after a failure of a create ``undo`` deletes them, of
            an update ``rollback`` restores them; ``cleanup`` deletes what an update left over;
            ``delete`` deletes the stack.
        is_failing: a step failed or the user cancelled: nothing new begins in ``apply``.
        failed_to: logical ids that failed, by verb (create, update, delete).
        reason: why it fails, where no resource is to blame.
        before: the stack as it was, for a rollback; ``imports_before`` the exports it used.
        is_paused: the rollback failed; ContinueUpdateRollback goes on.
    """

    id: str
    kind: Literal["CREATE", "UPDATE", "DELETE"]
    phase: Phase
    actor: Actor
    endpoint: str
    client_token: str = ""
    on_failure: str = "ROLLBACK"
    is_failing: bool = False
    failed_to: dict[str, list[str]] = {}
    reason: str = ""
    before: Stack | None = None
    imports_before: list[str] = []
    retain: list[str] = []
    is_forced: bool = False
    delete_next: bool = False
    is_paused: bool = False
    retain_except_on_create: bool = False


class ChangeSet(msgspec.Struct, kw_only=True):
    """A change set; ``changes`` in wire names."""

    uuid: str
    id: str
    name: str
    stack_uuid: str
    kind: Literal["CREATE", "UPDATE"]
    status: str
    status_reason: str = ""
    execution_status: str
    description: str = ""
    created_ms: int
    wanted: Wanted
    changes: list[dict[str, Any]] = []
    on_failure: str = ""
    client_token: str = ""
    include_nested: bool = False
    imports_existing: bool = False


class Export(msgspec.Struct, kw_only=True):
    """An exported output value."""

    name: str
    stack_uuid: str
    stack_id: str
    value: str


STACK_TYPE = "AWS::CloudFormation::Stack"
UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "CREATE_FAILED",
        "UPDATE_FAILED",
    }
)
UNDELETABLE = frozenset(
    {
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    }
)
