"""Images in the accounts' registries: what a name stands for, and bytes in and out.

The bytes lie in Blobs under names of their own; State says which digest they are of. So a layer
that is pushed while the same one is being deleted never loses its bytes, and a crash at any moment
leaves at most blobs that ``doomed`` names or an upload that expires.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from pileus.compute.images import catalogue
from pileus.compute.images.catalogue import ImageRecord, LayerRecord, Upload, part_name
from pileus.compute.images.errors import (
    DigestMismatch,
    ImageNotFound,
    ImageRefused,
    UploadNotFound,
    UploadOutOfOrder,
)
from pileus.compute.images.manifests import (
    CONFIG_BYTES_MAX,
    Manifest,
    choose,
    is_image,
    own_platform,
    parse_manifest,
    read_image,
)
from pileus.compute.images.model import Image, Layer, Platform, host_image
from pileus.compute.images.references import HOST_IMAGE, ImageName, parse_name
from pileus.ports.blobs import BlobNotFound, Blobs
from pileus.ports.chance import Chance
from pileus.ports.clock import Clock
from pileus.ports.state import Space, State

INLINE_BYTES_MAX = 12 * 1024
"""Manifests up to here lie in State, beside what was read out of them."""
PARTS_MAX = 10_000
LAYER_BYTES_MAX = 52_000_000_000
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html: 52,000 MB a layer."""
UPLOAD_KEPT_MS = 24 * 3600 * 1000
"""An upload that nobody adds to, and a layer that no image names, are dropped after so long."""
_HASHED_BYTES = 1 << 20
_HASHES_MAX = 1024
_OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]", "host.docker.internal")


class PreparedImage(msgspec.Struct, frozen=True):
    """A manifest that was read, with everything it names found."""

    raw: bytes
    manifest: Manifest
    record: ImageRecord
    manifest_layer: LayerRecord | None
    """Where the manifest's own bytes lie, when they are too many for State."""


