"""The canonical request: the spelling of path, query and headers that a signature covers.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from posixpath import normpath
from urllib.parse import quote, unquote

from pileus.protocols.http import HttpRequest
from pileus.protocols.sigv4_claims import Claim


def canonical_headers(claim: Claim, request: HttpRequest) -> str:
    headers = request.headers
    text = "".join([f"{name}:{headers.get(name, '').strip()}\n" for name in claim.signed])
    if "  " not in text:
        return text
    lines = []
    for name in claim.signed:
        value = headers.get(name, "")
        value = " ".join(value.split()) if "  " in value else value.strip()
        lines.append(f"{name}:{value}\n")
    return "".join(lines)


def spellings(path: str, query: str, is_s3: bool) -> Iterable[tuple[str, str]]:
    """Canonical path and query; further pairs where a client may have spelt them another way.

    S3 signs the path encoded once, as sent. The others sign it normalised and encoded twice.
    """
    if not query and not is_s3:
        return _spellings_of_path(path)
    return _spellings(path, query, is_s3)


@lru_cache(maxsize=4096)
def _spellings_of_path(path: str) -> Sequence[tuple[str, str]]:
    """Those of services other than S3, whose paths are few."""
    return (("/", ""),) if path == "/" else tuple(_spellings(path, "", False))


def _spellings(path: str, query: str, is_s3: bool) -> Iterator[tuple[str, str]]:
    """The likeliest first; the others are made up only when that one does not fit."""
    sorted_query = "&".join(sorted(_with_equals(query))) if query else ""
    first = (path if is_s3 else quote(_normalized(path), safe="/~"), sorted_query)
    yield first
    coded_query = "&".join(sorted(_recoded(query))) if query else ""
    once = quote(unquote(path), safe="/~")
    found = [first]
    others = [(once, coded_query)]
    if not is_s3:
        others = [(quote(_normalized(once), safe="/~"), coded_query), (path, sorted_query)]
    for pair in others:
        if pair not in found:
            found.append(pair)
            yield pair


def _with_equals(query: str) -> list[str]:
    return [pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair]


def _recoded(query: str) -> list[str]:
    found = []
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.append(f"{quote(unquote(name), safe='~')}={quote(unquote(value), safe='~')}")
    return found


def _normalized(path: str) -> str:
    if "//" not in path and "/." not in path:
        return path
    clean = normpath(path).replace("//", "/")
    return f"{clean}/" if path.endswith("/") and clean != "/" else clean
