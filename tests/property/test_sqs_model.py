"""SQS queues against a list, under virtual time: visibility, delay, dead letters, FIFO groups.

The model keeps for every message when it can be seen and how often it was; a receive is a scan of
that list. What the room may choose (which of several visible messages) the model checks, not fixes.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pileus.testing.platform import MemoryPlatform

TIMEOUT_S = 5
RECEIVES_MAX = 2
DEDUPLICATION_S = 300


@dataclass
class Known:
    """What the model knows of a message."""

    body: str
    group: str
    visible_ms: int
    count: int = 0
    handle: str = ""
    is_dead: bool = False


class _Queues(RuleBasedStateMachine):
    suffix = ""
    attributes: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.sent = 0
        self.known: list[Known] = []

    def _ask(self, operation: str, **given: Any) -> dict[str, Any]:
        return self.loop.run_until_complete(self.platform("sqs", operation, **given))

    @property
    def now_ms(self) -> int:
        return self.platform.clock.now_ms()

    @initialize()
    def start(self) -> None:
        self.platform = self.loop.run_until_complete(MemoryPlatform.start())
        dead = f"dead{self.suffix}"
        created = self._ask("CreateQueue", QueueName=dead, Attributes=self.attributes)
        self.dead_url = created["QueueUrl"]
        policy = {
            "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:000000000000:{dead}",
            "maxReceiveCount": RECEIVES_MAX,
        }
        given = {
            **self.attributes,
            "RedrivePolicy": json.dumps(policy),
            "VisibilityTimeout": str(TIMEOUT_S),
        }
        created = self._ask("CreateQueue", QueueName=f"q{self.suffix}", Attributes=given)
        self.url = created["QueueUrl"]

    def teardown(self) -> None:
        self.loop.run_until_complete(self.platform.crash())
        self.loop.close()

    @rule(seconds=st.sampled_from([1, 4, 5, 5, 6, 30]))
    def wait(self, seconds: int) -> None:
        self.loop.run_until_complete(self.platform.clock.advance(seconds * 1000))

    def _candidates(self) -> list[Known]:
        """Messages that a receive may give, in order of sending."""
        raise NotImplementedError

    @rule(count=st.integers(1, 10))
    def receive(self, count: int) -> None:
        self._receive(count)

    @rule()
    def receive_until_nothing_is_left(self) -> None:
        for _ in range(RECEIVES_MAX + 1):
            self._receive(10)
            self.loop.run_until_complete(self.platform.clock.advance(TIMEOUT_S * 1000))

    def _receive(self, count: int) -> None:
        output = self._ask(
            "ReceiveMessage",
            QueueUrl=self.url,
            MaxNumberOfMessages=count,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        found = output.get("Messages", [])
        assert len(found) <= count
        possible = {message.body: message for message in self._candidates()}
        taken = []
        for message in found:
            known = possible.pop(message["Body"])
            known.count += 1
            known.visible_ms = self.now_ms + TIMEOUT_S * 1000
            known.handle = message["ReceiptHandle"]
            assert message["Attributes"]["ApproximateReceiveCount"] == str(known.count)
            taken.append(known)
        self._check_taken(taken, count)

    def _check_taken(self, taken: list[Known], count: int) -> None:
        """Whether that was everything that could be given; moves on what was seen too often."""
        raise NotImplementedError

    @precondition(lambda self: any(known.handle for known in self.known))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from([k for k in self.known if k.handle]))
        if self.suffix and known.visible_ms <= self.now_ms:
            # An expired handle of a FIFO queue is refused; the tests of the room hold that.
            return
        self._ask("DeleteMessage", QueueUrl=self.url, ReceiptHandle=known.handle)
        self.known.remove(known)

    @precondition(lambda self: any(known.handle for known in self.known))
    @rule(data=st.data(), seconds=st.sampled_from([0, 3, 30]))
    def change_visibility(self, data: st.DataObject, seconds: int) -> None:
        known = data.draw(st.sampled_from([k for k in self.known if k.handle]))
        self._ask(
            "ChangeMessageVisibility",
            QueueUrl=self.url,
            ReceiptHandle=known.handle,
            VisibilityTimeout=seconds,
        )
        if known.visible_ms > self.now_ms:
            known.visible_ms = self.now_ms + seconds * 1000

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "url"):
            return
        output = self._ask("GetQueueAttributes", QueueUrl=self.url, AttributeNames=["All"])
        shown = output["Attributes"]
        hidden = [known for known in self.known if known.visible_ms > self.now_ms]
        in_flight = sum(1 for known in hidden if known.count)
        assert shown["ApproximateNumberOfMessages"] == str(len(self.known) - len(hidden))
        assert shown["ApproximateNumberOfMessagesNotVisible"] == str(in_flight)
        assert shown["ApproximateNumberOfMessagesDelayed"] == str(len(hidden) - in_flight)


class StandardQueue(_Queues):
    """Every message is on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dead = 0

    @rule(delay=st.sampled_from([None, 0, 5]))
    def send(self, delay: int | None) -> None:
        self.sent += 1
        body = f"m{self.sent}"
        more = {} if delay is None else {"DelaySeconds": delay}
        self._ask("SendMessage", QueueUrl=self.url, MessageBody=body, **more)
        self.known.append(Known(body, "", self.now_ms + (delay or 0) * 1000))

    def _candidates(self) -> list[Known]:
        return [
            known
            for known in self.known
            if known.visible_ms <= self.now_ms and known.count < RECEIVES_MAX
        ]

    def _check_taken(self, taken: list[Known], count: int) -> None:
        letters = self._ask(
            "GetQueueAttributes",
            QueueUrl=self.dead_url,
            AttributeNames=["ApproximateNumberOfMessages"],
        )
        moved = int(letters["Attributes"]["ApproximateNumberOfMessages"]) - self.dead
        exhausted = [
            known
            for known in self.known
            if known.visible_ms <= self.now_ms and known.count >= RECEIVES_MAX
        ]
        # Those seen too often go as the receive comes upon them, earliest visible first.
        exhausted.sort(key=lambda known: known.visible_ms)
        assert moved <= len(exhausted)
        for known in exhausted[:moved]:
            self.known.remove(known)
        self.dead += moved
        if len(taken) < count:
            assert moved == len(exhausted)
            assert not self._candidates()


