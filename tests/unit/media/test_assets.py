"""Assets are pinned by content, appear whole, and failures say what to install."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from pileus.media import assets
from pileus.media.assets import Asset, AssetError

CONTENT = b"frames" * 1000
SMALL = Asset("video", "small.avi", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "--video")


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Contents that successive fetches will deliver."""
    queue: list[bytes] = []

    def fetch(_work: Path, target: Path, _progress: assets.Progress) -> None:
        target.write_bytes(queue.pop(0))

    monkeypatch.setitem(assets._FETCHERS, "video", fetch)
    return queue


def test_a_cached_file_is_taken_without_fetching(tmp_path: Path, fetches: list[bytes]) -> None:
    (tmp_path / "small.avi").write_bytes(CONTENT)
    assert assets.ensure(SMALL, tmp_path) == tmp_path / "small.avi"


def test_a_damaged_cached_file_is_fetched_again(tmp_path: Path, fetches: list[bytes]) -> None:
    (tmp_path / "small.avi").write_bytes(b"torn")
    fetches.append(CONTENT)
    assert assets.ensure(SMALL, tmp_path).read_bytes() == CONTENT
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.avi"]


def test_other_content_is_refused_and_leaves_nothing(tmp_path: Path, fetches: list[bytes]) -> None:
    fetches.append(b"something else")
    with pytest.raises(AssetError, match=r"not the pinned one.*--video FILE"):
        assets.ensure(SMALL, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asset", "sentence"),
    [(assets.MODEL, "apt-get install npm.*--model FILE"), (assets.VIDEO, "--video FILE")],
)
def test_a_missing_client_is_named(
    asset: Asset, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets.shutil, "which", lambda _tool: None)
    monkeypatch.setattr(assets, "_DEB_MEMBER", "no/such/file")
    with pytest.raises(AssetError, match=sentence):
        assets.ensure(asset, tmp_path)


def test_a_failing_command_is_quoted(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no such package >&2; exit 3"]
    with pytest.raises(AssetError, match="status 3: no such package"):
        assets._run(command, tmp_path, ("package", 10), assets._silent)


@pytest.mark.parametrize("packed", [False, True])
def test_the_video_is_taken_from_the_package_stream(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"./{assets._DEB_MEMBER}" + (".gz" if packed else "")
    data = gzip.compress(CONTENT) if packed else CONTENT
    tree = io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    (tmp_path / "tree.tar").write_bytes(tree.getvalue())
    (tmp_path / "dpkg-deb").write_text(f"#!/bin/sh\ncat {tmp_path}/tree.tar\n")
    (tmp_path / "dpkg-deb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assets._take_from_package(tmp_path / "x.deb", tmp_path / "out.avi", assets._silent)
    assert (tmp_path / "out.avi").read_bytes() == CONTENT


def test_the_command_line_reports_errors_as_sentences(
    tmp_path: Path, fetches: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    fetches.append(b"wrong")
    assert assets.main(["video", "--folder", str(tmp_path)]) == 1
    assert "not the pinned one" in capsys.readouterr().err
