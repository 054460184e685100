from __future__ import annotations

import pytest

from pileus.values import checksums
from pileus.values.checksums import ALGORITHMS, checksum

# The check values of "123456789" from the CRC catalogue and RFC 3174, FIPS 180-4.
KNOWN = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("is_native", [True, False])
def test_known_values(algorithm: str, is_native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_native:
        monkeypatch.setattr(checksums, "_native", lambda _: None)
    found = checksum(algorithm.lower())
    for piece in (b"1", b"2345", b"", b"6789"):
        found.update(piece)
    assert found.digest().hex() == KNOWN[algorithm]


def test_unknown_algorithms_are_named() -> None:
    with pytest.raises(ValueError, match="MD4"):
        checksum("MD4")
