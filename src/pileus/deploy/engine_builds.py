"""Images built by podman, buildah or docker where the user prefers them, then put into our registry. Blocks."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from pileus.deploy.api import Api
from pileus.deploy.errors import DeployError
from pileus.deploy.image_building import BuildOrder
from pileus.deploy.images import import_images

ENGINES = ("podman", "buildah", "docker")
_SAVE: dict[str, Callable[[str, str], list[str]]] = {
    "podman": lambda name, file: ["save", "--format", "oci-archive", "--output", file, name],
    "buildah": lambda name, file: ["push", "--quiet", name, f"oci-archive:{file}"],
    "docker": lambda name, file: ["save", "--output", file, name],
}


def build_with(engine: str, api: Api, order: BuildOrder, say: Callable[[str], None]) -> str:
    """Let ``engine`` build and keep the image, and put a copy into the registry; its name there.

    FROM means what it means to the engine: its own images and the registries it is set up for.

    Raises:
        DeployError: the engine is not installed, or its build failed; its own words were said before.
    """
    _run(engine, _build_arguments(order), say)
    with tempfile.TemporaryDirectory(prefix="pileus-image-") as folder:
        file = Path(folder, "image.tar")
        _run(engine, _SAVE[engine](order.tag, str(file)), say)
        (name,) = import_images(api, file, order.tag, say)
    return name


def _build_arguments(order: BuildOrder) -> list[str]:
    """``build`` and its options, which the three have alike."""
    arguments = ["build", "--tag", order.tag]
    if order.file is not None:
        arguments += ["--file", str(order.file)]
    for name, value in order.arguments.items():
        arguments += ["--build-arg", f"{name}={value}"]
    if order.target:
        arguments += ["--target", order.target]
    return [*arguments, str(order.folder)]


def _run(engine: str, arguments: list[str], say: Callable[[str], None]) -> None:
    try:
        process = subprocess.Popen(
            [engine, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise DeployError(f"{engine} cannot be run: {error.strerror}") from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            say(line.rstrip("\n"))
    if process.returncode:
        raise DeployError(f"{engine} {arguments[0]} ended with {process.returncode}")
