"""Edifice Corb's functions, imported as the runtime would, over small fakes of four AWS clients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .fakes import FakeCloud

APP = Path(__file__).parents[3] / "apps" / "corb"
ENVIRONMENT = {
    "OCCUPANCY_TABLE": "corb-occupancy",
    "RESULTS_BUCKET": "corb-results",
    "DETECTOR_ENDPOINT": "person-detector",
    "TOO_FULL_PERSONS": "3",
    "SAMPLE_FRAMES_PER_SECOND": "10",
    "CLEANING_CREW_NUMBER": "",
}


@pytest.fixture(scope="session", autouse=True)
def app_on_path() -> Iterator[None]:
    """What the runtime does with the unpacked package and the model archive's code folder."""
    folders = [str(APP), str(APP / "model" / "code")]
    sys.path[:0] = folders
    yield
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    """S3, SageMaker runtime, DynamoDB and SNS in memory."""
    from aws_lambda import clients

    fake = FakeCloud()
    for name in ("s3", "sagemaker_runtime", "dynamodb", "sns"):
        monkeypatch.setattr(clients, name, lambda part=getattr(fake, name): part)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return fake


class Invocation:
    """What a handler sees of its context."""

    def __init__(self, aws_request_id: str = "request-1") -> None:
        self.aws_request_id = aws_request_id


@pytest.fixture
def invocation() -> type[Invocation]:
    return Invocation


def destination_event(payload: dict[str, Any], event_id: str = "event-1") -> dict[str, Any]:
    """An ``onSuccess`` destination's event as EventBridge delivers it."""
    return {
        "id": event_id,
        "source": "lambda",
        "detail-type": "Lambda Function Invocation Result - Success",
        "detail": {"version": "1.0", "responsePayload": payload},
    }


@pytest.fixture
def event() -> Any:
    return destination_event
