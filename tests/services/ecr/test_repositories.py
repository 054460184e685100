import pytest

from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


async def test_the_registry_holds_no_repositories(memory_platform: MemoryPlatform) -> None:
    assert (await memory_platform("ecr", "DescribeRepositories"))["repositories"] == []


async def test_a_repository_asked_for_by_name_is_unknown(memory_platform: MemoryPlatform) -> None:
    with pytest.raises(ServiceError, match="'shop' does not exist in the registry") as caught:
        await memory_platform("ecr", "DescribeRepositories", repositoryNames=["shop"])
    assert caught.value.code == "RepositoryNotFoundException"
