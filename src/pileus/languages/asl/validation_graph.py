"""Transitions of a definition: every target exists, every state is reached, an end can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.languages.asl.errors import Diagnostic

_TARGET = "MISSING_TRANSITION_TARGET"


def graph_findings(machine: Mapping[str, Any]) -> list[Diagnostic]:
    """What is wrong with the transitions of a machine and of the machines inside it."""
    found: list[Diagnostic] = []
    for block, location in blocks(machine):
        states = block["States"]
        for target, where in transitions(block):
            if target not in states:
                found.append(
                    _error(_TARGET, f"Missing 'Next' target: {target}", f"{location}{where}")
                )
        if not any(_is_terminal(state) for state in states.values()):
            found.append(_error("MISSING_END_STATE", "Workflow has no terminal state", None))
            continue
        reached = _reached(block)
        found += [
            _error(_TARGET, f'State "{name}" is not reachable.', f"{location}/States/{name}")
            for name in states
            if name not in reached
        ]
    return found


def _error(code: str, message: str, location: str | None) -> Diagnostic:
    return Diagnostic("ERROR", code, message, location)


def blocks(
    machine: Mapping[str, Any], location: str = ""
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """A machine and all machines inside it, each with its place."""
    yield machine, location
    for name, state in machine["States"].items():
        at = f"{location}/States/{name}"
        for number, branch in enumerate(state.get("Branches", ())):
            yield from blocks(branch, f"{at}/Branches[{number}]")
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from blocks(state[field], f"{at}/{field}")


def transitions(block: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All targets in a block, each with the place that names it."""
    yield block["StartAt"], "/StartAt"
    for name, state in block["States"].items():
        for target, where in targets_of(state):
            yield target, f"/States/{name}/{where}"


def targets_of(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The targets of one state, each with the field that names it."""
    if isinstance(state.get("Next"), str):
        yield state["Next"], "Next"
    for field in ("Choices", "Catch"):
        for at, each in enumerate(state.get(field, ())):
            if isinstance(each, dict) and isinstance(each.get("Next"), str):
                yield each["Next"], f"{field}[{at}]/Next"
    if isinstance(state.get("Default"), str):
        yield state["Default"], "Default"


def _is_terminal(state: Mapping[str, Any]) -> bool:
    return state.get("Type") in ("Succeed", "Fail") or state.get("End") is True


def _reached(block: Mapping[str, Any]) -> set[str]:
    reached: set[str] = set()
    left = [block["StartAt"]]
    while left:
        name = left.pop()
        if name in reached or name not in block["States"]:
            continue
        reached.add(name)
        left += [target for target, _ in targets_of(block["States"][name])]
    return reached
