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
        {"a/b/c/l": (b"../../..", 0o120777), "m": (b"a/b/c/l/../../../etc", 0o120777)},
        {"m": (b"a/b/l/../../x", 0o120777), "a/b/l": (b"../..", 0o120777)},
        {"extensions": (b"a/b/l/../..", 0o120777), "a/b/l": (b"../..", 0o120777)},
    ],
    ids=["up", "absolute", "up again", "backslash", "link up", "link absolute", "through a link",
         "over a link", "over a later link", "a folder over a link"],
)  # fmt: skip
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


@pytest.mark.parametrize(
    "entries",
    [
        {"d/" * 2000 + "x": b"x"},
        {"n" * 300: b"x"},
        {".": b"x"},
        {"a": b"x", "a/b": b"x"},
        {"a/b": b"x", "a": b"x"},
        {"a": b"x", "a/": b""},
        {"link": (b"a\0b", 0o120777)},
        {"link": (b"", 0o120777)},
        {"link": (b"x" * 5000, 0o120777)},
    ],
    ids=["deep", "long", "itself", "file above", "folder below", "file and folder", "zero byte",
         "nowhere", "far away"],
)  # fmt: skip
async def test_what_cannot_be_on_a_disk_is_refused_by_name(tmp_path: Path, entries) -> None:
    archive = _zip(tmp_path / "a.zip", entries)
    with pytest.raises(PackageError, match="Could not unzip uploaded file"):
        await Packages(tmp_path / "code", "boot").unpack([archive])
    assert not os.listdir(tmp_path / "code")


async def test_layers_that_lead_out_together_are_refused(tmp_path: Path) -> None:
    low = _zip(tmp_path / "low.zip", {"m": (b"a/b/l/../../x", 0o120777), "a/b/l/k": b"1"})
    store = Packages(tmp_path / "code", "boot")
    assert (await store.unpack([low])).exists()
    high = _zip(
        tmp_path / "high.zip", {"a/b/k": (b"../..", 0o120777), "n": (b"a/b/k/..", 0o120777)}
    )
    with pytest.raises(PackageError, match="'n' points outside"):
        await store.unpack([low, high])


async def test_modes_beyond_executable_are_dropped(tmp_path: Path) -> None:
    """Set-user-id, set-group-id, sticky, devices: a package has files, folders and links."""
    entries = {
        "s": (b"x", 0o106755),
        "d": (b"", 0o060666),
        "p": (b"", 0o010666),
        "w": (b"", 0o1777),
    }
    folder = await Packages(tmp_path / "code", "boot").unpack([_zip(tmp_path / "a.zip", entries)])
    modes = {name: (folder / name).lstat().st_mode for name in entries}
    assert modes == {"s": 0o100755, "d": 0o100644, "p": 0o100644, "w": 0o100755}


async def test_the_mark_of_a_whole_folder_is_not_the_package_s_to_set(tmp_path: Path) -> None:
    entries = {".pileus-complete": (b"app.py", 0o120777), "app.py": b"x"}
    folder = await Packages(tmp_path / "code", "boot").unpack([_zip(tmp_path / "a.zip", entries)])
    assert (folder / "app.py").read_bytes() == b"x"
    assert not (folder / ".pileus-complete").is_symlink()


async def test_a_bomb_ends_at_the_limit_whatever_its_list_says(tmp_path: Path) -> None:
    """42 KB that would be 100 MB; its list promises one byte."""
    monstrous = tmp_path / "a.zip"
    _zip(monstrous, {"a": bytes(100 << 20)})
    raw = monstrous.read_bytes()
    real, told = (100 << 20).to_bytes(4, "little"), (1).to_bytes(4, "little")
    monstrous.write_bytes(raw.replace(real, told))
    packages.check_archive(monstrous)
    with pytest.raises(PackageError, match="Could not unzip"):
        await Packages(tmp_path / "code", "boot").unpack([monstrous])
    assert not os.listdir(tmp_path / "code")


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
async def test_compressions_that_ask_for_memory_are_refused(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", kind) as bundle:
        bundle.writestr("a", bytes(1000))
    with pytest.raises(PackageError, match="Could not unzip"):
        packages.check_archive(tmp_path / "a.zip")


async def test_damaged_content_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"a": os.urandom(100_000)})
    raw = bytearray(archive.read_bytes())
    raw[500:600] = bytes(100)
    archive.write_bytes(raw)
    with pytest.raises(PackageError, match="Could not unzip"):
        await Packages(tmp_path / "code", "boot").unpack([archive])


async def test_a_list_of_millions_is_not_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(packages, "_LIST_BYTES_MAX", 100_000)
    archive = _zip(tmp_path / "a.zip", {f"{number:0100}": b"" for number in range(1000)})
    with pytest.raises(PackageError, match="list of files is too long"):
        packages.check_archive(archive)
