"""What every ``Nodes`` adapter must do; see ``ports/nodes.py``.

The same programs exist as Python source for adapters that run code and as scripts for the fake.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pytest
from msgspec.structs import replace

from pileus.ports.clock import Clock
from pileus.ports.nodes import (
    ChangeKind,
    Exit,
    ExitReason,
    InitFailed,
    InstanceSpec,
    Invocation,
    LeaseLost,
    Link,
    LogLine,
    NoCapacity,
    Nodes,
    RuntimeUnavailable,
)
from pileus.testing.fake_nodes import Answer, Program

T = TypeVar("T")

MEMORY_MB = 1024
"""What the adapter under test must be told to offer."""

SOURCE = """
import json, os, signal, sys, time

calls = 0


def count(event, context):
    global calls
    calls += 1
    print(f"call {calls}")
    return {"calls": calls, "event": event, "id": context.aws_request_id}


def fail(event, context):
    raise ValueError("no")


def leave(event, context):
    sys.exit(event)


def die(event, context):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(event, context):
    time.sleep(60)


def eat(event, context):
    held = bytearray(400 << 20)
    return len(held)
"""
"""Module ``programs`` of the package at ``InstanceSpec.code_dir``."""

SOURCE_LEAVING = "import sys\nsys.exit(3)\n"
"""Module ``leaving``: ends in its init phase."""


def _count(invocation: Invocation, number: int) -> Answer:
    event = json.loads(invocation.payload)
    answer = {"calls": number, "event": event, "id": invocation.request_id}
    return Answer(json.dumps(answer).encode(), output=[f"call {number}"])


def _fail(invocation: Invocation, _: int) -> Answer:
    document = {"errorMessage": "no", "errorType": "ValueError", "requestId": invocation.request_id}
    return Answer(json.dumps(document).encode(), is_error=True)


def _leave(invocation: Invocation, _: int) -> Answer:
    return Answer(exit=Exit(ExitReason.EXITED, code=json.loads(invocation.payload)))


PROGRAMS = {
    "programs.count": Program(_count),
    "programs.fail": Program(_fail),
    "programs.leave": Program(_leave),
    "programs.die": Program(lambda *_: Answer(exit=Exit(ExitReason.KILLED, signal=11))),
    "programs.hang": Program(lambda *_: Answer(duration_s=60)),
    "programs.eat": Program(lambda *_: Answer(memory_mb=430)),
    "programs.missing": Program(
        lambda *_: Answer(), init_error=b'{"errorType": "Runtime.HandlerNotFound"}'
    ),
    "leaving.handler": Program(lambda *_: Answer(), init_exit=Exit(ExitReason.EXITED, code=3)),
}
"""The same for the fake, by handler."""


class Run(Protocol):
    """Awaits work while time passes."""

    def __call__(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]: ...


@dataclass(slots=True)
class Bench:
    """One adapter under test.

    Attributes:
        spec: an instance of 256 MB with the programs above; checks set the handler.
        run: awaits work while the adapter's time passes.
        snapshots: not empty to have every instance be a copy of a snapshot.
    """

    nodes: Nodes
    clock: Clock
    spec: InstanceSpec
    run: Run
    snapshots: str = ""

    async def start(self, handler: str, log: list[LogLine] | None = None) -> Link:
        """Place and start one instance."""
        spec = replace(self.spec, handler=handler, snapshot=self.snapshots and handler)
        lease = await self.nodes.place(spec)
        lines = log if log is not None else []
        return await self.run(self.nodes.start(lease, spec, lines.extend))

    def call(self, payload: bytes = b"1", timeout_s: float = 10.0) -> Invocation:
        """An invocation."""
        arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
        deadline_ms = self.clock.now_ms() + round(timeout_s * 1000)
        return Invocation("request-1", payload, arn, deadline_ms, timeout_s)


async def answers_and_keeps_its_state(bench: Bench) -> None:
    """Module state lives on between the calls of one instance."""
    link = await bench.start("programs.count")
    for number in (1, 2, 3):
        outcome = await link.invoke(bench.call(b'{"a": [1, "\xc3\xa9"]}'))
        assert not outcome.is_error
        assert outcome.exit is None
        expected = {"calls": number, "event": {"a": [1, "é"]}, "id": "request-1"}
        assert json.loads(outcome.payload) == expected
        assert outcome.duration_ns >= 0
        assert 0 < outcome.memory_peak_mb <= 256
    assert link.init_ns > 0


async def instances_share_nothing(bench: Bench) -> None:
    """Two instances of one function each count for themselves."""
    first, second = await bench.start("programs.count"), await bench.start("programs.count")
    await first.invoke(bench.call())
    outcome = await second.invoke(bench.call())
    assert json.loads(outcome.payload)["calls"] == 1


async def output_arrives_before_the_answer(bench: Bench) -> None:
    """Lines written before the answer are in the sink when ``invoke`` returns."""
    lines: list[LogLine] = []
    link = await bench.start("programs.count", lines)
    for number in range(1, 20):
        await link.invoke(bench.call())
        assert lines[-1].text == f"call {number}"


async def an_error_is_an_answer(bench: Bench) -> None:
    """A raising handler does not end its instance."""
    link = await bench.start("programs.fail")
    for _ in range(2):
        outcome = await link.invoke(bench.call())
        assert outcome.is_error
        assert outcome.exit is None
        assert json.loads(outcome.payload)["errorType"] == "ValueError"


async def an_exit_is_told_with_its_code(bench: Bench) -> None:
    """``sys.exit(7)`` ends the instance with EXITED 7."""
    link = await bench.start("programs.leave")
    outcome = await link.invoke(bench.call(b"7"))
    assert outcome.exit == Exit(ExitReason.EXITED, code=7)
    assert await link.exited == outcome.exit
    with pytest.raises(LeaseLost):
        await link.invoke(bench.call())


async def a_crash_is_told_with_its_signal(bench: Bench) -> None:
    """A handler that kills its own process ends the instance with the signal."""
    link = await bench.start("programs.die")
    outcome = await link.invoke(bench.call())
    assert outcome.exit == Exit(ExitReason.KILLED, signal=11)


async def a_timeout_ends_the_instance(bench: Bench) -> None:
    """Past ``timeout_s`` nothing of the instance is left."""
    link = await bench.start("programs.hang")
    outcome = await bench.run(link.invoke(bench.call(timeout_s=0.2)))
    assert outcome.exit == Exit(ExitReason.TIMED_OUT)
    assert outcome.duration_ns >= 190_000_000
    assert link.exited.done()


async def memory_past_the_limit_ends_the_instance(bench: Bench) -> None:
    """400 MB in an instance of 256 MB."""
    link = await bench.start("programs.eat")
    outcome = await bench.run(link.invoke(bench.call()))
    assert outcome.exit == Exit(ExitReason.OUT_OF_MEMORY, signal=9)
    assert outcome.memory_peak_mb == 256


async def a_reported_init_error_is_kept(bench: Bench) -> None:
    """A handler that is not there: the runtime's document, and the instance is gone."""
    with pytest.raises(InitFailed) as failed:
        await bench.start("programs.missing")
    assert json.loads(failed.value.document)["errorType"] == "Runtime.HandlerNotFound"
    assert failed.value.exit == Exit(ExitReason.EXITED, code=1)


