"""Delivers what transactions emitted: at least once, with the same id at every try.

An entry leaves the outbox in a transaction of its own after the call succeeded or was given up, so
a crash in between repeats the call; the receiving room tells the repetition by the delivery id.
Entries with an ordering key run one at a time in the order they were emitted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from pileus.kernel.calls import OUTBOX, WriteCall
from pileus.kernel.deliveries import OutboxEntry, decode_entry, encode_entry
from pileus.kernel.supervision import StorePatience
from pileus.ports.state import Space
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError, StoreUnavailable

if TYPE_CHECKING:
    from pileus.kernel.kernel import Kernel

_log = logging.getLogger("pileus.outbox")
CONCURRENT_MAX = 256
RETRY_FIRST_S = 0.5
RETRY_LAST_S = 300.0


class Outbox:
    """The dispatcher. ``dispatch`` takes entries that are durable already."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._room = asyncio.Semaphore(CONCURRENT_MAX)
        self._lanes: dict[tuple[Space, str], deque[OutboxEntry]] = {}
        self.pending = 0

    def recover(self) -> int:
        """Dispatch everything that a previous run left; returns how many entries."""
        kernel, found = self._kernel, 0
        for space in kernel.state.spaces():
            rows = kernel.state.read(space, lambda view: view.range((OUTBOX,)))
            entries = [decode_entry(value) for _, value in rows]
            found += len(entries)
            self.dispatch(space, entries)
        return found

    def dispatch(self, space: Space, entries: list[OutboxEntry]) -> None:
        """Begin to deliver ``entries`` of ``space``; returns at once."""
        for entry in entries:
            self.pending += 1
            key = entry.delivery.ordering_key
            if key is None:
                self._kernel.supervisor.spawn(f"outbox {entry.id}", self._deliver(space, entry))
                continue
            lane = self._lanes.get((space, key))
            if lane is None:
                lane = self._lanes[(space, key)] = deque()
                self._kernel.supervisor.spawn(f"outbox lane {key}", self._run_lane(space, key))
            lane.append(entry)

    async def _run_lane(self, space: Space, key: str) -> None:
        lane = self._lanes[(space, key)]
        while lane:
            await self._deliver(space, lane[0])
            lane.popleft()
        del self._lanes[(space, key)]

    async def _deliver(self, space: Space, entry: OutboxEntry) -> None:
        patience = StorePatience(self._kernel.clock, f"delivery {entry.id}")
        while True:
            if (wait_ms := entry.not_before_ms - self._kernel.clock.now_ms()) > 0:
                await self._kernel.clock.sleep(wait_ms / 1000)
            try:
                async with self._room:
                    error = await self._attempt(space, entry)
            except StoreUnavailable as problem:
                # Ours and not the target's: no attempt is counted.
                await patience.pause(problem)
                continue
            if error is None or self._is_given_up(entry, error):
                break
            entry.attempts += 1
            pause_s = min(RETRY_FIRST_S * 2 ** (entry.attempts - 1), RETRY_LAST_S)
            entry.not_before_ms = self._kernel.clock.now_ms() + int(pause_s * 1000)
            await self._settle(space, entry, None, keep=True)
        await self._settle(space, entry, error, keep=False)
        self._kernel.measures.delivered(space, entry.delivery, error)
        self.pending -= 1

    async def _attempt(self, space: Space, entry: OutboxEntry) -> ServiceError | None:
        delivery = entry.delivery
        account, region = delivery.account or space[0], delivery.region or space[1]
        if region == "global":
            region = self._kernel.default_region
        context = CallContext(
            account=account,
            region=region,
            principal=Principal(delivery.principal, account),
            request_id=entry.id,
            source=space[2],
            delivery_id=entry.id,
            endpoint=self._kernel.endpoint,
        )
        self._kernel.observe(
            "delivery",
            account=account,
            region=region,
            source=space[2],
            target=delivery.service,
            operation=delivery.operation,
            input=delivery.input,
            id=entry.id,
            attempt=entry.attempts + 1,
        )
        try:
            await self._kernel.invoke(context, delivery.service, delivery.operation, delivery.input)
        except ServiceError as error:
            return error
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a room's fault must not stop the others' mail
            _log.exception("delivery %s to %s failed", entry.id, delivery.service)
            return ServiceError("InternalFailure", str(error), status=500)
        return None

    def _is_given_up(self, entry: OutboxEntry, error: ServiceError) -> bool:
        age_ms = self._kernel.clock.now_ms() - entry.first_ms
        return (
            not error.is_retryable
            or entry.attempts + 1 >= entry.delivery.attempts_max
            or age_ms >= entry.delivery.age_max_s * 1000
        )

    async def _settle(
        self, space: Space, entry: OutboxEntry, error: ServiceError | None, *, keep: bool
    ) -> None:
        if error is not None:
            _log.warning("gave up delivery %s: %s", entry.id, error)

        def step(call: WriteCall) -> None:
            if keep:
                call.state.put((OUTBOX, entry.id), encode_entry(entry))
                return
            call.state.delete((OUTBOX, entry.id))
            hook = entry.delivery.on_failure
            if error is not None and hook is not None:
                payload: dict[str, Any] = {
                    **hook.payload,
                    "delivery_id": entry.id,
                    "error_code": error.code,
                    "error_message": error.message,
                    "attempts": entry.attempts + 1,
                }
                self._kernel.registry.hook(hook.service, hook.name)(call, payload)

        # Until then the entry is still there, so nothing is lost.
        call = self._kernel.stream_call(space)
        await call.write_at_last(step, f"the end of delivery {entry.id}")
