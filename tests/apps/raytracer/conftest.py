"""The ray tracer's modules, imported as its functions and tasks would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parents[3] / "apps" / "raytracer"


@pytest.fixture(scope="session", autouse=True)
def app_on_path() -> Iterator[None]:
    """What the runtime does with the unpacked package."""
    sys.path.insert(0, str(APP))
    yield
    sys.path.remove(str(APP))


@pytest.fixture
def small() -> dict[str, Any]:
    """A scene with everything in it, small enough to be rendered in a moment."""
    return {
        "picture": {"width": 36, "height": 25, "samples": 2, "tile": 11, "bounces": 4, "seed": 3},
        "camera": {"at": [0, 2, 6], "look_at": [0, 0.7, 0], "field_of_view": 40},
        "sky": {"horizon": [0.8, 0.7, 0.6], "zenith": [0.2, 0.3, 0.6], "ambient": 0.3},
        "lights": [{"at": [-4, 6, 4], "colour": [60, 55, 50], "size": 1.5}],
        "materials": {
            "floor": {"checker": {"colours": [[0.8, 0.8, 0.8], [0.1, 0.1, 0.1]], "size": 0.7}},
            "wood": {
                "texture": {
                    "file": "wood.png",
                    "at": [0, 0, 0],
                    "across": [2, 0, 0],
                    "down": [0, 0, 2],
                },
                "highlight": 0.3,
            },
            "silver": {"mirror": 0.8, "highlight": 1, "gloss": 8},
            "glass": {"colour": [0.9, 1, 0.95], "glass": 1.5, "highlight": 1},
            "red": {"colour": [0.9, 0.1, 0.1]},
        },
        "objects": [
            {"plane": {"at": [0, 0, 0], "normal": [0, 1, 0]}, "material": "floor"},
            {"plane": {"at": [0, 0.01, 0], "normal": [0, 1, 0], "radius": 2}, "material": "wood"},
            {"sphere": {"at": [-1, 0.8, -0.5], "radius": 0.8}, "material": "silver"},
            {"sphere": {"at": [0.4, 0.6, 1], "radius": 0.6}, "material": "glass"},
            {
                "mesh": {
                    "points": [[1, 0, 0], [2.2, 0, 0], [1.6, 0, -1], [1.6, 1.2, -0.4]],
                    "faces": [[0, 1, 3], [1, 2, 3], [2, 0, 3], [0, 2, 1]],
                },
                "material": "red",
            },
        ],
    }
