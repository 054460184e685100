"""Versions and aliases. https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream, write
from pileus.services.lambda_ import configuration, errors, paging, store, versions
from pileus.services.lambda_.model import Alias, Function
from pileus.services.lambda_.names import LATEST, function_name
from pileus.services.lambda_.provisioned import Provisioned
from pileus.services.lambda_.snapshots import Snapshots
from pileus.values.body import Body


@stream
async def publish_version(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Keep ``$LATEST`` as it is now under the next number; with SnapStart its snapshot is made then."""

    def step(write: WriteCall) -> dict[str, Any]:
        function = store.find_function(write, request["FunctionName"])
        versions.check_revision(function.latest.revision, request)
        wanted = request.get("CodeSha256")
        if wanted and wanted != function.latest.code.sha256:
            raise errors.invalid(
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST "
                f"({function.latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        version = versions.publish(write, function, request.get("Description") or "")
        store.put_function(write.state, function)
        return configuration.shown(write, function, version)

    shown: dict[str, Any] = await call.write(step, once=True)
    call.part(Snapshots).begin(call, shown["FunctionName"])
    return shown


@read
def list_versions_by_function(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """``$LATEST`` and every numbered version."""
    function = store.find_function(call, request["FunctionName"])
    found = [function.latest, *versions.published(call, function.name)]
    shown = [configuration.shown(call, function, v, v.version) for v in found]
    return paging.page("Versions", shown, request)


def _shown(call: Call, name: str, alias: Alias) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "AliasArn": store.arn_of(call, name, alias.name),
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return shown


def _point(call: ReadCall, function: Function, alias: Alias, request: Mapping[str, Any]) -> None:
    """Let the alias name what the request says; raises for versions that cannot be named."""
    alias.version = request.get("FunctionVersion") or alias.version
    store.configuration(call, function, alias.version)
    if "RoutingConfig" not in request:
        return
    alias.weights = dict((request["RoutingConfig"] or {}).get("AdditionalVersionWeights") or {})
    if len(alias.weights) > 1:
        raise errors.invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for version in alias.weights:
        if version == alias.version:
            raise errors.invalid(
                f"Invalid function version {version}. Function version {version} is already "
                "included in routing configuration."
            )
        if alias.version == LATEST:
            raise errors.invalid(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        store.configuration(call, function, version)


@write
def create_alias(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give a version a name."""
    function = store.find_function(call, request["FunctionName"], request["FunctionVersion"])
    name = request["Name"]
    if call.state.get(("alias", function.name, name)) is not None:
        arn = store.arn_of(call, function.name, name)
        raise errors.conflict(f"Alias already exists: {arn}")
    alias = Alias(
        name=name,
        version=request["FunctionVersion"],
        description=request.get("Description") or "",
        revision=call.new_id(),
    )
    _point(call, function, alias, request)
    call.state.put(("alias", function.name, name), store.ALIASES.encode(alias))
    return _shown(call, function.name, alias)


@read
def get_alias(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One alias."""
    function = store.find_function(call, request["FunctionName"])
    return _shown(call, function.name, store.find_alias(call, function.name, request["Name"]))


@stream
async def update_alias(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Let an alias name another version, or share its calls; what is kept ready moves with it."""

    def step(write: WriteCall) -> dict[str, Any]:
        function = store.find_function(write, request["FunctionName"])
        alias = store.find_alias(write, function.name, request["Name"])
        versions.check_revision(alias.revision, request)
        alias.description = request.get("Description", alias.description)
        _point(write, function, alias, request)
        alias.revision = write.new_id()
        write.state.put(("alias", function.name, alias.name), store.ALIASES.encode(alias))
        return _shown(write, function.name, alias)

    shown: dict[str, Any] = await call.write(step, once=True)
    call.part(Provisioned).refresh(call, function_name(request["FunctionName"])[0])
    return shown


@stream
async def delete_alias(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Forget an alias; one that is not there is no error."""

    def step(write: WriteCall) -> str:
        function = store.find_function(write, request["FunctionName"])
        write.state.delete(("alias", function.name, request["Name"]))
        versions.forget_qualifier(write, function, request["Name"])
        return function.name

    call.part(Provisioned).refresh(call, await call.write(step))
    return Reply(status=204)


@read
def list_aliases(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A function's aliases, or those of one version."""
    function = store.find_function(call, request["FunctionName"])
    wanted = request.get("FunctionVersion")
    found = [store.ALIASES.decode(raw) for _, raw in call.state.range(("alias", function.name))]
    shown = [
        _shown(call, function.name, alias) for alias in found if wanted in (None, alias.version)
    ]
    return paging.page("Aliases", shown, request)
