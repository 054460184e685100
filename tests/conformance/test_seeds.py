"""The seeds' serverless.yml and handlers as printed, by our command and by the real osls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pileus.deploy.accounts import environment_of
from tests.conformance.commands import Commands, Done
from tests.conformance.live import LivePlatform
from tests.conformance.osls import osls_program

pytestmark = pytest.mark.slow

HELLO_YML = """
service: myService

provider:
  name: aws
  runtime: python3.7

functions:
  hello:
    handler: handler.hello
"""

HELLO_PY = """\
import json


def hello(event, context):
    body = {
        "message": "Go Serverless v1.0! Your function executed successfully!",
        "input": event
    }

    response = {
        "statusCode": 200,
        "body": json.dumps(body)
    }

    return response
"""

HELLO_ANSWER = {
    "statusCode": 200,
    "body": '{"message": "Go Serverless v1.0! Your function executed successfully!", "input": {}}',
}

# Two slides of the talk, under one head; `rules` stands where the framework wants it.
CORB_YML = """\
service: edifice-corb

provider:
  name: aws
  runtime: python3.7

functions:
  VideoIngress:
    handler: aws_lambda.run_detector.handler
    events:
      - s3:
          bucket: {bucket}
          event: s3:ObjectCreated:*
          rules:
            - suffix: .mkv
  CleaningReportGenerator:
    handler: aws_lambda.request_cleaning.handler
    events:
      - eventBridge:
          pattern:
            detail:
              responsePayload:
                command_type:
                  - request_cleaning
    destinations:
      onSuccess: arn:aws:events:::event-bus/default
"""

# The talk shows no code: these tell what came in.
DETECTOR_PY = """\
def handler(event, context):
    for record in event["Records"]:
        print("segment", record["s3"]["object"]["key"])
"""
CLEANING_PY = """\
def handler(event, context):
    print("cleaning", event["detail"]["responsePayload"]["room"])
    return {"report": "ordered"}
"""


@dataclass(frozen=True)
class Tool:
    """A command that deploys services, and the account it deploys a stage to."""

    name: str
    commands: Commands
    run: Callable[..., Done]
    account_of: Callable[[str], str]

    def write(self, serverless_yml: str, **files: str) -> None:
        if self.name == "osls":
            # osls refuses the talk's python3.7 by itself, before it asks any cloud.
            serverless_yml += "configValidationMode: off\n"
        self.commands.write(serverless__yml=serverless_yml, **files)

    def client(self, service: str, stage: str) -> Any:
        return self.commands.platform.client(service, self.account_of(stage))


@pytest.fixture(params=["pileus", "osls"])
def tool(request: pytest.FixtureRequest, commands: Commands) -> Iterator[Tool]:
    if request.param == "pileus":
        yield Tool("pileus", commands, commands.pileus, lambda stage: environment_of(stage).account)
        return
    program = osls_program()

    def run(*arguments: str) -> Done:
        done = commands.run(program, *arguments)
        assert done.status == 0, done.out + done.err
        return done

    yield Tool("osls", commands, run, lambda stage: "000000000000")


def test_hello_deploys_as_printed_in_two_stages(tool: Tool) -> None:
    tool.write(HELLO_YML, handler__py=HELLO_PY)
    for stage in ("dev", "prod"):
        tool.run("deploy", "--stage", stage)
    for stage in ("dev", "prod"):
        answer = tool.run("invoke", "-f", "hello", "--stage", stage)
        assert answer.json() == HELLO_ANSWER
        configuration = tool.client("lambda", stage).get_function_configuration(
            FunctionName=f"myService-{stage}-hello"
        )
        assert configuration["Runtime"] == "python3.7"
    assert tool.run("logs", "-f", "hello").out.strip()
    tool.run("deploy")
    tool.run("remove", "--stage", "dev")
    assert tool.run("invoke", "-f", "hello", "--stage", "prod").json() == HELLO_ANSWER
    tool.run("remove", "--stage", "prod")
    assert _stack_names(tool.client("cloudformation", "prod"), "myService") == []


def _stack_names(client: Any, prefix: str) -> list[str]:
    stacks = client.describe_stacks()["Stacks"]
    return [one["StackName"] for one in stacks if one["StackName"].startswith(prefix)]


def test_the_talks_functions_hear_buckets_and_buses(tool: Tool) -> None:
    bucket = f"video-bucket-{tool.name}"
    tool.write(
        CORB_YML.replace("{bucket}", bucket),
        aws_lambda___run_detector__py=DETECTOR_PY,
        aws_lambda___request_cleaning__py=CLEANING_PY,
    )
    tool.run("deploy")
    s3, logs = tool.client("s3", "dev"), tool.client("logs", "dev")
    for key in ("lobby/0.mkv", "lobby/notes.txt", "lobby/2.mkv"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    detail = {"responsePayload": {"command_type": "request_cleaning", "room": "12"}}
    entry = {"Source": "corb", "DetailType": "command", "Detail": json.dumps(detail)}
    tool.client("events", "dev").put_events(Entries=[entry])

    segments = _lines(logs, "/aws/lambda/edifice-corb-dev-VideoIngress", "segment", 2)
    assert sorted(segments) == ["segment lobby/0.mkv", "segment lobby/2.mkv"]
    cleaning = "/aws/lambda/edifice-corb-dev-CleaningReportGenerator"
    assert _lines(logs, cleaning, "cleaning", 1) == ["cleaning 12"]

    for key in ("lobby/0.mkv", "lobby/notes.txt", "lobby/2.mkv"):
        s3.delete_object(Bucket=bucket, Key=key)
    tool.run("remove")


def _lines(logs: Any, group: str, word: str, count: int) -> list[str]:
    """The lines with ``word``, once there are ``count``: asynchronous invocations take a moment."""
    deadline = time.monotonic() + 30
    while True:
        events = logs.filter_log_events(logGroupName=group, filterPattern=word)["events"]
        if len(events) >= count or time.monotonic() > deadline:
            return [event["message"].strip() for event in events]
        time.sleep(0.05)


def test_the_talks_local_invocation(commands: Commands) -> None:
    commands.write(serverless__yml=HELLO_YML, handler__py=HELLO_PY)
    assert commands.pileus("invoke", "local", "-f", "hello").json() == HELLO_ANSWER


def test_osls_updates_one_function(commands: Commands, live_platform: LivePlatform) -> None:
    program = osls_program()
    service = HELLO_YML.replace("myService", "single") + "configValidationMode: off\n"
    commands.write(serverless__yml=service, handler__py=HELLO_PY)
    assert commands.run(program, "deploy").status == 0
    (commands.folder / "handler.py").write_text(HELLO_PY.replace("v1.0", "v2.0"))
    updated = commands.run(program, "deploy", "function", "-f", "hello")
    assert updated.status == 0, updated.err
    assert "v2.0" in commands.run(program, "invoke", "-f", "hello").json()["body"]
    assert commands.run(program, "remove").status == 0
    client = live_platform.client("cloudformation")
    assert _stack_names(client, "single") == []
