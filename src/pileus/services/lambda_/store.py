"""Where functions and what belongs to them lie.

``function, name``            Function
``version, name, number``     Configuration of a published version
``alias, name, alias``        Alias
``layer, name, number``       LayerVersion; ``layer_last, name`` the highest number ever given
``mapping, id``               Mapping; ``shard, id, shard`` its progress (``streams/store.py``),
                              ``partition, id, number`` its places (``kafka/places.py``)
``provisioned, name, qualifier`` Provisioning
``code_signing, id``          CodeSigning
``pin, pin``                  ImagePin
``url, name, qualifier``      UrlConfig; the qualifier is empty or an alias
``async, function, id``       AsyncEvent
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call, ReadCall
from pileus.kernel.records import RecordCodec
from pileus.services.lambda_ import errors
from pileus.services.lambda_.model import (
    Alias,
    AsyncEvent,
    CodeSigning,
    Configuration,
    Function,
    ImagePin,
    LayerVersion,
    Mapping,
    Provisioning,
    UrlConfig,
)
from pileus.services.lambda_.names import LATEST, function_arn, function_name, is_version

FUNCTIONS = RecordCodec(Function)
VERSIONS = RecordCodec(Configuration)
ALIASES = RecordCodec(Alias)
LAYERS = RecordCodec(LayerVersion)
MAPPINGS = RecordCodec(Mapping)
PINS = RecordCodec(ImagePin)
PROVISIONED = RecordCodec(Provisioning)
URLS = RecordCodec(UrlConfig)
CODE_SIGNINGS = RecordCodec(CodeSigning)
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


def find_code_signing(call: ReadCall, arn: str) -> CodeSigning:
    """The configuration; raises CodeSigningConfigNotFoundException."""
    raw = call.state.get(("code_signing", arn.rpartition(":")[2]))
    if raw is None or call.arn("code-signing-config:") != arn[: arn.rfind(":") + 1]:
        raise errors.code_signing_not_found(arn)
    return CODE_SIGNINGS.decode(raw)


def put_code_signing(state: Any, record: CodeSigning) -> None:
    state.put(("code_signing", record.id), CODE_SIGNINGS.encode(record))


def find_mapping(call: ReadCall, mapping_id: str) -> Mapping:
    """The event source mapping; raises ResourceNotFoundException."""
    raw = call.state.get(("mapping", mapping_id))
    if raw is None:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return MAPPINGS.decode(raw)


def put_mapping(state: Any, mapping: Mapping) -> None:
    state.put(("mapping", mapping.id), MAPPINGS.encode(mapping))


def find_alias(call: ReadCall, name: str, alias: str) -> Alias:
    """The alias, asked for as such; raises ResourceNotFoundException."""
    raw = call.state.get(("alias", name, alias))
    if raw is None:
        arn = arn_of(call, name, alias)
        raise errors.resource_not_found(f"Cannot find alias arn: {arn}")
    return ALIASES.decode(raw)


def _alias(call: ReadCall, name: str, qualifier: str) -> Alias:
    """The alias by which a function is asked for; raises ResourceNotFoundException."""
    raw = call.state.get(("alias", name, qualifier))
    if raw is None:
        raise errors.not_found(arn_of(call, name, qualifier))
    return ALIASES.decode(raw)


def configuration(call: ReadCall, function: Function, qualifier: str) -> Configuration:
    """The configuration of ``$LATEST``, a version, or an alias's version.

    Raises ResourceNotFoundException.
    """
    if not qualifier or qualifier == LATEST:
        return function.latest
    version = qualifier
    if not is_version(qualifier):
        version = _alias(call, function.name, qualifier).version
    if version == LATEST:
        return function.latest
    raw = call.state.get(("version", function.name, int(version)))
    if raw is None:
        raise errors.not_found(arn_of(call, function.name, qualifier))
    return VERSIONS.decode(raw)


def chosen(call: ReadCall, function: Function, qualifier: str, chance: bytes) -> Configuration:
    """The configuration that a call goes to: an alias may share its calls between two versions.

    ``chance`` is two random bytes.
    """
    if not qualifier or is_version(qualifier):
        return configuration(call, function, qualifier)
    alias = _alias(call, function.name, qualifier)
    draw = int.from_bytes(chance, "big") / 65536
    version = alias.version
    for other, weight in alias.weights.items():
        if draw < weight:
            version = other
            break
        draw -= weight
    return configuration(call, function, version)


def provisioned(call: ReadCall, function: str = "") -> list[Provisioning]:
    """Everything that is kept ready, or of one function."""
    prefix = ("provisioned", function) if function else ("provisioned",)
    return [PROVISIONED.decode(raw) for _, raw in call.state.range(prefix)]


def find_url(call: ReadCall, function: str, qualifier: str) -> UrlConfig | None:
    """The address of a function or alias, where it has one."""
    raw = call.state.get(("url", function, qualifier))
    return None if raw is None else URLS.decode(raw)


def put_url(state: Any, url: UrlConfig) -> None:
    state.put(("url", url.function, url.qualifier), URLS.encode(url))


def urls(call: ReadCall, function: str = "") -> list[UrlConfig]:
    """Every address, or those of one function."""
    prefix = ("url", function) if function else ("url",)
    return [URLS.decode(raw) for _, raw in call.state.range(prefix)]


def find_async(call: ReadCall, function: str, event_id: str) -> AsyncEvent | None:
    """An accepted event that has not come to its end."""
    raw = call.state.get(("async", function, event_id))
    return None if raw is None else ASYNC.decode(raw)


def put_async(state: Any, event: AsyncEvent) -> None:
    state.put(("async", event.function, event.id), ASYNC.encode(event))


def delete_async(state: Any, event: AsyncEvent) -> None:
    state.delete(("async", event.function, event.id))


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
