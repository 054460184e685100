"""Answers that arrive by HTTP: of custom resources, and signals for wait conditions.

Whoever shall answer is given an address whose last part is a token; only the platform can make one.
The gateway hands what is PUT there to :func:`answer`.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec
import orjson

from pileus.kernel.calls import ReadCall, StepCall, StreamCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.cloudformation import store
from pileus.services.cloudformation.limits import LIMITS
from pileus.values.errors import ServiceError

PATH = "/_pileus/cfn-response/"
_BETWEEN = "~"


class Question(msgspec.Struct, kw_only=True):
    """What waits for answers.

    Attributes:
        takes_many: a wait condition's handle, which may be signalled more than once.
        deadline_ms: when waiting ends.
        payload: the answer, once it came.
    """

    takes_many: bool = False
    deadline_ms: int = 0
    payload: dict[str, Any] | None = None


QUESTIONS = RecordCodec(Question)


def token_for(call: StepCall, uuid: str) -> str:
    """The token of a step: always the same, and nobody else can make it."""
    mac = hmac.digest(call.signing_key, b"answer:" + call.step_id.encode(), hashlib.sha256)
    return _BETWEEN.join((call.account, call.region, uuid, mac.hex()[:40]))


def address(call: StepCall, token: str) -> str:
    """Where to PUT the answer."""
    return f"{call.context.endpoint}{PATH}{token}"


def open_question(
    call: WriteCall, uuid: str, token: str, wait_s: int, *, takes_many: bool = False
) -> Question:
    """Begin to wait, or find what has been begun; the time runs from the first beginning."""
    found = question(call, uuid, token)
    if found is None:
        found = Question(takes_many=takes_many, deadline_ms=call.now_ms + wait_s * 1000)
        call.state.put(("answer", uuid, token), QUESTIONS.encode(found))
    return found


def question(call: ReadCall, uuid: str, token: str) -> Question | None:
    """What waits under ``token``."""
    raw = call.state.get(("answer", uuid, token))
    return None if raw is None else QUESTIONS.decode(raw)


def signals(call: ReadCall, uuid: str, token: str) -> dict[str, dict[str, Any]]:
    """What a handle was sent, by unique id."""
    rows = call.state.range(("signal", uuid, token))
    return {key[3]: orjson.loads(raw) for key, raw in rows}


def forget_answers(call: WriteCall, uuid: str, *, with_handles: bool) -> None:
    """An operation has ended; nobody waits any more."""
    for key, raw in call.state.range(("answer", uuid)):
        if with_handles or not QUESTIONS.decode(raw).takes_many:
            call.state.delete(key)
    if with_handles:
        call.state.delete_range(("signal", uuid))


async def answer(call: StreamCall, token: str, payload: bytes) -> None:
    """Take what was PUT at the address with ``token``.

    Args:
        call: of this room, in any account and region.

    Raises:
        ServiceError: AccessDenied (403) for a token nobody waits under (any more).
    """
    parts = token.split(_BETWEEN)
    if len(parts) != 4:
        raise _unknown()
    account, region, uuid, _ = parts
    if len(account) != 12 or not account.isdecimal():
        raise _unknown()
    given = _read(payload)

    def take(call: WriteCall) -> None:
        found = question(call, uuid, token)
        if found is None:
            raise _unknown()
        if found.takes_many:
            key = ("signal", uuid, token, str(given.get("UniqueId", "")))
            call.state.put(key, orjson.dumps(given))
        elif found.payload is None:
            found.payload = given
            call.state.put(("answer", uuid, token), QUESTIONS.encode(found))
        call.wake(store.wake_key(uuid))

    await call.in_account(account, region).write(take)


def _read(payload: bytes) -> dict[str, Any]:
    """The answer, or what AWS makes of one that cannot be read."""
    if len(payload) > LIMITS.answer_bytes_max:
        return {"Status": "FAILED", "Reason": "Response object is too long."}
    try:
        given = orjson.loads(payload)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        return {"Status": "FAILED", "Reason": "Response is not a JSON object."}
    return given


def _unknown() -> ServiceError:
    return ServiceError("AccessDenied", "Access Denied", status=403)
