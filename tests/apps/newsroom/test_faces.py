"""Faces are found and known again, on pictures that packages ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_the_man_has_one_face_in_every_picture(man: list[Any]) -> None:
    import face_finding

    for picture in man:
        (face,) = face_finding.find(picture)
        assert face.score > 0.8
        left, top, right, bottom = face.box
        assert 0.1 < left < right < 0.8 and 0.1 < top < bottom < 0.8
        eyes, mouth = face.points[:2, 1].mean(), face.points[3:, 1].mean()
        assert top * 480 < eyes < mouth < bottom * 480


def test_he_is_known_again_and_a_mirror_or_a_smaller_picture_changes_nothing(
    man: list[Any],
) -> None:
    import cv2
    import face_finding

    first = face_finding.embed(man[0], face_finding.find(man[0])[0])
    others = [*man[1:], np.ascontiguousarray(man[2][:, ::-1]), cv2.resize(man[3], (320, 240))]
    for picture in others:
        (face,) = face_finding.find(picture)
        name, distance = face_finding.whose(face_finding.embed(picture, face), {"man": [first]})
        assert (name, distance < 0.56) == ("man", True)


def test_somebody_else_is_not_he(man: list[Any]) -> None:
    import face_finding

    faces = [face_finding.embed(each, face_finding.find(each)[0]) for each in man[:2]]
    stranger = faces[0] + np.full(128, 0.1)
    assert face_finding.whose(stranger, {"man": faces}) == ("", 0.6)
    assert face_finding.whose(faces[0], {}) == ("", 0.6)
    nearer = {"other": [stranger], "man": [faces[1]]}
    assert face_finding.whose(faces[0], nearer)[0] == "man"


def test_a_picture_without_faces_has_none(installed: None) -> None:
    import face_finding

    grey = np.full((240, 320, 3), 127, np.uint8)
    assert face_finding.find(grey) == []
    noise = np.random.default_rng(1).integers(0, 255, (100, 333, 3), dtype=np.uint8)
    assert face_finding.find(noise) == []


def test_enrolment_wants_exactly_one_face(man: list[Any], tmp_path: Path) -> None:
    import cv2
    import enrol

    cv2.imwrite(str(tmp_path / "man.png"), man[0][:, :, ::-1])
    cv2.imwrite(str(tmp_path / "two.png"), np.hstack([man[0], man[1]])[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "none.png"), np.full((200, 200, 3), 127, np.uint8))
    assert len(json.loads(json.dumps(enrol.embedding_of(tmp_path / "man.png")))) == 128
    for name, words in (
        ("two", "shows 2 faces"),
        ("none", "shows 0 faces"),
        ("gone", "no picture"),
    ):
        with pytest.raises(enrol.UnfitPicture, match=words):
            enrol.embedding_of(tmp_path / f"{name}.png")


def test_pictures_of_a_talking_man_are_safe(man: list[Any]) -> None:
    import moderation

    from pileus.engines import EngineContext, Frame

    context = EngineContext("studio", "1", lambda: 1000)
    frames = [Frame(each, 0, "studio", number) for number, each in enumerate(man)]
    told = moderation.judge(frames, context)
    assert told is not None and len(told) == len(man)
    for (found,) in told:
        assert found["label"] == "unsafe"
        assert 0 <= found["confidence"] < 0.15
        assert found["attributes"] == {"is_flagged": False}
