"""Who needs whom: references found in a template, order of work, cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.substitution import split_attribute, variables

Reference = tuple[str, str | None]
"""A logical id with the attribute asked for; None for a ``Ref``."""


def references(value: Any) -> Iterator[Reference]:
    """Every name that ``value`` refers to through Ref, Fn::GetAtt and Fn::Sub.

    Raises:
        TemplateError: a malformed reference.
    """
    if isinstance(value, list):
        for item in value:
            yield from references(item)
        return
    if not isinstance(value, dict):
        return
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" and isinstance(argument, str):
            yield argument, None
            return
        if name == "Fn::GetAtt":
            logical_id, attribute = split_attribute(argument)
            yield logical_id, attribute if isinstance(attribute, str) else ""
            yield from references(attribute)
            return
        if name == "Fn::Sub":
            yield from _substituted(argument)
            return
    for item in value.values():
        yield from references(item)


def _substituted(argument: Any) -> Iterator[Reference]:
    local: Mapping[str, Any] = {}
    template = argument
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
        template, local = argument
        yield from references(local)
    if not isinstance(template, str):
        return
    for name in variables(template):
        if name in local:
            continue
        logical_id, _, attribute = name.partition(".")
        yield logical_id, attribute or None


def levels(needs: Mapping[str, frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Groups that may be worked on together, each needing only earlier groups.

    Within a group the order of ``needs`` is kept.

    Raises:
        TemplateError: a circular dependency, in AWS's words.
    """
    waiting = {name: set(others) for name, others in needs.items()}
    result: list[tuple[str, ...]] = []
    while waiting:
        ready = tuple(name for name, others in waiting.items() if not others)
        if not ready:
            raise TemplateError(
                "Circular dependency between resources: "
                f"[{', '.join(_in_cycles(waiting, list(needs)))}]"
            )
        result.append(ready)
        for name in ready:
            del waiting[name]
        done = set(ready)
        for others in waiting.values():
            others -= done
    return tuple(result)


def _in_cycles(waiting: Mapping[str, set[str]], order: Sequence[str]) -> list[str]:
    """Members of the cycles; those that merely need a member fall away when nobody needs them."""
    left = {name: set(others) for name, others in waiting.items()}
    while True:
        needed = set().union(*left.values()) if left else set()
        leaves = [name for name in left if name not in needed]
        if not leaves:
            return [name for name in order if name in left]
        for name in leaves:
            del left[name]
