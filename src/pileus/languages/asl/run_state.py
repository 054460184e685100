"""Where an execution is: plain data, which is the snapshot beside its history."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pileus.languages.asl.json_text import decode

ENTER: Final = 0
"""The branch is about to enter its state."""
ATTEMPT: Final = 1
"""It is about to try its state again."""
WAITING: Final = 2
"""Something must happen first."""
COMPLETE: Final = 3
"""The branches inside are through."""

ROOT: Final = 0


class Limits(msgspec.Struct, frozen=True):
    """Quotas of an execution.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html

    Attributes:
        payload_bytes: of an input, output, result or variable.
        history_events: 0 for no limit (Express).
        inline_concurrency: iterations of an inline Map at a time.
    """

    payload_bytes: int = 262_144
    history_events: int = 25_000
    inline_concurrency: int = 40


class ExecutionContext(msgspec.Struct, frozen=True):
    """What the context object says of the execution.

    Attributes:
        start_time: as AWS writes it, ``2016-03-14T01:59:00.123Z``.
    """

    execution_arn: str
    name: str
    role_arn: str
    state_machine_arn: str
    state_machine_name: str
    start_time: str
    region: str = "us-east-1"
    redrive_count: int = 0
    version_arn: str | None = None
    alias_arn: str | None = None


class Join(msgspec.Struct):
    """What a Parallel or Map state waits for.

    Attributes:
        started_id: its ``…StateStarted`` event.
        results: by branch or iteration.
        left: how many are not through.
        items: of a Map.
        inputs: of its iterations, None where they are the items.
        begun: how many iterations have begun.
        kind: ``branches``, ``iterations`` or ``run``, a distributed Map.
    """

    started_id: int
    results: list[Any]
    left: int
    items: list[Any] = []
    inputs: list[Any] | None = None
    begun: int = 0
    kind: str = "branches"


class Branch(msgspec.Struct):
    """One line of control: the machine, a branch of a Parallel, an iteration of a Map.

    Attributes:
        block, state: where in the program.
        input, text: the state's input, as a value and as JSON.
        previous: the last event on this line.
        entered_id, entered_ms: of the state it is in.
        retries: how often each retrier was used; ``retry_count`` in all.
        task_id: what it waits for, 0 for nothing.
        timer_id: likewise.
        index, item: of an iteration.
        variables: those of its own scope.
    """

    id: int
    block: int
    state: str
    input: Any
    text: str
    previous: int
    parent: int = -1
    phase: int = ENTER
    entered_id: int = 0
    entered_ms: int = 0
    retries: dict[int, int] | None = None
    retry_count: int = 0
    task_id: int = 0
    timer_id: int = 0
    join: Join | None = None
    index: int = -1
    item: Any = None
    variables: dict[str, Any] | None = None


class RunState(msgspec.Struct):
    """An execution between two advances; encodes to MessagePack or JSON and back.

    Attributes:
        input: of the execution.
        last_event: the number of the last event.
        branches: by their numbers; ``ROOT`` is the machine.
        ready: branches that can go on, the next one last.
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``.
        tasks, timers, runs: what is waited for, each with the branch that waits.
        deadline_timer: the timer of ``TimeoutSeconds``, 0 for none.
    """

    context: ExecutionContext
    input: Any
    last_event: int = 0
    last_branch: int = ROOT
    last_timer: int = 0
    branches: dict[int, Branch] = {}
    ready: list[int] = []
    tasks: dict[int, int] = {}
    timers: dict[int, int] = {}
    runs: dict[int, int] = {}
    status: str = "RUNNING"
    deadline_timer: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RunState)
_json_decoder = msgspec.json.Decoder(RunState)


def encode_state(state: RunState) -> bytes:
    """The snapshot to store; inputs stand in it once, as their text."""
    branches = {
        number: msgspec.structs.replace(branch, input=None)
        for number, branch in state.branches.items()
    }
    kept = msgspec.structs.replace(state, branches=branches)
    try:
        return _encoder.encode(kept)
    except OverflowError:
        # MessagePack has no integers beyond 64 bits, JSON has.
        return msgspec.json.encode(kept)


def decode_state(data: bytes) -> RunState:
    """A stored snapshot.

    Raises:
        msgspec.DecodeError: when it is none.
    """
    state = _json_decoder.decode(data) if data[:1] == b"{" else _decoder.decode(data)
    for branch in state.branches.values():
        branch.input = decode(branch.text)
    return state
