"""Records are made for those who want them, and for nobody else."""

from __future__ import annotations

from typing import Any

from pileus.kernel.observing import Attention, PassingCall
from pileus.testing.platform import MemoryPlatform


class _Choosy:
    """Wants nothing of calls and the rest later."""

    def __init__(self) -> None:
        self.counted: list[PassingCall] = []
        self.is_open = False

    def attention(self, kind: str, account: str) -> Attention:
        if self.is_open:
            return Attention.NOW
        return Attention.NONE if kind == "call" else Attention.LATER

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


async def test_what_can_wait_is_made_in_a_moment() -> None:
    platform, choosy, taken = await _choosy()
    made: list[int] = []

    def fields(number: int) -> dict[str, Any]:
        made.append(number)
        return {"number": number}

    tell_later = platform.kernel.observers.tell_later
    tell_later("invocation", "1", fields, 7)
    assert (made, taken) == ([], [])
    await platform.clock.advance(1000)
    assert [record["number"] for record in taken] == [7]
    choosy.is_open = True
    tell_later("invocation", "1", fields, 8)
    assert made == [7, 8]


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
