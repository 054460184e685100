"""What a blank instance is told to become: paths, module path and environment as seen inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pileus.adapters.local_node.fork_server import ForkServer
from pileus.ports.nodes import InstanceSpec, RuntimeUnavailable
from pileus.runtime import sandbox

_PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_NO_BOOTSTRAP = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"


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
    environment = {
        "PATH": _PATH,
        "LD_LIBRARY_PATH": server.library_path,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        **spec.environment,
        "LAMBDA_TASK_ROOT": task_dir,
        "LAMBDA_RUNTIME_DIR": runtime_dir,
        "_HANDLER": spec.handler,
    }
    if not is_custom:  # for Python processes that a handler starts
        environment.setdefault("PYTHONPATH", ":".join(own_path[1:]))
    if not is_walled:
        tmp_dir.mkdir(parents=True, exist_ok=True)
        environment["TMPDIR"] = str(tmp_dir)
    return {
        "bootstrap": _bootstrap(spec, task_dir, layers_dir) if is_custom else "",
        "code_dir": spec.code_dir,
        "environment": environment,
        "handler": spec.handler,
        "kind": spec.kind.value,
        "layers_dir": spec.layers_dir,
        "python_path": [*own_path, *interpreter.library_path],
        "runtime_api_port": 0,
        "runtime_dir": runtime_dir,
        "late_shown": server.skeleton.late(spec.shown),
        "task_dir": task_dir,
        "tmp_dir": str(tmp_dir),
        "tmp_mb": spec.tmp_mb,
    }


def _bootstrap(spec: InstanceSpec, task_dir: str, layers_dir: str) -> str:
    """Where the custom runtime's program is, as seen inside."""
    for host_dir, inside_dir in ((spec.code_dir, task_dir), (spec.layers_dir, layers_dir)):
        if host_dir and Path(host_dir, "bootstrap").is_file():
            return f"{inside_dir}/bootstrap"
    raise RuntimeUnavailable(_NO_BOOTSTRAP)
