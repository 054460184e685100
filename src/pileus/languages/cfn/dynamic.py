"""Dynamic references: ``{{resolve:ssm:…}}``, ``ssm-secure`` and ``secretsmanager``.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from pileus.languages.cfn.errors import TemplateError

_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):([^{}]*)\}\}")


def _no_parameter(name: str, version: int | None) -> str | None:
    del version
    raise TemplateError(f"No parameter store is at hand to resolve {name!r}")


def _no_secret(secret_id: str, stage: str | None, version_id: str | None) -> str | None:
    del stage, version_id
    raise TemplateError(f"No secrets store is at hand to resolve {secret_id!r}")


def _no_export(name: str) -> str | None:
    del name
    return None


@dataclass(frozen=True, slots=True)
class Lookups:
    """What a template may ask of the world outside. Each returns None for what does not exist.

    Attributes:
        parameter: (name, version or None) -> a Systems Manager parameter's value, lists joined
            by commas.
        secret: (secret id or ARN, version stage, version id) -> the SecretString.
        export: (name) -> another stack's exported value.

    An exception raised by one of them passes through the evaluator untouched.
    """

    parameter: Callable[[str, int | None], str | None] = _no_parameter
    secret: Callable[[str, str | None, str | None], str | None] = _no_secret
    export: Callable[[str], str | None] = _no_export


def resolve_dynamic(text: str, lookups: Lookups) -> str:
    """Replace every dynamic reference in ``text``.

    Raises:
        TemplateError: an unknown service, a malformed reference, a value that does not exist.
    """
    if "{{resolve:" not in text:
        return text
    return _REFERENCE.sub(lambda match: _resolve(match[1], match[2], match[0], lookups), text)


def _resolve(service: str, key: str, whole: str, lookups: Lookups) -> str:
    if service in ("ssm", "ssm-secure"):
        return _from_parameter(key, lookups)
    if service == "secretsmanager":
        return _from_secret(key, whole, lookups)
    raise TemplateError(f"Could not parse dynamic reference: {whole}; unknown service {service!r}")


def _from_parameter(key: str, lookups: Lookups) -> str:
    name, version = key, None
    head, _, tail = key.rpartition(":")
    if head and tail.isdecimal():
        name, version = head, int(tail)
    value = lookups.parameter(name, version)
    if value is None:
        raise TemplateError(
            f"Unable to fetch parameters [{name}] from parameter store for this account."
        )
    return value


def _from_secret(key: str, whole: str, lookups: Lookups) -> str:
    parts = key.split(":")
    id_parts = 7 if parts[0] == "arn" else 1
    secret_id, rest = ":".join(parts[:id_parts]), parts[id_parts:]
    if len(rest) > 4 or not secret_id:
        raise TemplateError(f"Could not parse dynamic reference: {whole}")
    kind, json_key, stage, version_id = (rest + [""] * 4)[:4]
    if kind not in ("", "SecretString"):
        raise TemplateError(f"Could not parse dynamic reference: {whole}; only SecretString is")
    value = lookups.secret(secret_id, stage or None, version_id or None)
    if value is None:
        raise TemplateError("Secrets Manager can't find the specified secret.")
    if not json_key:
        return value
    try:
        found = json.loads(value)[json_key]
    except (ValueError, KeyError, TypeError) as error:
        raise TemplateError(
            f"Could not find a value associated with JSONKey in SecretString: {whole}"
        ) from error
    return found if isinstance(found, str) else json.dumps(found)
