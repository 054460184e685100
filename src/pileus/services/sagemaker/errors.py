"""What can be wrong, in SageMaker's own words.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

from pileus.values.errors import ServiceError

TITLES = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}
"""What sentences call the kinds of resource."""


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def not_found(kind: str, arn: str) -> ServiceError:
    return invalid(f'Could not find {TITLES[kind]} "{arn}".')


def already_exists(kind: str, arn: str) -> ServiceError:
    return invalid(f'Cannot create already existing {TITLES[kind]} "{arn}".')


def in_progress(arn: str) -> ServiceError:
    return invalid(f'Cannot update in-progress endpoint "{arn}".')


def unsupported(member: str, operation: str) -> ServiceError:
    return invalid(f"Pileus does not support {member} of {operation} yet.")


def runtime_invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def endpoint_not_found(name: str, account: str) -> ServiceError:
    return runtime_invalid(f"Endpoint {name} of account {account} not found.")


def variant_not_found(variant: str, endpoint: str, account: str) -> ServiceError:
    return runtime_invalid(
        f"Variant {variant} of endpoint {endpoint} of account {account} not found."
    )


def unavailable(message: str) -> ServiceError:
    return ServiceError("ServiceUnavailable", message, status=503)


def throttled() -> ServiceError:
    return ServiceError("ThrottlingException", "Rate exceeded", status=429)


def model_error(status: int, text: str, endpoint: str, region: str, account: str) -> ServiceError:
    """The model answered with ``status`` (0: not at all) and ``text``."""
    side = "client" if 400 <= status < 500 else "server"
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return ServiceError(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{text}". See '
        f"{console}#logEventViewer:group={group} in account {account} for more information.",
        status=424,
        fields={
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:aws:logs:{region}:{account}:log-group:{group}",
        },
    )
