# ruff: noqa: ASYNC221, ASYNC240 - a few small files
import asyncio
import gzip
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pileus.compute.images.errors import DigestMismatch, ImageRefused, NoRoom
from pileus.compute.images.layer_folders import LayerFolders
from pileus.compute.images.layer_store import LayerStore
from pileus.compute.images.layer_unpacking import UnpackLimits
from pileus.compute.images.manifests import OCI_LAYER, digest_of
from pileus.compute.images.model import Image, ImageConfig, Layer, Platform
from pileus.testing.images import tar_of

FIRST = tar_of({"a": b"1", "etc/": b""})
SECOND = tar_of({"a": b"2", "b": b"x" * 10_000})


def layer_of(raw: bytes, kept: bytes, compression: str = "") -> Layer:
    return Layer(digest_of(kept), digest_of(raw), len(kept), OCI_LAYER, compression)


def image_of(*layers: Layer) -> Image:
    return Image("i:1", "sha256:0", layers, ImageConfig(), Platform("amd64"))


class Source:
    """Layers in memory; counts how often each is asked for."""

    def __init__(self, *kept: bytes) -> None:
        self._kept = {digest_of(raw): raw for raw in kept}
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def layer_bytes(self, image: Image, layer: Layer) -> AsyncIterator[bytes]:
        self.asked.append(layer.digest)
        await self.go_on.wait()
        raw = self._kept[layer.digest]
        for at in range(0, len(raw), 1000):
            yield raw[at : at + 1000]


def folders(
    root: Path, quota: int = 1 << 30, flush: Callable[[str], None] = lambda _: None
) -> LayerFolders:
    root.mkdir(exist_ok=True)
    return LayerFolders(root, quota, UnpackLimits(), flush)


async def test_layers_come_top_first_and_once(tmp_path: Path) -> None:
    source = Source(FIRST, gzip.compress(SECOND))
    store = LayerStore(source, folders(tmp_path))
    image = image_of(layer_of(FIRST, FIRST), layer_of(SECOND, gzip.compress(SECOND), "gzip"))
    source.go_on.clear()
    asked = [asyncio.create_task(store.unpacked(image, str(n))) for n in range(3)]
    await asyncio.sleep(0)
    source.go_on.set()
    found = await asyncio.gather(*asked)
    assert found[0] == found[1] == found[2]
    assert [Path(folder, "a").read_bytes() for folder in found[0]] == [b"2", b"1"]
    assert len(source.asked) == 2
    await store.close()


async def test_layers_are_there_again_after_a_restart(tmp_path: Path) -> None:
    source = Source(FIRST)
    store = LayerStore(source, folders(tmp_path))
    before = await store.unpacked(image_of(layer_of(FIRST, FIRST)), "t")
    await store.close()
    store = LayerStore(source, folders(tmp_path))
    assert await store.unpacked(image_of(layer_of(FIRST, FIRST)), "t") == before
    assert len(source.asked) == 1
    await store.close()


