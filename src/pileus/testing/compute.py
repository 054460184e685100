"""Functions in a memory platform: scripted programs instead of processes, under virtual time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pileus.compute.code_store import CodeStore
from pileus.compute.images.parts import add_layer_store
from pileus.compute.log_shipping import LogShipper
from pileus.compute.pools import PoolSettings
from pileus.ports.kafka import Kafka
from pileus.services.lambda_.parts import ComputeSettings, add_parts
from pileus.testing.fake_nodes import FakeNodes, Program
from pileus.testing.platform import MemoryPlatform

ROLE = "functions"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Caller(Protocol):
    """A platform, or a simulation of one."""

    async def __call__(self, service: str, operation: str, **input: Any) -> dict[str, Any]:
        """Call an operation; its output members."""
        ...


class ScriptedCompute:
    """Adds pools over scripted nodes to each life of a platform::

    compute = ScriptedCompute(tmp_path, {"app.ok": Program(lambda *_: Answer(b"1"))})
    platform = await MemoryPlatform.start(prepare=compute)
    await add_function(platform, "f", "app.ok")

    Attributes:
        programs: by handler name; may be added to at any time.
        nodes: of the latest life; ``nodes.links`` are its instances.
        kafka: how event sources reach clusters, if they are to.
    """

    nodes: FakeNodes

    def __init__(
        self,
        code_dir: Path,
        programs: Mapping[str, Program],
        pools: PoolSettings | None = None,
        kafka: Kafka | None = None,
    ) -> None:
        self.programs = dict(programs)
        self.kafka = kafka
        self._settings = ComputeSettings(code_dir, "test-boot", pools or PoolSettings())

    def __call__(self, platform: MemoryPlatform) -> None:
        """Give the platform what runs functions; it has not started yet."""
        self.nodes = FakeNodes(platform.clock, self.programs)
        platform.kernel.add_part(LogShipper, LogShipper(platform.kernel))
        layers = add_layer_store(platform.kernel, self._settings.code_dir / "layers")
        add_parts(platform.kernel, self.nodes, self._settings, self.kafka)
        # Unpacking goes on in threads, which virtual time must wait for.
        code = platform.kernel.part(CodeStore)
        platform.clock.watch(lambda: code.is_working or layers.is_working)


def package(files: Mapping[str, str]) -> bytes:
    """A zip archive; the same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return packed.getvalue()


async def add_role(platform: Caller, name: str = ROLE) -> str:
    """A role that Lambda may assume; its ARN."""
    given = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(_TRUST)}
    role = (await platform("iam", "CreateRole", **given))["Role"]
    return str(role["Arn"])


async def add_function(
    platform: Caller, name: str, handler: str, role: str = "", **more: Any
) -> dict[str, Any]:
    """A function on one of the scripted programs; CreateFunction's output.

    Without ``role`` the one of :func:`add_role` is named, which must be there.
    """
    given = {
        "FunctionName": name,
        "Handler": handler,
        "Runtime": "python3.12",
        "Role": role or f"arn:aws:iam::000000000000:role/{ROLE}",
        "Code": {"ZipFile": package({"app.py": f"# {name}"})},
        **more,
    }
    return await platform("lambda", "CreateFunction", **given)
