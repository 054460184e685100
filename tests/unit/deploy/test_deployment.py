import io
import json
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pileus.deploy.accounts import environment_of
from pileus.deploy.deployment import Deployed, ServiceDeployment
from pileus.deploy.environments import known
from pileus.deploy.errors import DeployError, RequirementsError, StackFailed
from pileus.deploy.removal import remove_stack
from pileus.deploy.requirement_layers import LAYER_ID
from pileus.deploy.service_folder import ServiceFolder
from pileus.languages.serverless import Options, ServiceFileError, Sources, load_file

from .fake_platform import CollectedProgress, FakeApi, FakeClock, write_service

BUCKET = "deployment-bucket"
PINNED = f"click=={metadata.version('click')}\n"


class Shop:
    """A service on disk and a platform to deploy it to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "service"
        self.folder.mkdir()
        self.cache_dir = folder / "cache"
        self.api = FakeApi()
        self.clock = FakeClock()
        self.progress = CollectedProgress()

    def write(self, more: str = "", **files: str) -> None:
        write_service(self.folder, more, **files)

    def deploy(self, stage: str = "dev", *, is_forced: bool = False) -> Deployed:
        def read_file(name: str) -> str | None:
            path = self.folder / name
            return path.read_text() if path.is_file() else None

        self.clock.at_ms += 60_000
        folder = ServiceFolder(
            self.folder,
            load_file("serverless.yml", Sources(read_file=read_file)),
            Options(stage),
            environment_of(stage),
            self.api,
        )
        work = ServiceDeployment(folder, self.clock.time(), self.cache_dir, self.progress)
        return work.run(is_forced=is_forced)

    @property
    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api.stacks["shop-dev"]["template"]["Resources"]
        return found

    def function(self, name: str = "Hello") -> dict[str, Any]:
        properties: dict[str, Any] = self.resources[f"{name}LambdaFunction"]["Properties"]
        return properties

    def zips(self) -> list[str]:
        return sorted(key for _, key in self.api.objects if key.endswith(".zip"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_new_service_gets_its_bucket_first_and_then_everything(shop: Shop) -> None:
    shop.write()
    deployed = shop.deploy()
    assert (deployed.what, deployed.stack, deployed.account) == (
        "created",
        "shop-dev",
        "000000000000",
    )
    assert deployed.functions == {"hello": "shop-dev-hello"}
    key = shop.function()["Code"]["S3Key"]
    with zipfile.ZipFile(io.BytesIO(shop.api.objects[BUCKET, key])) as bundle:
        assert bundle.namelist() == ["handler.py"]
    assert shop.api.calls.count("ExecuteChangeSet") == 2


def test_deploying_again_changes_nothing_unless_forced(shop: Shop) -> None:
    shop.write()
    shop.deploy()
    calls = shop.api.calls.count("CreateChangeSet")
    assert shop.deploy().what == "unchanged"
    assert shop.api.calls.count("CreateChangeSet") == calls
    shop.deploy(is_forced=True)
    assert shop.api.calls.count("CreateChangeSet") == calls + 1


def test_new_code_is_a_new_version_and_the_one_before_last_is_dropped(shop: Shop) -> None:
    shop.write()
    shop.deploy()
    versions = [name for name in shop.resources if "LambdaVersion" in name]
    for number in range(3):
        (shop.folder / "handler.py").write_text(
            f"def hello(event, context):\n    return {number}\n"
        )
        assert shop.deploy().what == "updated"
    assert [name for name in shop.resources if "LambdaVersion" in name] != versions
    assert len(shop.zips()) == 2, "this deployment's and the last one's, for a rollback"
    assert shop.function()["Code"]["S3Key"] in shop.zips()


def test_a_change_of_settings_alone_uploads_no_code(shop: Shop) -> None:
    shop.write()
    shop.deploy()
    steps = len(shop.progress.steps)
    shop.write("custom: {}\nresources: {Resources: {Q: {Type: 'AWS::SQS::Queue'}}}\n")
    assert shop.deploy().what == "updated"
    assert not any(step.startswith("Uploading") for step in shop.progress.steps[steps:])
    assert "Q" in shop.resources


def test_requirements_become_a_layer_uploaded_once(shop: Shop) -> None:
    shop.write(requirements__txt=PINNED)
    shop.deploy()
    assert shop.function()["Layers"] == [{"Ref": LAYER_ID}]
    content = shop.resources[LAYER_ID]["Properties"]["Content"]
    assert content["S3Bucket"] == shop.function()["Code"]["S3Bucket"]
    with zipfile.ZipFile(io.BytesIO(shop.api.objects[BUCKET, content["S3Key"]])) as bundle:
        assert "python/click/__init__.py" in bundle.namelist()
    (shop.folder / "handler.py").write_text("def hello(event, context):\n    return 2\n")
    shop.deploy()
    assert shop.resources[LAYER_ID]["Properties"]["Content"] == content


def test_other_requirements_are_another_version(shop: Shop) -> None:
    def version_ids() -> set[str]:
        text = json.dumps(shop.api.stacks["shop-dev"]["template"])
        ids = {name for name in shop.resources if "LambdaVersion" in name}
        assert all(text.count(one) == 2 for one in ids), "the resource and the output"
        return ids

    shop.write(requirements__txt=PINNED)
    shop.deploy()
    first = version_ids()
    shop.write(requirements__txt=PINNED + f"msgspec=={metadata.version('msgspec')}\n")
    shop.deploy()
    assert version_ids().isdisjoint(first)


def test_host_and_none_pack_no_requirements(shop: Shop) -> None:
    shop.write("custom: {pileus: {requirements: none}}\n", requirements__txt=PINNED)
    shop.deploy()
    assert "Layers" not in shop.function()
    for mode in ("host", "host-else-layer"):
        shop.write(f"custom: {{pileus: {{requirements: {mode}}}}}\n", requirements__txt=PINNED)
        shop.deploy()
        (layer,) = shop.function()["Layers"]
        assert layer["Fn::Sub"].endswith(":layer:pileus-host:1")
        assert LAYER_ID not in shop.resources
    shop.write("custom: {pileus: {requirements: host}}\n", requirements__txt="click==0.1\n")
    with pytest.raises(RequirementsError, match="the platform's own environment differs"):
        shop.deploy()
    shop.write("custom: {pileus: {requirements: magic}}\n", requirements__txt=PINNED)
    with pytest.raises(
        ServiceFileError, match="expected one of layer, host, host-else-layer, none"
    ):
        shop.deploy()


def test_a_listed_plugin_without_its_file_is_worth_a_word(shop: Shop) -> None:
    shop.write("plugins: [serverless-python-requirements]\n")
    shop.deploy()
    assert shop.progress.warnings == ["requirements.txt does not exist; nothing is installed"]


def test_a_handler_that_is_not_in_the_package_is_refused_before_anything_is_made(
    shop: Shop,
) -> None:
    shop.write()
    (shop.folder / "handler.py").rename(shop.folder / "handlers.py")
    with pytest.raises(DeployError, match=r"functions\.hello\.handler: .* has no handler\.py"):
        shop.deploy()
    assert shop.api.stacks == {}


def test_the_first_failing_resource_is_told(shop: Shop) -> None:
    shop.write("resources: {Resources: {Q: {Type: 'AWS::SQS::Queue'}}}\n")
    shop.api.failing["Q"] = "a queue of that name was deleted just now"
    with pytest.raises(StackFailed, match=r"Q \(AWS::SQS::Queue\): a queue of that name"):
        shop.deploy()


def test_another_stage_is_another_account_and_is_remembered(shop: Shop) -> None:
    shop.write()
    deployed = shop.deploy("prod")
    assert deployed.account == environment_of("prod").account
    assert deployed.account == environment_of("prod").account
    assert [one.stage for one in known(shop.api)] == ["dev", "prod"]


def test_removing_empties_the_deployment_bucket(shop: Shop) -> None:
    shop.write("resources: {Resources: {Own: {Type: 'AWS::S3::Bucket'}}}\n")
    shop.deploy()
    shop.api.objects["own", "kept"] = b""
    remove_stack(shop.api, shop.clock.time(), "shop-dev", shop.progress)
    assert shop.api.objects == {("own", "kept"): b""}
    assert shop.api.stacks == {}
    with pytest.raises(DeployError, match="there is no stack shop-dev"):
        remove_stack(shop.api, shop.clock.time(), "shop-dev", shop.progress)


def test_removing_with_contents_empties_every_bucket(shop: Shop) -> None:
    shop.write("resources: {Resources: {Own: {Type: 'AWS::S3::Bucket'}}}\n")
    shop.deploy()
    shop.api.objects["own", "given up"] = b""
    remove_stack(shop.api, shop.clock.time(), "shop-dev", shop.progress, with_contents=True)
    assert shop.api.objects == {}
