"""Quotas as data.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#durable-functions-quotas
https://docs.aws.amazon.com/lambda/latest/api/API_OperationUpdate.html
"""

from __future__ import annotations

import msgspec


class DurableLimits(msgspec.Struct, frozen=True):
    """Sizes in bytes; times by their names.

    Attributes:
        payload_bytes_max: of an operation, of a callback's result and of an asynchronous
            execution's input and result.
        invocation_pauses_s: between failed invocations; after the last the execution fails. AWS
            promises "several hours" without figures.
    """

    operations_max: int = 3_000
    written_bytes_max: int = 104_857_600
    payload_bytes_max: int = 1_048_576
    execution_payload_bytes_max: int = 6_291_456
    error_bytes_max: int = 1_048_576
    synchronous_s_max: int = 900
    lifetime_s_max: int = 31_622_400
    retention_days_default: int = 14
    invocation_pauses_s: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 60, 120, 300, 900, 1800, 3600)
    throttle_pause_last_s: int = 60
    state_bytes_max: int = 3_145_728
    page_bytes_max: int = 5_242_880
    page_default: int = 100
    page_max: int = 1_000


DURABLE_LIMITS = DurableLimits()
