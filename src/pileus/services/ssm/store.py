"""Where parameters lie.

``parameter, name``        Parameter
``version, name, number``  Version, at most a hundred per parameter
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.records import RecordCodec
from pileus.services.ssm import errors
from pileus.services.ssm.model import Parameter, Version
from pileus.values.arns import is_arn
from pileus.values.page_tokens import parse_page_token

PARAMETERS = RecordCodec(Parameter)
VERSIONS = RecordCodec(Version)
_SECRETS = "/aws/reference/secretsmanager/"


def find(state: Any, name: str) -> Parameter | None:
    """The parameter, or None."""
    raw = state.get(("parameter", name))
    return None if raw is None else PARAMETERS.decode(raw)


def parameter(state: Any, name: str) -> Parameter:
    """The parameter; raises ParameterNotFound."""
    found = find(state, name)
    if found is None:
        raise errors.parameter_not_found()
    return found


def put_parameter(state: Any, record: Parameter) -> None:
    state.put(("parameter", record.name), PARAMETERS.encode(record))


def put_version(state: Any, name: str, record: Version) -> None:
    state.put(("version", name, record.number), VERSIONS.encode(record))


def find_version(state: Any, name: str, number: int) -> Version | None:
    """One version, or None."""
    raw = state.get(("version", name, number))
    return None if raw is None else VERSIONS.decode(raw)


def current(state: Any, record: Parameter) -> Version:
    """The newest version."""
    version = find_version(state, record.name, record.version)
    assert version is not None
    return version


def versions(state: Any, name: str) -> list[Version]:
    """Every kept version, oldest first."""
    return [VERSIONS.decode(raw) for _, raw in state.range(("version", name))]


def remove(state: Any, name: str) -> bool:
    """Delete a parameter with its versions; False when there was none."""
    if state.get(("parameter", name)) is None:
        return False
    state.delete(("parameter", name))
    state.delete_range(("version", name))
    return True


def bare_name(given: str) -> str:
    """The name, where an ARN may be given for it."""
    if is_arn(given):
        name = given.split(":", 5)[5].removeprefix("parameter/")
        # The ARN of /a/b and that of a are spelt alike: a path has its slash back.
        return f"/{name}" if "/" in name else name
    return given


def selected(state: Any, given: str) -> tuple[Parameter, Version, str]:
    """What ``name``, ``name:version`` or ``name:label`` names, and the selector (``:3`` or empty).

    Raises ParameterNotFound and ParameterVersionNotFound.
    """
    prefix = ""
    if is_arn(given):
        prefix, given = "arn", given.split(":", 5)[5].removeprefix("parameter/")
    name, colon, selector = given.partition(":")
    if prefix and "/" in name:
        name = f"/{name}"
    if name.startswith(_SECRETS):
        raise errors.secrets_reference()
    found = parameter(state, name)
    if not colon:
        return found, current(state, found), ""
    if selector.isdigit():
        version = find_version(state, name, int(selector))
        if version is None:
            raise errors.version_not_found(name, selector)
        return found, version, f":{selector}"
    for version in versions(state, name):
        if selector in version.labels:
            return found, version, f":{selector}"
    raise errors.label_not_found(name, selector)


def after_token(token: str | None) -> str:
    """The name a token stands for, or an empty string; raises InvalidNextToken."""
    try:
        return parse_page_token(token)
    except ValueError:
        raise errors.invalid_next_token() from None