class FifoQueue(_Queues):
    """A group waits for its first message."""

    suffix = ".fifo"
    attributes: ClassVar[dict[str, str]] = {"FifoQueue": "true"}

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, int] = {}

    @rule(group=st.sampled_from("ab"), token=st.integers(1, 6))
    def send(self, group: str, token: int) -> None:
        self.sent += 1
        body, until_ms = f"m{self.sent}", self.tokens.get(str(token), 0)
        self._ask(
            "SendMessage",
            QueueUrl=self.url,
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=str(token),
        )
        if until_ms <= self.now_ms:
            self.tokens[str(token)] = self.now_ms + DEDUPLICATION_S * 1000
            self.known.append(Known(body, group, self.now_ms))

    @rule()
    def let_repeats_be_forgotten(self) -> None:
        self.loop.run_until_complete(self.platform.clock.advance(DEDUPLICATION_S * 1000))

    def _leading(self) -> dict[str, list[Known]]:
        """Of each group, the visible messages before the first that is not."""
        leading: dict[str, list[Known]] = {}
        blocked: set[str] = set()
        for known in self.known:
            if known.visible_ms > self.now_ms:
                blocked.add(known.group)
            elif known.group not in blocked:
                leading.setdefault(known.group, []).append(known)
        return leading

    def _candidates(self) -> list[Known]:
        return [known for group in self._leading().values() for known in group]

    def _check_taken(self, taken: list[Known], count: int) -> None:
        order = [self.known.index(known) for known in taken]
        for group in "ab":
            mine = [at for at, known in zip(order, taken, strict=True) if known.group == group]
            assert mine == sorted(mine)
        gone = self._dead_letters()
        for known in [known for known in self.known if known.body in gone]:
            assert known.count >= RECEIVES_MAX
            self.known.remove(known)
        # The first of a group moves on alone; what is behind it may be given then.
        if len(taken) < count and not gone:
            assert not self._candidates()

    def _dead_letters(self) -> set[str]:
        """What moved on since the last look; taken out, so that a look shows only what is new."""
        gone: set[str] = set()
        given = {"QueueUrl": self.dead_url, "MaxNumberOfMessages": 10}
        while found := self._ask("ReceiveMessage", **given).get("Messages"):
            for message in found:
                gone.add(message["Body"])
                handle = message["ReceiptHandle"]
                self._ask("DeleteMessage", QueueUrl=self.dead_url, ReceiptHandle=handle)
        return gone


SETTINGS = settings(
    max_examples=25,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestStandardQueue = StandardQueue.TestCase
TestStandardQueue.settings = SETTINGS
TestFifoQueue = FifoQueue.TestCase
TestFifoQueue.settings = SETTINGS
