"""How long from sending a message until the function that reads the queue runs?

As ``object_to_function``: the function's first statement tells the time. The floor is what AWS was seen to
need (the project's FACTS, section 7: published).
"""

from __future__ import annotations

import json
import time
from statistics import median

from benches.apparatus import functions, wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.processes import LoadClient, Running, ask, call, platform

_SOURCE = """import time

def handler(event, context):
    started_ns = time.time_ns()
    for record in event["Records"]:
        print("STARTED", record["body"], started_ns)
"""
_WARM_UPS = 5
_PAUSE_S = 0.03


def run(effort: Effort) -> list[Figure]:
    """Messages one after another to a queue with an event source mapping."""
    count = effort.samples * 3 + _WARM_UPS
    with LoadClient() as client, platform() as running:
        url = _prepare(running)
        sent_ns: list[int] = []
        for index in range(count):
            given = {"QueueUrl": url, "MessageBody": f"m{index}"}
            request = wire.json_call("sqs", "AmazonSQS.SendMessage", given, running.port)
            _, sent = client.timed([Target(running.port, [request])], rounds=1, block=1)
            sent_ns += sent[0]
            time.sleep(_PAUSE_S)
        started_ns = functions.started(running.port, "reader", count)
    lags_ms = [(started_ns[f"m{index}"] - sent_ns[index]) / 1e6 for index in range(count)]
    return [
        Figure(
            "SQS send until a warm function runs",
            median(lags_ms[_WARM_UPS:]),
            "ms p50",
            16.0,
            "AWS, published",
            Reach(is_at_most=True, of_value=5.0),
        )
    ]


def _prepare(running: Running) -> str:
    port = running.port
    functions.create_role(port)
    functions.create(port, "reader", _SOURCE)
    url: str = ask(port, "sqs", "AmazonSQS.CreateQueue", QueueName="q")["QueueUrl"]
    given = {"FunctionName": "reader", "BatchSize": 1}
    given["EventSourceArn"] = f"arn:aws:sqs:{wire.REGION}:{wire.ACCOUNT}:q"
    body, headers = json.dumps(given).encode(), {"content-type": "application/json"}
    path = "/2015-03-31/event-source-mappings"
    call(port, wire.signed("lambda", "POST", path, headers, body, port=port))
    functions.settle()
    return url
