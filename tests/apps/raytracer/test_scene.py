"""What is no scene is refused, in words for whoever made it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import APP

MARBLES = APP / "scenes" / "marbles"


def packed(**files: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return written.getvalue()


def refusal(data: bytes) -> str:
    from tracer import scene
    from tracer.reading import BadScene

    with pytest.raises(BadScene) as raised:
        scene.read_zip(data)
    return str(raised.value)


def test_the_default_scene_is_one() -> None:
    from tracer import scene

    files = {path.name: path.read_bytes() for path in MARBLES.iterdir()}
    assert scene.read_files(files).picture.width == 720


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no zip at all", "cannot be read as a zip"),
        (packed(other__txt=b"x"), "the zip holds no scene.json"),
        (packed(scene__json=b"{"), "scene.json is not JSON"),
        (packed(scene__json=b"[" * 100_000), "scene.json is not JSON"),
        (packed(scene__json=b"[]"), "scene.json: must be an object"),
        (packed(scene__json=b"\0" * (70 << 20)), "unpacks to more than 64 MiB"),
        (packed(**{f"f{n}": b"" for n in range(65)}), "holds 65 files, may hold 64"),
    ],
    # A zip tells when it was made, so its bytes would be another name for each worker.
    ids=["no zip", "no scene", "no JSON", "deep JSON", "no object", "too large", "too many"],
)
def test_bad_zips(data: bytes, why: str) -> None:
    assert why in refusal(data)


def test_a_broken_zip() -> None:
    whole = packed(scene__json=json.dumps({"picture": "x" * 500}).encode())
    broken = whole.replace(whole[50:60], b"\xff" * 10)
    assert "cannot be read as a zip" in refusal(broken)


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s.pop("picture"), "scene.json: needs 'picture'"),
        (lambda s: s["picture"].pop("width"), "scene.json.picture: needs 'width'"),
        (lambda s: s.update(fog=1), "scene.json: has no member 'fog'"),
        (
            lambda s: s["picture"].update(width=5000),
            "scene.json.picture.width: must be from 1 to 4096, is 5000",
        ),
        (lambda s: s["picture"].update(samples=1.5), "picture.samples: must be a whole number"),
        (
            lambda s: s["picture"].update(width=4000, height=4000, tile=8),
            "makes 250000 tiles, may make 2000",
        ),
        (lambda s: s["camera"].update(look_at=[0, 9, 6], at=[0, 2, 6]), "looks along 'up'"),
        (lambda s: s["camera"].update(at=[0, 1]), "camera.at: must be an array of 3 to 3"),
        (lambda s: s["camera"].update(at=[0, 1, float("nan")]), "camera.at[2]: must be from"),
        (lambda s: s["camera"].update(at=[0, 1, True]), "camera.at[2]: must be a number"),
        (
            lambda s: s["objects"][2]["sphere"].update(radius=-1),
            "objects[2].sphere.radius: must be from 0.001 to 100000, is -1",
        ),
        (lambda s: s["objects"][0].update(material="air"), "there is no material 'air'"),
        (lambda s: s["objects"][0].update(sphere={}), "needs one of 'sphere', 'plane', 'mesh'"),
        (
            lambda s: s["objects"][4]["mesh"]["faces"].append([0, 1, 4]),
            "objects[4].mesh.faces[4][2]: must be from 0 to 3, is 4",
        ),
        (
            lambda s: s["objects"][4]["mesh"].update(faces=[[0, 1, 2]] * 4097),
            "must be an array of 1 to 4096",
        ),
        (lambda s: s.update(objects=[]), "objects: must be an array of 1 to 1000"),
        (
            lambda s: s["materials"]["wood"]["texture"].update(file="oak.png"),
            "texture.file: the zip holds no file 'oak.png'",
        ),
        (
            lambda s: s["materials"]["floor"].update(colour=[1, 1, 1]),
            "materials.floor: has several of checker, colour",
        ),
        (
            lambda s: s["materials"]["red"].update(colour=[2, 0, 0]),
            "materials.red.colour[0]: must be from 0 to 1, is 2",
        ),
        (lambda s: s["objects"][0]["plane"].update(normal=[0, 0, 0]), "must have a length"),
    ],
)
def test_bad_scenes(small: dict[str, Any], change: Change, why: str) -> None:
    change(small)
    wood = (MARBLES / "wood.png").read_bytes()
    assert why in refusal(packed(scene__json=json.dumps(small).encode(), wood__png=wood))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(header: tuple[int, ...], pixels: bytes) -> bytes:
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header)), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


ROW = zlib.compress(bytes(4))


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (b"GIF89a", "wood.png: is not a whole PNG file"),
        (_png((1, 1, 8, 2, 0, 0, 0), ROW)[:-20], "wood.png: is not a whole PNG file"),
        (_png((1, 1, 8, 2, 0, 0, 0), ROW).replace(b"IDAT", b"IDAX"), "is not a whole PNG file"),
        (_png((1, 1, 16, 2, 0, 0, 0), ROW), "must have eight bits a channel"),
        (_png((1, 1, 8, 3, 0, 0, 0), ROW), "no palette"),
        (_png((1, 1, 8, 2, 0, 0, 1), ROW), "no interlacing"),
        (_png((9999, 1, 8, 2, 0, 0, 0), ROW), "is 9999 × 1, may be up to 2048 × 2048"),
        (_png((1, 1, 8, 2, 0, 0, 0), b"rubbish"), "its pixels are broken"),
        (_png((1, 2, 8, 2, 0, 0, 0), ROW), "its pixels are not all there"),
        (_png((1, 1, 8, 2, 0, 0, 0), zlib.compress(b"\x07abc")), "the unknown filter 7"),
    ],
)
def test_bad_textures(small: dict[str, Any], picture: bytes, why: str) -> None:
    assert why in refusal(packed(scene__json=json.dumps(small).encode(), wood__png=picture))
