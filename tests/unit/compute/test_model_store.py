"""Model archives unpacked: what is kept, what is refused."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pileus.adapters.clock_virtual import VirtualClock
from pileus.compute import model_store
from pileus.compute.errors import PackageError
from pileus.compute.model_store import MODEL_DIR, ModelStore, extract_model
from pileus.ports.blobs import BlobNotFound
from pileus.testing.memory_blobs import MemoryBlobs


def _archive(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as bundle:  # type: ignore[call-overload]
        for member, data in members:
            member.size = len(data)
            bundle.addfile(member, io.BytesIO(data))
    return path


def _file(name: str, data: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member, data


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


@pytest.mark.parametrize("mode", ["w:gz", "w", "w:bz2"])
def test_files_land_where_instances_look(tmp_path: Path, mode: str) -> None:
    files = (_file("./code/inference.py", b"code"), _file("bin/tool", b"run", 0o4755))
    archive = _archive(tmp_path / "m.tar", *files, mode=mode)
    assert extract_model(archive, tmp_path / "out", 100) == 7
    model = tmp_path / "out" / "ml" / "model"
    assert (model / "code" / "inference.py").read_bytes() == b"code"
    assert (model / "bin" / "tool").stat().st_mode & 0o7777 == 0o755


def test_links_within_stay_links(tmp_path: Path) -> None:
    archive = _archive(
        tmp_path / "m.tar.gz",
        _file("a/weights", b"w"),
        _link("b/soft", "../a/weights"),
        _link("hard", "a/weights", tarfile.LNKTYPE),
    )
    extract_model(archive, tmp_path / "out", 100)
    model = tmp_path / "out" / MODEL_DIR
    assert (model / "b" / "soft").read_bytes() == (model / "hard").read_bytes() == b"w"


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([_file("../out")], "'../out' points outside"),
        ([_file("/etc/out")], "'/etc/out' points outside"),
        ([_link("a", "/etc/passwd")], "link 'a' points outside"),
        ([_link("a/b", "../../c")], "link 'a/b' points outside"),
        ([_link("a", "../x", tarfile.LNKTYPE)], "'../x' points outside"),
        ([_link("a", "nothing", tarfile.LNKTYPE)], "'a' points to nothing"),
        ([_link("a", "."), _file("a/b")], "'b' lies behind a symbolic link"),
        ([_link("pipe", "", tarfile.FIFOTYPE)], "'pipe' is neither file, folder nor link"),
        ([_link("null", "", tarfile.CHRTYPE)], "'null' is neither file, folder nor link"),
        ([_file("big", b"x" * 101)], "unpacks to more than"),
    ],
)
def test_tricks_are_refused(tmp_path: Path, members: list, told: str) -> None:
    archive = _archive(tmp_path / "m.tar.gz", *members)
    with pytest.raises(PackageError, match=told):
        extract_model(archive, tmp_path / "out", 100)
    assert not (tmp_path / "out" / "b").exists()


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b torn"])
def test_what_is_no_archive_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(PackageError, match="cannot be unpacked"):
        extract_model(tmp_path / "m", tmp_path / "out", 100)


def test_entries_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_store, "_ENTRIES_MAX", 1)
    archive = _archive(tmp_path / "m.tar.gz", _file("a"), _file("b"))
    with pytest.raises(PackageError, match="more than 1 files"):
        extract_model(archive, tmp_path / "out", 100)


MakeStore = Callable[[str], ModelStore]


@pytest.fixture
async def make_store(tmp_path: Path) -> MakeStore:
    blobs = MemoryBlobs(VirtualClock())
    archive = _archive(tmp_path / "m.tar.gz", _file("weights", b"w"))
    await blobs.put("account/one", archive.read_bytes())
    return lambda boot_id: ModelStore(blobs, tmp_path / "models", boot_id)


async def test_a_folder_is_made_once_in_a_boot(make_store: MakeStore) -> None:
    first = await make_store("boot").folder("account/one")
    weights = first / MODEL_DIR / "weights"
    made_ns = weights.stat().st_mtime_ns
    assert await make_store("boot").folder("account/one") == first
    assert weights.stat().st_mtime_ns == made_ns
    weights.write_text("torn by a power loss")
    await make_store("next boot").folder("account/one")
    assert weights.read_bytes() == b"w"


async def test_what_is_forgotten_is_gone_and_made_again(make_store: MakeStore) -> None:
    store = make_store("boot")
    folder = await store.folder("account/one")
    await store.forget("account/one")
    assert not folder.exists()
    await store.forget("account/one")
    assert (await store.folder("account/one") / MODEL_DIR / "weights").exists()


async def test_an_archive_that_is_gone_is_told(make_store: MakeStore) -> None:
    with pytest.raises(BlobNotFound):
        await make_store("boot").folder("account/none")
