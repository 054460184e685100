"""Change sets tell what would happen, and do it when asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.cloudformation.test_stacks import (
    BASIC,
    deploy,
    described,
    parameter,
    physical_ids,
    queue,
    queues,
    update,
)

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


async def propose(
    platform: MemoryPlatform, template: dict[str, Any], kind: str = "UPDATE", **more: Any
) -> dict[str, Any]:
    """CreateChangeSet, and the change set."""
    given = {"StackName": "app", "ChangeSetName": "one", "ChangeSetType": kind, **more}
    body = json.dumps(template)
    made = await platform("cloudformation", "CreateChangeSet", TemplateBody=body, **given)
    return await platform("cloudformation", "DescribeChangeSet", ChangeSetName=made["Id"])


async def execute(platform: MemoryPlatform) -> dict[str, Any]:
    await platform("cloudformation", "ExecuteChangeSet", StackName="app", ChangeSetName="one")
    return await described(platform)


def told(change_set: dict[str, Any]) -> dict[str, dict[str, Any]]:
    changes = [each["ResourceChange"] for each in change_set["Changes"]]
    return {each["LogicalResourceId"]: each for each in changes}


async def test_create_by_change_set(memory_platform: MemoryPlatform) -> None:
    change_set = await propose(memory_platform, BASIC, "CREATE")
    assert change_set["Status"] == "CREATE_COMPLETE"
    assert change_set["ExecutionStatus"] == "AVAILABLE"
    assert {each["Action"] for each in told(change_set).values()} == {"Add"}
    stack = await described(memory_platform)
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert await queues(memory_platform) == set()
    stack = await execute(memory_platform)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["ChangeSetId"] == change_set["ChangeSetId"]
    with pytest.raises(ServiceError, match=r"current execution status of \[EXECUTE_COMPLETE\]"):
        await execute(memory_platform)


async def test_overtaken_by_an_update(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, {"Resources": {"A": queue()}})
    await propose(memory_platform, {"Resources": {"A": queue(), "B": queue()}})
    await update(memory_platform, {"Resources": {"A": queue(), "C": queue()}})
    with pytest.raises(ServiceError, match=r"current execution status of \[OBSOLETE\]"):
        await execute(memory_platform)


async def test_what_would_change(memory_platform: MemoryPlatform) -> None:
    first = {
        "Kept": queue(VisibilityTimeout=30),
        "Moved": queue(QueueName="old"),
        "Gone": queue(),
        "Told": parameter({"Ref": "Moved"}),
        "Same": queue(),
    }
    await deploy(memory_platform, {"Resources": first})
    second = {
        **first,
        "Kept": queue(VisibilityTimeout=60),
        "Moved": queue(QueueName="new"),
        "Added": queue(),
    }
    del second["Gone"]
    changes = told(await propose(memory_platform, {"Resources": second}))
    assert {name: each["Action"] for name, each in changes.items()} == {
        "Kept": "Modify", "Moved": "Modify", "Told": "Modify", "Added": "Add", "Gone": "Remove",
    }  # fmt: skip
    assert changes["Kept"]["Replacement"] == "False"
    assert changes["Moved"]["Replacement"] == "True"
    assert changes["Moved"]["PolicyAction"] == "ReplaceAndDelete"
    assert changes["Kept"]["Details"] == [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": "VisibilityTimeout",
                "RequiresRecreation": "Never",
            },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    assert changes["Told"]["Details"][0]["Evaluation"] == "Dynamic"
    before = await physical_ids(memory_platform)
    assert (await execute(memory_platform))["StackStatus"] == "UPDATE_COMPLETE"
    assert (await physical_ids(memory_platform))["Same"] == before["Same"]


async def test_no_changes(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC)
    change_set = await propose(memory_platform, BASIC)
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert change_set["StatusReason"] == (
        "The submitted information didn't contain changes. Submit different information to create "
        "a change set."
    )
    with pytest.raises(ServiceError, match="InvalidChangeSetStatus"):
        await execute(memory_platform)


async def test_tags_alone_are_a_change(memory_platform: MemoryPlatform) -> None:
    await deploy(memory_platform, BASIC)
    change_set = await propose(memory_platform, BASIC, Tags=[{"Key": "team", "Value": "b"}])
    assert told(change_set)["Queue"]["Scope"] == ["Tags"]
    assert "Subscription" not in told(change_set)
    stack = await execute(memory_platform)
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    url = (await physical_ids(memory_platform))["Queue"]
    assert (await memory_platform("sqs", "ListQueueTags", QueueUrl=url))["Tags"] == {"team": "b"}


async def test_previous_template_and_values(memory_platform: MemoryPlatform) -> None:
    given = [{"ParameterKey": "Stage", "ParameterValue": "prod"}]
    await deploy(memory_platform, BASIC, Parameters=given)
    previous = [{"ParameterKey": "Stage", "UsePreviousValue": True}]
    with pytest.raises(ServiceError, match="No updates are to be performed"):
        await memory_platform(
            "cloudformation", "UpdateStack", StackName="app", UsePreviousTemplate=True,
            Parameters=previous,
        )  # fmt: skip
    await memory_platform(
        "cloudformation", "UpdateStack", StackName="app", UsePreviousTemplate=True
    )
    await described(memory_platform)
    assert await queues(memory_platform) == {"dev-jobs"}


async def test_listed_and_deleted(memory_platform: MemoryPlatform) -> None:
    await propose(memory_platform, BASIC, "CREATE")
    listed = await memory_platform("cloudformation", "ListChangeSets", StackName="app")
    assert [each["ChangeSetName"] for each in listed["Summaries"]] == ["one"]
    where = {"StackName": "app", "ChangeSetName": "one"}
    await memory_platform("cloudformation", "DeleteChangeSet", **where)
    await memory_platform("cloudformation", "DeleteChangeSet", **where)
    with pytest.raises(ServiceError, match=r"ChangeSetNotFound: ChangeSet \[one\] does not exist"):
        await memory_platform("cloudformation", "DescribeChangeSet", **where)
    stack = await described(memory_platform)
    await memory_platform("cloudformation", "DeleteStack", StackName="app")
    gone = await described(memory_platform, stack["StackId"])
    assert gone["StackStatus"] == "DELETE_COMPLETE"


async def test_refused(memory_platform: MemoryPlatform) -> None:
    with pytest.raises(ServiceError, match=r"Stack \[app\] does not exist"):
        await propose(memory_platform, BASIC)
    with pytest.raises(ServiceError, match="IMPORT"):
        await propose(memory_platform, BASIC, "IMPORT")
    await deploy(memory_platform, BASIC)
    with pytest.raises(ServiceError, match="already exists and cannot be created again"):
        await propose(memory_platform, BASIC, "CREATE")
