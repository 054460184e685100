"""Images in the registry of a memory platform, put there as registry clients do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pileus.compute.images.manifests import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, digest_of
from pileus.testing.compute import Caller
from pileus.testing.images import config_of
from pileus.values.errors import ServiceError


async def push_image(platform: Caller, name: str, layers: Sequence[bytes], **config: Any) -> str:
    """Push an image of uncompressed layers as ``repository:tag``; its digest.

    The repository is made when it is not there; ``config`` is in the image's own words (``Cmd``).
    """
    repository, _, tag = name.partition(":")
    try:
        await platform("ecr", "CreateRepository", repositoryName=repository)
    except ServiceError as error:
        if error.code != "RepositoryAlreadyExistsException":
            raise
    raw = config_of(layers, **config)
    for blob in (*layers, raw):
        await _push_blob(platform, repository, blob)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(raw), "size": len(raw)},
        "layers": [
            {"mediaType": OCI_LAYER, "digest": digest_of(layer), "size": len(layer)}
            for layer in layers
        ],
    }
    manifest = orjson.dumps(document)
    given = {"repositoryName": repository, "imageManifest": manifest.decode(), "imageTag": tag}
    try:
        await platform("ecr", "PutImage", **given)
    except ServiceError as error:
        if error.code != "ImageAlreadyExistsException":
            raise
    return digest_of(manifest)


async def _push_blob(platform: Caller, repository: str, raw: bytes) -> None:
    about: dict[str, Any] = {"repositoryName": repository}
    about["uploadId"] = (await platform("ecr", "InitiateLayerUpload", **about))["uploadId"]
    given = {"partFirstByte": 0, "partLastByte": len(raw) - 1, "layerPartBlob": raw}
    await platform("ecr", "UploadLayerPart", **about, **given)
    try:
        await platform("ecr", "CompleteLayerUpload", **about, layerDigests=[digest_of(raw)])
    except ServiceError as error:
        if error.code != "LayerAlreadyExistsException":
            raise
