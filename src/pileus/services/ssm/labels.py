"""What the two label operations share."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.services.ssm import errors, store
from pileus.services.ssm.model import Parameter, Version


def version_of(call: WriteCall, found: Parameter, number: int | None) -> Version:
    """The version asked for, the newest without a number; raises ParameterVersionNotFound."""
    if number is None:
        return store.current(call.state, found)
    version = store.find_version(call.state, found.name, number)
    if version is None:
        raise errors.version_not_found(found.name, number)
    return version
