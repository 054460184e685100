"""What goes on without a request: asynchronous invocations, durable executions, event
sources, tidying up."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.lambda_.async_invokes import AsyncInvokes
from pileus.services.lambda_.code_sweep import CodeSweep
from pileus.services.lambda_.durable.invoking import DurableExecutions
from pileus.services.lambda_.function_urls import FunctionUrls
from pileus.services.lambda_.kafka.following import KafkaSources
from pileus.services.lambda_.provisioned import Provisioned
from pileus.services.lambda_.queue_source import QueueSources
from pileus.services.lambda_.snapshots import Snapshots
from pileus.services.lambda_.streams.following import StreamSources


async def start(call: StreamCall) -> None:
    """Take up what a previous run left in this space."""
    await call.part(AsyncInvokes).recover(call)
    call.part(DurableExecutions).recover(call)
    call.part(QueueSources).recover(call)
    call.part(StreamSources).recover(call)
    call.part(KafkaSources).recover(call)
    call.part(FunctionUrls).recover(call)
    call.part(Snapshots).recover(call)
    call.part(Provisioned).recover(call)
    call.part(CodeSweep).ask(call)
