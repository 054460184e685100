"""A step that is run again changes nothing a second time."""

from __future__ import annotations

import pytest

from pileus.kernel.calls import StepCall
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

SPACE = ("000000000000", "us-east-1", "cloudformation")
GIVEN = {"Name": "/p", "Value": "1", "Type": "String"}


def _step(platform: MemoryPlatform, step_id: str) -> StepCall:
    call = platform.kernel.stream_call(SPACE)
    return call.step(platform.context, "AWS::SSM::Parameter", step_id)


async def test_repeated_step_gets_the_first_answers(memory_platform: MemoryPlatform) -> None:
    first = await _step(memory_platform, "s1").invoke("ssm", "PutParameter", GIVEN)
    again = await _step(memory_platform, "s1").invoke("ssm", "PutParameter", GIVEN)
    assert first.output["Version"] == again.output["Version"] == 1
    with pytest.raises(ServiceError, match="ParameterAlreadyExists"):
        await _step(memory_platform, "s2").invoke("ssm", "PutParameter", GIVEN)


async def test_the_same_call_twice_in_one_step_is_two_calls(
    memory_platform: MemoryPlatform,
) -> None:
    given = {**GIVEN, "Overwrite": True}
    for _ in range(2):
        step = _step(memory_platform, "s1")
        await step.invoke("ssm", "PutParameter", given)
        await step.invoke("ssm", "PutParameter", given)
    got = await memory_platform("ssm", "GetParameter", Name="/p")
    assert got["Parameter"]["Version"] == 2


async def test_step_acts_in_the_room_that_owns_the_type(memory_platform: MemoryPlatform) -> None:
    assert _step(memory_platform, "s1").space[2] == "ssm"
    assert memory_platform.kernel.stream_call(SPACE).resource_type("AWS::Foo::Bar") is None


async def test_until_sees_what_is_woken(memory_platform: MemoryPlatform) -> None:
    call = memory_platform.kernel.stream_call(SPACE)

    async def answer() -> None:
        await call.clock.sleep(5)

        def step(write: object) -> None:
            write.state.put(("x",), b"1")  # type: ignore[attr-defined]
            write.wake(("x",))  # type: ignore[attr-defined]

        await call.write(step)

    call.spawn("answer", answer())
    now_ms = call.clock.now_ms()
    wait = call.until(("x",), now_ms + 10_000, lambda read: read.state.get(("x",)))
    assert await memory_platform.clock.run(wait) == b"1"
    late = call.until(("y",), now_ms + 10_000, lambda read: read.state.get(("y",)))
    assert await memory_platform.clock.run(late) is None
