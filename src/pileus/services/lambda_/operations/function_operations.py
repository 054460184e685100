"""Functions: create, read, change, delete.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.lambda_ import (
    configuration,
    downloads,
    errors,
    packages,
    paging,
    store,
    versions,
)
from pileus.services.lambda_.async_invokes import AsyncInvokes
from pileus.services.lambda_.code_sweep import CodeSweep
from pileus.services.lambda_.model import Code, Configuration, Function, Layer
from pileus.services.lambda_.names import LATEST, function_name
from pileus.services.lambda_.provisioned import Provisioned
from pileus.services.lambda_.running import Functions, scope_of
from pileus.services.lambda_.snapshots import Snapshots
from pileus.values.body import Body


async def _prepare(
    call: StreamCall, request: Mapping[str, Any], latest: Configuration | None = None
) -> None:
    configuration.check(request, latest)
    if request.get("Role"):
        name = function_name(request["FunctionName"])[0]
        await packages.check_role(call, request["Role"], name)


async def _prepare_new(call: StreamCall, request: Mapping[str, Any]) -> Code:
    configuration.check_new(request)
    if request.get("CodeSigningConfigArn") and configuration.is_of_image(request):
        raise errors.image_with_code_signing()
    await _prepare(call, request)

    name = function_name(request["FunctionName"])[0]

    def early(view: ReadCall) -> list[Layer]:
        _check_is_new(view, name)
        return packages.find_layers(view, request.get("Layers") or ())

    layers = call.read(early)
    code = await packages.store_function_code(
        call,
        request.get("Code") or {},
        "CreateFunction",
        is_image=configuration.is_of_image(request),
    )
    soon = _configured(request, code, layers)
    _expect(call, Function(name=name, latest=soon))
    return code


def _configured(
    request: Mapping[str, Any], code: Code, layers: list[Layer], at_ms: int = 0, revision: str = ""
) -> Configuration:
    latest = Configuration(
        version=LATEST,
        runtime=request.get("Runtime") or "",
        handler=request.get("Handler") or "",
        role=request["Role"],
        code=code,
        modified_ms=at_ms,
        revision=revision,
    )
    configuration.apply(latest, request, layers)
    return latest


def _expect(call: StreamCall, function: Function) -> None:
    scope = scope_of(call.account, call.region)
    call.part(Functions).expect(scope, function, function.latest)


def _check_is_new(call: ReadCall, name: str) -> None:
    if call.state.get(("function", name)) is not None:
        raise errors.conflict(f"Function already exist: {name}")


async def _create(call: StreamCall, request: Mapping[str, Any]) -> dict[str, Any]:
    name = function_name(request["FunctionName"])[0]
    code = await _prepare_new(call, request)

    def step(write: WriteCall) -> dict[str, Any]:
        _check_is_new(write, name)
        layers = packages.find_layers(write, request.get("Layers") or ())
        latest = _configured(request, code, layers, write.now_ms, write.new_id())
        function = Function(name=name, latest=latest, tags=dict(request.get("Tags") or {}))
        if signing := request.get("CodeSigningConfigArn"):
            store.find_code_signing(write, signing)
            function.code_signing = signing
        published = versions.publish(write, function, "") if request.get("Publish") else latest
        store.put_function(write.state, function)
        return configuration.shown(write, function, published)

    shown: dict[str, Any] = await call.write(step, once=True)
    return shown


@stream
async def create_function(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Make a function; it can be invoked at once, a published version with SnapStart in a moment."""
    shown: dict[str, Any] = call.remembered() or await _create(call, request)
    call.part(Snapshots).begin(call, shown["FunctionName"])
    return shown


