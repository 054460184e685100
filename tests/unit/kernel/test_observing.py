"""Records are made for those who want them, and for nobody else."""

from __future__ import annotations

from typing import Any

from pileus.kernel.observing import PassingCall
from pileus.testing.platform import MemoryPlatform


class _Choosy:
    """Wants all but the calls, until it is open."""

    def __init__(self) -> None:
        self.counted: list[PassingCall] = []
        self.is_open = False

    def wants(self, kind: str, account: str) -> bool:
        return self.is_open or kind != "call"

    def count_call(self, call: PassingCall) -> None:
        self.counted.append(call)


async def _choosy() -> tuple[MemoryPlatform, _Choosy, list[dict[str, Any]]]:
    platform = await MemoryPlatform.start()
    choosy, taken = _Choosy(), []
    platform.forget_records()
    platform.kernel.add_observer(taken.append, choosy)
    return platform, choosy, taken


async def test_a_call_nobody_wants_is_only_counted() -> None:
    platform, choosy, taken = await _choosy()
    await platform("sqs", "ListQueues")
    assert [call.operation for call in choosy.counted] == ["ListQueues"]
    assert taken == []
    choosy.is_open = True
    await platform("sqs", "ListQueues")
    assert [record["operation"] for record in taken] == ["ListQueues"]


async def test_a_record_of_what_is_over_tells_when_it_was() -> None:
    platform, choosy, taken = await _choosy()
    observers = platform.kernel.observers
    assert observers.want("invocation", "1")
    assert not observers.want("call", "1")
    observers.tell("invocation", {"account": "1", "number": 7}, at_ms=5)
    observers.tell("call", {"account": "1"})
    assert taken == [{"kind": "invocation", "at_ms": 5, "account": "1", "number": 7}]
    choosy.is_open = True
    assert observers.want("call", "1")


async def test_what_is_recalled_is_read_again_after_a_commit() -> None:
    platform = await MemoryPlatform.start()
    space = ("000000000000", "us-east-1", "sqs")
    call, looks = platform.kernel.stream_call(space), []

    def look(view: Any) -> bytes | None:
        looks.append(1)
        found: bytes | None = view.state.get(("a",))
        return found

    assert (call.recall("a", look), call.recall("a", look), len(looks)) == (None, None, 1)
    await platform.clock.run(call.write(lambda step: step.state.put(("a",), b"1")))
    assert (call.recall("a", look), call.recall("a", look), len(looks)) == (b"1", b"1", 2)
