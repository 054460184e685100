"""From an engine's record to running instances of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec.structs import replace

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result, Target
from pileus.compute.code_store import CodeStore
from pileus.compute.engines.lane import Chunk
from pileus.compute.errors import PackageError
from pileus.compute.function_images import FunctionImages
from pileus.compute.host_environment import HostEnvironment
from pileus.compute.images.catalogue import space_of
from pileus.compute.images.model import Image
from pileus.compute.pools import Pools
from pileus.compute.reports import EXIT_ERROR, OUT_OF_MEMORY, TIMED_OUT, error_type
from pileus.compute.role_tokens import RoleTokens
from pileus.compute.roles import Roles
from pileus.compute.session import Session
from pileus.kernel.calls import Call, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.nodes import (
    HttpProgram,
    ImageRoot,
    InstanceKind,
    InstanceSpec,
    LeaseLost,
    NoCapacity,
    RuntimeUnavailable,
)
from pileus.services.media import store
from pileus.services.media.model import Engine
from pileus.values.errors import PileusError, ServiceError

_log = logging.getLogger("pileus.media")
_SESSION = "MediaEngine"
_INIT_S = 120.0
_IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTANCE_LOST = frozenset({EXIT_ERROR, OUT_OF_MEMORY, TIMED_OUT})
REASON_MAX = 2000
"""Characters of a reason that are kept."""


class CannotRun(PileusError):
    """An engine cannot be called now, for a reason that is none of its own code."""


class EngineFailed(PileusError):
    """The engine's own code failed at a call. ``is_lost``: its instance with it."""

    def __init__(self, reason: str, *, is_lost: bool) -> None:
        super().__init__(reason)
        self.is_lost = is_lost


_CANNOT = (
    BlobNotFound,
    BlobsUnavailable,
    NoCapacity,
    PackageError,
    RuntimeUnavailable,
    ServiceError,
)


def _reason(why: Exception) -> str:
    return f"{why.code}: {why.message}" if isinstance(why, ServiceError) else str(why)


def _request(call: StreamCall, engine: Engine, event: dict[str, Any]) -> ComputeCall:
    return ComputeCall(
        request_id=call.new_id(),
        payload=orjson.dumps(event),
        invoked_arn=store.arn_of(call, "engine", engine.name),
    )


def _answer(result: Result) -> dict[str, Any]:
    """What an instance told. Raises EngineFailed."""
    if result.function_error:
        is_lost = error_type(result.payload) in _INSTANCE_LOST
        raise EngineFailed(words_of(result.payload), is_lost=is_lost)
    told: dict[str, Any] = orjson.loads(result.payload)
    return told


def words_of(payload: bytes) -> str:
    """The reason of an error document."""
    try:
        told = orjson.loads(payload)
        return f"{told.get('errorType', 'Error')}: {told.get('errorMessage', '')}"
    except (orjson.JSONDecodeError, AttributeError):
        return payload[:REASON_MAX].decode(errors="replace")


def segments_event(chunks: list[Chunk], source: str, paths: Mapping[int, str]) -> dict[str, Any]:
    """What an instance is told of segments, which lie at paths that it sees, by number."""
    told = event_of([replace(each, record=None) for each in chunks], source)
    for piece in told["chunks"]:
        piece["segment"] = paths[piece["number"]]
    return told


def event_of(chunks: list[Chunk], source: str, **more: Any) -> dict[str, Any]:
    """What an instance is told of pieces, which lie in one ring (``runtime/engine_client.py``)."""
    told = []
    for each in chunks:
        piece = {
            "number": each.number,
            "start_ms": each.start_ms,
            "stop_ms": each.stop_ms,
            "source": source,
        }
        told.append(piece if each.record is None else {**piece, "record": each.record})
    first = chunks[0]
    return {"op": "chunks", "ring": first.ring, "stream": first.stream, "chunks": told, **more}


