"""Resource policies, reserved concurrency, and settings of asynchronous invocation.

https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.services.lambda_ import errors, outcomes, paging, store, versions
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import AsyncConfiguration, Function
from pileus.services.lambda_.names import LATEST, function_name, is_version
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.arns import is_arn
from pileus.values.body import Body
from pileus.values.errors import ServiceError
from pileus.values.times import utc


@write
def add_permission(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Let a service or account use the function."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    if qualifier == LATEST:
        raise errors.invalid("We currently do not support adding policies for $LATEST.")
    if qualifier and not is_version(qualifier):
        store.find_alias(call, function.name, qualifier)
    store.configuration(call, function, qualifier)
    versions.check_revision(function.latest.revision, request)
    statements = function.policies.setdefault(qualifier, [])
    if any(s["Sid"] == request["StatementId"] for s in statements):
        raise errors.statement_exists(request["StatementId"])
    statement = _statement(call, function, qualifier, request)
    statements.append(statement)
    store.put_function(call.state, function)
    return {"Statement": orjson.dumps(statement).decode()}


def _statement(
    call: Call, function: Function, qualifier: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": store.arn_of(call, function.name, qualifier),
    }
    condition: dict[str, dict[str, str]] = {}
    for member, (operator, key) in _CONDITIONS.items():
        if (value := request.get(member)) is not None:
            text = str(value).lower() if isinstance(value, bool) else value
            condition.setdefault(operator, {})[key] = text
    if condition:
        statement["Condition"] = condition
    return statement


_CONDITIONS = {
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
}
"""Members of AddPermission, and the conditions they become."""


def _principal(given: str) -> Any:
    if given == "*":
        return given
    if given.endswith((".amazonaws.com", ".amazon.com")):
        return {"Service": given}
    if len(given) == 12 and given.isdecimal():
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if is_arn(given):
        return {"AWS": given}
    raise errors.invalid(
        "The provided principal was invalid. Please check the principal and try again."
    )


@write
def remove_permission(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove one statement."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    statements = function.policies.get(qualifier)
    if not statements:
        raise errors.no_policy()
    versions.check_revision(function.latest.revision, request)
    kept = [s for s in statements if s["Sid"] != request["StatementId"]]
    if len(kept) == len(statements):
        raise errors.no_statement(request["StatementId"])
    function.policies[qualifier] = kept
    store.put_function(call.state, function)


@read
def get_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The resource policy of a function or qualifier."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    statements = function.policies.get(qualifier)
    if not statements:
        raise errors.resource_not_found("The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return {"Policy": orjson.dumps(policy).decode(), "RevisionId": function.latest.revision}


@stream
async def put_function_concurrency(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Reserve concurrency for a function; 0 stops it."""
    wanted = request["ReservedConcurrentExecutions"]
    _refuse_qualified(request)
    concurrency = call.part(Functions).pools.limits.account_concurrency

    def step(write: WriteCall) -> str:
        function = store.find_function(write, request["FunctionName"])
        others = sum(
            other.reserved or 0
            for _, raw in write.state.range(("function",))
            if (other := store.FUNCTIONS.decode(raw)).name != function.name
        )
        if concurrency - others - wanted < LIMITS.unreserved_min:
            raise errors.invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{LIMITS.unreserved_min}]."
            )
        function.reserved = wanted
        store.put_function(write.state, function)
        return function.name

    name = await call.write(step)
    call.part(Functions).pools.reserve(scope_of(call.account, call.region), name, wanted)
    return {"ReservedConcurrentExecutions": wanted}


def _refuse_qualified(request: Mapping[str, Any]) -> None:
    if function_name(request["FunctionName"])[1]:
        raise errors.invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not "
            "support this operation. Please specify either a function name or an unqualified "
            "function ARN."
        )


@read
def get_function_concurrency(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A function's reserved concurrency, if it has any."""
    function = store.find_function(call, request["FunctionName"])
    return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}


