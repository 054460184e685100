"""Who may push to a source, and the way to it."""

from __future__ import annotations

import msgspec

from pileus.kernel.calls import StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.intakes import PUSHED
from pileus.services.media import errors, push_keys, store
from pileus.services.media.model import Source
from pileus.services.media.publishing import Publishing
from pileus.services.media.records.pushing import RecordPublishing
from pileus.services.media.streams import Streams
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError


class Place(msgspec.Struct, frozen=True):
    """A source by its full name."""

    account: str
    region: str
    source: str


class Pushes:
    """The platform's one answer to who pushes."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._sessions: dict[str, tuple[Place, Publishing]] = {}

    def check_key(self, place: Place, key: str) -> None:
        """Raise AccessDeniedException unless the key is the source's: also where there is no source, so
        that nobody learns which there are."""
        if not push_keys.is_good(self._find(place), key, self._kernel.clock.now_ms()):
            raise errors.wrong_key()

    async def check_principal(self, place: Place, principal: Principal) -> None:
        """Raise unless the principal may see the source's key, and so may push.

        Raises AccessDeniedException, ResourceNotFoundException.
        """
        context = CallContext(
            account=place.account,
            region=place.region,
            principal=principal,
            request_id=self._call(place).new_id(),
        )
        if principal.account != place.account:
            raise errors.wrong_key()
        given = {"Name": place.source}
        await self._kernel.invoke(context, "media", "DescribeSource", given, None)

    async def publish(
        self, place: Place, key: str = "", *, is_last: bool = False
    ) -> Publishing | RecordPublishing:
        """Begin to push; who came with a key is cut off when that ends to be good. ``is_last``: with these
        records the stream ends.

        Raises ValidationException, ResourceInUseException, ResourceNotFoundException, AccessDeniedException.
        """
        source = self._find(place)
        if source is None:
            raise errors.not_found("source", place.source)
        if source.url != PUSHED:
            raise errors.not_pushed(place.source)
        if not source.is_enabled:
            raise errors.switched_off(place.source)
        streams = self._kernel.part(Streams)
        publishing = await streams.publish(self._call(place), source, is_last=is_last)
        publishing.key = key
        try:
            if key:
                # It may have been changed while a process was waited for.
                self.check_key(place, key)
        except ServiceError:
            publishing.is_ended = True
            raise
        return publishing

    async def offer(self, place: Place, sdp: str, key: str = "") -> tuple[str, str]:
        """Begin to push by WebRTC: a name for the session, and the answer. Raises as :meth:`publish`, and
        SourceNotReadableException."""
        publishing = await self.publish(place, key)
        if isinstance(publishing, RecordPublishing):
            publishing.is_ended = True
            raise errors.has_records(place.source)
        try:
            answer = await publishing.offer(sdp)
        except ServiceError:
            publishing.is_ended = True
            raise
        self._sessions = {
            name: (where, each)
            for name, (where, each) in self._sessions.items()
            if not each.is_ended
        }
        name = self._call(place).new_id()
        self._sessions[name] = (place, publishing)
        return name, answer

    async def hang_up(self, place: Place, name: str) -> None:
        """End a session. Raises ResourceNotFoundException, SourceNotReadableException."""
        found = self._sessions.get(name)
        if found is None or found[0] != place or found[1].is_ended:
            raise errors.not_found("session", name)
        del self._sessions[name]
        await found[1].end(is_clean=True)

    def _find(self, place: Place) -> Source | None:
        found: Source | None = self._call(place).read(
            lambda view: store.find(view.state, "source", place.source)
        )
        return found

    def _call(self, place: Place) -> StreamCall:
        room = self._kernel.registry.room("media")
        return self._kernel.stream_call(room.space(place.account, place.region))
