"""The renderer: a pixel is the same in whatever tile, and looks as geometry and optics say."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import APP

WOOD = (APP / "scenes" / "marbles" / "wood.png").read_bytes()


def read(scene: dict[str, Any]) -> Any:
    from tracer import scene as scenes

    return scenes.read_files({"scene.json": json.dumps(scene).encode(), "wood.png": WOOD})


def pixels(scene: dict[str, Any]) -> Any:
    """(height, width, 3), uint8."""
    from tracer import film

    image = film.render(read(scene))
    return np.frombuffer(image.rgb, np.uint8).reshape(image.height, image.width, 3)


def plain(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Looking along -z at the origin from 10 away, under a white sky without lamps."""
    return {
        "picture": {"width": 21, "height": 21, "samples": 1, **more.pop("picture", {})},
        "camera": {"at": [0, 0, 10], "look_at": [0, 0, 0], "field_of_view": 20},
        "sky": {"horizon": [1, 1, 1], "zenith": [1, 1, 1], "ambient": 0},
        "objects": list(objects),
        **more,
    }


@settings(max_examples=12)
@given(side=st.integers(8, 40))
def test_the_tiles_of_any_division_make_the_same_picture(side: int) -> None:
    from tracer import film, tiles

    scene = read({**SMALL, "picture": {**SMALL["picture"], "tile": side}})
    made = film.Film(scene)
    parts = [made.pixels(tile) for tile in tiles.tiles(scene.picture)]
    assert tiles.assemble(scene.picture, parts.__getitem__) == WHOLE["image"]


SMALL: dict[str, Any] = {}
WHOLE: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _small(small: dict[str, Any]) -> None:
    from tracer import film

    if not SMALL:
        SMALL.update(small)
        WHOLE["image"] = film.render(read(small))


def test_a_single_pixel_alone_is_the_same() -> None:
    from tracer import film, tiles

    made = film.Film(read(SMALL))
    image = WHOLE["image"]
    for x, y in ((0, 0), (35, 24), (17, 12), (20, 15), (9, 14)):
        at = (y * image.width + x) * 3
        assert made.pixels(tiles.Tile(x, y, 1, 1)) == image.rgb[at : at + 3]


def test_another_seed_is_another_noise(small: dict[str, Any]) -> None:
    small["picture"]["seed"] = 4
    assert pixels(small).tobytes() != WHOLE["image"].rgb


def test_a_black_sphere_covers_the_disc_that_geometry_says() -> None:
    black = {"colour": [0, 0, 0]}
    seen = pixels(
        plain(
            {"sphere": {"at": [0, 0, 0], "radius": 1}, "material": black},
            picture={"width": 201, "height": 201, "samples": 1},
        )
    )
    dark = (seen[:, :, 0] < 10).sum()
    # The cone that touches the sphere: sine 1/10. On a screen 201 pixels high for 20 degrees.
    radius = np.tan(np.arcsin(0.1)) / (2 * np.tan(np.radians(10)) / 201)
    assert dark == pytest.approx(np.pi * radius**2, rel=0.01)


@pytest.mark.parametrize("facing", [1, -1])
def test_a_triangle_covers_its_half_of_the_screen(facing: int) -> None:
    faces = [[0, 1, 2][::facing]]
    mesh = {"points": [[-9, -9, 0], [9, -9, 0], [9, 9, 0]], "faces": faces}
    seen = pixels(plain({"mesh": mesh, "material": {"colour": [0, 0, 0]}}))
    for y in range(21):
        for x in range(21):
            if x - (20 - y) >= 2:
                assert seen[y, x].max() < 10
            if (20 - y) - x >= 2:
                assert seen[y, x].min() > 200


def test_a_perfect_mirror_shows_what_is_behind_the_camera() -> None:
    mirror = {"plane": {"at": [0, 0, 0], "normal": [0, 0, 1]}, "material": {"mirror": 1}}
    ball = {"sphere": {"at": [0, 0, 30], "radius": 2}, "material": {"colour": [0, 0, 0]}}
    seen = pixels(plain(mirror, ball))
    assert seen[10, 10].max() < 10
    assert seen[0, 0].min() > 200


