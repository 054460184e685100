"""From the kernel's observer records to what an open page shows.

``Feed.observe`` is called for every record of every account, watched or not, so it does little:
counters, bounded rings, and a note to the pages that look at that account. Records made by the
console's own calls are left out, or the page would watch itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pileus.console.functions import FunctionLedger, function_name
from pileus.console.places import (
    normal_place,
    place_of_caller,
    place_of_source,
    place_of_target,
    source_of_object,
)
from pileus.console.subscription import Subscription
from pileus.kernel.observing import PassingCall
from pileus.ports.clock import Clock
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION

CONSOLE_SOURCE = "console"
CALLS_KEPT = 120
LOGS_KEPT = 500
SMS_KEPT = 200
OBSERVED_LINKS_MAX = 500
LOG_TEXT_MAX = 4000

_FOR_OPEN_PAGES = frozenset({"call", "delivery"})
"""Kinds of which nothing is kept for a page that opens later but what ``count_call`` keeps."""
Record = Mapping[str, Any]
Hop = tuple[str, str]
"""From one place of the map to another."""
TrailFinder = Callable[[str, str], list[Hop]]
"""``(room, target) -> hops``: the way by which a room's delivery reached ``target``."""


class AccountView:
    """What the feed keeps of one account."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.functions: dict[str, FunctionLedger] = {}
        self.calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self.logs: deque[dict[str, Any]] = deque(maxlen=LOGS_KEPT)
        self.sms: deque[dict[str, Any]] = deque(maxlen=SMS_KEPT)
        self.segments: dict[str, int] = {}
        self.call_count = 0
        self.error_count = 0
        self.observed_links: set[Hop] = set()
        self.states: dict[tuple[str, str], Any] = {}


class Feed:
    """Takes records in, keeps what pages need, hands it to their subscriptions.

    Attributes:
        unknown: record kinds that came and that the console does not know, counted.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._views: dict[str, AccountView] = {}
        self._subscriptions: list[Subscription] = []
        self._listeners: list[Callable[[Record], None]] = []
        self._trail_finders: dict[str, TrailFinder] = {}
        self._is_watched = asyncio.Event()
        self.unknown: Counter[str] = Counter()
        self._takers: dict[str, Callable[[AccountView, Record], None]] = {
            "call": self._take_call,
            "delivery": self._take_delivery,
            "invocation": self._take_invocation,
            "log": self._take_log,
            "sms": self._take_sms,
        }

    # -- in ---------------------------------------------------------------------------------

    def observe(self, record: Record) -> None:
        """Take one record of the kernel; its fields by kind are listed in ``README.md``."""
        taker = self._takers.get(record["kind"])
        if taker is None:
            self.unknown[str(record["kind"])] += 1
            return
        if record.get("source") == CONSOLE_SOURCE and record["kind"] == "call":
            return
        taker(self.view(str(record.get("account") or DEFAULT_ACCOUNT)), record)
        for listener in self._listeners:
            listener(record)

    def wants(self, kind: str, account: str) -> bool:
        """Whether a record of that kind is wanted; what no page could show need not be made."""
        if kind not in _FOR_OPEN_PAGES:
            return True
        return bool(self._subscriptions) and bool(self._pages(account))

    def count_call(self, call: PassingCall) -> None:
        """Take note of a call whose record nobody wanted."""
        context = call.context
        if context.source == CONSOLE_SOURCE:
            return
        view = self._views.get(context.account) or self.view(context.account)
        view.call_count += 1
        view.error_count += bool(call.error_code)
        if call.service == "s3" and not call.error_code:
            self._note_segment(view, call.operation, call.input)

    def publish(self, account: str, message_type: str, key: str, value: Any) -> None:
        """Set a piece of state (``rooms``, ``resources``, ``occupancy`` …) and tell the pages.

        An unchanged value is not told again.
        """
        states = self.view(account).states
        if states.get((message_type, key)) == value:
            return
        states[(message_type, key)] = value
        self.tell(account, message_type, key, value)

    def tell(self, account: str, message_type: str, key: str, value: Any) -> None:
        """Tell the open pages a piece of state that is not kept for later ones."""
        for page in self._pages(account):
            page.put_state(message_type, key, value)

    def stream(self, account: str, message_type: str, items: Iterable[Any]) -> None:
        """Add items to a stream of the pages; nothing is kept here."""
        pages = self._pages(account)
        if pages:
            for item in items:
                for page in pages:
                    page.put_item(message_type, item)

    # -- out --------------------------------------------------------------------------------

    def subscribe(self, account: str) -> Subscription:
        """A page opened; end it with :meth:`unsubscribe`."""
        subscription = Subscription(self._clock, account)
        self._subscriptions.append(subscription)
        self._is_watched.set()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """A page closed."""
        self._subscriptions.remove(subscription)
        if not self._subscriptions:
            self._is_watched.clear()

    async def until_watched(self) -> None:
        """Return once some page is open."""
        await self._is_watched.wait()

    def watched_accounts(self) -> set[str]:
        """Accounts some page looks at."""
        return {page.account for page in self._subscriptions}

    def add_listener(self, listener: Callable[[Record], None]) -> None:
        """Also hand every known record to ``listener`` (who must be quick)."""
        self._listeners.append(listener)

    def set_trail_finder(self, account: str, finder: TrailFinder) -> None:
        """How to find the way of a delivery that does not tell its origin."""
        self._trail_finders[account] = finder

    def view(self, account: str) -> AccountView:
        """The account's view, made at its first record."""
        view = self._views.get(account)
        if view is None:
            view = self._views[account] = AccountView(account)
        return view

    def snapshot(self, account: str) -> dict[str, Any]:
        """Everything a page that opens now has missed."""
        view = self.view(account)
        states: dict[str, list[Any]] = {}
        for (message_type, _), value in view.states.items():
            states.setdefault(message_type, []).append(value)
        return {
            "functions": [ledger.row() for ledger in view.functions.values()],
            "calls": list(view.calls),
            "call_count": view.call_count,
            "error_count": view.error_count,
            "logs": list(view.logs),
            "sms": list(view.sms),
            **states,
        }

    # -- record kinds -----------------------------------------------------------------------

    def _take_call(self, view: AccountView, record: Record) -> None:
        error = str(record.get("error") or "")
        view.call_count += 1
        view.error_count += bool(error)
        pages = self._pages(view.account)
        service, given = str(record["service"]), record.get("input") or {}
        if service == "s3" and not error:
            self._note_segment(view, record["operation"], given)
        # The rooms' own way of writing the log tail is no news beside the log tail.
        if not pages or (service == "logs" and record.get("source") != "client"):
            return
        region = str(record.get("region") or DEFAULT_REGION)
        target = place_of_target(service, given, view.account, region)
        row = {
            "at_ms": record["at_ms"],
            "service": service,
            "operation": record["operation"],
            "target": target,
            "source": record.get("source") or "",
            "took_ms": round(float(record.get("took_ms") or 0), 3),
            "error": error,
            "request_id": record.get("request_id") or "",
        }
        view.calls.append(row)
        counts = {"calls": view.call_count, "errors": view.error_count}
        for page in pages:
            page.put_item("calls", row)
            page.put_state("counts", "", counts)
        caller = place_of_caller(str(record.get("principal") or ""), region)
        if caller and target:
            self._pulse(view, (caller, target), is_error=bool(error))

    def _note_segment(self, view: AccountView, operation: str, given: Record) -> None:
        if operation not in ("PutObject", "CompleteMultipartUpload"):
            return
        source = source_of_object(str(given.get("Key") or ""))
        if source:
            view.segments[source] = view.segments.get(source, 0) + 1
            bucket = f"arn:aws:s3:::{given.get('Bucket')}"
            self._pulse(view, (place_of_source(source), bucket), is_error=False)

    def _take_delivery(self, view: AccountView, record: Record) -> None:
        if not self._pages(view.account):
            return
        region = str(record.get("region") or DEFAULT_REGION)
        given = record.get("input") or {}
        target = place_of_target(str(record["target"]), given, view.account, region)
        if not target:
            return
        is_retry = int(record.get("attempt") or 1) > 1
        origin = normal_place(str(record.get("origin") or "")) or _origin_told(given)
        finder = self._trail_finders.get(view.account)
        if origin:
            self._pulse(view, (origin, target), is_error=is_retry)
        elif finder is not None:
            for hop in finder(str(record.get("source") or ""), target):
                self._pulse(view, hop, is_error=is_retry)

    def _take_invocation(self, view: AccountView, record: Record) -> None:
        name = function_name(str(record["function"]))
        ledger = view.functions.get(name)
        if ledger is None:
            ledger = view.functions[name] = FunctionLedger(name)
        ledger.add(record)
        pages = self._pages(view.account)
        if not pages:
            return
        region = str(record.get("region") or DEFAULT_REGION)
        is_model = record.get("service") == "sagemaker"
        service, kind = ("sagemaker", "endpoint/") if is_model else ("lambda", "function:")
        place = f"arn:aws:{service}:{region}:{view.account}:{kind}{name}"
        is_error = bool(record.get("error") or record.get("throttle"))
        for page in pages:
            page.put_state("functions", name, ledger)
            page.put_item("invocations", [place, int(is_error)])

    def _take_log(self, view: AccountView, record: Record) -> None:
        group = str(record.get("group") or "")
        lines = record["lines"]
        if not self._pages(view.account):
            lines = lines[-LOGS_KEPT:]  # the others would never be seen
        name = function_name(str(record.get("function") or group.rsplit("/", 1)[-1]))
        stream = record.get("stream") or ""
        rows = [
            {
                "at_ms": line.at_ms,
                "function": name,
                "group": group,
                "stream": stream,
                "text": line.text[:LOG_TEXT_MAX].rstrip("\n"),
                "cut": max(0, len(line.text) - LOG_TEXT_MAX),
            }
            for line in lines
        ]
        view.logs.extend(rows)
        self.stream(view.account, "logs", rows)

    def _take_sms(self, view: AccountView, record: Record) -> None:
        row = {key: record.get(key) or "" for key in ("at_ms", "id", "direction", "number", "text")}
        view.sms.append(row)
        self.stream(view.account, "sms", (row,))

    # -- within -----------------------------------------------------------------------------

    def _pulse(self, view: AccountView, hop: Hop, *, is_error: bool) -> None:
        if len(view.observed_links) < OBSERVED_LINKS_MAX:
            view.observed_links.add(hop)
        for page in self._pages(view.account):
            page.put_pulse(*hop, is_error)

    def _pages(self, account: str) -> list[Subscription]:
        return [page for page in self._subscriptions if page.account == account]


def _origin_told(given: Record) -> str:
    """The function whose result an event carries: Lambda names it first in ``Resources``.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    entries = given.get("Entries") or [{}]
    resources = entries[0].get("Resources") or [""]
    return normal_place(str(resources[0]))
