"""What a container is, in the options that podman and docker have alike."""

from __future__ import annotations

import os
import resource

from pileus.adapters.container_engine.client import EngineClient
from pileus.ports.tasks import ContainerSpec, Mount, TaskRefused, TaskSpec, Ulimit, gpu_refusal

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
                "NET_BIND_SERVICE", "SYS_CHROOT")  # fmt: skip
"""What root inside keeps, as in our own runner."""
_UNITS = 1024
_SHARES_MIN = 2
_OPEN_FILES = 65_535
_PROCESSES = 32_768
_OWN_VARIABLES = frozenset({"PATH", "HOME", "USER", "TMPDIR", "LANG", "LANGUAGE", "PWD", "NO_PROXY", "no_proxy",
                            "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"})  # fmt: skip
_OWN_PREFIXES = ("DOCKER_", "PODMAN_", "CONTAINER", "XDG_", "BUILDAH_", "STORAGE_", "REGISTRY_",
                 "LC_", "LD_", "GO", "SSL_", "DBUS_", "_")  # fmt: skip
"""Variables that steer an engine's command line itself, so that their values are given beside it."""


def create_arguments(
    client: EngineClient,
    task: TaskSpec,
    spec: ContainerSpec,
    image: str,
    mounts: list[Mount],
) -> tuple[list[str], dict[str, str]]:
    """What follows ``create``, and the variables that the command needs in its own environment:
    their values are not for everybody who lists this machine's processes.

    Args:
        mounts: the spec's with their sources found.

    Raises:
        TaskRefused: an engine cannot run it.
    """
    if spec.gpus:
        raise TaskRefused(gpu_refusal(spec.gpus, 0, 0))
    if spec.upper_dir:
        raise TaskRefused(f"{client.engine} keeps what containers write: builds are not run there")
    arguments = ["--pull", "never", "--no-healthcheck", "--hostname", spec.hostname]
    arguments += ["--network", "host" if task.has_doors else "none"]
    arguments += ["--log-driver", "k8s-file" if client.is_podman else "json-file"]
    arguments += ["--cap-drop", "ALL", *_each("--cap-add", CAPABILITIES)]
    arguments += ["--security-opt", "no-new-privileges"]
    arguments += [*_bounds(task, spec), *_ulimits(spec)]
    hosts = (*spec.hosts, (spec.hostname, "127.0.0.1"))
    arguments += _each("--add-host", [f"{name}:{address}" for name, address in hosts])
    arguments += ["--shm-size", f"{spec.shared_memory_mb}m"]
    for mount in mounts:
        arguments += _mount(mount)
    if spec.user:
        arguments += ["--user", spec.user]
    if spec.has_init:
        arguments.append("--init")
    if spec.is_root_read_only:
        arguments.append("--read-only")
        arguments += ["--read-only-tmpfs=false"] if client.is_podman else []
    hidden = {name: value for name, value in spec.environment.items() if not _is_own(name)}
    for name, value in spec.environment.items():
        arguments += ["--env", name if name in hidden else f"{name}={value}"]
    arguments += ["--workdir", spec.working_dir or "/", "--entrypoint", spec.command[0]]
    return [*arguments, image, *spec.command[1:]], hidden


def _bounds(task: TaskSpec, spec: ContainerSpec) -> list[str]:
    """Memory, CPU and processes. An engine knows no tasks: each of its containers may take the whole of
    what the task may."""
    arguments = ["--pids-limit", str(task.processes_max)]
    memory_mb = min((mb for mb in (task.memory_mb, spec.memory_mb) if mb), default=0)
    if memory_mb:
        arguments += ["--memory", f"{memory_mb}m", "--memory-swap", f"{memory_mb}m"]
    if task.cpu_units:
        most = os.cpu_count() or 1
        arguments += ["--cpus", f"{min(task.cpu_units / _UNITS, most):.3f}"]
    if spec.cpu_shares:
        arguments += ["--cpu-shares", str(max(_SHARES_MIN, spec.cpu_shares))]
    return arguments


def _ulimits(spec: ContainerSpec) -> list[str]:
    """No more than this process may have itself: podman's containers are started by it, and its own
    defaults may be more."""
    files = _at_most(resource.RLIMIT_NOFILE, _OPEN_FILES)
    processes = _at_most(resource.RLIMIT_NPROC, _PROCESSES)
    limits = {
        "nofile": Ulimit("nofile", files, files),
        "nproc": Ulimit("nproc", processes, processes),
        **{limit.name: limit for limit in spec.ulimits},
    }
    return _each("--ulimit", [f"{one.name}={one.soft}:{one.hard}" for one in limits.values()])


def _at_most(kind: int, wanted: int) -> int:
    most = resource.getrlimit(kind)[1]
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)


def _mount(mount: Mount) -> list[str]:
    if mount.source:
        rest = "" if mount.is_writable else ",readonly"
        return ["--mount", f"type=bind,source={mount.source},target={mount.target}{rest}"]
    options = ["rw" if mount.is_writable else "ro", "nosuid", "nodev"]
    options.append("noexec" if "noexec" in mount.options.split(",") else "exec")
    if mount.size_mb:
        options.append(f"size={mount.size_mb}m")
    return ["--tmpfs", f"{mount.target}:{','.join(options)}"]


def _each(option: str, values: tuple[str, ...] | list[str]) -> list[str]:
    return [text for value in values for text in (option, value)]


def _is_own(name: str) -> bool:
    return name in _OWN_VARIABLES or name.startswith(_OWN_PREFIXES)
