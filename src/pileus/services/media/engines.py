"""From an engine's record to running instances of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result, Target
from pileus.compute.code_store import CodeStore
from pileus.compute.errors import PackageError
from pileus.compute.host_environment import HostEnvironment
from pileus.compute.pools import Pools
from pileus.compute.roles import Roles
from pileus.kernel.calls import Call, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.nodes import InstanceKind, InstanceSpec, NoCapacity, RuntimeUnavailable
from pileus.services.media import store
from pileus.services.media.model import Engine

_log = logging.getLogger("pileus.media")
_SESSION = "MediaEngine"
_INIT_S = 120.0


class Engines:
    """Runs engines on pools of their own; the platform has one."""

    pools: Pools
    """Set by ``parts``: pools need :meth:`credentials`, and this needs pools."""

    def __init__(self, kernel: Kernel, code: CodeStore, host: HostEnvironment) -> None:
        self._kernel = kernel
        self._roles = Roles(kernel, "media")
        self._host = host
        self._targets: dict[tuple[str, str], Target] = {}
        self.code = code

    async def invoke(
        self, call: StreamCall, engine: Engine, rings_dir: str, payload: bytes
    ) -> Result:
        """Run one call of an engine on a free instance, or on a new one.

        Raises BlobNotFound, PackageError, RuntimeUnavailable, ServiceError.
        """
        target = await self._target(call, engine, rings_dir)
        request = ComputeCall(
            request_id=call.new_id(),
            payload=payload,
            invoked_arn=store.arn_of(call, "engine", engine.name),
        )
        return await asyncio.shield(self.pools.invoke(target, request))

    def expect(self, call: StreamCall, engine: Engine, rings_dir: str) -> None:
        """Make ready for the first piece what does not depend on it; returns at once.

        What fails here fails again, and is told, at the first piece.
        """
        name = f"making engine {engine.name} ready"
        call.spawn(name, self._expect(call, engine, rings_dir))

    async def _expect(self, call: StreamCall, engine: Engine, rings_dir: str) -> None:
        try:
            await self.pools.prepare((await self._target(call, engine, rings_dir)).spec)
        except (
            BlobNotFound,
            BlobsUnavailable,
            NoCapacity,
            PackageError,
            RuntimeUnavailable,
        ) as problem:
            _log.info("engine %s is not ready for a piece yet: %s", engine.name, problem)

    async def _target(self, call: StreamCall, engine: Engine, rings_dir: str) -> Target:
        key = (scope_of(call), engine.name)
        target = self._targets.get(key)
        if target is None or target.revision != engine.revision:
            target = Target(
                scope=key[0],
                function=engine.name,
                version="$LATEST",
                revision=engine.revision,
                spec=await self._spec(call, engine, rings_dir),
                role=engine.role,
            )
            self._targets[key] = target
        return target

    async def _spec(self, call: StreamCall, engine: Engine, rings_dir: str) -> InstanceSpec:
        folder = await self.code.folder([engine.blob])
        environment = {
            "AWS_DEFAULT_REGION": call.region,
            "AWS_ENDPOINT_URL": self._kernel.endpoint,
            "AWS_REGION": call.region,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **engine.environment,
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(engine.name),
        }
        return InstanceSpec(
            name=f"{scope_of(call)}/{engine.name}:engine",
            runtime=self._host.runtime,
            handler=engine.handler,
            code_dir=str(folder),
            shown=(*self._host.folders, rings_dir),
            python_path=self._host.folders,
            environment=environment,
            memory_mb=engine.memory_mb,
            timeout_s=engine.timeout_s,
            init_timeout_s=_INIT_S,
            kind=InstanceKind.ENGINE,
        )

    async def retire(self, call: StreamCall, name: str) -> None:
        """End the instances of an engine that changed or is gone; busy ones after their call."""
        self._targets.pop((scope_of(call), name), None)
        await self.pools.retire(scope_of(call), name)

    async def credentials(self, target: Target) -> Mapping[str, str]:
        """The role's short-lived keys as environment variables; what Pools asks for."""
        return await self._roles.variables(target, _SESSION)


def scope_of(call: Call) -> str:
    """How pools name an account and region."""
    return f"{call.account}/{call.region}"


def log_group(engine: str) -> str:
    """Where an engine's instances write."""
    return f"/pileus/media/engines/{engine}"


def code_prefix(call: Call) -> str:
    """Below which the packages of an account and region lie in Blobs."""
    return f"media/code/{call.account}/{call.region}/"
