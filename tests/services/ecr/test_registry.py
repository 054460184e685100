"""Repositories, layers and images through the door."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from tests.fault.simulation import PowerCut, Simulation

from pileus.compute.images import passwords
from pileus.compute.images.image_store import UPLOAD_KEPT_MS, ImageStore
from pileus.compute.images.manifests import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    digest_of,
)
from pileus.testing.images import config_of, tar_of
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

REGISTRY = "000000000000"
Platform = MemoryPlatform | Simulation
LAYER = tar_of({"a": b"x" * 5000})


async def push_layer(platform: Platform, repository: str, raw: bytes) -> str:
    upload = (await platform("ecr", "InitiateLayerUpload", repositoryName=repository))["uploadId"]
    await platform(
        "ecr",
        "UploadLayerPart",
        repositoryName=repository,
        uploadId=upload,
        partFirstByte=0,
        partLastByte=len(raw) - 1,
        layerPartBlob=raw,
    )
    digest = digest_of(raw)
    await platform(
        "ecr",
        "CompleteLayerUpload",
        repositoryName=repository,
        uploadId=upload,
        layerDigests=[digest],
    )
    return digest


def manifest_of(*layers: bytes, **config: Any) -> tuple[str, bytes]:
    """A manifest, and the config it names."""
    raw = config_of(layers, **config)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(raw), "size": len(raw)},
        "layers": [
            {"mediaType": OCI_LAYER, "digest": digest_of(each), "size": len(each)}
            for each in layers
        ],
    }
    return orjson.dumps(document).decode(), raw


async def push_image(
    platform: Platform, repository: str, tag: str = "latest", **config: Any
) -> str:
    manifest, raw = manifest_of(LAYER, **config)
    for blob in (LAYER, raw):
        try:
            await push_layer(platform, repository, blob)
        except ServiceError as error:
            assert error.code == "LayerAlreadyExistsException"
    await platform(
        "ecr", "PutImage", repositoryName=repository, imageManifest=manifest, imageTag=tag
    )
    return digest_of(manifest.encode())


@pytest.fixture
async def shop(memory_platform: MemoryPlatform) -> MemoryPlatform:
    await memory_platform("ecr", "CreateRepository", repositoryName="shop")
    return memory_platform


async def refusal(platform: MemoryPlatform, operation: str, **input: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        await platform("ecr", operation, **input)
    return caught.value.code, caught.value.message


async def test_a_repository_is_told_as_it_was_made(memory_platform: MemoryPlatform) -> None:
    made = await memory_platform(
        "ecr",
        "CreateRepository",
        repositoryName="team/app",
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
        tags=[{"Key": "a", "Value": "1"}],
    )
    repository = made["repository"]
    arn = f"arn:aws:ecr:us-east-1:{REGISTRY}:repository/team/app"
    assert repository["repositoryArn"] == arn
    assert repository["repositoryUri"] == "127.0.0.1:4566/team/app"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    found = await memory_platform("ecr", "DescribeRepositories", repositoryNames=["team/app"])
    assert found["repositories"] == [repository]
    tags = await memory_platform("ecr", "ListTagsForResource", resourceArn=arn)
    assert tags["tags"] == [{"Key": "a", "Value": "1"}]


async def test_repositories_and_their_refusals(shop: MemoryPlatform) -> None:
    assert await refusal(shop, "CreateRepository", repositoryName="shop") == (
        "RepositoryAlreadyExistsException",
        f"The repository with name 'shop' already exists in the registry with id '{REGISTRY}'",
    )
    assert await refusal(shop, "DescribeRepositories", repositoryNames=["none"]) == (
        "RepositoryNotFoundException",
        f"The repository with name 'none' does not exist in the registry with id '{REGISTRY}'",
    )
    assert await refusal(shop, "CreateRepository", repositoryName="Shop") == (
        "InvalidParameterException",
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular "
        "expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''",
    )
    assert await refusal(shop, "CreateRepository", repositoryName="a") == (
        "InvalidParameterException",
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must have length "
        "greater than or equal to 2'",
    )
    await push_image(shop, "shop")
    assert await refusal(shop, "DeleteRepository", repositoryName="shop") == (
        "RepositoryNotEmptyException",
        f"The repository with name 'shop' in registry with id '{REGISTRY}' cannot be deleted "
        "because it still contains images",
    )
    await shop("ecr", "DeleteRepository", repositoryName="shop", force=True)
    await shop.clock.advance(0)
    assert await shop.disks.blobs.list("") == []


async def test_another_accounts_registry_is_asked_by_its_id(shop: MemoryPlatform) -> None:
    code, message = await refusal(
        shop, "DescribeRepositories", registryId="111122223333", repositoryNames=["shop"]
    )
    assert code == "RepositoryNotFoundException"
    assert message.endswith("with id '111122223333'")


async def test_an_image_goes_in_and_comes_out(shop: MemoryPlatform) -> None:
    digest = await push_image(shop, "shop", "v1", Cmd=["/bin/run"])
    told = await shop("ecr", "BatchGetImage", repositoryName="shop", imageIds=[{"imageTag": "v1"}])
    (image,) = told["images"]
    assert digest_of(image["imageManifest"].encode()) == digest
    assert image["imageId"] == {"imageTag": "v1", "imageDigest": digest}
    (detail,) = (await shop("ecr", "DescribeImages", repositoryName="shop"))["imageDetails"]
    assert detail["imageTags"] == ["v1"]
    assert detail["imageSizeInBytes"] > len(LAYER)
    found = shop.kernel.part(ImageStore).resolve(REGISTRY, "us-east-1", "shop:v1")
    assert found.config.command == ("/bin/run",)
    assert [layer.diff_id for layer in found.layers] == [digest_of(LAYER)]


@pytest.mark.parametrize(
    "name",
    [
        "shop:v1",
        "127.0.0.1:4566/shop:v1",
        f"{REGISTRY}.dkr.ecr.us-east-1.amazonaws.com/shop:v1",
        f"{REGISTRY}.dkr.ecr.us-east-1.localhost:4566/shop:v1",
    ],
)
async def test_names_that_lead_to_an_image(shop: MemoryPlatform, name: str) -> None:
    digest = await push_image(shop, "shop", "v1")
    images = shop.kernel.part(ImageStore)
    assert images.resolve(REGISTRY, "us-east-1", name).digest == digest


async def test_tags_move_unless_the_repository_is_immutable(shop: MemoryPlatform) -> None:
    first = await push_image(shop, "shop", "v1", Cmd=["1"])
    second = await push_image(shop, "shop", "v1", Cmd=["2"])
    listed = (await shop("ecr", "ListImages", repositoryName="shop"))["imageIds"]
    assert {"imageDigest": second, "imageTag": "v1"} in listed
    assert {"imageDigest": first} in listed
    await shop(
        "ecr", "PutImageTagMutability", repositoryName="shop", imageTagMutability="IMMUTABLE"
    )
    manifest, _ = manifest_of(LAYER, Cmd=["1"])
    given = {"repositoryName": "shop", "imageManifest": manifest, "imageTag": "v1"}
    assert await refusal(shop, "PutImage", **given) == (
        "ImageTagAlreadyExistsException",
        "The image tag 'v1' already exists in the 'shop' repository and cannot be overwritten "
        "because the repository is immutable.",
    )
    given["imageTag"] = "v2"
    await shop("ecr", "PutImage", **given)
    assert (await refusal(shop, "PutImage", **given))[0] == "ImageAlreadyExistsException"


async def test_an_image_without_its_layers_is_refused(shop: MemoryPlatform) -> None:
    manifest, raw = manifest_of(LAYER)
    await push_layer(shop, "shop", raw)
    code, message = await refusal(shop, "PutImage", repositoryName="shop", imageManifest=manifest)
    assert code == "LayersNotFoundException"
    assert digest_of(LAYER) in message


async def test_an_index_needs_its_images_and_keeps_them(shop: MemoryPlatform) -> None:
    digest = await push_image(shop, "shop", "v1")
    child = {
        "mediaType": OCI_MANIFEST,
        "digest": digest,
        "size": 1,
        "platform": {"architecture": "amd64", "os": "linux"},
    }
    index = orjson.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}
    ).decode()
    given = {"repositoryName": "shop", "imageManifest": index, "imageTag": "all"}
    await shop("ecr", "PutImage", **given)
    await shop("ecr", "BatchDeleteImage", repositoryName="shop", imageIds=[{"imageTag": "v1"}])
    told = await shop(
        "ecr", "BatchDeleteImage", repositoryName="shop", imageIds=[{"imageDigest": digest}]
    )
    assert told["failures"][0]["failureCode"] == "ImageReferencedByManifestList"
    found = shop.kernel.part(ImageStore).resolve(REGISTRY, "us-east-1", "shop:all")
    assert found.digest == digest
    lost = index.replace(digest, digest_of(b""))
    code, _ = await refusal(shop, "PutImage", repositoryName="shop", imageManifest=lost)
    assert code == "ReferencedImagesNotFoundException"


async def test_layers_go_with_the_last_image_of_all_repositories(shop: MemoryPlatform) -> None:
    await shop("ecr", "CreateRepository", repositoryName="other")
    await push_image(shop, "shop")
    await push_image(shop, "other")
    kept = [info.size_bytes for info in await shop.disks.blobs.list("")]
    assert sorted(kept)[-1] == len(LAYER) and len(kept) == 2
    for name in ("shop", "other"):
        assert await shop.disks.blobs.list("") != []
        ids = [{"imageTag": "latest"}]
        await shop("ecr", "BatchDeleteImage", repositoryName=name, imageIds=ids)
        await shop.clock.advance(0)
    assert await shop.disks.blobs.list("") == []


async def test_uploads_out_of_order_or_of_other_bytes_are_refused(shop: MemoryPlatform) -> None:
    upload = (await shop("ecr", "InitiateLayerUpload", repositoryName="shop"))["uploadId"]
    part = {"repositoryName": "shop", "uploadId": upload, "layerPartBlob": b"abc"}
    code, _ = await refusal(shop, "UploadLayerPart", **part, partFirstByte=5, partLastByte=7)
    assert code == "InvalidLayerPartException"
    done = {"repositoryName": "shop", "uploadId": upload, "layerDigests": [digest_of(b"abd")]}
    assert (await refusal(shop, "CompleteLayerUpload", **done))[0] == "EmptyUploadException"
    await shop("ecr", "UploadLayerPart", **part, partFirstByte=0, partLastByte=2)
    assert (await refusal(shop, "CompleteLayerUpload", **done))[0] == "InvalidLayerException"
    done["uploadId"] = "00000000-0000-0000-0000-000000000000"
    assert (await refusal(shop, "CompleteLayerUpload", **done))[0] == "UploadNotFoundException"


async def test_an_upload_goes_on_after_a_crash(shop: MemoryPlatform) -> None:
    upload = (await shop("ecr", "InitiateLayerUpload", repositoryName="shop"))["uploadId"]
    part = {"repositoryName": "shop", "uploadId": upload}
    first = {"layerPartBlob": b"abc", "partFirstByte": 0, "partLastByte": 2}
    await shop("ecr", "UploadLayerPart", **part, **first)
    platform = await shop.restart()
    second = {"layerPartBlob": b"def", "partFirstByte": 3, "partLastByte": 5}
    await platform("ecr", "UploadLayerPart", **part, **second)
    digest = digest_of(b"abcdef")
    await platform("ecr", "CompleteLayerUpload", **part, layerDigests=[digest])
    await platform.crash()


@pytest.mark.parametrize("crash_at", range(1, 8))
async def test_a_push_cut_off_anywhere_succeeds_when_repeated(crash_at: int) -> None:
    simulation = Simulation(seed=crash_at)
    await simulation.start(crash_at)
    try:
        await simulation("ecr", "CreateRepository", repositoryName="shop")
        await push_image(simulation, "shop")
    except PowerCut:
        await simulation.come_back()
    try:
        await simulation("ecr", "CreateRepository", repositoryName="shop")
    except ServiceError as error:
        assert error.code == "RepositoryAlreadyExistsException"
    try:
        await push_image(simulation, "shop")
    except ServiceError as error:
        assert error.code == "ImageAlreadyExistsException"
    images = simulation.platform.kernel.part(ImageStore)
    assert images.resolve(REGISTRY, "us-east-1", "shop").layers
    await simulation.platform.clock.advance(2 * UPLOAD_KEPT_MS + 1000)
    await simulation.come_back()
    await simulation.platform.clock.advance(0)
    # Nothing is left but the layer and the config.
    assert len(await simulation.disks.blobs.list("")) == 2
    await simulation.platform.crash()


async def test_abandoned_uploads_and_unused_layers_go(shop: MemoryPlatform) -> None:
    await push_layer(shop, "shop", LAYER)
    upload = (await shop("ecr", "InitiateLayerUpload", repositoryName="shop"))["uploadId"]
    part = {"partFirstByte": 0, "partLastByte": 2, "layerPartBlob": b"abc"}
    await shop("ecr", "UploadLayerPart", repositoryName="shop", uploadId=upload, **part)
    await shop.clock.advance(2 * UPLOAD_KEPT_MS + 1000)
    platform = await shop.restart()
    await platform.clock.advance(0)
    assert await platform.disks.blobs.list("") == []
    await platform.crash()


async def test_lifecycle_policies_are_applied(shop: MemoryPlatform) -> None:
    for number in range(4):
        await push_image(shop, "shop", f"v{number}", Cmd=[str(number)])
        await shop.clock.advance(1000)
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2},
        "action": {"type": "expire"},
    }
    text = orjson.dumps({"rules": [rule]}).decode()
    await shop("ecr", "PutLifecyclePolicy", repositoryName="shop", lifecyclePolicyText=text)
    await shop.clock.advance(24 * 3600 * 1000 + 1000)
    listed = (await shop("ecr", "ListImages", repositoryName="shop"))["imageIds"]
    assert sorted(entry["imageTag"] for entry in listed) == ["v2", "v3"]
    told = await shop("ecr", "GetLifecyclePolicy", repositoryName="shop")
    assert told["lifecyclePolicyText"] == text and "lastEvaluatedAt" in told
    await shop("ecr", "DeleteLifecyclePolicy", repositoryName="shop")
    code, message = await refusal(shop, "GetLifecyclePolicy", repositoryName="shop")
    assert code == "LifecyclePolicyNotFoundException"
    assert message.startswith("Lifecycle policy does not exist for the repository with name 'shop'")


async def test_a_lifecycle_rule_that_is_not_applied_is_refused_by_name(
    shop: MemoryPlatform,
) -> None:
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 2},
        "action": {"type": "expire"},
    }
    text = orjson.dumps({"rules": [rule]}).decode()
    given = {"repositoryName": "shop", "lifecyclePolicyText": text}
    code, message = await refusal(shop, "PutLifecyclePolicy", **given)
    assert code == "InvalidParameterException" and "sinceImagePulled" in message


async def test_repository_policies_are_kept(shop: MemoryPlatform) -> None:
    assert (await refusal(shop, "GetRepositoryPolicy", repositoryName="shop"))[0] == (
        "RepositoryPolicyNotFoundException"
    )
    text = '{"Version": "2012-10-17", "Statement": []}'
    await shop("ecr", "SetRepositoryPolicy", repositoryName="shop", policyText=text)
    told = await shop("ecr", "GetRepositoryPolicy", repositoryName="shop")
    assert told["policyText"] == text


async def test_the_token_opens_the_registry_for_twelve_hours(shop: MemoryPlatform) -> None:
    (data,) = (await shop("ecr", "GetAuthorizationToken"))["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    key, now_ms = shop.kernel.signing_key, shop.clock.now_ms()
    bearer = passwords.read(key, password, now_ms)
    assert user == "AWS" and bearer is not None
    assert (bearer.account, bearer.region) == (REGISTRY, "us-east-1")
    assert passwords.read(key, password, now_ms + 12 * 3600 * 1000) is None
    assert passwords.read(bytes(31) + b"x", password, now_ms) is None
