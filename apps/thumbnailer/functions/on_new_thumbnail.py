"""``onNewThumbnail``: a ``.jpg`` was put into the bucket."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus


def handler(event: dict[str, Any], context: Any) -> None:
    """Say so, in the seed's words."""
    for record in event["Records"]:
        # Keys come as in a form: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
        key = unquote_plus(record["s3"]["object"]["key"])
        print(f"*** New thumbnail: file {key}.")
