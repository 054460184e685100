"""The runtimes this version runs: the one list that rooms and deployment both ask."""

from __future__ import annotations

import hashlib
import string

FAMILIES = ("python3.", "nodejs", "provided")
"""Beginnings of AWS's identifiers."""

TOLD = "python3.9 to python3.14, nodejs18.x to nodejs24.x and provided"
"""The same for people."""

SNAPSHOT_RUNTIMES = ("python3.12", "python3.13", "python3.14")
"""Those with SnapStart, of the ones that are run here.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes
"""


def version_arn(region: str, runtime: str) -> str:
    """The ARN of the one version of a runtime that there is here."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"


def version_name(runtime: str) -> str:
    """What logs call it: ``python:3.12.v1``."""
    number = runtime.lstrip(string.ascii_lowercase)
    return f"{runtime.removesuffix(number)}:{number}.v1"


def is_run(runtime: str) -> bool:
    """Whether instances of the runtime can be made, given its interpreter on the machine."""
    return runtime.startswith(FAMILIES)
