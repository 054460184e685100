from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from pileus.adapters import log_offsets, log_partition, log_segments, log_writer
from pileus.adapters.segment_log import SegmentLog
from pileus.ports.log import LogUnavailable
from pileus.ports.sealer import SealBroken
from pileus.testing.sealing import TagSealer

TOPIC = "000000000000/t"


def entries(count: int, size: int = 20) -> list[tuple[int, bytes, bytes]]:
    return [(number, b"k", b"%d|" % number + b"." * size) for number in range(count)]


async def written(root: Path, *batches: list[tuple[int, bytes, bytes]], **options) -> Path:
    """The first segment file of a log into which the batches were appended one by one."""
    log = SegmentLog(root, **options)
    await log.create_topic(TOPIC, 1)
    for batch in batches:
        await log.append(TOPIC, 0, batch)
    await log.close()
    return segment_files(root)[0]


def segment_files(root: Path) -> list[Path]:
    return sorted(root.glob("topics/*/*/*.log"))


async def test_a_tail_torn_at_any_byte_is_cut(tmp_path: Path) -> None:
    path = await written(tmp_path, entries(2))
    whole = path.stat().st_size
    path = await written(tmp_path, entries(1, 5))
    raw = path.read_bytes()
    for cut in range(whole, len(raw) + 1):
        path.write_bytes(raw[:cut])
        log = SegmentLog(tmp_path)
        wanted = 3 if cut == len(raw) else 2
        assert log.bounds(TOPIC, 0) == (0, wanted)
        assert path.stat().st_size == (cut if wanted == 3 else whole)
        await log.close()


@pytest.mark.parametrize("garbage", [bytes(5000), b"\xff" * 64, b"\1" * 200])
async def test_garbage_behind_the_end_is_cut(tmp_path: Path, garbage: bytes) -> None:
    path = await written(tmp_path, entries(3))
    with path.open("ab") as file:
        file.write(garbage)
    log = SegmentLog(tmp_path)
    assert await log.append(TOPIC, 0, entries(1)) == 3
    await log.close()
    log = SegmentLog(tmp_path)
    assert len(await log.read(TOPIC, 0, 0)) == 4
    await log.close()


async def test_damage_to_an_acknowledged_record_is_told(tmp_path: Path) -> None:
    first = await written(tmp_path, entries(50), entries(50), segment_bytes=500)
    assert len(segment_files(tmp_path)) == 2
    log = SegmentLog(tmp_path)
    raw = bytearray(first.read_bytes())
    raw[len(raw) // 2] ^= 1
    first.write_bytes(raw)
    with pytest.raises(LogUnavailable, match="damaged"):
        await log.read(TOPIC, 0, 0)
    assert (await log.read(TOPIC, 0, 50))[0].offset == 50
    await log.close()


async def test_appends_that_wait_together_share_a_flush(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 1)
    await asyncio.gather(*(log.append(TOPIC, 0, entries(1)) for _ in range(200)))
    assert log._writer.flushes < 20
    await log.close()


@pytest.mark.parametrize("call", ["write_all", "flush_file"])
async def test_a_full_disk_fails_the_append_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 1)
    await log.append(TOPIC, 0, entries(3))
    original = log_writer.write_all

    def fail(fd: int, *rest: object) -> None:
        if rest:
            original(fd, [b"half of it"])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(log_writer, call, fail)
        for _ in range(2):
            with pytest.raises(LogUnavailable, match="No space left"):
                await log.append(TOPIC, 0, entries(2))
        assert log.bounds(TOPIC, 0) == (0, 3)
        assert len(await log.read(TOPIC, 0, 0)) == 3
    assert await log.append(TOPIC, 0, entries(1)) == 3
    await log.close()
    log = SegmentLog(tmp_path)
    assert [record.offset for record in await log.read(TOPIC, 0, 0)] == [0, 1, 2, 3]
    await log.close()


async def test_a_full_disk_keeps_the_former_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 1)
    await log.append(TOPIC, 0, entries(3))
    await log.commit("g", TOPIC, 0, 1)

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(log_offsets, "flush_file", fail)
        with pytest.raises(LogUnavailable):
            await log.commit("g", TOPIC, 0, 2)
    assert log.committed("g", TOPIC, 0) == 1
    await log.close()
    log = SegmentLog(tmp_path)
    assert log.committed("g", TOPIC, 0) == 1
    await log.close()


