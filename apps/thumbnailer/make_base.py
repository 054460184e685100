"""Make the image that stands for ``jrottenberg/ffmpeg``, out of packages that the machine's clients fetch.

A minimal Debian with ``apt-get`` (from Debian's archive, checked by apt against its signatures), the
ffmpeg binary inside PyPI's ``imageio-ffmpeg`` (pinned by SHA-256), and beside them, because ``RUN`` has no
network, the packages that the app's own Dockerfile installs. Nothing of it is kept in the repository.

``python apps/thumbnailer/make_base.py`` builds ``ffmpeg:local`` into the platform's registry. It needs
``apt-get`` and ``dpkg-deb``, and root, because the packages' files belong to many users.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASE = HERE / "base"
WORK = HERE.parents[1] / ".cache" / "thumbnailer"
ESSENTIAL = ("?essential", "apt", "usr-is-merged")
"""What a Debian needs to install more; ``?essential`` is apt's pattern for it."""
INSTALLED_LATER = ("python3-dev", "python3-pip")
"""What the app's Dockerfile asks ``apt-get`` for."""
OWN_IMAGE = (
    "Bring an image with ffmpeg, Python and the AWS CLI of your own: docker save IMAGE -o ffmpeg.tar; "
    "pileus image import ffmpeg.tar --name ffmpeg:local"
)
_TOOLS = ("apt-get", "dpkg-deb")
_MERGED = re.compile(r"^(bin|sbin|lib|lib32|lib64|libx32)(/|$)")
_MEMBER = re.compile(r"imageio_ffmpeg/binaries/ffmpeg-linux-[^/]+")
_TIMEOUT_S = 900
_DONE = "filled"


class BaseError(Exception):
    """The image cannot be made; the text says why and what else to do."""


def run(command: Sequence[str], folder: Path) -> str:
    """What a tool printed. Raises BaseError when it fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True,
        timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise BaseError(f"{' '.join(command[:2])} … failed: " + "\n".join(told))
    return done.stdout


class Debian:
    """Debian's packages by ``apt-get`` with lists and a cache of its own: no root, no trace.

    To that apt nothing is installed, so what it fetches is complete in itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._archives = self._folder / "cache" / "archives"
        (self._folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self._archives / "partial").mkdir(parents=True, exist_ok=True)
        self._nothing = self._folder / "nothing"
        (self._nothing / "partial").mkdir(parents=True, exist_ok=True)
        (self._folder / "status").write_text("")
        settings = {
            "Dir::State::Lists": self._folder / "lists",
            "Dir::State::status": self._folder / "status",
            "Dir::Cache": self._folder / "cache",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Debug::NoLocking": "true",
        }
        self._options = [
            word for name, value in settings.items() for word in ("-o", f"{name}={value}")
        ]

    def update(self) -> None:
        """Fetch the package lists."""
        run(["apt-get", *self._options, "-qq", "update"], self._folder)

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """The packages of those names with all they depend on, checked by apt."""
        asked = ["apt-get", *self._options, "-qq", "--yes", "install", *names]
        # It lists what it has not got, so it is shown a cache that has nothing.
        listed = run(
            [*asked, "-o", f"Dir::Cache::archives={self._nothing}", "--print-uris"], self._folder
        )
        files = [line.split()[1] for line in listed.splitlines() if line.startswith("'")]
        run([*asked, "--download-only"], self._folder)
        # apt checks what it fetches, and what it finds in its cache, against the signed lists.
        return sorted(self._archives / name for name in files)


def write_root(packages: Iterable[Path], target: Path) -> None:
    """The packages' files in one tar archive, with ``/bin`` and its kin in ``/usr``."""
    seen: set[str] = set()
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as root:
        for name in ("bin", "sbin", "lib", "lib64"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            root.addfile(link)
        for package in packages:
            _add_files(package, root, seen)


def _add_files(package: Path, root: tarfile.TarFile, seen: set[str]) -> None:
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    try:
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
            tarfile.open(fileobj=unpacking.stdout, mode="r|") as files,
        ):
            for member in files:
                member.name = _merged(member.name)
                if member.islnk():
                    member.linkname = _merged(member.linkname)
                if member.name in seen or member.name in ("", "."):
                    continue
                seen.add(member.name)
                root.addfile(member, files.extractfile(member) if member.isreg() else None)
    except tarfile.TarError as error:
        raise BaseError(f"{package.name} cannot be read: {error}") from error


