"""Requests as bytes, signed once beforehand so that signing never stands in what is measured.

Signature Version 4 from its description:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

REGION = "us-east-1"
ACCOUNT = "000000000000"
_KEY_ID, _SECRET = "test", "test"


def signed(
    service: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    port: int,
    query: str = "",
) -> bytes:
    """A whole HTTP/1.1 request with its signature; valid for fifteen minutes.

    Args:
        path: already percent-encoded and without a query.
        query: already in canonical form.
        headers: further headers, all of them signed.
    """
    # Signatures carry the wall time, whatever clock the platform runs on.
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{at[:8]}/{REGION}/{service}/aws4_request"
    digest = hashlib.sha256(body).hexdigest()
    sent = {name.lower(): value for name, value in headers.items()}
    sent |= {"host": f"127.0.0.1:{port}", "x-amz-date": at, "x-amz-content-sha256": digest}
    names = sorted(sent)
    canonical = "\n".join(
        [
            method,
            path,
            query,
            *(f"{name}:{sent[name]}" for name in names),
            "",
            ";".join(names),
            digest,
        ]
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}"
    key = f"AWS4{_SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={_KEY_ID}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    sent["content-length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    target = f"{path}?{query}" if query else path
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def caller_identity(port: int) -> bytes:
    """STS GetCallerIdentity: the cheapest signed call there is."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    return signed("sts", "POST", "/", form, body, port=port)


def json_call(service: str, target: str, given: Mapping[str, Any], port: int) -> bytes:
    """A call of a JSON protocol: ``target`` is the whole ``X-Amz-Target``."""
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    return signed(service, "POST", "/", headers, json.dumps(given).encode(), port=port)


def put_object(bucket: str, key: str, body: bytes, port: int) -> bytes:
    """S3 PutObject, path style; ``bucket`` and ``key`` need no percent-encoding."""
    return signed("s3", "PUT", f"/{bucket}/{key}", {}, body, port=port)


def invoke(function: str, payload: bytes, port: int, qualifier: str = "") -> bytes:
    """Lambda Invoke, synchronous; of ``$LATEST`` unless a version is named."""
    path = f"/2015-03-31/functions/{function}/invocations"
    query = f"Qualifier={quote(qualifier, safe='')}" if qualifier else ""
    return signed("lambda", "POST", path, {}, payload, port=port, query=query)
