"""What CloudWatch shows of rules.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

from collections.abc import Iterator

from pileus.kernel.deliveries import Delivery
from pileus.kernel.measures import Dimensions, Measure
from pileus.values.arns import Arn
from pileus.values.errors import ServiceError


def of_delivery(delivery: Delivery, error: ServiceError | None) -> Iterator[Measure]:
    """A target was invoked, or given up; by rule and over all."""
    hook = delivery.on_failure
    rule = str(hook.payload.get("rule") or "") if hook is not None else ""
    if not rule:
        return
    # rule/name, or rule/bus/name for a bus that is not the default one.
    path = Arn.parse(rule).resource.split("/")
    named: Dimensions = (("RuleName", path[-1]),)
    if len(path) > 2:
        named = (("EventBusName", path[-2]), *named)
    for dimensions in (named, ()):
        yield Measure(dimensions, "Invocations", "Count", 1.0)
        yield Measure(dimensions, "FailedInvocations", "Count", 1.0 if error else 0.0)
