"""Templates and services that cannot be: one clear sentence each, exit 1, and nothing is left."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conformance.commands import Commands, Done
from tests.conformance.live import LivePlatform
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bad_templates")]

SERVICE = """\
service: bad
provider:
  name: aws
  runtime: python3.11
functions:
  work:
    handler: HANDLER
resources:
  Resources:
    RESOURCES
"""
CYCLE = """\
First: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Second.QueueName}}
    Second: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt First.QueueName}}
"""


@pytest.fixture
def bad(commands: Commands) -> Iterator[Commands]:
    commands.write(app__py="def work(event, context):\n    return 1\n")
    yield commands
    for name in ("bad-dev", "bad"):
        commands.try_pileus("remove", "--stack-name", name, "--empty-buckets")


def _service(handler: str = "app.work", resources: str = "{}") -> str:
    text = SERVICE.replace("HANDLER", handler)
    if resources == "{}":
        return text[: text.index("resources:")]
    return text.replace("RESOURCES", resources)


def _check_refusal(done: Done, *words: str) -> None:
    assert done.status == 1, done.out + done.err
    assert "Traceback" not in done.err
    sentence = done.err.strip().splitlines()[-1]
    assert sentence.startswith("pileus: "), done.err
    for word in words:
        assert word in sentence, done.err


def _stacks(platform: LivePlatform) -> dict[str, str]:
    found = platform.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in found}


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ("Arm: {Type: AWS::Robots::Arm}", ["AWS::Robots::Arm", "Arm"]),
        (CYCLE, ["Circular dependency between resources: [First, Second]"]),
        (
            "A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Nobody}}",
            ["Unresolved resource dependencies [Nobody] in the Resources block of the template"],
        ),
        ("A: {Type: AWS::SQS::Queue, DependsOn: Nobody}", ["[Nobody]"]),
        ("A: {Properties: {}}", ["A", "Type"]),
        (
            "A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Frobnicate x}}",
            ["!Frobnicate"],
        ),
    ],
    ids=["type", "cycle", "reference", "depends", "typeless", "tag"],
)
@pytest.mark.parametrize("kind", ["service", "template"])
def test_resources_that_cannot_be(
    bad: Commands, live_platform: LivePlatform, resources: str, words: list[str], kind: str
) -> None:
    if kind == "service":
        bad.write(serverless__yml=_service(resources=resources))
        done = bad.try_pileus("deploy")
    else:
        text = "Resources:\n    " + resources
        bad.write(bad__yaml=text)
        done = bad.try_pileus("deploy", "--template", "bad.yaml", "--stack-name", "bad")
    _check_refusal(done, *words)
    # Of a service, what it keeps its packages in may have been made before.
    assert _stacks(live_platform) in ({}, {"bad-dev": "CREATE_COMPLETE"})


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (
            "serverless.yml",
            "service: bad\nprovider:\n  name: aws\n runtime: python3.11\n",
            ["serverless.yml", "line 4"],
        ),
        (
            "serverless.yml",
            _service() + "functions:\n  again: {handler: app.work}\n",
            ["serverless.yml", "functions"],
        ),
        ("serverless.yml", "- a\n- b\n", ["serverless.yml"]),
        ("serverless.yml", "", ["serverless.yml"]),
        ("serverless.yml", _service() + "custom:\n\tx: 1\n", ["serverless.yml", "line 9"]),
        ("serverless.yml", _service("missing.work"), ["functions.work.handler", "missing.py"]),
        ("serverless.yml", _service("work"), ["functions.work.handler"]),
        (
            "serverless.yml",
            _service().replace("python3.11", "cobol85"),
            ["serverless.yml:4", "provider.runtime", "cobol85"],
        ),
        (
            "serverless.yml",
            _service() + "    events:\n      - telepathy: {mind: yours}\n",
            ["functions.work", "telepathy"],
        ),
    ],
    ids=["indent", "twice", "list", "empty", "tab", "module", "dot", "runtime", "event"],
)
def test_services_that_cannot_be(
    bad: Commands, live_platform: LivePlatform, file: str, text: str, words: list[str]
) -> None:
    (bad.folder / file).write_text(text)
    _check_refusal(bad.try_pileus("deploy"), *words)
    # What the file alone does not tell is told by Lambda, and taken back.
    assert _stacks(live_platform) in ({}, {"bad-dev": "UPDATE_ROLLBACK_COMPLETE"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Resources:\n  A: {Type: [AWS::SQS::Queue\n", ["bad.yaml", "line 3"]),
        ('{"Resources": {"A": {"Type": "AWS::SQS::Queue"}}', ["bad.yaml", "JSON", "line 1"]),
        ("Resources: {}\n", ["At least one Resources member must be defined."]),
        ("\xff", ["bad.yaml"]),
        ("Parameters: {}\n", ["At least one Resources member must be defined."]),
    ],
    ids=["yaml", "json", "empty", "scalar", "none"],
)
def test_templates_that_cannot_be_read(bad: Commands, text: str, words: list[str]) -> None:
    bad.write(bad__yaml=text)
    done = bad.try_pileus("deploy", "--template", "bad.yaml", "--stack-name", "bad")
    _check_refusal(done, *words)


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        (
            "import not_there\n\ndef work(event, context):\n    return 1\n",
            "app.work",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'not_there'",
        ),
        (
            "def other(event, context):\n    return 1\n",
            "app.work",
            "Runtime.HandlerNotFound",
            "Handler 'work' missing on module 'app'",
        ),
        (
            "def work(event, context)\n    return 1\n",
            "app.work",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': expected ':' (app.py, line 1)",
        ),
    ],
    ids=["import", "handler", "syntax"],
)
def test_what_only_a_run_can_tell(
    bad: Commands, live_platform: LivePlatform, code: str, handler: str, kind: str, message: str
) -> None:
    bad.write(app__py=code, serverless__yml=_service(handler))
    bad.pileus("deploy")
    answer = live_platform.client("lambda").invoke(FunctionName="bad-dev-work")
    assert answer["FunctionError"] == "Unhandled"
    told = json.load(answer["Payload"])
    assert told["errorType"] == kind
    assert told["errorMessage"] == message
    failed = bad.try_pileus("invoke", "-f", "work")
    assert failed.status == 1
    assert kind in failed.out + failed.err
    until(lambda: kind in bad.pileus("logs", "-f", "work").out, "the log's line")
