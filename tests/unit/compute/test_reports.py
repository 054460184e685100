"""AWS's lines and documents, letter by letter."""

from __future__ import annotations

import json

import pytest

from pileus.compute import reports
from pileus.ports.nodes import Exit, ExitReason, LogLine

_ID = "8f507cfc-a1e2-4d5e-b1b5-e9c1a3e6f0a1"


def test_start_and_end() -> None:
    assert reports.start_line(_ID, "$LATEST") == f"START RequestId: {_ID} Version: $LATEST"
    assert reports.end_line(_ID) == f"END RequestId: {_ID}"


def test_report_of_a_warm_call() -> None:
    line = reports.report_line(_ID, 1_254_321, (128, 35), None, "")
    assert line == (
        f"REPORT RequestId: {_ID}\tDuration: 1.25 ms\tBilled Duration: 2 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 35 MB\t"
    )


def test_report_of_a_cold_call_bills_the_init_phase() -> None:
    line = reports.report_line(_ID, 1_350_000, (128, 35), 116_800_000, "")
    assert "Billed Duration: 119 ms\t" in line
    assert line.endswith("\tInit Duration: 116.80 ms\t")


def test_report_never_uses_more_than_there_is() -> None:
    assert "Max Memory Used: 128 MB" in reports.report_line(_ID, 1, (128, 190), None, "")


@pytest.mark.parametrize(
    ("exit", "status"),
    [
        (None, ""),
        (Exit(ExitReason.TIMED_OUT), "Status: timeout"),
        (Exit(ExitReason.EXITED, code=1), "Status: error\tError Type: Runtime.ExitError"),
        (
            Exit(ExitReason.OUT_OF_MEMORY, signal=9),
            "Status: error\tError Type: Runtime.OutOfMemory",
        ),
    ],
)
def test_status(exit: Exit | None, status: str) -> None:
    assert reports.status_of(exit) == status


@pytest.mark.parametrize(
    ("exit", "kind", "text"),
    [
        (
            Exit(ExitReason.EXITED, code=1),
            "Runtime.ExitError",
            "Runtime exited with error: exit status 1",
        ),
        (
            Exit(ExitReason.EXITED, code=0),
            "Runtime.ExitError",
            "Runtime exited without providing a reason",
        ),
        (
            Exit(ExitReason.KILLED, signal=9),
            "Runtime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
        (
            Exit(ExitReason.KILLED, signal=11),
            "Runtime.ExitError",
            "Runtime exited with error: signal: segmentation fault",
        ),
        (
            Exit(ExitReason.OUT_OF_MEMORY, signal=9),
            "Runtime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
        (Exit(ExitReason.TIMED_OUT), "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
    ],
)
def test_documents(exit: Exit, kind: str, text: str) -> None:
    document = json.loads(reports.exit_document(exit, _ID, 3.0))
    assert document == {"errorType": kind, "errorMessage": f"RequestId: {_ID} Error: {text}"}


def test_log_lines_of_endings() -> None:
    line = reports.exit_line(Exit(ExitReason.TIMED_OUT), _ID, 3.0, 1_697_819_297_840)
    assert line == f"2023-10-20T16:28:17.840Z {_ID} Task timed out after 3.00 seconds\n"
    line = reports.exit_line(Exit(ExitReason.EXITED, code=1), _ID, 3.0, 0)
    assert line == (
        f"RequestId: {_ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
    )


def test_init_report() -> None:
    failed = "Status: error\tError Type: Runtime.UserCodeSyntaxError"
    assert reports.init_report_line(150_790_000, "init", failed) == (
        "INIT_REPORT Init Duration: 150.79 ms\tPhase: init\t"
        "Status: error\tError Type: Runtime.UserCodeSyntaxError"
    )


def test_an_invocations_lines_are_worded_when_read() -> None:
    figures = (1_500_000, (128, 40), None, "")
    whole = reports.RunLines("r", (5, "$LATEST"), 9, figures)
    assert (len(whole), whole[0]) == (3, LogLine(5, "START RequestId: r Version: $LATEST"))
    rest = reports.RunLines("r", None, 9, figures)
    assert len(rest) == 2
    assert list(rest) == list(whole)[1:]
    assert rest[1].text.startswith("REPORT RequestId: r\tDuration: 1.50 ms\t")
