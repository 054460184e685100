"""podman, and docker's command line, for tests: with a store of their own, or skipped with the reason.

docker's command line needs no docker daemon here: podman speaks its protocol.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pileus.adapters.container_engine.client import EngineClient, EngineUnusable
from pileus.adapters.container_engine.probing import find_engine
from tests.waiting import until

_VARIABLES = ("CONTAINERS_STORAGE_CONF", "CONTAINERS_CONF", "DOCKER_HOST")


@contextmanager
def working_engine(engine: str) -> Iterator[EngineClient]:
    """An engine that runs containers here, and the environment that commands need for it."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    before = {name: os.environ.get(name) for name in _VARIABLES}
    # A short path: podman refuses long ones.
    with tempfile.TemporaryDirectory(prefix="pe-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _own_store(folder)
        try:
            podman = _found("podman", folder)
            if engine == "podman":
                yield podman
            else:
                with _service(podman, folder):
                    yield _found(engine, folder)
        finally:
            subprocess.run(["podman", "rm", "--all", "--force", "--time", "0"], capture_output=True)
            for variable, value in before.items():
                os.environ.pop(variable, None)
                if value is not None:
                    os.environ[variable] = value


def _own_store(folder: Path) -> None:
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    os.environ["CONTAINERS_STORAGE_CONF"] = str(storage)


def _found(engine: str, folder: Path) -> EngineClient:
    try:
        return asyncio.run(find_engine(engine, folder / "scratch"))
    except EngineUnusable as error:
        pytest.skip(str(error))


@contextmanager
def _service(podman: EngineClient, folder: Path) -> Iterator[None]:
    configuration = folder / "containers.conf"
    runtime = f'runtime = "{podman.runtime}"\n' if podman.runtime else ""
    configuration.write_text(f"[engine]\n{runtime}")
    os.environ["CONTAINERS_CONF"] = str(configuration)
    address = folder / "api"
    command = [podman.program, "system", "service", "--time", "0", f"unix://{address}"]
    service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(address.exists, "the service of podman")
        os.environ["DOCKER_HOST"] = f"unix://{address}"
        yield
    finally:
        service.kill()
        service.wait()
