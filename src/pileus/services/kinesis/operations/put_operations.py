"""PutRecord and PutRecords.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.ports.log import LogUnavailable
from pileus.services.kinesis import deliveries, errors, putting, store
from pileus.services.kinesis.flow import Flows
from pileus.services.kinesis.model import Shard, Stream
from pileus.values.body import Body


@stream
async def put_record(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Put one record into its shard; it is on disk when this answers."""
    name = store.name_of(request)
    async with call.own(Flows).gate(call.space, name).passing():
        routes = store.routes(call, name)
        one = putting.entry(routes, request)
        if request.get("DryRun"):
            raise errors.dry_run()
        shard, sequence = await _put(call, routes, one)
    return {
        "ShardId": shard.id,
        "SequenceNumber": sequence,
        "EncryptionType": encryption(routes.stream),
    }


async def _put(call: StreamCall, routes: store.Routes, one: putting.Entry) -> tuple[Shard, str]:
    """The shard the record is in and its sequence number; a delivery's record is put once."""
    mark = deliveries.mark_of(call)
    if mark and (before := await deliveries.earlier(call, routes.stream, one.shard)):
        return before
    if not putting.admit(call, routes.stream, one):
        raise errors.rate_exceeded(one.shard.id, routes.stream.name, call.account)
    sequences = await putting.append(call, routes.stream, one.shard, [one], mark)
    return one.shard, sequences[0]


@stream
async def put_records(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Put up to 500 records; what a shard cannot take is told one by one."""
    name = store.name_of(request)
    async with call.own(Flows).gate(call.space, name).passing():
        routes = store.routes(call, name)
        entries = [putting.entry(routes, given) for given in request["Records"]]
        putting.check_request_size(entries)
        if request.get("DryRun"):
            raise errors.dry_run()
        results: list[dict[str, Any]] = [{} for _ in entries]
        admitted: dict[int, list[int]] = {}
        for at, one in enumerate(entries):
            if putting.admit(call, routes.stream, one):
                admitted.setdefault(one.shard.number, []).append(at)
            else:
                error = errors.rate_exceeded(one.shard.id, name, call.account)
                results[at] = {"ErrorCode": error.code, "ErrorMessage": error.message}
        batches = [
            (entries[places[0]].shard, places, [entries[at] for at in places])
            for places in admitted.values()
        ]
        told = await asyncio.gather(
            *(_append(call, routes.stream, shard, batch) for shard, _, batch in batches)
        )
    for (_, places, _), answers in zip(batches, told, strict=True):
        for at, answer in zip(places, answers, strict=True):
            results[at] = answer
    return {
        "FailedRecordCount": sum("ErrorCode" in result for result in results),
        "Records": results,
        "EncryptionType": encryption(routes.stream),
    }


async def _append(
    call: StreamCall, stream: Stream, shard: Shard, batch: list[putting.Entry]
) -> list[dict[str, Any]]:
    """What is told of each record of one shard."""
    try:
        sequences = await putting.append(call, stream, shard, batch)
    except LogUnavailable as problem:
        failure = {"ErrorCode": "InternalFailure", "ErrorMessage": str(problem)}
        return [failure] * len(batch)
    return [{"ShardId": shard.id, "SequenceNumber": each} for each in sequences]


def encryption(stream: Stream) -> str:
    """What is said of the encryption of a stream."""
    return "KMS" if stream.key else "NONE"
