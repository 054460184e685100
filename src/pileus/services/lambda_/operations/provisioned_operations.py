"""Provisioned concurrency.

https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, stream
from pileus.services.lambda_ import errors, paging, store
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Function, Provisioning
from pileus.services.lambda_.names import LATEST
from pileus.services.lambda_.provisioned import IN_PROGRESS, Provisioned, is_alias
from pileus.services.lambda_.running import Functions
from pileus.values.body import Body
from pileus.values.times import iso8601


@stream
async def put_provisioned_concurrency_config(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Keep instances of a version or alias ready; they are made in the background."""
    wanted = request["ProvisionedConcurrentExecutions"]
    concurrency = call.part(Functions).pools.limits.account_concurrency

    def step(write: WriteCall) -> dict[str, Any]:
        name, qualifier = store.split(request)
        function = store.find_function(write, name, qualifier)
        if qualifier == LATEST:
            raise errors.invalid(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        if store.configuration(write, function, qualifier).snap_start:
            raise errors.without_snap_start("Provisioned Concurrency")
        _check_target(write, function, qualifier)
        _check_size(write, function, qualifier, (wanted, concurrency))
        record = Provisioning(
            function=name, qualifier=qualifier, count=wanted, modified_ms=write.now_ms
        )
        key = ("provisioned", name, qualifier)
        write.state.put(key, store.PROVISIONED.encode(record))
        return {"name": name, "shown": _shown(record, _AT_FIRST)}

    done = await call.write(step, once=True)
    call.part(Provisioned).refresh(call, done["name"])
    return Reply(done["shown"], status=202)


@stream
async def get_provisioned_concurrency_config(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """What is asked for, and how much of it is there."""

    def look(view: ReadCall) -> dict[str, Any]:
        return _told(call, view, _found(view, request))

    return call.read(look)


@stream
async def list_provisioned_concurrency_configs(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Every configuration of a function."""

    def look(view: ReadCall) -> list[dict[str, Any]]:
        name = store.find_function(view, request["FunctionName"]).name
        return [
            {
                "FunctionArn": store.arn_of(view, name, each.qualifier),
                **_told(call, view, each),
            }
            for each in store.provisioned(view, name)
        ]

    return paging.page("ProvisionedConcurrencyConfigs", call.read(look), request)


@stream
async def delete_provisioned_concurrency_config(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Let the instances go as others do."""

    def step(write: WriteCall) -> str:
        name, qualifier = store.split(request)
        store.find_function(write, name, qualifier)
        write.state.delete(("provisioned", name, qualifier))
        return name

    call.part(Provisioned).refresh(call, await call.write(step))
    return Reply(status=204)


def _found(call: ReadCall, request: Mapping[str, Any]) -> Provisioning:
    name, qualifier = store.split(request)
    store.find_function(call, name, qualifier)
    raw = call.state.get(("provisioned", name, qualifier))
    if raw is None:
        raise errors.no_provisioned_concurrency()
    return store.PROVISIONED.decode(raw)


def _check_target(call: ReadCall, function: Function, qualifier: str) -> None:
    """A version is provisioned by itself or by an alias, not by both."""
    version = store.configuration(call, function, qualifier).version
    for other in store.provisioned(call, function.name):
        if other.qualifier == qualifier:
            continue
        same = store.configuration(call, function, other.qualifier).version == version
        if same and is_alias(qualifier):
            raise errors.invalid(
                "Alias can't be used for Provisioned Concurrency configuration on an already "
                "Provisioned version"
            )
        if same:
            raise errors.invalid("Version is pointed by a Provisioned Concurrency alias")


def _check_size(call: ReadCall, function: Function, qualifier: str, sizes: tuple[int, int]) -> None:
    """``sizes``: what is wanted, and the account's concurrency."""
    wanted, concurrency = sizes
    own = sum(
        each.count for each in store.provisioned(call, function.name) if each.qualifier != qualifier
    )
    if function.reserved is not None:
        if own + wanted > function.reserved:
            raise errors.invalid(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        return
    reserved = {}
    for _, raw in call.state.range(("function",)):
        each = store.FUNCTIONS.decode(raw)
        reserved[each.name] = each.reserved
    taken = sum(count or 0 for count in reserved.values()) + own
    taken += sum(
        each.count
        for each in store.provisioned(call)
        if each.function != function.name and reserved.get(each.function) is None
    )
    if concurrency - taken - wanted < LIMITS.unreserved_min:
        raise errors.invalid(
            "Specified ConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{LIMITS.unreserved_min}]."
        )


_AT_FIRST = (IN_PROGRESS, 0, "")


def _told(call: StreamCall, view: ReadCall, record: Provisioning) -> dict[str, Any]:
    standing = call.part(Provisioned).standing(
        view, record.function, record.qualifier, record.count
    )
    return _shown(record, (standing.status, standing.available, standing.reason))


def _shown(record: Provisioning, standing: tuple[str, int, str]) -> dict[str, Any]:
    status, available, reason = standing
    shown = {
        "RequestedProvisionedConcurrentExecutions": record.count,
        "AvailableProvisionedConcurrentExecutions": available,
        "AllocatedProvisionedConcurrentExecutions": available,
        "Status": status,
        "LastModified": iso8601(record.modified_ms).replace("Z", "+0000"),
    }
    if reason:
        shown["StatusReason"] = reason
    return shown
