"""What of a folder arrives in a copy."""

from __future__ import annotations

import os
from pathlib import Path

from pileus.runtime import tree_copy


def test_files_folders_and_links_arrive(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "inner" / "empty").mkdir(parents=True)
    target.mkdir()
    (source / "inner" / "file").write_bytes(b"x" * 3_000_000)
    (source / "inner" / "file").chmod(0o640)
    (source / "link").symlink_to("inner/file")
    os.mkfifo(source / "pipe")
    with tree_copy.Folder(str(source)) as folder:
        folder.copy_to(str(target))
    assert (target / "inner" / "file").read_bytes() == b"x" * 3_000_000
    assert (target / "inner" / "file").stat().st_mode & 0o777 == 0o640
    assert (target / "link").readlink() == Path("inner/file")
    assert (target / "inner" / "empty").is_dir()
    assert not (target / "pipe").exists()
