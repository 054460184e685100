"""The runtimes this version runs: the one list that rooms and deployment both ask."""

from __future__ import annotations

FAMILIES = ("python3.", "nodejs", "provided")
"""Beginnings of AWS's identifiers."""

TOLD = "python3.9 to python3.14, nodejs18.x to nodejs24.x and provided"
"""The same for people."""


def is_run(runtime: str) -> bool:
    """Whether instances of the runtime can be made, given its interpreter on the machine."""
    return runtime.startswith(FAMILIES)
