"""What a platform lacks is refused by file, line, function and with what there is."""

from __future__ import annotations

import pytest

from pileus.languages.serverless import Options, ServiceFileError, Sources, Support, load

HEAD = "service: s\nprovider:\n  name: aws\n  runtime: python3.12\nfunctions:\n  a:\n    handler: h.h\n"
SUPPORT = Support(("s3", "sqs", "schedule"), ("python3.",), "python3.12", {"url": "function URLs"})
SOURCES = Sources(read_file={"n.yml": "b: {handler: h.h, runtime: go1.x}"}.get)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("    events:\n      - sqs: arn\n      - httpApi: '*'\n",
         "serverless.yml:10: functions.a.events.1: Pileus has no httpApi events (function a) yet; it has s3, sqs, schedule"),
        ("    events:\n      - websocket: $connect\n", "has no websocket events (function a)"),
        ("    events:\n      - schedule: {rate: rate(1 day), method: scheduler}\n", "no EventBridge Scheduler (function a)"),
        ("    runtime: nodejs22.x\n", "serverless.yml:8: functions.a.runtime: Pileus does not run nodejs22.x (function a) yet; it runs python3.12"),
        ("    url: true\n", "serverless.yml:8: functions.a.url: Pileus has no function URLs yet"),
    ],
)  # fmt: skip
def test_what_a_platform_lacks(more: str, message: str) -> None:
    with pytest.raises(ServiceFileError) as caught:
        load(HEAD + more, SOURCES).check(Options(), SUPPORT)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_functions_of_another_file_are_looked_at_too() -> None:
    text = HEAD.partition("functions:")[0] + "functions: ${file(n.yml)}\n"
    with pytest.raises(ServiceFileError, match=r"^serverless\.yml:5: functions\.b\.runtime: .*go1"):
        load(text, SOURCES).check(Options(), SUPPORT)


@pytest.mark.parametrize(
    "more",
    [
        "    url: false\n",
        "    events:\n      - s3: b\n      - rules: [{suffix: .mkv}]\n",
        "    events:\n      - schedule: rate(1 day)\n",
        "    runtime: python3.13\n",
    ],
)
def test_what_it_has_passes(more: str) -> None:
    load(HEAD + more, SOURCES).check(Options(), SUPPORT)
