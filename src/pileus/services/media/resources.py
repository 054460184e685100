"""The CloudFormation types of this room.

```yaml
Lobby:    {Type: Pileus::Media::Source, Properties: {Pull: "rtsp://…", Segment: 2s, Keep: 1h}}
People:   {Type: Pileus::Media::Engine, Properties: {Handler: people.detect, Mode: object, CodeUri: .,
           Input: {Frames: {Rate: 5, Width: 640}}, Batch: {Size: 8, Window: 200ms}, Scale: {Min: 0, Max: 4, TargetLag: 1s},
           Gate: motion, WhenBehind: newest}}
Newsroom: {Type: Pileus::Media::Pipeline, Properties: {Source: !Ref Lobby, Engines: [!Ref People],
           Deliver: {Bus: default, Stream: !Ref Results}}}
```

A folder as ``CodeUri`` is packed by ``pileus deploy`` and comes here as ``Code: {S3Bucket, S3Key}``.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, require
from pileus.services.media import errors
from pileus.services.media.moments import UNIT_MS, moment_ms
from pileus.services.media.records.places import is_stream
from pileus.values.errors import ServiceError
from pileus.values.times import utc

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_S3_URI = re.compile(r"s3://([^/]+)/(.+)")
_SOURCE = frozenset(
    {"CopyTo", "Enabled", "Keep", "KeepBytes", "KeepResults", "KeepResultsBytes", "Listen", "Name",
     "Options", "Paced", "Pull", "Push", "Records", "Segment"}
)  # fmt: skip
_ENGINE = frozenset(
    {"Batch", "Code", "CodeUri", "DeadLetter", "Environment", "Function", "Gate", "Handler", "Http",
     "ImageConfig", "ImageUri", "Input", "MaxAttempts", "MemorySize", "Mode", "Name", "PackageType",
     "Rewind", "Role", "Runtime", "Scale", "Timeout", "WhenBehind"}
)  # fmt: skip
_PIPELINE = frozenset({"Deliver", "Engines", "From", "Name", "Source"})
_DELIVER = frozenset({"Bus", "Stream", "SkipEmpty"})
_INPUTS = (
    {"Frames"}, {"Audio"}, {"Segments"}, {"Records"}, {"Results"}, {"Frames", "Results"},
)  # fmt: skip
_RECORDS = frozenset(
    {"Every", "Format", "Silence", "StartingPosition", "StartingPositionTimestamp", "TimeField"}
)
_DEFAULTS = {"Format": "auto", "TimeField": "", "EverySeconds": 0.0, "SilenceSeconds": 60.0}
"""What an update goes back to where it names them no more."""
_MEMBERS = {
    "Frames": frozenset({"Rate", "Width", "Format"}),
    "Audio": frozenset({"Rate", "Cut", "Pause", "Min", "Max"}),
    "Segments": frozenset[str](),
    "Records": frozenset[str](),
}
_HTTP = {"Port": 8080, "ReadySeconds": 60}
_LATEST_MS = 1 << 52


def _duration_ms(value: Any, name: str) -> int:
    """``200ms``, ``2s``, ``5m``, ``1h``, ``7d``, or a number of seconds."""
    found = _DURATION.fullmatch(str(value).strip())
    if found is not None:
        return round(float(found[1]) * UNIT_MS[found[2]])
    try:
        return round(float(value) * 1000)
    except (TypeError, ValueError):
        raise errors.invalid(f"{name} is a duration such as 2s or 200ms, not {value!r}.") from None


def _number(given: Mapping[str, Any], name: str, default: int, within: str = "") -> int:
    """A whole number; templates may give it as text."""
    value = given.get(name, default)
    try:
        return int(str(value))
    except ValueError:
        raise errors.invalid(f"{within}{name} is a whole number, not {value!r}.") from None


def _section(given: Mapping[str, Any], name: str, known: frozenset[str]) -> Mapping[str, Any]:
    """A property that holds members, checked for ones that mean nothing; empty where it is absent."""
    found = given.get(name) or {}
    if not isinstance(found, Mapping):
        raise errors.invalid(f"{name} holds {', '.join(sorted(known))}.")
    _only(found, known, f"{name}.")
    return found


def _only(given: Mapping[str, Any], known: frozenset[str], within: str = "") -> None:
    if unknown := sorted(set(given) - known):
        raise errors.invalid(
            f"{within}{unknown[0]} is not a property; there are {', '.join(sorted(known))}."
        )


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _made(call: StreamCall, kind: str, name: str) -> Resource:
    return Resource(name, {"Arn": call.arn(f"{kind}/{name}")})


async def _delete(call: StreamCall, kind: str, request: ResourceRequest) -> None:
    try:
        await call.invoke("media", f"Delete{kind}", {"Name": request.physical_id})
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise


# -- sources ------------------------------------------------------------------------------------


def _source(request: ResourceRequest) -> dict[str, Any]:
    given = request.properties
    _only(given, _SOURCE)
    wanted: dict[str, Any] = {"Options": given.get("Options") or {}}
    if _is_true(given.get("Push", False)):
        wanted["Push"] = True
    if given.get("Listen"):
        wanted["Listen"] = True
        wanted["Url"] = str(given["Listen"])
        if given.get("Pull"):
            raise errors.invalid("A source has Pull, Push or Listen.")
    elif given.get("Pull") or not wanted.get("Push"):
        wanted["Url"] = require(request, "Pull")
    if "Records" in given:
        wanted["Records"] = _records(given)
    if "Segment" in given or not _has_records(given):
        wanted["SegmentSeconds"] = _duration_ms(given.get("Segment", "2s"), "Segment") / 1000
    wanted["KeepSeconds"] = _duration_ms(given.get("Keep", "1h"), "Keep") // 1000
    wanted["KeepBytes"] = _number(given, "KeepBytes", 0)
    results_ms = _duration_ms(given.get("KeepResults", 0), "KeepResults")
    wanted["KeepResultsSeconds"] = results_ms // 1000
    wanted["KeepResultsBytes"] = _number(given, "KeepResultsBytes", 0)
    wanted["CopyTo"] = str(given.get("CopyTo") or "")
    wanted["Paced"] = _is_true(given.get("Paced", True))
    wanted["Enabled"] = _is_true(given.get("Enabled", True))
    return wanted


def _has_records(given: Mapping[str, Any]) -> bool:
    return "Records" in given or is_stream(str(given.get("Pull") or ""))


def _records(given: Mapping[str, Any]) -> dict[str, Any]:
    """``Records: {Format, TimeField, Every, Silence, StartingPosition}``, or ``true`` for none of these."""
    if not isinstance(given["Records"], Mapping):
        if not _is_true(given["Records"]):
            raise errors.invalid(f"Records holds any of {', '.join(sorted(_RECORDS))}, or is true.")
        return dict(_DEFAULTS)
    found = _section(given, "Records", _RECORDS)
    told: dict[str, Any] = dict(_DEFAULTS)
    for name in ("Format", "TimeField", "StartingPosition"):
        if name in found:
            told[name] = str(found[name])
    if "StartingPositionTimestamp" in found:
        at_ms = moment_ms(str(found["StartingPositionTimestamp"]), _LATEST_MS)
        told["StartingPositionTimestamp"] = utc(at_ms)
    for name in ("Every", "Silence"):
        if name in found:
            told[f"{name}Seconds"] = _duration_ms(found[name], f"Records.{name}") / 1000
    return told


async def _put_source(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.physical_id or request.properties.get("Name") or request.generated_name(64)
    operation = "UpdateSource" if request.physical_id else "CreateSource"
    await call.invoke("media", operation, {"Name": name, **_source(request)})
    return _made(call, "source", name)


async def _delete_source(call: StreamCall, request: ResourceRequest) -> None:
    await _delete(call, "Source", request)


# -- engines ------------------------------------------------------------------------------------


def _input(given: Mapping[str, Any]) -> dict[str, Any]:
    """``Input: {Frames: {Rate, Width}}``, ``{Audio: {Rate, Cut, Pause, Min, Max}}`` or ``{Segments: {}}``, and ``Gate``
    beside it; ``{Records: {}}``; ``{Results: engine}``, alone or beside ``Frames``."""
    inputs = given.get("Input")
    names = set(inputs) if isinstance(inputs, Mapping) else set()
    if not isinstance(inputs, Mapping) or names not in _INPUTS:
        raise errors.invalid(
            "Input has either Frames or Audio or Segments or Records or Results, or Frames and Results."
        )
    told: dict[str, Any] = {"Gate": given.get("Gate") or "none"}
    if "Results" in inputs:
        told["Results"] = str(inputs["Results"])
    kind = next((name for name in _MEMBERS if name in inputs), "Results")
    told["Kind"] = kind.lower()
    if kind == "Results":
        return told
    wanted = _section(inputs, kind, _MEMBERS[kind])
    if "Rate" in wanted:
        told["Rate"] = _rate(wanted["Rate"])
    if "Width" in wanted:
        told["Width"] = _number(wanted, "Width", 0, f"Input.{kind}.")
    if "Format" in wanted:
        told["Format"] = str(wanted["Format"])
    if "Cut" in wanted:
        told["Cut"] = str(wanted["Cut"])
    for name in ("Pause", "Min", "Max"):
        if name in wanted:
            told[f"{name}Ms"] = _duration_ms(wanted[name], f"Input.Audio.{name}")
    return told


def _rate(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise errors.invalid(f"Input's Rate is a number, not {value!r}.") from None


def _engine(request: ResourceRequest) -> dict[str, Any]:
    given = request.properties
    _only(given, _ENGINE)
    batch = _section(given, "Batch", frozenset({"Size", "Window"}))
    scale = _section(given, "Scale", frozenset({"Min", "Max", "TargetLag", "Idle"}))
    environment = _section(given, "Environment", frozenset({"Variables"})).get("Variables") or {}
    wanted: dict[str, Any] = {
        **_program(request),
        "Input": _input(given),
        "Batch": {
            "Size": _number(batch, "Size", 1, "Batch."),
            "WindowMs": _duration_ms(batch.get("Window", 0), "Batch.Window"),
        },
        "Scale": {
            "Min": _number(scale, "Min", 0, "Scale."),
            "Max": _number(scale, "Max", 1, "Scale."),
            "TargetLagMs": _duration_ms(scale.get("TargetLag", "1s"), "Scale.TargetLag"),
            "IdleMs": _duration_ms(scale.get("Idle", "1m"), "Scale.Idle"),
        },
        "WhenBehind": given.get("WhenBehind") or _when_behind(given),
        "RewindMs": _duration_ms(given.get("Rewind", 0), "Rewind"),
        "MaxAttempts": _number(given, "MaxAttempts", 3),
        "DeadLetter": given.get("DeadLetter") or "",
        "MemoryMB": _number(given, "MemorySize", 512),
        "TimeoutSeconds": _number(given, "Timeout", 60),
        "Environment": {key: str(value) for key, value in environment.items()},
    }
    if given.get("Role"):
        wanted["Role"] = given["Role"]
    return wanted


def _when_behind(given: Mapping[str, Any]) -> str:
    """Stream engines get all of a stream; segments, records and what is said are worth waiting for."""
    inputs = given.get("Input")
    told = inputs if isinstance(inputs, Mapping) else {}
    is_worth_it = not {"Segments", "Records"}.isdisjoint(told) or "Cut" in (told.get("Audio") or {})
    return "never" if given.get("Mode") == "stream" or is_worth_it else "newest"


def _program(request: ResourceRequest) -> dict[str, Any]:
    """What runs the engine: ``Handler`` in Python; ``Runtime`` or an image for programs that speak HTTP."""
    given = request.properties
    if given.get("Function"):
        for name in ("Handler", "Runtime", "Http", "ImageConfig", "ImageUri", "Code", "CodeUri"):
            if given.get(name):
                raise errors.invalid(f"An engine has either Function or {name}.")
        return {"Function": str(given["Function"])}
    is_image = bool(_image_of(given))
    told: dict[str, Any] = {}
    if given.get("Handler"):
        told["Handler"] = str(given["Handler"])
    # What a template names no more goes back to what it is without.
    told["Runtime"] = str(given.get("Runtime") or "")
    if given.get("PackageType") not in (None, "Image" if is_image else "Zip"):
        raise errors.invalid("PackageType is Image for engines with ImageUri, and Zip for others.")
    if not is_image and not str(given.get("Runtime", "")).startswith("provided"):
        told["Handler"] = require(request, "Handler")
    http = _section(given, "Http", frozenset(_HTTP))
    if http or is_image or told["Runtime"]:
        told["Http"] = {name: _number(http, name, _HTTP[name], "Http.") for name in _HTTP}
    parts = frozenset({"EntryPoint", "Command", "WorkingDirectory"})
    config = _section(given, "ImageConfig", parts)
    if config or is_image:
        told["ImageConfig"] = dict(config)
    return told


def _image_of(given: Mapping[str, Any]) -> str:
    """The name of the image that is the engine's code, or an empty string."""
    code = given.get("Code")
    inside = code.get("ImageUri") if isinstance(code, Mapping) else None
    return str(given.get("ImageUri") or inside or "")