async def test_the_offset_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_offsets, "_REWRITE_BYTES", 2_000)
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 1)
    await log.append(TOPIC, 0, entries(400))
    for offset in range(400):
        await log.commit(f"g{offset % 3}", TOPIC, 0, offset)
    assert (tmp_path / "offsets").stat().st_size < 2_100
    await log.close()
    log = SegmentLog(tmp_path)
    assert [log.committed(f"g{n}", TOPIC, 0) for n in range(3)] == [399, 397, 398]
    await log.close()


async def test_a_torn_offset_is_cut(tmp_path: Path) -> None:
    await written(tmp_path, entries(9))
    log = SegmentLog(tmp_path)
    await log.commit("g", TOPIC, 0, 4)
    await log.commit("g", TOPIC, 0, 8)
    await log.close()
    path = tmp_path / "offsets"
    path.write_bytes(path.read_bytes()[:-3])
    log = SegmentLog(tmp_path)
    assert log.committed("g", TOPIC, 0) == 4
    await log.commit("g", TOPIC, 0, 5)
    await log.close()
    log = SegmentLog(tmp_path)
    assert log.committed("g", TOPIC, 0) == 5
    await log.close()


async def test_memory_for_tails_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_partition, "_TAIL_BYTES", 10_000)
    monkeypatch.setattr(log_partition, "_TAILS_BYTES_MAX", 25_000)
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 8)
    for partition in range(8):
        await log.append(TOPIC, partition, entries(100, 100))
    assert log._budget.held_bytes <= 25_000
    for partition in range(8):
        assert len(await log.read(TOPIC, partition, 0)) == 100
    await log.delete_topic(TOPIC)
    assert log._budget.held_bytes == 0
    await log.close()


async def test_many_partitions_need_few_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_OPEN_FILES_MAX", 4)
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 12)
    for _ in range(2):
        await asyncio.gather(*(log.append(TOPIC, at, entries(1)) for at in range(12)))
        assert len(log._writer._files) <= 4
    assert all(log.bounds(TOPIC, at) == (0, 2) for at in range(12))
    await log.close()


async def test_sealed_records_cannot_be_moved_or_read_without_the_sealer(tmp_path: Path) -> None:
    path = await written(tmp_path, entries(2), sealer=TagSealer())
    assert b"0|...." not in path.read_bytes()
    log = SegmentLog(tmp_path, TagSealer())
    await log.create_topic(TOPIC, 2)
    assert len(await log.read(TOPIC, 0, 0)) == 2
    await log.close()
    moved = path.parent.with_name("1") / path.name
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    log = SegmentLog(tmp_path, TagSealer())
    with pytest.raises(SealBroken):
        await log.read(TOPIC, 1, 0)
    await log.close()
    log = SegmentLog(tmp_path)
    with pytest.raises(LogUnavailable, match="sealed in another way"):
        await log.read(TOPIC, 0, 0)
    await log.close()


async def test_a_callers_fault_does_not_end_the_writer(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 1)
    with pytest.raises(TypeError):
        await log.append(TOPIC, 0, [(1, b"", "not bytes")])  # type: ignore[list-item]
    assert await log.append(TOPIC, 0, entries(1)) == 0
    await log.close()


async def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    await log.create_topic(TOPIC, 1)
    waiting = asyncio.ensure_future(log.wait(TOPIC, 0, 0))
    await asyncio.sleep(0)
    await log.close()
    await log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        await waiting
    with pytest.raises(LogUnavailable, match="closed"):
        await log.append(TOPIC, 0, entries(1))


async def test_folders_of_deleted_topics_are_swept(tmp_path: Path) -> None:
    await written(tmp_path, entries(1))
    stray = tmp_path / "topics" / "99" / "0"
    stray.mkdir(parents=True)
    log = SegmentLog(tmp_path)
    assert not stray.exists()
    assert log.bounds(TOPIC, 0) == (0, 1)
    await log.close()


async def test_a_log_closed_in_peace_opens_without_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(tmp_path, entries(30), entries(30))

    def fail(fd: int, position: int) -> None:
        raise AssertionError("the segment was searched")

    with monkeypatch.context() as patch:
        patch.setattr(log_segments, "scan_frames", fail)
        log = SegmentLog(tmp_path)
    assert log.bounds(TOPIC, 0) == (0, 60)
    assert await log.append(TOPIC, 0, entries(1)) == 60
    assert [record.offset for record in await log.read(TOPIC, 0, 0)] == list(range(61))
    assert not (tmp_path / "ends.json").exists()
    await log.close()
