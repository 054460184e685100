"""The platform's objects that run functions, made and bound together in one place.

The platform hands in real nodes, tests scripted ones; everything above the Nodes port is the same.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from pileus.compute.code_store import CodeStore
from pileus.compute.function_images import FunctionImages
from pileus.compute.log_shipping import LogShipper
from pileus.compute.pools import Pools, PoolServices, PoolSettings
from pileus.compute.usage_records import meter_of
from pileus.kernel.kernel import Kernel
from pileus.ports.kafka import Kafka, KafkaAbsent
from pileus.ports.nodes import Nodes
from pileus.services.lambda_.async_invokes import AsyncInvokes
from pileus.services.lambda_.code_sweep import CodeSweep
from pileus.services.lambda_.durable.invoking import DurableExecutions
from pileus.services.lambda_.function_urls import FunctionUrls
from pileus.services.lambda_.kafka.following import KafkaSources
from pileus.services.lambda_.provisioned import Provisioned
from pileus.services.lambda_.queue_source import QueueSources
from pileus.services.lambda_.running import Functions
from pileus.services.lambda_.snapshots import Snapshots
from pileus.services.lambda_.streams.following import StreamSources


class ComputeSettings(msgspec.Struct, frozen=True):
    """What does not follow from the ports.

    Attributes:
        code_dir: archives and unpacked packages lie below it; a cache of what is in Blobs.
        boot_id: changes with every boot of the machine; files of another boot are not trusted.
        pools: how long instances live, and the quotas.
    """

    code_dir: Path
    boot_id: str
    pools: PoolSettings = msgspec.field(default_factory=PoolSettings)


def add_parts(
    kernel: Kernel, nodes: Nodes, settings: ComputeSettings, kafka: Kafka | None = None
) -> None:
    """Give the kernel pools of instances and what runs on them. The part LogShipper must be there.

    Call it before the lambda room is asked for anything. ``kafka`` is how clusters are reached;
    without it mappings of topics are refused.
    """
    code = CodeStore(kernel.blobs, settings.code_dir, settings.boot_id)
    images = FunctionImages(kernel)
    functions = Functions(kernel, code, images)
    services = PoolServices(
        nodes=nodes,
        clock=kernel.clock,
        chance=kernel.chance,
        credentials=functions.credentials,
        write_log=kernel.part(LogShipper).write,
        meter=meter_of(kernel, "lambda"),
        layers=images,
    )
    functions.pools = Pools(services, settings.pools)
    kernel.add_part(Pools, functions.pools)
    kernel.add_part(CodeStore, code)
    kernel.add_part(Functions, functions)
    kernel.add_part(AsyncInvokes, AsyncInvokes(kernel, functions))
    durable = DurableExecutions(kernel, functions)
    functions.durable = durable
    kernel.add_part(DurableExecutions, durable)
    kernel.add_part(QueueSources, QueueSources(kernel, functions))
    kernel.add_part(StreamSources, StreamSources(kernel, functions))
    kernel.add_part(KafkaSources, KafkaSources(kernel, functions, kafka or KafkaAbsent()))
    kernel.add_part(CodeSweep, CodeSweep(kernel, code, images))
    kernel.add_part(FunctionUrls, FunctionUrls(kernel))
    kernel.add_part(Snapshots, Snapshots(kernel, functions))
    kernel.add_part(Provisioned, Provisioned(kernel, functions))
