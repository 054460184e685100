"""The ``pileus`` command against a live platform, as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.commands import Commands
from tests.conformance.live import PYTHON, LivePlatform

NOWHERE = "http://127.0.0.1:9"

SHOP = """\
service: shop
provider:
  name: aws
  runtime: python3.11
functions:
  hello:
    handler: handler.hello
    environment:
      STAGE: ${sls:stage}
      JOBS: {Ref: Jobs}
  broken:
    handler: handler.broken
resources:
  Resources:
    Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
    Store: {Type: AWS::S3::Bucket, Properties: {BucketName: "shop-store-${sls:stage}"}}
  Outputs:
    JobsUrl: {Value: {Ref: Jobs}}
"""

HANDLER = """\
import os


def hello(event, context):
    print("greeting", event)
    return {"stage": os.environ["STAGE"], "jobs": os.environ.get("JOBS"), "event": event}


def broken(event, context):
    raise ValueError("not today")
"""


@pytest.fixture(scope="module")
def shop(live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """A service deployed to the stage ``dev``."""
    root = tmp_path_factory.mktemp("shop")
    commands = Commands(live_platform, root / "service", root / "cache")
    commands.folder.mkdir()
    commands.write(serverless__yml=SHOP, handler__py=HANDLER)
    assert "Deployed shop-dev in stage dev (account 000000000000" in commands.pileus("deploy").out
    return commands


@pytest.mark.parametrize("template", ["aws-python3", "aws-nodejs"])
def test_create_deploy_invoke_remove(commands: Commands, template: str) -> None:
    if template == "aws-nodejs" and shutil.which("node") is None:
        pytest.skip("no node is on the path")
    commands.pileus("create", "--template", template, "--path", "myService")
    inside = commands.within(commands.folder / "myService")
    deployed = inside.pileus("deploy", "--json").json()
    assert deployed["what"] == "created"
    assert deployed["functions"] == {"hello": "myService-dev-hello"}
    answer = inside.pileus("invoke", "-f", "hello", "-d", '{"name": "you"}').json()
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["input"] == {"name": "you"}
    inside.pileus("remove")
    gone = inside.try_pileus("remove")
    assert gone.status == 1
    assert "there is no stack myService-dev" in gone.err
    gone = inside.try_pileus("invoke", "-f", "hello")
    assert gone.status == 1
    assert "deploy it with: pileus deploy" in gone.err


def test_a_deployment_without_changes_says_so(shop: Commands) -> None:
    assert shop.pileus("deploy").out.startswith("No changes in shop-dev")
    assert shop.pileus("deploy", "--json").json()["what"] == "unchanged"


def test_events_come_from_data_file_or_input(shop: Commands) -> None:
    def event(*arguments: str, input: str | None = None) -> Any:
        return shop.pileus("invoke", "-f", "hello", *arguments, input=input).json()["event"]

    shop.write(event__json='{"from": "file"}')
    assert event() == {}
    assert event("--data", "[1, 2]") == [1, 2]
    assert event("--data", "no json") == "no json"
    assert event("--path", "event.json") == {"from": "file"}
    assert event("--path", "-", input='{"from": "pipe"}') == {"from": "pipe"}


def test_a_function_is_found_by_its_full_name_anywhere(shop: Commands, tmp_path: Path) -> None:
    answer = shop.within(tmp_path).pileus("invoke", "-f", "shop-dev-hello").json()
    assert answer["stage"] == "dev"
    assert answer["jobs"].endswith("/000000000000/jobs")


def test_the_log_of_one_invocation_is_shown_on_request(shop: Commands) -> None:
    done = shop.pileus("invoke", "-f", "hello", "--log")
    assert "greeting {}" in done.err
    assert "REPORT RequestId:" in done.err
    assert "greeting" not in done.out


def test_a_failing_function_fails_the_command(shop: Commands) -> None:
    done = shop.try_pileus("invoke", "-f", "broken")
    assert done.status == 1
    assert done.json()["errorType"] == "ValueError"
    assert "shop-dev-broken failed (Unhandled)" in done.err


def test_an_event_is_handed_over_and_runs_later(shop: Commands) -> None:
    done = shop.pileus("invoke", "-f", "hello", "--async", "-d", '"handed over"')
    assert done.out == ""
    following = shop.start_pileus("logs", "-f", "hello", "--tail", "--since", "1m")
    try:
        assert _first_line_with(following.stdout, "greeting handed over")
    finally:
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 130
        following.communicate()


def _first_line_with(lines: Any, words: str) -> str:
    return next(line for line in lines if words in line)


def test_logs_are_filtered_and_bare_on_request(shop: Commands) -> None:
    shop.pileus("invoke", "-f", "hello", "-d", '"one"', "--log")
    lines = shop.pileus("logs", "-f", "hello", "--filter", '"greeting one"', "--raw").out
    assert set(lines.splitlines()) == {"greeting one"}
    refused = shop.try_pileus("logs", "-f", "hello", "--since", "yesterday")
    assert refused.status == 1
    assert "expected a span such as 5m" in refused.err


def test_a_function_runs_here_with_what_the_deployed_one_knows(shop: Commands) -> None:
    done = shop.pileus("invoke", "--local", "-f", "hello", "-d", "7")
    assert done.json()["event"] == 7
    assert done.json()["jobs"].endswith("/000000000000/jobs")
    assert "greeting 7" in done.err
    assert "REPORT Duration:" in done.err
    assert shop.pileus("invoke", "local", "-f", "hello").json()["event"] == {}
    assert shop.try_pileus("invoke", "--local", "-f", "broken").status == 1


def test_two_stages_live_side_by_side(shop: Commands, tmp_path: Path) -> None:
    done = shop.pileus("deploy", "--stage", "prod")
    assert "AWS_ACCESS_KEY_ID=" in done.out
    assert shop.pileus("invoke", "-f", "hello").json()["stage"] == "dev"
    prod = shop.pileus("invoke", "-f", "hello", "-s", "prod").json()
    assert prod["stage"] == "prod"
    stages = {one["stage"]: one["account"] for one in shop.pileus("env", "list", "--json").json()}
    assert stages["dev"] == "000000000000"
    assert f"/{stages['prod']}/jobs" in prod["jobs"]

    (tmp_path / "config").write_text(shop.pileus("env", "show", "prod").out)
    identity = shop.run(
        "env", "-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_SECRET_ACCESS_KEY", "-u", "AWS_ENDPOINT_URL",
        str(Path(PYTHON).parent / "aws"),
        "--profile", "pileus-prod", "sts", "get-caller-identity",
        AWS_CONFIG_FILE=str(tmp_path / "config"),
    )  # fmt: skip
    assert identity.status == 0, identity.err
    assert identity.json()["Account"] == stages["prod"]

    shop.pileus("remove", "--stage", "prod")
    stages = {one["stage"] for one in shop.pileus("env", "list", "--json").json()}
    assert "dev" in stages
    assert "prod" not in stages
    gone = shop.try_pileus("env", "show", "prod")
    assert (gone.status, gone.out) == (1, "")
    assert "there is no environment 'prod'; there are: dev" in gone.err
    assert shop.pileus("invoke", "-f", "hello").json()["stage"] == "dev"


def test_ps_tells_what_runs(shop: Commands) -> None:
    shop.pileus("invoke", "-f", "hello")
    shop.aws("sqs", "send-message", "--queue-url", f"{shop.platform.endpoint}/000000000000/jobs",
             "--message-body", "x", "--endpoint-url", shop.platform.endpoint)  # fmt: skip
    found = shop.pileus("ps", "--json").json()
    functions = {one["name"]: one for one in found["functions"]}
    assert functions["shop-dev-hello"]["runtime"] == "python3.11"
    assert functions["shop-dev-hello"]["cold"] >= 1
    assert {"name": "jobs", "visible": 1, "in_flight": 0, "delayed": 0} in found["queues"]
    assert {"name": "shop-dev", "status": "UPDATE_COMPLETE"} in found["stacks"]
    assert "shop-dev-hello" in shop.pileus("ps").out


@pytest.fixture
def second(shop: Commands, tmp_path: Path) -> Iterator[Commands]:
    """Another service's folder, removed afterwards if it was deployed."""
    folder = tmp_path / "second"
    folder.mkdir()
    commands = shop.within(folder)
    commands.write(handler__py=HANDLER)
    yield commands
    commands.try_pileus("remove", "--stack-name", "second-dev", "--empty-buckets")


