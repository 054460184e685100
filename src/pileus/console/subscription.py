"""What one open page has yet to be told: the newest state, bounded streams, counted drops.

While a page is slow, state messages overwrite each other and streams keep their newest items;
nothing queues up behind it and nothing is dropped without being counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from pileus.console.functions import FunctionLedger
from pileus.ports.clock import Clock

TICK_S = 0.1
"""The least time between two frames to one page."""
STREAM_LIMITS: Mapping[str, int] = {
    "calls": 60,
    "logs": 200,
    "sms": 100,
    "detections": 120,
    "invocations": 60,
}
"""Items of a stream waiting for one page."""
PULSE_LIMIT = 200


class Subscription:
    """Pending messages of one page. Used from the event loop only."""

    def __init__(self, clock: Clock, account: str) -> None:
        self.account = account
        self._clock = clock
        self._wake = asyncio.Event()
        self._states: dict[tuple[str, str], Any] = {}
        self._streams: dict[str, deque[Any]] = {}
        self._pulses: Counter[tuple[str, str, bool]] = Counter()
        self._dropped: Counter[str] = Counter()
        self._sequence = 0
        self._sent_ns: int | None = None

    def put_state(self, message_type: str, key: str, value: Any) -> None:
        """Tell the newest value of ``key``; an untold older one is replaced."""
        self._states[(message_type, key)] = value
        self._wake.set()

    def put_item(self, message_type: str, item: Any) -> None:
        """Add to a stream; the oldest untold item goes, counted, when it is full."""
        stream = self._streams.setdefault(message_type, deque())
        stream.append(item)
        if len(stream) > STREAM_LIMITS[message_type]:
            stream.popleft()
            self._dropped[message_type] += 1
        self._wake.set()

    def put_pulse(self, origin: str, target: str, is_error: bool) -> None:
        """Light an edge of the map; equal ones are counted together."""
        pulse = (origin, target, is_error)
        if pulse not in self._pulses and len(self._pulses) >= PULSE_LIMIT:
            self._dropped["pulses"] += 1
            return
        self._pulses[pulse] += 1
        self._wake.set()

    async def next_frame(self) -> dict[str, Any]:
        """The next frame, once there is something to tell and the tick has passed."""
        await self._wake.wait()
        if self._sent_ns is not None:
            since_s = (self._clock.mono_ns() - self._sent_ns) / 1e9
            if since_s < TICK_S:
                await self._clock.sleep(TICK_S - since_s)
        self._sent_ns = self._clock.mono_ns()
        return self._take()

    def _take(self) -> dict[str, Any]:
        self._wake.clear()
        messages: list[dict[str, Any]] = []
        states: dict[str, list[Any]] = {}
        for (message_type, _), value in self._states.items():
            # A ledger becomes a row only now: percentiles once a tick, not once an invocation.
            row = value.row() if isinstance(value, FunctionLedger) else value
            states.setdefault(message_type, []).append(row)
        messages += [{"type": kind, "items": values} for kind, values in states.items()]
        messages += [{"type": kind, "items": list(items)} for kind, items in self._streams.items()]
        if self._pulses:
            pulses = [
                [origin, target, count, int(bad)]
                for (origin, target, bad), count in self._pulses.items()
            ]
            messages.append({"type": "pulses", "items": pulses})
        dropped = dict(self._dropped)
        self._states.clear()
        self._streams.clear()
        self._pulses.clear()
        self._sequence += 1
        return {
            "sequence": self._sequence,
            "at_ms": self._clock.now_ms(),
            "messages": messages,
            "dropped": dropped,
        }
