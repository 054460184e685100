"""Signatures as botocore's signers make them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import pytest
from botocore.credentials import Credentials

from pileus.kernel.credentials import Credential
from pileus.protocols.http import HttpRequest
from pileus.protocols.sigv4 import Verifier
from pileus.protocols.targets import Target
from pileus.values.body import BytesBody
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ROOT = Principal.root("000000000000", "AKIDEXAMPLE")
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = Credentials("ASIAEXAMPLE", "secret", "the/token+=")


def lookup(access_key: str, token: str) -> Credential | None:
    if access_key == KEYS.access_key and not token:
        return Credential(KEYS.access_key, KEYS.secret_key, ROOT)
    if access_key == TEMPORARY.access_key and token == TEMPORARY.token:
        return Credential(
            TEMPORARY.access_key,
            TEMPORARY.secret_key,
            Principal.root("111111111111"),
            expires_ms=NOW_MS + 60_000,
        )
    return None


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore signs at NOW."""
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *_, **__: NOW.replace(tzinfo=None)
    )
    monkeypatch.setattr(botocore.auth.time, "time", lambda: NOW.timestamp())


def made(signer: Any, method: str, url: str, body: bytes = b"", **headers: str) -> HttpRequest:
    """A request signed by one of botocore's signers, as the server would see it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = botocore.awsrequest.AWSRequest(method, url, headers=named, data=body)
    signer.add_auth(request)
    prepared = request.prepare()
    split = urlsplit(prepared.url)
    seen = {key.lower(): value for key, value in prepared.headers.items()}
    seen = {k: v if isinstance(v, str) else v.decode() for k, v in seen.items()}
    seen.setdefault("host", split.netloc)
    return HttpRequest(method, split.path or "/", split.query, seen, BytesBody(body))


def verified(
    request: HttpRequest, service: str, raw: bytes | None = b"", now_ms: int = NOW_MS
) -> Any:
    protocol = {"s3": "rest-xml", "sts": "query", "lambda": "rest-json"}.get(service, "json")
    target = Target(service, "X", protocol)
    return Verifier(lookup).verify(request, target, raw, now_ms)


def v4(service: str, keys: Credentials = KEYS) -> Any:
    return botocore.auth.SigV4Auth(keys, service, "eu-west-1")


def s3v4(keys: Credentials = KEYS) -> Any:
    return botocore.auth.S3SigV4Auth(keys, "s3", "us-east-1")


def test_a_signed_body() -> None:
    body = b'{"QueueUrl": "u"}'
    request = made(v4("sqs"), "POST", "http://127.0.0.1:4566/", body, X_Amz_Target="AmazonSQS.X")
    found = verified(request, "sqs", body)
    assert (found.access_key, found.region) == ("AKIDEXAMPLE", "eu-west-1")
    assert found.credential.principal is ROOT


def test_another_body_is_refused() -> None:
    request = made(v4("sqs"), "POST", "http://127.0.0.1:4566/", b"one")
    with pytest.raises(ServiceError) as raised:
        verified(request, "sqs", b"two")
    assert raised.value.code == "InvalidSignatureException"
    request = made(v4("sqs"), "POST", "http://h/", b"one", X_Amz_Content_SHA256="0" * 64)
    with pytest.raises(ServiceError):
        verified(request, "sqs", b"one")


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/invocations",
        "/a//b/../c",
        "/tags/a%20b",
        "/plain/",
    ],
)
def test_paths_and_queries(path: str) -> None:
    url = f"http://127.0.0.1:4566{path}?b=2&a=1&a=0&empty=&Marker=x%2Fy%20z"
    assert verified(made(v4("lambda"), "GET", url), "lambda")


@pytest.mark.parametrize(
    "path",
    ["/bucket/a%20b/%C3%BC%2B.txt", "/bucket//double", "/bucket/../up", "/bucket/(paren)!*'"],
)
def test_s3_paths_are_not_normalised(path: str) -> None:
    request = made(s3v4(), "GET", f"http://127.0.0.1:4566{path}?uploads&prefix=a%2Fb")
    found = verified(request, "s3", None)
    assert len(found.payload) == 64


def test_header_values_are_trimmed_and_repeated_spaces_are_one() -> None:
    request = made(v4("sqs"), "POST", "http://h/", b"", X_Amz_Meta="a   b  c")
    assert verified(request, "sqs")


def test_session_tokens() -> None:
    request = made(v4("sqs", TEMPORARY), "POST", "http://h/")
    assert verified(request, "sqs").credential.principal.account == "111111111111"
    with pytest.raises(ServiceError) as raised:
        verified(request, "sqs", now_ms=NOW_MS + 61_000)
    assert raised.value.code == "ExpiredTokenException"
    request.headers["x-amz-security-token"] = "another"
    with pytest.raises(ServiceError) as raised:
        verified(request, "sqs")
    assert raised.value.code == "UnrecognizedClientException"
    assert raised.value.query_code == "InvalidClientTokenId"


@pytest.mark.parametrize("keys", [KEYS, TEMPORARY])
def test_presigned_s3(keys: Credentials) -> None:
    signer = botocore.auth.S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=100)
    request = made(signer, "GET", "http://127.0.0.1:4566/bucket/a%20b?versionId=x")
    assert verified(request, "s3", None).payload == "UNSIGNED-PAYLOAD"
    later = NOW_MS + 101_000 if keys is KEYS else NOW_MS + 59_000
    if keys is KEYS:
        with pytest.raises(ServiceError) as raised:
            verified(request, "s3", None, later)
        assert (raised.value.code, raised.value.message) == ("AccessDenied", "Request has expired")
        assert raised.value.fields["X-Amz-Expires"] == "100"
    else:
        assert verified(request, "s3", None, later)


def test_presigned_sts() -> None:
    signer = botocore.auth.SigV4QueryAuth(KEYS, "sts", "us-east-1", expires=60)
    url = "http://127.0.0.1:4566/?Action=GetCallerIdentity&Version=2011-06-15"
    assert verified(made(signer, "GET", url), "sts")


def test_presigning_for_more_than_a_week_is_refused() -> None:
    signer = botocore.auth.S3SigV4QueryAuth(KEYS, "s3", "us-east-1", expires=604_801)
    with pytest.raises(ServiceError) as raised:
        verified(made(signer, "GET", "http://h/b/k"), "s3", None)
    assert raised.value.code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("keys", [KEYS, TEMPORARY])
def test_version_2_presigned(keys: Credentials) -> None:
    signer = botocore.auth.HmacV1QueryAuth(keys, expires=100)
    url = "http://127.0.0.1:4566/bucket/a%20b?versionId=1&response-content-type=text%2Fplain"
    request = made(signer, "GET", url)
    assert verified(request, "s3", None)
    with pytest.raises(ServiceError) as raised:
        verified(request.changed(path="/bucket/other"), "s3", None)
    assert raised.value.code == "SignatureDoesNotMatch"
    with pytest.raises(ServiceError) as raised:
        verified(request, "s3", None, NOW_MS + 101_000)
    assert raised.value.message == "Request has expired"


def test_version_2_header() -> None:
    signer = botocore.auth.HmacV1Auth(KEYS)
    date = "Sat, 21 Nov 2026 10:00:00 GMT"
    request = made(signer, "PUT", "http://127.0.0.1:4566/bucket/k?acl", b"", Content_Type="a/b")
    request.headers["date"] = request.headers.get("date", date)
    now_ms = int(
        datetime.strptime(request.headers["date"], "%a, %d %b %Y %H:%M:%S %Z")
        .replace(tzinfo=UTC)
        .timestamp()
        * 1000
    )
    assert verified(request, "s3", None, now_ms)


def test_virtual_hosted_version_2() -> None:
    signer = botocore.auth.HmacV1QueryAuth(KEYS, expires=100)
    request = made(signer, "GET", "http://127.0.0.1:4566/bucket/key")
    moved = request.changed(path="/key", headers={"host": "bucket.s3.localhost:4566"})
    assert verified(moved, "s3", None)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_clocks_may_differ_by_a_quarter_of_an_hour(minutes: int) -> None:
    far = NOW_MS + minutes * 60_000
    request = made(v4("sts"), "POST", "http://h/", b"x")
    assert verified(request, "sts", b"x", NOW_MS + 14 * 60_000)
    with pytest.raises(ServiceError) as raised:
        verified(request, "sts", b"x", far)
    assert raised.value.code == "SignatureDoesNotMatch"
    assert ("Signature expired" if minutes > 0 else "not yet current") in raised.value.message
    with pytest.raises(ServiceError) as raised:
        verified(made(s3v4(), "GET", "http://h/"), "s3", None, far)
    assert raised.value.code == "RequestTimeTooSkewed"
    assert raised.value.fields["MaxAllowedSkewMilliseconds"] == "900000"


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("s3", "InvalidAccessKeyId", 403),
        ("sts", "InvalidClientTokenId", 403),
        ("dynamodb", "UnrecognizedClientException", 400),
        ("lambda", "UnrecognizedClientException", 403),
    ],
)
def test_unknown_keys(service: str, code: str, status: int) -> None:
    nobody = Credentials("NOBODY", "x")
    signer = s3v4(nobody) if service == "s3" else v4(service, nobody)
    with pytest.raises(ServiceError) as raised:
        verified(made(signer, "GET", "http://h/"), service, None if service == "s3" else b"")
    assert (raised.value.code, raised.value.status) == (code, status)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "SignatureDoesNotMatch"),
        ("sts", "SignatureDoesNotMatch"),
        ("dynamodb", "InvalidSignatureException"),
    ],
)
def test_wrong_secrets(service: str, code: str) -> None:
    wrong = Credentials(KEYS.access_key, "wrong")
    signer = s3v4(wrong) if service == "s3" else v4(service, wrong)
    with pytest.raises(ServiceError) as raised:
        verified(made(signer, "GET", "http://h/"), service, None if service == "s3" else b"")
    assert raised.value.code == code


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/sqs/aws4_request",
        "AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=A/20261121/r/s/aws4_request, SignedHeaders=host, Signature=ü",
        "Bearer token",
    ],
)
def test_incomplete_authorizations(authorization: str) -> None:
    request = HttpRequest("POST", "/", headers={"authorization": authorization, "host": "h"})
    for service, code in (("sts", "IncompleteSignature"), ("s3", "AuthorizationHeaderMalformed")):
        with pytest.raises(ServiceError) as raised:
            verified(request, service)
        assert raised.value.code == code


def test_the_host_must_be_signed_and_s3_wants_every_amz_header_signed() -> None:
    request = made(s3v4(), "GET", "http://h/b/k")
    request.headers["x-amz-acl"] = "public-read"
    with pytest.raises(ServiceError) as raised:
        verified(request, "s3", None)
    assert raised.value.fields == {"HeadersNotSigned": "x-amz-acl"}


def test_a_stream_must_declare_its_hash() -> None:
    request = made(v4("s3"), "PUT", "http://h/b/k", b"x")
    with pytest.raises(ServiceError, match="x-amz-content-sha256"):
        verified(request, "s3", None)


def test_no_credentials_are_nobody() -> None:
    assert verified(HttpRequest("GET", "/b/k", headers={"host": "h"}), "s3", None) is None


def test_yesterdays_scope_does_not_sign_today() -> None:
    request = made(v4("sqs"), "POST", "http://h/")
    tomorrow = (NOW + timedelta(days=1)).strftime("%Y%m%d")
    request.headers["authorization"] = request.headers["authorization"].replace(
        "20261121", tomorrow
    )
    with pytest.raises(ServiceError) as raised:
        verified(request, "sqs")
    assert "Date in Credential scope does not match" in raised.value.message


def test_file_like_bodies_are_hashed_by_their_content() -> None:
    request = botocore.awsrequest.AWSRequest("PUT", "http://h/b/k", data=io.BytesIO(b"abc"))
    s3v4().add_auth(request)
    assert len(request.headers["X-Amz-Content-SHA256"]) == 64
