"""``docs/media-results.schema.json`` describes the records that engines' results become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Bench, Listener, looking

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "media-results.schema.json").read_text(encoding="utf-8")
)
_TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}
_KNOWN = {
    "$schema", "$ref", "$defs", "title", "description", "type", "required", "properties",
    "additionalProperties", "items", "minItems", "maxItems", "minimum", "maximum", "minLength", "enum",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], path: str = "$") -> list[str]:
    """What is wrong with a value by the words of JSON Schema that ours uses."""
    assert set(schema) <= _KNOWN, "a word that this test does not know"
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], path)
    wanted = _TYPES.get(schema.get("type", ""), object)
    if not isinstance(value, wanted) or isinstance(value, bool):
        return [f"{path} is no {schema['type']}"]
    found: list[str] = []
    if isinstance(value, dict):
        members = schema.get("properties", {})
        found += [
            f"{path} lacks {name}" for name in schema.get("required", ()) if name not in value
        ]
        if schema.get("additionalProperties") is False:
            found += [f"{path} has {name}" for name in value if name not in members]
        for name, member in members.items():
            found += faults(value[name], member, f"{path}.{name}") if name in value else []
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{path} has {len(value)} items")
        for number, item in enumerate(value):
            found += faults(item, schema.get("items", {}), f"{path}[{number}]")
    if value not in schema.get("enum", [value]):
        found.append(f"{path} is {value!r}")
    low, high = schema.get("minimum"), schema.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        found.append(f"{path} is {value}")
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        found.append(f"{path} is empty")
    return found


SAID = [
    None,
    [{"label": "person", "confidence": 0.5, "box": [0, 0.1, 0.9, 1], "track": 3, "text": "x"}],
    {"start_ms": 5, "stop_ms": 9, "words": [{"word": "good", "confidence": 1}]},
    [{"objects": [{"label": "car", "attributes": {"colour": "red"}}]}],
    [{"label": "person", "confidence": 2}],
]


async def test_every_record_is_as_the_schema_says(bench: Bench) -> None:
    bench.programs["look.look"] = looking(lambda number: SAID[number - 1])
    await bench.engine(WhenBehind="oldest", MaxAttempts=1)
    await bench.pipeline("look")
    for number in range(1, len(SAID) + 1):
        bench.intake.show(number)
        await bench.passing(200)
    await bench.passing(30_000)
    found = await bench.results()
    assert len(found) == len(SAID)
    assert [faults(each, SCHEMA) for each in found] == [[]] * len(SAID)
    assert "confidence" in found[-1]["error"]


async def test_every_record_of_a_stream_engine_is_too(bench: Bench) -> None:
    listener = Listener()
    bench.programs["look.look"] = listener.program
    await bench.engine(Mode="stream", Input={"Kind": "audio", "Rate": 16_000.0}, MaxAttempts=1)
    await bench.pipeline("look", Url="file:/v.mkv")
    await bench.seconds(0, 2)
    listener.fails_at[2000] = 1
    await bench.seconds(2, 6)
    bench.intake.end()
    await bench.passing(30_000)
    found = await bench.results()
    assert (len(found) > 5, found[-1]["end"]) == (True, "clean")
    assert [faults(each, SCHEMA) for each in found] == [[]] * len(found)
    assert [each for each in found if "resume" in each]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"source": ""}, "$.source is empty"),
        ({"more": 1}, "$ has more"),
        ({"end": "soon"}, "$.end is 'soon'"),
        ({"chunk": {"start_ms": 0, "stop_ms": 1}}, "$.chunk lacks captured_at_ms"),
        ({"series": [{"start_ms": 0, "stop_ms": 1, "objects": [{"label": "x", "box": [0]}]}]},
         "$.series[0].objects[0].box has 1 items"),
        ({"series": [{"start_ms": 0, "stop_ms": 1, "objects": [{"label": "x", "confidence": 2}]}]},
         "$.series[0].objects[0].confidence is 2"),
    ],
)  # fmt: skip
def test_the_schema_refuses_other_records(change: dict[str, Any], fault: str) -> None:
    good = {
        "source": "lobby", "stream": "s", "engine": "look", "series": [], "done_at_ms": 1,
        "chunk": {"start_ms": 0, "stop_ms": 1, "captured_at_ms": 1},
    }  # fmt: skip
    assert faults(good, SCHEMA) == []
    assert faults({**good, **change}, SCHEMA) == [fault]
