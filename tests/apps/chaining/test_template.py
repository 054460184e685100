"""The chaining app's serverless.yml becomes the stack its README describes."""

from pathlib import Path
from typing import Any

import pytest

from pileus.languages.serverless import Options, Sources, Translation, load_file

APP = Path(__file__).parents[3] / "apps" / "chaining"


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
        source = (APP / f"{module.replace('.', '/')}.py").read_text()
        assert f"def {name}(" in source


def test_the_orchestrator_alone_is_durable(translation: Translation) -> None:
    durable = [
        function["FunctionName"]
        for function in properties(translation, "AWS::Lambda::Function")
        if "DurableConfig" in function
    ]
    assert durable == ["chaining-dev-Orchestrator"]
    [alias] = properties(translation, "AWS::Lambda::Alias")
    assert alias["Name"] == "durable"
