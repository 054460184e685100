"""The contract of ``ports/blobs.py``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from pileus.ports.blobs import BlobExists, BlobNotFound, Blobs

Open = Callable[[], Blobs]
MIB = 1 << 20


async def read_all(blobs: Blobs, name: str, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes of a range; fails when a chunk is larger than 1 MiB or empty."""
    chunks = [chunk async for chunk in blobs.get(name, start, stop)]
    assert all(0 < len(chunk) <= MIB for chunk in chunks)
    return b"".join(chunks)


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    """``data`` in pieces of ``size`` bytes, with a turn of the loop before each."""
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


def pattern(size: int, seed: int = 7) -> bytes:
    """Bytes that tell positions apart."""
    unit = b"".join((at * seed).to_bytes(4, "big") for at in range(4096))
    return (unit * (size // len(unit) + 1))[:size]


async def a_put_is_read_back(open_blobs: Open) -> None:
    blobs = open_blobs()
    info = await blobs.put("a/b", b"hello")
    assert (info.name, info.size_bytes) == ("a/b", 5)
    assert await read_all(blobs, "a/b") == b"hello"
    assert await blobs.head("a/b") == info


async def an_empty_blob_exists(open_blobs: Open) -> None:
    blobs = open_blobs()
    await blobs.put("empty", b"")
    assert await read_all(blobs, "empty") == b""
    info = await blobs.head("empty")
    assert info is not None and info.size_bytes == 0


async def a_missing_blob_is_not_found(open_blobs: Open) -> None:
    blobs = open_blobs()
    assert await blobs.head("nothing") is None
    assert await blobs.delete("nothing") is False
    await _raises(BlobNotFound, lambda: read_all(blobs, "nothing"))


async def large_bodies_stream_in_and_out(open_blobs: Open) -> None:
    blobs = open_blobs()
    for size in (MIB - 1, MIB, MIB + 1, 3 * MIB + 17):
        data = pattern(size)
        await blobs.put("large", pieces(data, 100_003))
        assert await read_all(blobs, "large") == data
        await blobs.put("large", data)
        assert await read_all(blobs, "large") == data
        info = await blobs.head("large")
        assert info is not None and info.size_bytes == size


async def pieces_larger_than_a_chunk_are_stored(open_blobs: Open) -> None:
    blobs = open_blobs()
    data = pattern(5 * MIB + 3)
    await blobs.put("large", pieces(data, 2 * MIB + 1))
    assert await read_all(blobs, "large") == data


async def ranges_are_half_open_and_clipped(open_blobs: Open) -> None:
    blobs = open_blobs()
    data = pattern(2 * MIB + 100)
    await blobs.put("r", data)
    size = len(data)
    for start, stop in (
        (0, 0),
        (0, 1),
        (5, 10),
        (MIB - 1, MIB + 1),
        (MIB, None),
        (size - 1, None),
        (size, None),
        (size + 5, size + 9),
        (10, size + 9),
        (9, 3),
    ):
        assert await read_all(blobs, "r", start, stop) == data[start:stop]


async def a_put_replaces(open_blobs: Open) -> None:
    blobs = open_blobs()
    first = await blobs.put("x", b"first")
    second = await blobs.put("x", b"second")
    assert first.etag != second.etag
    assert await read_all(blobs, "x") == b"second"


async def if_absent_refuses_a_taken_name(open_blobs: Open) -> None:
    blobs = open_blobs()
    await blobs.put("x", b"one", if_absent=True)
    await _raises(BlobExists, lambda: blobs.put("x", b"two", if_absent=True))
    assert await read_all(blobs, "x") == b"one"
    await blobs.delete("x")
    await blobs.put("x", b"three", if_absent=True)
    assert await read_all(blobs, "x") == b"three"


async def if_match_refuses_another_content(open_blobs: Open) -> None:
    blobs = open_blobs()
    await _raises(BlobExists, lambda: blobs.put("x", b"a", if_match="no-such-etag"))
    assert await blobs.head("x") is None
    first = await blobs.put("x", b"one")
    second = await blobs.put("x", b"two", if_match=first.etag)
    await _raises(BlobExists, lambda: blobs.put("x", b"three", if_match=first.etag))
    assert await read_all(blobs, "x") == b"two"
    await blobs.put("x", b"four", if_match=second.etag)


async def one_of_many_wins_if_absent(open_blobs: Open) -> None:
    blobs = open_blobs()
    bodies = [b"%d" % number for number in range(24)]
    results = await asyncio.gather(
        *(blobs.put("race", body, if_absent=True) for body in bodies), return_exceptions=True
    )
    winners = [at for at, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(winners) == 1
    assert all(isinstance(r, BlobExists) for at, r in enumerate(results) if at != winners[0])
    assert await read_all(blobs, "race") == bodies[winners[0]]


async def one_of_many_wins_if_match(open_blobs: Open) -> None:
    blobs = open_blobs()
    first = await blobs.put("race", b"start")
    results = await asyncio.gather(
        *(blobs.put("race", b"%d" % n, if_match=first.etag) for n in range(24)),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1


async def a_failing_body_leaves_the_old_state(open_blobs: Open) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield pattern(2 * MIB)
        raise ConnectionResetError("the client went away")

    blobs = open_blobs()
    await _raises(ConnectionResetError, lambda: blobs.put("x", failing()))
    assert await blobs.head("x") is None
    await blobs.put("x", b"old")
    await _raises(ConnectionResetError, lambda: blobs.put("x", failing()))
    assert await read_all(blobs, "x") == b"old"
    assert [info.name for info in await blobs.list()] == ["x"]


async def a_cancelled_put_leaves_the_old_state(open_blobs: Open) -> None:
    blobs = open_blobs()
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield pattern(2 * MIB)
        started.set()
        await asyncio.Event().wait()

    put = asyncio.ensure_future(blobs.put("x", endless()))
    await started.wait()
    put.cancel()
    await asyncio.wait((put,))
    assert put.cancelled()
    assert await blobs.head("x") is None
    assert await blobs.list() == []


async def a_reader_keeps_its_bytes(open_blobs: Open) -> None:
    blobs = open_blobs()
    old = pattern(3 * MIB)
    await blobs.put("x", old)
    reader = blobs.get("x")
    got = [await anext(reader)]
    await blobs.put("x", b"new")
    got.append(await anext(reader))
    await blobs.delete("x")
    got += [chunk async for chunk in reader]
    assert b"".join(got) == old


async def a_deleted_blob_is_gone(open_blobs: Open) -> None:
    blobs = open_blobs()
    await blobs.put("a/b/c", b"1")
    assert await blobs.delete("a/b/c") is True
    assert await blobs.delete("a/b/c") is False
    assert await blobs.head("a/b/c") is None
    assert await blobs.list() == []
    await blobs.put("a/b/c", b"2")
    assert await read_all(blobs, "a/b/c") == b"2"


AWKWARD_NAMES = (
    "a",
    "a/b",
    "a/b/c",
    "a-b",
    "a.b",
    "a0",
    "A",
    "a b",
    "a%2fb",
    "a%",
    "a/.hidden",
    "a/...",
    "a\\b",
    'quote"',
    "star*?",
    "tilde~",
    "under_score",
    "x" * 80,
    "x" * 80 + "-",
    "x" * 80 + "/y",
    "x" * 80 + "0",
    "x" * 81 + "/y",
    "y" * 300,
    "y" * 300 + "/z",
    "z/" * 200 + "end",
    "colon:;,=@+$&",
    "a.f",
    "a.d",
    "a.c/b",
    "q" * 1024,
)


async def awkward_names_lie_side_by_side_in_order(open_blobs: Open) -> None:
    blobs = open_blobs()
    for name in AWKWARD_NAMES:
        await blobs.put(name, name.encode())
    assert [info.name for info in await blobs.list()] == sorted(AWKWARD_NAMES)
    for name in AWKWARD_NAMES:
        assert await read_all(blobs, name) == name.encode()
    for name in AWKWARD_NAMES[::2]:
        assert await blobs.delete(name)
    assert [info.name for info in await blobs.list()] == sorted(AWKWARD_NAMES[1::2])


async def lists_go_by_prefix_page_and_order(open_blobs: Open) -> None:
    blobs = open_blobs()
    names = sorted(AWKWARD_NAMES)
    infos = {name: await blobs.put(name, name.encode()) for name in names}
    for prefix in ("", "a", "a/", "a/b", "x" * 79, "x" * 80, "x" * 80 + "/", "y" * 200, "no"):
        wanted = [name for name in names if name.startswith(prefix)]
        assert await blobs.list(prefix) == [infos[name] for name in wanted]
        for after in ("a", "a/b", "a.", "x" * 80 + "/", "zz"):
            listed = await blobs.list(prefix, after)
            assert [info.name for info in listed] == [name for name in wanted if name > after]
    paged: list[str] = []
    while page := await blobs.list(after=paged[-1] if paged else "", limit=3):
        assert len(page) <= 3
        paged += [info.name for info in page]
    assert paged == names


async def names_that_lead_elsewhere_are_refused(open_blobs: Open) -> None:
    blobs = open_blobs()
    for name in ("", ".", "..", "../x", "a/../../x", "a/./b", "a/..", "/..", "ü"):
        await _raises(ValueError, partial(blobs.put, name, b"x"))
        await _raises(ValueError, partial(read_all, blobs, name))
        await _raises(ValueError, partial(blobs.delete, name))
        await _raises(ValueError, partial(blobs.head, name))
    assert await blobs.list() == []


async def many_at_once_do_not_disturb_each_other(open_blobs: Open) -> None:
    blobs = open_blobs()

    async def churn(worker: int) -> None:
        for turn in range(6):
            name = f"churn/{worker % 3}/{turn % 2}/{worker}"
            await blobs.put(name, b"%d-%d" % (worker, turn))
            assert await read_all(blobs, name) == b"%d-%d" % (worker, turn)
            if turn % 2 == 0:
                assert await blobs.delete(name)

    await asyncio.gather(*(churn(worker) for worker in range(16)))
    listed = await blobs.list("churn/")
    assert [info.name for info in listed] == sorted(f"churn/{w % 3}/1/{w}" for w in range(16))


async def blobs_outlive_the_store(open_blobs: Open) -> None:
    data = pattern(2 * MIB + 9)
    blobs = open_blobs()
    info = await blobs.put("kept/large", pieces(data, 300_000))
    await blobs.put("kept/gone", b"x")
    await blobs.delete("kept/gone")
    again = open_blobs()
    assert await again.list() == [info]
    assert await read_all(again, "kept/large") == data
    replaced = await again.put("kept/large", b"another")
    assert replaced.etag != info.etag


async def _raises(error: type[BaseException], call: Callable[[], Awaitable[object]]) -> None:
    try:
        await call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


CONTRACT = (
    a_put_is_read_back,
    an_empty_blob_exists,
    a_missing_blob_is_not_found,
    large_bodies_stream_in_and_out,
    pieces_larger_than_a_chunk_are_stored,
    ranges_are_half_open_and_clipped,
    a_put_replaces,
    if_absent_refuses_a_taken_name,
    if_match_refuses_another_content,
    one_of_many_wins_if_absent,
    one_of_many_wins_if_match,
    a_failing_body_leaves_the_old_state,
    a_cancelled_put_leaves_the_old_state,
    a_reader_keeps_its_bytes,
    a_deleted_blob_is_gone,
    awkward_names_lie_side_by_side_in_order,
    lists_go_by_prefix_page_and_order,
    names_that_lead_elsewhere_are_refused,
    many_at_once_do_not_disturb_each_other,
    blobs_outlive_the_store,
)
