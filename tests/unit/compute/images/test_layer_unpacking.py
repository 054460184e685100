import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.layer_unpacking import UnpackedSize, UnpackLimits, unpack_layer
from pileus.runtime.removal import remove_tree


class Archive:
    """Builds a tar archive entry by entry."""

    def __init__(self, format: int = tarfile.PAX_FORMAT) -> None:
        self._packed = io.BytesIO()
        self._archive = tarfile.open(fileobj=self._packed, mode="w", format=format)  # noqa: SIM115 - closed by unpack

    def add(
        self, name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: object
    ) -> "Archive":
        info = tarfile.TarInfo(name)
        info.type, info.size, info.mode = kind, len(content), 0o644
        for key, value in more.items():
            setattr(info, key, value)
        self._archive.addfile(info, io.BytesIO(content))
        return self

    def unpack(self, folder: Path, limits: UnpackLimits | None = None) -> UnpackedSize:
        self._archive.close()
        self._packed.seek(0)
        folder.mkdir(exist_ok=True)
        return unpack_layer(self._packed.read, str(folder), limits)


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_files_come_with_mode_time_and_owner(tmp_path: Path, format: int) -> None:
    archive = Archive(format).add("a", tarfile.DIRTYPE, mode=0o750, mtime=5)
    archive.add("a/b", content=b"hello", mode=0o600, mtime=7, uid=os.getuid(), gid=os.getgid())
    archive.unpack(tmp_path / "root")
    found = (tmp_path / "root" / "a" / "b").stat()
    assert (tmp_path / "root" / "a" / "b").read_bytes() == b"hello"
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o600, 7)
    above = (tmp_path / "root" / "a").stat()
    assert (stat.S_IMODE(above.st_mode), above.st_mtime) == (0o750, 5)


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_targets(tmp_path: Path, format: int) -> None:
    name = "/".join(["folder" * 10] * 5)
    Archive(format).add(name, content=b"x").add("link", tarfile.SYMTYPE, linkname="y" * 200).unpack(
        tmp_path / "root"
    )
    assert (tmp_path / "root" / name).read_bytes() == b"x"
    assert os.readlink(tmp_path / "root" / "link") == "y" * 200


@pytest.mark.parametrize("name", ["../out", "a/../../out", "a/.."])
def test_names_that_climb_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageRefused, match="climbs out of its layer"):
        Archive().add(name, content=b"x").unpack(tmp_path / "root")
    assert not (tmp_path / "out").exists()


def test_absolute_names_are_read_from_the_root(tmp_path: Path) -> None:
    Archive().add("/etc/x", content=b"x").unpack(tmp_path / "root")
    assert (tmp_path / "root" / "etc" / "x").read_bytes() == b"x"


@pytest.mark.parametrize("target", ["/outside", "../../outside", "../outside"])
def test_links_above_lead_inside(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    Archive().add("a", tarfile.SYMTYPE, linkname=target).add("a/x", content=b"x").unpack(
        tmp_path / "root"
    )
    assert list((tmp_path / "outside").iterdir()) == []
    assert (tmp_path / "root" / "outside" / "x").read_bytes() == b"x"


def test_a_file_replaces_a_link_and_is_not_written_through_it(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    link = str(tmp_path / "victim")
    Archive().add("a", tarfile.SYMTYPE, linkname=link).add("a", content=b"x").unpack(
        tmp_path / "root"
    )
    assert (tmp_path / "victim").read_text() == "mine"
    assert (tmp_path / "root" / "a").read_bytes() == b"x"


def test_circles_of_links_are_refused(tmp_path: Path) -> None:
    archive = Archive().add("a", tarfile.SYMTYPE, linkname="b")
    archive.add("b", tarfile.SYMTYPE, linkname="a").add("a/x", content=b"x")
    with pytest.raises(ImageRefused, match="behind a circle of links"):
        archive.unpack(tmp_path / "root")


def test_hard_links_stay_within_the_layer(tmp_path: Path) -> None:
    Archive().add("a", content=b"x").add("b", tarfile.LNKTYPE, linkname="/a").unpack(
        tmp_path / "root"
    )
    assert (tmp_path / "root" / "b").stat().st_ino == (tmp_path / "root" / "a").stat().st_ino


@pytest.mark.parametrize("target", ["../victim", "missing", "/etc/passwd"])
def test_other_hard_links_are_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "victim").write_text("mine")
    with pytest.raises(ImageRefused, match=r"climbs|no file of its layer"):
        Archive().add("b", tarfile.LNKTYPE, linkname=target).unpack(tmp_path / "root")


def test_set_user_id_goes(tmp_path: Path) -> None:
    Archive().add("su", content=b"x", mode=0o6755).unpack(tmp_path / "root")
    assert stat.S_IMODE((tmp_path / "root" / "su").stat().st_mode) == 0o755


def test_capabilities_and_overlays_own_attributes_go(tmp_path: Path) -> None:
    headers = {
        "SCHILY.xattr.security.capability": "x",
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "SCHILY.xattr.user.overlay.opaque": "y",
        "SCHILY.xattr.user.mine": "kept",
    }
    Archive().add("a", content=b"x", pax_headers=headers).unpack(tmp_path / "root")
    path = tmp_path / "root" / "a"
    assert {name: os.getxattr(path, name) for name in os.listxattr(path)} == {"user.mine": b"kept"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"),
        (tarfile.FIFOTYPE, "FIFO"),
    ],
)
def test_devices_are_refused_by_name(tmp_path: Path, kind: bytes, told: str) -> None:
    with pytest.raises(ImageRefused, match=f"'var/x' is a {told}"):
        Archive().add("var/x", kind).unpack(tmp_path / "root")


