"""The thumbnailer as a program: the seed's, in Python, with its resources and names.

``python apps/thumbnailer/program.py`` prints the CloudFormation template.
"""

from __future__ import annotations

from pathlib import Path

from cloud import Bucket, Stack, Task


def declare() -> Stack:
    """Everything there is to deploy."""
    stack = Stack(Path(__file__).resolve().parent)
    bucket = Bucket(stack, "bucket")
    bucket.on_put("onNewThumbnail", "functions/on_new_thumbnail.py", key_suffix=".jpg")

    ffmpeg_task = Task(stack, "ffmpegTask", build="./docker-folder", memory_reservation=512)
    ffmpeg_task.may_use(bucket)
    bucket.on_put("onNewVideo", "functions/on_new_video.py", key_suffix=".mp4", runs=ffmpeg_task)
    return stack


if __name__ == "__main__":
    print(declare().template())
