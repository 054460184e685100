"""LabelParameterVersion. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import errors, labels, store
from pileus.services.ssm.limits import LIMITS
from pileus.services.ssm.model import (
    is_label,
)


@write
def label_parameter_version(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put labels on a version; a label another version had moves here."""
    found = store.parameter(call.state, store.bare_name(request["Name"]))
    version = labels.version_of(call, found, request.get("ParameterVersion"))
    valid = [label for label in request["Labels"] if is_label(label)]
    wanted = list(dict.fromkeys([*version.labels, *valid]))
    if len(wanted) > LIMITS.labels_max:
        raise errors.label_limit()
    for other in store.versions(call.state, found.name):
        if other.number != version.number and set(other.labels) & set(valid):
            other.labels = [label for label in other.labels if label not in valid]
            store.put_version(call.state, found.name, other)
    version.labels = wanted
    store.put_version(call.state, found.name, version)
    invalid = [label for label in request["Labels"] if label not in valid]
    return {"InvalidLabels": invalid, "ParameterVersion": version.number}
