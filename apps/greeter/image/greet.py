"""Two functions that share one container image; what they say is set when the image is built."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_EVERY_LANGUAGE = json.loads(Path(__file__).with_name("words.json").read_text())
WORDS = _EVERY_LANGUAGE[os.environ["GREETER_LANGUAGE"]]


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Greet whoever the event, or the address that was called, names."""
    name = event.get("name") or (event.get("queryStringParameters") or {}).get("name", "you")
    return {"statusCode": 200, "body": f"{WORDS['hello']}, {name}!"}


def farewell(event: dict[str, Any], context: object) -> str:
    """Say goodbye to whoever the event names."""
    return f"{WORDS['bye']}, {event['name']}."
