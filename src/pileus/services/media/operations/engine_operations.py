"""Engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.media import chains, engine_code, errors, shapes, store
from pileus.services.media.engine_code import Code
from pileus.services.media.engine_inputs import engine_input
from pileus.services.media.engines import Engines
from pileus.services.media.model import Engine, EngineHttp, EngineImage
from pileus.services.media.streams import Streams
from pileus.values.arns import Arn, is_arn
from pileus.values.body import Body


@stream
async def create_engine(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Keep an engine; it runs once a pipeline has it."""
    if call.remembered() is not None:
        return Reply({"Engine": _shown(call, request["Name"])})
    call.read(lambda view: store.check_new(view.state, "engine", request["Name"]))
    function = request.get("Function") or ""
    if function and request.get("Code"):
        raise errors.invalid("An engine has either Code or Function.")
    code = engine_code.NONE
    if not function:
        code = await engine_code.kept(call, request.get("Code") or {})

    def step(write: WriteCall) -> bool:
        store.check_new(write.state, "engine", request["Name"])
        engine = Engine(
            name=request["Name"],
            mode=request["Mode"],
            handler="",
            blob="",
            sha256="",
            size_bytes=0,
            created_ms=write.now_ms,
            input=engine_input(request["Input"]),
            when_behind="newest",
            function=function,
        )
        code.give(engine)
        _apply(write, engine, request, is_new=True)
        store.put(write.state, "engine", engine)
        return True  # remembered: what is written once is told from what was not written

    await call.write(step, once=True)
    return Reply({"Engine": _shown(call, request["Name"])})


@stream
async def update_engine(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Change an engine; its lanes go on with the new one."""
    call.read(lambda view: store.named(view.state, "engine", request["Name"]))
    code: Code | None = None
    if request.get("Code"):
        code = await engine_code.kept(call, request["Code"])

    def step(write: WriteCall) -> dict[str, Any]:
        engine: Engine = store.named(write.state, "engine", request["Name"])
        if bool(engine.function) != bool(request.get("Function", engine.function)) or (
            engine.function and code is not None
        ):
            raise errors.invalid("An engine of a function stays one; make another for code.")
        engine.function = request.get("Function", engine.function)
        replaced = {} if code is None else _named_code(engine)
        if code is not None:
            code.give(engine)
        if "Input" in request:
            engine.input = engine_input(request["Input"])
        _apply(write, engine, request)
        store.put(write.state, "engine", engine)
        chains.check_change(write, engine.name)
        return replaced

    replaced = await call.write(step, once=True)
    await call.part(Streams).engine_changed(call, request["Name"])
    await _let_go(call, replaced)
    return Reply({"Engine": _shown(call, request["Name"])})


@stream
async def delete_engine(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Forget an engine that no pipeline has."""
    name = request["Name"]

    def step(write: WriteCall) -> dict[str, Any]:
        engine: Engine = store.named(write.state, "engine", name)
        for pipeline in store.every(write.state, "pipeline"):
            if name in pipeline.engines:
                raise errors.in_use("engine", name, pipeline.name)
        write.state.delete(("engine", name))
        return _named_code(engine)

    named = await call.write(step, once=True)
    await call.part(Engines).retire(call, name)
    await _let_go(call, named)
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


def _named_code(engine: Engine) -> dict[str, Any]:
    """What an engine names, as a write may remember it."""
    image = engine.image
    return {"blob": engine.blob, "image": image and msgspec.structs.asdict(image)}


async def _let_go(call: StreamCall, named: Mapping[str, Any]) -> None:
    if named:
        image = named["image"]
        await engine_code.let_go(call, named["blob"], image and EngineImage(**image))


def _apply(
    write: WriteCall, engine: Engine, request: Mapping[str, Any], *, is_new: bool = False
) -> None:
    _apply_program(engine, request)
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
    is_worth_it = engine.input.is_whole or engine.input.kind == "records"
    is_behind_never = engine.mode == "stream" or is_worth_it
    if "WhenBehind" in request:
        engine.when_behind = request["WhenBehind"]
    elif is_new and is_behind_never:
        engine.when_behind = "never"
    if "DeadLetter" in request:
        engine.dead_letter = _dead_letter(request["DeadLetter"])
    engine.rewind_ms = request.get("RewindMs", engine.rewind_ms)
    _check_mode(engine)
    _check_program(engine)
    if engine.scale_min > engine.scale_max or not engine.scale_max:
        raise errors.invalid("Scale.Max is at least 1 and not below Scale.Min.")
    engine.revision = write.new_id()


def _apply_program(engine: Engine, request: Mapping[str, Any]) -> None:
    """What runs the engine: Python here, a function, or a program that speaks HTTP."""
    if engine.function:
        for name in ("Handler", "Runtime", "Http", "ImageConfig", "Environment", "Role"):
            if request.get(name):
                raise errors.invalid(f"{name} is for engines with Code; a function has its own.")
        _choose_format(engine, request)
        return
    has_image = engine.image is not None
    engine.runtime = request.get("Runtime", "" if has_image else engine.runtime)
    engine.handler = request.get("Handler", "" if has_image else engine.handler)
    if engine.image is None and not engine.runtime:
        if request.get("Http"):
            raise errors.invalid(
                "Http is for engines that speak it: those with Code.ImageUri, or a Runtime of nodejs or "
                "provided."
            )
        engine.http = None
    else:
        http, given = engine.http or EngineHttp(), request.get("Http") or {}
        engine.http = EngineHttp(
            port=given.get("Port", http.port), ready_s=given.get("ReadySeconds", http.ready_s)
        )
        _choose_format(engine, request)
    if (config := request.get("ImageConfig")) and engine.image is None:
        raise errors.invalid("ImageConfig is for engines with Code.ImageUri.")
    if config is not None and engine.image is not None:
        engine.image = msgspec.structs.replace(
            engine.image,
            entrypoint=list(config.get("EntryPoint") or ()),
            command=list(config.get("Command") or ()),
            working_dir=config.get("WorkingDirectory") or "",
        )


def _choose_format(engine: Engine, request: Mapping[str, Any]) -> None:
    """Pictures are files for those who are not in Python, unless they choose otherwise."""
    is_chosen = "Format" in (request.get("Input") or {"Format": ""})
    if engine.input.kind == "frames" and not is_chosen:
        engine.input = msgspec.structs.replace(engine.input, format="jpeg")


def _check_program(engine: Engine) -> None:
    """Raise ValidationException for what does not go together."""
    if engine.function and engine.mode == "stream":
        raise errors.invalid("Functions are object engines: an invocation has its pieces only.")
    if engine.function:
        return
    if engine.image is not None and (engine.runtime or engine.handler):
        raise errors.invalid("An engine with Code.ImageUri has neither Runtime nor Handler.")
    needs_handler = engine.http is None or engine.runtime.startswith("nodejs")
    if engine.image is None and needs_handler and not engine.handler:
        raise errors.invalid("Handler is what an engine in Python or Node.js needs.")
    if engine.http is not None and engine.mode == "stream":
        raise errors.invalid(
            "Engines that speak HTTP are object engines: a request has one piece. Stream engines are written in "
            "Python."
        )
    if engine.http is None and engine.input.format:
        raise errors.invalid(
            "Input.Format jpeg is for functions and engines that speak HTTP; those in Python get arrays."
        )


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


def _shown(call: StreamCall, name: str) -> dict[str, Any]:
    return call.read(lambda view: shapes.engine(view, store.named(view.state, "engine", name)))
