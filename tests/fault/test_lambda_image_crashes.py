"""Whatever the power cuts short: an acknowledged function runs its image, and nothing is kept for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pileus.services.lambda_.code_sweep import GRACE_S
from pileus.testing.compute import ROLE, ScriptedCompute, add_role
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.images import tar_of
from pileus.testing.registry import push_image
from pileus.values.errors import ServiceError
from tests.fault.simulation import Simulation, crash_everywhere

ROLE_ARN = f"arn:aws:iam::000000000000:role/{ROLE}"
HOST = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
DAY_MS = 24 * 3600 * 1000


def _compute(folder: Path) -> ScriptedCompute:
    return ScriptedCompute(folder, {"app.work": Program(lambda *_: Answer(b"1"))})


async def _pushed(simulation: Simulation) -> None:
    await add_role(simulation)
    base = tar_of({"etc/base": b"x" * 3000})
    for tag in ("1", "2"):
        layers = [base, tar_of({"word": tag.encode()})]
        await push_image(simulation, f"app:{tag}", layers, Cmd=["app.work"])


async def _runs(simulation: Simulation, name: str, qualifier: str = "$LATEST") -> None:
    given = {"FunctionName": name, "Qualifier": qualifier, "Payload": b"{}"}
    told = await simulation("lambda", "Invoke", **given)
    assert "FunctionError" not in told


async def _gone(simulation: Simulation, service: str, operation: str, **given: Any) -> None:
    try:
        await simulation(service, operation, **given)
    except ServiceError as error:
        assert "NotFound" in error.code, error


async def _nothing_left(simulation: Simulation) -> None:
    await _gone(simulation, "ecr", "DeleteRepository", repositoryName="app", force=True)
    await simulation.rest(round(3 * GRACE_S * 1000) + 2 * DAY_MS)
    left = await simulation.disks.blobs.list("000000000000/images/")
    assert [blob.name for blob in left] == []


async def test_functions_run_their_image_and_let_it_go(seed: int, tmp_path: Path) -> None:
    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _pushed(simulation)
        await simulation(
            "lambda", "CreateFunction", FunctionName="f", Role=ROLE_ARN, PackageType="Image",
            Code={"ImageUri": f"{HOST}/app:1"}, Publish=True,
        )  # fmt: skip
        notes["versions"] = ["1", "$LATEST"]
        await simulation(
            "lambda", "UpdateFunctionCode", FunctionName="f", ImageUri=f"{HOST}/app:2", Publish=True
        )
        notes["versions"] += ["2"]
        await simulation("ecr", "DeleteRepository", repositoryName="app", force=True)
        await simulation.rest(1000)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        for version in notes.get("versions", ()):
            await _runs(simulation, "f", version)
        await _gone(simulation, "lambda", "DeleteFunction", FunctionName="f")
        await _nothing_left(simulation)

    lives = await crash_everywhere(scenario, check, seed, prepare=_compute(tmp_path))
    assert lives > 30


async def test_a_stack_with_an_image_comes_to_its_end(seed: int, tmp_path: Path) -> None:
    def template(tag: str) -> str:
        properties = {"FunctionName": "f", "PackageType": "Image", "Role": ROLE_ARN,
                      "Code": {"ImageUri": f"{HOST}/app:{tag}"}}  # fmt: skip
        return json.dumps({"Resources": {"F": {"Type": "AWS::Lambda::Function",
                                               "Properties": properties}}})  # fmt: skip

    async def rested(simulation: Simulation) -> str:
        for _ in range(200):
            found = (await simulation("cloudformation", "ListStacks"))["StackSummaries"]
            if not any(each["StackStatus"].endswith("IN_PROGRESS") for each in found):
                return str(found[0]["StackStatus"]) if found else ""
            await simulation.rest(1000)
        raise AssertionError("the stack never came to rest")

    async def scenario(simulation: Simulation, notes: dict[str, Any]) -> None:
        await _pushed(simulation)
        await simulation("cloudformation", "CreateStack", StackName="s", TemplateBody=template("1"))
        notes["begun"] = True
        await rested(simulation)
        await simulation("cloudformation", "UpdateStack", StackName="s", TemplateBody=template("2"))
        notes["changed"] = True
        await rested(simulation)

    async def check(simulation: Simulation, notes: dict[str, Any]) -> None:
        status = await rested(simulation)
        if "begun" in notes:
            assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
            assert "changed" not in notes or status == "UPDATE_COMPLETE"
            await _runs(simulation, "f")
        if status:
            await simulation("cloudformation", "DeleteStack", StackName="s")
            assert await rested(simulation) == "DELETE_COMPLETE"
        await _nothing_left(simulation)

    lives = await crash_everywhere(scenario, check, seed, prepare=_compute(tmp_path))
    assert lives > 30
