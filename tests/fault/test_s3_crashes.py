"""Objects lose nothing acknowledged, point at no missing bytes and leave none behind."""

from __future__ import annotations

import json
import random
from typing import Any

from pileus.services.s3 import store
from tests.fault.simulation import Simulation, crash_everywhere

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:q"
SPACE = ("000000000000", "global", "s3")
SMALL, LARGE, PART = 100, 40_000, 5 * 1024 * 1024


def _body(text: str, size: int) -> bytes:
    return (text.encode() + b".") * (size // (len(text) + 1))


async def _current(simulation: Simulation, key: str) -> bytes | None:
    """What is there now, read to its end."""
    listed = await simulation("s3", "ListObjectsV2", Bucket="bucket", Prefix=key)
    if not listed.get("Contents"):
        return None
    reply = await simulation.platform.reply("s3", "GetObject", Bucket="bucket", Key=key)
    assert reply.body is not None
    return await reply.body.read()


async def _no_blob_is_missing_or_left(simulation: Simulation) -> None:
    await simulation.rest(10_000)

    def look(view: Any) -> tuple[set[str], int]:
        held = {
            store.VERSIONS.decode(raw).content.blob
            for table in ("object", "version")
            for _, raw in view.range((table,))
        }
        held |= {store.PARTS.decode(raw).content.blob for _, raw in view.range(("part",))}
        loose = view.count(("pending",)) + view.count(("garbage",))
        return {f"000000000000/s3/{blob}" for blob in held if blob}, loose

    held, loose = simulation.platform.kernel.state.read(SPACE, look)
    there = {info.name for info in await simulation.disks.blobs.list()}
    assert held <= there, f"missing: {held - there}"
    assert there <= held, f"left behind: {there - held}"
    assert loose == 0, "notes of blobs are left"


def _expect(notes: dict[str, Any], key: str, body: bytes | None) -> None:
    """From now on ``body`` may be there as well; once acknowledged, only that."""
    notes["allowed"].setdefault(key, [None]).append(body)


def _acknowledge(notes: dict[str, Any], key: str) -> None:
    notes["allowed"][key] = notes["allowed"][key][-1:]


async def test_objects_are_what_was_acknowledged(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        chance = random.Random(seed)
        notes["allowed"] = {}
        await simulation("s3", "CreateBucket", Bucket="bucket")
        notes["ready"] = True
        for index in range(10):
            key = chance.choice("ab")
            if chance.random() < 0.25:
                _expect(notes, key, None)
                await simulation("s3", "DeleteObject", Bucket="bucket", Key=key)
            else:
                body = _body(f"{index}", chance.choice([SMALL, LARGE]))
                _expect(notes, key, body)
                await simulation("s3", "PutObject", Bucket="bucket", Key=key, Body=body)
            _acknowledge(notes, key)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        for key, allowed in notes["allowed"].items():
            assert await _current(simulation, key) in allowed, f"{key} is not what it was"
        await _no_blob_is_missing_or_left(simulation)

    assert await crash_everywhere(scenario, check, seed) > 10


async def test_copies_and_versions_survive(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes["versions"] = {}
        await simulation("s3", "CreateBucket", Bucket="bucket")
        status = {"Status": "Enabled"}
        await simulation(
            "s3", "PutBucketVersioning", Bucket="bucket", VersioningConfiguration=status
        )
        notes["ready"] = True
        for index in range(4):
            body = _body(f"{index}", LARGE)
            put = await simulation("s3", "PutObject", Bucket="bucket", Key="a", Body=body)
            notes["versions"][put["VersionId"]] = ("a", body)
            copy = await simulation(
                "s3", "CopyObject", Bucket="bucket", Key="b", CopySource="bucket/a"
            )
            notes["versions"][copy["VersionId"]] = ("b", body)
            if index % 2:
                gone = put["VersionId"]
                notes["versions"].pop(gone)
                await simulation("s3", "DeleteObject", Bucket="bucket", Key="a", VersionId=gone)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        for version_id, (key, body) in notes["versions"].items():
            reply = await simulation.platform.reply(
                "s3", "GetObject", Bucket="bucket", Key=key, VersionId=version_id
            )
            assert reply.body is not None
            assert await reply.body.read() == body
        await _no_blob_is_missing_or_left(simulation)

    assert await crash_everywhere(scenario, check, seed) > 20


async def test_uploads_in_parts_survive(seed: int) -> None:
    first, replaced, last = _body("1", PART), _body("x", LARGE), _body("2", LARGE)

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        notes["allowed"] = {}
        await simulation("s3", "CreateBucket", Bucket="bucket")
        notes["ready"] = True
        for key in "ab":
            where = {"Bucket": "bucket", "Key": key}
            upload = await simulation("s3", "CreateMultipartUpload", **where)
            where["UploadId"] = notes["upload"] = upload["UploadId"]
            parts = []
            for number, body in ((1, first), (2, replaced), (2, last), (3, replaced)):
                part = await simulation("s3", "UploadPart", PartNumber=number, Body=body, **where)
                parts = [each for each in parts if each["PartNumber"] != number]
                parts.append({"PartNumber": number, "ETag": part["ETag"]})
            if key == "a":
                _expect(notes, key, first + last)
                listed = {"Parts": parts[:2]}
                await simulation("s3", "CompleteMultipartUpload", MultipartUpload=listed, **where)
                _acknowledge(notes, key)
            else:
                await simulation("s3", "AbortMultipartUpload", **where)
        _expect(notes, "a", None)
        await simulation("s3", "DeleteObject", Bucket="bucket", Key="a")
        _acknowledge(notes, "a")

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        for key, allowed in notes["allowed"].items():
            assert await _current(simulation, key) in allowed, f"{key} is not what it was"
        await _no_blob_is_missing_or_left(simulation)

    assert await crash_everywhere(scenario, check, seed) > 20


async def test_a_queue_is_told_once_of_every_object(seed: int) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        chance = random.Random(seed)
        notes.update(accepted=set(), asked=set())
        queue = await simulation("sqs", "CreateQueue", QueueName="q")
        notes["url"] = queue["QueueUrl"]
        await simulation("s3", "CreateBucket", Bucket="bucket")
        entry = {"QueueArn": QUEUE_ARN, "Events": ["s3:ObjectCreated:*"], "Id": "i"}
        await simulation(
            "s3", "PutBucketNotificationConfiguration", Bucket="bucket",
            NotificationConfiguration={"QueueConfigurations": [entry]},
            SkipDestinationValidation=True,
        )  # fmt: skip
        notes["ready"] = True
        for index in range(6):
            key = f"k{index}"
            notes["asked"].add(key)
            body = _body(key, chance.choice([SMALL, LARGE]))
            await simulation("s3", "PutObject", Bucket="bucket", Key=key, Body=body)
            notes["accepted"].add(key)
            if chance.random() < 0.5:
                await simulation.rest(1)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        if "ready" not in notes:
            return
        told = await _told(simulation, notes["url"])
        assert len(told) == len(set(told)), f"told twice: {told}"
        assert notes["accepted"] <= set(told) <= notes["asked"], f"lost or invented: {told}"
        listed = await simulation("s3", "ListObjectsV2", Bucket="bucket")
        there = {row["Key"] for row in listed.get("Contents", ())}
        assert set(told) == there, "what is there and what was told differ"
        await _no_blob_is_missing_or_left(simulation)

    assert await crash_everywhere(scenario, check, seed) > 15


async def _told(simulation: Simulation, url: str) -> list[str]:
    """The keys of every event in the queue."""
    await simulation.rest(120_000)
    keys = []
    while messages := (
        await simulation("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    ).get("Messages"):
        for message in messages:
            records = json.loads(message["Body"]).get("Records", [])
            keys += [record["s3"]["object"]["key"] for record in records]
            await simulation(
                "sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
            )
    return keys
