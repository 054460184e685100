"""``pileus sfn``: what the page about state machines shows is what comes out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.architecture.conftest import ROOT

from pileus.cli.sfn import command

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE = dict(_FENCE.findall((ROOT / "docs" / "step-functions.md").read_text()))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticket.asl.json").write_text(PAGE["json"])
    (tmp_path / "ticket.asl.test.yml").write_text(PAGE["yaml"])


def _call(*words: str) -> Result:
    return CliRunner().invoke(command, words)


def test_the_page_as_it_is_printed() -> None:
    shown = ""
    for line in PAGE["console"].splitlines():
        if line.startswith("$ pileus sfn "):
            result = _call(*line.removeprefix("$ pileus sfn ").split())
            assert result.exit_code == 0, result.output
            shown += f"{line}\n{result.output}"
    assert shown == PAGE["console"]


def test_a_case_that_is_not_as_expected() -> None:
    text = PAGE["yaml"].replace("receipt: R-1}\n      path", "receipt: R-2}\n      path")
    Path("other.yml").write_text(text)
    result = _call("test", "ticket.asl.json", "--cases", "other.yml")
    assert result.exit_code == 1
    assert (
        'output is {"seat": "12A", "receipt": "R-1"}, not {"seat": "12A", "receipt": "R-2"}'
        in result.output
    )
    assert "1 passed, 1 failed" in result.output
    told = json.loads(_call("test", "ticket.asl.json", "--cases", "other.yml", "--json").output)
    assert [each["passed"] for each in told] == [False, True]
    assert told[1]["error"] == "NotPaid"


@pytest.mark.parametrize(
    ("mocks", "told"),
    [
        (
            "{Reserve: {result: {Payload: {seat: 1, price: 2}}}}",
            "'Pay' has no mock; it asks arn:aws:states:::lambda:invoke",
        ),
        ("{Reserve: []}", "'Reserve' is tried 1 times, and has 0 mocks"),
        ("{Reserve: {error: Boom}, Later: {}}", "the mock of 'Later' was not asked for"),
    ],
)
def test_mocks_that_do_not_fit(mocks: str, told: str) -> None:
    Path("ticket.asl.test.yml").write_text(f"cases: [{{name: one, mocks: {mocks}}}]")
    result = _call("test", "ticket.asl.json")
    assert result.exit_code == 1
    assert told in result.output


def test_cases_that_cannot_be_read() -> None:
    Path("ticket.asl.test.yml").write_text("cases: [{name: one, mokcs: {}}]")
    assert (
        "Object contains unknown field `mokcs` - at `$.cases[0]`"
        in _call("test", "ticket.asl.json").output
    )
    Path("ticket.asl.test.yml").unlink()
    assert "There is no ticket.asl.test.yml" in _call("test", "ticket.asl.json").output


def test_a_definition_that_is_refused() -> None:
    Path("bad.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}')
    result = _call("validate", "bad.json")
    assert result.exit_code == 1
    assert (
        "ERROR MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next\n"
        in result.output
    )
    told = json.loads(_call("validate", "bad.json", "--json").output)
    assert told["result"] == "FAIL"
    assert told["diagnostics"][0]["location"] == "/States/A/Next"
    assert "Invalid State Machine Definition" in _call("graph", "bad.json").output


def test_yaml_with_boxes() -> None:
    Path("m.yaml").write_text(
        """
        StartAt: Fan
        States:
          Fan:
            Type: Parallel
            Branches:
              - {StartAt: W, States: {W: {Type: Wait, Timestamp: 2026-01-01T00:00:00Z, End: true}}}
            Next: "Which \\"one\\"?"
          "Which \\"one\\"?":
            Type: Choice
            Choices: [{Variable: $.a, IsPresent: true, Next: Fan}]
            Default: End
          End: {Type: Succeed}
        """
    )
    assert _call("validate", "m.yaml").output == "m.yaml: valid\n"
    drawn = _call("graph", "m.yaml").output
    assert 'subgraph s0["Fan (Parallel)"]' in drawn
    assert 's0_0_0[/"W"/]' in drawn
    assert 's1{"Which &quot;one&quot;?"}' in drawn
    assert '-->|"otherwise"| s2' in drawn
