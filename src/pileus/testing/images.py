"""Small container images for tests, made of bytes and of this machine's own programs."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
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

_NOT_NEEDED = frozenset(
    {"site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "lib2to3",
     "ensurepip", "pydoc_data"}
)  # fmt: skip
_DISTRIBUTION = re.compile(r"[A-Za-z0-9._-]+")
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


def python_layer(*distributions: str, leaves_out: Callable[[str], bool] = lambda _: False) -> bytes:
    """This machine's Python at ``/usr/local/bin/python3``, its standard library, and the distributions
    named with what they require: a layer, or a whole root file system.

    Args:
        leaves_out: tells by their names in ``site-packages`` which of their files are not needed.

    Raises:
        PackageNotFoundError: a distribution is not installed.
    """
    version = f"python3.{sys.version_info.minor}"
    library = sysconfig.get_path("stdlib")
    program = Path(sys.executable).resolve()
    installed = _installed(distributions)
    loaded = [program, *Path(library, "lib-dynload").glob("*.so")]
    loaded += [path for path in installed.values() if path.suffix == ".so"]
    told = subprocess.run(["ldd", *loaded], capture_output=True, text=True, check=False).stdout
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(set(_LIBRARY.findall(told))):
            archive.add(Path(path).resolve(), path.lstrip("/"), filter=_of_root)
        archive.add(program, f"usr/local/bin/{version}", filter=_of_root)
        link = tarfile.TarInfo("usr/local/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, version
        archive.addfile(link)
        archive.add(library, f"usr/local/lib/{version}", filter=_of_library)
        for name, path in installed.items():
            if not name.startswith("..") and path.exists() and not leaves_out(name):
                inside = f"usr/local/lib/{version}/site-packages/{name}"
                archive.add(path, inside, filter=_of_root)
    return packed.getvalue()


def _installed(distributions: Iterable[str]) -> dict[str, Path]:
    """Files of distributions and of what they require, by their names in ``site-packages``."""
    found: dict[str, Path] = {}
    waiting, seen = list(distributions), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(name)
        files = distribution.files or ()
        found.update({str(file): Path(str(distribution.locate_file(file))) for file in files})
        needs = [text for text in distribution.requires or () if "extra ==" not in text]
        waiting += [match[0] for text in needs if (match := _DISTRIBUTION.match(text))]
    return found


def _of_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Root's, and readable for everyone; the time stays, since compiled modules go by it."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode |= 0o755 if info.isdir() else 0o644
    return info


def _of_library(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    steps = info.name.split("/")[4:]
    if steps and (steps[0] in _NOT_NEEDED or steps[0].startswith("config-")):
        return None
    return None if info.name.endswith((".opt-1.pyc", ".opt-2.pyc")) else _of_root(info)


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
