import hashlib
import os
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

from pileus.deploy import packaging
from pileus.deploy.errors import DeployError, PackageTooLarge
from pileus.deploy.packaging import pack, select
from pileus.languages.serverless import Artifact


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _artifact(*patterns: str, root: str = ".", ready_made: str | None = None) -> Artifact:
    return Artifact("shop.zip", "key", ("hello",), patterns, root, ready_made)


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    zips = []
    for number, names in enumerate((("a", "b__c"), ("b__c", "a"))):
        service = tmp_path / f"service{number}"
        _write(service, **dict.fromkeys(names, "text"))
        os.utime(service / "a", (number * 1000, number * 1000))
        (service / "a").chmod(0o600 if number else 0o664)
        zips.append(pack(_artifact(), service, tmp_path / f"out{number}"))
    assert zips[0].path.read_bytes() == zips[1].path.read_bytes()
    digest = hashlib.sha256(zips[0].path.read_bytes()).digest()
    assert zips[0].sha256 == b64encode(digest).decode()
    assert zips[0].digest == digest.hex()
    assert (zips[0].unzipped_bytes, zips[0].names) == (8, {"a", "b/c"})


def test_programs_stay_executable(tmp_path: Path) -> None:
    _write(tmp_path, run="#!/bin/sh", data="x")
    (tmp_path / "run").chmod(0o700)
    package = pack(_artifact(), tmp_path, tmp_path / "out")
    with zipfile.ZipFile(package.path) as bundle:
        modes = {one.filename: one.external_attr >> 16 & 0o777 for one in bundle.infolist()}
        dates = {one.date_time for one in bundle.infolist()}
    assert modes == {"run": 0o755, "data": 0o644}
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_patterns_choose_and_virtual_environments_stay_out(tmp_path: Path) -> None:
    _write(tmp_path, handler="", **{"data__x": "", "venv__pyvenv.cfg": "", "venv__lib__a": ""})
    assert set(select(tmp_path, ("!data/**",))) == {"handler"}


def test_links_are_followed_once(tmp_path: Path) -> None:
    _write(tmp_path, real__a="1")
    (tmp_path / "link").symlink_to("real/a")
    (tmp_path / "real" / "loop").symlink_to("..")
    assert set(select(tmp_path, ())) == {"link", "real/a"}


def test_a_layer_is_packed_from_its_own_folder(tmp_path: Path) -> None:
    _write(tmp_path, layer__python__lib="1", other="2")
    package = pack(_artifact(root="layer"), tmp_path, tmp_path / "out")
    assert package.names == {"python/lib"}


def test_a_ready_made_zip_is_taken_as_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as bundle:
        bundle.writestr("handler.py", "pass")
    package = pack(_artifact(ready_made="own.zip"), tmp_path, tmp_path / "out")
    assert package.path == tmp_path / "own.zip"
    assert (package.names, package.unzipped_bytes) == ({"handler.py"}, 4)


def test_what_cannot_be_packed_is_told(tmp_path: Path) -> None:
    _write(tmp_path, text="no zip")
    with pytest.raises(DeployError, match=r"own\.zip does not exist"):
        pack(_artifact(ready_made="own.zip"), tmp_path, tmp_path)
    with pytest.raises(DeployError, match="is not a zip file"):
        pack(_artifact(ready_made="text"), tmp_path, tmp_path)
    with pytest.raises(DeployError, match="leave no file"):
        pack(_artifact("!**"), tmp_path, tmp_path)
    with pytest.raises(DeployError, match="does not exist"):
        pack(_artifact(root="nowhere"), tmp_path, tmp_path)


def test_too_large_names_what_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "UNZIPPED_BYTES_MAX", 10)
    _write(tmp_path, big__a="x" * 8, small="yy")
    with pytest.raises(PackageTooLarge, match="Largest: big 0 MB, small 0 MB"):
        pack(_artifact(), tmp_path, tmp_path / "out")