def _merged(name: str) -> str:
    plain = name.removeprefix("./").rstrip("/")
    return f"usr/{plain}" if _MERGED.match(plain) else plain


def write_index(mirror: Path) -> None:
    """``Packages``, by which apt-get finds what lies in the folder."""
    parts = []
    for package in sorted(mirror.glob("*.deb")):
        control = run(["dpkg-deb", "--field", str(package)], mirror).strip()
        content = package.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        parts.append(
            f"{control}\nFilename: ./{package.name}\nSize: {len(content)}\nSHA256: {digest}\n"
        )
    (mirror / "Packages").write_text("\n".join(parts))


def fetch_wheels(python: str, folder: Path) -> list[Path]:
    """The wheels of ``base/requirements.txt`` for a Python version, checked by their digests."""
    shutil.rmtree(folder, ignore_errors=True)  # it shall hold what is asked for now, and no more
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    chosen = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    run([*command, *chosen, "-d", str(folder), "-r", str(BASE / "requirements.txt")], folder)
    return sorted(folder.glob("*.whl"))


def take_ffmpeg(wheel: Path, target: Path) -> None:
    """The binary inside the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if _MEMBER.fullmatch(one)]
        with archive.open(name) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)


def filled(work: Path) -> Path:
    """The folder that ``base/Dockerfile`` is built from; what was fetched before is not fetched again.

    Raises:
        BaseError: a tool is missing, or a package cannot be had.
    """
    wanted = _digest([Path(__file__), *sorted(path for path in BASE.rglob("*") if path.is_file())])
    folder, done = work / "build", work / _DONE
    if done.is_file() and done.read_text() == wanted:
        return folder
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise BaseError(f"{' and '.join(missing)}: not to be found on this machine. {OWN_IMAGE}")
    done.unlink(missing_ok=True)
    _fill(folder, work)
    done.write_text(wanted)
    return folder


def _fill(folder: Path, work: Path) -> None:
    debian = Debian(work / "apt")
    _say("Debian packages …")
    debian.update()
    essential = debian.fetch(ESSENTIAL)
    later = sorted(set(debian.fetch([*ESSENTIAL, *INSTALLED_LATER])) - set(essential))
    _say("Python packages …")
    [python] = [path.name.split("_")[1] for path in later if path.name.startswith("python3_")]
    wheels = fetch_wheels(".".join(python.split(".")[:2]), work / "wheels")
    _say("Putting them together …")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BASE, folder)
    _place(essential, folder / "debian")
    [ffmpeg] = [wheel for wheel in wheels if wheel.name.startswith("imageio_ffmpeg")]
    _place([*later, *(wheel for wheel in wheels if wheel != ffmpeg)], folder / "mirror")
    write_index(folder / "mirror")
    write_root(essential, folder / "rootfs.tar")
    take_ffmpeg(ffmpeg, folder / "ffmpeg")


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def _digest(files: Iterable[Path]) -> str:
    content = hashlib.sha256()
    for file in files:
        content.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return content.hexdigest()


def _place(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir()
    for file in files:
        os.link(file, folder / file.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the folder, then have ``pileus image build`` make the image."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--name", default="ffmpeg:local", help="default: %(default)s")
    parser.add_argument("--work", type=Path, default=WORK, help="what was fetched stays there")
    parser.add_argument("--stage", help="whose registry; default: as for pileus image build")
    parser.add_argument("--refresh", action="store_true", help="fetch today's packages")
    options = parser.parse_args(arguments)
    try:
        if options.refresh:
            (options.work / _DONE).unlink(missing_ok=True)
        folder = filled(options.work)
    except BaseError as error:
        print(error, file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "pileus.cli.main", "image", "build", str(folder)]
    stage = ["--stage", options.stage] if options.stage else []
    return subprocess.run([*command, "-t", options.name, *stage], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
