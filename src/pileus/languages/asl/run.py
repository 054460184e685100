"""Executions: what has happened in, events and commands out.

Nothing here reads a clock, draws by chance or touches anything: whoever calls stores the events,
does what the commands ask, and tells what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pileus.languages.asl.commands import CancelWake, Command, Happened, StartMapRun, WakeAt
from pileus.languages.asl.errors import RUNTIME, StateFailure, runtime
from pileus.languages.asl.events import WHOLE, Event
from pileus.languages.asl.failures import end_failed, fail
from pileus.languages.asl.happenings import take
from pileus.languages.asl.json_text import decode
from pileus.languages.asl.maps import child_inputs
from pileus.languages.asl.run_state import ROOT, Branch, ExecutionContext, Limits, RunState
from pileus.languages.asl.states import Program
from pileus.languages.asl.steps import step
from pileus.languages.asl.turn import HistoryFull, Tokens, Turn

STEPS_MAX: Final = 1_000
"""How many states are run before others get their turn."""


class Advance(msgspec.Struct):
    """What one advance brought.

    Attributes:
        events: to be appended to the history.
        commands: to be carried out once the events are stored.
        status: of the execution now.
        output: as JSON, of one that succeeded.
        error, cause: of one that did not.
        is_paused: there is more to do at once; call ``go_on``.
        is_ignored: nobody waited for what happened.
    """

    events: list[Event]
    commands: list[Command]
    status: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    is_paused: bool = False
    is_ignored: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether the execution is over."""
        return self.status != "RUNNING"


def _plain_token(execution_arn: str, task_id: int) -> str:
    return f"{execution_arn}#{task_id}"


class Run:
    """The rules by which executions of one program advance; it keeps nothing of them.

    The state is changed in place: after an exception, or when what was advanced could not be
    stored, take it from its last snapshot.

    Args:
        kind: ``STANDARD`` or ``EXPRESS``, whose history has no limit.
        limits: the quotas.
        tokens: makes the tokens of ``waitForTaskToken``.
        block: what executions begin with: 0, or the processor of a distributed Map.
    """

    def __init__(
        self,
        program: Program,
        kind: str = "STANDARD",
        limits: Limits | None = None,
        tokens: Tokens = _plain_token,
        block: int = 0,
    ) -> None:
        self.program = program
        self._limits = limits or Limits(history_events=0 if kind == "EXPRESS" else 25_000)
        self._tokens = tokens
        self._block = block

    def begin(
        self, text: str, context: ExecutionContext, now_ms: int, chance: Callable[[], float]
    ) -> tuple[RunState, Advance]:
        """Begin an execution.

        Args:
            text: its input, JSON.
            chance: gives numbers from 0 up to 1.
        Raises:
            ValueError: when the input is no JSON.
        """
        value = decode(text)
        state = RunState(context, value, branches={}, ready=[])
        root = Branch(ROOT, self._block, self.program.blocks[self._block].start_at, value, text, 0)
        state.branches[ROOT] = root
        state.ready.append(ROOT)
        turn = self._turn(state, now_ms, chance)
        details = {"input": text, "inputDetails": WHOLE, "roleArn": context.role_arn}
        if context.alias_arn is not None:
            details["stateMachineAliasArn"] = context.alias_arn
        if context.version_arn is not None:
            details["stateMachineVersionArn"] = context.version_arn
        turn.emit(root, "ExecutionStarted", details)
        # The first state follows nothing, in AWS's counting.
        root.previous = 0
        if self.program.timeout_s is not None and not self._block:
            state.last_timer = state.deadline_timer = 1
            turn.commands.append(WakeAt(1, now_ms + self.program.timeout_s * 1000))
        return state, self._drive(turn, STEPS_MAX)

    def resume(
        self,
        state: RunState,
        happened: Happened,
        now_ms: int,
        chance: Callable[[], float],
        max_steps: int = STEPS_MAX,
    ) -> Advance:
        """Go on after something has happened; with ``max_steps`` 0 it is noted and no more."""
        turn = self._turn(state, now_ms, chance)
        if state.status != "RUNNING":
            return Advance([], [], state.status, is_ignored=True)
        try:
            is_taken = take(turn, happened)
        except HistoryFull:
            self._overflow(turn)
            is_taken = True
        advance = self._drive(turn, max_steps)
        advance.is_ignored = not is_taken
        return advance

    def go_on(
        self, state: RunState, now_ms: int, chance: Callable[[], float], max_steps: int = STEPS_MAX
    ) -> Advance:
        """Go on where an advance was paused."""
        return self._drive(self._turn(state, now_ms, chance), max_steps)

    def child_inputs(
        self,
        state: RunState,
        map_id: int,
        first: int,
        items: list[Any],
        now_ms: int,
        chance: Callable[[], float],
    ) -> list[str]:
        """Inputs of children of a distributed Map, as JSON, by ItemSelector and ItemBatcher.

        Args:
            map_id: of the StartMapRun.
            first: the index of the first of the items.
        Raises:
            StateFailure: an input cannot be made; the run is to fail with it.
            KeyError: nobody waits for such a run.
        """
        return child_inputs(self._turn(state, now_ms, chance), map_id, first, items)

    def for_children(self, command: StartMapRun) -> Run:
        """What advances the children of a distributed Map."""
        most = 0 if command.execution_type == "EXPRESS" else self._limits.history_events or 25_000
        limits = msgspec.structs.replace(self._limits, history_events=most)
        return Run(self.program, limits=limits, tokens=self._tokens, block=command.block)

    def _turn(self, state: RunState, now_ms: int, chance: Callable[[], float]) -> Turn:
        return Turn(self.program, state, self._limits, now_ms, chance, self._tokens)

    def _drive(self, turn: Turn, max_steps: int) -> Advance:
        try:
            self._run_ready(turn, max_steps)
        except HistoryFull:
            self._overflow(turn)
        state = turn.state
        if state.status != "RUNNING":
            state.ready.clear()
            if state.deadline_timer:
                turn.commands.append(CancelWake(state.deadline_timer))
                state.deadline_timer = 0
        return _told(turn)

    def _run_ready(self, turn: Turn, max_steps: int) -> None:
        state = turn.state
        ready, branches = state.ready, state.branches
        left = max_steps
        while ready and state.status == "RUNNING":
            branch = branches[ready.pop()]
            goes_on = True
            while goes_on:
                if not left:
                    ready.append(branch.id)
                    return
                left -= 1
                try:
                    goes_on = step(turn, branch)
                except StateFailure as failure:
                    goes_on = fail(turn, branch, failure)
                except RecursionError:
                    goes_on = fail(turn, branch, runtime("The data is nested too deeply."))

    def _overflow(self, turn: Turn) -> None:
        most = self._limits.history_events
        cause = f"The execution reached the maximum number of history events ({most})."
        last = Branch(ROOT, 0, "", None, "", turn.state.last_event)
        end_failed(turn, last, StateFailure(RUNTIME, cause))


def _told(turn: Turn) -> Advance:
    state = turn.state
    advance = Advance(turn.events, turn.commands, state.status, is_paused=bool(state.ready))
    if state.status != "RUNNING" and turn.events:
        details: Any = turn.events[-1].details or {}
        advance.output = details.get("output")
        advance.error = details.get("error")
        advance.cause = details.get("cause")
    return advance