def _second(resource: str) -> str:
    head = SHOP[: SHOP.index("resources:")].replace("shop", "second").replace("{Ref: Jobs}", "none")
    return f"{head}resources:\n  Resources:\n    Extra: {resource}\n"


def test_a_failed_deployment_names_the_resource_and_the_reason(second: Commands) -> None:
    bad = "{Type: AWS::SQS::Queue, Properties: {DelaySeconds: 901}}"
    second.write(serverless__yml=_second(bad))
    failed = second.try_pileus("deploy")
    assert failed.status == 1
    assert "Extra (AWS::SQS::Queue)" in failed.err
    assert "stack second-dev ended in UPDATE_ROLLBACK_COMPLETE" in failed.err
    second.write(serverless__yml=_second(bad.replace("901", "9")))
    assert "second-dev" in second.pileus("deploy").out


def test_an_unknown_type_is_refused_by_name(second: Commands) -> None:
    second.write(serverless__yml=_second("{Type: AWS::Robots::Arm}"))
    refused = second.try_pileus("deploy")
    assert refused.status == 1
    assert "AWS::Robots::Arm" in refused.err


def test_a_bucket_with_objects_is_removed_only_on_request(second: Commands) -> None:
    bucket = "{Type: AWS::S3::Bucket, Properties: {BucketName: second-full}}"
    second.write(serverless__yml=_second(bucket))
    second.pileus("deploy")
    second.aws("s3api", "put-object", "--bucket", "second-full", "--key", "kept")
    refused = second.try_pileus("remove")
    assert refused.status == 1
    assert "Extra (AWS::S3::Bucket)" in refused.err
    second.pileus("remove", "--empty-buckets")


