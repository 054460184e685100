"""Runs the four steps of a rotation with the secret's function, and goes on after a restart.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import logging
from typing import Any

import orjson

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.ports.state import Space
from pileus.services.secretsmanager import rotation, store
from pileus.values.context import Principal
from pileus.values.errors import ServiceError, StoreUnavailable

_log = logging.getLogger("pileus.secretsmanager")
_STORE_PAUSE_S = 1.0


class Rotations:
    """The rotations that run at the moment: never two of one secret."""

    def __init__(self) -> None:
        self._running: set[tuple[Space, str]] = set()

    def spawn(self, call: StreamCall, name: str, token: str) -> None:
        """Run the steps that are left; returns at once, and does nothing while they run."""
        key = (call.space, name)
        if key not in self._running:
            self._running.add(key)
            own = call.in_account(call.account, call.region)
            call.spawn(f"rotation of {name}", self._run(own, name, token))

    async def _run(self, call: StreamCall, name: str, token: str) -> None:
        try:
            while True:
                try:
                    if not await _one_step(call, name, token):
                        return
                except StoreUnavailable as problem:
                    _log.warning("the rotation of %s waits for the store: %s", name, problem)
                    await call.clock.sleep(_STORE_PAUSE_S)
        finally:
            self._running.discard((call.space, name))


async def _one_step(call: StreamCall, name: str, token: str) -> bool:
    """Invoke the function for the next step and write the outcome; False when it is over."""

    def look(c: ReadCall) -> tuple[str, dict[str, Any]] | None:
        found = store.by_name(c.state, name)
        if found is None or found.rotation is None or found.rotation.token != token:
            return None
        step = rotation.STEPS[found.rotation.step]
        event = {"Step": step, "SecretId": store.arn_of(c, found), "ClientRequestToken": token}
        return found.rotation.function, event

    due = call.read(look)
    if due is None:
        return False
    function, event = due
    problem = await _invoke(call, function, event)
    if problem:
        _log.warning("rotation of %s: %s failed: %s", name, event["Step"], problem)
        await call.write(lambda c: rotation.failed(c, name, token))
        return False

    def advance(c: WriteCall) -> bool:
        return rotation.advance(c, name, token)

    return await call.write(advance)


async def _invoke(call: StreamCall, function: str, event: dict[str, Any]) -> str:
    """What went wrong; empty when the function did its step."""
    given = {
        "FunctionName": function,
        "InvocationType": "RequestResponse",
        "Payload": orjson.dumps(event),
    }
    principal = Principal.service("secretsmanager.amazonaws.com", call.account)
    try:
        reply = await call.invoke("lambda", "Invoke", given, principal=principal)
    except ServiceError as error:
        return str(error)
    return str(reply.output.get("FunctionError") or "")
