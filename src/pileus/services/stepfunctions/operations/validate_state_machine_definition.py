"""ValidateStateMachineDefinition.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.languages.asl.errors import Diagnostic
from pileus.languages.asl.validation import diagnose
from pileus.services.stepfunctions.limits import LIMITS
from pileus.services.stepfunctions.model import STANDARD

_ERROR = "ERROR"


@read
def validate_state_machine_definition(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with a definition, and with severity WARNING what is suspicious too."""
    found = diagnose(request["definition"], kind=request.get("type") or STANDARD)
    result = "FAIL" if any(each.severity == _ERROR for each in found) else "OK"
    if (request.get("severity") or _ERROR) == _ERROR:
        found = [each for each in found if each.severity == _ERROR]
    most = request.get("maxResults") or LIMITS.diagnostics_max
    return {
        "result": result,
        "diagnostics": [_shown(each) for each in found[:most]],
        "truncated": len(found) > most,
    }


def _shown(each: Diagnostic) -> dict[str, str]:
    shown = {"severity": each.severity, "code": each.code, "message": each.message}
    return shown if each.location is None else {**shown, "location": each.location}
