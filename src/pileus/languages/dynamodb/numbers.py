"""Numbers as DynamoDB keeps them: up to 38 decimal digits, exact.

Source: "Number" in
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from functools import lru_cache

from pileus.languages.dynamodb.errors import InvalidRequest

DIGITS_MAX = 38
EXPONENT_MAX = 125
EXPONENT_MIN = -130
_NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
_ALLOWED = frozenset("0123456789+-.eE")
# Wide enough that neither parsing nor a single addition rounds before the digits are counted.
_WIDE = decimal.Context(prec=400, Emax=999_999, Emin=-999_999, traps=[decimal.InvalidOperation])


@lru_cache(maxsize=8192)
def parse_number(text: str) -> Decimal:
    """Read a number as sent by a client.

    Raises:
        InvalidRequest: when it is no number, has more than 38 significant digits, or its magnitude
            is outside 1E-130 … 9.99…E+125.
    """
    trimmed = text.strip()
    if not trimmed:
        raise InvalidRequest(_NOT_NUMERIC)
    if not _ALLOWED.issuperset(trimmed):
        raise InvalidRequest(f"{_NOT_NUMERIC}: {text}")
    try:
        number = _WIDE.create_decimal(trimmed)
    except decimal.InvalidOperation:
        raise InvalidRequest(f"{_NOT_NUMERIC}: {text}") from None
    return checked(number)


def checked(number: Decimal) -> Decimal:
    """The number without trailing zeros.

    Raises:
        InvalidRequest: when it is out of range or too precise.
    """
    if not number:
        return Decimal(0)
    exponent = number.adjusted()
    if exponent > EXPONENT_MAX:
        raise InvalidRequest(
            "Number overflow. Attempting to store a number with magnitude larger than supported "
            "range"
        )
    if exponent < EXPONENT_MIN:
        raise InvalidRequest(
            "Number underflow. Attempting to store a number with magnitude smaller than supported "
            "range"
        )
    normal = number.normalize(_WIDE)
    if len(normal.as_tuple().digits) > DIGITS_MAX:
        raise InvalidRequest("Attempting to store more than 38 significant digits in a Number")
    return normal


@lru_cache(maxsize=8192)
def normal_form(text: str) -> str:
    """The form in which DynamoDB gives a number back: plain digits, no exponent, no spare zeros."""
    return format_number(parse_number(text))


def format_number(number: Decimal) -> str:
    """Plain digits of a number already normalised."""
    return format(number, "f") if number else "0"


def add(left: str, right: str) -> str:
    """The exact sum of two numbers.

    Raises:
        InvalidRequest: when the sum is out of range or needs more than 38 digits.
    """
    return _exact(_WIDE.add(parse_number(left), parse_number(right)))


def subtract(left: str, right: str) -> str:
    """The difference of two numbers; see :func:`add`."""
    return _exact(_WIDE.subtract(parse_number(left), parse_number(right)))


def _exact(number: Decimal) -> str:
    return format_number(checked(number))


def number_order_key(text: str) -> bytes:
    """Bytes that sort as the numbers do.

    A sign byte (0 negative, 1 zero, 2 positive), the exponent plus 1000 in two bytes, then the
    digits in pairs, each pair plus one. A negative number carries the complement of the latter
    two, closed by 0xff, so that larger magnitudes come first.
    """
    number = parse_number(text)
    if not number:
        return b"\1"
    digits = number.as_tuple().digits
    if len(digits) % 2:
        digits += (0,)
    body = (number.adjusted() + 1000).to_bytes(2, "big") + bytes(
        digits[i] * 10 + digits[i + 1] + 1 for i in range(0, len(digits), 2)
    )
    if number > 0:
        return b"\2" + body
    return b"\0" + bytes(255 - byte for byte in body) + b"\xff"


def number_size_bytes(text: str) -> int:
    """What a number counts towards the size of its item: about a byte per two digits, plus one."""
    number = parse_number(text)
    if not number:
        return 1
    digits = len(number.as_tuple().digits)
    # Digits are stored in pairs about the decimal point; an even count may straddle one more.
    pairs = (digits + 1) // 2
    if digits % 2 == 0 and number.adjusted() % 2 == 0:
        pairs += 1
    return 1 + pairs + (1 if number < 0 else 0)
