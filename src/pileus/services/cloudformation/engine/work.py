"""What every step of one stack operation needs at hand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import StepCall, StreamCall
from pileus.kernel.resources import ResourceType
from pileus.languages.cfn import ResolvedTemplate
from pileus.services.cloudformation.asking import Outside
from pileus.services.cloudformation.comparison import handler_of, type_of
from pileus.services.cloudformation.engine.property_names import PropertiesInvalid
from pileus.services.cloudformation.model import Operation, Stack, Step
from pileus.services.cloudformation.proposals import principal_of
from pileus.values.context import CallContext
from pileus.values.errors import PileusError, ServiceError, StoreUnavailable

log = logging.getLogger("pileus.cloudformation")


@dataclass(slots=True)
class Work:
    """One phase of a stack operation.

    Attributes:
        stack, operation: as they were when the phase began; what changes is read anew.
        resolved, outside: only in ``apply``.
    """

    call: StreamCall
    stack: Stack
    operation: Operation
    resolved: ResolvedTemplate | None
    outside: Outside | None

    @property
    def uuid(self) -> str:
        return self.stack.uuid

    def handler(self, resource_type: str) -> ResourceType:
        """The handler of a type."""
        return handler_of(self.call, resource_type)

    def step_call(self, resource_type: str, step: Step) -> StepCall:
        """The call that a handler acts through."""
        operation = self.operation
        context = CallContext(
            account=self.call.account,
            region=self.call.region,
            principal=principal_of(operation.actor),
            request_id=operation.id,
            source="cloudformation",
            endpoint=operation.endpoint,
        )
        step_id = f"{operation.id}-{operation.phase}-{step.index}"
        return self.call.step(context, type_of(resource_type), step_id)


def failure_of(error: Exception, resource_type: str) -> tuple[str, str]:
    """What went wrong in a handler: AWS's handler error code, and the sentence."""
    if isinstance(error, ServiceError):
        return _handler_code(error), error.message or error.code
    if isinstance(error, KeyError):
        return "InvalidRequest", f"Property {error.args[0]} cannot be empty."
    if isinstance(error, PileusError):
        return "InvalidRequest", str(error)
    log.exception("the handler of %s failed", resource_type, exc_info=error)
    return "InternalFailure", f"Internal failure: {type(error).__name__}: {error}"


def told(error: Exception, resource_type: str, operation: Operation, step: Step) -> str:
    """The reason in an event, in the form of AWS's resource handlers."""
    if isinstance(error, PropertiesInvalid):
        return str(error)
    code, sentence = failure_of(error, resource_type)
    if is_own_type(resource_type):
        return sentence
    if isinstance(error, ServiceError):
        service = resource_type.split("::")[1] if "::" in resource_type else resource_type
        sentence = (
            f"{sentence} (Service: {service}, Status Code: {error.status}, "
            f"Request ID: {operation.id})"
        )
    token = f"{operation.id}-{step.index}"
    return (
        f'Resource handler returned message: "{sentence}" (RequestToken: {token}, '
        f"HandlerErrorCode: {code})"
    )


def is_own_type(resource_type: str) -> bool:
    """Types that this room carries out itself word their reasons themselves."""
    return resource_type.startswith(("AWS::CloudFormation::", "Custom::", "AWS::CDK::"))


_CODES: Mapping[str, tuple[str, ...]] = {
    "AlreadyExists": ("AlreadyExists", "AlreadyOwned", "InUse", "NameExists", "Conflict"),
    "NotFound": ("NotFound", "NoSuch", "NonExistent", "DoesNotExist"),
    "AccessDenied": ("AccessDenied", "Unauthorized", "NotAuthorized", "AuthorizationError"),
    "Throttling": ("Throttl", "TooManyRequests"),
    "ServiceLimitExceeded": ("LimitExceeded",),
    "InvalidRequest": ("Invalid", "Validation", "Missing", "Malformed", "BadRequest"),
}


def _handler_code(error: ServiceError) -> str:
    for code, parts in _CODES.items():
        if any(part in error.code for part in parts):
            return code
    return "ServiceInternalError" if error.status >= 500 else "GeneralServiceException"


def is_gone(error: Exception) -> bool:
    """True when a delete failed because there is nothing to delete any more."""
    if not isinstance(error, ServiceError):
        return False
    return _handler_code(error) == "NotFound" or "does not exist" in error.message


async def attempt(work: Any) -> tuple[Any, Exception | None]:
    """The result of a handler, or what it raised; the store's own trouble is not the handler's.

    A handler is another room's code: whatever it raises must end its step, not the platform.
    """
    try:
        return await work, None
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - told in the stack's events, see above
        return None, error
