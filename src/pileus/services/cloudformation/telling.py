"""Records as the API tells them."""

from __future__ import annotations

from typing import Any

from pileus.services.cloudformation.model import (
    ChangeSet,
    Event,
    Stack,
    StackOutput,
    StackParameter,
    StackResource,
)
from pileus.values.times import utc


def tags_told(tags: dict[str, str]) -> list[dict[str, str]]:
    """A list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def parameters_told(parameters: list[StackParameter]) -> list[dict[str, str]]:
    """Values of NoEcho parameters as asterisks."""
    return [_parameter(each) for each in parameters]


def _parameter(parameter: StackParameter) -> dict[str, str]:
    value = "****" if parameter.no_echo else parameter.value
    told = {"ParameterKey": parameter.key, "ParameterValue": value}
    if parameter.stored is not None:
        told["ResolvedValue"] = parameter.stored
    return told


def stack_told(stack: Stack) -> dict[str, Any]:
    """A stack for DescribeStacks."""
    wanted = stack.wanted
    told: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": utc(stack.created_ms),
        "StackStatus": stack.status,
        "DisableRollback": stack.disable_rollback,
        "RollbackConfiguration": {},
        "EnableTerminationProtection": stack.is_protected,
        "NotificationARNs": wanted.notification_arns,
        "Tags": tags_told(wanted.tags),
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    optional = {
        "Capabilities": wanted.capabilities,
        "Parameters": parameters_told(wanted.parameters),
        "Outputs": [_output(each) for each in stack.outputs],
        "ChangeSetId": stack.change_set_id,
        "Description": wanted.description,
        "StackStatusReason": stack.status_reason,
        "RoleARN": wanted.role_arn,
        "TimeoutInMinutes": stack.timeout_minutes,
        "ParentId": stack.parent_id,
        "RootId": stack.root_id,
        "LastUpdatedTime": stack.updated_ms and utc(stack.updated_ms),
        "DeletionTime": stack.deleted_ms and utc(stack.deleted_ms),
    }
    return {**told, **{name: value for name, value in optional.items() if value}}


def _output(output: StackOutput) -> dict[str, str]:
    told = {"OutputKey": output.key, "OutputValue": output.value}
    if output.description:
        told["Description"] = output.description
    if output.export is not None:
        told["ExportName"] = output.export
    return told


def stack_summary(stack: Stack) -> dict[str, Any]:
    """A stack for ListStacks."""
    told: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": utc(stack.created_ms),
        "StackStatus": stack.status,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    optional = {
        "TemplateDescription": stack.wanted.description,
        "StackStatusReason": stack.status_reason,
        "ParentId": stack.parent_id,
        "RootId": stack.root_id,
        "LastUpdatedTime": stack.updated_ms and utc(stack.updated_ms),
        "DeletionTime": stack.deleted_ms and utc(stack.deleted_ms),
    }
    return {**told, **{name: value for name, value in optional.items() if value}}


def event_told(stack: Stack, event: Event) -> dict[str, Any]:
    """A stack event."""
    told = {
        "StackId": stack.id,
        "StackName": stack.name,
        "EventId": event.id,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": utc(event.at_ms),
        "ResourceStatus": event.status,
    }
    if event.reason:
        told["ResourceStatusReason"] = event.reason
    if event.client_token:
        told["ClientRequestToken"] = event.client_token
    return told


def resource_told(resource: StackResource, time_member: str) -> dict[str, Any]:
    """What every listing tells of a resource; listings call its time differently."""
    told = {
        "LogicalResourceId": resource.logical_id,
        "ResourceType": resource.type,
        time_member: utc(resource.updated_ms),
        "ResourceStatus": resource.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    if resource.physical_id:
        told["PhysicalResourceId"] = resource.physical_id
    if resource.status_reason:
        told["ResourceStatusReason"] = resource.status_reason
    return told


def change_set_summary(change_set: ChangeSet, stack: Stack) -> dict[str, Any]:
    """What ListChangeSets and DescribeChangeSet tell alike."""
    told = {
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "CreationTime": utc(change_set.created_ms),
        "IncludeNestedStacks": change_set.include_nested,
    }
    if change_set.status_reason:
        told["StatusReason"] = change_set.status_reason
    if change_set.description:
        told["Description"] = change_set.description
    return told
