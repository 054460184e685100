"""The ray tracer's serverless.yml becomes the stack its README describes."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.serverless import Options, Sources, Translation, load_file

from .conftest import APP


def read_file(name: str) -> str | None:
    path = APP / name
    return path.read_text() if path.is_file() else None


@pytest.fixture(scope="module")
def translation() -> Translation:
    return load_file("serverless.yml", Sources(read_file=read_file)).to_template(Options())


def properties(translation: Translation, kind: str) -> list[dict[str, Any]]:
    resources = translation.template["Resources"].values()
    return [one["Properties"] for one in resources if one["Type"] == kind]


def test_nothing_is_warned_of(translation: Translation) -> None:
    assert not translation.warnings


def test_every_handler_exists(translation: Translation) -> None:
    for function in properties(translation, "AWS::Lambda::Function"):
        module, _, name = function["Handler"].rpartition(".")
        assert f"def {name}(" in (APP / f"{module.replace('.', '/')}.py").read_text()


def test_the_queue_hides_steps_as_long_as_the_function_may_take(translation: Translation) -> None:
    (follow,) = [
        one
        for one in properties(translation, "AWS::Lambda::Function")
        if one["FunctionName"].endswith("Follow")
    ]
    hidden_s = {
        one["QueueName"]: one.get("VisibilityTimeout")
        for one in properties(translation, "AWS::SQS::Queue")
    }
    assert hidden_s["raytracer-steps"] >= follow["Timeout"]


def test_the_tasks_program_compiles(translation: Translation) -> None:
    (task,) = properties(translation, "AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert container["Image"] == "pileus:host"
    compile(container["Command"][2], "command", "exec")
