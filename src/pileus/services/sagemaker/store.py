"""Where models, configurations and endpoints lie; names are compared without case.

``model, name``             Model
``endpoint-config, name``   EndpointConfig
``endpoint, name``          Endpoint
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import Call, ReadCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.sagemaker import errors
from pileus.services.sagemaker.model import Endpoint, EndpointConfig, Model

_CODECS: dict[str, RecordCodec[Any]] = {
    "model": RecordCodec(Model),
    "endpoint-config": RecordCodec(EndpointConfig),
    "endpoint": RecordCodec(Endpoint),
}
Record = Model | EndpointConfig | Endpoint


def arn_of(call: Call, kind: str, name: str) -> str:
    """SageMaker's ARNs hold names in lower case."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:{kind}/{name.lower()}"


def find_model(call: ReadCall, name: str) -> Model:
    """The model; raises ValidationException."""
    found: Model = find(call, "model", name)
    return found


def find_config(call: ReadCall, name: str) -> EndpointConfig:
    """The endpoint configuration; raises ValidationException."""
    found: EndpointConfig = find(call, "endpoint-config", name)
    return found


def find_endpoint(call: ReadCall, name: str) -> Endpoint:
    """The endpoint; raises ValidationException."""
    found: Endpoint = find(call, "endpoint", name)
    return found


def find(call: ReadCall, kind: str, name: str) -> Any:
    """A record of a kind; raises ValidationException."""
    found = get(call, kind, name)
    if found is None:
        raise errors.not_found(kind, arn_of(call, kind, name))
    return found


def get(call: ReadCall, kind: str, name: str) -> Any:
    """A record of a kind, or None."""
    raw = call.state.get((kind, name.lower()))
    return None if raw is None else _CODECS[kind].decode(raw)


def add(call: WriteCall, kind: str, record: Record) -> str:
    """Store a new record; its ARN. Raises ValidationException where the name is taken."""
    arn = arn_of(call, kind, record.name)
    if call.state.get((kind, record.name.lower())) is not None:
        raise errors.already_exists(kind, arn)
    put(call, kind, record)
    return arn


def put(call: WriteCall, kind: str, record: Record) -> None:
    """Store a record, and wake who waits for a change of it."""
    key = (kind, record.name.lower())
    call.state.put(key, _CODECS[kind].encode(record))
    call.wake(key)


def remove(call: WriteCall, kind: str, name: str) -> Any:
    """Delete a record and give it back; raises ValidationException where there is none."""
    record = find(call, kind, name)
    call.state.delete((kind, name.lower()))
    return record


def all_of(call: ReadCall, kind: str) -> list[Any]:
    """Every record of a kind, by name."""
    return [_CODECS[kind].decode(raw) for _, raw in call.state.range((kind,))]


def tags_of(request: Any) -> dict[str, str]:
    """The Tags member as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
