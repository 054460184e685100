"""What DynamoDB answers to a request it cannot understand."""

from __future__ import annotations

from pileus.values.errors import ServiceError

MISSING_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
INCORRECT_OPERAND = "An operand in the update expression has an incorrect data type"
INVALID_PATH = "The document path provided in the update expression is invalid for update"
INVALID_PARAMETERS = "One or more parameter values were invalid: "


class InvalidRequest(ServiceError):
    """``ValidationException`` with DynamoDB's sentence."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class EmptyKey(InvalidRequest):
    """A key attribute without content, which is refused before anything is looked up."""