@read
def get_function_configuration(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a version."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    found = store.configuration(call, function, qualifier)
    return configuration.shown(call, function, found, qualifier)


@read
def get_function(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration, where the code lies, tags and reserved concurrency."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    found = store.configuration(call, function, qualifier)
    output: dict[str, Any] = {
        "Configuration": configuration.shown(call, function, found, qualifier),
        "Code": _code_shown(call, found.code),
    }
    if function.tags:
        output["Tags"] = function.tags
    if function.reserved is not None:
        output["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return output


def _code_shown(call: ReadCall, code: Code) -> dict[str, Any]:
    if code.image is not None:
        return {
            "RepositoryType": "ECR",
            "ImageUri": code.image.uri,
            "ResolvedImageUri": code.image.resolved,
        }
    return {"RepositoryType": "S3", "Location": downloads.link(call, code.blob)}


@read
def list_functions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Functions in order of name; with FunctionVersion ALL every version of them."""
    shown = []
    for _, raw in call.state.range(("function",)):
        function = store.FUNCTIONS.decode(raw)
        shown.append(configuration.shown(call, function, function.latest))
        if request.get("FunctionVersion") == "ALL":
            shown += [
                configuration.shown(call, function, version)
                for version in versions.published(call, function.name)
            ]
    return paging.page("Functions", shown, request)


@stream
async def update_function_code(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Give a function other code; instances of the old code finish what they do."""

    def early(view: ReadCall) -> bool:
        function = store.find_function(view, request["FunctionName"])
        versions.check_revision(function.latest.revision, request)
        return function.latest.code.image is not None

    is_image = call.read(early)
    code = await packages.store_function_code(
        call, request, "UpdateFunctionCode", is_image=is_image
    )

    def step(write: WriteCall) -> dict[str, Any]:
        function = store.find_function(write, request["FunctionName"])
        versions.check_revision(function.latest.revision, request)
        function.latest.code = code
        if request.get("Architectures"):
            function.latest.architectures = list(request["Architectures"])
        if request.get("DryRun"):
            return configuration.shown(write, function, function.latest)
        return _changed(write, function, bool(request.get("Publish")))

    output = await call.write(step)
    if not request.get("DryRun"):
        await _renew(call, output["FunctionName"])
        call.part(Snapshots).begin(call, output["FunctionName"])
    return output


@stream
async def update_function_configuration(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Change a function's configuration."""
    function = call.read(lambda view: store.find_function(view, request["FunctionName"]))
    configuration.check_durable(function.latest, request)
    configuration.check_kind(request, is_image=function.latest.code.image is not None)
    await _prepare(call, request, function.latest)

    def step(write: WriteCall) -> dict[str, Any]:
        function = store.find_function(write, request["FunctionName"])
        versions.check_revision(function.latest.revision, request)
        layers = request.get("Layers")
        found = None if layers is None else packages.find_layers(write, layers)
        configuration.apply(function.latest, request, found)
        return _changed(write, function, False)

    output = await call.write(step)
    await _renew(call, output["FunctionName"])
    call.part(CodeSweep).ask(call)
    return output


async def _retire(call: StreamCall, name: str, version: str) -> None:
    scope = scope_of(call.account, call.region)
    await call.part(Functions).retire(scope, name, version)


async def _renew(call: StreamCall, name: str) -> None:
    """What runs on the latest version before a change ends, and the changed one is made ready."""
    await _retire(call, name, LATEST)
    raw = call.read(lambda view: view.state.get(("function", name)))
    if raw is not None:
        _expect(call, store.FUNCTIONS.decode(raw))


def _changed(call: WriteCall, function: Function, is_published: bool) -> dict[str, Any]:
    function.latest.modified_ms = call.now_ms
    function.latest.revision = call.new_id()
    shown = function.latest
    if is_published:
        shown = versions.publish(call, function, "")
    store.put_function(call.state, function)
    return configuration.shown(call, function, shown)


@stream
async def delete_function(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Delete a function with its versions, aliases and waiting events, or one version."""
    name, qualifier = store.split(request)

    def step(write: WriteCall) -> None:
        function = store.find_function(write, name, qualifier)
        if qualifier:
            versions.delete(write, function, qualifier)
            return
        write.state.delete(("function", name))
        for kind in ("version", "alias", "async", "url", "provisioned"):
            write.state.delete_range((kind, name))

    await call.write(step)
    call.part(CodeSweep).ask(call)
    call.part(Provisioned).refresh(call, name)
    if qualifier:
        await _retire(call, name, qualifier)
    else:
        await call.part(AsyncInvokes).drop(call, name)
        await call.part(Functions).forget(scope_of(call.account, call.region), name)
    return Reply(status=204)


@stream
async def get_account_settings(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Quotas and what of them is used."""
    functions = call.read(
        lambda view: [store.FUNCTIONS.decode(raw) for _, raw in view.state.range(("function",))]
    )
    concurrency = call.part(Functions).pools.limits.account_concurrency
    return {
        "AccountLimit": paging.account_limit(functions, concurrency),
        "AccountUsage": {
            "TotalCodeSize": sum(function.latest.code.size_bytes for function in functions),
            "FunctionCount": len(functions),
        },
    }
