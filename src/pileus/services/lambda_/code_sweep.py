"""Packages that nobody uses any more: found by comparing Blobs with the records, deleted later.

A package may become unused by a deletion, an update, or a creation that failed after its upload.
Nothing counts references: a sweep lists what lies in Blobs and what the records name. What two
sweeps in a row, an invocation's longest life apart, find unnamed is deleted; so no reader that
began with an old record, and no instance that runs on the unpacked folder, loses its code.
"""

from __future__ import annotations

from pileus.compute.code_store import CodeStore
from pileus.kernel.calls import Call, ReadCall, StreamCall
from pileus.kernel.kernel import Kernel
from pileus.ports.state import Space
from pileus.services.lambda_ import store
from pileus.services.lambda_.model import Configuration

GRACE_S = 1200.0
"""Longer than the longest invocation (900 s) and than a download link is good for."""
_PAGE = 1000


class CodeSweep:
    """Sweeps spaces that were named to it; the platform has one. Nothing runs while all is tidy."""

    def __init__(self, kernel: Kernel, code: CodeStore) -> None:
        self._kernel = kernel
        self._code = code
        self._asked: dict[Space, int] = {}

    def ask(self, call: StreamCall) -> None:
        """Something of this space may be unused now, or soon."""
        is_new = call.space not in self._asked
        self._asked[call.space] = self._asked.get(call.space, 0) + 1
        if is_new:
            self._kernel.supervisor.spawn(f"code sweep {call.space}", self._run(call.space))

    async def _run(self, space: Space) -> None:
        suspects: set[str] = set()
        asked = 0
        while suspects or asked != self._asked[space]:
            asked = self._asked[space]
            await self._kernel.clock.sleep(GRACE_S)
            call = self._kernel.stream_call(space)
            unused = await _unused(call)
            for blob in sorted(suspects & unused):
                await call.blobs.delete(blob)
                await self._code.forget(blob)
            suspects = unused - suspects
        del self._asked[space]


def code_prefix(call: Call) -> str:
    """Names of all packages of an account and region begin so."""
    return f"{call.account}/{call.region}/lambda/code/"


async def _unused(call: StreamCall) -> set[str]:
    prefix = code_prefix(call)
    found: set[str] = set()
    after = ""
    while page := await call.blobs.list(prefix, after, _PAGE):
        found.update(info.name for info in page)
        after = page[-1].name
    return found - call.read(_used)


def _used(view: ReadCall) -> set[str]:
    """Every package that a function, a version or a layer names."""
    used: set[str] = set()

    def take(configuration: Configuration) -> None:
        used.add(configuration.code.blob)
        used.update(layer.blob for layer in configuration.layers)

    for _, raw in view.state.range(("function",)):
        take(store.FUNCTIONS.decode(raw).latest)
    for _, raw in view.state.range(("version",)):
        take(store.VERSIONS.decode(raw))
    for _, raw in view.state.range(("layer",)):
        used.add(store.LAYERS.decode(raw).code.blob)
    return used
