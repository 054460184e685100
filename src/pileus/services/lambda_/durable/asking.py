"""How an execution is asked for."""

from __future__ import annotations

import msgspec

from pileus.services.lambda_.durable.model import Parent
from pileus.services.lambda_.model import Configuration, Function


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An invocation of a durable function.

    Attributes:
        name: the caller's, or empty.
        id: of the execution, where it must be the same at a repetition.
    """

    function: Function
    version: Configuration
    payload: bytes
    name: str = ""
    is_synchronous: bool = False
    trace: str = ""
    parent: Parent | None = None
    id: str = ""