class ImageStore:
    """Registries of all accounts. Called from the event loop only.

    Args:
        aliases: names of other registries' images → the names of ours that stand for them.
    """

    def __init__(
        self,
        state: State,
        blobs: Blobs,
        clock: Clock,
        chance: Chance,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state
        self._blobs = blobs
        self._clock = clock
        self._chance = chance
        self._aliases = dict(aliases or {})
        self._hashes: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        """Upload → how many of its bytes the hash has seen. What is missing is read again."""
        self._busy: set[str] = set()

    # -- names ------------------------------------------------------------------------------

    def resolve(
        self, account: str, region: str, name: str, platform: Platform | None = None
    ) -> Image:
        """The image that a name stands for now, for this machine unless a platform is given.

        Args:
            account, region: whose registry a name without an ECR host is looked for in.
            name: ``repository[:tag][@digest]``, behind an ECR host
                (``<account>.dkr.ecr.<region>.…/``) or this platform's address or no host;
                ``pileus:host``; or a name that an alias leads from.

        Raises:
            ImageNotFound: there is none; the text says what to do.
            ImageRefused: no such name can be; the image is for other machines; it is no image
                that runs.
        """
        wanted = platform or own_platform()
        if name == HOST_IMAGE:
            return host_image(wanted)
        parsed = parse_name(aliased(self._aliases, name))
        if str(parsed) == HOST_IMAGE:
            return host_image(wanted)
        account, region = self._owner(parsed, account, region)
        space = catalogue.space_of(account, region)
        record = self._record(space, parsed, wanted)
        if record.image is None:
            raise ImageRefused(f"{name} is an artifact ({record.artifact_type}), not an image")
        if (record.image.platform.os, record.image.platform.architecture) != (
            wanted.os,
            wanted.architecture,
        ):
            has = record.image.platform
            raise ImageRefused(
                f"{name} is for {has.os}/{has.architecture}, not {wanted.os}/{wanted.architecture}"
            )
        return replace(record.image, name=name, account=account, region=region)

    def look_up(self, account: str, region: str, name: str) -> tuple[Space, ImageRecord | None]:
        """What one of our registries has under a name, an index as such, and that registry's space.

        Raises:
            ImageRefused: no such name can be, or it leads to no registry of ours; a name without a
                registry leads to none, unless an alias stands for it.
        """
        target = aliased(self._aliases, name)
        parsed = parse_name(target)
        if not is_own_host(parsed) and target == name:
            raise ImageRefused(f"{name} lies in no registry of this platform")
        space = catalogue.space_of(*self._owner(parsed, account, region))
        found = self._state.read(
            space, lambda state: catalogue.image_at(state, parsed.repository, parsed.reference)
        )
        return space, found

    def _record(self, space: Space, name: ImageName, wanted: Platform) -> ImageRecord:
        def look(state: Any) -> ImageRecord | None:
            return catalogue.image_at(state, name.repository, name.reference)

        record = self._state.read(space, look)
        if record is None:
            raise ImageNotFound(
                f"the registry of account {space[0]} in {space[1]} has no image "
                f"{name.repository}:{name.reference}; push it there, or `pileus image import` it"
            )
        if not record.children:
            return record
        child = choose(record.children, wanted)
        return self._record(space, replace(name, tag="", digest=child.digest), wanted)

    def _owner(self, name: ImageName, account: str, region: str) -> tuple[str, str]:
        owner = name.owner
        if owner[0]:
            return owner
        if name.registry and not is_own_host(name):
            raise ImageNotFound(
                f"{name} lies in another registry, and Pileus pulls from none: push it here, or "
                "name one of yours for it in the setting image_aliases"
            )
        return account, region

    # -- layers out -------------------------------------------------------------------------

    def layer(self, space: Space, repository: str, digest: str) -> LayerRecord | None:
        """Bytes that a repository holds; manifests are not among them."""
        return self._state.read(space, lambda state: catalogue.layer_in(state, repository, digest))

    async def bytes_of(
        self, layer: LayerRecord, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """A layer's bytes ``start`` to ``stop`` (exclusive), in chunks of at most 1 MiB.

        Raises:
            ImageNotFound: it was deleted meanwhile.
        """
        stop = layer.size_bytes if stop is None else min(stop, layer.size_bytes)
        begin = 0
        try:
            for index, size in enumerate(layer.part_bytes):
                low, high = max(start - begin, 0), min(stop - begin, size)
                if low < high:
                    name = part_name(layer.blob, index)
                    async for chunk in self._blobs.get(name, low, high):
                        yield chunk
                begin += size
        except BlobNotFound as error:
            raise ImageNotFound(f"the layer {layer.digest} was deleted") from error

    async def layer_bytes(self, image: Image, layer: Layer) -> AsyncIterator[bytes]:
        """A layer of an image as it is kept. Raises ImageNotFound when it is gone."""
        space = catalogue.space_of(image.account, image.region)
        record = self._state.read(space, lambda state: catalogue.find_layer(state, layer.digest))
        if record is None:
            raise ImageNotFound(f"the layer {layer.digest} of {image.name} was deleted")
        async for chunk in self.bytes_of(record):
            yield chunk

    # -- layers in --------------------------------------------------------------------------

    def new_upload(self, space: Space, repository: str) -> Upload:
        """An upload to be put into the catalogue."""
        number = self._chance.random_bytes(16).hex()
        upload_id = f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"
        account, region, _ = space
        blob = f"{account}/images/{region}/{upload_id}"
        return Upload(
            id=upload_id, repository=repository, blob=blob, touched_ms=self._clock.now_ms()
        )

    def upload(self, space: Space, repository: str, upload_id: str) -> Upload:
        """An upload under way. Raises UploadNotFound."""
        found = self._state.read(space, lambda state: catalogue.find_upload(state, upload_id))
        if found is None or found.repository != repository:
            raise UploadNotFound(f"there is no upload {upload_id} to {repository}")
        return found

    async def append(
        self,
        space: Space,
        upload: Upload,
        body: AsyncIterable[bytes],
        first_byte: int | None = None,
    ) -> Upload:
        """Add bytes to the end of an upload, durably, all of them or none; the upload then.

        Args:
            first_byte: where the client believes they belong; None: at the end.

        Raises:
            UploadOutOfOrder: that is not the end, or another request is adding to it.
            UploadNotFound: it was finished or given up meanwhile.
            ImageRefused: it grows beyond what a layer may have.
        """
        if upload.id in self._busy:
            raise UploadOutOfOrder(upload.size_bytes)
        # As it is now: another request may have added to it since the caller looked.
        upload = self.upload(space, upload.repository, upload.id)
        if first_byte not in (None, upload.size_bytes):
            raise UploadOutOfOrder(upload.size_bytes)
        if len(upload.part_bytes) >= PARTS_MAX:
            raise ImageRefused(f"an upload takes at most {PARTS_MAX} parts")
        self._busy.add(upload.id)
        try:
            return await self._append(space, upload, body)
        finally:
            self._busy.discard(upload.id)

    async def _append(self, space: Space, upload: Upload, body: AsyncIterable[bytes]) -> Upload:
        name = part_name(upload.blob, len(upload.part_bytes))
        seen, digest = self._hashes.pop(upload.id, (0, hashlib.sha256()))
        hashing = _Hashing(body, digest, LAYER_BYTES_MAX - upload.size_bytes)
        info = await self._blobs.put(name, hashing)
        if not info.size_bytes:
            await self._blobs.delete(name)
            grown = upload
        else:
            try:
                grown = await self._state.transact(
                    space, lambda state: self._grow(state, upload, info.size_bytes)
                )
            except UploadNotFound:
                # Only this part: those before it may belong to a finished layer by now.
                await self._blobs.delete(name)
                raise
        if seen == upload.size_bytes:
            self._remember(upload.id, grown.size_bytes, digest)
        return grown

    def _grow(self, state: Any, upload: Upload, size: int) -> Upload:
        if catalogue.find_upload(state, upload.id) is None:
            raise UploadNotFound(f"there is no upload {upload.id}")
        grown = replace(
            upload, part_bytes=(*upload.part_bytes, size), touched_ms=self._clock.now_ms()
        )
        catalogue.put_upload(state, grown)
        return grown

    async def abandon(self, space: Space, upload: Upload) -> None:
        """Give an upload up; nothing happens when it is finished."""

        def drop(state: Any) -> None:
            if (found := catalogue.find_upload(state, upload.id)) is not None:
                catalogue.remove_upload(state, found)

        await self._state.transact(space, drop)
        await self.collect(space)

    async def mount(self, space: Space, source: str, target: str, digest: str) -> bool:
        """Let a repository name a layer that another one holds; False when that does not."""

        def hold(state: Any) -> bool:
            if catalogue.layer_in(state, source, digest) is None:
                return False
            catalogue.hold_layer(state, target, digest)
            return True

        return await self._state.transact(space, hold)

    async def verified(self, upload: Upload, digest: str) -> LayerRecord:
        """The layer that an upload holds, to be put into the catalogue.

        Raises:
            DigestMismatch: its bytes are others than ``digest``.
        """
        seen, known = self._hashes.get(upload.id, (0, None))
        layer = LayerRecord(
            digest=digest,
            size_bytes=upload.size_bytes,
            blob=upload.blob,
            part_bytes=upload.part_bytes,
            added_ms=self._clock.now_ms(),
        )
        if known is None or seen != upload.size_bytes:
            # The platform was started again since its first bytes came.
            known = hashlib.sha256()
            async for _ in _Hashing(self.bytes_of(layer), known, LAYER_BYTES_MAX):
                pass
            self._remember(upload.id, upload.size_bytes, known)
        if f"sha256:{known.hexdigest()}" != digest:
            raise DigestMismatch(f"the bytes are sha256:{known.hexdigest()}, not {digest}")
        return layer

    def _remember(self, upload_id: str, size: int, digest: Any) -> None:
        self._hashes[upload_id] = (size, digest)
        while len(self._hashes) > _HASHES_MAX:
            self._hashes.popitem(last=False)

    # -- manifests --------------------------------------------------------------------------

    async def prepare(
        self, space: Space, repository: str, raw: bytes, media_type: str = ""
    ) -> PreparedImage:
        """Read a manifest and the config it names, before the transaction that keeps it.

        Where the repository lacks the config the record has no image; the caller then finds it
        among :func:`catalogue.missing_blobs`.

        Raises:
            ImageRefused: it is no manifest, or the config does not fit it.
        """
        manifest = parse_manifest(raw, media_type)
        image = None
        if is_image(manifest) and manifest.config is not None:
            config = self.layer(space, repository, manifest.config.digest)
            if config is not None:
                image = read_image(repository, manifest, await self._config(config))
        record = ImageRecord(
            digest=manifest.digest,
            media_type=manifest.media_type,
            manifest=raw if len(raw) <= INLINE_BYTES_MAX else b"",
            blobs=tuple(blob.digest for blob in manifest.blobs),
            children=manifest.children,
            image=image,
            size_bytes=sum(blob.size_bytes for blob in manifest.blobs),
            artifact_type=manifest.artifact_type,
            pushed_ms=self._clock.now_ms(),
        )
        kept = None if record.manifest else await self._keep(space, repository, record, raw)
        return PreparedImage(raw, manifest, record, kept)

    async def _config(self, config: LayerRecord) -> bytes:
        if config.size_bytes > CONFIG_BYTES_MAX:
            raise ImageRefused(f"the image's config is longer than {CONFIG_BYTES_MAX} bytes")
        return b"".join([chunk async for chunk in self.bytes_of(config)])

    async def _keep(
        self, space: Space, repository: str, record: ImageRecord, raw: bytes
    ) -> LayerRecord:
        upload = self.new_upload(space, repository)
        await self._blobs.put(part_name(upload.blob, 0), raw)
        return LayerRecord(
            digest=record.digest,
            size_bytes=len(raw),
            blob=upload.blob,
            part_bytes=(len(raw),),
            added_ms=record.pushed_ms,
        )

    async def discard(self, prepared: PreparedImage) -> None:
        """Drop what :meth:`prepare` wrote; the image was refused."""
        if prepared.manifest_layer is not None:
            await self._blobs.delete(part_name(prepared.manifest_layer.blob, 0))

    async def manifest(self, space: Space, record: ImageRecord) -> bytes:
        """The bytes of an image's manifest. Raises ImageNotFound when it is deleted meanwhile."""
        if record.manifest:
            return record.manifest
        kept = self._state.read(space, lambda state: catalogue.find_layer(state, record.digest))
        if kept is None:
            raise ImageNotFound(f"the manifest {record.digest} was deleted")
        return b"".join([chunk async for chunk in self.bytes_of(kept)])

    # -- what is no longer named -------------------------------------------------------------

    async def collect(self, space: Space) -> int:
        """Delete the blobs that nobody names any more; how many layers and uploads that were."""
        doomed = self._state.read(
            space, lambda state: [catalogue.DOOMED.decode(v) for _, v in state.range(("doomed",))]
        )
        for entry in doomed:
            for index in range(entry.count):
                await self._blobs.delete(part_name(entry.blob, index))

        def forget(state: Any) -> None:
            for entry in doomed:
                state.delete(("doomed", entry.blob))

        if doomed:
            await self._state.transact(space, forget)
        return len(doomed)

    async def expire(self, space: Space, before_ms: int) -> int:
        """Give up uploads untouched since then, drop layers that no image names, and collect."""

        def drop(state: Any) -> None:
            for upload in catalogue.uploads(state):
                if upload.touched_ms <= before_ms and upload.id not in self._busy:
                    catalogue.remove_upload(state, upload)
            for digest, repository in catalogue.unused_layers(state, before_ms):
                catalogue.release_layer(state, repository, digest)

        await self._state.transact(space, drop)
        return await self.collect(space)


def is_own_host(name: ImageName) -> bool:
    """Whether a name's registry is this platform: an ECR host, or this machine."""
    host = name.registry.rpartition(":")[0] or name.registry
    return bool(name.owner[0]) or host in _OWN_HOSTS


def aliased(aliases: Mapping[str, str], name: str) -> str:
    """The name that stands for another, tag or none; the name itself where none does."""
    if name in aliases:
        return aliases[name]
    parsed = parse_name(name)
    bare = str(replace(parsed, tag="", digest=""))
    return aliases.get(bare, name)


class _Hashing:
    """Passes a body on in large pieces and hashes them beside the event loop."""

    def __init__(self, body: AsyncIterable[bytes], digest: Any, bytes_max: int) -> None:
        self._body = body
        self._digest = digest
        self._left_bytes = bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        held = 0
        async for piece in self._body:
            pieces.append(piece)
            held += len(piece)
            if held >= _HASHED_BYTES:
                yield await self._hashed(b"".join(pieces))
                pieces, held = [], 0
        if held:
            yield await self._hashed(b"".join(pieces))

    async def _hashed(self, piece: bytes) -> bytes:
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise ImageRefused(f"a layer has at most {LAYER_BYTES_MAX} bytes")
        if len(piece) >= _HASHED_BYTES // 4:
            await asyncio.get_running_loop().run_in_executor(None, self._digest.update, piece)
        else:
            self._digest.update(piece)
        return piece
