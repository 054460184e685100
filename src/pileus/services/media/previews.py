"""Who looks at which source: an intake makes pictures for people only while somebody does."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pileus.media.preview import PreviewHub, PreviewRefused, Watch
from pileus.ports.intakes import Attach, Detach, Intake, Preview
from pileus.services.media import errors

Key = tuple[str, str, str]
"""Account, region, source."""


class Previews:
    """Every source that is looked at; used from the event loop only."""

    def __init__(self) -> None:
        self._hub = PreviewHub()
        self._watches: dict[Key, list[Watch]] = {}
        self._intakes: dict[Key, Intake] = {}
        self._attached: dict[Key, set[str]] = {}

    def begin(self, key: Key, intake: Intake) -> None:
        """A process reads the source from now on."""
        self._intakes[key], self._attached[key] = intake, set()
        self._align(key)

    def end(self, key: Key) -> None:
        """The process is gone; who looks goes on to, and sees the next one's pictures."""
        self._intakes.pop(key, None)
        self._attached.pop(key, None)

    def take(self, key: Key, told: Preview) -> None:
        """Pictures for whoever still looks."""
        if key in self._watches:
            self._hub.feed(_name(key), told.records)

    def forget(self, key: Key) -> None:
        """The source is deleted: whoever looks sees the end."""
        self._hub.remove(_name(key))

    async def pictures(self, key: Key, form: str) -> AsyncGenerator[bytes]:
        """Records (``media/preview.py``) from the newest keyframe on, ``h264`` or ``jpeg``, until the source is
        deleted. Who is slow loses pictures up to the next keyframe. Close the iterator when done.

        Raises:
            ServiceError: too many sources are looked at.
        """
        try:
            watch = self._hub.watch(_name(key), wants_jpeg=form == "jpeg")
        except PreviewRefused as refused:
            raise errors.looked_at(str(refused)) from None
        self._watches.setdefault(key, []).append(watch)
        self._align(key)
        try:
            async for record in watch:
                yield record
        finally:
            self._leave(key, watch)

    def _leave(self, key: Key, watch: Watch) -> None:
        self._hub.leave(_name(key), watch)
        self._watches[key].remove(watch)
        if not self._watches[key]:
            del self._watches[key]
            self._hub.remove(_name(key))
        self._align(key)

    def _align(self, key: Key) -> None:
        """Have the process make what is looked at, and nothing else."""
        intake, attached = self._intakes.get(key), self._attached.get(key)
        if intake is None or attached is None:
            return
        watches = self._watches.get(key, [])
        wanted = {"jpeg" if watch.wants_jpeg else "h264" for watch in watches}
        for form in sorted(attached - wanted):
            intake.send(Detach(id=f"preview-{form}"))
        for form in sorted(wanted - attached):
            intake.send(Attach(id=f"preview-{form}", kind=form))
        self._attached[key] = wanted


def _name(key: Key) -> str:
    return "/".join(key)
