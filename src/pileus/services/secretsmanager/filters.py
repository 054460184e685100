"""Choosing, ordering and paging secrets.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pileus.kernel.calls import ReadCall
from pileus.services.secretsmanager import errors, store
from pileus.services.secretsmanager.model import Secret
from pileus.values.page_tokens import page_token

T = TypeVar("T")
_WORDS = re.compile(r"[^\s/_+=.@!\-]+")
_SORT_KEYS: dict[str, Callable[[Secret], Any]] = {
    "created-date": lambda found: found.created_ms,
    "last-accessed-date": lambda found: found.accessed_ms,
    "last-changed-date": lambda found: found.changed_ms,
    "name": lambda found: found.name,
}


def selected(
    call: ReadCall, wanted: Sequence[Mapping[str, Any]], *, includes_deleted: bool = False
) -> list[Secret]:
    """The secrets that every filter accepts; raises InvalidParameterException."""
    tests = [_test(each) for each in wanted]
    every = (store.SECRETS.decode(raw) for _, raw in call.state.range(("secret",)))
    return [
        found
        for found in every
        if (includes_deleted or not found.deleted_ms) and all(test(found) for test in tests)
    ]


def _test(given: Mapping[str, Any]) -> Callable[[Secret], bool]:
    key, values = given.get("Key"), given.get("Values")
    if not key:
        raise errors.invalid_filter("Invalid filter key")
    if not values:
        raise errors.invalid_filter(f"Invalid filter values for key: {key}")

    def holds(found: Secret) -> bool:
        wanted = [value for value in values if not value.startswith("!")]
        refused = [value[1:] for value in values if value.startswith("!")]
        is_wanted = not wanted or any(_matches(found, key, value) for value in wanted)
        return is_wanted and not any(_matches(found, key, value) for value in refused)

    return holds


def _matches(found: Secret, key: str, value: str) -> bool:
    """One value of a filter: a prefix, whose case counts everywhere but in descriptions."""
    if key == "name":
        return found.name.startswith(value)
    if key == "tag-key":
        return any(tag.startswith(value) for tag in found.tags)
    if key == "tag-value":
        return any(tag.startswith(value) for tag in found.tags.values())
    if key == "description":
        return _has_words(found.description, value)
    if key == "all":
        texts = [found.name, found.description, *found.tags, *found.tags.values()]
        return any(_has_words(" ".join(texts), word) for word in value.split())
    # primary-region and owning-service: nothing here is a replica or belongs to a service.
    return False


def _has_words(text: str, wanted: str) -> bool:
    """True when every word of ``wanted`` begins a word of ``text``, in any case."""
    words = [word.lower() for word in _WORDS.findall(text)]
    parts = [part.lower() for part in _WORDS.findall(wanted)]
    return bool(parts) and all(any(word.startswith(part) for word in words) for part in parts)


def ordered(found: Iterable[Secret], by: str | None, order: str | None) -> list[Secret]:
    """By creation, the newest first, unless asked otherwise."""
    key = _SORT_KEYS[by or "created-date"]
    # Stable within equal keys, so that pages do not overlap.
    by_name = sorted(found, key=lambda each: each.name)
    return sorted(by_name, key=key, reverse=(order or "desc") == "desc")


def page(found: Sequence[T], request: Mapping[str, Any], count_max: int) -> tuple[Sequence[T], str]:
    """One page and the token of the next (empty at the end); raises InvalidNextTokenException."""
    at = store.after_token(request.get("NextToken"))
    if at and not at.isdigit():
        raise errors.invalid_next_token()
    start = int(at or 0)
    stop = start + (request.get("MaxResults") or count_max)
    return found[start:stop], page_token(stop) if stop < len(found) else ""
