"""What CloudWatch shows of functions beside their invocations.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html and
https://docs.aws.amazon.com/lambda/latest/dg/durable-monitoring.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from pileus.compute.invocation_measures import dimensions_of
from pileus.kernel.deliveries import Delivery
from pileus.kernel.measures import Measure
from pileus.services.lambda_.names import LATEST
from pileus.values.errors import ServiceError

DEAD_LETTER, DESTINATION = "DeadLetterErrors", "DestinationDeliveryFailures"
_UNITS = {
    "AsyncEventAge": "Milliseconds",
    "IteratorAge": "Milliseconds",
    "UrlRequestLatency": "Milliseconds",
    "DurableExecutionDuration": "Milliseconds",
    "DurableExecutionStorageWrittenBytes": "Bytes",
}
Noted = Callable[[], Iterator[Measure]]


def noted(function: str, qualifier: str, values: Mapping[str, float]) -> Noted:
    """Numbers of a function by metric, for ``Measures.note`` and ``WriteCall.measure``.

    ``qualifier`` is the version or alias that was asked for, if one was.
    """
    return partial(_measures, function, qualifier, values)


def _measures(function: str, qualifier: str, values: Mapping[str, float]) -> Iterator[Measure]:
    for dimensions in dimensions_of(function, qualifier):
        for name, value in values.items():
            yield Measure(dimensions, name, _UNITS.get(name, "Count"), value)


def url_noted(function: str, qualifier: str, status: int, latency_ms: float) -> Noted:
    """One request to a function's address."""
    values = {
        "UrlRequestCount": 1.0,
        "Url4xxCount": float(400 <= status < 500),
        "Url5xxCount": float(status >= 500),
        "UrlRequestLatency": latency_ms,
    }
    return noted(function, qualifier or LATEST, values)


def facts_of(metric: str, function: str, qualifier: str) -> dict[str, str]:
    """What a delivery says of itself, for the metric that counts it when it is given up."""
    return {"metric": metric, "function": function, "qualifier": qualifier}


def of_delivery(delivery: Delivery, error: ServiceError | None) -> Iterator[Measure]:
    """Records and dead letters that could not be delivered."""
    facts = delivery.facts
    if "metric" in facts:
        failed = {facts["metric"]: 1.0 if error else 0.0}
        yield from _measures(facts["function"], facts["qualifier"], failed)
