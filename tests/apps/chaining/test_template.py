"""The chaining app's serverless.yml becomes the stack its README describes."""

from pathlib import Path
from typing import Any

import pytest

from pileus.languages.serverless import Options, Sources, Translation, load_file

APP = Path(__file__).parents[3] / "apps" / "chaining"


def read_file(name: str) -> str | None:
    path = APP / name
    return path.read_text() if path.is_file() else None


@pytest.fixture(scope="module", params=["python", "node"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def translation(language: str) -> Translation:
    options = Options(params={"activities": language})
    return load_file("serverless.yml", Sources(read_file=read_file)).to_template(options)


def properties(translation: Translation, kind: str) -> list[dict[str, Any]]:
    resources = translation.template["Resources"].values()
    return [one["Properties"] for one in resources if one["Type"] == kind]


def test_nothing_is_warned_of(translation: Translation) -> None:
    assert not translation.warnings


def test_every_handler_exists(translation: Translation) -> None:
    for function in properties(translation, "AWS::Lambda::Function"):
        module, _, name = function["Handler"].rpartition(".")
        if function["Runtime"].startswith("nodejs"):
            assert f"export const {name} =" in (APP / f"{module}.mjs").read_text()
        else:
            assert f"def {name}(" in (APP / f"{module.replace('.', '/')}.py").read_text()


def test_the_activities_are_in_the_language_that_was_asked_for(
    translation: Translation, language: str
) -> None:
    runtimes = {
        function["FunctionName"]: function["Runtime"]
        for function in properties(translation, "AWS::Lambda::Function")
    }
    wanted = {"python": "python3.11", "node": "nodejs22.x"}[language]
    assert {runtimes[f"chaining-dev-F{number}"] for number in range(1, 5)} == {wanted}
    assert runtimes["chaining-dev-Orchestrator"] == "python3.11"


def test_the_orchestrator_alone_is_durable(translation: Translation) -> None:
    durable = [
        function["FunctionName"]
        for function in properties(translation, "AWS::Lambda::Function")
        if "DurableConfig" in function
    ]
    assert durable == ["chaining-dev-Orchestrator"]
    [alias] = properties(translation, "AWS::Lambda::Alias")
    assert alias["Name"] == "durable"
