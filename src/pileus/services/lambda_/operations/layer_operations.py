"""Layers. https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.lambda_ import downloads, errors, packages, paging, store
from pileus.services.lambda_.code_sweep import CodeSweep
from pileus.services.lambda_.model import LayerVersion
from pileus.values.body import Body
from pileus.values.times import iso8601


@stream
async def publish_layer_version(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Keep the next version of a layer."""
    name = request["LayerName"].rpartition(":")[2]
    if name == packages.HOST_LAYER:
        raise errors.invalid(f"The layer {name} is the platform's own.")
    code = await packages.store_code(call, request["Content"], "PublishLayerVersion")

    def step(write: WriteCall) -> int:
        last = int(write.state.get(("layer_last", name)) or b"0") + 1
        write.state.put(("layer_last", name), str(last).encode())
        layer = LayerVersion(
            name=name,
            version=last,
            code=code,
            created_ms=write.now_ms,
            description=request.get("Description") or "",
            license=request.get("LicenseInfo") or "",
            runtimes=list(request.get("CompatibleRuntimes") or ()),
            architectures=list(request.get("CompatibleArchitectures") or ()),
        )
        write.state.put(("layer", name, last), store.LAYERS.encode(layer))
        return last

    version = await call.write(step, once=True)
    return Reply(call.read(lambda view: _whole(view, _find(view, name, version))), status=201)


def _whole(call: Call, layer: LayerVersion) -> dict[str, Any]:
    return {**_shown(call, layer), "Content": _content(call, layer)}


def _arn(call: Call, layer: LayerVersion) -> str:
    return call.arn(f"layer:{layer.name}")


def _shown(call: Call, layer: LayerVersion) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "LayerArn": _arn(call, layer),
        "LayerVersionArn": f"{_arn(call, layer)}:{layer.version}",
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": iso8601(layer.created_ms).replace("Z", "+0000"),
    }
    if layer.license:
        shown["LicenseInfo"] = layer.license
    if layer.runtimes:
        shown["CompatibleRuntimes"] = layer.runtimes
    if layer.architectures:
        shown["CompatibleArchitectures"] = layer.architectures
    return shown


def _content(call: Call, layer: LayerVersion) -> dict[str, Any]:
    return {
        "Location": downloads.link(call, layer.code.blob),
        "CodeSha256": layer.code.sha256,
        "CodeSize": layer.code.size_bytes,
    }


def _find(call: ReadCall, name: str, version: int) -> LayerVersion:
    _check_number(version)
    raw = call.state.get(("layer", name.rpartition(":")[2], version))
    if raw is None:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return store.LAYERS.decode(raw)


def _check_number(version: int) -> None:
    if version < 1:
        raise errors.invalid("Layer Version Cannot be less than 1.")


@read
def get_layer_version(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One version of a layer."""
    return _whole(call, _find(call, request["LayerName"], request["VersionNumber"]))


@read
def get_layer_version_by_arn(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One version of a layer by its ARN."""
    name, _, version = request["Arn"].rpartition(":")
    if not version.isdecimal():
        raise errors.invalid(f"{request['Arn']} is not a layer version ARN.")
    return _whole(call, _find(call, name, int(version)))


@read
def list_layer_versions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's versions, newest first."""
    name = request["LayerName"].rpartition(":")[2]
    rows = call.state.range(("layer", name), reverse=True)
    shown = [_shown(call, store.LAYERS.decode(raw)) for _, raw in rows]
    return paging.page("LayerVersions", shown, request)


@read
def list_layers(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Layers with their newest version."""
    newest: dict[str, LayerVersion] = {}
    for _, raw in call.state.range(("layer",)):
        layer = store.LAYERS.decode(raw)
        newest[layer.name] = layer
    shown = [
        {
            "LayerName": name,
            "LayerArn": _arn(call, layer),
            "LatestMatchingVersion": _shown(call, layer),
        }
        for name, layer in sorted(newest.items())
    ]
    return paging.page("Layers", shown, request)


@stream
async def delete_layer_version(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> None:
    """Forget a version; functions that use it keep it. One that is not there is no error."""
    _check_number(request["VersionNumber"])
    key = ("layer", request["LayerName"].rpartition(":")[2], request["VersionNumber"])
    await call.write(lambda write: write.state.delete(key))
    call.part(CodeSweep).ask(call)
