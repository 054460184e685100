"""Packages that nobody uses any more: found by comparing Blobs with the records, deleted later.

Images are let go in the same way: what is pinned in registries is compared with the records.

A package may become unused by a deletion, an update, or a creation that failed after its upload.
Nothing counts references: a sweep lists what lies in Blobs and what the records name. What two
sweeps in a row, an invocation's longest life apart, find unnamed is deleted; so no reader that
began with an old record, and no instance that runs on the unpacked folder, loses its code.
"""

from __future__ import annotations

from collections.abc import Iterator

from pileus.compute.code_store import CodeStore
from pileus.compute.function_images import FunctionImages
from pileus.compute.images.catalogue import space_of
from pileus.kernel.calls import Call, ReadCall, StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.ports.state import Space
from pileus.services.lambda_ import store
from pileus.services.lambda_.model import Configuration

GRACE_S = 1200.0
"""Longer than the longest invocation (900 s) and than a download link is good for."""
_PAGE = 1000


class CodeSweep:
    """Sweeps spaces that were named to it; the platform has one. Nothing runs while all is tidy."""

    def __init__(self, kernel: Kernel, code: CodeStore, images: FunctionImages) -> None:
        self._kernel = kernel
        self._code = code
        self._images = images
        self._asked: dict[Space, int] = {}

    def ask(self, call: StreamCall) -> None:
        """Something of this space may be unused now, or soon."""
        is_new = call.space not in self._asked
        self._asked[call.space] = self._asked.get(call.space, 0) + 1
        if is_new:
            self._kernel.supervisor.spawn(f"code sweep {call.space}", self._run(call.space))

    async def _run(self, space: Space) -> None:
        suspects: set[str] = set()
        suspect_pins: set[str] = set()
        asked = 0
        while suspects or suspect_pins or asked != self._asked[space]:
            asked = self._asked[space]
            await self._kernel.clock.sleep(GRACE_S)
            call = self._kernel.stream_call(space)
            unused = await _unused(call)
            for blob in sorted(suspects & unused):
                await call.blobs.delete(blob)
                await self._code.forget(blob)
            suspects = unused - suspects
            unused_pins = call.read(_unused_pins)
            for pin in sorted(suspect_pins & unused_pins):
                await self._let_go(call, pin)
            suspect_pins = unused_pins - suspect_pins
        del self._asked[space]

    async def _let_go(self, call: StreamCall, pin: str) -> None:
        raw = call.read(lambda view: view.state.get(("pin", pin)))
        if raw is None:
            return
        record = store.PINS.decode(raw)
        await self._images.unpin(space_of(record.account, record.region), pin)

        def forget(write: WriteCall) -> None:
            write.state.delete(("pin", pin))

        await call.write(forget)


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


def _unused_pins(view: ReadCall) -> set[str]:
    images = [configuration.code.image for configuration in _configurations(view)]
    used = {image.pin for image in images if image is not None}
    return {key[1] for key, _ in view.state.range(("pin",))} - used


def _configurations(view: ReadCall) -> Iterator[Configuration]:
    for _, raw in view.state.range(("function",)):
        yield store.FUNCTIONS.decode(raw).latest
    for _, raw in view.state.range(("version",)):
        yield store.VERSIONS.decode(raw)


def _used(view: ReadCall) -> set[str]:
    """Every package that a function, a version or a layer names."""
    used: set[str] = set()
    for configuration in _configurations(view):
        used.add(configuration.code.blob)
        used.update(layer.blob for layer in configuration.layers)
    for _, raw in view.state.range(("layer",)):
        used.add(store.LAYERS.decode(raw).code.blob)
    return used
