"""Keeps the pages' state fresh while someone looks, and asks nothing while no one does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pileus.console.asking import Asker, Invoke
from pileus.console.feed import Feed, Record
from pileus.console.inventory import Inventory, read_counts, read_inventory
from pileus.console.occupancy import TABLE_OUTPUT, read_occupancy
from pileus.console.overview import build_overview
from pileus.console.results import ResultReader
from pileus.console.topology import build_topology
from pileus.media.preview import PreviewHub
from pileus.ports.clock import Clock

STEP_S = 0.2
COUNTS_EVERY_MS = 3_000
INVENTORY_EVERY_MS = 15_000
OCCUPANCY_EVERY_MS = 1_000
HEALTH_EVERY_MS = 1_000
QUIET_AFTER_MS = 3_000
"""A source whose newest picture is older than this is not playing."""

_log = logging.getLogger(__name__)
_STRUCTURE_VERBS = ("Create", "Delete", "Update", "Execute", "Subscribe", "Unsubscribe")
_STRUCTURE_PUTS = frozenset(
    {
        "PutRule",
        "PutTargets",
        "RemoveTargets",
        "PutBucketNotificationConfiguration",
        "PutFunctionEventInvokeConfig",
    }
)
_NOT_STRUCTURE = frozenset({"DeleteMessage", "DeleteMessageBatch", "DeleteObject", "DeleteObjects"})
_ITEM_VERBS = ("UpdateItem", "DeleteItem", "CreateLogStream", "CreateMultipartUpload")


class _Watched(msgspec.Struct):
    """What the watcher knows of one account that is being looked at."""

    asker: Asker
    inventory: Inventory
    results: ResultReader
    due_ms: dict[str, int] = msgspec.field(default_factory=dict)
    mapped: tuple[int, frozenset[str]] | None = None


class Watcher:
    """Asks public operations on the pages' behalf and publishes into the feed.

    Args:
        health: what the platform tells of itself, as the ``health`` message.
        region: whose rooms are asked.
    """

    def __init__(
        self,
        feed: Feed,
        clock: Clock,
        invoke: Invoke,
        previews: PreviewHub,
        health: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._invoke = invoke
        self._previews = previews
        self._health = health
        self._watched: dict[str, _Watched] = {}
        feed.add_listener(self._notice)

    async def run(self, region: str, endpoint: str) -> None:
        """Work until cancelled; to be started under supervision."""
        while True:
            await self._feed.until_watched()
            try:
                await self.step(region, endpoint)
            except Exception:  # noqa: BLE001 - a room's fault must not end the pages' supply
                _log.exception("the console could not refresh")
            await self._clock.sleep(STEP_S)

    async def step(self, region: str, endpoint: str) -> None:
        """Bring everything that is due up to date, for every account with an open page."""
        accounts = self._feed.watched_accounts()
        for account in list(self._watched):
            if account not in accounts:
                del self._watched[account]
        for account in accounts:
            watched = self._watched.get(account)
            if watched is None:
                asker = Asker(self._invoke, account, region, endpoint)
                results = ResultReader(asker, self._feed, self._clock)
                watched = _Watched(asker, Inventory(account, region), results)
                self._watched[account] = watched
            await self._refresh(account, watched)

    def people(self, account: str) -> list[dict[str, Any]]:
        """The ``people`` items of a page that opens: the chart's past and the newest boxes."""
        watched = self._watched.get(account)
        return watched.results.messages() if watched else []

    # -- refreshing -------------------------------------------------------------------------

    async def _refresh(self, account: str, watched: _Watched) -> None:
        if self._is_due(watched, "health", HEALTH_EVERY_MS):
            self._publish_health(account, watched)
            self._publish_sources(account)
        if self._is_due(watched, "inventory", INVENTORY_EVERY_MS):
            watched.asker.forget()
            watched.inventory = await read_inventory(watched.asker)
            watched.mapped = None
            watched.due_ms.pop("counts", None)
        self._publish_map(account, watched)
        await watched.results.refresh(watched.inventory)
        if self._is_due(watched, "counts", COUNTS_EVERY_MS):
            counts = await read_counts(watched.asker, watched.inventory)
            rooms = build_overview(watched.inventory, counts, watched.asker.unanswered)
            self._feed.publish(account, "rooms", "", rooms)
        table = watched.inventory.outputs.get(TABLE_OUTPUT)
        if table and self._is_due(watched, "occupancy", OCCUPANCY_EVERY_MS):
            for source in sorted({*self._source_names(account), *watched.results.sources()}):
                occupancy = await read_occupancy(watched.asker, table, source)
                if occupancy:
                    self._feed.publish(account, "occupancy", source, occupancy)

    def _is_due(self, watched: _Watched, what: str, every_ms: int) -> bool:
        now_ms = self._clock.now_ms()
        if now_ms < watched.due_ms.get(what, 0):
            return False
        watched.due_ms[what] = now_ms + every_ms
        return True

    def _publish_health(self, account: str, watched: _Watched) -> None:
        health = {
            **self._health(),
            "dropped_results": watched.results.dropped,
            "bad_lines": watched.results.bad_lines,
            "unknown_records": dict(self._feed.unknown),
        }
        self._feed.publish(account, "health", "", health)

    def _publish_sources(self, account: str) -> None:
        segments = self._feed.view(account).segments
        now_ms = self._clock.now_ms()
        told: dict[str, dict[str, Any]] = {
            name: {"source": name, "state": "unseen", "segments": count}
            for name, count in segments.items()
        }
        for known in self._previews.sources():
            name, newest_at_ms = str(known["source"]), known["newest_at_ms"]
            is_quiet = not isinstance(newest_at_ms, int) or now_ms - newest_at_ms > QUIET_AFTER_MS
            description = known["description"]
            assert isinstance(description, dict)
            told[name] = {
                "source": name,
                "state": "quiet" if is_quiet else "playing",
                "segments": segments.get(name, 0),
                **description,
            }
        for name, source in told.items():
            self._feed.publish(account, "sources", name, source)

    def _publish_map(self, account: str, watched: _Watched) -> None:
        view, names = self._feed.view(account), self._source_names(account)
        mapped = (len(view.observed_links), frozenset(names))
        if mapped == watched.mapped:
            return
        watched.mapped = mapped
        topology = build_topology(watched.inventory, sorted(names), view.observed_links)
        self._feed.set_trail_finder(account, topology.trail)
        self._feed.publish(account, "resources", "", topology.message())

    def _source_names(self, account: str) -> set[str]:
        previewed = {str(known["source"]) for known in self._previews.sources()}
        return previewed | set(self._feed.view(account).segments)

    def _notice(self, record: Record) -> None:
        if record["kind"] != "call" or record.get("error"):
            return
        watched = self._watched.get(str(record.get("account")))
        if watched is None:
            return
        if _changes_structure(str(record["operation"])):
            watched.due_ms.pop("inventory", None)
        watched.results.notice(record)


def _changes_structure(operation: str) -> bool:
    if operation in _NOT_STRUCTURE or operation.startswith(_ITEM_VERBS):
        return False
    return operation.startswith(_STRUCTURE_VERBS) or operation in _STRUCTURE_PUTS
