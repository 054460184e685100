"""Whatever a client sends: it is understood as botocore meant it, or refused in AWS's words."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.auth
import botocore.awsrequest
import pytest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.kernel.credentials import Credential
from pileus.protocols import query_values
from pileus.protocols.codec import decode
from pileus.protocols.http import HttpRequest
from pileus.protocols.router import route
from pileus.protocols.sigv4 import Verifier
from pileus.protocols.targets import Target
from pileus.shapes.validation import validator, violation_message
from pileus.values.body import BytesBody
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

KEYS = Credentials("KEY", "secret/with+signs")
KEYS_OF_OBJECTS = st.text(min_size=1, max_size=40).filter(
    lambda text: text.encode("utf-8", "replace").decode() == text
)


def verifier() -> Verifier:
    known = Credential(KEYS.access_key, KEYS.secret_key, Principal.root("000000000000"))
    return Verifier(lambda key, token: known if key == KEYS.access_key else None)


def signed(signer: Any, method: str, url: str, body: bytes = b"") -> HttpRequest:
    request = botocore.awsrequest.AWSRequest(method, url, data=body)
    signer.add_auth(request)
    split = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = split.netloc
    return HttpRequest(method, split.path, split.query, headers, BytesBody(body))


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


@given(KEYS_OF_OBJECTS, st.dictionaries(st.sampled_from("abc"), st.text(max_size=5)), st.booleans())
@settings(max_examples=60)
def test_any_object_key_is_signed_routed_and_decoded(
    key: str, parameters: dict[str, str], is_presigned: bool
) -> None:
    try:
        query = "&".join(f"{n}={quote(v, safe='')}" for n, v in parameters.items())
        url = f"http://127.0.0.1:4566/bucket/{quote(key, safe='/~')}?{query}"
    except UnicodeEncodeError:
        return  # a lone surrogate is no text a client could send
    signer = botocore.auth.S3SigV4QueryAuth if is_presigned else botocore.auth.S3SigV4Auth
    request = signed(signer(KEYS, "s3", "us-east-1"), "GET", url)
    target = route(request)
    assert target.labels == {"Bucket": "bucket", "Key": key}
    assert verifier().verify(request, target, None, now_ms()) is not None


@given(st.binary(max_size=100))
@settings(max_examples=30)
def test_any_body_is_covered_by_its_signature(body: bytes) -> None:
    request = signed(botocore.auth.SigV4Auth(KEYS, "sqs", "us-east-1"), "POST", "http://h/", body)
    target = Target("sqs", "SendMessage", "json")
    assert verifier().verify(request, target, body, now_ms()) is not None
    with pytest.raises(ServiceError):
        verifier().verify(request, target, body + b"x", now_ms())


TARGETS = [
    Target("dynamodb", "PutItem", "json"),
    Target("sts", "AssumeRole", "query"),
    Target("sqs", "SendMessageBatch", "query"),
    Target("lambda", "CreateFunction", "rest-json"),
    Target("s3", "DeleteObjects", "rest-xml", {"Bucket": "b"}),
    Target("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
]
JSON_LIKE = st.recursive(
    st.sampled_from([b"1", b"null", b'"x"', b"true", b"1e400", b'"AAE="']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: b"[" + b",".join(parts) + b"]")
        | st.dictionaries(
            st.sampled_from(["Item", "TableName", "B", "L", "M", "Code", "ZipFile", "x"]),
            inner,
            max_size=3,
        ).map(lambda d: b"{" + b",".join(b'"%b":%b' % (k.encode(), v) for k, v in d.items()) + b"}")
    ),
    max_leaves=12,
)
QUERY_LIKE = st.lists(
    st.tuples(
        st.sampled_from(["Tags", "Tags.member", "Tags.member.1", "Tags.member.1.Key", "Policy",
                         "SendMessageBatchRequestEntry.1.Id", "SendMessageBatchRequestEntry.x",
                         "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name", "DurationSeconds"]),
        st.sampled_from(["", "1", "x", "%00", "%zz"]),
    ),
    max_size=5,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode())  # fmt: skip


@given(st.sampled_from(TARGETS), st.binary(max_size=80) | JSON_LIKE | QUERY_LIKE)
@settings(max_examples=300)
def test_any_body_is_read_or_refused_and_what_is_read_can_be_validated(
    target: Target, body: bytes
) -> None:
    request = HttpRequest("POST", "/", body=BytesBody(body))
    try:
        found, _ = asyncio.run(decode(target, request))
    except ServiceError as error:
        assert 400 <= error.status < 500
        return
    violations = validator(target.service, target.operation)(found)
    if violations:
        assert violation_message(violations)


@given(st.dictionaries(st.text(alphabet="ab.1", min_size=1, max_size=8), st.text(max_size=3)))
def test_folding_loses_no_plain_parameter(parameters: dict[str, str]) -> None:
    tree = query_values.fold(parameters)
    for name, value in parameters.items():
        if "." not in name and not any(other.startswith(f"{name}.") for other in parameters):
            assert tree[name] == value
