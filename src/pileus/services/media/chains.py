"""Engines that get what other engines say: which stand in one pipeline, and in what order."""

from __future__ import annotations

from collections.abc import Sequence

from pileus.kernel.calls import WriteCall
from pileus.services.media import errors, store
from pileus.services.media.model import Engine


def check(write: WriteCall, names: Sequence[str]) -> None:
    """Raise ValidationException where an engine's other engine is not in the pipeline, or comes back to it."""
    engines: dict[str, Engine] = {name: store.named(write.state, "engine", name) for name in names}
    for engine in engines.values():
        other = engines.get(engine.input.results) if engine.input.results else None
        if engine.input.results and other is None:
            raise errors.invalid(
                f"The engine {engine.name} gets the results of {engine.input.results}, which is not "
                "in the pipeline."
            )
        if other is not None and engine.input.kind == "frames":
            _check_frames(engine, other)
        seen = {engine.name}
        while other is not None:
            if other.name in seen:
                raise errors.invalid(f"The engine {other.name} gets its own results.")
            seen.add(other.name)
            other = engines.get(other.input.results)


def check_source(write: WriteCall, source: str, names: Sequence[str]) -> None:
    """Raise ValidationException where an engine wants records of a source of media, or the other way round."""
    has_records = store.named(write.state, "source", source).records is not None
    for name in names:
        kind = store.named(write.state, "engine", name).input.kind
        if kind != "results" and (kind == "records") != has_records:
            refused = errors.has_records if has_records else errors.has_media
            raise refused(source, f" The engine {name} wants {kind}.")


def _check_frames(engine: Engine, other: Engine) -> None:
    is_same = other.input.kind == "frames" and other.input.rate == engine.input.rate
    if other.mode != "object" or not is_same:
        raise errors.invalid(
            f"The engine {engine.name} gets frames with the results of {other.name}, which is to be an "
            f"object engine with frames of the same Rate."
        )


def check_change(write: WriteCall, engine: str) -> None:
    """The same for every pipeline that has an engine."""
    for pipeline in store.every(write.state, "pipeline"):
        if engine in pipeline.engines:
            check(write, pipeline.engines)
            check_source(write, pipeline.source, pipeline.engines)
