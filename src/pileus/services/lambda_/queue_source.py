"""Queues as event sources: received, filtered, invoked, deleted.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterator
from collections.abc import Mapping as Dictionary
from functools import lru_cache
from typing import Any

import orjson

from pileus.compute.calls import Call as ComputeCall
from pileus.compute.pollers import Pollers
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.languages.event_pattern import compile_pattern
from pileus.services.lambda_ import running, store
from pileus.services.lambda_.model import Configuration, Function, Mapping
from pileus.values.arns import Arn
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.sources")
_WAIT_S = 20
_PER_RECEIVE = 10
_BATCHES_MAX = 10
_THROTTLE_PAUSE_S = 1.0
_EVENT_BYTES_MAX = 6_291_456
_matcher = lru_cache(maxsize=512)(compile_pattern)

Message = Dictionary[str, Any]


class QueueSources:
    """The pollers of every queue mapping; the platform has one."""

    def __init__(self, kernel: Kernel, functions: running.Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._pollers = Pollers(kernel.clock, kernel.supervisor)

    def follow(self, call: StreamCall, mapping: Mapping) -> None:
        """Begin, change or end polling, as the mapping says now."""
        if not mapping.is_enabled:
            self._pollers.stop(mapping.id)
            return
        account, region = call.account, call.region
        slots = asyncio.Semaphore(mapping.concurrency_max or _BATCHES_MAX)
        self._pollers.start(mapping.id, lambda: self._poll(account, region, mapping, slots))

    def forget(self, mapping_id: str) -> None:
        """End polling of a mapping that was deleted."""
        self._pollers.stop(mapping_id)

    def recover(self, call: StreamCall) -> None:
        """Poll for every queue that a mapping of this space names."""
        for _, raw in call.read(lambda view: view.state.range(("mapping",))):
            mapping = store.MAPPINGS.decode(raw)
            if is_queue(mapping.source):
                self.follow(call, mapping)

    async def _poll(
        self, account: str, region: str, mapping: Mapping, slots: asyncio.Semaphore
    ) -> None:
        """Receive one batch and hand it to the function beside the next receive."""
        call = self._kernel.stream_call((account, region, "lambda"))
        await slots.acquire()
        try:
            # Messages of a function that is gone stay in the queue.
            call.read(lambda view: _target(view, mapping))
            messages = await self._receive(call, mapping)
            wanted = await self._filtered(call, mapping, messages)
        except ServiceError as error:
            slots.release()
            result = _problem(error)
            await call.write(lambda write: _note_result(write, mapping.id, result))
            raise
        except BaseException:
            slots.release()
            raise
        if not wanted:
            slots.release()
            return
        self._kernel.supervisor.spawn(
            f"batch of {mapping.source}", self._process(call, mapping, wanted, slots)
        )

    async def _receive(self, call: StreamCall, mapping: Mapping) -> list[Message]:
        """Up to a batch; with a window, what arrives until it is over or the batch is full."""
        messages: list[Message] = []
        until_ms: int | None = None
        size_bytes = 0
        while len(messages) < mapping.batch_size and size_bytes < _EVENT_BYTES_MAX:
            wait_s = _WAIT_S
            if until_ms is not None:
                wait_s = min(_WAIT_S, max(0, (until_ms - call.clock.now_ms() + 999) // 1000))
            given = {
                "QueueUrl": queue_url(mapping.source),
                "MaxNumberOfMessages": min(_PER_RECEIVE, mapping.batch_size - len(messages)),
                "WaitTimeSeconds": wait_s,
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            }
            reply = await _as_lambda(call, mapping, "ReceiveMessage", given)
            found = reply.get("Messages") or []
            messages += found
            size_bytes += sum(len(message["Body"]) for message in found)
            if messages and until_ms is None:
                until_ms = call.clock.now_ms() + mapping.window_s * 1000
            if (
                until_ms is None
                or call.clock.now_ms() >= until_ms
                or (not mapping.window_s and len(found) < _PER_RECEIVE)
            ):
                break
        return messages

    async def _filtered(
        self, call: StreamCall, mapping: Mapping, messages: list[Message]
    ) -> list[Message]:
        """What passes the filters; the rest is deleted, as Lambda does."""
        if not mapping.filters or not messages:
            return messages
        tests = [_matcher(pattern) for pattern in mapping.filters]
        wanted: list[Message] = []
        unwanted: list[Message] = []
        for message in messages:
            event = {**_event_record(mapping, message), "body": _parsed(message["Body"])}
            (wanted if any(test(event) for test in tests) else unwanted).append(message)
        await self._delete(call, mapping, unwanted)
        return wanted

    async def _process(
        self,
        call: StreamCall,
        mapping: Mapping,
        messages: list[Message],
        slots: asyncio.Semaphore,
    ) -> None:
        result = "OK"
        try:
            for batch in _events(mapping, messages):
                done = await self._invoke(call, mapping, batch)
                await self._delete(call, mapping, done)
                if len(done) < len(batch):
                    result = "PROBLEM: Function call failed"
        except ServiceError as error:
            # The messages come back after their visibility timeout.
            _log.warning("event source %s: %s", mapping.source, error)
            result = _problem(error)
            await call.clock.sleep(_THROTTLE_PAUSE_S)
        finally:
            slots.release()
        await call.write(lambda write: _note_result(write, mapping.id, result))

    async def _invoke(
        self, call: StreamCall, mapping: Mapping, messages: list[Message]
    ) -> list[Message]:
        """Run the function on a batch; the messages that were dealt with."""
        chance = call.random_bytes(2)
        function, version = call.read(lambda view: _target(view, mapping, chance))
        records = [_event_record(mapping, message) for message in messages]
        compute_call = ComputeCall(
            call.new_id(),
            orjson.dumps({"Records": records}),
            store.arn_of(call, function.name, mapping.qualifier),
        )
        scope = running.scope_of(call.account, call.region)
        result = await self._functions.invoke(scope, function, version, compute_call)
        if result.function_error:
            return []
        if not mapping.reports_failures:
            return messages
        failed = _reported_failures(result.payload)
        if failed is None or not failed <= {message["MessageId"] for message in messages}:
            return []
        return [message for message in messages if message["MessageId"] not in failed]

    async def _delete(self, call: StreamCall, mapping: Mapping, messages: list[Message]) -> None:
        for at in range(0, len(messages), _PER_RECEIVE):
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages[at : at + _PER_RECEIVE])
            ]
            given = {"QueueUrl": queue_url(mapping.source), "Entries": entries}
            await _as_lambda(call, mapping, "DeleteMessageBatch", given)


def _events(mapping: Mapping, messages: list[Message]) -> Iterator[list[Message]]:
    """The batch, cut where an invocation's payload would be too large."""
    batch: list[Message] = []
    size_bytes = 0
    for message in messages:
        added = len(orjson.dumps(_event_record(mapping, message))) + 1
        if batch and size_bytes + added > _EVENT_BYTES_MAX - len('{"Records":[]}'):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += added
    yield batch


