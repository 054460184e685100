"""Engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.compute.errors import PackageError
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.media import chains, errors, shapes, store
from pileus.services.media.engine_inputs import engine_input
from pileus.services.media.engines import Engines, code_prefix
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import Engine
from pileus.services.media.streams import Streams
from pileus.values.arns import Arn, is_arn
from pileus.values.body import Body, BytesBody
from pileus.values.errors import ServiceError

Code = tuple[str, str, int]
"""Blob, SHA-256 in Base64, bytes."""


@stream
async def create_engine(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Keep an engine; it runs once a pipeline has it."""
    if call.remembered() is not None:
        return Reply({"Engine": _shown(call, request["Name"])})
    call.read(lambda view: store.check_new(view.state, "engine", request["Name"]))
    code = await _store_code(call, request["Code"])

    def step(write: WriteCall) -> bool:
        store.check_new(write.state, "engine", request["Name"])
        engine = Engine(
            name=request["Name"],
            mode=request["Mode"],
            handler=request["Handler"],
            blob=code[0],
            sha256=code[1],
            size_bytes=code[2],
            created_ms=write.now_ms,
            input=engine_input(request["Input"]),
            when_behind="newest",
        )
        _apply(write, engine, request, is_new=True)
        store.put(write.state, "engine", engine)
        return True  # remembered: what is written once is told from what was not written

    await call.write(step, once=True)
    return Reply({"Engine": _shown(call, request["Name"])})


@stream
async def update_engine(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Change an engine; its lanes go on with the new one."""
    call.read(lambda view: store.named(view.state, "engine", request["Name"]))
    code = await _store_code(call, request["Code"]) if request.get("Code") else None

    def step(write: WriteCall) -> str:
        engine: Engine = store.named(write.state, "engine", request["Name"])
        replaced = engine.blob if code is not None else ""
        if code is not None:
            engine.blob, engine.sha256, engine.size_bytes = code
        engine.handler = request.get("Handler", engine.handler)
        if "Input" in request:
            engine.input = engine_input(request["Input"])
        _apply(write, engine, request)
        store.put(write.state, "engine", engine)
        chains.check_change(write, engine.name)
        return replaced

    replaced = await call.write(step, once=True)
    await call.part(Streams).engine_changed(call, request["Name"])
    if replaced:
        await call.blobs.delete(replaced)
    return Reply({"Engine": _shown(call, request["Name"])})


@stream
async def delete_engine(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Forget an engine that no pipeline has."""
    name = request["Name"]

    def step(write: WriteCall) -> str:
        engine = store.named(write.state, "engine", name)
        for pipeline in store.every(write.state, "pipeline"):
            if name in pipeline.engines:
                raise errors.in_use("engine", name, pipeline.name)
        write.state.delete(("engine", name))
        return str(engine.blob)

    blob = await call.write(step, once=True)
    await call.part(Engines).retire(call, name)
    await call.blobs.delete(blob)
    return Reply({})


@read
def describe_engine(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """An engine as it is configured now."""
    return {"Engine": shapes.engine(call, store.named(call.state, "engine", request["Name"]))}


@read
def list_engines(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Engines in order of name."""
    found, token = store.page(call.state, "engine", request)
    output: dict[str, Any] = {"Engines": [shapes.engine(call, each) for each in found]}
    return output | ({"NextToken": token} if token else {})


def _apply(
    write: WriteCall, engine: Engine, request: Mapping[str, Any], *, is_new: bool = False
) -> None:
    engine.role = request.get("Role", engine.role)
    engine.memory_mb = request.get("MemoryMB", engine.memory_mb)
    engine.timeout_s = request.get("TimeoutSeconds", engine.timeout_s)
    engine.environment = dict(request.get("Environment", engine.environment))
    batch, scale = request.get("Batch") or {}, request.get("Scale") or {}
    engine.batch_size = batch.get("Size", engine.batch_size)
    engine.window_ms = batch.get("WindowMs", engine.window_ms)
    engine.scale_min = scale.get("Min", engine.scale_min)
    engine.scale_max = scale.get("Max", engine.scale_max)
    engine.target_lag_ms = scale.get("TargetLagMs", engine.target_lag_ms)
    engine.idle_ms = scale.get("IdleMs", engine.idle_ms)
    engine.attempts_max = request.get("MaxAttempts", engine.attempts_max)
    is_behind_never = engine.mode == "stream" or engine.input.is_whole
    if "WhenBehind" in request:
        engine.when_behind = request["WhenBehind"]
    elif is_new and is_behind_never:
        engine.when_behind = "never"
    if "DeadLetter" in request:
        engine.dead_letter = _dead_letter(request["DeadLetter"])
    engine.rewind_ms = request.get("RewindMs", engine.rewind_ms)
    _check_mode(engine)
    if engine.scale_min > engine.scale_max or not engine.scale_max:
        raise errors.invalid("Scale.Max is at least 1 and not below Scale.Min.")
    engine.revision = write.new_id()


def _dead_letter(given: str) -> str:
    """The ARN of a queue, or an empty string for none; raises ValidationException."""
    if given and not (is_arn(given) and Arn.parse(given).service == "sqs"):
        raise errors.invalid(f"DeadLetter is the ARN of an SQS queue, not {given}.")
    return given


def _check_mode(engine: Engine) -> None:
    """A stream engine has one instance, which gets pieces in order."""
    if engine.mode == "stream" and (engine.scale_max > 1 or engine.batch_size > 1):
        raise errors.invalid(
            "A stream engine has one instance for a stream, which gets pieces one by one: Scale.Max and "
            "Batch.Size are 1."
        )
    if engine.mode == "stream" and engine.input.is_whole:
        raise errors.invalid(
            "Segments and sound that is cut at silences are for object engines; a stream engine gets the sound "
            "whole."
        )
    if engine.input.kind == "segments" and engine.when_behind != "never":
        raise errors.invalid(
            "Segments are recorded, so none is left out: WhenBehind of an engine that gets them is never."
        )
    if engine.mode != "stream" and engine.rewind_ms:
        raise errors.invalid("Rewind is for stream engines; others get each piece for itself.")


async def _store_code(call: StreamCall, given: Mapping[str, Any]) -> Code:
    """Keep a package in Blobs, checked; raises ValidationException."""
    body = await _package(call, given)
    blob = code_prefix(call) + call.random_bytes(16).hex()
    try:
        kept = await call.part(Engines).code.keep(blob, body)
    except PackageError as problem:
        raise errors.invalid(str(problem)) from None
    return blob, kept.sha256, kept.size_bytes


async def _package(call: StreamCall, given: Mapping[str, Any]) -> Body:
    if given.get("ZipFile") is not None:
        if len(given["ZipFile"]) > LIMITS.code_bytes_max:
            raise errors.invalid("Code.ZipFile is larger than 50 MiB; put it into a bucket.")
        return BytesBody(given["ZipFile"])
    if not (given.get("S3Bucket") and given.get("S3Key")):
        raise errors.invalid("Code has neither ZipFile nor S3Bucket and S3Key.")
    wanted = {"Bucket": given["S3Bucket"], "Key": given["S3Key"]}
    if given.get("S3ObjectVersion"):
        wanted["VersionId"] = given["S3ObjectVersion"]
    try:
        reply = await call.invoke("s3", "GetObject", wanted)
    except ServiceError as problem:
        raise errors.invalid(f"Code cannot be had from S3: {problem}") from None
    return reply.body or BytesBody(b"")


def _shown(call: StreamCall, name: str) -> dict[str, Any]:
    return call.read(lambda view: shapes.engine(view, store.named(view.state, "engine", name)))
