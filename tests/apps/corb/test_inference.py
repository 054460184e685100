"""The detector: its convention without the weights, its sight with them."""

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pileus.media import assets

CACHE = Path(__file__).parents[3] / assets.DEFAULT_FOLDER


def npy(array: Any) -> bytes:
    body = io.BytesIO()
    np.save(body, array)
    return body.getvalue()


def asset(wanted: assets.Asset) -> Path:
    """The cached file; in CI it is fetched, elsewhere a machine without it passes the test over."""
    if not (CACHE / wanted.file_name).is_file() and "CI" not in os.environ:
        pytest.skip(f"{wanted.file_name} is not cached; run python -m pileus.media.assets")
    return assets.ensure(wanted, CACHE)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import inference

    folder = tmp_path_factory.mktemp("model")
    shutil.copy(asset(assets.MODEL), folder / inference.MODEL_FILE)
    return inference.model_fn(str(folder))


def test_the_network_has_1917_anchors_inside_the_picture() -> None:
    import inference

    anchors = inference.anchors()
    assert anchors.shape == (1917, 4)
    assert anchors[:, :2].min() > 0
    assert anchors[:, :2].max() < 1
    assert anchors[0] == pytest.approx([0.5 / 19, 0.5 / 19, 0.1, 0.1])
    assert anchors[-1] == pytest.approx([0.5, 0.5, 0.9747, 0.9747], abs=1e-4)


def test_overlapping_boxes_leave_the_most_confident() -> None:
    import inference

    boxes = np.array([[0, 0, 1, 1], [0.05, 0, 1, 1], [2, 2, 3, 3], [0.6, 0, 1.6, 1]], np.float32)
    assert inference._separate(boxes) == [0, 2, 3]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 300, 300, 3), np.float32),
        np.zeros((300, 300, 3), np.uint8),
        np.zeros((1, 300, 300, 4), np.uint8),
        np.zeros((65, 300, 300, 3), np.uint8),
    ],
)
def test_other_pictures_are_refused(array: Any) -> None:
    import inference

    with pytest.raises(ValueError, match="ictures"):
        inference.input_fn(npy(array), inference.NPY)


def test_other_content_types_are_refused() -> None:
    import inference

    with pytest.raises(ValueError, match="image/jpeg"):
        inference.input_fn(b"", "image/jpeg")
    with pytest.raises(ValueError, match="text/csv"):
        inference.output_fn([], "text/csv")


def test_the_answer_is_json() -> None:
    import inference

    person = {"box": [0.1, 0.2, 0.3, 0.4], "confidence": 0.5}
    body, content_type = inference.output_fn([[person], []], "application/json")
    assert content_type == "application/json"
    assert json.loads(body) == {"predictions": [[person], []]}


@pytest.mark.slow
def test_a_picture_without_persons_has_none(detector: Any) -> None:
    import inference

    grey = np.full((2, 300, 300, 3), 127, np.uint8)
    assert inference.predict_fn(inference.input_fn(npy(grey), inference.NPY), detector) == [[], []]


@pytest.mark.slow
def test_people_on_the_sample_are_found(detector: Any) -> None:
    import inference

    pictures = []
    with av.open(str(asset(assets.VIDEO))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in (73, 649):
                small = frame.reformat(300, 300, "rgb24", interpolation="BILINEAR")
                pictures.append(small.to_ndarray())
            if number == 649:
                break
    batch = inference.input_fn(npy(np.stack(pictures)), inference.NPY)
    found = inference.predict_fn(batch, detector)
    assert [len(persons) for persons in found] == [6, 6]
    for person in found[0] + found[1]:
        x0, y0, x1, y1 = person["box"]
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        assert 0.4 <= person["confidence"] <= 1
    # The man in the middle of the road, far right, walking alone.
    assert any(abs((p["box"][0] + p["box"][2]) / 2 - 0.777) < 0.03 for p in found[0])