def _code(given: Mapping[str, Any]) -> dict[str, Any]:
    """``Code: {S3Bucket, S3Key}`` or ``{ZipFile}`` (Python, as ``index.py``), or ``CodeUri: s3://bucket/key``; of
    images ``Code: {ImageUri}`` or ``ImageUri``."""
    uri, code = given.get("CodeUri"), given.get("Code")
    if image := _image_of(given):
        if uri or code not in (None, {"ImageUri": image}):
            raise errors.invalid("An engine has either ImageUri or Code or CodeUri.")
        return {"ImageUri": image}
    if uri and code:
        raise errors.invalid("An engine has either Code or CodeUri.")
    if isinstance(code, Mapping):
        if "ZipFile" not in code:
            return dict(code)
        return {**code, "ZipFile": _zipped(str(code["ZipFile"]))}
    found = _S3_URI.fullmatch(str(uri or ""))
    if found is None:
        raise errors.invalid(
            "An engine has Code with S3Bucket and S3Key, or CodeUri s3://bucket/key; a folder as "
            "CodeUri is packed by pileus deploy."
        )
    return {"S3Bucket": found[1], "S3Key": found[2]}


def _zipped(source: str) -> bytes:
    """A package of one module, ``index.py``; the same source gives the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), source)
    return packed.getvalue()


async def _create_engine(call: StreamCall, request: ResourceRequest) -> Resource:
    name = request.properties.get("Name") or request.generated_name(64)
    given = {
        "Name": name,
        "Mode": request.properties.get("Mode") or "object",
        **_engine(request),
    }
    if not request.properties.get("Function"):
        given["Code"] = _code(request.properties)
    await call.invoke("media", "CreateEngine", given)
    return _made(call, "engine", name)


async def _update_engine(call: StreamCall, request: ResourceRequest) -> Resource:
    given = {"Name": request.physical_id, **_engine(request)}
    if not request.properties.get("Function"):
        code = _code(request.properties)
        if request.old_properties.get("Function") or code != _code(request.old_properties):
            given["Code"] = code
    await call.invoke("media", "UpdateEngine", given)
    return _made(call, "engine", request.physical_id)


async def _delete_engine(call: StreamCall, request: ResourceRequest) -> None:
    await _delete(call, "Engine", request)


# -- pipelines ----------------------------------------------------------------------------------


async def _put_pipeline(call: StreamCall, request: ResourceRequest) -> Resource:
    _only(request.properties, _PIPELINE)
    name = request.physical_id or request.properties.get("Name") or request.generated_name(64)
    deliver = dict(_section(request.properties, "Deliver", _DELIVER))
    if "SkipEmpty" in deliver:
        deliver["SkipEmpty"] = _is_true(deliver["SkipEmpty"])
    engines = list(require(request, "Engines"))
    given: dict[str, Any] = {"Name": name, "Engines": engines, "Deliver": deliver}
    given["From"] = str(request.properties.get("From") or "now")
    operation = "UpdatePipeline"
    if not request.physical_id:
        operation, given["Source"] = "CreatePipeline", require(request, "Source")
    await call.invoke("media", operation, given)
    return _made(call, "pipeline", name)


async def _delete_pipeline(call: StreamCall, request: ResourceRequest) -> None:
    await _delete(call, "Pipeline", request)


RESOURCE_TYPES = {
    "Pileus::Media::Source": ResourceType(
        create=_put_source,
        update=_put_source,
        delete=_delete_source,
        replaced_by=frozenset({"Name"}),
    ),
    "Pileus::Media::Engine": ResourceType(
        create=_create_engine,
        update=_update_engine,
        delete=_delete_engine,
        replaced_by=frozenset({"Name", "Mode"}),
    ),
    "Pileus::Media::Pipeline": ResourceType(
        create=_put_pipeline,
        update=_put_pipeline,
        delete=_delete_pipeline,
        replaced_by=frozenset({"Name", "Source"}),
    ),
}
