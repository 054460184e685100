"""Where instances find an image's layers."""

from __future__ import annotations

import os
from pathlib import Path

from pileus.adapters.local_node.image_roots import ImageRoots, launch_error
from pileus.adapters.local_node.starting import ignored_extensions
from pileus.ports.nodes import ImageRoot, InstanceSpec


def test_links_name_the_layers_as_an_instance_sees_them(tmp_path: Path) -> None:
    roots = ImageRoots(tmp_path / "images")
    folder = roots.folder(["/data/top", "/data/base"])
    top = tmp_path / "images" / "top"
    goals = [os.readlink(folder / str(number)) for number in range(3)]
    assert goals == [f"/.host{top}", "/.host/data/top", "/.host/data/base"]
    assert {path.name for path in top.iterdir()} == {"dev", "etc", "proc", "tmp"}
    assert (top / "etc/hosts").read_text() == "127.0.0.1 localhost\n"
    assert roots.folder(["/data/top", "/data/base"]) == folder
    assert roots.folder(["/data/base"]) != folder


def test_a_folder_that_was_begun_is_made_anew(tmp_path: Path) -> None:
    roots = ImageRoots(tmp_path)
    name = roots.folder(["/a"]).name
    (tmp_path / name).rename(tmp_path / f"{name}.new")
    assert os.readlink(roots.folder(["/a"]) / "1") == "/.host/a"


def test_a_failed_launch_is_told_as_lambda_does() -> None:
    image = ImageRoot((), ("/entry", "-x"), ("app.handler",), "/srv")
    spec = InstanceSpec("f", "provided", "", "", image=image)
    assert launch_error(spec, "fork/exec /entry: exec format error") == (
        "IMAGE\tLaunch error: fork/exec /entry: exec format error\tEntrypoint: [/entry,-x]\t"
        "Cmd: [app.handler]\tWorkingDir: [/srv]"
    )


def test_extensions_of_every_layer_are_told(tmp_path: Path) -> None:
    for lower, name in (("top", "watcher"), ("base", "agent")):
        (tmp_path / lower / "opt/extensions").mkdir(parents=True)
        (tmp_path / lower / "opt/extensions" / name).touch()
    image = ImageRoot((str(tmp_path / "top"), str(tmp_path / "base"), str(tmp_path / "none")))
    spec = InstanceSpec("f", "provided", "", "", image=image)
    told = ignored_extensions(spec)
    assert [line.split("\t")[1] for line in told] == ["Name: agent", "Name: watcher"]
