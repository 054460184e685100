"""What an EventBridge target is given: InputPath and InputTransformer.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html.
Paths are the small JSONPath subset EventBridge reads: dots, indices and the wildcard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pileus.values.errors import ServiceError
from pileus.values.times import iso8601

MISSING: Final = object()
Reader = Callable[[Any], Any]
Step = str | int | None

_STEP = re.compile(r"\.(?P<name>[\w/-]+)|\.(?P<any>\*)|\[(?P<index>\d+|\*)\]")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")
_PATHS_MAX = 100
_RULE_ARN = "aws.events.rule-arn"
_RULE_NAME = "aws.events.rule-name"
_EVENT = "aws.events.event"
_EVENT_JSON = "aws.events.event.json"
_INGESTION_TIME = "aws.events.event.ingestion-time"
_RESERVED = frozenset({_RULE_ARN, _RULE_NAME, _EVENT, _EVENT_JSON, _INGESTION_TIME})


class InvalidInput(ServiceError):
    """An input path, path map or template EventBridge refuses: ``ValidationException``."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a template may say about a delivery besides the event itself.

    Attributes:
        ingested_at_ms: when the bus received the event, epoch milliseconds.
    """

    rule_arn: str
    rule_name: str
    ingested_at_ms: int


Transformer = Callable[[Mapping[str, Any], Delivery], str]


def compile_path(path: str) -> Reader:
    """Compile a path such as ``$.detail.items[0].name`` or ``$.resources[*]``.

    Returns:
        A function giving the value at the path, or ``MISSING``; with a wildcard, the list of all
        values found, or ``MISSING`` when there is none.
    Raises:
        InvalidInput: for anything outside the subset.
    """
    if not path.startswith("$"):
        raise InvalidInput(f"Invalid JSONPath: {path}")
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if not found:
            raise InvalidInput(f"Invalid JSONPath: {path}")
        if found["name"] is not None:
            steps.append(found["name"])
        elif found["any"] or found["index"] == "*":
            steps.append(None)
        else:
            steps.append(int(found["index"]))
        at = found.end()
    if None in steps:
        return lambda event: _read_all(event, steps) or MISSING
    return lambda event: _read_one(event, steps)


def _read_one(value: Any, steps: list[Step]) -> Any:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, Mapping) or step not in value:
                return MISSING
            value = value[step]
        else:
            if not isinstance(value, list) or step is None or step >= len(value):
                return MISSING
            value = value[step]
    return value


def _read_all(value: Any, steps: list[Step]) -> list[Any]:
    found = [value]
    for step in steps:
        if step is None:
            found = [
                child
                for parent in found
                if isinstance(parent, Mapping | list)
                for child in (parent.values() if isinstance(parent, Mapping) else parent)
            ]
        else:
            children = (_read_one(parent, [step]) for parent in found)
            found = [child for child in children if child is not MISSING]
    return found


def compile_input_path(path: str) -> Callable[[Mapping[str, Any]], str]:
    """Compile a target's ``InputPath`` to a function giving the JSON text for the target.

    A path that is not in the event gives ``null``.

    Raises:
        InvalidInput: see :func:`compile_path`.
    """
    read = compile_path(path)

    def extract(event: Mapping[str, Any]) -> str:
        value = read(event)
        return "null" if value is MISSING else to_json(value)

    return extract


def to_json(value: Any) -> str:
    """Compact JSON text, as EventBridge writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def compile_input_transformer(paths: Mapping[str, str], template: str) -> Transformer:
    """Compile ``InputPathsMap`` and ``InputTemplate``.

    Placeholders in quotes are filled with the bare text (objects and arrays lose their quotes),
    those outside with JSON; in a template that is neither JSON nor quoted every one is bare. A
    variable whose path is not in the event becomes empty. Names nobody defined stay as written.

    Raises:
        InvalidInput: for too many or reserved names, or a path outside the subset.
    """
    if len(paths) > _PATHS_MAX:
        raise InvalidInput(f"InputPathsMap has more than {_PATHS_MAX} entries")
    readers: dict[str, Reader] = {}
    for name, path in paths.items():
        if name.lower().startswith("aws"):
            raise InvalidInput(f"InputPathsMap key {name} is reserved: keys cannot start with AWS")
        readers[name] = compile_path(path)
    pieces = _split(template, readers)
    is_text = not template.lstrip().startswith(("{", "[", '"', "<")) or bool(
        re.match(r"\s*<[^>]*>\s*[^\s]", template)
    )

    def transform(event: Mapping[str, Any], delivery: Delivery) -> str:
        out = []
        for piece in pieces:
            if isinstance(piece, str):
                out.append(piece)
                continue
            name, is_quoted = piece
            value = _variable(name, readers, event, delivery)
            out.append(_render(value, is_text=is_text, is_quoted=is_quoted))
        return "".join(out)

    return transform


def _split(template: str, readers: Mapping[str, Reader]) -> list[str | tuple[str, bool]]:
    """The template as literal text and (variable, stands in quotes) pairs."""
    pieces: list[str | tuple[str, bool]] = []
    at, literal_from, is_quoted = 0, 0, False
    while at < len(template):
        char = template[at]
        if char == "\\":
            at += 2
            continue
        if char == '"':
            is_quoted = not is_quoted
        elif char == "<":
            found = _PLACEHOLDER.match(template, at)
            if found and (found[1] in readers or found[1] in _RESERVED):
                pieces += [template[literal_from:at], (found[1], is_quoted)]
                at = literal_from = found.end()
                continue
        at += 1
    pieces.append(template[literal_from:])
    return [piece for piece in pieces if piece]


def _variable(
    name: str, readers: Mapping[str, Reader], event: Mapping[str, Any], delivery: Delivery
) -> Any:
    if name in readers:
        return readers[name](event)
    if name == _RULE_ARN:
        return delivery.rule_arn
    if name == _RULE_NAME:
        return delivery.rule_name
    if name == _INGESTION_TIME:
        return iso8601(delivery.ingested_at_ms, millis=False)
    if name == _EVENT:
        return {key: value for key, value in event.items() if key != "detail"}
    return event


def _render(value: Any, *, is_text: bool, is_quoted: bool) -> str:
    if value is MISSING:
        return "" if is_text or is_quoted else '""'
    if isinstance(value, str):
        if is_text:
            return value
        return to_json(value)[1:-1] if is_quoted else to_json(value)
    text = to_json(value)
    return text.replace('"', "") if is_quoted else text
