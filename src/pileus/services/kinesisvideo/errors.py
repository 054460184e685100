"""What can be wrong, in the words of Kinesis Video Streams.

https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_CreateStream.html and its neighbours
"""

from __future__ import annotations

from pileus.values.errors import ServiceError


def not_found() -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException",
        "The requested stream is not found or not active.",
        status=404,
    )


def exists(name: str) -> ServiceError:
    return ServiceError("ResourceInUseException", f"The stream {name} already exists.")


def in_use(why: str) -> ServiceError:
    return ServiceError("ResourceInUseException", why)


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidArgumentException", message)


def wrong_version() -> ServiceError:
    return ServiceError(
        "VersionMismatchException", "The current version of the stream is another one."
    )


def nothing_there() -> ServiceError:
    return ServiceError(
        "ResourceNotFoundException", "No fragments found in the stream for the request.", status=404
    )


def unsupported(why: str) -> ServiceError:
    return ServiceError("UnsupportedStreamMediaTypeException", why)


def too_many_tags(most: int) -> ServiceError:
    return ServiceError(
        "TagsPerResourceExceededLimitException", f"A stream has at most {most} tags."
    )
