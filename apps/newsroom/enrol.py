"""Enrol people, so that engine ``faces`` tells their names; may be run while it works.

    python apps/newsroom/enrol.py ADA=ada1.jpg ADA=ada2.jpg GRACE=grace.png [--endpoint-url URL]

Each picture must show exactly one face. The set is replaced as a whole and lies in ``newsroom-faces`` as 128
numbers a picture; the pictures themselves are not kept. Needs ``make newsroom``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import cv2

sys.path.insert(0, str(Path(__file__).parent / "engines"))

import face_finding

BUCKET, KEY = "newsroom-faces", "enrolled.json"


class UnfitPicture(ValueError):
    """It cannot be read, or shows no face or several."""


def embedding_of(path: Path) -> list[float]:
    """What is kept of a picture."""
    image = cv2.imread(str(path))
    if image is None:
        raise UnfitPicture(f"{path} is no picture that can be read.")
    picture = image[:, :, ::-1].copy()
    faces = face_finding.find(picture)
    if len(faces) != 1:
        raise UnfitPicture(f"{path} shows {len(faces)} faces; one is needed.")
    return [round(float(each), 5) for each in face_finding.embed(picture, faces[0])]


def enrol(pictures: Sequence[tuple[str, Path]], endpoint_url: str | None = None) -> dict[str, Any]:
    """Replace the set of people; the names with their embeddings."""
    people: dict[str, list[list[float]]] = {}
    for name, path in pictures:
        people.setdefault(name, []).append(embedding_of(path))
    client = boto3.client("s3", endpoint_url=endpoint_url)
    try:
        client.create_bucket(Bucket=BUCKET)
    except client.exceptions.BucketAlreadyOwnedByYou:
        pass  # us-east-1 answers 200, every other region tells that it is ours already.
    client.put_object(Bucket=BUCKET, Key=KEY, Body=json.dumps(people).encode())
    return people


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PICTURE")
    return name, Path(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Enrol and print how many pictures each person has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", nargs="+", type=_named, metavar="NAME=PICTURE")
    parser.add_argument("--endpoint-url", help="default: AWS_ENDPOINT_URL")
    options = parser.parse_args(arguments)
    for name, faces in enrol(options.people, options.endpoint_url).items():
        print(f"{name}: {len(faces)}")


if __name__ == "__main__":
    main()
