"""podman or docker by their command lines, which are alike: one command after another, and some that last."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from tempfile import TemporaryFile

import msgspec

from pileus.values.errors import PileusError

PODMAN, DOCKER = "podman", "docker"
ENGINES = (PODMAN, DOCKER)
_ANSWER_S = 120.0
_ERROR_CHARACTERS_MAX = 4000
_PREFIXES = ("Error response from daemon: ", "Error: ")


class EngineUnusable(PileusError):
    """A container engine is not there or does not work; the text says what to do."""


class Finished(msgspec.Struct, frozen=True):
    """How a command ended; ``error`` without the prefixes that engines put before it."""

    status: int
    output: str
    error: str


class EngineClient:
    """Runs an engine's command line.

    Args:
        program: ``podman`` or ``docker``, or a path of it.
        engine: which of the two the program is.
        runtime: the OCI runtime that containers are made with; empty for the engine's own choice.
        is_old_groups: whether the machine's control groups are of version 1, under which engines miss
            that a container ran out of memory.
    """

    def __init__(
        self, program: str, engine: str, runtime: str = "", *, is_old_groups: bool = False
    ) -> None:
        self.program = program
        self.engine = engine
        self.runtime = runtime
        self.is_old_groups = is_old_groups

    @property
    def is_podman(self) -> bool:
        """Whether it takes podman's own options."""
        return self.engine == PODMAN

    async def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        given: bytes = b"",
        within_s: float | None = _ANSWER_S,
    ) -> Finished:
        """Run a command to its end; what stands against it is told as a status other than 0.

        Args:
            environment: variables beside those of this process.
            given: what it reads.
            within_s: after so long it is killed, with status -9; None: never.
        """
        # Into files: what an engine starts may hold on to a pipe for as long as a container runs.
        with TemporaryFile() as read, TemporaryFile() as output, TemporaryFile() as error:
            read.write(given)
            read.seek(0)
            streams = (read.fileno(), output.fileno(), error.fileno())
            async with self._started(arguments, environment, streams) as process:
                try:
                    async with asyncio.timeout(within_s):
                        status = await process.wait()
                except TimeoutError:
                    told = f"{self.engine} {arguments[0]} gave no answer within {within_s:.0f} s"
                    return Finished(-9, "", told)
            output.seek(0)
            error.seek(0)
            return Finished(
                status, output.read().decode(errors="replace").strip(), said(error.read())
            )

    @asynccontextmanager
    async def reading(self, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        """What a command that goes on writes, errors included; it is ended with the block.

        Raises:
            EngineUnusable: the program cannot be run.
        """
        null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        streams = (null, pipe, asyncio.subprocess.STDOUT)
        async with self._started(arguments, None, streams) as process:
            assert process.stdout is not None
            yield process.stdout

    def _options(self) -> list[str]:
        """Before every command of podman, whose warnings would stand between lines of a log."""
        if not self.is_podman:
            return []
        return ["--log-level", "error", *(["--runtime", self.runtime] if self.runtime else [])]

    @asynccontextmanager
    async def _started(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str] | None,
        streams: tuple[int, int, int],
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        try:
            process = await asyncio.create_subprocess_exec(
                self.program,
                *self._options(),
                *arguments,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env={**os.environ, **(environment or {})},
            )
        except OSError as error:
            raise EngineUnusable(f"{self.program} cannot be run: {error.strerror}") from error
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def said(error: bytes) -> str:
    """What an engine complains of, without its prefixes and log lines."""
    lines = error.decode(errors="replace").strip().splitlines()
    text = "\n".join([one for one in lines if not one.startswith("time=")] or lines)
    text = text[-_ERROR_CHARACTERS_MAX:]
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text
