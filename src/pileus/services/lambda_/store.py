"""Where functions and what belongs to them lie.

``function, name``            Function
``version, name, number``     Configuration of a published version
``alias, name, alias``        Alias
``layer, name, number``       LayerVersion; ``layer_last, name`` the highest number ever given
``mapping, id``               Mapping
``async, id``                 AsyncEvent
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call, ReadCall
from pileus.kernel.records import RecordCodec
from pileus.services.lambda_ import errors
from pileus.services.lambda_.model import (
    Alias,
    AsyncEvent,
    Configuration,
    Function,
    LayerVersion,
    Mapping,
)
from pileus.services.lambda_.names import LATEST, function_arn, function_name, is_version

FUNCTIONS = RecordCodec(Function)
VERSIONS = RecordCodec(Configuration)
ALIASES = RecordCodec(Alias)
LAYERS = RecordCodec(LayerVersion)
MAPPINGS = RecordCodec(Mapping)
ASYNC = RecordCodec(AsyncEvent)


def find_function(call: ReadCall, given: str, qualifier: str = "") -> Function:
    """By any kind of name; raises ResourceNotFoundException."""
    name, inner = function_name(given)
    raw = call.state.get(("function", name))
    if raw is None:
        arn = function_arn(call.region, call.account, name, qualifier or inner)
        raise errors.not_found(arn)
    return FUNCTIONS.decode(raw)


def put_function(state: Any, function: Function) -> None:
    state.put(("function", function.name), FUNCTIONS.encode(function))


def find_alias(call: ReadCall, name: str, alias: str) -> Alias:
    """The alias; raises ResourceNotFoundException."""
    raw = call.state.get(("alias", name, alias))
    if raw is None:
        arn = function_arn(call.region, call.account, name, alias)
        raise errors.resource_not_found(f"Cannot find alias arn: {arn}")
    return ALIASES.decode(raw)


def configuration(call: ReadCall, function: Function, qualifier: str) -> Configuration:
    """The configuration of ``$LATEST``, a version, or an alias's version."""
    if not qualifier or qualifier == LATEST:
        return function.latest
    version = qualifier
    if not is_version(qualifier):
        raw = call.state.get(("alias", function.name, qualifier))
        if raw is None:
            raise errors.not_found(arn_of(call, function.name, qualifier))
        version = ALIASES.decode(raw).version
    if version == LATEST:
        return function.latest
    raw = call.state.get(("version", function.name, int(version)))
    if raw is None:
        raise errors.not_found(arn_of(call, function.name, qualifier))
    return VERSIONS.decode(raw)


def arn_of(call: Call, name: str, qualifier: str = "") -> str:
    """A function's ARN in the caller's account and region."""
    return function_arn(call.region, call.account, name, qualifier)


def split(request: Any) -> tuple[str, str]:
    """Name and qualifier of a request; the Qualifier member wins over one in the name."""
    name, inner = function_name(request["FunctionName"])
    given = request.get("Qualifier") or ""
    if inner and given and inner != given:
        raise errors.invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return name, given or inner