async def an_exit_in_the_init_phase_is_told(bench: Bench) -> None:
    """A module that exits while it is imported has no document."""
    with pytest.raises(InitFailed) as failed:
        await bench.start("leaving.handler")
    assert failed.value.document == b""
    assert failed.value.exit == Exit(ExitReason.EXITED, code=3)


async def stop_is_idempotent(bench: Bench) -> None:
    """Stopping twice is stopping once."""
    link = await bench.start("programs.count")
    await link.stop()
    await link.stop()
    assert await link.exited == Exit(ExitReason.STOPPED)


async def cancelling_the_caller_stops_the_instance(bench: Bench) -> None:
    """Nothing else can stop a handler."""
    link = await bench.start("programs.hang")
    task = asyncio.ensure_future(link.invoke(bench.call()))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="busy"):
        await link.invoke(bench.call())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bench.run(_wait(link.exited)) == Exit(ExitReason.STOPPED)


async def _wait(future: asyncio.Future[Exit]) -> Exit:
    return await future


async def leases_bound_memory(bench: Bench) -> None:
    """What is placed is taken, what is released is free again; releasing stops."""
    spec = replace(bench.spec, handler="programs.count", memory_mb=MEMORY_MB // 2)
    first, second = await bench.nodes.place(spec), await bench.nodes.place(spec)
    assert second.epoch > first.epoch
    assert bench.nodes.members()[0].memory_free_mb == 0
    with pytest.raises(NoCapacity):
        await bench.nodes.place(spec)
    link = await bench.run(bench.nodes.start(first, spec, lambda _: None))
    await bench.nodes.release(first)
    await bench.nodes.release(first)
    assert link.exited.done()
    with pytest.raises(LeaseLost):
        await bench.nodes.start(first, spec, lambda _: None)
    await bench.nodes.place(spec)


async def preparing_changes_nothing_but_the_wait(bench: Bench) -> None:
    """Prepared or not, instances start the same."""
    await bench.run(bench.nodes.prepare(bench.spec))
    await answers_and_keeps_its_state(bench)


async def an_unknown_runtime_is_refused(bench: Bench) -> None:
    """By name."""
    with pytest.raises(RuntimeUnavailable, match=r"cobol1\.0"):
        await bench.nodes.place(replace(bench.spec, runtime="cobol1.0"))
    with pytest.raises(RuntimeUnavailable, match=r"cobol1\.0"):
        await bench.nodes.prepare(replace(bench.spec, runtime="cobol1.0"))


async def watching_begins_with_the_members(bench: Bench) -> None:
    """The present members come first, as JOINED."""
    changes = bench.nodes.watch()
    change = await anext(changes)
    assert change.kind is ChangeKind.JOINED
    assert change.member.node == bench.nodes.members()[0].node


def _unheard(lines: Sequence[LogLine]) -> None:
    """Output that a check does not ask for."""


async def copies_begin_where_the_snapshot_stood(bench: Bench) -> None:
    """The init phase runs once, and its output is told once."""
    log: list[LogLine] = []
    spec = replace(bench.spec, handler="programs.count", snapshot="one")
    taken = await bench.run(bench.nodes.take_snapshot(spec, log.extend))
    assert (taken.init_ns > 0) != bool(taken.obstacle)
    assert await bench.run(bench.nodes.take_snapshot(spec, log.extend)) == replace(taken, init_ns=0)
    for _ in range(2):
        lease = await bench.nodes.place(spec)
        link = await bench.run(bench.nodes.start(lease, spec, log.extend))
        assert (link.restore is None) == bool(taken.obstacle)
        outcome = await bench.run(link.invoke(bench.call()))
        assert json.loads(outcome.payload)["calls"] == 1
        await bench.nodes.release(lease)
    await bench.nodes.drop_snapshots(spec.name)


async def snapshots_of_a_name_are_dropped(bench: Bench) -> None:
    """By the whole name, or by its beginning up to a colon."""
    spec = replace(bench.spec, handler="programs.count", snapshot="one", name="scope/f:1")
    for name in ("scope/f:1", "scope/f:"):
        first = await bench.run(bench.nodes.take_snapshot(spec, _unheard))
        await bench.nodes.drop_snapshots("scope/g:")
        await bench.nodes.drop_snapshots(name)
        again = await bench.run(bench.nodes.take_snapshot(spec, _unheard))
        assert bool(again.init_ns) == bool(first.init_ns)
        await bench.nodes.drop_snapshots(name)


async def a_snapshot_that_cannot_initialise_says_why(bench: Bench) -> None:
    """As an instance does."""
    spec = replace(bench.spec, handler="programs.missing", snapshot="one")
    try:
        taken = await bench.run(bench.nodes.take_snapshot(spec, _unheard))
    except InitFailed as failed:
        assert b"HandlerNotFound" in failed.document
    else:
        assert taken.obstacle


CONTRACT = (
    copies_begin_where_the_snapshot_stood,
    snapshots_of_a_name_are_dropped,
    a_snapshot_that_cannot_initialise_says_why,
    answers_and_keeps_its_state,
    instances_share_nothing,
    output_arrives_before_the_answer,
    an_error_is_an_answer,
    an_exit_is_told_with_its_code,
    a_crash_is_told_with_its_signal,
    a_timeout_ends_the_instance,
    memory_past_the_limit_ends_the_instance,
    a_reported_init_error_is_kept,
    an_exit_in_the_init_phase_is_told,
    stop_is_idempotent,
    cancelling_the_caller_stops_the_instance,
    leases_bound_memory,
    preparing_changes_nothing_but_the_wait,
    an_unknown_runtime_is_refused,
    watching_begins_with_the_members,
)
