"""A platform with a bucket called ``b``."""

from __future__ import annotations

import pytest

from pileus.testing.platform import MemoryPlatform
from tests.services.s3.support import S3


@pytest.fixture
async def s3(memory_platform: MemoryPlatform) -> S3:
    """S3's operations on a platform in memory; the bucket ``bucket`` is there."""
    calls = S3(memory_platform)
    await calls("CreateBucket")
    return calls
