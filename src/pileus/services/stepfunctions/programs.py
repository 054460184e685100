"""Definitions checked, and compiled once for all executions of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator

from pileus.kernel.calls import ReadCall
from pileus.languages.asl.definition import compile_definition
from pileus.languages.asl.errors import InvalidDefinition
from pileus.languages.asl.states import Program
from pileus.services.stepfunctions import errors, store
from pileus.services.stepfunctions.integrations import requests
from pileus.services.stepfunctions.limits import LIMITS

_known: OrderedDict[str, Program] = OrderedDict()
"""By digest; used by the thread of the loop only."""


def checked(text: str, kind: str) -> str:
    """The digest of a definition that executions can run.

    Raises:
        ServiceError: InvalidDefinition; ValidationException naming what Pileus does not have.
    """
    if len(text.encode()) > LIMITS.definition_bytes_max:
        raise errors.invalid_definition(
            "Invalid State Machine Definition: 'DEFINITION_TOO_LONG: The definition is longer than "
            f"{LIMITS.definition_bytes_max} bytes'"
        )
    try:
        program = compile_definition(text, kind=kind)
    except InvalidDefinition as error:
        raise errors.invalid_definition(str(error)) from None
    for what in _missing(program, kind):
        raise errors.not_yet(what)
    digest = hashlib.sha256(text.encode()).hexdigest()
    _keep(digest, program)
    return digest


def _missing(program: Program, kind: str) -> Iterator[str]:
    for block in program.blocks:
        for state in block.states.values():
            if state.mapping is not None and state.mapping.distribution is not None:
                yield f"distributed Map states (state {state.name!r})"
            if state.resource is not None and (lack := requests.lack(state.resource, kind)):
                yield f"{lack} (state {state.name!r})"


def program(call: ReadCall, digest: str) -> Program:
    """The definition of that digest, compiled."""
    found = _known.get(digest)
    if found is None:
        # What is stored was checked, as the kind of machine that it is.
        found = compile_definition(store.definition(call, digest))
        _keep(digest, found)
    else:
        _known.move_to_end(digest)
    return found


def _keep(digest: str, compiled: Program) -> None:
    _known[digest] = compiled
    _known.move_to_end(digest)
    while len(_known) > LIMITS.programs_kept:
        _known.popitem(last=False)
