from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pileus.adapters.disk import FolderInUse, FolderLock, make_folder, replace_file, write_all


def test_write_all_goes_on_after_partial_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [b"abc", b"", memoryview(b"defgh"), b"i" * 10]
    monkeypatch.setattr(os, "writev", lambda fd, batch: os.write(fd, b"".join(batch)[:4]))
    path = tmp_path / "file"
    with path.open("wb") as file:
        write_all(file.fileno(), pieces)
    assert path.read_bytes() == b"abcdefgh" + b"i" * 10


def test_write_all_takes_more_pieces_than_the_system_does_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        write_all(file.fileno(), [b"%d," % at for at in range(3000)])
    assert path.read_bytes() == b"".join(b"%d," % at for at in range(3000))


def test_replace_file_leaves_no_draft(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"one")
    replace_file(tmp_path / "file", b"two")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"two")]


def test_make_folder_makes_parents_and_may_be_repeated(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from pileus.adapters.disk import FolderLock;"
        "FolderLock(pathlib.Path(sys.argv[1])); print('in', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == b"in\n"
    with pytest.raises(FolderInUse, match="in use"):
        FolderLock(tmp_path)
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    lock = FolderLock(tmp_path)
    lock.release()
    lock.release()
