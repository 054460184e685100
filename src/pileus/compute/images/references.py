"""Names of images, as people and task definitions write them.

``[registry/]repository[:tag][@digest]``; the first step of a name is a registry when it holds a dot
or a colon, or is ``localhost``.
https://github.com/distribution/reference/blob/main/reference.go
"""

from __future__ import annotations

import re

import msgspec

from pileus.compute.images.errors import ImageRefused

HOST_IMAGE = "pileus:host"
"""The machine's own root file system, read-only, with its interpreters."""
DEFAULT_TAG = "latest"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ECR = re.compile(r"(\d{12})\.dkr[.-]ecr\.([a-z0-9-]+)\..+")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?")
_REPOSITORY_CHARACTERS_MAX = 256


class ImageName(msgspec.Struct, frozen=True):
    """A name taken apart.

    Attributes:
        registry: host and port, or empty.
        tag: ``latest`` where neither a tag nor a digest was given; empty beside a digest alone.
        digest: ``sha256:…`` or empty; it wins over the tag.
    """

    repository: str
    tag: str = ""
    digest: str = ""
    registry: str = ""

    @property
    def reference(self) -> str:
        """What to ask a registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag

    @property
    def owner(self) -> tuple[str, str]:
        """Account and region that an ECR host names (``1234….dkr.ecr.<region>.…``), or empty."""
        found = _ECR.fullmatch(self.registry)
        return (found[1], found[2]) if found else ("", "")

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}" if self.registry else self.repository
        name += f":{self.tag}" if self.tag else ""
        return name + (f"@{self.digest}" if self.digest else "")


def parse_name(text: str) -> ImageName:
    """Take a name apart; ImageRefused for what no image can be called."""
    rest, _, digest = text.partition("@")
    registry, slash, path = rest.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, path = "", rest
    repository, colon, tag = path.partition(":")
    is_named = is_repository(repository) and (not colon or is_tag(tag))
    if registry and not _HOST.fullmatch(registry):
        is_named = False
    if not is_named or ("@" in text and not is_digest(digest)):
        raise ImageRefused(f"{text!r} is no name of an image")
    if not tag and not digest:
        tag = DEFAULT_TAG
    return ImageName(repository, tag, digest, registry)


def is_repository(text: str) -> bool:
    """Whether a repository may be called so (lower case, ``/`` between steps)."""
    return len(text) <= _REPOSITORY_CHARACTERS_MAX and bool(_REPOSITORY.fullmatch(text))


def is_tag(text: str) -> bool:
    """Whether a tag may be called so."""
    return bool(_TAG.fullmatch(text))


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256 digest in its full spelling."""
    return bool(_DIGEST.fullmatch(text))
