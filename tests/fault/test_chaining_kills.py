"""``kill -9`` of the platform at every step of apps/chaining: the order ends, each effect happens once."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pileus.deploy.accounts import environment_of
from tests.conformance.commands import is_ci
from tests.conformance.live import PYTHON, LivePlatform
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chaining_kills")]
ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "chaining"
ITEMS = ["book", "lamp", "tea"]
EFFECTS = {"reserve", "charge", "deliver", "link", *(f"pack-{item}" for item in ITEMS)}


class Chaining:
    """The app on one platform, its activities in one language, in a stage of that name."""

    def __init__(self, platform: LivePlatform, language: str) -> None:
        self.platform = platform
        self.language = language
        self.account = environment_of(language).account

    def _where(self) -> list[str]:
        given = ["--stage", self.language, "--param", f"activities={self.language}"]
        return ["--config", str(APP / "serverless.yml"), *given]

    def deploy(self) -> None:
        done = subprocess.run(
            [PYTHON, "-m", "pileus.cli.main", "deploy", *self._where()],
            cwd=ROOT,
            env=self.platform.environment(),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def invoke(self, order: str) -> str:
        """Begin an order by the command line."""
        event = json.dumps({"order": order, "items": ITEMS})
        command = [PYTHON, "-m", "pileus.cli.main", "invoke", "-f", "Orchestrator", "--async"]
        named = ["--durable-execution-name", order, "-d", event]
        return subprocess.run(
            [*command, *named, *self._where()],
            env=self.platform.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.strip()

    def call(self, operation: str, **given: Any) -> Any:
        return getattr(self.platform.client("lambda", self.account, read_timeout=60), operation)(
            **given
        )

    def begin(self, order: str) -> str:
        """The same order begins once, however often it is asked for."""
        reply = self.call(
            "invoke",
            FunctionName=f"chaining-{self.language}-Orchestrator:durable",
            InvocationType="Event",
            DurableExecutionName=order,
            Payload=json.dumps({"order": order, "items": ITEMS}),
        )
        return str(reply["DurableExecutionArn"])

    def approve(self, order: str) -> None:
        event = {"link": self.effects(order)["link"][0], "by": "Ada"}
        name = f"chaining-{self.language}-Approve"
        reply = self.call("invoke", FunctionName=name, Payload=json.dumps(event))
        assert json.loads(reply["Payload"].read()) == {"status": "approved"}

    def effects(self, order: str) -> dict[str, tuple[str, int]]:
        """What happened to an order: value and number of calls by effect."""
        answer = self.platform.client("dynamodb", self.account).query(
            TableName="chaining-effects",
            KeyConditionExpression="#o = :o",
            ExpressionAttributeNames={"#o": "order"},
            ExpressionAttributeValues={":o": {"S": order}},
            ConsistentRead=True,
        )
        return {
            item["effect"]["S"]: (item["value"]["S"], int(item["calls"]["N"]))
            for item in answer["Items"]
        }

    def history(self, arn: str) -> list[dict[str, Any]]:
        found = self.call("get_durable_execution_history", DurableExecutionArn=arn, MaxItems=1000)
        return list(found["Events"])

    def count(self, arn: str, kind: str) -> int:
        return sum(event["EventType"] == kind for event in self.history(arn))

    def ended(self, arn: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.call("get_durable_execution", DurableExecutionArn=arn)
            return None if found["Status"] == "RUNNING" else found

        return until(look, "the end")

    def finished(self, arn: str) -> set[str]:
        """Effects of the operations whose end is on record."""
        names = {event["Name"] for event in self.history(arn) if _is_end(event)}
        return {"link" if name == "send the link" else name for name in names}

    def kill(self) -> None:
        self.platform.kill()
        self.platform.start()


def _is_end(event: dict[str, Any]) -> bool:
    return event["EventType"] in ("ChainedInvokeSucceeded", "StepSucceeded")


@pytest.fixture(scope="module", params=["python", "node"])
def app(live_platform: LivePlatform, request: pytest.FixtureRequest) -> Chaining:
    for program in ("node", "npm") if request.param == "node" else ():
        if shutil.which(program) is None and not is_ci():
            pytest.skip(f"{program}, which runs the activities, is not on the path")
    made = Chaining(live_platform, request.param)
    made.deploy()
    return made


def _check(app: Chaining, order: str, arn: str, kills: int) -> None:
    found = app.ended(arn)
    assert found["Status"] == "SUCCEEDED", found
    assert json.loads(found["Result"]) == {
        "reservation": f"reservation of {order}",
        "charge": f"charge for reservation of {order}",
        "parcels": [f"parcel of {item}" for item in ITEMS],
        "approver": "Ada",
        "delivery": "delivery of 3 parcels",
    }
    effects = app.effects(order)
    assert effects.keys() == EFFECTS
    # An activity that was cut off is called again; its effect is the first call's.
    assert all(1 <= calls <= 1 + kills for _, calls in effects.values()), effects
    history = app.history(arn)
    numbers = [event["EventId"] for event in history]
    assert numbers == list(range(1, len(numbers) + 1))
    ends = Counter(event["Name"] for event in history if _is_end(event))
    assert set(ends.values()) == {1} and len(ends) == len(EFFECTS)


def test_an_order_without_kills(app: Chaining) -> None:
    arn = app.invoke("order-0")
    assert app.begin("order-0") == arn
    until(lambda: "link" in app.effects("order-0"), "the link")
    app.approve("order-0")
    _check(app, "order-0", arn, 0)


def test_kill_at_every_step(app: Chaining) -> None:
    order = "order-1"
    arn = app.begin(order)
    finished: dict[str, int] = {}
    moments: list[tuple[str, Callable[[], Any]]] = [
        ("begun", lambda: True),
        ("F1", lambda: app.count(arn, "ChainedInvokeStarted") >= 1),
        ("F2", lambda: "reserve" in app.finished(arn)),
        ("fan-out", lambda: "charge" in app.finished(arn)),
        ("fan-in", lambda: app.finished(arn) & {f"pack-{item}" for item in ITEMS}),
        ("asked", lambda: app.count(arn, "CallbackStarted")),
        ("link", lambda: "link" in app.finished(arn)),
        ("answered", lambda: app.approve(order) or app.count(arn, "CallbackSucceeded")),
        ("timer", lambda: app.count(arn, "WaitStarted")),
        ("F4", lambda: app.count(arn, "WaitSucceeded")),
    ]
    for name, is_reached in moments:
        until(is_reached, name)
        # What is finished when it is looked at is counted for good when it is counted after that.
        names = app.finished(arn)
        effects = app.effects(order)
        finished = {effect: effects[effect][1] for effect in names}
        app.kill()
    _check(app, order, arn, len(moments))
    effects = app.effects(order)
    for effect, calls in finished.items():
        assert effects[effect][1] == calls, f"{effect} was finished and ran again"
    assert app.begin(order) == arn


@pytest.mark.parametrize("pause_s", [0.05, 0.3, 0.8])
def test_kill_again_and_again(app: Chaining, pause_s: float) -> None:
    order = f"order-{pause_s}".replace(".", "-")
    arn = app.begin(order)
    for _ in range(4):
        time.sleep(pause_s)
        app.kill()
    until(lambda: "link" in app.finished(arn), "the link")
    app.approve(order)
    for _ in range(2):
        time.sleep(pause_s)
        app.kill()
    _check(app, order, arn, 6)
