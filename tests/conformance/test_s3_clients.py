"""s3 as its real clients see it: boto3, the AWS CLI, presigned addresses, and a power cut."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.conformance.live import PYTHON, REGION, LivePlatform

MIB = 1024 * 1024


def _client(platform: LivePlatform, **config: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=platform.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(**config),
    )


@pytest.fixture(scope="module")
def s3(live_platform: LivePlatform) -> Any:
    return _client(live_platform)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own."""
    name = "t-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    s3.create_bucket(Bucket=name)
    return name


def _status(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_objects_and_their_headers(s3: Any, bucket: str) -> None:
    key = "dir/a b+c ü?#%.txt"
    s3.put_object(Bucket=bucket, Key=key, Body=b"hello", ContentType="text/x", Metadata={"a": "b"})
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == b"hello"
    assert got["ContentType"] == "text/x"
    assert got["Metadata"] == {"a": "b"}
    assert got["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    listed = s3.list_objects_v2(Bucket=bucket)
    assert [row["Key"] for row in listed["Contents"]] == [key]
    assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-2")["Body"].read() == b"el"
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 5
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key=key)
    assert _status(caught) == ("404", 404)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_pass_both_ways(s3: Any, bucket: str, algorithm: str) -> None:
    body = os.urandom(200_000)
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    # botocore compares what it reads with the checksum it was told.
    assert got["Body"].read() == body
    assert got[f"Checksum{algorithm}"]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "CRC64NVME"])
def test_transfers_in_parts(s3: Any, bucket: str, algorithm: str) -> None:
    body = os.urandom(17 * MIB)
    config = TransferConfig(multipart_threshold=MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(
        io.BytesIO(body), bucket, "k", Config=config, ExtraArgs={"ChecksumAlgorithm": algorithm}
    )
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-4"')
    found = io.BytesIO()
    s3.download_fileobj(bucket, "k", found, Config=config)
    assert found.getvalue() == body
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copy", PartNumber=4)["Body"].read() == body[15 * MIB :]
    with pytest.raises(ClientError) as caught:
        s3.upload_part(Bucket=bucket, Key="k", UploadId="none", PartNumber=1, Body=b"x")
    assert _status(caught) == ("NoSuchUpload", 404)


def test_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")
    assert _status(caught) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert _status(caught) == ("304", 304)
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    assert _status(caught) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=5-")
    assert _status(caught) == ("InvalidRange", 416)


def test_versions(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
    s3.delete_object(Bucket=bucket, Key="k")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [row["IsLatest"] for row in listed["Versions"]] == [False, False]
    assert listed["DeleteMarkers"][0]["IsLatest"] is True
    old = listed["Versions"][-1]["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=old)["Body"].read() == b"1"
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", VersionId=listed["DeleteMarkers"][0]["VersionId"])
    assert _status(caught) == ("MethodNotAllowed", 405)
    every = listed["Versions"] + listed["DeleteMarkers"]
    objects = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in every]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})["Deleted"]) == 3
    s3.delete_bucket(Bucket=bucket)


