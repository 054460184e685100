"""Pools on scripted nodes under virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from pileus.compute.calls import Call, Result, Target, Usage
from pileus.compute.pools import Pools, PoolServices, PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.ports.nodes import Exit, ExitReason, InitFailed, InstanceSpec, LogLine
from pileus.testing import SeededChance, VirtualClock
from pileus.testing.fake_nodes import Answer, FakeNodes, Program
from pileus.values.errors import ServiceError

SYNTAX = b'{"errorMessage": "x", "errorType": "Runtime.UserCodeSyntaxError", "stackTrace": []}'

PROGRAMS = {
    "quick": Program(lambda _, n: Answer(str(n).encode(), output=[f"hello {n}"])),
    "slow": Program(lambda *_: Answer(b"1", duration_s=1.0)),
    "hang": Program(lambda *_: Answer(duration_s=100.0)),
    "crash": Program(lambda *_: Answer(exit=Exit(ExitReason.EXITED, code=1))),
    "error": Program(lambda *_: Answer(b'{"errorType": "E"}', is_error=True)),
    "broken": Program(lambda *_: Answer(), init_error=SYNTAX),
    "slow-init": Program(lambda *_: Answer(b"1"), init_s=12.0),
    "endless-init": Program(lambda *_: Answer(), init_s=100.0),
}


@dataclass
class House:
    clock: VirtualClock
    nodes: FakeNodes
    pools: Pools
    usage: list[Usage] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)

    async def call(self, target: Target, request_id: str = "r1") -> Result:
        return await self.clock.run(self.pools.invoke(target, Call(request_id, b"{}", "arn")))

    def starting(self, target: Target) -> asyncio.Task[Result]:
        return asyncio.ensure_future(self.pools.invoke(target, Call("r", b"{}", "arn")))


def _house(settings: PoolSettings | None = None, memory_mb: int = 0) -> House:
    clock = VirtualClock()
    nodes = FakeNodes(clock, PROGRAMS, memory_mb)

    async def credentials(target: Target) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": f"ASIA-{target.function}"}

    def write_log(target: Target, stream: str, lines: Sequence[LogLine]) -> None:
        house.log += [(stream, line.text) for line in lines]

    services = PoolServices(
        nodes,
        clock,
        SeededChance(1),
        credentials,
        write_log,
        lambda usage: house.usage.extend(usage),
    )
    house = House(clock, nodes, Pools(services, settings))
    return house


def _target(handler: str, **more) -> Target:
    spec = InstanceSpec("f", "python3.11", handler, "/code", timeout_s=3.0)
    return Target("000000000000/us-east-1", "f", "$LATEST", more.pop("revision", "1"), spec, **more)


async def test_the_first_call_is_cold_and_the_next_is_warm() -> None:
    house = _house()
    first, second = await house.call(_target("quick")), await house.call(_target("quick"))
    assert (first.payload, second.payload) == (b"1", b"2")
    assert first.is_cold
    assert first.init_ns == 50_000_000
    assert not second.is_cold
    assert first.log_stream == second.log_stream
    assert len(house.nodes.links) == 1


async def test_the_log_is_aws_s() -> None:
    house = _house()
    result = await house.call(_target("quick"))
    expected = [
        "START RequestId: r1 Version: $LATEST",
        "hello 1",
        "END RequestId: r1",
        "REPORT RequestId: r1\tDuration: 0.00 ms\tBilled Duration: 50 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 30 MB\tInit Duration: 50.00 ms\t",
    ]
    assert list(result.log) == expected
    assert house.log == [(result.log_stream, text) for text in expected]
    assert result.log_stream.startswith("2026/01/01/[$LATEST]")
    assert len(result.log_stream) == len("2026/01/01/[$LATEST]") + 32


async def test_instances_get_keys_and_their_stream() -> None:
    house = _house()
    result = await house.call(_target("quick"))
    environment = house.nodes.links[0].spec.environment
    assert environment["AWS_ACCESS_KEY_ID"] == "ASIA-f"
    assert environment["AWS_LAMBDA_LOG_STREAM_NAME"] == result.log_stream


async def test_concurrent_calls_get_an_instance_each_and_the_latest_is_used_first() -> None:
    house = _house()
    tasks = [house.starting(_target("slow")) for _ in range(3)]
    await house.clock.advance(2000)
    assert [task.result().is_cold for task in tasks] == [True] * 3
    assert house.pools.counts() == {("000000000000/us-east-1", "f", "$LATEST"): (3, 0)}
    await house.clock.advance(1000)
    await house.call(_target("slow"))
    assert [link.calls for link in house.nodes.links] == [1, 1, 2]


async def test_idle_instances_go_after_a_while_and_nothing_is_left() -> None:
    house = _house(PoolSettings(idle_s=300))
    await house.call(_target("quick"))
    await house.clock.advance(299_000)
    assert house.nodes.running_count == 1
    assert not (await house.call(_target("quick"))).is_cold
    await house.clock.advance(299_000)
    assert house.nodes.running_count == 1
    await house.clock.advance(2_000)
    assert house.nodes.running_count == 0
    assert house.nodes.members()[0].memory_free_mb == house.nodes.members()[0].memory_mb
    assert (await house.call(_target("quick"))).is_cold


async def test_an_old_instance_takes_no_further_call() -> None:
    house = _house(PoolSettings(idle_s=300, age_s=600))
    for _ in range(3):
        await house.call(_target("quick"))
        await house.clock.advance(250_000)
    assert (await house.call(_target("quick"))).is_cold


async def test_a_crash_is_answered_and_the_instance_replaced() -> None:
    house = _house()
    result = await house.call(_target("crash"))
    assert result.function_error == "Unhandled"
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: r1 Error: Runtime exited with error: exit status 1",
    }
    assert result.log[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError")
    assert (await house.call(_target("crash"))).is_cold


async def test_a_timeout_is_answered_after_the_timeout() -> None:
    house = _house()
    result = await house.call(_target("hang"))
    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    assert result.duration_ns == 3_000_000_000
    assert "Duration: 3000.00 ms\tBilled Duration: 3050 ms" in result.log[-1]
    assert result.log[-1].endswith("\tStatus: timeout")
    assert "r1 Task timed out after 3.00 seconds" in result.log[-3]
    assert house.nodes.running_count == 0


async def test_a_handler_s_error_keeps_the_instance() -> None:
    house = _house()
    result = await house.call(_target("error"))
    assert result.function_error == "Unhandled"
    assert not (await house.call(_target("error"))).is_cold


async def test_an_instance_that_died_idle_is_not_used() -> None:
    house = _house()
    await house.call(_target("quick"))
    house.nodes.links[0].end(Exit(ExitReason.KILLED, signal=9))
    assert (await house.call(_target("quick"))).payload == b"1"


async def test_a_failed_init_phase_is_run_again_within_the_call() -> None:
    house = _house()
    result = await house.call(_target("broken"))
    assert result.payload == SYNTAX
    assert result.function_error == "Unhandled"
    assert [line.split("\t")[0].split(" ")[0] for line in result.log] == [
        "INIT_REPORT",
        "INIT_REPORT",
        "START",
        "END",
        "REPORT",
    ]
    assert result.log[0] == (
        "INIT_REPORT Init Duration: 50.00 ms\tPhase: init\t"
        "Status: error\tError Type: Runtime.UserCodeSyntaxError"
    )
    assert "\tPhase: invoke\t" in result.log[1]
    assert result.log[-1].endswith("\tStatus: error\tError Type: Runtime.UserCodeSyntaxError")
    assert len(house.nodes.links) == 2
    assert house.nodes.running_count == 0


async def test_an_init_phase_over_ten_seconds_is_run_again_with_the_function_s_timeout() -> None:
    house = _house()
    patient = _target("slow-init")
    patient = replace(patient, spec=replace(patient.spec, timeout_s=30.0))
    result = await house.call(patient)
    assert result.payload == b"1"
    assert result.log[0] == ("INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout")
    assert "Duration: 12000.00 ms" in result.log[-1]
    assert not result.is_cold
    late = await house.call(replace(_target("endless-init"), revision="2"), "r2")
    assert json.loads(late.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: r2 Error: Task timed out after 3.00 seconds",
    }


async def test_reserved_concurrency_throttles() -> None:
    house = _house()
    target = _target("slow", reserved=1)
    running = house.starting(target)
    await house.clock.settle()
    with pytest.raises(ServiceError) as refused:
        await house.call(target)
    assert refused.value.code == "TooManyRequestsException"
    assert refused.value.status == 429
    assert refused.value.fields == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
    }
    await house.clock.advance(2000)
    assert running.result().payload == b"1"
    assert (await house.call(target)).payload == b"1"
    assert house.pools.figures(target.scope, "f").throttles == 1


async def test_starts_are_bounded_per_function() -> None:
    limits = ScalingLimits(burst_starts=2, burst_window_s=10.0)
    house = _house(PoolSettings(limits=limits))
    running = [house.starting(_target("slow")) for _ in range(3)]
    await house.clock.advance(2000)
    assert [task.exception() is None for task in running] == [True, True, False]
    assert running[2].exception().fields["Reason"] == "FunctionInvocationRateLimitExceeded"


async def test_a_full_machine_throttles() -> None:
    house = _house(memory_mb=128)
    running = house.starting(_target("slow"))
    await house.clock.settle()
    with pytest.raises(ServiceError) as refused:
        await house.call(_target("slow"))
    assert refused.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"
    await house.clock.advance(2000)
    assert running.result().payload == b"1"


async def test_a_new_revision_gets_new_instances_and_the_old_ones_drain() -> None:
    house = _house()
    old = [house.starting(_target("slow")) for _ in range(2)]
    await house.clock.advance(2000)
    busy = house.starting(_target("slow"))
    await house.clock.settle()
    new = house.starting(_target("slow", revision="2"))
    await house.clock.settle()
    assert sum(link.exited.done() for link in house.nodes.links) == 1, "the idle one"
    await house.clock.advance(2000)
    assert new.result().is_cold
    assert not busy.result().is_cold
    assert all(task.done() for task in old)
    assert house.nodes.running_count == 1


async def test_retiring_ends_idle_instances() -> None:
    house = _house()
    await house.call(_target("quick"))
    await house.pools.retire("000000000000/us-east-1", "f")
    assert house.nodes.running_count == 0
    assert house.pools.counts() == {}


async def test_warming_up_makes_the_first_call_warm() -> None:
    house = _house()
    await house.clock.run(house.pools.warm_up(_target("quick"), 2))
    assert house.nodes.running_count == 2
    assert not (await house.call(_target("quick"))).is_cold


async def test_provisioned_instances_stay_however_idle_and_are_replaced() -> None:
    house = _house(PoolSettings(idle_s=10.0))
    target = _target("slow")
    await house.clock.run(house.pools.provision(target, 2))
    key = (target.scope, "f", "$LATEST")
    assert house.pools.provisioned(*key) == 2
    await house.clock.advance(60_000)
    assert house.nodes.running_count == 2
    running = [house.starting(target) for _ in range(3)]
    await house.clock.advance(2000)
    assert [task.result().is_cold for task in running] == [False, False, True]
    await house.clock.advance(60_000)
    assert house.nodes.running_count == 2, "the one beyond them goes as others do"
    house.nodes.links[0].end(Exit(ExitReason.EXITED, code=1))
    assert (await house.call(target)).is_cold is False
    await house.clock.advance(60_000)
    assert (house.nodes.running_count, house.pools.provisioned(*key)) == (2, 2)
    house.pools.release_provisioned(*key)
    await house.clock.advance(60_000)
    assert house.nodes.running_count == 0


async def test_a_provisioned_crash_is_made_good() -> None:
    house = _house()
    target = _target("crash")
    await house.clock.run(house.pools.provision(target, 1))
    await house.call(target)
    await house.clock.advance(1000)
    assert house.nodes.running_count == 1
    with pytest.raises(InitFailed):
        await house.clock.run(house.pools.provision(_target("broken", revision="2"), 1))


async def test_a_cancelled_call_ends_its_instance() -> None:
    house = _house()
    running = house.starting(_target("hang"))
    await house.clock.advance(1000)
    running.cancel()
    await house.clock.settle()
    assert house.nodes.running_count == 0
    assert (await house.call(_target("quick"))).is_cold


async def test_usage_is_metered() -> None:
    house = _house()
    await house.call(_target("slow"))
    assert house.usage == []
    await house.clock.advance(1000)
    (usage,) = house.usage
    assert usage.is_cold
    assert usage.billed_ms == 1050
    assert usage.gigabyte_seconds == pytest.approx(128 / 1024 * 1.05)
    assert usage.concurrency == 1
    figures = house.pools.figures("000000000000/us-east-1", "f")
    assert (figures.invocations, figures.cold, figures.warm) == (1, 1, 0)
    assert house.pools.figures("000000000000/us-east-1", "g").invocations == 0


async def test_closing_ends_every_idle_instance() -> None:
    house = _house()
    await house.call(_target("quick"))
    await house.pools.close()
    assert house.nodes.running_count == 0
