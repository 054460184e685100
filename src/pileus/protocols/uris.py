"""Finds the operation of a rest service by method, path, query and headers.

The templates of a service become a tree of path segments. Where several operations share a method
and a template (S3's ``PUT /{Bucket}/{Key+}``), the one wins whose required query parameters and
headers are all there, and of those the one that requires most.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from urllib.parse import unquote

import msgspec

from pileus import shapes
from pileus.protocols.bindings import query_parameters
from pileus.shapes.model import Operation

_NEVER_TOLD_BY_URI = frozenset({("s3", "ListDirectoryBuckets")})
"""Operations that differ from another one by the host only."""


class _Candidate(msgspec.Struct):
    """One operation at the end of a path. ``markers``: query names with the value they must have
    (empty: any); ``required``: query names and headers its input cannot do without."""

    operation: str
    markers: dict[str, str]
    required_query: tuple[str, ...]
    required_headers: tuple[str, ...]
    is_deprecated: bool

    @property
    def is_plain(self) -> bool:
        return not (self.markers or self.required_query or self.required_headers)


_KNOWN_MAX = 4096
_Labelled = tuple[tuple[str, ...], _Candidate]
_UNFIT = (-1, 0, 0, 0)


class _Choices(msgspec.Struct):
    """What shares a method and a template. ``plain`` answers requests that tell nothing more: no
    query, none of ``headers``."""

    candidates: list[_Labelled] = msgspec.field(default_factory=list)
    headers: frozenset[str] = frozenset()
    plain: _Labelled | None = None

    def add(self, labels: tuple[str, ...], candidate: _Candidate) -> None:
        self.candidates.append((labels, candidate))
        self.headers |= frozenset(candidate.required_headers)
        self.plain = _choose(self.candidates, "", {})

    def choose(self, query: str, headers: Mapping[str, str]) -> _Labelled | None:
        if self.plain is not None and not query and self.headers.isdisjoint(headers):
            return self.plain
        return _choose(self.candidates, query, headers)


class _Node(msgspec.Struct):
    literals: dict[str, _Node] = msgspec.field(default_factory=dict)
    label: _Node | None = None
    greedy: _Node | None = None
    methods: dict[str, _Choices] = msgspec.field(default_factory=dict)


class UriTable:
    """The compiled templates of one service."""

    def __init__(self, service_name: str) -> None:
        self._root = _Node()
        self._known: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
        self._is_remembered = service_name != "s3"  # whose paths are seldom asked for twice
        service = shapes.service(service_name)
        for operation in service.operations.values():
            if (service_name, operation.name) not in _NEVER_TOLD_BY_URI:
                self._add(operation)

    def _add(self, operation: Operation) -> None:
        path, _, query = operation.uri.partition("?")
        node, labels = self._root, []
        for segment in path.strip("/").split("/") if path.strip("/") else ():
            if segment.startswith("{") and segment.endswith("+}"):
                labels.append(segment[1:-2])
                node.greedy = node = node.greedy or _Node()
            elif segment.startswith("{"):
                labels.append(segment[1:-1])
                node.label = node = node.label or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        candidate = _candidate(operation, query)
        node.methods.setdefault(operation.method, _Choices()).add(tuple(labels), candidate)

    def match(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[str, dict[str, str]] | None:
        """Operation name and decoded labels (not to be changed), or None.

        ``path`` and ``query`` are as sent.

        Raises:
            UnicodeDecodeError: for a label that is no UTF-8 text.
        """
        known = None if query else self._known.get((method, path))
        if known is not None:
            return known
        found, is_plain = self._match(method, path, query, headers)
        if found is not None and is_plain and not query:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[(method, path)] = found
        return found

    def _match(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[tuple[str, dict[str, str]] | None, bool]:
        """The answer, and whether method and path alone decide it where there is no query."""
        trimmed = path[1:]
        segments = trimmed.split("/") if trimmed else []
        found = self._descend(self._root, segments, 0, method)
        if found is None and segments and segments[-1] == "":
            found = self._descend(self._root, segments[:-1], 0, method)
        if found is None:
            return None, False
        choices, values = found
        chosen = choices.choose(query, headers)
        if chosen is None:
            return None, False
        labels, candidate = chosen
        decoded = [unquote(value, errors="strict") if "%" in value else value for value in values]
        told = candidate.operation, dict(zip(labels, decoded, strict=True))
        return told, self._is_remembered and not choices.headers

    def _descend(
        self, node: _Node, segments: list[str], at: int, method: str
    ) -> tuple[_Choices, list[str]] | None:
        if at == len(segments):
            choices = node.methods.get(method)
            return None if choices is None else (choices, [])
        segment = segments[at]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._descend(literal, segments, at + 1, method)
            if found is not None:
                return found
        if node.label is not None and segment:
            found = self._descend(node.label, segments, at + 1, method)
            if found is not None:
                return found[0], [segment, *found[1]]
        if node.greedy is None:
            return None
        # A greedy label takes all it can and leaves what stands after it in the template.
        for stop in range(len(segments), at, -1):
            taken = "/".join(segments[at:stop])
            found = self._descend(node.greedy, segments, stop, method) if taken else None
            if found is not None:
                return found[0], [taken, *found[1]]
        return None


@cache
def uri_table(service: str) -> UriTable:
    """The table of a service, compiled at the first call."""
    return UriTable(service)


def _candidate(operation: Operation, query: str) -> _Candidate:
    markers = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        markers[name] = value
    shape = operation.input
    required = [shape.members[name] for name in shape.required] if shape is not None else []
    return _Candidate(
        operation.name,
        markers,
        tuple(m.wire_name for m in required if m.location == "querystring"),
        tuple(m.wire_name.lower() for m in required if m.location == "header"),
        operation.is_deprecated,
    )


def _choose(
    candidates: list[_Labelled], query: str, headers: Mapping[str, str]
) -> _Labelled | None:
    """The best fit; None where each has a marker that the request lacks."""
    if len(candidates) == 1 and not candidates[0][1].markers:
        return candidates[0]
    given = query_parameters(query) if query else {}

    def rank(pair: _Labelled) -> tuple[int, int, int, int]:
        candidate = pair[1]
        for name, value in candidate.markers.items():
            if name not in given or (value and given[name][0] != value):
                return _UNFIT
        needed = len(candidate.required_query) + len(candidate.required_headers)
        there = sum(name in given for name in candidate.required_query)
        there += sum(name in headers for name in candidate.required_headers)
        is_complete = there == needed
        return (
            len(candidate.markers),
            1 if is_complete else 0,
            needed if is_complete else -needed,
            0 if candidate.is_deprecated else 1,
        )

    best = max(candidates, key=rank)
    return None if rank(best) == _UNFIT else best
