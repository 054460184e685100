"""Executions and callbacks by what their callers name them."""

from __future__ import annotations

from pileus.kernel.calls import ReadCall
from pileus.services.lambda_ import errors
from pileus.services.lambda_.durable import store
from pileus.services.lambda_.durable.model import Execution, Operation
from pileus.services.lambda_.durable.names import callback_of, parse_arn


def of_arn(view: ReadCall, arn: str) -> Execution | None:
    """The execution of that ARN in the caller's account and region."""
    name = parse_arn(arn)
    if name is None or (name.account, name.region) != (view.account, view.region):
        return None
    execution = store.find(view, name.id)
    if execution is None:
        return None
    is_same = (execution.function, execution.version, execution.name) == (
        name.function,
        name.version,
        name.name,
    )
    return execution if is_same else None


def find(view: ReadCall, arn: str) -> Execution:
    """The same; raises ResourceNotFoundException."""
    execution = of_arn(view, arn)
    if execution is None:
        raise errors.no_execution(arn)
    return execution


def callback(view: ReadCall, callback_id: str) -> tuple[Execution, Operation]:
    """The execution and the operation that a callback answers.

    Raises:
        ServiceError: InvalidParameterValueException, ResourceNotFoundException.
    """
    named = callback_of(callback_id)
    if named is None:
        raise errors.invalid("Invalid callback ID.")
    execution = store.find(view, named[0])
    operation = store.operation_named(view, *named)
    if execution is None or operation is None or operation.callback_id != callback_id:
        raise errors.resource_not_found("The callback does not exist.")
    return execution, operation
