"""Repository policies (kept) and lifecycle policies (applied)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.ecr import errors, lifecycle, shapes, store
from pileus.services.ecr.hooks import EVALUATE_EVERY_MS
from pileus.services.ecr.limits import LIMITS
from pileus.services.ecr.model import Repository


@write
def set_repository_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html"""
    repository = store.repository_of(call, request)
    lifecycle.check_json(request["policyText"], "PolicyText", LIMITS.policy_bytes)
    repository.policy = request["policyText"]
    store.put_repository(call.state, repository)
    return _policy(call, repository)


@read
def get_repository_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRepositoryPolicy.html"""
    repository = store.repository_of(call, request)
    if not repository.policy:
        raise errors.policy_not_found(repository.name, call.account)
    return _policy(call, repository)


@write
def delete_repository_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepositoryPolicy.html"""
    repository = store.repository_of(call, request)
    if not repository.policy:
        raise errors.policy_not_found(repository.name, call.account)
    told = _policy(call, repository)
    repository.policy = ""
    store.put_repository(call.state, repository)
    return told


@write
def put_lifecycle_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html"""
    repository = store.repository_of(call, request)
    text = request["lifecyclePolicyText"]
    lifecycle.check_json(text, "LifecyclePolicyText", LIMITS.lifecycle_policy_bytes)
    lifecycle.parse(text)
    repository.lifecycle_policy = text
    repository.evaluated_ms = 0
    store.put_repository(call.state, repository)
    lifecycle.schedule(call, repository.name, call.now_ms + EVALUATE_EVERY_MS)
    return _lifecycle(call, repository)


@read
def get_lifecycle_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetLifecyclePolicy.html"""
    repository = store.repository_of(call, request)
    return _evaluated(call, repository)


@write
def delete_lifecycle_policy(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteLifecyclePolicy.html"""
    repository = store.repository_of(call, request)
    told = _evaluated(call, repository)
    repository.lifecycle_policy = ""
    store.put_repository(call.state, repository)
    call.cancel_timer("evaluate_lifecycle", repository.name)
    return told


def _policy(call: ReadCall, repository: Repository) -> dict[str, Any]:
    return {
        "registryId": call.account,
        "repositoryName": repository.name,
        "policyText": repository.policy,
    }


def _lifecycle(call: ReadCall, repository: Repository) -> dict[str, Any]:
    return {
        "registryId": call.account,
        "repositoryName": repository.name,
        "lifecyclePolicyText": repository.lifecycle_policy,
    }


def _evaluated(call: ReadCall, repository: Repository) -> dict[str, Any]:
    if not repository.lifecycle_policy:
        raise errors.lifecycle_policy_not_found(repository.name, call.account)
    told = _lifecycle(call, repository)
    if repository.evaluated_ms:
        told["lastEvaluatedAt"] = shapes.moment(repository.evaluated_ms)
    return told
