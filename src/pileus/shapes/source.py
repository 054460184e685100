"""Reads botocore's packaged service models and keeps reduced copies; ours lie in ``own`` in the same form.

botocore is never imported: its data files are found and read. The reduced model (no prose) is kept
in a cache folder, one file per service and botocore version, so that later starts are fast.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any

import orjson

from pileus.shapes import overlays
from pileus.shapes.model import UnknownService
from pileus.values.errors import PileusError

Raw = dict[str, Any]

_FORMAT = 7
"""Raised whenever the reduced form changes, so that old cache files are left alone."""

_DROPPED = frozenset(
    "documentation deprecatedMessage deprecatedSince examples".split()  # noqa: SIM905
)
_METADATA = re.compile(rb'"metadata"\s*:\s*')
_HEAD_BYTES = 8192


OWN_FOLDER = Path(__file__).with_name("own")
"""Models of services that AWS lacks, laid out as clients read them (``AWS_DATA_PATH``)."""


class ModelsMissing(PileusError):
    """botocore, which carries AWS's service models, is not installed."""


@lru_cache(maxsize=1)
def data_folder() -> Path:
    """The folder of botocore's service models; ModelsMissing without botocore."""
    found = util.find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        raise ModelsMissing("botocore is not installed; run `pip install botocore`")
    return Path(found.submodule_search_locations[0]) / "data"


@lru_cache(maxsize=1)
def models_version() -> str:
    """The version of the models: botocore's."""
    # Read from the text: importlib.metadata would cost 50 ms of every start.
    text = (data_folder().parent / "__init__.py").read_text()
    found = re.search(r"^__version__ = ['\"]([^'\"]+)", text, re.MULTILINE)
    if found is None:
        raise ModelsMissing("botocore does not tell its version; reinstall it")
    return found.group(1)


def cache_root() -> Path:
    """What this user's platforms share: ``$PILEUS_CACHE_DIR`` or ``~/.cache/pileus``."""
    base = os.environ.get("PILEUS_CACHE_DIR")
    return Path(base) if base else Path.home() / ".cache" / "pileus"


def cache_folder() -> Path:
    """Where reduced models are kept, below ``shapes`` in the cache."""
    return cache_root() / "shapes" / f"{models_version()}-{_FORMAT}"


def load(name: str) -> Raw:
    """The reduced model of a service; UnknownService when AWS has none of that name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise UnknownService(name)

    own = OWN_FOLDER / name
    if own.is_dir():
        return _own(own)

    def build() -> Raw:
        raw: Raw = _reduce(orjson.loads(_bytes(_model_file(name))))
        overlays.apply(name, raw)
        return raw

    return kept(name, build)


def load_metadata() -> dict[str, Raw]:
    """The ``metadata`` block of every service AWS has or we have, by service name."""

    def build() -> Raw:
        folders = (each for each in sorted(data_folder().iterdir()) if each.is_dir())
        files = ((folder.name, _newest(folder)) for folder in folders)
        return {name: _reduce(_head_metadata(file)) for name, file in files if file is not None}

    ours = {each.name: _own(each)["metadata"] for each in OWN_FOLDER.iterdir() if each.is_dir()}
    return {**kept("_services", build), **ours}


def _own(folder: Path) -> Raw:
    """One of our models: small, and not kept, so that a change is seen at once."""
    file = _newest(folder)
    if file is None:
        raise UnknownService(folder.name)
    raw: Raw = _reduce(orjson.loads(_bytes(file)))
    return raw


def kept(name: str, build: Callable[[], Raw]) -> Raw:
    """The cached mapping ``name``, built and kept when it is not there yet."""
    cached = cache_folder() / f"{name}.json"
    found = _read(cached)
    if found is None:
        found = build()
        _keep(cached, found)
    return found


def _newest(folder: Path) -> Path | None:
    files = sorted(folder.glob("*/service-2.json*"))
    return files[-1] if files else None


def _model_file(name: str) -> Path:
    folder = data_folder() / name
    file = _newest(folder) if folder.is_dir() else None
    if file is None:
        raise UnknownService(name)
    return file


def _bytes(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def _head_metadata(file: Path) -> Raw:
    # The block stands at the head of the file; unpacking 400 whole models would take seconds.
    with file.open("rb") as stream:
        packed = stream.read(_HEAD_BYTES)
    head = zlib.decompressobj(wbits=31).decompress(packed) if file.suffix == ".gz" else packed
    found = _METADATA.search(head)
    if found is not None:
        try:
            block, _ = json.JSONDecoder().raw_decode(head[found.end() :].decode("utf-8", "replace"))
        except json.JSONDecodeError:
            block = None  # cut off by _HEAD_BYTES: fall through to the whole file
        if isinstance(block, dict):
            return block
    whole: Raw = orjson.loads(_bytes(file))["metadata"]
    return whole


def _reduce(node: Any) -> Any:
    """The model without prose. Names of shapes and members are never dropped: only facts are."""
    if isinstance(node, list):
        return [_reduce(each) for each in node]
    if not isinstance(node, dict):
        return node
    reduced = {}
    for key, value in node.items():
        if key in _DROPPED and not isinstance(value, dict):
            continue
        if key in _DROPPED and "shape" not in value and "type" not in value:
            continue
        reduced[key] = _reduce(value)
    return reduced


def _read(file: Path) -> Raw | None:
    try:
        found: Raw = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None  # absent or damaged: built afresh from the original
    return found


def _keep(file: Path, content: object) -> None:
    """Write the cache file whole or not at all; a read-only home only costs the next start time."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(orjson.dumps(content))
        os.replace(part, file)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
