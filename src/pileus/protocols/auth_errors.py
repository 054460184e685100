"""What AWS answers to a request it cannot authenticate; codes differ by protocol.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from typing import Any

from pileus.protocols.targets import Target
from pileus.values.errors import ServiceError

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
_S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)
_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"
_MISSING = "Request is missing Authentication Token"
_SKEWED = "The difference between the request time and the current time is too large."

_JSON_CODES = {
    "missing": "MissingAuthenticationTokenException",
    "unknown_key": "UnrecognizedClientException",
    "mismatch": "InvalidSignatureException",
    "expired_token": "ExpiredTokenException",
    "incomplete": "IncompleteSignatureException",
}
_QUERY_CODES = {
    "missing": "MissingAuthenticationToken",
    "unknown_key": "InvalidClientTokenId",
    "mismatch": "SignatureDoesNotMatch",
    "expired_token": "ExpiredToken",
    "incomplete": "IncompleteSignature",
}


def missing(target: Target) -> ServiceError:
    """No credentials at all."""
    if target.protocol == "rest-xml":
        return ServiceError("AccessDenied", "Access Denied", status=403)
    return _worded(target, "missing", _MISSING)


def unknown_key(target: Target, access_key: str) -> ServiceError:
    """An access key nobody has, or one whose session token is not its own."""
    if target.protocol == "rest-xml":
        return ServiceError(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            status=403,
            fields={"AWSAccessKeyId": access_key},
        )
    return _worded(target, "unknown_key", _INVALID)


def mismatch(
    target: Target, message: str = "", fields: dict[str, Any] | None = None
) -> ServiceError:
    """A signature other than ours."""
    if target.protocol == "rest-xml":
        return ServiceError(
            "SignatureDoesNotMatch", message or _S3_MISMATCH, status=403, fields=fields
        )
    return _worded(target, "mismatch", message or _MISMATCH)


def expired_token(target: Target) -> ServiceError:
    """Temporary credentials past their time."""
    if target.protocol == "rest-xml":
        return ServiceError("ExpiredToken", "The provided token has expired.")
    return _worded(target, "expired_token", _EXPIRED)


def incomplete(target: Target, message: str, *, in_query: bool = False) -> ServiceError:
    """An authorization that lacks parts or has them in the wrong form."""
    if target.protocol == "rest-xml":
        code = "AuthorizationQueryParametersError" if in_query else "AuthorizationHeaderMalformed"
        return ServiceError(code, message)
    error = _worded(target, "incomplete", message)
    error.status = 400
    return error


def skewed(target: Target, signed_at: str, now: str, *, minutes: int) -> ServiceError:
    """Signed too long ago, or in the future. Times are ``20261121T100000Z``."""
    if target.protocol == "rest-xml":
        return ServiceError(
            "RequestTimeTooSkewed",
            _SKEWED,
            status=403,
            fields={
                "RequestTime": signed_at,
                "ServerTime": now,
                "MaxAllowedSkewMilliseconds": str(minutes * 60_000),
            },
        )
    if signed_at < now:
        told = f"Signature expired: {signed_at} is now earlier than {now} - {minutes} min."
    else:
        told = f"Signature not yet current: {signed_at} is still later than {now} + {minutes} min."
    return _worded(target, "mismatch", told)


def expired_request(target: Target, fields: dict[str, Any]) -> ServiceError:
    """A presigned request past its time."""
    if target.protocol == "rest-xml":
        return ServiceError("AccessDenied", "Request has expired", status=403, fields=fields)
    return _worded(target, "mismatch", "Signature expired: the presigned request is past its time")


def _worded(target: Target, what: str, message: str) -> ServiceError:
    if target.protocol == "query":
        return ServiceError(_QUERY_CODES[what], message, status=403)
    # DynamoDB's framework answers 400 where the others answer 403.
    status = 400 if target.protocol == "json" and target.service != "sqs" else 403
    return ServiceError(_JSON_CODES[what], message, status=status, query_code=_QUERY_CODES[what])
