"""Compiled caches of a layer: used as they are, left out where they do not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pileus.deploy import bytecode
from pileus.deploy.interpreters import Python

OWN = Python(sys.version_info[1], sys.executable, True)
CACHE = f"lib/__pycache__/one.cpython-3{OWN.minor}.pyc"


def _layer(tmp_path: Path) -> tuple[dict[str, Path], Path]:
    files = {"lib/one.py": "WHAT = 'compiled'\n", "lib/broken.py": "print 'two'\n", "data": "x"}
    for place, text in files.items():
        path = tmp_path / "layer" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {place: tmp_path / "layer" / place for place in files}, scratch


def test_a_cache_is_used_whatever_became_of_its_source(tmp_path: Path) -> None:
    files, scratch = _layer(tmp_path)
    made = bytecode.compiled(files, OWN, scratch)
    assert set(made) == {*files, CACHE}
    cache = tmp_path / "layer" / CACHE
    cache.parent.mkdir()
    made[CACHE].rename(cache)
    files["lib/one.py"].write_text("WHAT = 'source of another time and size'\n")
    told = subprocess.run(
        [sys.executable, "-B", "-c", "import one; print(one.WHAT)"],
        cwd=tmp_path / "layer" / "lib",
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "compiled\n"


def test_caches_that_do_not_fit_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, scratch = _layer(tmp_path)
    monkeypatch.setattr(bytecode, "SIZE_BYTES_MAX", 100)
    assert bytecode.compiled(files, OWN, scratch) == files
