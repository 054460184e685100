"""Lifecycle policies: read, checked and applied.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from pileus.compute.images import catalogue
from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.ecr.errors import invalid_parameter
from pileus.services.ecr.limits import LIMITS

_DAY_MS = 24 * 3600 * 1000
_PARAMETER = "LifecyclePolicyText"


class Selection(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Which images a rule is about."""

    tag_status: str
    count_type: str
    count_number: int
    count_unit: str = ""
    tag_prefix_list: tuple[str, ...] = ()
    tag_pattern_list: tuple[str, ...] = ()
    storage_class: str = ""


class Action(msgspec.Struct):
    """What a rule does."""

    type: str


class Rule(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One rule; a lower priority is applied first."""

    rule_priority: int
    selection: Selection
    action: Action
    description: str = ""


class _Policy(msgspec.Struct):
    rules: list[Rule]


class Candidate(msgspec.Struct, frozen=True):
    """An image as rules see it."""

    digest: str
    tags: tuple[str, ...]
    pushed_ms: int
    is_listed: bool


def parse(text: str) -> list[Rule]:
    """The rules, by priority.

    Raises:
        ServiceError: InvalidParameterException, told what is wrong; a count type or an action that
            is not applied here is refused by name.
    """
    try:
        rules = msgspec.json.decode(text, type=_Policy).rules
    except msgspec.MsgspecError as error:
        raise invalid_parameter(
            _PARAMETER, f"Lifecycle policy validation failure: {error}"
        ) from error
    if not 1 <= len(rules) <= LIMITS.lifecycle_rules:
        raise _refused(f"a policy has 1 to {LIMITS.lifecycle_rules} rules")
    if len({rule.rule_priority for rule in rules}) != len(rules):
        raise _refused("two rules have the same rulePriority")
    for rule in rules:
        _check(rule)
    return sorted(rules, key=lambda rule: rule.rule_priority)


def _check(rule: Rule) -> None:
    chosen = rule.selection
    if rule.action.type != "expire":
        raise _refused(f"the action {rule.action.type!r} is not applied here; expire is")
    if chosen.count_type not in ("imageCountMoreThan", "sinceImagePushed"):
        raise _refused(f"the countType {chosen.count_type!r} is not applied here")
    if (chosen.count_type == "sinceImagePushed") != (chosen.count_unit == "days"):
        raise _refused("countUnit must be days with sinceImagePushed, and only then")
    if chosen.tag_status not in ("tagged", "untagged", "any"):
        raise _refused("tagStatus must be tagged, untagged or any")
    lists = bool(chosen.tag_prefix_list) + bool(chosen.tag_pattern_list)
    if lists != (1 if chosen.tag_status == "tagged" else 0):
        raise _refused("tagged needs one of tagPrefixList and tagPatternList, others none")
    if chosen.count_number < 1 or rule.rule_priority < 1:
        raise _refused("countNumber and rulePriority must be at least 1")


def _refused(reason: str) -> Exception:
    return invalid_parameter(_PARAMETER, f"Lifecycle policy validation failure: {reason}")


def candidates(state: Any, repository: str) -> list[Candidate]:
    """The images of a repository, newest first."""
    found = [
        Candidate(
            image.digest,
            tuple(catalogue.tags_of(state, repository, image.digest)),
            image.pushed_ms,
            bool(catalogue.indexes_with(state, repository, image.digest)),
        )
        for image in catalogue.images_of(state, repository)
    ]
    return sorted(found, key=lambda image: image.pushed_ms, reverse=True)


def expired(
    rules: Sequence[Rule], images: Sequence[Candidate], now_ms: int
) -> list[tuple[str, int]]:
    """``(digest, priority of the rule)`` of what the rules expire, newest first per rule.

    An image belongs to the first rule that matches it. Images that an index names stay.
    """
    found: list[tuple[str, int]] = []
    claimed: set[str] = set()
    for rule in rules:
        chosen = rule.selection
        matching = [i for i in images if i.digest not in claimed and _matches(chosen, i)]
        claimed |= {image.digest for image in matching}
        if chosen.count_type == "imageCountMoreThan":
            gone = matching[chosen.count_number :]
        else:
            horizon_ms = now_ms - chosen.count_number * _DAY_MS
            gone = [image for image in matching if image.pushed_ms < horizon_ms]
        found += [(image.digest, rule.rule_priority) for image in gone if not image.is_listed]
    return found


def _matches(chosen: Selection, image: Candidate) -> bool:
    if chosen.tag_status == "any":
        return True
    if chosen.tag_status == "untagged":
        return not image.tags
    if chosen.tag_prefix_list:
        # Every prefix must be met by some tag.
        return all(any(t.startswith(p) for t in image.tags) for p in chosen.tag_prefix_list)
    patterns = [
        re.compile(".*".join(map(re.escape, pattern.split("*"))))
        for pattern in chosen.tag_pattern_list
    ]
    return all(any(p.fullmatch(tag) for tag in image.tags) for p in patterns)


def schedule(call: WriteCall, repository: str, at_ms: int) -> None:
    """Have the policy applied at a time."""
    payload = {"repository": repository}
    call.set_timer(Timer(name="evaluate_lifecycle", key=repository, at_ms=at_ms, payload=payload))


def check_json(text: str, name: str, bytes_max: int) -> None:
    """A policy text must be a JSON object of bounded size."""
    if len(text.encode()) > bytes_max:
        raise invalid_parameter(name, f"must have length less than or equal to {bytes_max}")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid_parameter(name, "Invalid JSON syntax") from None
    if not isinstance(document, dict):
        raise invalid_parameter(name, "Invalid policy provided")
