"""A tar archive as it streams by: POSIX (ustar, pax) and GNU headers, bounded, never seeking.

Our own, because the archive is a stranger's: the standard library's reader takes extended headers
of any size into memory. https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html,
https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from pileus.compute.images.errors import ImageRefused

BLOCK_BYTES = 512
EXTENSION_BYTES_MAX = 1 << 20
"""Of one extended header; names and attributes fit in thousands of bytes."""
_CHUNK_BYTES = 1 << 20
_XATTR = "SCHILY.xattr."
_TYPES = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "link",
    b"2": "symlink",
    b"3": "character device",
    b"4": "block device",
    b"5": "folder",
    b"6": "FIFO",
}


class Entry(msgspec.Struct):
    """One member of the archive.

    Attributes:
        name: as written, ``/`` between its steps; bytes that are no UTF-8 as surrogates.
        kind: ``file``, ``link`` (hard), ``symlink``, ``folder``, ``character device``,
            ``block device`` or ``FIFO``.
        target: what a link points to.
        size_bytes: of a file's content.
        modified_s: epoch seconds.
        xattrs: extended attributes by name.
    """

    name: str
    kind: str
    mode: int
    user_id: int
    group_id: int
    size_bytes: int
    modified_s: float
    target: str = ""
    xattrs: Mapping[str, bytes] = msgspec.field(default_factory=dict)


class TarReader:
    """Iterates the entries; :meth:`content` gives the bytes of the entry just met.

    Args:
        read: at most that many bytes of the archive; empty at its end.

    Raises:
        ImageRefused: no tar archive, a damaged one, or one with entries nobody could mean.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._source = read
        self._held = b""
        self._at = 0
        self._left_bytes = 0
        self._padding_bytes = 0
        self._globals: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[Entry]:
        extended: dict[str, bytes] = {}
        while True:
            self._skip()
            block = self._block()
            if not block.strip(b"\0"):
                self._drain()
                return
            _check(block)
            kind = block[156:157]
            if kind in b"xgLK":
                self._extend(block, kind, extended)
                continue
            entry = _entry(block, {**self._globals, **extended})
            extended = {}
            self._begin(entry.size_bytes if entry.kind == "file" else 0)
            yield entry

    def content(self) -> Iterator[bytes]:
        """The bytes of the entry just met, in pieces."""
        while self._left_bytes:
            piece = self._read(min(self._left_bytes, _CHUNK_BYTES))
            self._left_bytes -= len(piece)
            yield piece

    def _extend(self, block: bytes, kind: bytes, extended: dict[str, bytes]) -> None:
        size = _number(block[124:136])
        if size > EXTENSION_BYTES_MAX:
            raise ImageRefused(f"an extended header of {size} bytes is longer than any name")
        self._begin(size)
        raw = b"".join(self.content())
        if kind == b"L":
            extended["path"] = raw.rstrip(b"\0")
        elif kind == b"K":
            extended["linkpath"] = raw.rstrip(b"\0")
        else:
            (self._globals if kind == b"g" else extended).update(_records(raw))
            if sum(map(len, self._globals.values())) > EXTENSION_BYTES_MAX:
                raise ImageRefused("the global headers are longer than any name")

    def _begin(self, size: int) -> None:
        self._left_bytes = size
        self._padding_bytes = -size % BLOCK_BYTES

    def _skip(self) -> None:
        for _ in self.content():
            pass
        if self._padding_bytes:
            self._read(self._padding_bytes, whole=True)
            self._padding_bytes = 0

    def _block(self) -> bytes:
        """The next header; zeros at the end of an archive that lacks its closing blocks."""
        first = self._piece(BLOCK_BYTES)
        if not first or len(first) == BLOCK_BYTES:
            return first or bytes(BLOCK_BYTES)
        return first + self._read(BLOCK_BYTES - len(first), whole=True)

    def _drain(self) -> None:
        """Read what follows the end, which belongs to the layer's digest."""
        while self._piece(_CHUNK_BYTES):
            pass

    def _read(self, size: int, *, whole: bool = False) -> bytes:
        pieces, missing = [], size
        while missing:
            piece = self._piece(missing)
            if not piece:
                raise ImageRefused("the archive ends in the middle of an entry")
            pieces.append(piece)
            missing -= len(piece)
            if not whole:
                break
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        if self._at >= len(self._held):
            self._held, self._at = self._source(_CHUNK_BYTES), 0
        piece = self._held[self._at : self._at + size]
        self._at += len(piece)
        return piece


