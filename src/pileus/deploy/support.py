"""What this version's platform runs of a serverless.yml, so that the rest is refused at once.

The rooms refuse the same things by themselves, but only when the stack meets them; other clients
(``osls``) learn of them there.
"""

from __future__ import annotations

from pileus.compute import runtimes
from pileus.languages.serverless import Support

SUPPORT = Support(
    events=(
        "s3",
        "sqs",
        "sns",
        "stream",
        "kafka",
        "eventBridge",
        "schedule",
        "cloudwatchEvent",
        "cloudwatchLog",
    ),
    runtimes=runtimes.FAMILIES,
    runtimes_told=runtimes.TOLD,
    absent={},
)
