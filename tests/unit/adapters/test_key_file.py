"""The platform's own key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pileus.adapters.key_file import KeyFileBroken, load_key
from pileus.testing import SeededChance


def test_a_key_is_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    key = load_key(path, SeededChance(1))
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path, SeededChance(2)) == key


def test_a_half_written_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    with pytest.raises(KeyFileBroken, match="holds 5 bytes"):
        load_key(path, SeededChance(1))