def test_mistakes_in_the_file_are_told_before_anything_happens(second: Commands) -> None:
    assert "make one with pileus create" in second.try_pileus("deploy").err
    second.write(serverless__yml=SHOP.replace("handler.hello", "handlers.hello"))
    refused = second.try_pileus("deploy")
    assert refused.status == 1
    assert "the package has no handlers.py" in refused.err
    second.write(serverless__yml=SHOP.replace("${sls:stage}", "${self:custom.nothing}"))
    refused = second.try_pileus("deploy")
    assert refused.status == 1
    assert "cannot resolve variable ${self:custom.nothing}" in refused.err


TEMPLATE = """\
Parameters:
  Delay: {Type: Number, Default: 1}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Ref Delay}}
Outputs:
  Url: {Value: !Ref Queue}
"""


def test_a_plain_template_is_deployed_changed_and_removed(commands: Commands) -> None:
    commands.write(queue__yaml=TEMPLATE)
    arguments = ("deploy", "--template", "queue.yaml", "--stack-name", "plain")
    created = commands.pileus(*arguments, "--parameter", "Delay=3", "--json").json()
    assert created["what"] == "created"
    attributes = commands.platform.client("sqs").get_queue_attributes(
        QueueUrl=created["outputs"]["Url"], AttributeNames=["DelaySeconds"]
    )
    assert attributes["Attributes"]["DelaySeconds"] == "3"
    again = commands.pileus(*arguments, "--parameter", "Delay=3")
    assert again.out.startswith("No changes in plain")
    assert commands.pileus(*arguments, "--parameter", "Delay=4").out.startswith("Updated plain")
    commands.pileus("remove", "--stack-name", "plain")


def test_a_template_deployed_to_a_stage_makes_its_environment(commands: Commands) -> None:
    commands.write(queue__yaml=TEMPLATE)
    arguments = ("--stack-name", "staged", "--stage", "trial")
    deployed = commands.pileus("deploy", "--template", "queue.yaml", *arguments)
    assert "AWS tools work in this environment with: export " in deployed.out
    assert "trial" in commands.pileus("env", "list").out
    account = commands.pileus("env", "show", "trial", "--shell").out
    assert f"AWS_ACCESS_KEY_ID={deployed.out.split('account ')[1][:12]}" in account
    commands.pileus("remove", *arguments)
    assert "trial" not in commands.pileus("env", "list").out


