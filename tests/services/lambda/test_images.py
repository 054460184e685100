"""Functions of container images: what is found, kept, shown and let go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pileus.compute.images.layer_store import LayerStore
from pileus.services.lambda_.code_sweep import GRACE_S
from pileus.testing.compute import ROLE, ScriptedCompute, add_function
from pileus.testing.images import tar_of
from pileus.testing.platform import MemoryPlatform
from pileus.testing.registry import push_image
from pileus.values.errors import ServiceError

from .conftest import refused

BASE = tar_of({"etc/base": b"x" * 3000})
CONFIG = {"Entrypoint": ["/run"], "Cmd": ["app.echo"], "WorkingDir": "/srv",
          "Env": ["PATH=/own/bin", "COLOUR=image", "SHAPE=image", "AWS_REGION=nowhere"]}  # fmt: skip
HOST = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


async def push(platform: MemoryPlatform, name: str, word: str, **config: Any) -> str:
    return await push_image(
        platform, name, [BASE, tar_of({"word": word.encode()})], **CONFIG | config
    )


async def create(
    platform: MemoryPlatform, name: str = "f", image: str = f"{HOST}/app:1", **more: Any
) -> dict[str, Any]:
    given = {"FunctionName": name, "Role": f"arn:aws:iam::000000000000:role/{ROLE}",
             "PackageType": "Image", "Code": {"ImageUri": image}}  # fmt: skip
    return await platform("lambda", "CreateFunction", **given | more)


def _words(lower: str) -> list[str]:
    """What of our own a layer holds."""
    return [path.read_text() for path in Path(lower).glob("word")]


async def layers_kept(platform: MemoryPlatform) -> int:
    """Layers (and configs) whose bytes are in the registry."""
    space = ("000000000000", "us-east-1", "ecr")
    return platform.kernel.state.read(space, lambda state: state.count(("layer",)))


async def test_what_an_instance_is_told(platform: MemoryPlatform, compute: ScriptedCompute) -> None:
    digest = await push(platform, "app:1", "one")
    environment = {"Variables": {"SHAPE": "function"}}
    made = await create(platform, Environment=environment)
    assert made["CodeSha256"] == digest.removeprefix("sha256:")
    told = await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    assert told["StatusCode"] == 200
    spec = compute.nodes.links[-1].spec
    assert spec.image is not None and len(spec.image.lowers) == 2
    assert [_words(lower) for lower in spec.image.lowers] == [["one"], []]
    assert (spec.image.entrypoint, spec.image.command) == (("/run",), ("app.echo",))
    assert (spec.image.working_dir, spec.code_dir, spec.layers_dir) == ("/srv", "", "")
    inside = spec.environment
    assert (inside["COLOUR"], inside["SHAPE"], inside["PATH"]) == ("image", "function", "/own/bin")
    assert (inside["AWS_REGION"], inside["_HANDLER"]) == ("us-east-1", "app.echo")
    assert not {"AWS_EXECUTION_ENV", "LANG"} & inside.keys()
    assert inside["LAMBDA_TASK_ROOT"] == "/var/task"


async def test_layers_are_held_while_an_instance_lives(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    await push(platform, "app:1", "one")
    await create(platform)
    await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    layers = platform.kernel.part(LayerStore)
    held = layers.size_bytes
    assert await platform.clock.run(layers.prune()) == 0
    await platform.clock.advance(400_000)
    assert compute.nodes.running_count == 0, "idle instances end"
    assert await platform.clock.run(layers.prune()) == held
    told = await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    assert told["StatusCode"] == 200 and layers.size_bytes == held


@pytest.mark.parametrize("ends", ["app.exit", "app.hang"])
async def test_an_instance_that_ends_lets_go_of_its_layers(
    platform: MemoryPlatform, ends: str
) -> None:
    await push(platform, "app:1", "one", Cmd=[ends])
    await create(platform)
    told = await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    assert told["FunctionError"] == "Unhandled"
    await platform.clock.advance(100)
    assert await platform.clock.run(platform.kernel.part(LayerStore).prune()) > 0


async def test_versions_keep_their_image(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    first = await push(platform, "app:1", "one")
    await create(platform, Publish=True)
    second = await push(platform, "app:1", "two")
    assert second != first
    given = {"FunctionName": "f", "ImageUri": f"{HOST}/app:1"}
    told = await platform("lambda", "UpdateFunctionCode", **given)
    assert told["CodeSha256"] == second.removeprefix("sha256:")
    for qualifier, digest, word in (("1", first, "one"), ("$LATEST", second, "two")):
        about = {"FunctionName": "f", "Qualifier": qualifier}
        code = (await platform("lambda", "GetFunction", **about))["Code"]
        assert code == {"RepositoryType": "ECR", "ImageUri": f"{HOST}/app:1",
                        "ResolvedImageUri": f"{HOST}/app@{digest}"}  # fmt: skip
        await platform("lambda", "Invoke", Payload=b"{}", **about)
        image = compute.nodes.links[-1].spec.image
        assert image is not None and _words(image.lowers[0]) == [word]


async def test_an_image_stays_as_long_as_a_version_needs_it(platform: MemoryPlatform) -> None:
    await push(platform, "app:1", "one")
    await push(platform, "app:2", "two")
    await create(platform, Publish=True)
    change = {"FunctionName": "f", "ImageUri": f"{HOST}/app:2"}
    await platform("lambda", "UpdateFunctionCode", **change)
    await platform("ecr", "DeleteRepository", repositoryName="app", force=True)
    await platform.clock.advance(25 * 3600 * 1000)
    assert await layers_kept(platform) == 3, "the base, and one layer of each image"
    for qualifier in ("1", "$LATEST"):
        given = {"FunctionName": "f", "Qualifier": qualifier, "Payload": b"{}"}
        assert (await platform("lambda", "Invoke", **given))["StatusCode"] == 200

    await platform("lambda", "DeleteFunction", FunctionName="f", Qualifier="1")
    await platform.clock.advance(3 * GRACE_S * 1000)
    assert await layers_kept(platform) == 2
    assert (await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}"))[
        "StatusCode"
    ] == 200
    await platform("lambda", "DeleteFunction", FunctionName="f")
    await platform.clock.advance(3 * GRACE_S * 1000)
    assert await layers_kept(platform) == 0


async def test_what_was_not_used_is_let_go(platform: MemoryPlatform) -> None:
    await push(platform, "app:1", "one")
    await create(platform)
    await platform(
        "lambda", "UpdateFunctionCode", FunctionName="f", ImageUri=f"{HOST}/app:1", DryRun=True
    )
    with pytest.raises(ServiceError, match="already exist"):
        await create(platform)
    await platform("lambda", "DeleteFunction", FunctionName="f")
    await platform("ecr", "DeleteRepository", repositoryName="app", force=True)
    await platform.clock.advance(3 * GRACE_S * 1000)
    assert await layers_kept(platform) == 0


async def test_another_accounts_image(platform: MemoryPlatform) -> None:
    await push(platform, "app:1", "one")
    context = platform.context
    platform.context = type(context)(request_id="other", account="111111111111")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"Service": "lambda.amazonaws.com"}}]}  # fmt: skip
    await platform("iam", "CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
    await create(platform, Role=f"arn:aws:iam::111111111111:role/{ROLE}")
    assert (await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}"))[
        "StatusCode"
    ] == 200


async def test_settings_of_the_other_kind(platform: MemoryPlatform) -> None:
    await push(platform, "app:1", "one")
    await create(platform)
    await add_function(platform, "zip", "app.echo")
    told = await refused(
        platform, "UpdateFunctionConfiguration", FunctionName="zip",
        ImageConfig={"Command": ["x"]},
    )  # fmt: skip
    assert told[2] == (
        "Please don't provide ImageConfig when the intended function PackageType is Zip."
    )
    told = await refused(
        platform, "UpdateFunctionCode", FunctionName="zip", ImageUri=f"{HOST}/app:1"
    )
    assert told[2] == (
        "Please don't provide ImageUri when updating a function with packageType Zip."
    )
    told = await refused(
        platform, "CreateFunction", FunctionName="g", PackageType="Image",
        Role=f"arn:aws:iam::000000000000:role/{ROLE}", Code={"ZipFile": b"x"},
    )  # fmt: skip
    assert told[2] == "Please provide ImageUri when creating a function with packageType Image."


async def test_an_instance_whose_layers_cannot_be_unpacked(platform: MemoryPlatform) -> None:
    await push_image(platform, "bad:1", [b"no archive" * 200], **CONFIG)
    await create(platform, image=f"{HOST}/bad:1")
    told = await refused(platform, "Invoke", FunctionName="f", Payload=b"{}")
    assert told[0] == "InvalidRuntimeException"
    assert told[2].startswith(f"The image {HOST}/bad:1 cannot be used: ")


async def test_code_signing_is_not_for_images(platform: MemoryPlatform) -> None:
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v1"
    publishers = {"SigningProfileVersionArns": [profile]}
    made = await platform("lambda", "CreateCodeSigningConfig", AllowedPublishers=publishers)
    arn = made["CodeSigningConfig"]["CodeSigningConfigArn"]
    await push(platform, "app:1", "one")
    told = (
        "InvalidParameterValueException",
        400,
        "Code signing is not supported for functions created with container images.",
    )
    with pytest.raises(ServiceError) as caught:
        await create(platform, CodeSigningConfigArn=arn)
    assert (caught.value.code, caught.value.status, caught.value.message) == told
    await create(platform)
    for verb, more in (("Get", {}), ("Put", {"CodeSigningConfigArn": arn}), ("Delete", {})):
        operation = f"{verb}FunctionCodeSigningConfig"
        assert await refused(platform, operation, FunctionName="f", **more) == told
