"""What the tests of this room share: short calls and expected errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pileus.kernel.operations import Reply
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

LARGE = bytes(range(256)) * 400
"""More than what lies in State."""
PART = b"p" * (5 * 1024 * 1024)


class S3:
    """Calls on bucket ``bucket`` unless another is named."""

    def __init__(self, platform: MemoryPlatform) -> None:
        self.platform = platform

    async def __call__(
        self, operation: str, body: bytes | None = None, **given: Any
    ) -> dict[str, Any]:
        return dict((await self.reply(operation, body, **given)).output)

    async def reply(self, operation: str, body: bytes | None = None, **given: Any) -> Reply:
        if operation != "ListBuckets":
            given.setdefault("Bucket", "bucket")
        return await self.platform.reply("s3", operation, body, **given)

    async def put(self, key: str, body: bytes = b"x", **given: Any) -> dict[str, Any]:
        return await self("PutObject", body, Key=key, **given)

    async def get(self, key: str, **given: Any) -> bytes:
        reply = await self.reply("GetObject", Key=key, **given)
        assert reply.body is not None
        return await reply.body.read()

    async def keys(self, **given: Any) -> list[str]:
        output = await self("ListObjectsV2", **given)
        return [row["Key"] for row in output.get("Contents", ())]

    async def blobs(self) -> int:
        """How many blobs there are, after garbage had time to go."""
        await self.platform.clock.advance(10_000)
        return len(await self.platform.disks.blobs.list())


@contextmanager
def refused(code: str, status: int = 400) -> Iterator[pytest.ExceptionInfo[ServiceError]]:
    """The block raises ServiceError with that code and status."""
    with pytest.raises(ServiceError) as caught:
        yield caught
    assert (caught.value.code, caught.value.status) == (code, status), caught.value
