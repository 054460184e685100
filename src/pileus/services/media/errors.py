"""What can be wrong, in sentences that say what to do."""

from __future__ import annotations

from pileus.values.errors import ServiceError


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def not_found(kind: str, name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"There is no {kind} {name}.", status=404)


def exists(kind: str, name: str) -> ServiceError:
    return ServiceError(
        "ResourceAlreadyExistsException", f"There is a {kind} {name} already.", status=409
    )


def in_use(kind: str, name: str, pipeline: str) -> ServiceError:
    return ServiceError(
        "ResourceInUseException",
        f"The {kind} {name} belongs to the pipeline {pipeline}; delete or change that first.",
        status=409,
    )


def too_many(kind: str, most: int) -> ServiceError:
    return ServiceError("LimitExceededException", f"An account has at most {most} {kind}s.")


def looked_at(message: str) -> ServiceError:
    return ServiceError("LimitExceededException", message)


def invalid_token() -> ServiceError:
    return invalid("NextToken is not valid.")


def unreadable(source: str, reason: str) -> ServiceError:
    return ServiceError(
        "SourceNotReadableException",
        f"What was pushed to {source} cannot be read: {reason}",
        status=422,
    )


def not_pushed(source: str) -> ServiceError:
    return invalid(f"The source {source} is not one to push to: it lacks Push.")


def published_already(source: str) -> ServiceError:
    return ServiceError(
        "ResourceInUseException",
        f"Somebody pushes to {source} already; one at a time may.",
        status=409,
    )


def read_no_more(source: str) -> ServiceError:
    return ServiceError(
        "ResourceInUseException",
        f"The source {source} is being changed, or has just ended; push again.",
        status=409,
    )


def has_records(source: str, why: str = "") -> ServiceError:
    return invalid(f"The source {source} has records, and no pictures or sound.{why}")


def has_media(source: str, why: str = "") -> ServiceError:
    return invalid(f"The source {source} has pictures or sound, and no records.{why}")


def switched_off(source: str) -> ServiceError:
    return ServiceError(
        "ResourceInUseException", f"The source {source} is switched off.", status=409
    )


def wrong_key() -> ServiceError:
    return ServiceError(
        "AccessDeniedException",
        "Pushing takes the source's push key (Authorization: Bearer, or ?key=) or a signature; "
        "DescribeSource tells the key.",
        status=403,
    )
