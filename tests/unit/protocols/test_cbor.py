from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.protocols import cbor

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_values_survive(value: Any) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


# From appendix A of RFC 8949.
@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1903e8", 1000),
        ("3903e7", -1000),
        ("f93e00", 1.5),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
        ("f97c00", math.inf),
        ("c11a514b67b0", datetime(2013, 3, 21, 20, 4, tzinfo=UTC)),
        ("c1fb41d452d9ec200000", datetime(2013, 3, 21, 20, 4, 0, 500000, tzinfo=UTC)),
        ("62c3bc", "ü"),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_known_encodings(raw: str, value: Any) -> None:
    assert cbor.loads(bytes.fromhex(raw)) == value


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "19",
        "62c3",
        "9bffffffffffffffff",
        "bbffffffffffffffff",
        "81" * 500 + "01",
        "c201",
        "fe",
        "0101",
        "61ff",
        "c1f5",
        "c1fb7fefffffffffffff",
        "1c",
        "ff",
        "a18001",
    ],
)
def test_malformed_encodings(raw: str) -> None:
    with pytest.raises(cbor.CborError):
        cbor.loads(bytes.fromhex(raw))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        cbor.loads(raw)
    except cbor.CborError:
        pass


def test_what_cbor_cannot_hold() -> None:
    with pytest.raises(cbor.CborError):
        cbor.dumps({"a": object()})
    with pytest.raises(cbor.CborError):
        cbor.dumps(2**64)
