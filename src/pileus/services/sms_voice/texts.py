"""The newest texts of an account, in and out, kept so that a handset shows them after a restart.

AWS keeps none that one could ask for; nothing but the observers is told of them.

``text, when, id``   Text
"""

from __future__ import annotations

import msgspec

from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.records import RecordCodec

KEPT = 200


class Text(msgspec.Struct, kw_only=True):
    """A text. ``direction`` is ``in`` to the account's number or ``out`` of it."""

    id: str
    direction: str
    number: str
    text: str
    at_ms: int


TEXTS = RecordCodec(Text)


async def keep(call: StreamCall, direction: str, number: str, text: str, text_id: str) -> None:
    """Keep a text and tell the observers; one that was kept under this id already is left."""
    kept = Text(id=text_id, direction=direction, number=number, text=text, at_ms=call.now_ms)

    def step(write: WriteCall) -> bool:
        keys = [key for key, _ in write.state.range(("text",))]
        if any(key[2] == text_id for key in keys):
            return False
        for key in keys[: max(0, len(keys) + 1 - KEPT)]:
            write.state.delete(key)
        write.state.put(("text", kept.at_ms, kept.id), TEXTS.encode(kept))
        return True

    if await call.write(step):
        _tell(call, kept)


def is_kept(call: StreamCall, text_id: str) -> bool:
    """Whether a text was sent or received under this id already."""
    keys = call.read(lambda view: view.state.range(("text",)))
    return any(key[2] == text_id for key, _ in keys)


def tell_all(call: StreamCall) -> None:
    """Tell the observers of every kept text, oldest first, at the time when it was."""
    for _, raw in call.read(lambda view: view.state.range(("text",))):
        _tell(call, TEXTS.decode(raw))


def _tell(call: StreamCall, kept: Text) -> None:
    told = {name: getattr(kept, name) for name in ("direction", "number", "text", "id", "at_ms")}
    call.observe("sms", **told)
