"""SnapStart: a published version is initialised once, and instances are copies of that.

The record of such a version is ``Pending`` until its snapshot was made, and a restart of the platform
takes that up again. The snapshot itself is nowhere on disk: after a restart, or when it was not used for
long, the next call makes it again.
"""

from __future__ import annotations

import logging

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import InitFailed, NoCapacity, RuntimeUnavailable
from pileus.services.lambda_ import snapstart, store
from pileus.services.lambda_.model import Configuration, Function
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.errors import ServiceError

_log = logging.getLogger("pileus.lambda")
_MAKE_S_MAX = 1000
_Key = tuple[str, str, str]


class Snapshots:
    """Makes what published versions ask for; the platform has one."""

    def __init__(self, kernel: Kernel, functions: Functions) -> None:
        self._kernel = kernel
        self._functions = functions
        self._making: set[_Key] = set()

    def recover(self, call: StreamCall) -> None:
        """Take up what a previous run was about to make in this space."""
        for name, version in call.read(_pending):
            self._begin(call, name, version)

    def begin(self, call: StreamCall, name: str) -> None:
        """Make the snapshots of a function's versions that wait for one; returns at once."""
        for _, version in call.read(lambda view: _pending(view, name)):
            self._begin(call, name, version)

    async def settled(self, call: StreamCall, name: str, version: str) -> Configuration | None:
        """Wait until a version is no longer pending; None when it is gone or takes for ever."""

        def look(view: ReadCall) -> list[Configuration] | None:
            raw = view.state.get(("version", name, int(version)))
            found = [] if raw is None else [store.VERSIONS.decode(raw)]
            return None if found and found[0].state == snapstart.PENDING else found

        until_ms = self._kernel.clock.now_ms() + _MAKE_S_MAX * 1000
        found = await call.until(_wake_key(name, version), until_ms, look)
        return found[0] if found else None

    def _begin(self, call: StreamCall, name: str, version: str) -> None:
        key = (scope_of(call.account, call.region), name, version)
        if key not in self._making:
            self._making.add(key)
            title = f"the snapshot of {key[0]}/{name}:{version}"
            self._kernel.supervisor.spawn(title, self._make(call, key))

    async def _make(self, call: StreamCall, key: _Key) -> None:
        scope, name, version = key
        try:
            found = call.read(lambda view: _find(view, name, version))
            if found is None:
                return
            obstacle, reason = await self._taken(scope, *found)
            own = call.in_account(call.account, call.region)

            def step(write: WriteCall) -> None:
                _settle(write, found[1], (name, version), (obstacle, reason))

            await own.write_at_last(step, f"the snapshot of {name}:{version}")
        finally:
            self._making.discard(key)

    async def _taken(
        self, scope: str, function: Function, version: Configuration
    ) -> tuple[str, tuple[str, str] | None]:
        """What stands against the snapshot, and why the version failed."""
        try:
            return (await self._functions.take_snapshot(scope, function, version)).obstacle, None
        except InitFailed as error:
            return "", snapstart.failure(error)
        except NoCapacity as error:
            # The version is as good as any: its first call makes the snapshot.
            _log.warning("%s/%s has no snapshot yet: %s", scope, function.name, error)
            return "", None
        except RuntimeUnavailable as error:
            return "", (str(error), "InvalidRuntime")
        except ServiceError as error:
            return "", (error.message, "InvalidConfiguration")


def _pending(view: ReadCall, name: str = "") -> list[tuple[str, str]]:
    prefix = ("version", name) if name else ("version",)
    found = []
    for key, raw in view.state.range(prefix):
        version = store.VERSIONS.decode(raw)
        if version.state == snapstart.PENDING:
            found.append((str(key[1]), version.version))
    return found


def _find(view: ReadCall, name: str, version: str) -> tuple[Function, Configuration] | None:
    function = view.state.get(("function", name))
    raw = view.state.get(("version", name, int(version)))
    if function is None or raw is None:
        return None
    return store.FUNCTIONS.decode(function), store.VERSIONS.decode(raw)


def _settle(
    call: WriteCall,
    made_for: Configuration,
    named: tuple[str, str],
    outcome: tuple[str, tuple[str, str] | None],
) -> None:
    """Note how it went; another version of that number may have taken the place meanwhile."""
    found = _find(call, *named)
    if found is None or found[1].revision != made_for.revision:
        return
    version = found[1]
    obstacle, reason = outcome
    version.state = snapstart.FAILED if reason else snapstart.ACTIVE
    version.state_reason = reason
    version.snap_obstacle = obstacle
    call.state.put(("version", named[0], int(named[1])), store.VERSIONS.encode(version))
    call.wake(_wake_key(*named))


def _wake_key(name: str, version: str) -> tuple[str, str, str]:
    return ("snapshot", name, version)
