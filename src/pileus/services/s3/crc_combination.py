"""The CRC of two byte strings together, from their CRCs and the length of the second.

Appending n zero bytes to a message multiplies its CRC, seen as a polynomial over GF(2), by x^(8n)
modulo the CRC's polynomial; so that power, by repeated squaring, and one product are all it takes.
"""

from __future__ import annotations

from functools import lru_cache

# Reflected polynomials: the coefficient of x^0 is the highest bit.
_POLYNOMIALS = {
    "CRC32": (0xEDB88320, 32),
    "CRC32C": (0x82F63B78, 32),
    "CRC64NVME": (0x9A6C9329AC4BC9B5, 64),
}


def combine(algorithm: str, first: int, second: int, second_bytes: int) -> int:
    """The CRC of ``a + b`` from those of ``a`` and of ``b``, which is ``second_bytes`` long."""
    polynomial, bits = _POLYNOMIALS[algorithm]
    return _product(_power(algorithm, second_bytes), first, polynomial, bits) ^ second


@lru_cache(maxsize=256)
def _power(algorithm: str, size_bytes: int) -> int:
    """x^(8 * size_bytes), reflected. Parts of one upload are mostly of one size."""
    polynomial, bits = _POLYNOMIALS[algorithm]
    result = 1 << (bits - 1)
    square = 1 << (bits - 1 - 8)
    while size_bytes:
        if size_bytes & 1:
            result = _product(result, square, polynomial, bits)
        square = _product(square, square, polynomial, bits)
        size_bytes >>= 1
    return result


def _product(left: int, right: int, polynomial: int, bits: int) -> int:
    result = 0
    mask = 1 << (bits - 1)
    while mask:
        if left & mask:
            result ^= right
        right = (right >> 1) ^ polynomial if right & 1 else right >> 1
        mask >>= 1
    return result
