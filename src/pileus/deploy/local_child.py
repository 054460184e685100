"""Runs one handler once: the program behind ``pileus invoke --local``, in a Python of its own.

The order comes as JSON on standard input, the outcome goes as JSON to the descriptor it names;
whatever the handler prints goes where it printed. Uses the same handler search, JSON rules and error
documents as the platform's own runtime.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from typing import Any

from pileus.runtime import documents, errors
from pileus.runtime.lambda_context import LambdaContext
from pileus.runtime.python_client import find_handler


def main() -> None:
    """Do what the order says and leave."""
    # Ctrl-C reaches us too: it is to end the function, not to show where it was.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    order = json.load(sys.stdin)
    outcome = _run(order)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.flush()
    sys.stderr.flush()
    with os.fdopen(order["answer_descriptor"], "w") as answer:
        json.dump({**outcome, "peak_mb": peak_kb // 1024}, answer)
    # Libraries that started threads may hang the interpreter's own end.
    os._exit(0)


def _run(order: dict[str, Any]) -> dict[str, Any]:
    request_id = order["request_id"]
    started_ns = time.perf_counter_ns()
    ready_ns = started_ns
    try:
        handler = find_handler(order["handler"])
        LambdaContext.describe(os.environ)
        context = LambdaContext(request_id, order["deadline_ms"], order["arn"], None, None)
        ready_ns = time.perf_counter_ns()
        writer = documents.ResponseWriter(is_ascii=order["is_ascii"])
        payload = writer.write(handler(order["event"], context)).decode("utf-8", "replace")
        is_error = False
    except Exception as error:  # noqa: BLE001  # the boundary of user code: reported, not handled
        report = errors.document(error, request_id)
        payload, is_error = json.dumps(report), True
    ended_ns = time.perf_counter_ns()
    return {
        "payload": payload,
        "is_error": is_error,
        "init_ms": (ready_ns - started_ns) / 1e6,
        "duration_ms": (ended_ns - ready_ns) / 1e6,
    }


if __name__ == "__main__":
    main()
