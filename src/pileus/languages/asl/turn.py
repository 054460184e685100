"""One advance of an execution: what happened in it, and what expressions see meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pileus.languages.asl.commands import Cancel, CancelMapRun, CancelWake, Command, WakeAt
from pileus.languages.asl.errors import DATA_LIMIT, StateFailure
from pileus.languages.asl.events import Details, Event
from pileus.languages.asl.json_text import size_bytes
from pileus.languages.asl.run_state import Branch, Limits, RunState
from pileus.languages.asl.states import Program, State
from pileus.languages.asl.timestamps import format_timestamp

Tokens = Callable[[str, int], str]
"""The execution's ARN and a task's number in, the token that answers the task out."""

_WITH_RETRIES = ("Task", "Parallel", "Map")


class HistoryFull(Exception):
    """The next event would be one too many."""


class Turn:
    """The working set of one advance; it is the :class:`Frame` of every expression in it."""

    def __init__(
        self,
        program: Program,
        state: RunState,
        limits: Limits,
        now_ms: int,
        chance: Callable[[], float],
        tokens: Tokens,
    ) -> None:
        self.program = program
        self.state = state
        self.limits = limits
        self.now_ms = now_ms
        self.chance = chance
        self.tokens = tokens
        self.events: list[Event] = []
        self.commands: list[Command] = []
        self.branch: Branch
        self.item: tuple[int, Any] | None = None
        # What a state's exit follows, where that is not the event before it.
        self.exit_after = 0
        # One number is kept for the event that says that there are too many.
        self._last_allowed = limits.history_events - 1 if limits.history_events else 1 << 62

    def state_of(self, branch: Branch) -> State:
        """The state that a branch is in."""
        return self.program.blocks[branch.block].states[branch.state]

    def emit(self, branch: Branch, kind: str, details: Details | None = None) -> int:
        """Write an event after the last one of a branch; its number.

        Raises:
            HistoryFull: the history has no place for it.
        """
        state = self.state
        number = state.last_event + 1
        if number > self._last_allowed:
            raise HistoryFull
        state.last_event = number
        self.events.append(Event(number, branch.previous, kind, self.now_ms, details))
        branch.previous = number
        return number

    def emit_aside(self, branch: Branch, kind: str, details: Details | None = None) -> None:
        """Write an event that the next one of the branch passes by."""
        previous = branch.previous
        self.emit(branch, kind, details)
        branch.previous = previous

    def emit_last(self, branch: Branch, kind: str, details: Details | None) -> None:
        """Write the execution's last event, for which there is always a place."""
        self._last_allowed += 1
        self.emit(branch, kind, details)

    def wake_at(self, branch: Branch, at_ms: int) -> None:
        """Let a branch wait for a time."""
        number = self.state.last_timer = self.state.last_timer + 1
        branch.timer_id = number
        self.state.timers[number] = branch.id
        self.commands.append(WakeAt(number, at_ms))

    def release(self, branch: Branch) -> None:
        """Forget whatever a branch waits for."""
        if branch.task_id:
            self.state.tasks.pop(branch.task_id, None)
            self.commands.append(Cancel(branch.task_id))
            branch.task_id = 0
        if branch.timer_id:
            self.state.timers.pop(branch.timer_id, None)
            self.commands.append(CancelWake(branch.timer_id))
            branch.timer_id = 0
        if branch.join is not None and branch.join.kind == "run":
            self.state.runs.pop(branch.join.started_id, None)
            self.commands.append(CancelMapRun(branch.join.started_id))

    def check_size(self, text: str, told: str) -> None:
        """Fail where a payload is too large.

        Raises:
            StateFailure: States.DataLimitExceeded.
        """
        if (
            len(text) * 4 > self.limits.payload_bytes
            and size_bytes(text) > self.limits.payload_bytes
        ):
            raise StateFailure(
                DATA_LIMIT,
                f"The state/task '{told}' returned a result with a size exceeding the maximum "
                "number of bytes service limit.",
                is_located=False,
            )

    def variables(self) -> Mapping[str, Any]:
        """See :class:`Frame`."""
        branch = self.branch
        if branch.parent < 0:
            return branch.variables or {}
        scopes = []
        while True:
            if branch.variables:
                scopes.append(branch.variables)
            if branch.parent < 0:
                break
            branch = self.state.branches[branch.parent]
        found: dict[str, Any] = {}
        for scope in reversed(scopes):
            found.update(scope)
        return found

    def context(self) -> dict[str, Any]:
        """See :class:`Frame`."""
        branch, given = self.branch, self.state.context
        state = self.state_of(branch)
        at: dict[str, Any] = {
            "Name": state.name,
            "EnteredTime": format_timestamp(branch.entered_ms),
        }
        if state.type in _WITH_RETRIES:
            at["RetryCount"] = branch.retry_count
        found = {
            "Execution": {
                "Id": given.execution_arn,
                "Input": self.state.input,
                "StartTime": given.start_time,
                "Name": given.name,
                "RoleArn": given.role_arn,
                "RedriveCount": given.redrive_count,
            },
            "StateMachine": {"Id": given.state_machine_arn, "Name": given.state_machine_name},
            "State": at,
        }
        if state.resource is not None and state.resource.pattern == "waitForTaskToken":
            found["Task"] = {"Token": self.next_token()}
        item = self.item or self._item_of(branch)
        if item is not None:
            found["Map"] = {"Item": {"Index": item[0], "Value": item[1]}}
        return found

    def next_token(self) -> str:
        """The token of the task that the next event schedules."""
        return self.tokens(self.state.context.execution_arn, self.state.last_event + 1)

    def _item_of(self, branch: Branch) -> tuple[int, Any] | None:
        while branch.index < 0:
            if branch.parent < 0:
                return None
            branch = self.state.branches[branch.parent]
        return branch.index, branch.item
