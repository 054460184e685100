"""A platform in memory with scripted models, and archives to deploy."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pileus.compute.host_environment import HostEnvironment
from pileus.compute.log_shipping import LogShipper
from pileus.ports.nodes import Invocation
from pileus.runtime.model_server import join_answer
from pileus.services.sagemaker.parts import ModelSettings, add_model_parts
from pileus.services.sagemaker.running import Endpoints
from pileus.testing.fake_nodes import Answer, FakeNodes, Program
from pileus.testing.platform import Disks, MemoryPlatform

MODEL_DATA = "s3://models/m/model.tar.gz"
ROLE = "arn:aws:iam::000000000000:role/detector"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A ``model.tar.gz``."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            bundle.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def echo(invocation: Invocation, count: int) -> Answer:
    """Answers with what came in."""
    asked = json.loads(invocation.client_context)["custom"]
    return Answer(join_answer({"content_type": asked["content_type"]}, invocation.payload))


@dataclass
class Bench:
    """A platform that serves ``program`` for every script of that name."""

    platform: MemoryPlatform
    nodes: FakeNodes
    programs: dict[str, Program]

    async def __call__(self, operation: str, service: str = "sagemaker", **given: Any) -> Any:
        return await self.platform(service, operation, **given)

    @property
    def endpoints(self) -> Endpoints:
        return self.platform.kernel.part(Endpoints)

    async def store(self, data: bytes, bucket: str = "models", key: str = "m/model.tar.gz") -> None:
        await self.platform("s3", "PutObject", data, Bucket=bucket, Key=key)

    async def model(self, name: str = "m", **environment: str) -> None:
        container = {"Image": "image:1", "ModelDataUrl": MODEL_DATA, "Environment": environment}
        await self("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)

    async def config(self, name: str = "c", *variants: dict[str, Any]) -> None:
        given = [{**one_instance(), **variant} for variant in variants or ({},)]
        for variant in given:
            if "ServerlessConfig" in variant:
                del variant["InstanceType"], variant["InitialInstanceCount"]
        await self("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=given)

    async def endpoint(self, name: str = "e", config: str = "c") -> dict[str, Any]:
        await self("CreateEndpoint", EndpointName=name, EndpointConfigName=config)
        return await self.settled(name)

    async def settled(self, name: str = "e") -> dict[str, Any]:
        """The endpoint once its deployment has ended; unpacking takes real time on a thread."""
        while True:
            described: dict[str, Any] = await self("DescribeEndpoint", EndpointName=name)
            if described["EndpointStatus"] not in ("Creating", "Updating"):
                return described
            await asyncio.sleep(0.001)

    async def served(self) -> None:
        """A model, a configuration and an endpoint in service with its first instance."""
        await self.model()
        await self.config()
        assert (await self.endpoint())["EndpointStatus"] == "InService"
        await self.platform.clock.advance(100)

    async def invoke(self, body: bytes = b"[1]", **given: Any) -> Any:
        given = {"EndpointName": "e", "ContentType": "application/json", **given}
        return await self("InvokeEndpoint", "sagemaker-runtime", Body=body, **given)

    async def discarded(self) -> None:
        """Wait until archives that serve no more are gone; files go on a thread, in real time."""
        await self.platform.clock.advance(120_000)
        name = "discarding archives that serve no more"
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == name))

    async def together(self, *bodies: bytes) -> list[Any]:
        """Requests made at the same moment: their outputs or errors."""
        return list(await self.platform.clock.run(self.begin(*bodies)))

    def begin(self, *bodies: bytes) -> asyncio.Future[list[Any]]:
        """The same under way, while time stands still."""
        kernel, context = self.platform.kernel, self.platform.context
        given = {"EndpointName": "e", "ContentType": "application/json"}

        async def one(body: bytes) -> Any:
            request = {**given, "Body": body}
            reply = await kernel.invoke(context, "sagemaker-runtime", "InvokeEndpoint", request)
            return reply.output

        return asyncio.gather(*map(one, bodies), return_exceptions=True)


def one_instance() -> dict[str, Any]:
    return {
        "VariantName": "all",
        "ModelName": "m",
        "InstanceType": "ml.c5.large",
        "InitialInstanceCount": 1,
    }


StartBench = Callable[..., Any]


@pytest.fixture
async def start_bench(tmp_path: Path) -> AsyncIterator[StartBench]:
    started: list[MemoryPlatform] = []

    async def start(disks: Disks | None = None) -> Bench:
        programs = {"inference.py": Program(echo)}
        held: list[FakeNodes] = []

        def prepare(platform: MemoryPlatform) -> None:
            held.append(FakeNodes(platform.clock, programs))
            kernel = platform.kernel
            kernel.add_part(LogShipper, LogShipper(kernel))
            host = HostEnvironment((str(tmp_path / "host"),), "python3.11")
            settings = ModelSettings(tmp_path / "models", "boot", idle_s=60.0, host=host)
            add_model_parts(kernel, held[-1], settings)

        platform = await MemoryPlatform.start(disks, prepare=prepare)
        started.append(platform)
        return Bench(platform, held[-1], programs)

    yield start
    for platform in started:
        await platform.kernel.part(Endpoints).pools.close()
        await platform.crash()


@pytest.fixture
async def bench(start_bench: StartBench) -> Bench:
    bench: Bench = await start_bench()
    await bench.platform("iam", "CreateRole", RoleName="detector", AssumeRolePolicyDocument=TRUST)
    await bench.platform("s3", "CreateBucket", Bucket="models")
    await bench.store(archive({"code/inference.py": "", "weights.bin": b"w"}))
    return bench