def _target(
    view: ReadCall, mapping: Mapping, chance: bytes = bytes(2)
) -> tuple[Function, Configuration]:
    function = store.find_function(view, mapping.function)
    return function, store.chosen(view, function, mapping.qualifier, chance)


def _problem(error: ServiceError) -> str:
    return f"PROBLEM: {error.message}"


def _note_result(call: WriteCall, mapping_id: str, result: str) -> None:
    raw = call.state.get(("mapping", mapping_id))
    if raw is None:
        return
    mapping = store.MAPPINGS.decode(raw)
    if mapping.last_result != result:
        mapping.last_result = result
        store.put_mapping(call.state, mapping)


async def _as_lambda(
    call: StreamCall, mapping: Mapping, operation: str, given: Dictionary[str, Any]
) -> Dictionary[str, Any]:
    principal = Principal.service("lambda.amazonaws.com", call.account)
    return (await call.invoke("sqs", operation, given, principal=principal)).output


def is_queue(source: str) -> bool:
    """Whether a mapping's source is polled for messages."""
    return bool(source) and Arn.parse(source).service == "sqs"


def queue_url(arn: str) -> str:
    """How the sqs room is asked for the queue of an ARN."""
    queue = Arn.parse(arn)
    return f"http://sqs.{queue.region}.amazonaws.com/{queue.account}/{queue.resource}"


def _parsed(body: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body


def _event_record(mapping: Mapping, message: Message) -> dict[str, Any]:
    """A message as the function sees it."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes") or {},
        "messageAttributes": {
            name: _attribute(value)
            for name, value in (message.get("MessageAttributes") or {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.source,
        "awsRegion": Arn.parse(mapping.source).region,
    }


def _attribute(value: Dictionary[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if value.get("BinaryValue") is not None:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        shown["stringValue"] = value["StringValue"]
    return shown


def _reported_failures(payload: bytes) -> set[str] | None:
    """Ids in ``batchItemFailures``; None when the answer makes the whole batch a failure."""
    answer = _parsed(payload.decode("utf-8", "replace"))
    if answer is None:
        return set()
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if failures is None:
        return set() if isinstance(answer, dict) else None
    ids = {each.get("itemIdentifier") for each in failures if isinstance(each, dict)}
    if len(ids) < len(failures) or not all(ids):
        return None
    return {str(each) for each in ids}
