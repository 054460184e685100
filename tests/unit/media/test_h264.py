"""Annex-B streams are split at start codes of either length."""

from pileus.media.h264 import codec_string, has_idr, nal_units

SPS_UNIT = bytes.fromhex("6742c01fda03")
STREAM = b"\0\0\0\1" + SPS_UNIT + b"\0\0\0\1" + b"\x68\xce" + b"\0\0\1" + b"\x65\x88\x80"


def test_units_come_without_start_codes() -> None:
    assert list(nal_units(STREAM)) == [SPS_UNIT, b"\x68\xce", b"\x65\x88\x80"]


def test_an_idr_picture_is_seen() -> None:
    assert has_idr(STREAM)
    assert not has_idr(b"\0\0\1\x41\x9a")
    assert not has_idr(b"")


def test_the_codec_string_names_profile_and_level() -> None:
    assert codec_string(STREAM) == "avc1.42c01f"
    assert codec_string(b"\0\0\1\x41\x9a") is None
