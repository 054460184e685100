"""What a build is given and what it keeps as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pileus.compute.images.model import Layer
from pileus.languages.dockerfile import Dockerfile, IgnoreRules

Say = Callable[[str], None]


class RunRequest(msgspec.Struct, frozen=True):
    """One RUN step.

    Attributes:
        lowers: folders of the layers so far, top first; at least one.
        upper_dir: takes what the step writes, as overlayfs does.
        command: the whole of it.
        user: as the image says; empty for root.
    """

    lowers: tuple[str, ...]
    upper_dir: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    user: str
    working_dir: str


class RunStep(Protocol):
    """Runs a step in a sandbox and waits for its end."""

    def __call__(self, request: RunRequest, say: Say) -> int:
        """The exit status; ``say`` gets its output, line by line.

        Raises:
            PileusError: it could not be started.
        """
        ...


class Base(msgspec.Struct, frozen=True):
    """An image to begin from.

    Attributes:
        document: its whole config, as JSON is read.
    """

    document: Mapping[str, Any]
    layers: tuple[Layer, ...]


class BuildRequest(msgspec.Struct, frozen=True):
    """What to build.

    Attributes:
        arguments: ``--build-arg``.
        target: the stage to stop at; empty for the last.
    """

    dockerfile: Dockerfile
    context: Path
    rules: IgnoreRules
    arguments: Mapping[str, str]
    target: str = ""


class Surroundings(msgspec.Struct, frozen=True):
    """What a build asks of outside.

    Attributes:
        find_base: an image by its name; raises PileusError when there is none.
        run: runs RUN steps.
        say: takes a line for people.
    """

    find_base: Callable[[str], Base]
    run: RunStep
    say: Say


class StageState(msgspec.Struct):
    """A stage as far as it is built.

    Attributes:
        key: names everything that its files depend on.
        config: the ``config`` part of an image's config, in Docker's words.
        arguments: ARG values in force.
        has_own_command: CMD was given in this stage, so that ENTRYPOINT leaves it.
    """

    key: str
    config: dict[str, Any]
    layers: tuple[Layer, ...] = ()
    history: list[dict[str, Any]] = msgspec.field(default_factory=list)
    arguments: dict[str, str] = msgspec.field(default_factory=dict)
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    has_own_command: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """``Env`` as a mapping."""
        return dict(pair.partition("=")[::2] for pair in self.config.get("Env") or ())

    def set_environment(self, name: str, value: str) -> None:
        """Add or change a variable, in its place."""
        found = self.environment
        found[name] = value
        self.config["Env"] = [f"{key}={text}" for key, text in found.items()]

    @property
    def variables(self) -> dict[str, str]:
        """What instructions may name: ENV wins over ARG."""
        return {**self.arguments, **self.environment}

    @property
    def working_dir(self) -> str:
        return self.config.get("WorkingDir") or "/"


class Built(msgspec.Struct, frozen=True):
    """A finished image: its manifest's bytes, its config's, its layers."""

    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]
