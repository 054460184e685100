"""Whatever a program leaves behind can be deleted."""

from __future__ import annotations

import os
from pathlib import Path

from pileus.runtime.removal import remove_tree


def _deep(folder: Path, levels: int) -> None:
    folder.mkdir()
    place = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)


def test_a_tree_deeper_than_paths_and_stacks_goes(tmp_path: Path) -> None:
    _deep(tmp_path / "deep", 1500)
    remove_tree(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_names_chosen_to_be_in_the_way_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / ".removal-0" / "0" / "0").mkdir(parents=True)
    (folder / ".removal-1").write_text("")
    (folder / "a" / ".removal-0").mkdir(parents=True)
    (folder / "a" / "0").write_text("")
    (folder / "0").mkdir()
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


def test_closed_folders_go_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    folder = tmp_path / "folder"
    (folder / "closed" / "below").mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    (folder / "closed" / "up").symlink_to("../..")
    os.mkfifo(folder / "closed" / "pipe")
    (folder / "closed" / "below").chmod(0)
    (folder / "closed").chmod(0)
    remove_tree(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").exists()


def test_nothing_a_file_and_a_link_are_no_problem(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    remove_tree(tmp_path / "link")
    assert (tmp_path / "file").exists()
    remove_tree(str(tmp_path / "file"))
    assert list(tmp_path.iterdir()) == []
