"""What a registry holds, as keys in the space ``(account, region, "ecr")``, whoever looks.

``layer, digest``                       LayerRecord: bytes that are here, configs included
``held, digest, repository``            that repository may name them
``used, digest, repository, image``     that image names them
``image, repository, digest``           ImageRecord
``tag, repository, tag``                the digest it stands for
``tagged, repository, digest, tag``     the same the other way round
``within, repository, image, index``    that index names the image
``upload, id``                          Upload: bytes arriving
``pinned, id``                          Image: kept for whoever has that id, though no repository has it
``pin, digest, id``                     that pinned image names the layer
``doomed, id``                          Doomed: blobs nobody names any more, to be deleted

Functions over a view of that space; the ecr room calls them in its transactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pileus.compute.images.manifests import Descriptor, Manifest
from pileus.compute.images.model import Image
from pileus.kernel.records import RecordCodec
from pileus.ports.state import Space


class LayerRecord(msgspec.Struct, kw_only=True):
    """Bytes known by their digest.

    Attributes:
        blob: prefix of the names of the blobs that hold them, which begins with the account.
        part_bytes: the size of each of those blobs.
    """

    digest: str
    size_bytes: int
    blob: str
    part_bytes: tuple[int, ...]
    added_ms: int


class Upload(msgspec.Struct, kw_only=True):
    """Bytes arriving, in order; blobs as of a :class:`LayerRecord`."""

    id: str
    repository: str
    blob: str
    part_bytes: tuple[int, ...] = ()
    touched_ms: int

    @property
    def size_bytes(self) -> int:
        return sum(self.part_bytes)


class Doomed(msgspec.Struct, kw_only=True):
    """Blobs to be deleted."""

    blob: str
    count: int


class ImageRecord(msgspec.Struct, kw_only=True):
    """A manifest in a repository.

    Attributes:
        manifest: its bytes, where they are few; empty: they lie in Blobs, as a layer does.
        blobs: digests of its config and layers.
        children: an index's manifests.
        image: None for an index and for artifacts.
        size_bytes: of its layers and its config, as ECR tells it.
        pulled_ms: 0 until it is pulled.
    """

    digest: str
    media_type: str
    manifest: bytes
    blobs: tuple[str, ...]
    children: tuple[Descriptor, ...]
    image: Image | None
    size_bytes: int
    artifact_type: str
    pushed_ms: int
    pulled_ms: int = 0


LAYERS = RecordCodec(LayerRecord)
UPLOADS = RecordCodec(Upload)
DOOMED = RecordCodec(Doomed)
IMAGES = RecordCodec(ImageRecord)
PINNED = RecordCodec(Image)
ROOM = "ecr"


def space_of(account: str, region: str) -> Space:
    """Where a registry's contents lie."""
    return (account, region, ROOM)


# -- layers -----------------------------------------------------------------------------------


def find_layer(state: Any, digest: str) -> LayerRecord | None:
    """Bytes by their digest, whichever repository pushed them."""
    raw = state.get(("layer", digest))
    return None if raw is None else LAYERS.decode(raw)


def layer_in(state: Any, repository: str, digest: str) -> LayerRecord | None:
    """Bytes that a repository may name."""
    if state.get(("held", digest, repository)) is None:
        return None
    return find_layer(state, digest)


def add_layer(state: Any, repository: str, layer: LayerRecord) -> None:
    """Keep a layer for a repository; the blobs are doomed when the same bytes are here already."""
    if find_layer(state, layer.digest) is None:
        state.put(("layer", layer.digest), LAYERS.encode(layer))
    else:
        doom(state, layer.blob, len(layer.part_bytes))
    state.put(("held", layer.digest, repository), b"")


def hold_layer(state: Any, repository: str, digest: str) -> None:
    """Let another repository name a layer that is here (a mount)."""
    state.put(("held", digest, repository), b"")


def release_layer(state: Any, repository: str, digest: str) -> None:
    """Let go of a layer that no image of the repository names; doom it when nobody holds it."""
    if state.count(("used", digest, repository)):
        return
    state.delete(("held", digest, repository))
    _doom_unless_needed(state, digest)


def _doom_unless_needed(state: Any, digest: str) -> None:
    """Doom a layer that no repository holds and no pin keeps."""
    if state.count(("held", digest)) or state.count(("pin", digest)):
        return
    layer = find_layer(state, digest)
    if layer is not None:
        state.delete(("layer", digest))
        doom(state, layer.blob, len(layer.part_bytes))


def doom(state: Any, blob: str, count: int) -> None:
    """Have blobs deleted after the commit; one more, which an unfinished part may have left."""
    state.put(("doomed", blob), DOOMED.encode(Doomed(blob=blob, count=count + 1)))


def part_name(blob: str, index: int) -> str:
    """The name of one of a layer's blobs."""
    return f"{blob}/{index:06d}"


def unused_layers(state: Any, before_ms: int) -> list[tuple[str, str]]:
    """``(digest, repository)`` of what was added before then and no image names."""
    found = []
    for key, _ in state.range(("held",)):
        _, digest, repository = key
        layer = find_layer(state, digest)
        if layer is None or layer.added_ms > before_ms:
            continue
        if not state.count(("used", digest, repository)):
            found.append((digest, repository))
    return found


# -- pins -------------------------------------------------------------------------------------


def pin_image(state: Any, pin: str, image: Image) -> bool:
    """Keep an image's layers until :func:`unpin_image`; False when one is gone already."""
    if any(find_layer(state, layer.digest) is None for layer in image.layers):
        return False
    state.put(("pinned", pin), PINNED.encode(image))
    for layer in image.layers:
        state.put(("pin", layer.digest, pin), b"")
    return True


