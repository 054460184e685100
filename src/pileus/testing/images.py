"""Small container images for tests, made of bytes and of this machine's own programs."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pileus.compute.images.manifests import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    digest_of,
    own_platform,
)

_LIBRARY = re.compile(r"(/\S+) \(0x")


def tar_of(files: Mapping[str, bytes | str], mode: int = 0o755) -> bytes:
    """A tar archive; text is where a symbolic link points to, a name ending in ``/`` a folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.mode = mode
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def host_files(*programs: str) -> dict[str, bytes | str]:
    """Programs of this machine with the libraries they need, as a root file system.

    Raises:
        FileNotFoundError: a program is not installed.
    """
    files: dict[str, bytes | str] = {"tmp/": b"", "etc/": b"", "proc/": b"", "dev/": b""}
    for program in programs:
        path = shutil.which(program)
        if path is None:
            raise FileNotFoundError(program)
        files[f"bin/{program}"] = Path(path).resolve().read_bytes()
        told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
        for library in _LIBRARY.findall(told.stdout):
            files[library.lstrip("/")] = Path(library).resolve().read_bytes()
    return files


def config_of(layers: Iterable[bytes], **config: Any) -> bytes:
    """A config for uncompressed layers; ``config`` in its own words (``Cmd``, ``Env``)."""
    platform = own_platform()
    document = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
    }
    return orjson.dumps(document)


def oci_layout(folder: Path, layers: Sequence[bytes], name: str = "", **config: Any) -> str:
    """Write an OCI layout; the manifest's digest. Layers are compressed with gzip."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(raw: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(raw).hexdigest()
        (blobs / digest).write_bytes(raw)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(raw)}

    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": put(config_of(layers, **config), OCI_CONFIG),
        "layers": [put(gzip.compress(layer, 1, mtime=0), f"{OCI_LAYER}+gzip") for layer in layers],
    }
    manifest = put(orjson.dumps(document), OCI_MANIFEST)
    if name:
        manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [manifest]}
    (folder / "index.json").write_bytes(orjson.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(manifest["digest"])


def docker_archive(path: Path, layers: Sequence[bytes], name: str, **config: Any) -> None:
    """Write what ``docker save`` does."""
    raw = config_of(layers, **config)
    config_name = f"{hashlib.sha256(raw).hexdigest()}.json"
    files: dict[str, bytes] = {config_name: raw}
    names = []
    for layer in layers:
        names.append(f"{hashlib.sha256(layer).hexdigest()}/layer.tar")
        files[names[-1]] = layer
    saved = [{"Config": config_name, "RepoTags": [name], "Layers": names}]
    files["manifest.json"] = orjson.dumps(saved)
    path.write_bytes(tar_of(files))
