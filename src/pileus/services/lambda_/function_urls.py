"""Which function an address belongs to, who may use it, and the call that a request becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pileus.kernel.calls import Call, ReadCall, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.languages.iam_policy import evaluate, parse_policy
from pileus.services.lambda_ import store
from pileus.services.lambda_.measures import url_noted
from pileus.services.lambda_.model import UrlConfig
from pileus.values.context import CallContext, Principal

_ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
"""Both are asked for, as AWS does for addresses made since October 2025.
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"""


class Place(msgspec.Struct, frozen=True):
    """Where an address leads."""

    account: str
    region: str
    function: str
    qualifier: str


class Asked(msgspec.Struct, frozen=True):
    """What a handler of requests needs to know before it calls."""

    place: Place
    auth: str
    mode: str
    cors: Mapping[str, Any]


class Answer(msgspec.Struct):
    """What the function came to: the whole payload, or its pieces and their type."""

    payload: bytes = b""
    is_error: bool = False
    content_type: str = ""
    events: AsyncIterator[Mapping[str, Any]] | None = None


class FunctionUrls:
    """Every address of the platform, by its id; the platform has one."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._places: dict[str, Place] = {}

    def recover(self, call: StreamCall) -> None:
        """Note the addresses that a space holds."""
        for url in call.read(store.urls):
            self.add(call, url)

    def add(self, call: Call, url: UrlConfig) -> None:
        """Note a new address."""
        self._places[url.id] = Place(call.account, call.region, url.function, url.qualifier)

    def remove(self, url_id: str) -> None:
        """Forget an address."""
        self._places.pop(url_id, None)

    def find(self, url_id: str) -> Asked | None:
        """What the address leads to, as it is configured now; None for an unknown one."""
        place = self._places.get(url_id)
        if place is None:
            return None
        look = ("url", place.function, place.qualifier)
        url = self._call(place).recall(
            look, lambda view: store.find_url(view, place.function, place.qualifier)
        )
        if url is None or url.id != url_id:
            return None
        return Asked(place, url.auth, url.mode, url.cors)

    def may_use(self, asked: Asked, principal: Principal) -> bool:
        """Whether the function's policy lets somebody use the address.

        Callers of the own account need no statement in it: what their own policies say is checked
        where all calls are.
        """
        place = asked.place
        if asked.auth == "AWS_IAM" and principal.account == place.account:
            return True

        def look(view: ReadCall) -> bool:
            function = store.find_function(view, place.function)
            statements = function.policies.get(place.qualifier) or []
            if not statements:
                return False
            policy = parse_policy({"Version": "2012-10-17", "Statement": statements}, "resource")
            arn = store.arn_of(view, place.function, place.qualifier)
            facts = {
                "lambda:FunctionUrlAuthType": asked.auth,
                "lambda:InvokedViaFunctionUrl": True,
            }
            return all(
                evaluate([policy], action, arn, facts, principal=principal) == "allow"
                for action in _ACTIONS
            )

        return self._call(place).read(look)

    async def invoke(
        self, asked: Asked, payload: bytes, request_id: str, principal: Principal
    ) -> Answer:
        """Call the function. Raises ServiceError as Invoke does."""
        place = asked.place
        given = {"FunctionName": place.function, "Payload": payload}
        if place.qualifier:
            given["Qualifier"] = place.qualifier
        context = CallContext(place.account, place.region, principal, request_id)
        if asked.mode != "RESPONSE_STREAM":
            output = (await self._kernel.invoke(context, "lambda", "Invoke", given, None)).output
            return Answer(bytes(output["Payload"]), bool(output.get("FunctionError")))
        operation = "InvokeWithResponseStream"
        output = (await self._kernel.invoke(context, "lambda", operation, given, None)).output
        content_type = str(output.get("ResponseStreamContentType") or "")
        return Answer(content_type=content_type, events=output["EventStream"])

    def note(self, asked: Asked, status: int, latency_ms: float) -> None:
        """Count a request that was answered, for the metrics of the address."""
        place = asked.place
        noted = url_noted(place.function, place.qualifier, status, latency_ms)
        self._call(place).note(noted)

    def _call(self, place: Place) -> StreamCall:
        room = self._kernel.registry.room("lambda")
        return self._kernel.stream_call(room.space(place.account, place.region))


def address(call: Call, url: UrlConfig) -> str:
    """The address as clients of this platform use it: names below ``localhost`` are this machine."""
    port = urlsplit(call.context.endpoint).port
    tail = f":{port}" if port else ""
    return f"http://{url.id}.lambda-url.{call.region}.localhost{tail}/"