def test_devices_below_dev_are_dropped(tmp_path: Path) -> None:
    done = Archive().add("dev/null", tarfile.CHRTYPE).unpack(tmp_path / "root")
    assert done.dropped == ["dev/null"]
    assert not (tmp_path / "root" / "dev" / "null").exists()


def test_whiteouts_are_what_overlayfs_reads(tmp_path: Path) -> None:
    Archive().add("a/.wh.gone").add("b/.wh..wh..opq").add("b/x", content=b"x").add(
        "c/.wh..wh.plnk"
    ).unpack(tmp_path / "root")
    gone = (tmp_path / "root" / "a" / "gone").lstat()
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
    assert os.getxattr(tmp_path / "root" / "b", "user.overlay.opaque") == b"y"
    assert not (tmp_path / "root" / "c").exists()


def test_a_folder_made_anew_hides_the_old_one(tmp_path: Path) -> None:
    Archive().add(".wh.a").add("a", tarfile.DIRTYPE, mode=0o755).add("a/x", content=b"x").unpack(
        tmp_path / "root"
    )
    assert os.getxattr(tmp_path / "root" / "a", "user.overlay.opaque") == b"y"


@pytest.mark.parametrize("name", [".wh.", ".wh...", "a/.wh.."])
def test_whiteouts_of_nothing_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageRefused, match="names nothing"):
        Archive().add(name).unpack(tmp_path / "root")


def test_limits_hold(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused, match="more than 10000 bytes"):
        Archive().add("a", content=bytes(20_000)).unpack(tmp_path / "x", UnpackLimits(10_000))
    archive = Archive()
    for number in range(5):
        archive.add(str(number))
    with pytest.raises(ImageRefused, match="more than 3 entries"):
        archive.unpack(tmp_path / "y", UnpackLimits(entries=3))


@pytest.mark.parametrize("raw", [b"x" * 512, b"x" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(ImageRefused):
        unpack_layer(io.BytesIO(raw).read, str(tmp_path))


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = 5000
        archive.addfile(info, io.BytesIO(bytes(5000)))
    with pytest.raises(ImageRefused, match="ends in the middle"):
        unpack_layer(io.BytesIO(packed.getvalue()[:3000]).read, str(tmp_path))


def test_huge_extended_headers_are_refused_before_they_are_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(ImageRefused, match="longer than any name"):
        unpack_layer(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT)).read, str(tmp_path))


def test_sparse_files_are_refused_by_name(tmp_path: Path) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    with pytest.raises(ImageRefused, match="'a' is a sparse file"):
        Archive().add("a", content=b"x", pax_headers=headers).unpack(tmp_path / "root")


@pytest.mark.parametrize("name", ["/".join(["d" * 250] * 20), "n" * 300], ids=["all", "one step"])
def test_names_too_long_for_the_kernel_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageRefused, match="has too long a name"):
        Archive().add(name, content=b"x").unpack(tmp_path / "root")
    remove_tree(tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_deep_folder_is_replaced_by_a_file(tmp_path: Path) -> None:
    archive = Archive().add("d/" * 1100 + "x", content=b"x").add("d", content=b"y")
    archive.unpack(tmp_path / "root")
    assert (tmp_path / "root" / "d").read_bytes() == b"y"