def _check(block: bytes) -> None:
    """Header checksum: the sum of the bytes with the checksum itself as blanks."""
    try:
        told = _number(block[148:156])
    except ImageRefused:
        told = -1
    unsigned = sum(block) - sum(block[148:156]) + 8 * 0x20
    if told != unsigned:
        # Some old writers summed signed characters.
        signed = unsigned - 256 * sum(1 for byte in block[:148] + block[156:] if byte > 127)
        if told != signed:
            raise ImageRefused("this is no tar archive, or it is damaged")


def _entry(block: bytes, extended: Mapping[str, bytes]) -> Entry:
    name = _text(extended["path"]) if "path" in extended else _name(block)
    kind = _TYPES.get(block[156:157])
    if block[156:157] == b"S" or any(key.startswith("GNU.sparse") for key in extended):
        raise ImageRefused(f"the entry {name!r} is a sparse file, which layers cannot hold")
    if kind is None:
        raise ImageRefused(f"the entry {name!r} is of an unknown type {block[156:157]!r}")
    if kind == "file" and name.endswith("/"):
        kind = "folder"
    target = extended.get("linkpath")
    size = extended.get("size")
    modified = extended.get("mtime")
    return Entry(
        name=name,
        kind=kind,
        mode=_number(block[100:108]) & 0o7777,
        user_id=_decimal(extended.get("uid"), block[108:116]),
        group_id=_decimal(extended.get("gid"), block[116:124]),
        size_bytes=_number(block[124:136]) if size is None else _decimal(size, b""),
        modified_s=_number(block[136:148]) if modified is None else _seconds(modified),
        target=_text(_until_zero(block[157:257])) if target is None else _text(target),
        xattrs={
            key.removeprefix(_XATTR): value
            for key, value in extended.items()
            if key.startswith(_XATTR)
        },
    )


def _name(block: bytes) -> str:
    name = _until_zero(block[:100])
    # GNU's own magic is followed by a blank; there the prefix field means something else.
    if block[257:263] == b"ustar\0" and (prefix := _until_zero(block[345:500])):
        name = prefix + b"/" + name
    return _text(name)


def _records(raw: bytes) -> dict[str, bytes]:
    """``"<length> <key>=<value>\\n"``, repeated."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(raw):
        blank = raw.find(b" ", at, at + 20)
        length = int(raw[at:blank]) if blank > at and raw[at:blank].isdigit() else 0
        record = raw[blank + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if length <= 0 or at + length > len(raw) or not equals or not value.endswith(b"\n"):
            raise ImageRefused("an extended header is damaged")
        found[_text(key)] = value[:-1]
        at += length
    return found


def _number(field: bytes) -> int:
    """Octal text, or GNU's base 256 for what is too large for it."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] & 0x40:
            raise ImageRefused("a header holds a negative number")
        return value
    text = _until_zero(field).strip(b" \0")
    try:
        return int(text or b"0", 8)
    except ValueError:
        raise ImageRefused("a header holds what is no number") from None


def _decimal(value: bytes | None, field: bytes) -> int:
    if value is None:
        return _number(field)
    if not value.isdigit():
        raise ImageRefused("an extended header holds what is no number")
    return int(value)


def _seconds(value: bytes) -> float:
    try:
        return float(value)
    except ValueError:
        raise ImageRefused("an extended header holds what is no time") from None


def _until_zero(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
