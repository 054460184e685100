"""Keeps the pages' state fresh while someone looks, and asks nothing while no one does."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.console.asking import Asker, Invoke
from pileus.console.detections import BOXES_KEPT, Frame, PeopleTrack, parse_result
from pileus.console.feed import Feed, Record
from pileus.console.inventory import Inventory, read_counts, read_inventory
from pileus.console.occupancy import TABLE_OUTPUT, read_occupancy
from pileus.console.overview import build_overview
from pileus.console.topology import build_topology
from pileus.ports.clock import Clock
from pileus.values.context import DEFAULT_REGION

DETECTIONS_OUTPUT = "DetectionsBucket"
RESULT_BYTES_MAX = 16 << 20
RESULTS_WAITING_MAX = 256
RESULTS_AT_FIRST = 60
"""Segments read back when a page opens: two minutes at two seconds a segment."""
STEP_S = 0.2
COUNTS_EVERY_MS = 3_000
INVENTORY_EVERY_MS = 15_000
OCCUPANCY_EVERY_MS = 1_000
HEALTH_EVERY_MS = 1_000

_log = logging.getLogger(__name__)
_PUT_OPERATIONS = frozenset({"PutObject", "CompleteMultipartUpload", "CopyObject"})
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


@dataclass(slots=True)
class _Watched:
    """What the watcher knows of one account that is being looked at."""

    asker: Asker
    inventory: Inventory
    due_ms: dict[str, int] = field(default_factory=dict)
    waiting: deque[str] = field(default_factory=deque)
    dropped_results: int = 0
    bad_lines: int = 0
    links_seen: int = 0
    tracks: dict[str, PeopleTrack] = field(default_factory=dict)
    read_back_from: str = ""


class Watcher:
    """Asks public operations on the pages' behalf and publishes into the feed.

    Args:
        health: what the platform tells of itself, as the ``health`` message.
    """

    def __init__(
        self,
        feed: Feed,
        clock: Clock,
        invoke: Invoke,
        health: Callable[[], Mapping[str, Any]],
        endpoint: str,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._invoke = invoke
        self._health = health
        self._endpoint = endpoint
        self._watched: dict[str, _Watched] = {}
        feed.add_listener(self._notice)

    async def run(self) -> None:
        """Work until cancelled; to be started under supervision."""
        while True:
            try:
                await self.step()
            except Exception:  # noqa: BLE001 - a room's fault must not end the pages' supply
                _log.exception("the console could not refresh")
            await self._clock.sleep(STEP_S)

    async def step(self) -> None:
        """Bring everything that is due up to date, for every account with an open page."""
        accounts = self._feed.watched_accounts()
        for account in list(self._watched):
            if account not in accounts:
                del self._watched[account]
        for account in accounts:
            watched = self._watched.get(account)
            if watched is None:
                watched = self._watched[account] = self._begin(account)
            await self._refresh(account, watched)

    def track_messages(self, account: str) -> list[dict[str, Any]]:
        """The ``people`` items of a page that opens: the chart's past and the newest boxes."""
        watched = self._watched.get(account)
        return [_track_message(track) for track in watched.tracks.values()] if watched else []

    # -- refreshing -------------------------------------------------------------------------

    def _begin(self, account: str) -> _Watched:
        asker = Asker(self._invoke, account, DEFAULT_REGION, self._endpoint)
        return _Watched(asker, Inventory(account, DEFAULT_REGION))

    async def _refresh(self, account: str, watched: _Watched) -> None:
        if self._is_due(watched, "health", HEALTH_EVERY_MS):
            self._publish_health(account, watched)
        if self._is_due(watched, "inventory", INVENTORY_EVERY_MS):
            watched.asker.forget()
            watched.inventory = await read_inventory(watched.asker)
            watched.links_seen = -1
            watched.due_ms.pop("counts", None)
        self._publish_map(account, watched)
        await self._read_results(account, watched)
        if self._is_due(watched, "counts", COUNTS_EVERY_MS):
            counts = await read_counts(watched.asker, watched.inventory)
            rooms = build_overview(watched.inventory, counts, watched.asker.unanswered)
            self._feed.publish(account, "rooms", "", rooms)
        table = watched.inventory.outputs.get(TABLE_OUTPUT)
        if table and self._is_due(watched, "occupancy", OCCUPANCY_EVERY_MS):
            for source in sorted({*self._feed.view(account).sources, *watched.tracks}):
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
            "dropped_results": watched.dropped_results,
            "bad_lines": watched.bad_lines,
            "unknown_records": dict(self._feed.unknown),
        }
        self._feed.publish(account, "health", "", health)

    def _publish_map(self, account: str, watched: _Watched) -> None:
        view = self._feed.view(account)
        seen = len(view.observed_links) + len(view.sources)
        if seen == watched.links_seen:
            return
        watched.links_seen = seen
        sources = list(view.sources.values())
        topology = build_topology(watched.inventory, sources, view.observed_links)
        self._feed.set_origin_finder(account, topology.origin_of)
        self._feed.publish(account, "resources", "", topology.message())

    # -- detections -------------------------------------------------------------------------

    def _notice(self, record: Record) -> None:
        watched = self._watched.get(str(record.get("account")))
        if watched is None:
            return
        if record["kind"] == "source" and record.get("state") == "starting":
            track = watched.tracks.get(str(record["source"]))
            if track:
                track.clear()
        if record["kind"] != "call" or record.get("error"):
            return
        operation, given = str(record["operation"]), record.get("input") or {}
        if operation.startswith(_STRUCTURE_VERBS) or operation in _STRUCTURE_PUTS:
            watched.due_ms.pop("inventory", None)
        bucket = watched.inventory.outputs.get(DETECTIONS_OUTPUT)
        is_put = record["service"] == "s3" and operation in _PUT_OPERATIONS
        if is_put and bucket and given.get("Bucket") == bucket:
            key = str(given.get("Key"))
            if key.endswith(".jsonl"):
                self._enqueue(watched, key)

    def _enqueue(self, watched: _Watched, key: str) -> None:
        watched.waiting.append(key)
        if len(watched.waiting) > RESULTS_WAITING_MAX:
            watched.waiting.popleft()
            watched.dropped_results += 1

    async def _read_results(self, account: str, watched: _Watched) -> None:
        bucket = watched.inventory.outputs.get(DETECTIONS_OUTPUT)
        if not bucket:
            return
        if watched.read_back_from != bucket:
            watched.read_back_from = bucket
            await self._read_back(account, watched, bucket)
        while watched.waiting:
            frames = await self._read_result(watched, bucket, watched.waiting.popleft())
            for source, new in frames.items():
                self._track(watched, source).add(new)
                self._feed.stream(account, "detections", [{"source": source, "frames": new}])

    async def _read_back(self, account: str, watched: _Watched, bucket: str) -> None:
        """The newest stored results of each source, for a page that opens in the middle."""
        folders = await watched.asker.ask("s3", "ListObjectsV2", Bucket=bucket, Delimiter="/")
        for folder in folders.get("CommonPrefixes") or []:
            newest: deque[str] = deque(maxlen=RESULTS_AT_FIRST)
            token = ("NextContinuationToken", "ContinuationToken")
            prefix = folder["Prefix"]
            pages = watched.asker.pages("s3", "ListObjectsV2", token, Bucket=bucket, Prefix=prefix)
            async for page in pages:
                newest.extend(entry["Key"] for entry in page.get("Contents") or [])
            for key in newest:
                for source, new in (await self._read_result(watched, bucket, key)).items():
                    track = self._track(watched, source)
                    if _begins_anew(track, new):
                        track.clear()
                    track.add(new)
        for track in watched.tracks.values():
            self._feed.tell(account, "people", track.source, _track_message(track))

    async def _read_result(
        self, watched: _Watched, bucket: str, key: str
    ) -> dict[str, list[Frame]]:
        try:
            raw = await watched.asker.ask_bytes(
                "s3", "GetObject", RESULT_BYTES_MAX, Bucket=bucket, Key=key
            )
        except ValueError:
            watched.dropped_results += 1
            return {}
        result = parse_result(raw or b"")
        watched.bad_lines += result.bad_lines
        return result.frames

    def _track(self, watched: _Watched, source: str) -> PeopleTrack:
        return watched.tracks.setdefault(source, PeopleTrack(source))


def _begins_anew(track: PeopleTrack, frames: list[Frame]) -> bool:
    """True when stored results go back in time: an older run of the source lies before them."""
    points = track.points()
    return bool(points and frames and frames[0][0] < points[-1][0])


def _track_message(track: PeopleTrack) -> dict[str, Any]:
    frames = track.frames()[-BOXES_KEPT:]
    return {"source": track.source, "points": track.points(), "frames": frames}
