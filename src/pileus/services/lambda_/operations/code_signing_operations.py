"""Code signing configurations, kept and shown: signatures of packages are not checked here.
Functions of container images have none.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateCodeSigningConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.operations import Reply, read, write
from pileus.services.lambda_ import errors, paging, store
from pileus.services.lambda_.model import CodeSigning, Function
from pileus.values.times import iso8601

_ID_DIGITS = 17


@write
def create_code_signing_config(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Keep a configuration."""
    record = CodeSigning(
        id="csc-" + call.random_bytes(_ID_DIGITS).hex()[:_ID_DIGITS],
        publishers=request["AllowedPublishers"]["SigningProfileVersionArns"],
        policy=_policy(request) or "Warn",
        description=request.get("Description") or "",
        tags=dict(request.get("Tags") or {}),
        modified_ms=call.now_ms,
    )
    store.put_code_signing(call.state, record)
    return Reply({"CodeSigningConfig": _shown(call, record)}, status=201)


@write
def update_code_signing_config(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change what is given."""
    record = _find(call, request)
    if "AllowedPublishers" in request:
        record.publishers = request["AllowedPublishers"]["SigningProfileVersionArns"]
    record.policy = _policy(request) or record.policy
    record.description = request.get("Description", record.description)
    record.modified_ms = call.now_ms
    store.put_code_signing(call.state, record)
    return {"CodeSigningConfig": _shown(call, record)}


@read
def get_code_signing_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One configuration."""
    return {"CodeSigningConfig": _shown(call, _find(call, request))}


@read
def list_code_signing_configs(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The configurations of the account and region."""
    rows = call.state.range(("code_signing",))
    found = [_shown(call, store.CODE_SIGNINGS.decode(raw)) for _, raw in rows]
    return paging.page("CodeSigningConfigs", found, request)


@write
def delete_code_signing_config(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Forget a configuration that no function has."""
    record = _find(call, request)
    if _users(call, request["CodeSigningConfigArn"]):
        raise errors.conflict(
            "Cannot delete the code signing configuration because it is used by functions."
        )
    call.state.delete(("code_signing", record.id))
    return Reply(status=204)


@read
def list_functions_by_code_signing_config(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """The functions that have a configuration."""
    _find(call, request)
    return paging.page("FunctionArns", _users(call, request["CodeSigningConfigArn"]), request)


@write
def put_function_code_signing_config(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give a function a configuration."""
    function = _signable(call, request)
    store.find_code_signing(call, request["CodeSigningConfigArn"])
    function.code_signing = request["CodeSigningConfigArn"]
    store.put_function(call.state, function)
    return {"CodeSigningConfigArn": function.code_signing, "FunctionName": function.name}


@read
def get_function_code_signing_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a function, if it has one."""
    function = _signable(call, request)
    told = {"FunctionName": function.name}
    if function.code_signing:
        told["CodeSigningConfigArn"] = function.code_signing
    return told


@write
def delete_function_code_signing_config(call: WriteCall, request: Mapping[str, Any]) -> Reply:
    """Take its configuration from a function."""
    function = _signable(call, request)
    function.code_signing = ""
    store.put_function(call.state, function)
    return Reply(status=204)


def _signable(call: ReadCall, request: Mapping[str, Any]) -> Function:
    """Raises InvalidParameterValueException for a function of a container image."""
    function = store.find_function(call, request["FunctionName"])
    if function.latest.code.image is not None:
        raise errors.image_with_code_signing()
    return function


def _policy(request: Mapping[str, Any]) -> str:
    policies = request.get("CodeSigningPolicies") or {}
    return str(policies.get("UntrustedArtifactOnDeployment") or "")


def _find(call: ReadCall, request: Mapping[str, Any]) -> CodeSigning:
    return store.find_code_signing(call, request["CodeSigningConfigArn"])


def _users(call: ReadCall, arn: str) -> list[str]:
    functions = (store.FUNCTIONS.decode(raw) for _, raw in call.state.range(("function",)))
    return [store.arn_of(call, each.name) for each in functions if each.code_signing == arn]


def _shown(call: Call, record: CodeSigning) -> dict[str, Any]:
    shown = {
        "CodeSigningConfigId": record.id,
        "CodeSigningConfigArn": call.arn(f"code-signing-config:{record.id}"),
        "AllowedPublishers": {"SigningProfileVersionArns": record.publishers},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": record.policy},
        "LastModified": iso8601(record.modified_ms),
    }
    if record.description:
        shown["Description"] = record.description
    return shown
