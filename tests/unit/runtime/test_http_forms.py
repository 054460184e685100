"""Pieces as forms: what an engine that speaks HTTP is told."""

from __future__ import annotations

import email
import io
import json
import wave
from typing import Any

from pileus.runtime import http_forms
from pileus.runtime.frame_ring import JPEG, RGB24, S16LE, Slot
from pileus.runtime.http_forms import Form

CHUNK = {"number": 3, "start_ms": 400, "stop_ms": 600, "source": "lobby"}


def read(form: Form) -> dict[str, bytes]:
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()
    parts: list[Any] = email.message_from_bytes(head + form.body).get_payload()  # type: ignore[assignment]
    return {
        each.get_param("name", header="content-disposition"): each.get_payload(decode=True)
        for each in parts
    }


def slot(kind: int, data: bytes, width: int = 2, height: int = 1) -> Slot:
    return Slot(3, 400, width, height, kind, memoryview(data))


def test_a_picture_as_a_file() -> None:
    assert read(http_forms.form_of("s", CHUNK, slot(JPEG, b"\xff\xd8picture"))) == {
        "source": b"lobby", "stream": b"s", "number": b"3", "startOffsetMS": b"400",
        "endOffsetMS": b"600", "chunkMimeType": b"image/jpeg", "width": b"2", "height": b"1",
        "chunk": b"\xff\xd8picture",
    }  # fmt: skip


def test_a_picture_as_rows_with_what_another_engine_said() -> None:
    told = read(http_forms.form_of("s", CHUNK | {"record": {"a": 1}}, slot(RGB24, b"\r\n123\n")))
    assert (told["pixelFormat"], told["chunk"]) == (b"rgb24", b"\r\n123\n")
    assert json.loads(told["results"]) == {"a": 1}


def test_sound_is_a_file_that_others_can_read() -> None:
    told = read(http_forms.form_of("s", CHUNK, slot(S16LE, b"\x01\x00\x02\x00", 16_000, 0)))
    assert (told["chunkMimeType"], told["sampleRate"]) == (b"audio/wav", b"16000")
    with wave.open(io.BytesIO(told["chunk"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(9) == b"\x01\x00\x02\x00"


def test_a_segment_is_its_file() -> None:
    told = read(http_forms.form_of("s", CHUNK, None, b"\x1aE\xdf\xa3"))
    assert (told["chunkMimeType"], told["chunk"]) == (b"video/x-matroska", b"\x1aE\xdf\xa3")


def test_data_is_json() -> None:
    told = read(http_forms.form_of("s", CHUNK | {"record": {"a": 1}}, None))
    assert (told["chunkMimeType"], json.loads(told["chunk"])) == (b"application/json", {"a": 1})
    assert "results" not in told


def test_a_boundary_that_occurs_in_a_piece_is_made_longer() -> None:
    data = b"x\r\n------pileus-piece\r\n----pileus-piecex--"
    assert read(http_forms.form_of("s", CHUNK, slot(RGB24, data)))["chunk"] == data
