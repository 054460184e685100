"""Variables a function sees."""

from __future__ import annotations

from pileus.compute.environment import RESERVED, Identity, variables

_IDENTITY = Identity("f", "$LATEST", "eu-west-1", "python3.12", "app.handler", 256, "/aws/lambda/f")
_KEYS = {"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}


def test_the_reserved_ones_are_aws_s() -> None:
    seen = variables(_IDENTITY, {}, _KEYS)
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert seen["_HANDLER"] == "app.handler"
    assert seen["TZ"] == ":UTC"
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert seen["AWS_SESSION_TOKEN"] == "t"
    assert "AWS_LAMBDA_LOG_FORMAT" not in seen


def test_configured_ones_win_over_defaults_but_not_over_reserved_ones() -> None:
    configured = {"TZ": "Asia/Tokyo", "A": "1", "AWS_REGION": "nowhere"}
    seen = variables(_IDENTITY, configured, _KEYS)
    assert seen["TZ"] == "Asia/Tokyo"
    assert seen["A"] == "1"
    assert seen["AWS_REGION"] == "eu-west-1"
    assert "AWS_REGION" in RESERVED


def test_custom_runtimes_have_their_family_s_name() -> None:
    identity = Identity("f", "1", "us-east-1", "provided.al2023", "x", 128, "g")
    assert variables(identity, {}, {})["AWS_EXECUTION_ENV"] == "AWS_Lambda_provided"


def test_an_image_says_itself_where_things_are() -> None:
    identity = Identity("f", "1", "us-east-1", "", "app.handler", 128, "g")
    seen = variables(identity, {}, {}, image={"PATH": "/own", "AWS_REGION": "nowhere"})
    assert (seen["PATH"], seen["AWS_REGION"]) == ("/own", "us-east-1")
    assert (seen["LAMBDA_TASK_ROOT"], seen["LAMBDA_RUNTIME_DIR"]) == ("/var/task", "/var/runtime")
    assert not {"AWS_EXECUTION_ENV", "LANG"} & seen.keys()
    configured = {"PATH": "/mine"}
    assert variables(identity, configured, {}, image={"PATH": "/own"})["PATH"] == "/mine"
