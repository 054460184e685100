"""From an endpoint's record to running instances of its models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import orjson

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.calls import Result, Target
from pileus.compute.errors import PackageError
from pileus.compute.host_environment import HostEnvironment
from pileus.compute.model_store import MODEL_DIR, ModelStore
from pileus.compute.pools import Pools
from pileus.compute.roles import Roles
from pileus.kernel.kernel import Kernel
from pileus.ports.blobs import BlobNotFound, BlobsUnavailable
from pileus.ports.nodes import (
    InitFailed,
    InstanceKind,
    InstanceSpec,
    NoCapacity,
    RuntimeUnavailable,
)
from pileus.services.sagemaker import errors
from pileus.services.sagemaker.limits import LIMITS
from pileus.services.sagemaker.model import Endpoint, Variant
from pileus.services.sagemaker.queueing import VariantQueue
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

SERVICE = "sagemaker.amazonaws.com"
PROGRAM = "SAGEMAKER_PROGRAM"
_SESSION = "SageMaker"
PROGRAM_DEFAULT = "inference.py"
_QueueKey = tuple[str, str, str]
_log = logging.getLogger("pileus.sagemaker")


class Endpoints:
    """Runs models on pools of their own; the platform has one."""

    pools: Pools
    """Set by ``parts``: pools need :meth:`credentials`, and this needs pools."""

    def __init__(self, kernel: Kernel, models: ModelStore, host: HostEnvironment) -> None:
        self._kernel = kernel
        self._roles = Roles(kernel, "sagemaker")
        self._queues: dict[_QueueKey, VariantQueue] = {}
        self._targets: dict[_QueueKey, Target] = {}
        self.models = models
        self.host = host
        self.deploying: set[str] = set()
        """Ids of deployments under way in this process."""

    async def invoke(
        self, scope: str, look: Callable[[], tuple[Endpoint, Variant]], call: ComputeCall
    ) -> tuple[Variant, Result]:
        """Wait for an instance and run one request on it.

        Args:
            look: the endpoint and the variant as they are now; asked again after a wait, because
                what served then may be gone.

        Raises:
            ServiceError: no instance in time, or none can be made on this machine.
        """
        endpoint, variant = look()
        queue = self._queue((scope, endpoint.name, variant.name))
        has_waited = await queue.enter(variant)
        try:
            if has_waited:
                endpoint, variant = look()
        except ServiceError:
            queue.leave(variant)
            raise
        # A caller who goes away must not take the instance with it: it would load its model anew.
        name = f"request {call.request_id} of endpoint {endpoint.name}"
        work = self._kernel.supervisor.spawn(name, self._run(scope, endpoint, variant, call))
        work.add_done_callback(lambda _: queue.leave(variant))
        outcome: Result | ServiceError = await asyncio.shield(work)
        if isinstance(outcome, ServiceError):
            raise outcome
        return variant, outcome

    def warm_up(self, scope: str, endpoint: Endpoint) -> None:
        """Start an instance of each variant on instances, whose model is loaded before the first
        request then; returns at once. What fails is told by the first request, which tries again.
        """
        for variant in endpoint.variants:
            if not variant.serverless:
                name = f"first instance of {scope}/{endpoint.name}/{variant.name}"
                self._kernel.supervisor.spawn(name, self._warm_up(scope, endpoint, variant))

    async def _warm_up(self, scope: str, endpoint: Endpoint, variant: Variant) -> None:
        key = (scope, endpoint.name, variant.name)
        queue = self._queue(key)
        if queue.running:
            return  # requests start what they need
        await queue.enter(variant)
        try:
            await self.pools.warm_up(await self._target(key, endpoint, variant), 1)
        except (
            BlobNotFound,
            BlobsUnavailable,
            InitFailed,
            NoCapacity,
            OSError,
            PackageError,
            RuntimeUnavailable,
            ServiceError,
        ) as error:
            _log.info("%s/%s has no instance yet: %s", endpoint.name, variant.name, error)
        finally:
            queue.leave(variant)

    def _queue(self, key: _QueueKey) -> VariantQueue:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = VariantQueue(self._kernel.clock)
        return queue

    async def _run(
        self, scope: str, endpoint: Endpoint, variant: Variant, call: ComputeCall
    ) -> Result | ServiceError:
        try:
            target = await self._target((scope, endpoint.name, variant.name), endpoint, variant)
            return await self.pools.invoke(target, call)
        except (BlobNotFound, PackageError, RuntimeUnavailable) as error:
            return errors.unavailable(str(error))
        except ServiceError as error:
            if error.code == "TooManyRequestsException":
                return errors.unavailable("The machine has no memory left for another instance.")
            return error

    async def retire(self, scope: str, name: str) -> None:
        """End the instances of an endpoint that changed or is gone; busy ones after their request."""
        for known in (self._targets, self._queues):
            for key in [key for key in known if key[:2] == (scope, name)]:
                del known[key]
        await self.pools.retire(scope, name)

    def waiting(self, scope: str, endpoint: str, variant: str) -> int:
        """Requests that wait for an instance now."""
        queue = self._queues.get((scope, endpoint, variant))
        return queue.length if queue else 0

    async def _target(self, key: _QueueKey, endpoint: Endpoint, variant: Variant) -> Target:
        target = self._targets.get(key)
        if target is None or target.revision != endpoint.serving:
            target = Target(
                scope=key[0],
                function=endpoint.name,
                version=variant.name,
                revision=endpoint.serving,
                spec=await self._spec(key[0], endpoint, variant),
                role=variant.role,
            )
            self._targets[key] = target
        return target

    async def _spec(self, scope: str, endpoint: Endpoint, variant: Variant) -> InstanceSpec:
        region = scope.partition("/")[2]
        folder = await self.models.folder(variant.blob)
        environment = {
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._kernel.endpoint,
            "AWS_REGION": region,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **variant.environment,
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(endpoint.name),
        }
        return InstanceSpec(
            name=f"{scope}/{endpoint.name}:{variant.name}",
            runtime=self.host.runtime,
            handler=variant.environment.get(PROGRAM) or PROGRAM_DEFAULT,
            code_dir=str(folder / MODEL_DIR),
            layers_dir=str(folder),
            shown=self.host.folders,
            python_path=self.host.folders,
            environment=environment,
            memory_mb=variant.memory_mb,
            timeout_s=LIMITS.invoke_s_max,
            init_timeout_s=variant.startup_s,
            kind=InstanceKind.MODEL,
        )

    # -- identity ---------------------------------------------------------------------------

    async def credentials(self, target: Target) -> Mapping[str, str]:
        """The role's short-lived keys as environment variables; what Pools asks for."""
        with _as_invalid_role(target.role):
            return await self._roles.variables(target, _SESSION)

    async def assume(self, scope: str, role: str) -> Principal:
        """Who an instance is: the role, assumed by SageMaker.

        Raises:
            ServiceError: ValidationException where SageMaker may not assume the role.
        """
        with _as_invalid_role(role):
            return await self._roles.assume(scope, role, _SESSION)


@contextmanager
def _as_invalid_role(role: str) -> Iterator[None]:
    try:
        yield
    except ServiceError as error:
        raise errors.invalid(
            f"Could not assume role {role}. Please ensure that the role exists and allows "
            f"principal '{SERVICE}' to assume the role."
        ) from error


def scope_of(account: str, region: str) -> str:
    """How pools name an account and region."""
    return f"{account}/{region}"


def log_group(endpoint: str) -> str:
    """Where an endpoint's instances write."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def model_context(content_type: str, accept: str) -> str:
    """What an instance is told beside the body, as ``runtime.model_server`` reads it."""
    return orjson.dumps({"custom": {"content_type": content_type, "accept": accept}}).decode()
