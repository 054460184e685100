"""Pipelines: which engines look at which source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import Reply, read, stream
from pileus.services.media import chains, delivery_targets, errors, shapes, store
from pileus.services.media.delivering import Deliveries
from pileus.services.media.model import Pipeline
from pileus.services.media.moments import moment_ms
from pileus.services.media.streams import Streams
from pileus.values.body import Body


@stream
async def create_pipeline(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Let engines look at a source, from now on or from any moment that its recording has."""

    def step(write: WriteCall) -> None:
        store.check_new(write.state, "pipeline", request["Name"])
        store.named(write.state, "source", request["Source"])
        pipeline = Pipeline(
            name=request["Name"],
            source=request["Source"],
            engines=[],
            created_ms=write.now_ms,
            deliver=delivery_targets.checked(request.get("Deliver") or {}),
        )
        _join(write, pipeline, request)
        store.put(write.state, "pipeline", pipeline)

    await call.write(step, once=True)
    call.part(Deliveries).align(call, request["Name"])
    await call.part(Streams).lanes_changed(call, request["Source"])
    return Reply({"Pipeline": _shown(call, request["Name"])})


@stream
async def update_pipeline(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Change its engines; those that stay notice nothing."""

    def step(write: WriteCall) -> str:
        pipeline = store.named(write.state, "pipeline", request["Name"])
        _join(write, pipeline, request)
        if request.get("Deliver") is not None:
            pipeline.deliver = delivery_targets.checked(request["Deliver"])
        store.put(write.state, "pipeline", pipeline)
        return str(pipeline.source)

    source = await call.write(step, once=True)
    call.part(Deliveries).align(call, request["Name"])
    await call.part(Streams).lanes_changed(call, source)
    return Reply({"Pipeline": _shown(call, request["Name"])})


@stream
async def delete_pipeline(call: StreamCall, request: Mapping[str, Any], body: Body | None) -> Reply:
    """Its engines look at the source no more; their results stay while the source does."""

    def step(write: WriteCall) -> str:
        pipeline = store.named(write.state, "pipeline", request["Name"])
        write.state.delete(("pipeline", request["Name"]))
        return str(pipeline.source)

    source = await call.write(step, once=True)
    call.part(Deliveries).align(call, request["Name"])
    await call.part(Streams).lanes_changed(call, source)
    return Reply({})


@stream
async def describe_pipeline(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> Reply:
    """A pipeline, and how its deliveries fare."""
    told: dict[str, Any] = {"Pipeline": _shown(call, request["Name"])}
    if deliveries := call.part(Deliveries).shown(call, request["Name"]):
        told["Deliveries"] = deliveries
    return Reply(told)


@read
def list_pipelines(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Pipelines in order of name."""
    found, token = store.page(call.state, "pipeline", request)
    output: dict[str, Any] = {"Pipelines": [shapes.pipeline(call, each) for each in found]}
    return output | ({"NextToken": token} if token else {})


def _engines(write: WriteCall, request: Mapping[str, Any]) -> list[str]:
    names = list(dict.fromkeys(request["Engines"]))
    if len(names) < len(request["Engines"]):
        raise errors.invalid("Engines names one twice.")
    for name in names:
        store.named(write.state, "engine", name)
    chains.check(write, names)
    return names


def _join(write: WriteCall, pipeline: Pipeline, request: Mapping[str, Any]) -> None:
    """Give a pipeline its engines; new ones begin at the moment that ``From`` tells."""
    pipeline.begin = request.get("From", pipeline.begin)
    begins_ms = moment_ms(pipeline.begin, write.now_ms)
    names = _engines(write, request)
    chains.check_source(write, pipeline.source, names)
    new = [name for name in names if name not in pipeline.engines]
    pipeline.engines = names
    before = {name: at_ms for name, at_ms in pipeline.begins.items() if name in names}
    pipeline.begins = before | dict.fromkeys(new, begins_ms)
    earlier = [name for name in pipeline.is_earlier if name in names and name not in new]
    pipeline.is_earlier = earlier + (new if begins_ms < write.now_ms else [])


def _shown(call: StreamCall, name: str) -> dict[str, Any]:
    return call.read(lambda view: shapes.pipeline(view, store.named(view.state, "pipeline", name)))
