"""AWS's own Python client and libraries, unmodified, on real instances."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

import pytest
from tests.unit.adapters.local_node.house import ARN, House

BOOTSTRAP = "#!/bin/sh\nexport PYTHONPATH=/var/task\nexec {python} -m awslambdaric $_HANDLER\n"
HANDLER = """
import logging
import os

if os.environ["_HANDLER"] == "app.broken":
    raise OSError("no disk")


def handler(event, context):
    if event == "fail":
        raise ValueError("no such luck")
    if event == "exit":
        os._exit(4)
    print("event", event)
    logging.getLogger().error("an %s", "error")
    return {"id": context.aws_request_id, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "custom": context.client_context.custom}
"""
POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

logger = Logger(service="shop")
metrics = Metrics(namespace="Shop", service="shop")
app = LambdaFunctionUrlResolver()
batch = BatchProcessor(event_type=EventType.SQS)


@app.get("/items/<item>")
def item(item):
    return {"item": item}


def record(record):
    if record.body == "bad":
        raise ValueError("bad")


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    logger.info("called")
    metrics.add_metric(name="Calls", unit=MetricUnit.Count, value=1)
    if "Records" in event:
        return process_partial_response(event, record, batch, context)
    return app.resolve(event, context)
"""


def install(house: House, *distributions: str) -> None:
    """Put what is installed here into the package, as a user's own packing would."""
    for name in distributions:
        for file in importlib.metadata.files(name) or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            target = house.code_dir / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target)


def write_bootstrap(house: House) -> None:
    install(house, "awslambdaric", "simplejson", "snapshot-restore-py")
    bootstrap = house.code_dir / "bootstrap"
    bootstrap.write_text(BOOTSTRAP.format(python=Path(sys.executable).resolve()))
    bootstrap.chmod(0o755)


@pytest.mark.slow
async def test_the_official_python_client_as_a_custom_runtime(house: House) -> None:
    write_bootstrap(house)
    target = house.target(HANDLER, runtime="provided.al2023", timeout_s=60.0)
    context = '{"custom": {"a": 1}}'
    result = await house.call(target, [1], client_context=context)
    assert not result.function_error, (result.payload, result.log)
    answer = json.loads(result.payload)
    assert 0 < answer.pop("left") <= 60_000
    assert answer == {"id": "r1", "arn": ARN, "custom": {"a": 1}}
    assert "event [1]" in result.log
    assert [line for line in result.log if line.startswith("[ERROR]") and "an error" in line]
    failed = await house.call(target, "fail", client_context=context)
    document = json.loads(failed.payload)
    assert failed.function_error == "Unhandled"
    assert (document["errorType"], document["errorMessage"]) == ("ValueError", "no such luck")
    assert (await house.call(target, [2], client_context=context)).is_cold is False
    left = await house.call(target, "exit", client_context=context)
    assert json.loads(left.payload)["errorMessage"].endswith("exit status 4")


@pytest.mark.slow
async def test_its_init_errors_are_told(house: House) -> None:
    write_bootstrap(house)
    for handler, kind in (
        ("app.broken", "OSError"),
        ("missing.handler", "Runtime.ImportModuleError"),
        ("app.other", "Runtime.HandlerNotFound"),
    ):
        target = house.target(
            HANDLER, handler, runtime="provided.al2023", tmp_mb=512 + len(handler)
        )
        await house.pools.retire(target.scope, target.function)
        result = await house.call(target, [1])
        assert json.loads(result.payload)["errorType"] == kind, result.log
        assert f"Error Type: {kind}" in "\n".join(result.log)


@pytest.mark.slow
async def test_powertools_works_as_in_the_managed_runtime(house: House) -> None:
    install(house, "aws-lambda-powertools", "jmespath", "typing-extensions")
    target = house.target(POWERTOOLS, timeout_s=60.0)
    request = {
        "version": "2.0", "rawPath": "/items/7", "rawQueryString": "", "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/items/7"}, "stage": "$default"},
        "isBase64Encoded": False,
    }  # fmt: skip
    result = await house.call(target, request)
    assert not result.function_error, result.log
    answer = json.loads(result.payload)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"item": "7"})
    records = [json.loads(line) for line in result.log if line.startswith("{")]
    called = next(each for each in records if each.get("message") == "called")
    assert called["function_request_id"] == "r1"
    assert called["cold_start"] is True
    metrics = [each for each in records if "_aws" in each]
    assert [each.get("Calls") or each.get("ColdStart") for each in metrics]
    messages = [
        {"messageId": body, "body": body, "eventSource": "aws:sqs"} for body in ("good", "bad")
    ]
    failed = await house.call(target, {"Records": messages})
    assert json.loads(failed.payload) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
