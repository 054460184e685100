"""Provisioned concurrency: instances that are ready before anybody calls.

https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import InitFailed, NoCapacity, RuntimeUnavailable
from pileus.services.lambda_ import store
from pileus.services.lambda_.model import Configuration, Function
from pileus.services.lambda_.names import is_version
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.lambda")

IN_PROGRESS, READY, FAILED = "IN_PROGRESS", "READY", "FAILED"


class Standing(msgspec.Struct, frozen=True):
    """How far a configuration has come. ``reason`` goes with FAILED."""

    status: str
    available: int
    reason: str = ""


class _Kept(msgspec.Struct):
    """What is kept of one version."""

    count: int
    work: asyncio.Task[None]
    reason: str = ""


class Provisioned:
    """Keeps what the records say; the platform has one."""

    def __init__(self, kernel: Kernel, functions: Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def recover(self, call: StreamCall) -> None:
        """Make again what a previous run kept in this space."""
        for name in {each.function for each in call.read(store.provisioned)}:
            self.refresh(call, name)

    def refresh(self, call: StreamCall, name: str) -> None:
        """Keep what the records of a function say now; what is missing is made in the background."""
        scope = scope_of(call.account, call.region)
        wanted = call.read(lambda view: _wanted(view, name))
        for key in [key for key in self._kept if key[:2] == (scope, name)]:
            if key[2] not in wanted:
                kept = self._kept.pop(key)
                kept.work.cancel()
                self._functions.pools.release_provisioned(*key)
        for version, (function, configuration, count) in wanted.items():
            key = (scope, name, version)
            known = self._kept.get(key)
            if known is not None and known.count == count and not known.reason:
                continue
            if known is not None:
                known.work.cancel()
            work = self._keep(key, function, configuration, count)
            title = f"provisioning {scope}/{name}:{version}"
            self._kept[key] = _Kept(count, self._kernel.supervisor.spawn(title, work))

    def standing(self, call: ReadCall, name: str, qualifier: str, count: int) -> Standing:
        """How far the configuration of a version or alias has come."""
        function = store.find_function(call, name)
        version = store.configuration(call, function, qualifier).version
        scope = scope_of(call.account, call.region)
        available = min(count, self._functions.pools.provisioned(scope, name, version))
        kept = self._kept.get((scope, name, version))
        if kept is not None and kept.reason:
            return Standing(FAILED, available, kept.reason)
        return Standing(READY if available >= count else IN_PROGRESS, available)

    async def _keep(
        self, key: tuple[str, str, str], function: Function, version: Configuration, count: int
    ) -> None:
        try:
            await self._functions.provision(key[0], function, version, count)
        except (InitFailed, NoCapacity, RuntimeUnavailable, ServiceError) as error:
            _log.warning("%s/%s:%s is not provisioned: %s", *key, error)
            kept = self._kept.get(key)
            if kept is not None:
                kept.reason = _told(error)


def _told(error: Exception) -> str:
    if isinstance(error, InitFailed):
        return "FUNCTION_ERROR_INIT_FAILURE"
    return str(error)


def _wanted(view: ReadCall, name: str) -> Mapping[str, tuple[Function, Configuration, int]]:
    """Version → function, configuration and how many instances; an alias speaks for its version."""
    found: dict[str, tuple[Function, Configuration, int]] = {}
    records = store.provisioned(view, name)
    if not records:
        return found
    function = store.find_function(view, name)
    for record in records:
        configuration = store.configuration(view, function, record.qualifier)
        version = configuration.version
        count = record.count + (found[version][2] if version in found else 0)
        found[version] = (function, configuration, count)
    return found


def is_alias(qualifier: str) -> bool:
    """Whether a configuration follows an alias from version to version."""
    return not is_version(qualifier)
