"""The page's files, read once, compressed once, known by their content.

Only names found in ``static/`` are ever opened, so a path cannot leave the folder.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import msgspec

from pileus.console.answers import text_answer
from pileus.protocols.http import HttpRequest, HttpResponse

STATIC_FOLDER = Path(__file__).parent / "static"
_COMPRESS_FROM_BYTES = 512
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


class Asset(msgspec.Struct, frozen=True):
    """One file, ready to send."""

    content_type: str
    etag: str
    plain: bytes
    gzipped: bytes | None


class Assets:
    """Serves ``folder`` (subfolders included); each file is read at its first use."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        self._paths = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.suffix in _TYPES
        }
        self._loaded: dict[str, Asset] = {}

    def names(self) -> list[str]:
        """Every file that is served, sorted."""
        return sorted(self._paths)

    def respond(self, name: str, request: HttpRequest) -> HttpResponse:
        """The file ``name``, its 304 when the caller has it, or a 404."""
        if name not in self._paths:
            return text_answer(404, f"The console has no file {name!r}.\n")
        asset = self._loaded.get(name)
        if asset is None:
            asset = self._loaded[name] = _load(self._paths[name])
        # Always asked again, answered by 304 as a rule: an upgrade shows at the next reload.
        headers = [
            ("ETag", asset.etag),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept-Encoding"),
        ]
        if request.headers.get("if-none-match") == asset.etag:
            return HttpResponse(304, headers)
        headers.append(("Content-Type", asset.content_type))
        body = asset.plain
        if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers.append(("Content-Encoding", "gzip"))
            body = asset.gzipped
        return HttpResponse(200, headers, b"" if request.method == "HEAD" else body)


def _load(path: Path) -> Asset:
    plain = path.read_bytes()
    etag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
    gzipped = gzip.compress(plain, 6, mtime=0) if len(plain) >= _COMPRESS_FROM_BYTES else None
    return Asset(_TYPES[path.suffix], etag, plain, gzipped)