def test_configurations_pass_the_wire(s3: Any, bucket: str) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "t/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    assert s3.put_object(Bucket=bucket, Key="t/k")["Expiration"].endswith('rule-id="r"')
    tags = [{"Key": "a", "Value": "b"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    cors = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 9}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": cors})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == cors
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["BucketKeyEnabled"] is False
    grants = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert grants[0]["Grantee"]["Type"] == "CanonicalUser"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{bucket}/*",
            }
        ],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    with pytest.raises(ClientError) as caught:
        s3.get_bucket_website(Bucket=bucket)
    assert _status(caught) == ("NoSuchWebsiteConfiguration", 404)
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "On"})
    assert _status(caught) == ("MalformedXML", 400)


def test_rules_for_pages_from_elsewhere(s3: Any, bucket: str, live_platform: LivePlatform) -> None:
    page = "https://page.example"
    asked = {"Origin": page, "Access-Control-Request-Method": "PUT"}
    url = f"{live_platform.endpoint}/{bucket}/k"
    status, _, body = _fetched(url, "OPTIONS")
    assert (status, b"Origin request header needed" in body) == (400, True)
    status, headers, body = _fetched(url, "OPTIONS", **asked)
    assert (status, b"CORS is not enabled for this bucket" in body) == (403, True)
    rule = {
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://*.example"],
        "AllowedHeaders": ["X-Amz-*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 9,
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    wanted = {"Access-Control-Request-Headers": "x-amz-acl"}
    status, headers, _ = _fetched(url, "OPTIONS", **asked, **wanted)
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == page
    assert headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert headers["Access-Control-Allow-Headers"] == "x-amz-acl"
    assert headers["Access-Control-Expose-Headers"] == "ETag"
    assert headers["Access-Control-Max-Age"] == "9"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    wanted = {"Access-Control-Request-Headers": "x-other"}
    assert _fetched(url, "OPTIONS", **asked, **wanted)[0] == 403
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    status, headers, body = _fetched(signed, "GET", Origin=page)
    assert (status, headers["Access-Control-Allow-Origin"], body) == (200, page, b"x")
    status, headers, _ = _fetched(signed, "GET", Origin="https://else.where")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, None)
    # What nobody signed is not for strangers, whatever the rules say.
    assert _fetched(url, "GET", Origin=page)[0] == 403


def test_numbers_that_are_none(s3: Any, bucket: str, live_platform: LivePlatform) -> None:
    status, _, body = _fetched(f"{live_platform.endpoint}/{bucket}?max-keys=many", "GET")
    assert status == 400
    assert b"<Code>InvalidArgument</Code>" in body
    assert b"Provided max-keys not an integer or within integer range" in body
    assert b"<ArgumentName>max-keys</ArgumentName><ArgumentValue>many</ArgumentValue>" in body
    assert b"Resource" not in body


def _fetched(url: str, method: str, **headers: str) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_queue_is_told(s3: Any, bucket: str, live_platform: LivePlatform) -> None:
    sqs = live_platform.client("sqs")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:000000000000:{bucket}"
    config = {
        "QueueConfigurations": [
            {
                "QueueArn": arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".mkv"}]}},
            }
        ]
    }
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    assert _status(caught) == ("InvalidArgument", 400)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]
    assert found["Filter"]["Key"]["FilterRules"] == [{"Name": "Suffix", "Value": ".mkv"}]
    s3.put_object(Bucket=bucket, Key="other", Body=b"x")
    s3.put_object(Bucket=bucket, Key="a.mkv", Body=b"x")
    told: list[Any] = []
    while len(told) < 2:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        told += [json.loads(message["Body"]) for message in messages]
    records = [each["Records"][0] for each in told if "Records" in each]
    assert [record["s3"]["object"]["key"] for record in records] == ["a.mkv"]


# ---------------------------------------------------------------- addresses


def _fetch(url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    method = "GET" if body is None else "PUT"
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    if body is not None:
        # urllib would send a form's type, which was not signed.
        request.add_header("Content-Type", headers.get("Content-Type", ""))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_addresses(live_platform: LivePlatform, bucket: str, version: str) -> None:
    s3 = _client(live_platform, signature_version=version)
    where = {"Bucket": bucket, "Key": "a b/ü.txt"}
    put = s3.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    assert _fetch(put, b"signed")[0] == 200
    get = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    assert _fetch(get) == (200, b"signed")
    status, told = _fetch(get.replace("%C3%BC", "u"))
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in told
    typed = {**where, "ResponseContentType": "text/html"}
    url = s3.generate_presigned_url("get_object", Params=typed, ExpiresIn=60)
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "text/html"


def test_the_bucket_may_stand_in_the_host(
    live_platform: LivePlatform, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"virtual")
    port = urlsplit(live_platform.endpoint).port
    for host in (f"{bucket}.s3.amazonaws.com", f"{bucket}.localhost:{port}"):
        assert _fetch(f"{live_platform.endpoint}/k", Host=host) == (200, b"virtual")


def test_errors_are_documents(live_platform: LivePlatform, bucket: str) -> None:
    status, told = _fetch(f"{live_platform.endpoint}/{bucket}/none")
    assert status == 404
    for part in ("<Code>NoSuchKey</Code>", "<Key>none</Key>", "<RequestId>", "<HostId>"):
        assert part.encode() in told


# ---------------------------------------------------------------- the AWS CLI


def test_the_aws_cli(live_platform: LivePlatform, tmp_path: Path) -> None:
    def aws(*arguments: str, status: int = 0) -> str:
        program = Path(PYTHON).parent / "aws"
        done = subprocess.run(
            [str(program), "s3", *arguments],
            env=live_platform.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    large = os.urandom(9 * MIB)
    (source / "large").write_bytes(large)
    for index in range(5):
        (source / "deep" / f"{index}.txt").write_text(str(index))
    aws("mb", "s3://typed")
    aws("sync", str(source), "s3://typed/kept", "--no-progress")
    assert "PRE deep/" in aws("ls", "s3://typed/kept/")
    assert len(aws("ls", "s3://typed", "--recursive").splitlines()) == 6
    assert aws("sync", str(source), "s3://typed/kept", "--no-progress") == ""
    aws("cp", "s3://typed/kept/large", "s3://typed/copied")
    aws("mv", "s3://typed/copied", "s3://typed/moved")
    aws("cp", "s3://typed", str(target), "--recursive", "--no-progress")
    assert (target / "moved").read_bytes() == (target / "kept" / "large").read_bytes() == large
    assert aws("cp", "s3://typed/kept/deep/3.txt", "-") == "3"
    assert _fetch(aws("presign", "s3://typed/kept/deep/4.txt").strip()) == (200, b"4")
    assert "BucketNotEmpty" in aws("rb", "s3://typed", status=1)
    aws("rm", "s3://typed/kept/deep", "--recursive")
    aws("rb", "s3://typed", "--force")
    assert "typed" not in aws("ls")


# ---------------------------------------------------------------- a power cut


class _Putter:
    """Puts numbered objects until cut off; keeps what was promised."""

    def __init__(self, platform: LivePlatform, name: str, count: int) -> None:
        self._client = platform.client("s3", user_agent_extra=f"putter/{name}")
        self._name = name
        self._count = count
        self.acknowledged: dict[str, bytes] = {}
        self.tried: set[str] = set()

    def run(self, enough: threading.Event, at_count: int) -> None:
        for number in range(self._count):
            key = f"{self._name}/{number}"
            body = key.encode() * (10 if number % 3 else 5000)
            self.tried.add(key)
            try:
                self._client.put_object(Bucket="cut", Key=key, Body=body)
            except (BotoCoreError, ClientError):
                return
            self.acknowledged[key] = body
            if number >= at_count:
                enough.set()


@pytest.mark.slow
def test_a_power_cut_amid_puts_loses_nothing_acknowledged(
    make_platform: Callable[..., LivePlatform],
) -> None:
    platform = make_platform()
    platform.client("s3").create_bucket(Bucket="cut")
    putters = [_Putter(platform, name, 2000) for name in "abcd"]
    half_way = threading.Event()
    threads = [threading.Thread(target=each.run, args=(half_way, 150)) for each in putters]
    for thread in threads:
        thread.start()
    assert half_way.wait(120)
    platform.kill()
    for thread in threads:
        thread.join(60)
    acknowledged = {key: body for each in putters for key, body in each.acknowledged.items()}
    tried = set().union(*(each.tried for each in putters))
    assert 150 <= len(acknowledged) < len(tried)

    platform.start()
    s3 = platform.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="cut")
    kept = {row["Key"] for page in pages for row in page.get("Contents", ())}
    assert acknowledged.keys() <= kept <= tried
    for key in kept:
        body = s3.get_object(Bucket="cut", Key=key)["Body"].read()
        assert body == acknowledged.get(key, body)
        assert body.startswith(key.encode())
