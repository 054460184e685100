"""What goes on when the platform starts: rotations that were under way."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.secretsmanager import store
from pileus.services.secretsmanager.rotating import Rotations


async def start(call: StreamCall) -> None:
    """Take up every rotation of this space."""
    for _, raw in call.read(lambda c: c.state.range(("secret",))):
        found = store.SECRETS.decode(raw)
        if found.rotation is not None and found.rotation.token:
            call.own(Rotations).spawn(call, found.name, found.rotation.token)
