"""Parameters and their versions as records, and what may be decided from them alone."""

from __future__ import annotations

import re

import msgspec

from pileus.services.ssm import errors
from pileus.services.ssm.limits import LIMITS

SECURE = "SecureString"
DEFAULT_KEY = "alias/aws/ssm"
DATA_TYPES = ("text", "aws:ec2:image", "aws:ssm:integration")
_NAME = re.compile(r"[A-Za-z0-9_.\-/]+")
_LABEL = re.compile(r"[A-Za-z_.\-][A-Za-z0-9_.\-]*")


class Parameter(msgspec.Struct, kw_only=True):
    """What holds for every version of a parameter."""

    name: str
    version: int
    created_ms: int
    tags: dict[str, str] = {}


class Version(msgspec.Struct, kw_only=True):
    """One value a parameter had. ``sealed`` holds a SecureString's value, ``value`` any other."""

    number: int
    type: str
    modified_ms: int
    user: str
    value: str = ""
    sealed: bytes = b""
    description: str = ""
    key_id: str = ""
    allowed_pattern: str = ""
    tier: str = "Standard"
    policies: list[str] = []
    data_type: str = "text"
    labels: list[str] = []


def check_name(name: str) -> None:
    """Raise what AWS says of a name that a parameter cannot have.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    """
    bare = name.lower().lstrip("/")
    is_path = name.count("/") > 1
    if name.lower().startswith("/aws") and is_path:
        raise errors.reserved_name(name)
    if bare.startswith(("aws", "ssm")):
        raise errors.reserved_path() if is_path else errors.reserved_prefix()
    if not _NAME.fullmatch(name) or name.endswith("/") or "//" in name:
        raise errors.reserved_path()
    if "/" in name and not name.startswith("/"):
        raise errors.not_fully_qualified()
    if name.count("/") > LIMITS.levels_max:
        raise errors.too_many_levels()
    if len(name) > LIMITS.name_length_max:
        raise errors.name_too_long()


def check_path(path: str) -> None:
    """Raise what AWS says of a path that cannot lead to parameters."""
    is_reserved = path.lower().startswith("/ssm")
    if not path.startswith("/") or "//" in path or not _NAME.fullmatch(path) or is_reserved:
        raise errors.invalid_path()
    if path.rstrip("/").count("/") > LIMITS.levels_max:
        raise errors.too_many_levels()


def is_label(label: str) -> bool:
    """True for what may be a label: no digit first, not ``aws`` or ``ssm``."""
    return bool(_LABEL.fullmatch(label)) and not label.lower().startswith(("aws", "ssm"))


def chosen_tier(wanted: str, current: str, value: str, has_policies: bool) -> str:
    """Standard or Advanced; raises ValidationException for a downgrade or a value too long."""
    is_large = len(value) > LIMITS.value_length_standard
    if wanted == "Intelligent-Tiering":
        is_advanced = is_large or has_policies or current == "Advanced"
    else:
        is_advanced = (wanted or current) == "Advanced"
        if wanted == "Standard" and current == "Advanced":
            raise errors.no_downgrade()
    if is_advanced and len(value) > LIMITS.value_length_advanced:
        raise errors.value_too_long_advanced()
    if not is_advanced and is_large:
        raise errors.value_too_long()
    return "Advanced" if is_advanced else "Standard"


def is_below(name: str, path: str, *, is_recursive: bool) -> bool:
    """True when ``name`` lies under ``path``: directly, or at any depth."""
    base = path.rstrip("/") + "/"
    if not name.startswith(base):
        # A name without a slash lies at the root.
        return base == "/" and "/" not in name
    return is_recursive or "/" not in name[len(base) :]