def test_glass_as_thick_as_air_is_not_seen() -> None:
    air = {"colour": [1, 1, 1], "glass": 1}
    back = {
        "plane": {"at": [0, 0, -5], "normal": [0, 0, 1]},
        "material": {"checker": {"colours": [[1, 0, 0], [0, 0, 1]], "size": 1}},
    }
    lamp = [{"at": [0, 0, 20], "colour": [200, 200, 200]}]
    sky = {"ambient": 1}
    given = {"sky": sky, "lights": lamp}
    ball = {"sphere": {"at": [0, 0, 5], "radius": 1}, "material": air}
    beside = {"sphere": {"at": [0, 50, 5], "radius": 1}, "material": air}
    with_it, without = pixels(plain(back, ball, **given)), pixels(plain(back, beside, **given))
    # It still takes a little of the lamp's light, as all glass here does.
    assert np.abs(with_it.astype(int) - without).max() <= 40
    assert ((with_it[:, :, 0] > 100) == (without[:, :, 0] > 100)).all()


def test_a_ball_of_glass_turns_the_picture_round() -> None:
    """Thicker glass is a lens: what is on the left far behind it is seen on the right."""
    left = {"sphere": {"at": [-20, 0, -40], "radius": 18}, "material": {"colour": [0, 0, 0]}}
    ball = {
        "sphere": {"at": [0, 0, 0], "radius": 1.6},
        "material": {"colour": [1, 1, 1], "glass": 1.5},
    }
    seen = pixels(plain(left, ball))
    assert seen[10, 5].min() > seen[10, 15].max() + 60


def test_shadows_lie_away_from_the_lamp() -> None:
    floor = {"plane": {"at": [0, 0, 0], "normal": [0, 1, 0]}, "material": {"colour": [1, 1, 1]}}
    ball = {"sphere": {"at": [0, 1, 0], "radius": 0.6}, "material": {"colour": [1, 1, 1]}}
    seen = pixels(
        plain(
            floor,
            ball,
            camera={"at": [0, 9, 0.01], "look_at": [0, 0, 0], "field_of_view": 30},
            lights=[{"at": [-6, 6, 0], "colour": [50, 50, 50]}],
        )
    )
    assert seen[10, 16].max() < 10 < seen[10, 2].min()


def test_a_point_lamp_lights_by_the_inverse_square() -> None:
    """Seen through the film's curve, of which light is the inverse."""
    from tracer.film import _bytes

    floor = {"plane": {"at": [0, 0, 0], "normal": [0, 0, 1]}, "material": {"colour": [1, 1, 1]}}
    for far in (2.0, 4.0):
        lamp = [{"at": [0, 0, far], "colour": [3, 3, 3]}]
        seen = pixels(plain(floor, lights=lamp))[10, 10]
        assert bytes(seen) == _bytes(np.full((3, 1), 3 / far**2))


@pytest.mark.parametrize("mode", [cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_files_of_others_are_read(channels: int, mode: int) -> None:
    from tracer import png

    chance = np.random.default_rng(channels)
    smooth = np.cumsum(chance.integers(-3, 4, (23, 31, channels)), axis=1).astype(np.uint8)
    for strategy in range(5):
        packed = cv2.imencode(".png", smooth, [cv2.IMWRITE_PNG_STRATEGY, strategy])[1].tobytes()
        rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(packed, np.uint8), 1), cv2.COLOR_BGR2RGB)
        read_image = png.read(packed, "x.png")
        assert (read_image.width, read_image.height) == (31, 23)
        assert read_image.rgb == rgb.tobytes()


def test_others_read_the_png_files_that_are_written() -> None:
    from tracer import png

    image = WHOLE["image"]
    packed = png.write(image)
    shown = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
    assert cv2.cvtColor(shown, cv2.COLOR_BGR2RGB).tobytes() == image.rgb
    assert png.read(packed, "own.png") == image


def test_a_tile_of_another_size_is_refused() -> None:
    from tracer import tiles

    picture = read(SMALL).picture
    with pytest.raises(ValueError, match="tile 0 has 3 bytes, not 363"):
        tiles.assemble(picture, lambda _number: b"abc")
