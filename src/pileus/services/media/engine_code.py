"""The code of engines: packages and container images, on their way in and until nobody names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.compute.errors import PackageError
from pileus.compute.function_images import InvalidSource, NoSuchSource, UnsupportedSource
from pileus.compute.images.catalogue import space_of
from pileus.compute.images.references import parse_name
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.services.media import errors, store
from pileus.services.media.engines import Engines, code_prefix
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import Engine, EngineImage, Pin
from pileus.values.body import Body, BytesBody
from pileus.values.errors import ServiceError

_PIN_BYTES = 16


class Code:
    """What an engine is to run: a package in Blobs, or an image that is kept."""

    def __init__(self, sha256: str, size_bytes: int, *, blob: str = "") -> None:
        self.sha256, self.size_bytes, self.blob = sha256, size_bytes, blob
        self.image: EngineImage | None = None

    def give(self, engine: Engine) -> None:
        """Make it the engine's."""
        engine.blob, engine.sha256, engine.size_bytes = self.blob, self.sha256, self.size_bytes
        engine.image = self.image


NONE = Code("", 0)
"""Of an engine that calls a function."""


async def kept(call: StreamCall, given: Mapping[str, Any]) -> Code:
    """Keep what a request names; raises ValidationException."""
    if given.get("ImageUri"):
        if named := sorted(set(given) - {"ImageUri"}):
            raise errors.invalid(f"Code has either ImageUri or {named[0]}.")
        return await _kept_image(call, given["ImageUri"])
    body = await _package(call, given)
    blob = code_prefix(call) + call.random_bytes(16).hex()
    try:
        stored = await call.part(Engines).code.keep(blob, body)
    except PackageError as problem:
        raise errors.invalid(str(problem)) from None
    return Code(stored.sha256, stored.size_bytes, blob=blob)


async def _package(call: StreamCall, given: Mapping[str, Any]) -> Body:
    if given.get("ZipFile") is not None:
        if len(given["ZipFile"]) > LIMITS.code_bytes_max:
            raise errors.invalid("Code.ZipFile is larger than 50 MiB; put it into a bucket.")
        return BytesBody(given["ZipFile"])
    if not (given.get("S3Bucket") and given.get("S3Key")):
        raise errors.invalid("Code has neither ZipFile, nor S3Bucket and S3Key, nor ImageUri.")
    wanted = {"Bucket": given["S3Bucket"], "Key": given["S3Key"]}
    if given.get("S3ObjectVersion"):
        wanted["VersionId"] = given["S3ObjectVersion"]
    try:
        reply = await call.invoke("s3", "GetObject", wanted)
    except ServiceError as problem:
        raise errors.invalid(f"Code cannot be had from S3: {problem}") from None
    return reply.body or BytesBody(b"")


async def _kept_image(call: StreamCall, uri: str) -> Code:
    """Pin the image that a name stands for now: it runs whatever becomes of tag and repository.

    The pin's name is noted first, so that one nobody came to use is found (:func:`sweep_pins`).
    """
    images = call.part(Engines).images
    pin = f"media-{call.random_bytes(_PIN_BYTES).hex()}"
    try:
        space, image = images.find(call.account, call.region, uri)
        account, region, _ = space

        def note(write: WriteCall) -> None:
            record = Pin(account=account, region=region)
            write.state.put(("pin", pin), store.PINS.encode(record))

        await call.write(note)
        await images.pin(space, pin, image)
    except InvalidSource as error:
        raise errors.invalid(
            f"{uri} names no image of this platform: push it to its registry, or `pileus image import` it."
        ) from error
    except NoSuchSource as error:
        raise errors.invalid(f"The registry has no image {uri}.") from error
    except UnsupportedSource as error:
        raise errors.invalid(f"{uri} is no image that runs here.") from error
    code = Code(image.digest.partition(":")[2], 0)
    resolved = str(replace(parse_name(uri), tag="", digest=image.digest))
    code.image = EngineImage(uri=uri, resolved=resolved, account=account, region=region, pin=pin)
    return code


async def let_go(call: StreamCall, blob: str, image: EngineImage | None) -> None:
    """Nobody names this code any more."""
    if blob:
        await call.blobs.delete(blob)
    if image is not None:
        await _unpin(call, image.pin, Pin(account=image.account, region=image.region))


async def sweep_pins(call: StreamCall) -> None:
    """At a start: let images go that no engine names."""

    def unused(view: ReadCall) -> list[tuple[str, Pin]]:
        images = [engine.image for engine in store.every(view.state, "engine")]
        used = {image.pin for image in images if image is not None}
        rows = view.state.range(("pin",))
        return [(key[1], store.PINS.decode(raw)) for key, raw in rows if key[1] not in used]

    for pin, record in call.read(unused):
        await _unpin(call, pin, record)


async def _unpin(call: StreamCall, pin: str, record: Pin) -> None:
    images = call.part(Engines).images
    await images.unpin(space_of(record.account, record.region), pin)

    def forget(write: WriteCall) -> None:
        write.state.delete(("pin", pin))

    await call.write(forget)
