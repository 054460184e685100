"""Taking a deployed service away again."""

from __future__ import annotations

from pileus.deploy.api import Api, Time
from pileus.deploy.buckets import empty
from pileus.deploy.progress import Progress
from pileus.deploy.stacks import Stacks
from pileus.languages.serverless.build import BUCKET_ID

_BUCKET = "AWS::S3::Bucket"


def remove_stack(
    api: Api, time: Time, stack: str, progress: Progress, *, with_contents: bool = False
) -> None:
    """Empty the deployment bucket and delete the stack.

    Args:
        with_contents: empty the stack's other buckets too; otherwise one that holds objects
            keeps the stack from being deleted, as on AWS.

    Raises:
        DeployError: there is no such stack.
        StackFailed: something could not be deleted.
    """
    stacks = Stacks(api, time)
    if stacks.describe(stack) is not None:
        for logical_id, bucket in _buckets(api, stack):
            if logical_id == BUCKET_ID or with_contents:
                progress.step(f"Emptying {bucket}")
                progress.detail(f"{empty(api, bucket)} objects deleted")
    progress.step(f"Deleting stack {stack}")
    stacks.delete(stack, progress.resource)


def _buckets(api: Api, stack: str) -> list[tuple[str, str]]:
    """Logical and physical names of the stack's buckets."""
    return [
        (one["LogicalResourceId"], one["PhysicalResourceId"])
        for one in api.each(
            "cloudformation", "ListStackResources", "StackResourceSummaries", StackName=stack
        )
        if one["ResourceType"] == _BUCKET
        and one.get("PhysicalResourceId")
        and not one["ResourceStatus"].startswith("DELETE_COMPLETE")
    ]
