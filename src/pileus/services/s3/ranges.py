"""Which bytes of an object a request is for (RFC 9110 section 14)."""

from __future__ import annotations

import re

from pileus.services.s3 import errors

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def of_header(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First byte and stop (exclusive); None where the header is ignored: absent, malformed, several.

    Raises:
        ServiceError: InvalidRange (416) when the object has none of these bytes.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if header is None or found is None or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
        if not int(last):
            raise errors.invalid_range(header, size_bytes)
    else:
        start = int(first)
        stop = min(size_bytes, int(last) + 1) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise errors.invalid_range(header, size_bytes)
    return start, stop


def of_copy(header: str, size_bytes: int) -> tuple[int, int]:
    """``x-amz-copy-source-range``, which must name first and last byte of the source.

    Raises:
        ServiceError: InvalidArgument; InvalidRequest where it begins behind the source's end.
    """
    found = _RANGE.fullmatch(header)
    if found is None or not found[1] or not found[2] or int(found[2]) < int(found[1]):
        raise errors.invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )
    start, stop = int(found[1]), int(found[2]) + 1
    if start >= size_bytes:
        raise errors.invalid_request(
            "The specified copy range is invalid for the source object size"
        )
    if stop > size_bytes:
        raise errors.invalid_argument(
            f"Range specified is not valid for source object of size: {size_bytes}",
            "x-amz-copy-source-range",
            header,
        )
    return start, stop