@stream
async def delete_function_concurrency(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> None:
    """Let a function share the account's concurrency again."""
    _refuse_qualified(request)

    def step(write: WriteCall) -> str:
        function = store.find_function(write, request["FunctionName"])
        function.reserved = None
        store.put_function(write.state, function)
        return function.name

    name = await call.write(step)
    call.part(Functions).pools.reserve(scope_of(call.account, call.region), name, None)


@write
def put_function_event_invoke_config(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Set retries, age and destinations of asynchronous invocations, all anew."""
    return _configure(call, request, AsyncConfiguration())


@write
def update_function_event_invoke_config(
    call: WriteCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Change some of the settings."""
    function, qualifier = _function(call, request)
    current = function.asynchronous.get(qualifier)
    if current is None:
        raise _no_settings(call, function, qualifier)
    return _configure(call, request, current)


def _function(call: ReadCall, request: Mapping[str, Any]) -> tuple[Function, str]:
    name, qualifier = store.split(request)
    try:
        function = store.find_function(call, name)
        store.configuration(call, function, qualifier)
    except ServiceError:
        raise errors.resource_not_found("The function doesn't exist.") from None
    return function, qualifier or LATEST


def _no_settings(call: Call, function: Function, qualifier: str) -> Exception:
    arn = store.arn_of(call, function.name, qualifier)
    return errors.resource_not_found(f"The function {arn} doesn't have an EventInvokeConfig")


def _configure(
    call: WriteCall, request: Mapping[str, Any], settings: AsyncConfiguration
) -> dict[str, Any]:
    function, qualifier = _function(call, request)
    named = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    if all(request.get(name) is None for name in named):
        raise errors.invalid(
            "You must specify at least one of error handling or destination setting."
        )
    if request.get("MaximumRetryAttempts") is not None:
        settings.retries = request["MaximumRetryAttempts"]
    if request.get("MaximumEventAgeInSeconds") is not None:
        settings.age_s = request["MaximumEventAgeInSeconds"]
    destinations = request.get("DestinationConfig") or {}
    if "OnSuccess" in destinations:
        settings.on_success = destinations["OnSuccess"].get("Destination") or ""
    if "OnFailure" in destinations:
        settings.on_failure = destinations["OnFailure"].get("Destination") or ""
    outcomes.check_destinations(call, function.name, settings.on_success, settings.on_failure)
    settings.modified_ms = call.now_ms
    function.asynchronous[qualifier] = settings
    store.put_function(call.state, function)
    return _shown(call, function, qualifier, settings)


def _shown(
    call: Call, function: Function, qualifier: str, settings: AsyncConfiguration
) -> dict[str, Any]:
    success = {"Destination": settings.on_success} if settings.on_success else {}
    failure = {"Destination": settings.on_failure} if settings.on_failure else {}
    shown: dict[str, Any] = {
        "LastModified": utc(settings.modified_ms),
        "FunctionArn": store.arn_of(call, function.name, qualifier),
        "DestinationConfig": {"OnSuccess": success, "OnFailure": failure},
    }
    if settings.retries is not None:
        shown["MaximumRetryAttempts"] = settings.retries
    if settings.age_s is not None:
        shown["MaximumEventAgeInSeconds"] = settings.age_s
    return shown


@read
def get_function_event_invoke_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a function or qualifier."""
    function, qualifier = _function(call, request)
    settings = function.asynchronous.get(qualifier)
    if settings is None:
        raise _no_settings(call, function, qualifier)
    return _shown(call, function, qualifier, settings)


@read
def list_function_event_invoke_configs(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of every qualifier of a function."""
    function = store.find_function(call, request["FunctionName"])
    shown = [_shown(call, function, q, s) for q, s in sorted(function.asynchronous.items())]
    return paging.page("FunctionEventInvokeConfigs", shown, request)


@write
def delete_function_event_invoke_config(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Forget the settings of a function or qualifier."""
    function, qualifier = _function(call, request)
    if function.asynchronous.pop(qualifier, None) is None:
        raise _no_settings(call, function, qualifier)
    store.put_function(call.state, function)
