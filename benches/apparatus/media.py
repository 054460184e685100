"""Sources and engines on the platform under measurement."""

from __future__ import annotations

import json
import time
from typing import Any

from benches.apparatus import functions
from benches.apparatus.processes import ROOT, ask
from pileus.media import assets

_TARGET = "PileusMedia_20261121."
_PATIENCE_S = 60.0
_PERSONS = '''"""The demonstration's detector as an engine."""

import os

import numpy

import inference
from pileus.engines import object_engine

_MODEL = inference.model_fn(os.path.dirname(__file__))


@object_engine
def detect(frames, context):
    pictures = numpy.zeros((len(frames), 300, 300, 3), numpy.uint8)
    for picture, frame in zip(pictures, frames):
        picture[: frame.image.shape[0]] = frame.image
    found = inference.predict_fn(pictures, _MODEL)
    return [[{"label": "person", **person} for person in persons] for persons in found]
'''


def do(port: int, operation: str, **given: Any) -> Any:
    """One call of the media service."""
    return ask(port, "media", _TARGET + operation, **given)


def person_files() -> dict[str, bytes]:
    """The packaged SSD as object engine ``persons.detect``; it wants pictures 300 wide, as the network."""
    inference = (ROOT / "apps" / "corb" / "model" / "code" / "inference.py").read_bytes()
    return {
        "persons.py": _PERSONS.encode(),
        "inference.py": inference,
        "model.tflite": assets.ensure(assets.MODEL).read_bytes(),
    }


def create_engine(
    port: int,
    name: str,
    handler: str,
    files: dict[str, bytes],
    rate: float,
    *,
    width: int = 0,
    gate: str = "",
) -> None:
    """An object engine on pictures that leaves out none while it keeps up."""
    wanted = {"Kind": "frames", "Rate": rate}
    wanted |= {"Width": width} if width else {}
    wanted |= {"Gate": gate} if gate else {}
    do(
        port,
        "CreateEngine",
        Name=name,
        Mode="object",
        Handler=handler,
        Code=functions.code_of(files),
        Input=wanted,
        WhenBehind="oldest",
        MemorySize=1024,
    )


def results(
    port: int, source: str, engine: str, after: int, wait_s: int = 0
) -> tuple[int, list[Any]]:
    """Documents behind an offset, and the last one's offset."""
    told = do(
        port, "ListResults", Source=source, Engine=engine, AfterOffset=after, WaitSeconds=wait_s
    )
    return told["LastOffset"], [json.loads(each["Document"]) for each in told["Results"]]


def count(port: int, source: str, engine: str) -> int:
    """Results so far; drops are an error, since the figures count frames."""
    lane = do(port, "DescribeLane", Source=source, Engine=engine)["Lane"]
    if lane["Drops"] or lane["Failures"]:
        raise RuntimeError(f"{engine} on {source} left pictures out: {lane}")
    return int(lane["Results"])


def await_results(port: int, source: str, engine: str, least: int) -> None:
    """Until an engine has said so much."""
    deadline_s, last = time.monotonic() + _PATIENCE_S, -1
    while last + 1 < least:
        last, _ = results(port, source, engine, last, wait_s=1)
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{engine} on {source}: no results within {_PATIENCE_S:g} s")
