"""From a task's record and definition to a plan that supervision can run.

Everything from outside is looked up here: images, secrets, environment files, whether the roles can be
assumed. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pileus.compute.roles import Roles
from pileus.compute.task_images import ImageUnavailable, TaskImage, TaskImages
from pileus.compute.task_plan import (
    STOP_TIMEOUT_S,
    ContainerPlan,
    HealthCheck,
    LogTarget,
    TaskPlan,
)
from pileus.kernel.kernel import Kernel
from pileus.ports.tasks import ContainerSpec, Mount, TaskSpec, Ulimit
from pileus.services.ecs import definitions, secret_values
from pileus.services.ecs.model import ContainerRecord, Definition, Task
from pileus.services.ecs.secret_values import CannotPlan
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError

METADATA_HOST = "169.254.170.2"
SERVICE = "ecs-tasks.amazonaws.com"
_EXECUTION = {"FARGATE": "AWS_ECS_FARGATE", "EC2": "AWS_ECS_EC2"}
_CANNOT_ASSUME = (
    "ECS was unable to assume the role '{}' that was provided for this task. Please verify that the "
    "role being passed has the proper trust relationship and permissions and that your IAM user has "
    "permissions to pass this role."
)


class Planner:
    """Makes plans.

    Args:
        host_volumes: folders of this machine below which a volume's ``sourcePath`` may lie.
        metadata_path: where the platform itself answers as the metadata service, for nodes whose tasks
            have no network of their own with an address for it; empty for that address.
    """

    def __init__(
        self,
        kernel: Kernel,
        images: TaskImages,
        host_volumes: tuple[str, ...],
        metadata_path: str = "",
    ) -> None:
        self._kernel = kernel
        self._images = images
        self._host_volumes = host_volumes
        self._metadata_path = metadata_path
        self._roles = Roles(kernel, "ecs-tasks")

    async def plan(self, scope: str, task: Task, definition: Definition) -> TaskPlan:
        """The whole plan. Raises CannotPlan."""
        context = await self._execution_context(scope, task, definition)
        await self.assume(scope, role_of(task, definition, "taskRoleArn"), task)
        containers = []
        for record, body in zip(
            task.containers, definition.body["containerDefinitions"], strict=True
        ):
            image = await self._image(scope, record.image, task.id)
            values = await secret_values.variables(self._kernel, context, body)
            environment = self._environment(scope, task, definition, record) | values
            given = _override(task, record.name)
            spec = self._spec(task, definition, (record, body), image)
            own = {one["name"]: one.get("value", "") for one in body.get("environment") or ()}
            files = await secret_values.files(
                self._kernel, context, given.get("environmentFiles") or body.get("environmentFiles")
            )
            over = {one["name"]: one.get("value", "") for one in given.get("environment") or ()}
            merged = {**image.environment, **files, **own, **environment, **over}
            spec_now = _with_environment(spec, merged)
            containers.append(_container_plan(scope, task, record, body, spec_now, image))
        return TaskPlan(_task_spec(scope, task), scope, tuple(containers))

    def bare_plan(self, scope: str, task: Task, definition: Definition) -> TaskPlan:
        """The plan of a task all of whose containers were started already: nothing is looked up."""
        containers = []
        for record, body in zip(
            task.containers, definition.body["containerDefinitions"], strict=True
        ):
            spec = ContainerSpec(record.name, ("true",))
            containers.append(_container_plan(scope, task, record, body, spec, TaskImage()))
        return TaskPlan(_task_spec(scope, task), scope, tuple(containers))

    async def assume(self, scope: str, role: str, task: Task) -> Principal | None:
        """Who a task is; None without a role. Raises CannotPlan."""
        if not role:
            return None
        try:
            return await self._roles.assume(scope, role, task.id)
        except ServiceError as error:
            raise CannotPlan(_CANNOT_ASSUME.format(role)) from error

    async def _execution_context(
        self, scope: str, task: Task, definition: Definition
    ) -> CallContext:
        account, _, region = scope.partition("/")
        role = role_of(task, definition, "executionRoleArn")
        principal = await self.assume(scope, role, task)
        return CallContext(
            account=account,
            region=region,
            principal=principal or Principal.service(SERVICE, account),
            source="ecs",
            endpoint=self._kernel.endpoint,
        )

    async def hold(self, scope: str, task: Task) -> None:
        """Keep the layers that a running task stands on. Raises CannotPlan."""
        for record in task.containers:
            await self._image(scope, record.image, task.id)

    def release(self, task: Task) -> None:
        """The task is gone from the node."""
        self._images.release(task.id)

    async def _image(self, scope: str, name: str, holder: str) -> TaskImage:
        try:
            return await self._images.find(scope, name, holder)
        except ImageUnavailable as error:
            raise CannotPlan(str(error)) from error

    def _environment(
        self, scope: str, task: Task, definition: Definition, record: ContainerRecord
    ) -> dict[str, str]:
        region = scope.partition("/")[2]
        own_path = self._metadata_path
        metadata = self._kernel.endpoint + own_path if own_path else f"http://{METADATA_HOST}"
        known = {
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self._kernel.endpoint,
            "AWS_EXECUTION_ENV": _EXECUTION.get(task.launch_type, "AWS_ECS_EC2"),
            "AWS_REGION": region,
            "ECS_AGENT_URI": f"{metadata}/api/{record.id}",
            "ECS_CONTAINER_METADATA_URI": f"{metadata}/v3/{record.id}",
            "ECS_CONTAINER_METADATA_URI_V4": f"{metadata}/v4/{record.id}",
        }
        if role_of(task, definition, "taskRoleArn"):
            path = f"/v2/credentials/{task.credentials}"
            if own_path:
                known["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = metadata + path
            else:
                known["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
        return known

    def _spec(
        self,
        task: Task,
        definition: Definition,
        container: tuple[ContainerRecord, Mapping[str, Any]],
        image: TaskImage,
    ) -> ContainerSpec:
        record, body = container
        given = _override(task, record.name)
        linux = body.get("linuxParameters") or {}
        command = _command(
            given.get("command") or body.get("command"), body.get("entryPoint"), image
        )
        if not command:
            raise CannotPlan(
                "CannotStartContainerError: Error response from daemon: no command specified"
            )
        return ContainerSpec(
            name=record.name,
            command=command,
            lowers=image.lowers,
            image=image.reference,
            working_dir=body.get("workingDirectory") or image.working_dir or "/",
            user=body.get("user") or image.user,
            hostname=body.get("hostname") or f"ip-{task.id[:12]}",
            memory_mb=record.memory_mb,
            cpu_shares=record.cpu,
            ulimits=tuple(
                Ulimit(one["name"], one["softLimit"], one["hardLimit"])
                for one in body.get("ulimits") or ()
            ),
            mounts=(
                *self._mounts(body, definition),
                *(_tmpfs(one) for one in linux.get("tmpfs") or ()),
            ),
            hosts=tuple(
                (one["hostname"], one["ipAddress"]) for one in body.get("extraHosts") or ()
            ),
            shared_memory_mb=linux.get("sharedMemorySize") or 64,
            is_root_read_only=bool(body.get("readonlyRootFilesystem")),
            has_init=bool(linux.get("initProcessEnabled")),
            gpus=definitions.gpus_of(body, given),
        )

    def _mounts(self, body: Mapping[str, Any], definition: Definition) -> list[Mount]:
        volumes = {one["name"]: one for one in definition.body["volumes"]}
        mounts = []
        for one in body.get("mountPoints") or ():
            volume = volumes[one["sourceVolume"]]
            source = (volume.get("host") or {}).get("sourcePath") or ""
            if source:
                self._check_host_volume(source)
            mounts.append(
                Mount(
                    target=one["containerPath"],
                    source=source,
                    volume="" if source else volume["name"],
                    is_writable=not one.get("readOnly"),
                )
            )
        return mounts

    def _check_host_volume(self, source: str) -> None:
        path = PurePosixPath(source)
        is_inside = any(path.is_relative_to(folder) for folder in self._host_volumes)
        if not is_inside or ".." in path.parts:
            allowed = ":".join(self._host_volumes) or "none"
            raise CannotPlan(
                f"CannotCreateVolumeError: {source} lies in no folder that tasks may mount: start "
                f"Pileus with PILEUS_HOST_VOLUMES naming one (now: {allowed})"
            )


def role_of(task: Task, definition: Definition, member: str) -> str:
    """The task's role (``taskRoleArn``) or execution role, overrides first; empty for none."""
    return str(task.overrides.get(member) or definition.body.get(member) or "")


