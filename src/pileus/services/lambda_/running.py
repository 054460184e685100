"""From a function's record to a running instance."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import msgspec

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result, Target
from pileus.compute.code_store import CodeStore
from pileus.compute.environment import Identity, variables
from pileus.compute.errors import PackageError
from pileus.compute.function_images import FunctionImages
from pileus.compute.host_environment import HostEnvironment
from pileus.compute.images.catalogue import space_of
from pileus.compute.images.model import Image
from pileus.compute.pools import Pools
from pileus.compute.role_tokens import RoleTokens
from pileus.compute.roles import Roles
from pileus.kernel.kernel import Kernel
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.nodes import (
    ImageRoot,
    InstanceSpec,
    NoCapacity,
    RuntimeUnavailable,
    SnapshotTaken,
)
from pileus.services.lambda_ import configuration as configurations
from pileus.services.lambda_ import errors, snapstart
from pileus.services.lambda_.model import Configuration, Function
from pileus.services.lambda_.names import LATEST
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.lambda")
_ON_DEMAND, _PROVISIONED, _SNAP_START = "on-demand", "provisioned-concurrency", "snap-start"


class DurableRunner(Protocol):
    """Runs durable functions to the end of an execution."""

    async def run(
        self, scope: str, function: Function, version: Configuration, asked: ComputeCall
    ) -> Result:
        """Begin an execution and wait for its end. Raises ServiceError."""
        ...


class Functions:
    """Runs functions on the pools; the platform has one."""

    pools: Pools
    """Set by the platform: pools need :meth:`credentials`, and this needs pools."""

    durable: DurableRunner
    """Set by the platform as well: it needs :meth:`invoke_once`."""

    def __init__(self, kernel: Kernel, code: CodeStore, images: FunctionImages) -> None:
        self._kernel = kernel
        self._roles = Roles(kernel, "lambda")
        self.tokens = RoleTokens(self._roles)
        self._host = HostEnvironment.own()
        self._targets: dict[tuple[str, str, str], Target] = {}
        self.code = code
        self.images = images

    async def invoke(
        self, scope: str, function: Function, version: Configuration, call: ComputeCall
    ) -> Result:
        """Run a version: one invocation, or a whole execution of a durable function.

        Raises:
            ServiceError: throttled, or a runtime this machine lacks.
        """
        if version.durable is not None:
            return await self.durable.run(scope, function, version, call)
        return await self.invoke_once(scope, function, version, call)

    async def invoke_once(
        self, scope: str, function: Function, version: Configuration, call: ComputeCall
    ) -> Result:
        """Run one invocation of a version.

        Raises:
            ServiceError: throttled, or a runtime this machine lacks.
        """
        try:
            snapstart.check_callable(version)
            target = self._known_target(scope, function, version)
            if target is None:
                target = await self._target(scope, function, version)
            return await self.pools.invoke(target, call)
        except RuntimeUnavailable as error:
            raise errors.runtime_missing(str(error)) from error
        except PackageError as error:
            raise errors.unusable_package(str(error)) from error
        except BlobNotFound as error:
            raise errors.code_gone(function.name, version.version) from error

    async def provision(
        self, scope: str, function: Function, version: Configuration, count: int
    ) -> None:
        """Keep ``count`` instances of a version ready; returns when they are.

        Raises InitFailed, NoCapacity, RuntimeUnavailable, ServiceError.
        """
        try:
            target = await self._target(scope, function, version)
        except (BlobNotFound, PackageError) as error:
            raise errors.unusable_package(str(error)) from error
        told = {**target.spec.environment, "AWS_LAMBDA_INITIALIZATION_TYPE": _PROVISIONED}
        spec = msgspec.structs.replace(target.spec, environment=told)
        await self.pools.provision(msgspec.structs.replace(target, spec=spec), count)

    async def take_snapshot(
        self, scope: str, function: Function, version: Configuration
    ) -> SnapshotTaken:
        """Initialise a version with SnapStart once, for its instances to be copies of.

        Raises InitFailed, NoCapacity, RuntimeUnavailable, ServiceError.
        """
        try:
            return await self.pools.take_snapshot(await self._target(scope, function, version))
        except PackageError as error:
            raise errors.unusable_package(str(error)) from error
        except BlobNotFound as error:
            raise errors.code_gone(function.name, version.version) from error

    def expect(self, scope: str, function: Function, version: Configuration) -> None:
        """Make ready for a version's first call what does not depend on the call; returns at once.

        Its code and layers are unpacked and an instance without function is on its way, as AWS does
        while a function is Pending. What fails here fails again, and is told, at the first call.
        """
        name = f"making {scope}/{function.name} ready"
        self._kernel.supervisor.spawn(name, self._expect(scope, function, version))

    async def _expect(self, scope: str, function: Function, version: Configuration) -> None:
        try:
            image = self._image(version)
            if image is not None:
                holder = f"{scope}/{function.name} soon"
                await self.images.unpacked(image, holder)
                self.images.release(holder)
            spec = await self._spec(scope, function, version, image)
            await self.pools.prepare(spec)
        except (
            BlobNotFound,
            BlobsUnavailable,
            NoCapacity,
            OSError,
            PackageError,
            RuntimeUnavailable,
        ) as error:
            _log.info("%s/%s is not ready for a call yet: %s", scope, function.name, error)

    async def retire(self, scope: str, name: str, version: str | None = None) -> None:
        """End the instances of a function that changed (or of one version that is gone)."""
        self._drop_targets(scope, name, version)
        await self.pools.retire(scope, name, version)
        if version is not None:
            await self._drop_snapshots(f"{scope}/{name}:{version}")

    async def forget(self, scope: str, name: str) -> None:
        """End the instances of a function that is gone."""
        self._drop_targets(scope, name, None)
        await self.pools.forget(scope, name)
        await self._drop_snapshots(f"{scope}/{name}:")

    async def _drop_snapshots(self, name: str) -> None:
        self.tokens.forget(name)
        await self.pools.drop_snapshots(name)

    def _drop_targets(self, scope: str, name: str, version: str | None) -> None:
        for key in list(self._targets):
            if key[:2] == (scope, name) and version in (None, key[2]):
                del self._targets[key]

    def _known_target(
        self, scope: str, function: Function, version: Configuration
    ) -> Target | None:
        """The target made before, while it is still true."""
        target = self._targets.get((scope, function.name, version.version))
        if (
            target is not None
            and target.revision == version.revision
            and target.reserved == function.reserved
        ):
            return target
        return None

    async def _target(self, scope: str, function: Function, version: Configuration) -> Target:
        image = self._image(version)
        target = Target(
            scope=scope,
            function=function.name,
            version=version.version,
            revision=version.revision,
            spec=await self._spec(scope, function, version, image),
            reserved=function.reserved,
            role=version.role,
            image=image,
        )
        self._targets[(scope, function.name, version.version)] = target
        return target

    def _image(self, version: Configuration) -> Image | None:
        """The image that a version runs; None for one with a package. Raises BlobNotFound."""
        code = version.code.image
        if code is None:
            return None
        image = self.images.pinned(space_of(code.account, code.region), code.pin)
        if image is None:
            raise BlobNotFound(code.uri)
        return image

    async def _spec(
        self, scope: str, function: Function, version: Configuration, image: Image | None
    ) -> InstanceSpec:
        if image is not None:
            return self._image_spec(scope, function, version, image)
        blobs = [layer.blob for layer in version.layers if layer.blob]
        has_host = len(blobs) < len(version.layers)
        layers_dir = str(await self.code.folder(blobs)) if blobs else ""
        identity = _identity(scope, function, version, version.handler)
        snapshot = ""
        if version.snap_start and version.version != LATEST:
            snapshot = f"{scope}/{function.name}:{version.version}/{version.revision}"
            identity = msgspec.structs.replace(identity, initialization=_SNAP_START)
        return InstanceSpec(
            name=f"{scope}/{function.name}:{version.version}",
            runtime=version.runtime,
            handler=version.handler,
            code_dir=str(await self.code.folder([version.code.blob])),
            layers_dir=layers_dir,
            shown=self._host.folders if has_host else (),
            python_path=self._host.folders if has_host else (),
            environment=variables(identity, version.environment, {}, self._kernel.endpoint),
            memory_mb=version.memory_mb,
            tmp_mb=version.tmp_mb,
            timeout_s=version.timeout_s,
            snapshot=snapshot,
        )

    def _image_spec(
        self, scope: str, function: Function, version: Configuration, image: Image
    ) -> InstanceSpec:
        own, told = image.config, version.image_config
        root = ImageRoot(
            entrypoint=tuple(told.get("EntryPoint") or own.entrypoint),
            command=tuple(told.get("Command") or own.command),
            working_dir=told.get("WorkingDirectory") or own.working_dir,
        )
        handler = root.command[0] if len(root.command) == 1 else ""
        identity = _identity(scope, function, version, handler)
        pairs = (text.partition("=") for text in own.environment)
        inside = {name: value for name, _, value in pairs}
        endpoint = self._kernel.endpoint
        return InstanceSpec(
            name=f"{scope}/{function.name}:{version.version}",
            runtime="provided",
            handler=handler,
            code_dir="",
            environment=variables(identity, version.environment, {}, endpoint, inside),
            memory_mb=version.memory_mb,
            tmp_mb=version.tmp_mb,
            timeout_s=version.timeout_s,
            image=root,
        )

    # -- identity ---------------------------------------------------------------------------

    async def credentials(self, target: Target) -> Mapping[str, str]:
        """The role's short-lived keys as environment variables; what Pools asks for."""
        with _as_invalid_role():
            if target.spec.snapshot:
                snapshot = target.spec.snapshot
                return await self.tokens.variables(snapshot, target, target.function)
            return await self._roles.variables(target, target.function)

    async def check_role(self, scope: str, role: str, function: str) -> None:
        """Raise InvalidParameterValueException unless Lambda may assume the role."""
        with _as_invalid_role():
            await self._roles.assume(scope, role, function)


def _identity(scope: str, function: Function, version: Configuration, handler: str) -> Identity:
    return Identity(
        function_name=function.name,
        version=version.version,
        region=scope.partition("/")[2],
        runtime=version.runtime,
        handler=handler,
        memory_mb=version.memory_mb,
        log_group=configurations.log_group(function.name, version),
        log_format=version.log_format,
        log_level=version.log_level,
    )


@contextmanager
def _as_invalid_role() -> Iterator[None]:
    try:
        yield
    except ServiceError as error:
        raise errors.invalid(
            "The role defined for the function cannot be assumed by Lambda."
        ) from error


def scope_of(account: str, region: str) -> str:
    """How pools name an account and region."""
    return f"{account}/{region}"
