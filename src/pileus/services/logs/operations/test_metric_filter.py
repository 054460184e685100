"""TestMetricFilter. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.logs import subscriptions


@read
def test_metric_filter(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Which messages a pattern fits, and the values it finds in them."""
    pattern = subscriptions.pattern(request["filterPattern"])
    return {
        "matches": [
            {
                "eventNumber": number,
                "eventMessage": message,
                "extractedValues": dict(pattern.extract(message)),
            }
            for number, message in enumerate(request["logEventMessages"], 1)
            if pattern.matches(message)
        ]
    }
