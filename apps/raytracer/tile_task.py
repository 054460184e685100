"""What a task does: renders one tile of a scene and puts its pixels beside the others.

Reads WORK_BUCKET, FOLDER, TILE and ATTEMPT of the environment. Exit status 0: the tile is there; 75: the
platform was not reached, try again; 1: it failed, and why stands in ``<tile>.<attempt>.error``.
"""

from __future__ import annotations

import os
import sys
import time
import traceback

import boto3
from botocore.exceptions import BotoCoreError
from tracer.film import Film
from tracer.scene import read_zip
from tracer.tiles import tiles


def main() -> int:
    """Render and put; the exit status."""
    bucket, folder = os.environ["WORK_BUCKET"], os.environ["FOLDER"]
    number, attempt = int(os.environ["TILE"]), int(os.environ["ATTEMPT"])
    s3 = boto3.client("s3")
    try:
        try:
            data = s3.get_object(Bucket=bucket, Key=f"{folder}/scene.zip")["Body"].read()
            scene = read_zip(data)
            tile = tiles(scene.picture)[number]
            pixels = Film(scene).pixels(tile)
            s3.put_object(Bucket=bucket, Key=f"{folder}/{number:04}.rgb", Body=pixels)
            spent_s = time.process_time()
            print(f"tile {number}: {tile.width} x {tile.height}, {spent_s:.2f} s of processor time")
        except BotoCoreError:
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the report tells it
            told = traceback.format_exc()
            print(told, file=sys.stderr)
            key = f"{folder}/{number:04}.{attempt}.error"
            s3.put_object(Bucket=bucket, Key=key, Body=told.encode())
            return 1
    except BotoCoreError as error:
        print(f"tile {number}: {error}", file=sys.stderr)
        return 75
    return 0


if __name__ == "__main__":
    sys.exit(main())