class EngineInstance:
    """An instance that has one stream, from its first piece to its end."""

    def __init__(self, session: Session) -> None:
        self._session, self._is_warm = session, False

    async def ask(self, call: StreamCall, engine: Engine, event: dict[str, Any]) -> dict[str, Any]:
        """One call, one at a time. Raises EngineFailed, CannotRun; after the latter, or once it is not
        :attr:`is_alive`, there is nothing left but to close it."""
        request = _request(call, engine, event)
        is_warm, self._is_warm = self._is_warm, True
        try:
            invoke = self._session.invoke if is_warm else self._session.invoke_cold
            return _answer(await invoke(request))
        except (*_CANNOT, LeaseLost) as why:
            raise CannotRun(_reason(why)) from why

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked again."""
        return self._session.is_alive

    async def close(self) -> None:
        """End it."""
        await self._session.close()


class Engines:
    """Runs engines on pools of their own; the platform has one."""

    pools: Pools
    """Set by ``parts``: pools need :meth:`credentials`, and this needs pools."""

    def __init__(
        self, kernel: Kernel, code: CodeStore, host: HostEnvironment, images: FunctionImages
    ) -> None:
        self._kernel = kernel
        self._roles = Roles(kernel, "media")
        self.tokens = RoleTokens(self._roles)
        self._host = host
        self._targets: dict[tuple[str, str], Target] = {}
        self._lasting: set[str] = set()
        """Specs of engines whose instances last as long as their stream."""
        self.code = code
        self.images = images

    async def invoke(
        self, call: StreamCall, engine: Engine, rings_dir: str, event: dict[str, Any]
    ) -> dict[str, Any]:
        """Run one call of an engine on a free instance, or on a new one. Raises CannotRun, EngineFailed."""
        request = _request(call, engine, event)
        try:
            target = await self._target(call, engine, rings_dir)
            return _answer(await asyncio.shield(self.pools.invoke(target, request)))
        except _CANNOT as why:
            raise CannotRun(_reason(why)) from why

    async def instance(self, call: StreamCall, engine: Engine, rings_dir: str) -> EngineInstance:
        """An instance that is nobody else's, for whoever closes it. Raises CannotRun."""
        try:
            target = await self._target(call, engine, rings_dir)
            return EngineInstance(await self.pools.new_session(target))
        except _CANNOT as why:
            raise CannotRun(_reason(why)) from why

    def alive(self, call: StreamCall, engine: str) -> int:
        """Instances of an object engine, idle ones with them, that all its lanes share."""
        return sum(self.pools.counts().get((scope_of(call), engine, "$LATEST"), (0, 0)))

    def expect(self, call: StreamCall, engine: Engine, rings_dir: str) -> None:
        """Make ready for the first piece what does not depend on it; returns at once.

        What fails here fails again, and is told, at the first piece.
        """
        if engine.function:
            return
        name = f"making engine {engine.name} ready"
        call.spawn(name, self._expect(call, engine, rings_dir))

    async def _expect(self, call: StreamCall, engine: Engine, rings_dir: str) -> None:
        try:
            target = await self._target(call, engine, rings_dir)
            if target.image is not None:
                holder = f"{scope_of(call)}/{engine.name} soon"
                await self.images.unpacked(target.image, holder)
                self.images.release(holder)
            await self.pools.prepare(target.spec)
        except _CANNOT as why:
            _log.info("engine %s is not ready for a piece yet: %s", engine.name, _reason(why))

    async def _target(self, call: StreamCall, engine: Engine, rings_dir: str) -> Target:
        key = (scope_of(call), engine.name)
        target = self._targets.get(key)
        if target is None or target.revision != engine.revision:
            image = self._image(engine)
            if image is None:
                spec = await self._spec(call, engine, rings_dir)
            else:
                spec = self._image_spec(call, engine, rings_dir, image)
            target = Target(
                scope=key[0],
                function=engine.name,
                version="$LATEST",
                revision=engine.revision,
                spec=spec,
                role=engine.role,
                image=image,
            )
            self._targets[key] = target
            if engine.mode == "stream":
                self._lasting.add(target.spec.name)
        return target

    def _image(self, engine: Engine) -> Image | None:
        """The image that an engine runs; None for one with a package. Raises BlobNotFound."""
        kept = engine.image
        if kept is None:
            return None
        image = self.images.pinned(space_of(kept.account, kept.region), kept.pin)
        if image is None:
            raise BlobNotFound(kept.uri)
        return image

    def _environment(self, call: StreamCall, engine: Engine) -> dict[str, str]:
        told = {
            "AWS_DEFAULT_REGION": call.region,
            "AWS_ENDPOINT_URL": self._kernel.endpoint,
            "AWS_REGION": call.region,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "ORT_DISABLE_TELEMETRY": "1",
        }
        if engine.http is not None:
            told["PORT"] = str(engine.http.port)
        return {
            **told,
            **engine.environment,
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(engine.name),
        }

    async def _spec(self, call: StreamCall, engine: Engine, rings_dir: str) -> InstanceSpec:
        folder = await self.code.folder([engine.blob])
        # Other languages have no use for the packages that Python engines see.
        libraries = () if engine.http else self._host.folders
        return InstanceSpec(
            name=f"{scope_of(call)}/{engine.name}:engine",
            runtime=engine.runtime or self._host.runtime,
            handler=engine.handler,
            code_dir=str(folder),
            shown=(*libraries, rings_dir),
            python_path=libraries,
            environment=self._environment(call, engine),
            memory_mb=engine.memory_mb,
            timeout_s=engine.timeout_s,
            init_timeout_s=_INIT_S,
            kind=InstanceKind.ENGINE,
            http=_http_program(engine, rings_dir),
        )

    def _image_spec(
        self, call: StreamCall, engine: Engine, rings_dir: str, image: Image
    ) -> InstanceSpec:
        own, told = image.config, engine.image
        assert told is not None
        root = ImageRoot(
            entrypoint=tuple(told.entrypoint or own.entrypoint),
            command=tuple(told.command or own.command),
            working_dir=told.working_dir or own.working_dir,
        )
        pairs = (text.partition("=") for text in own.environment)
        inside = {"PATH": _IMAGE_PATH, **{name: value for name, _, value in pairs}}
        return InstanceSpec(
            name=f"{scope_of(call)}/{engine.name}:engine",
            runtime="provided",
            handler="",
            code_dir="",
            environment={**inside, **self._environment(call, engine)},
            memory_mb=engine.memory_mb,
            timeout_s=engine.timeout_s,
            init_timeout_s=_INIT_S,
            kind=InstanceKind.ENGINE,
            image=root,
            http=_http_program(engine, rings_dir),
        )

    async def retire(self, call: StreamCall, name: str) -> None:
        """End the instances of an engine that changed or is gone; busy ones after their call."""
        target = self._targets.pop((scope_of(call), name), None)
        if target is not None:
            self.tokens.forget(target.spec.name)
            self._lasting.discard(target.spec.name)
        await self.pools.retire(scope_of(call), name)

    async def credentials(self, target: Target) -> Mapping[str, str]:
        """Environment variables by which an instance is its role; what Pools asks for.

        Pools end instances of object engines before their keys end. A stream may last longer than any keys:
        its engine fetches them, and anew in time.
        """
        if target.spec.name in self._lasting:
            return await self.tokens.variables(target.spec.name, target, _SESSION)
        return await self._roles.variables(target, _SESSION)


def _http_program(engine: Engine, rings_dir: str) -> HttpProgram | None:
    http = engine.http
    if http is None:
        return None
    return HttpProgram(port=http.port, ready_s=http.ready_s, rings_dir=rings_dir)


def scope_of(call: Call) -> str:
    """How pools name an account and region."""
    return f"{call.account}/{call.region}"


def log_group(engine: str) -> str:
    """Where an engine's instances write."""
    return f"/pileus/media/engines/{engine}"


def code_prefix(call: Call) -> str:
    """Below which the packages of an account and region lie in Blobs."""
    return f"media/code/{call.account}/{call.region}/"
