"""The templates of the live apps name what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pileus.languages.cfn.parsing import parse_text

APPS = Path(__file__).parents[3] / "apps"


@pytest.mark.parametrize("app", ["newsroom", "corb-live"])
def test_every_handler_is_an_engine_of_its_mode(app: str) -> None:
    template: Any = parse_text((APPS / app / "app.yaml").read_text())
    engines = {
        name: each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "Pileus::Media::Engine"
    }
    for engine in engines.values():
        module, _, function = engine["Handler"].rpartition(".")
        source = (APPS / app / engine["CodeUri"] / f"{module}.py").read_text()
        assert f"@{engine['Mode']}_engine\ndef {function}(" in source
    (pipeline,) = [
        each["Properties"]
        for each in template["Resources"].values()
        if each["Type"] == "Pileus::Media::Pipeline"
    ]
    assert {each["Ref"] for each in pipeline["Engines"]} == set(engines)


def test_every_package_is_pinned_by_its_digest() -> None:
    text = (APPS / "newsroom" / "requirements.lock").read_text()
    packages = re.split(r"^(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.M), flags=re.M)[1:]
    assert len(packages) == 12
    for package in packages:
        assert re.match(r"[\w-]+==[\w.]+ ", package)
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", package)
