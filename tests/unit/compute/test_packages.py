"""Deployment packages, honest and otherwise."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from pileus.compute import packages
from pileus.compute.errors import PackageError
from pileus.compute.packages import Packages


def _zip(path: Path, entries: dict[str, bytes | tuple[bytes, int]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in entries.items():
            data, mode = content if isinstance(content, tuple) else (content, 0o100644)
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(info, data)
    return path


async def test_files_arrive_with_their_executable_bit(tmp_path: Path) -> None:
    archive = _zip(
        tmp_path / "a.zip",
        {"app.py": b"x", "lib/": b"", "lib/m.py": b"y", "bootstrap": (b"#!", 0o100700)},
    )
    folder = await Packages(tmp_path / "code", "boot").unpack([archive])
    assert (folder / "app.py").read_bytes() == b"x"
    assert (folder / "lib" / "m.py").read_bytes() == b"y"
    assert stat.S_IMODE(os.stat(folder / "bootstrap").st_mode) == 0o755
    assert stat.S_IMODE(os.stat(folder / "app.py").st_mode) == 0o644


async def test_the_same_content_is_unpacked_once(tmp_path: Path) -> None:
    store = Packages(tmp_path / "code", "boot")
    first = _zip(tmp_path / "a.zip", {"app.py": b"x"})
    second = shutil.copyfile(first, tmp_path / "b.zip")
    one, two = await asyncio.gather(store.unpack([first]), store.unpack([second]))
    assert one == two
    (one / "extra").touch()
    assert await store.unpack([first]) == one
    assert (one / "extra").exists()


async def test_after_a_boot_it_is_unpacked_again(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"app.py": b"x"})
    folder = await Packages(tmp_path / "code", "boot 1").unpack([archive])
    (folder / "app.py").write_bytes(b"")
    await Packages(tmp_path / "code", "boot 2").unpack([archive])
    assert (folder / "app.py").read_bytes() == b"x"


async def test_layers_merge_later_over_earlier(tmp_path: Path) -> None:
    low = _zip(tmp_path / "low.zip", {"python/a.py": b"1", "python/b.py": b"1"})
    high = _zip(tmp_path / "high.zip", {"python/b.py": b"2"})
    folder = await Packages(tmp_path / "code", "boot").unpack([low, high])
    assert (folder / "python/a.py").read_bytes() == b"1"
    assert (folder / "python/b.py").read_bytes() == b"2"


async def test_links_inside_are_kept(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"lib/x.so.1": b"so", "lib/x.so": (b"x.so.1", 0o120777)})
    folder = await Packages(tmp_path / "code", "boot").unpack([archive])
    assert (folder / "lib/x.so").is_symlink()
    assert (folder / "lib/x.so").read_bytes() == b"so"


@pytest.mark.parametrize(
    "entries",
    [
        {"../out.py": b"x"},
        {"/etc/out.py": b"x"},
        {"a/../../out.py": b"x"},
        {"..\\out.py": b"x"},
        {"link": (b"../../etc", 0o120777)},
        {"link": (b"/etc", 0o120777)},
        {"link": (b".", 0o120777), "link/x": b"x"},
    ],
    ids=["up", "absolute", "up again", "backslash", "link up", "link absolute", "through a link"],
)
async def test_nothing_is_written_outside(tmp_path: Path, entries) -> None:
    archive = _zip(tmp_path / "a.zip", entries)
    with pytest.raises(PackageError, match="Could not unzip uploaded file"):
        await Packages(tmp_path / "code", "boot").unpack([archive])
    assert not os.listdir(tmp_path / "code")
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "code"]


async def test_size_is_limited_by_what_comes_out(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(packages, "UNZIPPED_BYTES_MAX", 1000)
    archive = _zip(tmp_path / "a.zip", {"a": bytes(600), "b": bytes(600)})
    with pytest.raises(PackageError, match="Unzipped size must be smaller than 262144000 bytes"):
        await Packages(tmp_path / "code", "boot").unpack([archive])


async def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"not a zip")
    with pytest.raises(PackageError, match="Could not unzip"):
        packages.check_archive(archive)


async def test_unused_folders_go(tmp_path: Path) -> None:
    store = Packages(tmp_path / "code", "boot")
    kept = await store.unpack([_zip(tmp_path / "a.zip", {"a": b"1"})])
    gone = await store.unpack([_zip(tmp_path / "b.zip", {"a": b"2"})])
    store.forget_all_but([kept])
    assert kept.exists()
    assert not gone.exists()