def _override(task: Task, name: str) -> Mapping[str, Any]:
    for one in task.overrides.get("containerOverrides") or ():
        if one.get("name") == name:
            found: Mapping[str, Any] = one
            return found
    return {}


def _command(
    command: list[str] | None, entry_point: list[str] | None, image: TaskImage
) -> tuple[str, ...]:
    """As container engines put it together: an own entry point drops the image's command."""
    if entry_point:
        return (*entry_point, *(command or ()))
    return (*image.entrypoint, *(command or image.command))


def _tmpfs(one: Mapping[str, Any]) -> Mount:
    options = ",".join(one.get("mountOptions") or ())
    return Mount(
        target=one["containerPath"],
        size_mb=one["size"],
        is_writable="ro" not in options.split(","),
        options=options,
    )


def _task_spec(scope: str, task: Task) -> TaskSpec:
    return TaskSpec(
        id=task.id,
        name=f"{scope}/{task.definition}",
        memory_mb=task.memory_mb,
        cpu_units=task.cpu,
        disk_mb=task.disk_mb,
        gpus=task.gpus,
    )


def _with_environment(spec: ContainerSpec, environment: Mapping[str, str]) -> ContainerSpec:
    members = {name: getattr(spec, name) for name in spec.__struct_fields__}
    return ContainerSpec(**{**members, "environment": environment})


