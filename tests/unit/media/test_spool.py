"""What was put is on disk until it is acknowledged, in order, across deaths."""

from pathlib import Path

import pytest

from pileus.media.spool import Spool, SpoolBusy, SpoolFull


def test_first_in_first_out_until_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    spool.put("lobby/1.mkv", b"one", 0)
    spool.put("lobby/2.mkv", b"two", 0)
    first = spool.oldest()
    assert first is not None and first.key == "lobby/1.mkv"
    assert first.path.read_bytes() == b"one"
    assert spool.oldest() is first
    spool.acknowledge(first)
    second = spool.oldest()
    assert second is not None and second.key == "lobby/2.mkv"
    assert len(spool) == 1


def test_a_dead_players_segments_are_taken_over_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    for number in range(3):
        spool.put(f"lobby/{number}.mkv", b"data", 0)
    (tmp_path / "lobby%2F9.mkv.partial").write_bytes(b"torn")
    spool._lock.close()
    again = Spool(tmp_path, 100)
    keys = []
    again.close()
    while (one := again.oldest()) is not None:
        keys.append(one.key)
        again.acknowledge(one)
    assert keys == ["lobby/0.mkv", "lobby/1.mkv", "lobby/2.mkv"]
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_two_players_may_not_share_a_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    with pytest.raises(SpoolBusy, match="--spool"):
        Spool(tmp_path, 100)
    spool.close()


def test_a_full_spool_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    spool.put("a", b"x" * 30, 0)
    with pytest.raises(SpoolFull, match="30 bytes wait"):
        spool.put("b", b"x", 0)


def test_closed_and_empty_ends_the_sender(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    spool.close()
    assert spool.oldest() is None
