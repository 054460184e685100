"""UnlabelParameterVersion. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UnlabelParameterVersion.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.ssm import labels, store


@write
def unlabel_parameter_version(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Take labels off a version; those it did not have are told in InvalidLabels."""
    found = store.parameter(call.state, store.bare_name(request["Name"]))
    version = labels.version_of(call, found, request["ParameterVersion"])
    removed = [label for label in request["Labels"] if label in version.labels]
    invalid = [label for label in request["Labels"] if label not in version.labels]
    version.labels = [label for label in version.labels if label not in removed]
    store.put_version(call.state, found.name, version)
    return {"RemovedLabels": removed, "InvalidLabels": invalid}