def test_a_template_too_large_for_the_call_goes_through_a_bucket(commands: Commands) -> None:
    commands.write(large__yaml=TEMPLATE + "Metadata: {Padding: '" + "x" * 60_000 + "'}\n")
    arguments = ("--template", "large.yaml", "--stack-name", "large")
    assert commands.pileus("deploy", *arguments).out.startswith("Deployed large")
    commands.pileus("remove", "--stack-name", "large")


@pytest.mark.parametrize(
    "arguments", [("deploy",), ("invoke", "-f", "hello"), ("ps",), ("env", "list"), ("remove",)]
)
def test_without_a_platform_every_command_says_how_to_start_one(
    shop: Commands, arguments: tuple[str, ...]
) -> None:
    done = shop.try_pileus(*arguments, "--endpoint", NOWHERE)
    assert done.status == 1
    assert f"nothing answers at {NOWHERE}; start it with: pileus up" in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("ps", "--endpoint", "notaurl"), 2, "'notaurl' is no address such as http://127.0.0.1"),
        (("ps", "--endpoint", "http://h:99999"), 2, "is no address"),
        (("ps", "--endpoint", ""), 2, "is no address"),
        (("up", "--port", "99999"), 2, "99999 is not in the range"),
        (("up", "--port", "-5"), 2, "-5 is not in the range"),
        (("up", "--idle-s", "-1"), 2, "-1.0 is not in the range"),
        (("up", "--data", "file", "--port", "0"), 1, "file: it is a file, not a folder"),
        (("up", "--data", "file/below", "--port", "0"), 1, "file/below: Not a directory"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    commands: Commands, arguments: tuple[str, ...], status: int, words: str
) -> None:
    commands.write(file="x")
    done = commands.try_pileus(*arguments)
    assert (done.status, words in done.err) == (status, True), done.err
    assert "Traceback" not in done.err


def test_ctrl_c_ends_a_function_that_runs_here(commands: Commands) -> None:
    commands.write(
        handler__py="import sys, threading\ndef work(e, c):\n    print('at work', flush=True)\n"
        "    threading.Event().wait()\n",
        serverless__yml="service: s\nprovider: {name: aws, runtime: python3.11, timeout: 60}\n"
        "functions: {work: {handler: handler.work}}\n",
    )
    process = commands.start_pileus("invoke", "--local", "-f", "work", own_group=True)
    assert process.stderr is not None
    _first_line_with(process.stderr, "at work")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, told = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in told) == (130, False), told


def test_settings_are_shown_with_their_source(commands: Commands) -> None:
    rows = commands.pileus("config", "show", "--json", PILEUS_PORT="4999").json()
    settings = {row["name"]: row for row in rows}
    assert (settings["port"]["value"], settings["port"]["from"]) == ("4999", "PILEUS_PORT")
    assert settings["host"]["from"] == "default"


def test_the_doctor_tells_what_is_wrong(commands: Commands) -> None:
    port = commands.platform.port
    rows = commands.pileus("doctor", "--json", PILEUS_PORT=str(port)).json()
    findings = {row["what"]: row for row in rows}
    assert "Pileus" in findings["port"]["found"]
    assert findings["Python"]["verdict"] == "good"
    assert findings["sandbox"]["found"].startswith("tier ")


def test_the_doctor_fails_where_the_port_is_somebody_elses(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = commands.try_pileus("doctor", PILEUS_PORT=str(port))
    assert done.status == 1
    assert "choose another port" in done.out


def test_the_doctor_sees_what_the_platform_would_refuse(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    away = {"PILEUS_HOST": "0.0.0.0", "PILEUS_DATA_DIR": str(tmp_path / "file")}
    done = commands.try_pileus("doctor", **away)
    assert done.status == 1
    assert "is not loopback" in done.out
    assert "file is no folder" in done.out


def test_a_place_that_cannot_be_written_is_a_line_and_no_traceback(commands: Commands) -> None:
    done = commands.try_pileus("create", "--path", "/proc/service")
    assert (done.status, done.err) == (1, "pileus: /proc/service: No such file or directory\n")
