"""A definition as a graph, in Mermaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.languages.asl.validation_graph import targets_of

_SHAPES = {
    "Choice": ('{"', '"}'),
    "Wait": ('[/"', '"/]'),
    "Succeed": ('(["', '"])'),
    "Fail": ('(["', '"])'),
}
_PLAIN = ('["', '"]')


def mermaid(machine: Mapping[str, Any]) -> str:
    """The machine as a Mermaid flowchart; branches and iterations are boxes of their own.

    Args:
        machine: a definition in which nothing is wrong.
    """
    return "\n".join(["flowchart TD", *_block(machine, "s", "  "), ""])


def _block(block: Mapping[str, Any], prefix: str, indent: str) -> Iterator[str]:
    names = {name: f"{prefix}{at}" for at, name in enumerate(block["States"])}
    start = f"{prefix}_start"
    yield f"{indent}{start}((( )))"
    yield f"{indent}{start} --> {names[block['StartAt']]}"
    for name, state in block["States"].items():
        yield from _node(name, state, names[name], indent)
        for target, where in targets_of(state):
            yield f"{indent}{names[name]} -->{_label(state, where)} {names[target]}"
        if state.get("End") is True:
            yield f"{indent}{names[name]} --> {prefix}_end(( ))"


def _node(name: str, state: Mapping[str, Any], number: str, indent: str) -> Iterator[str]:
    inside = _inside(state)
    if not inside:
        opening, closing = _SHAPES.get(state["Type"], _PLAIN)
        yield f"{indent}{number}{opening}{_text(name)}{closing}"
        return
    yield f'{indent}subgraph {number}["{_text(name)} ({state["Type"]})"]'
    for at, block in enumerate(inside):
        yield from _block(block, f"{number}_{at}_", indent + "  ")
    yield f"{indent}end"


def _inside(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    processors = [state[field] for field in ("ItemProcessor", "Iterator") if field in state]
    return [*state.get("Branches", ()), *processors]


def _label(state: Mapping[str, Any], where: str) -> str:
    if where.startswith("Catch"):
        at = int(where[len("Catch[") : where.index("]")])
        return f'|"{_text(", ".join(state["Catch"][at]["ErrorEquals"]))}"|'
    return '|"otherwise"|' if where == "Default" else ""


def _text(name: str) -> str:
    return name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