@pytest.mark.parametrize("moment", ["flush", "marker", "rename"])
async def test_a_crash_leaves_no_half_layer(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    # As after a power cut, nothing is tidied up.
    monkeypatch.setattr("pileus.compute.images.layer_folders.remove_tree", lambda _: None)
    made = folders(tmp_path, flush=cut if moment == "flush" else lambda _: None)
    made.open()
    if moment == "marker":
        monkeypatch.setattr("pileus.compute.images.layer_folders.msgspec.json.encode", cut)
    if moment == "rename":
        monkeypatch.setattr("pileus.compute.images.layer_folders.os.rename", cut)
    layer = layer_of(FIRST, FIRST)
    pieces = iter([FIRST])
    with pytest.raises(PowerCut):
        made.make(layer, lambda _: next(pieces, b""))
    monkeypatch.undo()
    again = folders(tmp_path)
    again.open()
    assert again.find(layer.diff_id) is None
    assert [p.name for p in tmp_path.rglob("*")] == ["partial"]
    pieces = iter([FIRST])
    assert Path(again.make(layer, lambda _: next(pieces, b"")), "a").read_bytes() == b"1"


async def test_the_quota_takes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    raw = [tar_of({"a": bytes([n]) * 10_000}) for n in range(3)]
    source = Source(*raw)
    store = LayerStore(source, folders(tmp_path, 35_000))
    images = [image_of(layer_of(each, each)) for each in raw]
    for image in images[:2]:
        await store.unpacked(image, "t")
        store.release("t")
    await store.unpacked(images[0], "t")
    store.release("t")
    await store.unpacked(images[2], "t")
    store.release("t")
    assert len(source.asked) == 3
    await store.unpacked(images[0], "t")
    assert len(source.asked) == 3
    await store.unpacked(images[1], "u")
    assert len(source.asked) == 4
    await store.close()


async def test_layers_in_use_are_never_deleted(tmp_path: Path) -> None:
    raw = [tar_of({"a": bytes([n]) * 10_000}) for n in range(2)]
    store = LayerStore(Source(*raw), folders(tmp_path, 15_000))
    (folder,) = await store.unpacked(image_of(layer_of(raw[0], raw[0])), "running")
    with pytest.raises(NoRoom, match="image_cache_bytes"):
        await store.unpacked(image_of(layer_of(raw[1], raw[1])), "t")
    assert Path(folder, "a").exists()
    store.release("running")
    await store.unpacked(image_of(layer_of(raw[1], raw[1])), "t")
    assert not Path(folder).exists()
    await store.close()


async def test_another_content_than_the_image_says_is_refused(tmp_path: Path) -> None:
    store = LayerStore(Source(FIRST), folders(tmp_path))
    wrong = Layer(digest_of(FIRST), digest_of(SECOND), len(FIRST), OCI_LAYER)
    with pytest.raises(DigestMismatch):
        await store.unpacked(image_of(wrong), "t")
    assert list((tmp_path / "partial").iterdir()) == []
    await store.close()


async def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = tar_of({"a": bytes(50_000_000)})
    kept = gzip.compress(bomb)
    store = LayerStore(Source(kept), folders(tmp_path, 1_000_000))
    with pytest.raises(ImageRefused, match="unpacks to more"):
        await store.unpacked(image_of(layer_of(bomb, kept, "gzip")), "t")
    await store.close()


async def test_zeros_without_end_after_the_archive_are_a_bomb(tmp_path: Path) -> None:
    kept = gzip.compress(FIRST + bytes(60_000_000))
    store = LayerStore(Source(kept), folders(tmp_path, 1_000_000))
    with pytest.raises(ImageRefused, match="bomb"):
        await store.unpacked(image_of(layer_of(FIRST, kept, "gzip")), "t")
    await store.close()


async def test_zstd_where_the_program_is_there(tmp_path: Path) -> None:
    program = shutil.which("zstd")
    if program is None:
        pytest.skip("zstd is not installed")
    kept = subprocess.run([program, "-c"], input=SECOND, capture_output=True, check=True).stdout
    store = LayerStore(Source(kept, kept[:40]), folders(tmp_path))
    (folder,) = await store.unpacked(image_of(layer_of(SECOND, kept, "zstd")), "t")
    assert Path(folder, "a").read_bytes() == b"2"
    damaged = Layer(digest_of(kept[:40]), digest_of(FIRST), 40, OCI_LAYER, "zstd")
    with pytest.raises(ImageRefused, match="zstd stream is damaged"):
        await store.unpacked(image_of(damaged), "t")
    await store.close()


async def test_zstd_without_the_program_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    store = LayerStore(Source(FIRST), folders(tmp_path))
    with pytest.raises(ImageRefused, match="zstd is not installed"):
        await store.unpacked(image_of(layer_of(FIRST, FIRST, "zstd")), "t")
    await store.close()
