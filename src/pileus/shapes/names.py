"""Wire names in Python's spelling: ``ListObjectsV2`` is ``list_objects_v2``."""

from __future__ import annotations

import re
from functools import lru_cache

# Words whose inner capitals do not begin a new word.
_WORDS = {
    "iSCSI": "Iscsi",
    "OAuth2": "Oauth2",
    "PartiQL": "Partiql",
    "WhatsApp": "Whatsapp",
    "OTel": "Otel",
    "HITs": "Hits",
}
_WORD = re.compile("|".join(_WORDS))
_PLURAL_INITIALS = re.compile(r"(?<!^)(?=[A-Z]{2,}s$)")
_BOUNDARY = re.compile(r"(?<!^)(?<!_)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=8192)
def snake(wire_name: str) -> str:
    """The snake_case of a wire name, spelt as boto3 spells its methods."""
    name = _WORD.sub(lambda found: _WORDS[found.group()], wire_name)
    initials = _PLURAL_INITIALS.search(name)
    if initials is not None:
        name = f"{name[: initials.start()]}_{name[initials.start() :].lower()}"
    return _BOUNDARY.sub("_", name).lower()
