"""Put the detector's model archive where ``serverless.yml`` expects it; run before ``deploy``.

    python apps/corb/publish_model.py --model FILE.tflite [--endpoint-url URL]

The archive is SageMaker's: ``model.tflite`` and ``code/`` with the inference script
(https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html). Equal input
gives an equal archive; publishing again replaces it. Credentials and endpoint come from the usual
AWS variables unless given.
"""

from __future__ import annotations

import argparse
import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import boto3

BUCKET = "corb-models"
KEY = "person-detector/model.tar.gz"
CODE = Path(__file__).parent / "model" / "code"


def archive(model: Path) -> bytes:
    """The ``model.tar.gz``; the same bytes for the same files."""
    packed = io.BytesIO()
    with (
        # A level of 1: the weights hardly shrink, and a level of 9 takes seconds.
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as files,
    ):
        members = {"model.tflite": model} | {
            f"code/{path.name}": path for path in sorted(CODE.iterdir()) if path.is_file()
        }
        for name, path in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                files.addfile(member, content)
    return packed.getvalue()


def publish(model: Path, endpoint_url: str | None = None) -> str:
    """Upload the archive; its ``s3://`` address."""
    client = boto3.client("s3", endpoint_url=endpoint_url)
    try:
        client.create_bucket(Bucket=BUCKET)
    except client.exceptions.BucketAlreadyOwnedByYou:
        pass  # us-east-1 answers 200, every other region tells that it is ours already.
    client.put_object(Bucket=BUCKET, Key=KEY, Body=archive(model))
    return f"s3://{BUCKET}/{KEY}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Publish and print the address."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="the .tflite file")
    parser.add_argument("--endpoint-url", help="default: AWS_ENDPOINT_URL")
    options = parser.parse_args(arguments)
    print(publish(options.model, options.endpoint_url))


if __name__ == "__main__":
    main()
