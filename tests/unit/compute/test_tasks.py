"""Task supervision by itself: one container to its end, as an image's build runs its steps."""

from __future__ import annotations

import asyncio

import pytest

from pileus.compute.tasks import Ran, exit_code_of, run_in
from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import ContainerSpec, TaskSpec
from pileus.testing import VirtualClock
from pileus.testing.fake_tasks import ContainerProgram, FakeTaskHost, FakeTaskNodes

PROGRAMS = {
    "step": ContainerProgram(
        2.0, Exit(ExitReason.EXITED, code=3), output=((0.0, "one"), (1.0, "two"))
    ),
    "absent": ContainerProgram(failure="not there"),
    "forever": ContainerProgram(),
}


@pytest.fixture
def host() -> FakeTaskHost:
    return FakeTaskHost(VirtualClock(), PROGRAMS)


async def _run(host: FakeTaskHost, program: str, output: list[bytes]) -> Ran:
    nodes = FakeTaskNodes(host)
    return await run_in(
        nodes, TaskSpec("build-1", "build"), ContainerSpec("run", (program,)), output.append
    )


async def test_a_step_runs_to_its_end(host: FakeTaskHost) -> None:
    output: list[bytes] = []
    ran = await host.clock.run(_run(host, "step", output))
    assert ran == Ran(3)
    assert b"".join(output) == b"one\ntwo\n"
    assert host.tasks == {}


async def test_a_step_that_cannot_start(host: FakeTaskHost) -> None:
    assert await host.clock.run(_run(host, "absent", [])) == Ran(None, "not there")
    assert host.tasks == {}


async def test_cancelling_ends_the_step(host: FakeTaskHost) -> None:
    work = asyncio.ensure_future(_run(host, "forever", []))
    await host.clock.settle()
    assert host.running == [("build-1", "run")]
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert host.tasks == {}


@pytest.mark.parametrize(
    ("exit", "code"),
    [
        (Exit(ExitReason.EXITED, code=7), 7),
        (Exit(ExitReason.KILLED, signal=15), 143),
        (Exit(ExitReason.OUT_OF_MEMORY, signal=9), 137),
        (Exit(ExitReason.LOST), None),
    ],
)
def test_exit_codes(exit: Exit, code: int | None) -> None:
    assert exit_code_of(exit) == code
