"""When the AWS SDK for JavaScript is installed, and what is said where it cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.unit.adapters.local_node.house import House

from pileus.adapters.local_node.node_interpreters import SOURCE_DIR
from pileus.adapters.local_node.node_sdk import NodeSdk, names_sdk
from pileus.ports.nodes import InstanceSpec

NPM = """#!/bin/sh
cp package-lock.json installed.json
{}
"""


def _spec(tmp_path: Path, source: str) -> InstanceSpec:
    code_dir = tmp_path / "code"
    code_dir.mkdir(exist_ok=True)
    (code_dir / "index.mjs").write_text(source)
    return InstanceSpec("f", "nodejs22.x", "index.handler", str(code_dir))


def _npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "npm").write_text(NPM.format(ending))
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"index.mjs": "import { S3Client } from '@aws-sdk/client-s3';"}, True),
        ({"src/deep.js": 'const sqs = require("@aws-sdk/client-sqs");'}, True),
        ({"index.js": "exports.handler = async () => '@aws';"}, False),
        ({"app.py": "'@aws-sdk/client-s3'"}, False),
        ({"index.js": "require('@aws-sdk/client-s3')", "node_modules/@aws-sdk/x/index.js": ""}, False),
        ({"node_modules/other/index.js": "require('@aws-sdk/client-s3')"}, False),
    ],
)  # fmt: skip
def test_a_function_that_names_the_sdk_wants_it(tmp_path, files, wanted) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert names_sdk(tmp_path) is wanted


async def test_it_is_installed_once_from_the_lock(tmp_path, monkeypatch) -> None:
    _npm(tmp_path, monkeypatch, "mkdir -p node_modules/@aws-sdk")
    sdk = NodeSdk(tmp_path / "cache")
    assert await sdk.provide(_spec(tmp_path, "export const handler = 1")) == ""
    assert sdk.libraries == ()
    spec = _spec(tmp_path, "import '@aws-sdk/client-s3'")
    assert await sdk.provide(spec) == ""
    assert sdk.libraries == (str(sdk.folder),)
    assert json.loads((sdk.folder.parent / "installed.json").read_text())["lockfileVersion"] == 3
    monkeypatch.setenv("PATH", "/nothing")
    assert await sdk.provide(spec) == "", "it is there already"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [sdk.folder.parent.name]


async def test_a_failure_is_a_sentence_in_the_function_s_log(tmp_path, monkeypatch) -> None:
    spec = _spec(tmp_path, "import '@aws-sdk/client-s3'")
    sdk = NodeSdk(tmp_path / "cache")
    _npm(tmp_path, monkeypatch, "echo no network >&2; exit 1")
    told = await sdk.provide(spec)
    assert told == "npm could not install the AWS SDK for JavaScript: no network"
    monkeypatch.setenv("PATH", "/nothing")
    assert "npm, which installs it, is not on the path" in await sdk.provide(spec)


async def test_without_npm_the_log_says_what_is_missing(tmp_path, monkeypatch) -> None:
    house = House(tmp_path)
    target = house.target("import '@aws-sdk/client-s3'", "index.handler", file="index.mjs", runtime="nodejs22.x")  # fmt: skip
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node is on the path")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").symlink_to(node)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    result = await house.call(target, None)
    await house.pools.close()
    await house.nodes.close()
    assert result.log[0].startswith("The AWS SDK for JavaScript is not in this runtime yet: npm")
    assert json.loads(result.payload)["errorType"] == "Runtime.ImportModuleError"


def test_every_package_of_the_lock_has_its_digest() -> None:
    lock = json.loads(Path(SOURCE_DIR, "sdk", "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert len(packages) > 50
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
