"""The table: how far every render is, and which render of a scene is the newest.

| ``record`` | holds |
|---|---|
| ``scene#<key>`` | ``render``, the newest of the scene, and ``put``, which put it is of |
| ``render#<id>`` | ``scene``, ``tiles`` (how many), ``done`` (the set of their numbers), ``state`` |

``done`` is a set: a tile told of twice counts once, and whoever adds the last one sees all of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from steps.settings import TABLE, dynamodb

RENDERING, RENDERED, FAILED = "rendering", "rendered", "failed"
KEPT_S = 30 * 24 * 3600
"""How long records of renders are kept."""


@dataclass(frozen=True)
class Render:
    """One render of a scene, as the table has it."""

    id: str
    scene: str
    tiles: int
    done: frozenset[int]
    state: str
    program: str

    @property
    def folder(self) -> str:
        """Where its files lie in the work bucket."""
        return f"renders/{self.id}"

    @property
    def is_whole(self) -> bool:
        """Whether every tile is there."""
        return len(self.done) == self.tiles


def render_id(scene: str, put: str) -> str:
    """The name of the render that a put asks for: the same however often it is told."""
    return hashlib.sha256(f"{scene}\n{put}".encode()).hexdigest()[:16]


def claim_scene(scene: str, put: str, render: str) -> bool:
    """Make a render the newest of its scene; False when a later put has been here.

    ``put`` is S3's sequencer of the put: of two the later is the greater text of hexadecimal
    digits, once both are equally long.
    """
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item={
                "record": {"S": f"scene#{scene}"},
                "put": {"S": put.ljust(32, "0")},
                "render": {"S": render},
            },
            ConditionExpression="attribute_not_exists(#put) OR #put <= :put",
            ExpressionAttributeNames={"#put": "put"},
            ExpressionAttributeValues={":put": {"S": put.ljust(32, "0")}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def is_newest(render: Render) -> bool:
    """Whether no later put of the scene was seen."""
    key = {"record": {"S": f"scene#{render.scene}"}}
    found = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
    return found is not None and found["render"]["S"] == render.id


def begin(render: Render, now_s: int) -> None:
    """Note a render, unless it is there."""
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item={
                "record": {"S": f"render#{render.id}"},
                "scene": {"S": render.scene},
                "tiles": {"N": str(render.tiles)},
                "program": {"S": render.program},
                "state": {"S": RENDERING},
                "expires_at": {"N": str(now_s + KEPT_S)},
            },
            ConditionExpression="attribute_not_exists(#record)",
            ExpressionAttributeNames={"#record": "record"},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        pass


def get(render: str) -> Render | None:
    """A render; None when it is forgotten."""
    key = {"record": {"S": f"render#{render}"}}
    found = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
    return None if found is None else _read(found)


def add_tile(render: str, tile: int) -> Render | None:
    """Note that a tile is there; the render with it. None when the render is forgotten."""
    try:
        changed = dynamodb.update_item(
            TableName=TABLE,
            Key={"record": {"S": f"render#{render}"}},
            UpdateExpression="ADD #done :tile",
            ConditionExpression="attribute_exists(#record)",
            ExpressionAttributeNames={"#done": "done", "#record": "record"},
            ExpressionAttributeValues={":tile": {"NS": [str(tile)]}},
            ReturnValues="ALL_NEW",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return None
    return _read(changed["Attributes"])


def end(render: str, state: str) -> None:
    """Note how a render ended: the first word counts."""
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"record": {"S": f"render#{render}"}},
            UpdateExpression="SET #state = :state",
            ConditionExpression="#state = :rendering",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}, ":rendering": {"S": RENDERING}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        pass


def _read(item: dict[str, Any]) -> Render:
    return Render(
        item["record"]["S"].removeprefix("render#"),
        item["scene"]["S"],
        int(item["tiles"]["N"]),
        frozenset(map(int, item.get("done", {"NS": ()})["NS"])),
        item["state"]["S"],
        item["program"]["S"],
    )
