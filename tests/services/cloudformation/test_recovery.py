"""Stacks that failed half-way are brought to an end: continued, updated again or deleted."""

from __future__ import annotations

from typing import Any

import pytest
from tests.services.cloudformation.test_own_types import answered, asked, custom, maker
from tests.services.cloudformation.test_stacks import (
    deploy,
    described,
    history,
    parameter,
    physical_ids,
    queue,
    queues,
    update,
)

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

__all__ = ["maker"]
BAD = queue(VisibilityTimeout=10**6)


async def _stuck(platform: MemoryPlatform, maker: str) -> None:
    """A stack whose rollback failed: a queue that must be restored has gone meanwhile."""
    await deploy(platform, {"Resources": {"Q": queue(VisibilityTimeout=30)}})
    await update(platform, {"Resources": {"Q": queue(VisibilityTimeout=60), "Thing": custom()}})
    request = await asked(platform, maker)
    url = (await physical_ids(platform))["Q"]
    await platform("sqs", "DeleteQueue", QueueUrl=url)
    await answered(platform, request, Status="FAILED", Reason="no")
    stack = await described(platform)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to update: [Q]. "


async def test_rollback_continues_without_a_resource(
    memory_platform: MemoryPlatform, maker: str
) -> None:
    await _stuck(memory_platform, maker)
    with pytest.raises(ServiceError, match="is in UPDATE_ROLLBACK_FAILED state and can not be"):
        await update(memory_platform, {"Resources": {"Q": queue()}})
    restarted = await memory_platform.restart()
    await restarted("cloudformation", "ContinueUpdateRollback", StackName="app")
    assert (await described(restarted))["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    await restarted(
        "cloudformation", "ContinueUpdateRollback", StackName="app", ResourcesToSkip=["Q"]
    )
    await answered(restarted, await asked(restarted, maker))
    stack = await described(restarted)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert set(await physical_ids(restarted)) == {"Q"}
    await restarted.crash()


async def test_stuck_stack_can_be_deleted(memory_platform: MemoryPlatform, maker: str) -> None:
    await _stuck(memory_platform, maker)
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    await answered(memory_platform, await asked(memory_platform, maker))
    with pytest.raises(ServiceError, match="does not exist"):
        await described(memory_platform)
    assert await queues(memory_platform) == {"asked"}


async def test_failed_update_is_left_and_mended(memory_platform: MemoryPlatform) -> None:
    first: dict[str, Any] = {"A": queue(VisibilityTimeout=30)}
    await deploy(memory_platform, {"Resources": first})
    second = {"A": queue(VisibilityTimeout=60), "B": {**BAD, "DependsOn": "A"}}
    stack = await update(memory_platform, {"Resources": second}, DisableRollback=True)
    assert stack["StackStatus"] == "UPDATE_FAILED"
    second["B"] = queue(VisibilityTimeout=10)
    stack = await update(memory_platform, {"Resources": second})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert len(await queues(memory_platform)) == 2


async def test_failed_create_is_left_and_mended(memory_platform: MemoryPlatform) -> None:
    resources = {"A": queue(), "B": {**BAD, "DependsOn": "A"}, "C": parameter({"Ref": "B"})}
    stack = await deploy(memory_platform, {"Resources": resources}, DisableRollback=True)
    assert stack["StackStatus"] == "CREATE_FAILED"
    a = (await physical_ids(memory_platform))["A"]
    resources["B"] = queue()
    stack = await update(memory_platform, {"Resources": resources})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert (await physical_ids(memory_platform))["A"] == a
    assert len(await queues(memory_platform)) == 2


async def test_failed_delete_is_tried_again(memory_platform: MemoryPlatform, maker: str) -> None:
    await deploy(memory_platform, {"Resources": {"Thing": custom(), "Q": queue()}})
    await answered(memory_platform, await asked(memory_platform, maker))
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    await answered(memory_platform, await asked(memory_platform, maker), Status="FAILED")
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Thing]. "
    assert await queues(memory_platform) == {"asked"}
    await memory_platform(
        "cloudformation", "DeleteStack", StackName="app", RetainResources=["Thing"]
    )
    gone = await described(memory_platform, stack["StackId"])
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert ("Thing", "DELETE_SKIPPED") in await history(memory_platform, stack["StackId"])


async def test_what_is_gone_already_counts_as_deleted(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, {"Resources": {"Q": queue(), "P": parameter("1", Name="/p")}})
    url = (await physical_ids(memory_platform))["Q"]
    await memory_platform("sqs", "DeleteQueue", QueueUrl=url)
    await memory_platform("ssm", "DeleteParameter", Name="/p")
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    with pytest.raises(ServiceError, match="does not exist"):
        await described(memory_platform)


async def test_cleanup_that_fails_is_told(memory_platform: MemoryPlatform, maker: str) -> None:
    await deploy(memory_platform, {"Resources": {"Thing": custom(), "Q": queue()}})
    await answered(memory_platform, await asked(memory_platform, maker))
    await update(memory_platform, {"Resources": {"Q": queue()}})
    await answered(memory_platform, await asked(memory_platform, maker), Status="FAILED")
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stack["StackStatusReason"] == (
        "Update successful. One or more resources could not be deleted."
    )
    assert set(await physical_ids(memory_platform)) == {"Q"}


async def test_retain_except_on_create(memory_platform: MemoryPlatform) -> None:
    resources = {
        "Kept": {**queue(QueueName="kept"), "DeletionPolicy": "Retain"},
        "Gone": {**queue(QueueName="gone"), "DeletionPolicy": "RetainExceptOnCreate"},
        "Bad": {**BAD, "DependsOn": ["Kept", "Gone"]},
    }
    stack = await deploy(memory_platform, {"Resources": resources})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert await queues(memory_platform) == {"kept"}
