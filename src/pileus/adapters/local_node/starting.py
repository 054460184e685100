"""What a blank instance is told to become: paths, module path and environment as seen inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from pileus.adapters.local_node.fork_server import ForkServer
from pileus.adapters.local_node.node_interpreters import NodeJs
from pileus.ports.nodes import ImageRoot, InstanceSpec, RuntimeUnavailable
from pileus.runtime import sandbox
from pileus.runtime.worker import LINK

_PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_FOR_PYTHON = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""A function may set them otherwise. Each of the three keeps an import from starting threads; what the last
one's would send to its maker could not leave a sandbox anyway."""
_OF_ONE_INSTANCE = ("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME")
_INITIALIZATION = "AWS_LAMBDA_INITIALIZATION_TYPE"
RESTORE_MESSAGE: dict[str, Any] = {"environment": {}, "speaks_http": False}
"""What a copy of a snapshot is told: it knows the rest."""
_HEAP_PERCENT = 90
_HTTP_HEADER_BYTES = 81_920
_NO_BOOTSTRAP = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"


def image_message(spec: InstanceSpec, image: ImageRoot, folder: Path) -> dict[str, Any]:
    """The message that makes the worker the program of a container image.

    Args:
        folder: of :class:`~pileus.adapters.local_node.image_roots.ImageRoots`.
    """
    return {
        "environment": dict(spec.environment),
        "image": {
            "folder": str(folder),
            "layers": len(image.lowers),
            "entrypoint": list(image.entrypoint),
            "command": list(image.command),
            "working_dir": image.working_dir,
        },
        "http": _http_message(spec),
        "runtime_api_port": 0,
        "speaks_http": spec.http is None,
        "tmp_mb": spec.tmp_mb,
    }


def start_message(spec: InstanceSpec, server: ForkServer, tmp_dir: Path) -> dict[str, Any]:
    """The message for the worker (``runtime.worker``).

    Args:
        tmp_dir: stands for ``/tmp`` where the sandbox has no file system of its own; made here.

    Raises:
        RuntimeUnavailable: a custom runtime without a bootstrap.
    """
    is_walled = server.plan.tier == "A"
    is_custom = spec.runtime.startswith("provided")
    task_dir = sandbox.TASK_DIR if is_walled else spec.code_dir
    layers_dir = sandbox.LAYERS_DIR if is_walled else spec.layers_dir
    interpreter = server.recipe.interpreter
    runtime_dir = server.runtime_dir
    own_path = [task_dir, *spec.python_path]
    if layers_dir:
        version = f"python3.{interpreter.minor}"
        own_path += [f"{layers_dir}/python/lib/{version}/site-packages", f"{layers_dir}/python"]
    own_path.append(runtime_dir)
    node = server.recipe.node
    environment = {
        "PATH": _PATH,
        "LD_LIBRARY_PATH": server.library_path,
        **(_node_variables(node.major, layers_dir, runtime_dir, task_dir) if node else _FOR_PYTHON),
        **spec.environment,
        "LAMBDA_TASK_ROOT": task_dir,
        "LAMBDA_RUNTIME_DIR": runtime_dir,
        "_HANDLER": spec.handler,
    }
    if spec.snapshot:  # AWS does not tell such functions either
        for name in _OF_ONE_INSTANCE:
            environment.pop(name, None)
    if not is_custom and node is None:  # for Python processes that a handler starts
        environment.setdefault("PYTHONPATH", ":".join(own_path[1:]))
    if not is_walled:
        tmp_dir.mkdir(parents=True, exist_ok=True)
        environment["TMPDIR"] = str(tmp_dir)
    command: list[str] = []
    if node is not None:
        command = _node_command(node, spec, runtime_dir)
        if spec.http is not None:
            command = [node.executable, f"{task_dir}/{spec.handler}"]
    elif is_custom:
        command = [_bootstrap(spec, task_dir, layers_dir)]
    return {
        "code_dir": spec.code_dir,
        "command": command,
        "environment": environment,
        "handler": spec.handler,
        "http": _http_message(spec),
        "image": None,
        "kind": spec.kind.value,
        "layers_dir": spec.layers_dir,
        "python_path": [*own_path, *interpreter.library_path],
        "runtime_api_port": 0,
        "runtime_dir": runtime_dir,
        "speaks_http": is_custom and spec.http is None,
        "late_shown": server.skeleton.late(spec.shown),
        "task_dir": task_dir,
        "tmp_dir": str(tmp_dir),
        "tmp_mb": spec.tmp_mb,
    }


def _http_message(spec: InstanceSpec) -> dict[str, Any] | None:
    """What the client of an engine that speaks HTTP must know."""
    return None if spec.http is None else {**asdict(spec.http), "rings_fd": -1}


def without_snapshot(spec: InstanceSpec) -> InstanceSpec:
    """The same instance where no snapshot can be made."""
    told = {**spec.environment, _INITIALIZATION: "on-demand"}
    return replace(spec, environment=told)


def ignored_extensions(spec: InstanceSpec) -> list[str]:
    """What the log says of extensions in the function's layers or image, which AWS would start."""
    folders = [spec.layers_dir] if spec.layers_dir else []
    if spec.image is not None:
        folders = [f"{lower}/opt" for lower in spec.image.lowers]
    names = sorted({name for folder in folders for name in _programs(f"{folder}/extensions")})
    told = "Pileus runs no Lambda extensions"
    return [f"EXTENSION\tName: {name}\tState: Ignored\tReason: {told}" for name in names]


def _programs(folder: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _node_variables(major: int, layers_dir: str, runtime_dir: str, task_dir: str) -> dict[str, str]:
    """What AWS's Node images set; a function may set them otherwise."""
    layers_dir = layers_dir or sandbox.LAYERS_DIR
    places = (
        f"{layers_dir}/nodejs/node{major}/node_modules",
        f"{layers_dir}/nodejs/node_modules",
        f"{runtime_dir}/node_modules",
        runtime_dir,
        task_dir,
    )
    return {"MALLOC_ARENA_MAX": "2", "NODE_PATH": ":".join(places)}


def _node_command(node: NodeJs, spec: InstanceSpec, runtime_dir: str) -> list[str]:
    """Our Node client. V8 keeps its heap below the function's memory, so that it collects garbage
    before the kernel ends the process."""
    return [
        node.executable,
        f"--max-old-space-size={spec.memory_mb * _HEAP_PERCENT // 100}",
        f"--max-http-header-size={_HTTP_HEADER_BYTES}",
        f"{runtime_dir}/node/index.cjs",
        str(LINK),
    ]


def _bootstrap(spec: InstanceSpec, task_dir: str, layers_dir: str) -> str:
    """Where the custom runtime's program is, as seen inside."""
    for host_dir, inside_dir in ((spec.code_dir, task_dir), (spec.layers_dir, layers_dir)):
        if host_dir and Path(host_dir, "bootstrap").is_file():
            return f"{inside_dir}/bootstrap"
    raise RuntimeUnavailable(_NO_BOOTSTRAP)
