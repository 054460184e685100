"""What a client says about the bytes it sends, and whether it holds.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.services.s3 import errors
from pileus.services.s3.crc_combination import combine
from pileus.services.s3.model import Digest
from pileus.values.checksums import ALGORITHMS, checksum, encoded

FULL_OBJECT = "FULL_OBJECT"
COMPOSITE = "COMPOSITE"
_DIGEST_BYTES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
_UNSUPPORTED = ("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
_MEMBERS = {algorithm: f"Checksum{algorithm}" for algorithm in ALGORITHMS}
_ALGORITHMS = {member: algorithm for algorithm, member in _MEMBERS.items()}
_ALL_MEMBERS = frozenset(_ALGORITHMS) | {f"Checksum{name}" for name in _UNSUPPORTED}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the bytes of a request are to be.

    Attributes:
        md5: 16 bytes from Content-MD5, or empty.
        algorithm: the checksum to compute, or empty.
        value: what the client says it is, base64, or empty.
    """

    md5: bytes = b""
    algorithm: str = ""
    value: str = ""


def expected(request: Mapping[str, Any]) -> Expected:
    """From the members of PutObject or UploadPart.

    Raises:
        ServiceError: InvalidDigest, InvalidRequest; NotImplemented for an algorithm of AWS's that
            this house does not compute.
    """
    algorithm, value = given(request)
    if not algorithm:
        algorithm = request.get("ChecksumAlgorithm") or ""
        _check_known(algorithm)
    return Expected(_md5(request.get("ContentMD5")), algorithm, value)


def given(request: Mapping[str, Any]) -> tuple[str, str]:
    """The one ``Checksum…`` member and its algorithm; two empty texts where there is none.

    Raises:
        ServiceError: InvalidRequest for several, or one that is no digest of its algorithm.
    """
    given = _ALL_MEMBERS & request.keys()
    if not given:
        return "", ""
    for name in _UNSUPPORTED:
        if f"Checksum{name}" in given:
            _check_known(name)
    found = [(_ALGORITHMS[member], request[member]) for member in given if request[member]]
    if not found:
        return "", ""
    if len(found) > 1:
        raise errors.invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    algorithm, value = found[0]
    plain = value.rpartition("-")[0] or value if "-" in value else value
    if _size_of(plain) != _DIGEST_BYTES[algorithm]:
        raise errors.invalid_request(
            f"Value for x-amz-checksum-{algorithm.lower()} header is invalid."
        )
    return algorithm, value


def _check_known(algorithm: str) -> None:
    if algorithm and algorithm not in ALGORITHMS:
        raise errors.unsupported(f"the checksum algorithm {algorithm}")


def _size_of(value: str) -> int:
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return -1


def _md5(content_md5: str | None) -> bytes:
    if not content_md5:
        return b""
    try:
        raw = base64.b64decode(content_md5, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise errors.invalid_digest(content_md5)
    return raw


class Tally:
    """Counts and digests bytes as they pass."""

    __slots__ = ("_checksum", "_expected", "_md5", "size_bytes")

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksum = checksum(expected.algorithm) if expected.algorithm else None
        self.size_bytes = 0

    def update(self, piece: bytes) -> None:
        """Take in the next bytes."""
        self.size_bytes += len(piece)
        self._md5.update(piece)
        if self._checksum is not None:
            self._checksum.update(piece)

    def finish(self) -> tuple[str, Digest | None]:
        """The hex MD5 and the checksum that was asked for.

        Raises:
            ServiceError: BadDigest where the bytes are not what the client said.
        """
        wanted = self._expected
        if wanted.md5 and wanted.md5 != self._md5.digest():
            calculated = base64.b64encode(self._md5.digest()).decode()
            raise errors.bad_digest(base64.b64encode(wanted.md5).decode(), calculated)
        digest = None
        if self._checksum is not None:
            digest = Digest(wanted.algorithm, encoded(self._checksum))
            if wanted.value and digest.value != wanted.value:
                raise errors.bad_checksum(wanted.algorithm)
        return self._md5.hexdigest(), digest


def shown(digest: Digest | None) -> dict[str, str]:
    """Output members that tell a digest."""
    if digest is None:
        return {}
    return {_MEMBERS[digest.algorithm]: digest.value, "ChecksumType": digest.kind}


def shown_value(digest: Digest | None) -> dict[str, str]:
    """The digest without its type, as parts show it."""
    return {} if digest is None else {_MEMBERS[digest.algorithm]: digest.value}


def kind_for(algorithm: str, wanted: str | None) -> str:
    """The checksum type of a multipart upload; raises InvalidRequest for a pair S3 refuses."""
    if not algorithm:
        if wanted:
            raise errors.invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
                "header."
            )
        return ""
    _check_known(algorithm)
    kind = wanted or (FULL_OBJECT if algorithm == "CRC64NVME" else COMPOSITE)
    is_refused = algorithm == "CRC64NVME" if kind == COMPOSITE else algorithm.startswith("SHA")
    if is_refused:
        raise errors.invalid_request(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum "
            "algorithm."
        )
    return kind


def of_parts(
    algorithm: str, kind: str, parts: Iterable[tuple[str, int]], count: int
) -> Digest | None:
    """The checksum of an assembled object from its parts' (base64 value, size in bytes)."""
    if not algorithm:
        return None
    if kind == COMPOSITE:
        whole = checksum(algorithm)
        for value, _ in parts:
            whole.update(base64.b64decode(value))
        return Digest(algorithm, f"{encoded(whole)}-{count}", COMPOSITE)
    total = 0
    for value, size_bytes in parts:
        total = combine(
            algorithm, total, int.from_bytes(base64.b64decode(value), "big"), size_bytes
        )
    raw = total.to_bytes(_DIGEST_BYTES[algorithm], "big")
    return Digest(algorithm, base64.b64encode(raw).decode(), FULL_OBJECT)