def _container_plan(
    scope: str,
    task: Task,
    record: ContainerRecord,
    body: Mapping[str, Any],
    spec: ContainerSpec,
    image: TaskImage,
) -> ContainerPlan:
    start_s = body.get("startTimeout")
    stop_s = body.get("stopTimeout")
    return ContainerPlan(
        spec=spec,
        is_essential=body["essential"],
        dependencies=tuple(
            (one["containerName"], one["condition"]) for one in body.get("dependsOn") or ()
        ),
        health=_health(body.get("healthCheck")),
        start_timeout_s=None if start_s is None else float(start_s),
        stop_timeout_s=STOP_TIMEOUT_S if stop_s is None else float(stop_s),
        stop_signal=_signal(image.stop_signal),
        log=_log_target(scope, task, record, body),
    )


def _health(given: Mapping[str, Any] | None) -> HealthCheck | None:
    if not given or given["command"][:1] == ["NONE"]:
        return None
    kind, *rest = given["command"]
    if kind == "CMD-SHELL":
        command = ("/bin/sh", "-c", " ".join(rest))
    else:
        command = tuple(rest) if kind == "CMD" else tuple(given["command"])
    return HealthCheck(
        command=command,
        interval_s=given.get("interval") or 30,
        timeout_s=given.get("timeout") or 5,
        retries=given.get("retries") or 3,
        start_period_s=given.get("startPeriod") or 0,
    )


def _signal(name: str) -> int:
    if not name:
        return signal.SIGTERM
    if name.isdigit():
        return int(name)
    return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])


def _log_target(
    scope: str, task: Task, record: ContainerRecord, body: Mapping[str, Any]
) -> LogTarget | None:
    options = (body.get("logConfiguration") or {}).get("options")
    if not options:
        return None
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{prefix}/{record.name}/{task.id}" if prefix else record.id.replace("-", "")
    return LogTarget(
        group=options["awslogs-group"],
        stream=stream,
        region=options.get("awslogs-region") or scope.partition("/")[2],
        is_group_made=options.get("awslogs-create-group") == "true",
    )
