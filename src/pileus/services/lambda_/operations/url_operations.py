"""Functions' own addresses. https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.lambda_ import errors, paging, store
from pileus.services.lambda_.function_urls import FunctionUrls, address
from pileus.services.lambda_.model import UrlConfig
from pileus.services.lambda_.names import is_version
from pileus.values.body import Body
from pileus.values.times import iso8601

_ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyz234567"
_ID_LENGTH = 32


@stream
async def create_function_url_config(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Give a function or alias an address."""
    _check_cors(request)
    url_id = "".join(_ID_CHARACTERS[byte & 31] for byte in call.random_bytes(_ID_LENGTH))

    def step(write: WriteCall) -> Any:
        name, qualifier = _target(write, request)
        if store.find_url(write, name, qualifier) is not None:
            arn = store.arn_of(write, name, qualifier)
            raise errors.conflict(
                f"Failed to create function url config for [functionArn = {arn}]. Error message:  "
                "FunctionUrlConfig exists for this Lambda function"
            )
        url = UrlConfig(
            id=url_id,
            function=name,
            qualifier=qualifier,
            auth=request["AuthType"],
            mode=request.get("InvokeMode") or "BUFFERED",
            cors=dict(request.get("Cors") or {}),
            created_ms=write.now_ms,
            modified_ms=write.now_ms,
        )
        store.put_url(write.state, url)
        return msgspec.to_builtins(url)

    url = msgspec.convert(await call.write(step, once=True), UrlConfig)
    call.part(FunctionUrls).add(call, url)
    return Reply(_shown(call, url))


@stream
async def update_function_url_config(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Change what the request names."""
    _check_cors(request)

    def step(write: WriteCall) -> UrlConfig:
        url = _found(write, request)
        url.auth = request.get("AuthType") or url.auth
        url.mode = request.get("InvokeMode") or url.mode
        if (cors := request.get("Cors")) is not None:
            url.cors = dict(cors)
        url.modified_ms = write.now_ms
        store.put_url(write.state, url)
        return url

    return _shown(call, await call.write(step), is_whole=True)


@read
def get_function_url_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The address of a function or alias."""
    return _shown(call, _found(call, request), is_whole=True)


@read
def list_function_url_configs(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The addresses of a function and its aliases."""
    function = store.find_function(call, request["FunctionName"])
    shown = [_shown(call, url, is_whole=True) for url in store.urls(call, function.name)]
    return paging.page("FunctionUrlConfigs", shown, request)


@stream
async def delete_function_url_config(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """Take an address away."""

    def step(write: WriteCall) -> UrlConfig:
        url = _found(write, request)
        write.state.delete(("url", url.function, url.qualifier))
        return url

    url = await call.write(step)
    call.part(FunctionUrls).remove(url.id)
    return Reply(status=204)


def _check_cors(request: Mapping[str, Any]) -> None:
    cors = request.get("Cors") or {}
    if cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or ()):
        raise errors.invalid(
            "Invalid Cors configuration: AllowCredentials cannot be true when AllowOrigins is *."
        )


def _target(call: ReadCall, request: Mapping[str, Any]) -> tuple[str, str]:
    """Function and alias of a request; raises where they are not there or a version is meant."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    if qualifier:
        if is_version(qualifier):
            raise errors.invalid("Function URLs belong to functions and aliases, not to versions.")
        store.find_alias(call, function.name, qualifier)
    return function.name, qualifier


def _found(call: ReadCall, request: Mapping[str, Any]) -> UrlConfig:
    name, qualifier = _target(call, request)
    url = store.find_url(call, name, qualifier)
    if url is None:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return url


def _shown(call: Call, url: UrlConfig, *, is_whole: bool = False) -> dict[str, Any]:
    output: dict[str, Any] = {
        "FunctionUrl": address(call, url),
        "FunctionArn": store.arn_of(call, url.function, url.qualifier),
        "AuthType": url.auth,
        "CreationTime": iso8601(url.created_ms),
        "InvokeMode": url.mode,
    }
    if url.cors:
        output["Cors"] = url.cors
    if is_whole:
        output["LastModifiedTime"] = iso8601(url.modified_ms)
    return output