def pinned_image(state: Any, pin: str) -> Image | None:
    """The image that a pin keeps."""
    raw = state.get(("pinned", pin))
    return None if raw is None else PINNED.decode(raw)


def unpin_image(state: Any, pin: str) -> None:
    """Forget a pin; layers that nobody needs any more are doomed. Again does nothing."""
    image = pinned_image(state, pin)
    if image is None:
        return
    state.delete(("pinned", pin))
    for layer in image.layers:
        state.delete(("pin", layer.digest, pin))
    for layer in image.layers:
        _doom_unless_needed(state, layer.digest)


# -- images -----------------------------------------------------------------------------------


def find_image(state: Any, repository: str, digest: str) -> ImageRecord | None:
    """An image by its digest."""
    raw = state.get(("image", repository, digest))
    return None if raw is None else IMAGES.decode(raw)


def tag_digest(state: Any, repository: str, tag: str) -> str:
    """What a tag stands for; empty when there is none."""
    raw = state.get(("tag", repository, tag))
    return "" if raw is None else raw.decode()


def image_at(state: Any, repository: str, reference: str) -> ImageRecord | None:
    """An image by tag or digest."""
    digest = reference if ":" in reference else tag_digest(state, repository, reference)
    return find_image(state, repository, digest) if digest else None


def tags_of(state: Any, repository: str, digest: str) -> list[str]:
    """The tags of an image, in order."""
    return [key[3] for key, _ in state.range(("tagged", repository, digest))]


def images_of(state: Any, repository: str) -> list[ImageRecord]:
    """Every image of a repository, by digest."""
    return [IMAGES.decode(raw) for _, raw in state.range(("image", repository))]


def missing_blobs(state: Any, repository: str, manifest: Manifest) -> list[str]:
    """Digests that a manifest names and the repository does not hold."""
    return [b.digest for b in manifest.blobs if layer_in(state, repository, b.digest) is None]


def missing_children(state: Any, repository: str, manifest: Manifest) -> list[str]:
    """Manifests that an index names and the repository does not have."""
    digests = [child.digest for child in manifest.children]
    return [d for d in digests if state.get(("image", repository, d)) is None]


def put_image(state: Any, repository: str, record: ImageRecord) -> None:
    """Keep an image; nothing changes when it is there."""
    if state.get(("image", repository, record.digest)) is not None:
        return
    state.put(("image", repository, record.digest), IMAGES.encode(record))
    for digest in _named(record):
        state.put(("used", digest, repository, record.digest), b"")
    for child in record.children:
        state.put(("within", repository, child.digest, record.digest), b"")


def put_tag(state: Any, repository: str, tag: str, digest: str) -> None:
    """Let a tag stand for an image, whatever it stood for."""
    remove_tag(state, repository, tag)
    state.put(("tag", repository, tag), digest.encode())
    state.put(("tagged", repository, digest, tag), b"")


def remove_tag(state: Any, repository: str, tag: str) -> str:
    """Forget a tag; the digest it stood for, or empty."""
    digest = tag_digest(state, repository, tag)
    if digest:
        state.delete(("tag", repository, tag))
        state.delete(("tagged", repository, digest, tag))
    return digest


def indexes_with(state: Any, repository: str, digest: str) -> list[str]:
    """Digests of the indexes that name an image."""
    return [key[3] for key, _ in state.range(("within", repository, digest))]


def remove_image(state: Any, repository: str, digest: str) -> list[str]:
    """Forget an image and its tags; the tags. Layers that nobody names any more are doomed."""
    record = find_image(state, repository, digest)
    if record is None:
        return []
    tags = tags_of(state, repository, digest)
    for tag in tags:
        remove_tag(state, repository, tag)
    state.delete(("image", repository, digest))
    for child in record.children:
        state.delete(("within", repository, child.digest, digest))
    for name in _named(record):
        state.delete(("used", name, repository, digest))
    for name in _named(record):
        release_layer(state, repository, name)
    return tags


def remove_repository(state: Any, repository: str) -> None:
    """Forget every image of a repository, the layers it held and what was being uploaded."""
    for record in images_of(state, repository):
        remove_image(state, repository, record.digest)
    held = [key[1] for key, _ in state.range(("held",)) if key[2] == repository]
    for digest in held:
        release_layer(state, repository, digest)
    for upload in uploads(state):
        if upload.repository == repository:
            remove_upload(state, upload)


def _named(record: ImageRecord) -> Sequence[str]:
    """Digests that keep their bytes while the image is there, each once."""
    own = () if record.manifest else (record.digest,)
    return list(dict.fromkeys((*record.blobs, *own)))


# -- uploads ----------------------------------------------------------------------------------


def find_upload(state: Any, upload_id: str) -> Upload | None:
    """An upload under way."""
    raw = state.get(("upload", upload_id))
    return None if raw is None else UPLOADS.decode(raw)


def put_upload(state: Any, upload: Upload) -> None:
    state.put(("upload", upload.id), UPLOADS.encode(upload))


def remove_upload(state: Any, upload: Upload) -> None:
    """Give up an upload; its blobs are doomed."""
    state.delete(("upload", upload.id))
    doom(state, upload.blob, len(upload.part_bytes))


def uploads(state: Any) -> Iterable[Upload]:
    """Every upload under way."""
    return [UPLOADS.decode(raw) for _, raw in state.range(("upload",))]
