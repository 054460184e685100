"""How a mapping gets into its cluster, and what is told when it does not.

https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-troubleshoot.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.ports.kafka import Cluster, Fault, KafkaError
from pileus.services.lambda_ import errors
from pileus.services.lambda_.model import KafkaSource
from pileus.values.context import Principal

MECHANISMS = {
    "BASIC_AUTH": "PLAIN",
    "SASL_SCRAM_256_AUTH": "SCRAM-SHA-256",
    "SASL_SCRAM_512_AUTH": "SCRAM-SHA-512",
}
CLIENT_CERTIFICATE, AUTHORITY = "CLIENT_CERTIFICATE_TLS_AUTH", "SERVER_ROOT_CA_CERTIFICATE"
BAD_SETTINGS, BAD_FUNCTION = "ESM_CONFIG_NOT_VALID", "FUNCTION_CONFIG_NOT_VALID"
_UNKNOWN, _FORBIDDEN = "EVENT_SOURCE_AUTHN_ERROR", "EVENT_SOURCE_AUTHZ_ERROR"

_TOLD = {
    Fault.UNREACHABLE: (
        "Connection error. Please check your event source connection configuration.",
        "",
    ),
    Fault.WRONG_CREDENTIALS: ("SASL authentication failed", _UNKNOWN),
    Fault.CLIENT_UNTRUSTED: ("Server failed to authenticate Lambda", _UNKNOWN),
    Fault.SERVER_UNTRUSTED: ("Lambda failed to authenticate server", _UNKNOWN),
    Fault.UNUSABLE_KEY: ("Provided certificate or private key is invalid", BAD_SETTINGS),
    Fault.UNAUTHORIZED: ("Cluster failed to authorize Lambda", _FORBIDDEN),
    Fault.NO_TOPIC: ("The topic does not exist.", BAD_SETTINGS),
    Fault.GROUP_IN_USE: (
        "The consumer group has other members, which must leave it before Lambda can commit.",
        BAD_SETTINGS,
    ),
}


def told(error: KafkaError) -> tuple[str, str]:
    """LastProcessingResult and StateTransitionReason; the latter is empty for what may pass."""
    message, reason = _TOLD.get(error.fault, (str(error), ""))
    return f"PROBLEM: {message}", reason


async def cluster_of(call: StreamCall, source: KafkaSource) -> Cluster:
    """Where and how to connect, with what the secrets hold now.

    SASL always goes over TLS, as Lambda's does. Raises ServiceError for secrets that are missing or
    hold something else.
    """
    given = {each["Type"]: each["URI"] for each in source.access}
    mechanism = next((each for each in given if each in MECHANISMS), "")
    login, own, authority = [
        await _secret(call, given[kind]) if kind in given else {}
        for kind in (mechanism, CLIENT_CERTIFICATE, AUTHORITY)
    ]
    return Cluster(
        servers=tuple(source.servers),
        mechanism=MECHANISMS.get(mechanism, ""),
        user=_part(login, "username", given.get(mechanism)),
        password=_part(login, "password", given.get(mechanism)),
        is_encrypted=bool(mechanism or own or authority),
        authority_pem=_part(authority, "certificate", given.get(AUTHORITY)),
        certificate_pem=_part(own, "certificate", given.get(CLIENT_CERTIFICATE)),
        key_pem=_part(own, "privateKey", given.get(CLIENT_CERTIFICATE)),
        key_password=str(own.get("privateKeyPassword") or ""),
    )


async def _secret(call: StreamCall, arn: str) -> dict[str, Any]:
    principal = Principal.service("lambda.amazonaws.com", call.account)
    given = {"SecretId": arn}
    reply = await call.invoke("secretsmanager", "GetSecretValue", given, principal=principal)
    text = reply.output.get("SecretString") or reply.output.get("SecretBinary") or b""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise errors.invalid(f"The secret {arn} holds no JSON object.")
    return found


def _part(secret: dict[str, Any], name: str, arn: str | None) -> str:
    if arn is None:
        return ""
    if not secret.get(name):
        raise errors.invalid(f"The secret {arn} has no {name}.")
    return str(secret[name])
