"""Synchronous invocations: answers, errors, log tail, qualifiers, limits."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from pileus.compute.pools import PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.services.lambda_.limits import LIMITS
from pileus.testing.compute import ScriptedCompute, add_function, add_role, package
from pileus.testing.fake_nodes import Answer, Program
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError

from .conftest import Recorder, programs, refused


async def test_answer_is_the_payload(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    reply = await platform.reply("lambda", "Invoke", FunctionName="f", body=b'{"a": 1}')
    assert reply.output == {
        "StatusCode": 200,
        "ExecutedVersion": "$LATEST",
        "Payload": b'{"a": 1}',
    }


async def test_nothing_is_sent_as_an_empty_object(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "Invoke", FunctionName="f")
    assert recorder.events == [{}]


async def test_error_of_the_function_is_a_success_of_the_call(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.fail")
    output = await platform("lambda", "Invoke", FunctionName="f")
    assert output["StatusCode"] == 200 and output["FunctionError"] == "Unhandled"
    assert b'"errorMessage": "no"' in output["Payload"]


async def test_dry_run_runs_nothing(platform: MemoryPlatform, recorder: Recorder) -> None:
    await add_function(platform, "f", "app.echo")
    reply = await platform.reply(
        "lambda", "Invoke", FunctionName="f", InvocationType="DryRun", Payload=b"1"
    )
    assert reply.status == 204 and recorder.events == []


async def test_log_tail_is_the_last_four_kilobytes(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    compute.programs["app.chat"] = Program(lambda *_: Answer(output=["x" * 5000, "the end"]))
    await add_function(platform, "f", "app.chat")
    output = await platform("lambda", "Invoke", FunctionName="f", LogType="Tail")
    tail = base64.b64decode(output["LogResult"])
    assert len(tail) == LIMITS.log_tail_bytes
    assert b"the end\nEND RequestId: test\nREPORT RequestId: test\t" in tail
    assert "LogResult" not in await platform("lambda", "Invoke", FunctionName="f")


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
async def test_payloads_have_limits(platform: MemoryPlatform, kind: str, limit: int) -> None:
    await add_function(platform, "f", "app.echo")
    largest = b'"' + b"x" * (limit - 2) + b'"'
    await platform("lambda", "Invoke", FunctionName="f", InvocationType=kind, body=largest)
    with pytest.raises(ServiceError) as caught:
        await platform(
            "lambda", "Invoke", FunctionName="f", InvocationType=kind, body=largest + b" "
        )
    assert (caught.value.code, caught.value.status) == ("RequestEntityTooLargeException", 413)
    assert caught.value.message == (
        f"{limit + 1} byte payload is too large for the {kind} invocation type "
        f"(limit {limit} bytes)"
    )


async def test_payload_must_be_json(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    for kind in ("RequestResponse", "Event"):
        code, status, message = await refused(
            platform, "Invoke", FunctionName="f", InvocationType=kind, Payload=b"{not"
        )
        assert (code, status) == ("InvalidRequestContentException", 400)
        assert message.startswith(
            "Could not parse request body into json: Could not parse payload into json: "
        )


async def test_client_context_reaches_the_function(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    text = '{"custom": {"a": "1"}}'
    encoded = base64.b64encode(text.encode()).decode()
    await platform("lambda", "Invoke", FunctionName="f", ClientContext=encoded)
    assert recorder.invocations[0].client_context == text
    code, _, _ = await refused(platform, "Invoke", FunctionName="f", ClientContext="?")
    assert code == "InvalidRequestContentException"


async def test_reserved_concurrency_of_zero_throttles(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    await platform(
        "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0
    )
    with pytest.raises(ServiceError) as caught:
        await platform("lambda", "Invoke", FunctionName="f")
    error = caught.value
    assert (error.code, error.status) == ("TooManyRequestsException", 429)
    assert error.fields["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    await platform("lambda", "DeleteFunctionConcurrency", FunctionName="f")
    await platform("lambda", "Invoke", FunctionName="f")


async def test_reservations_leave_the_account_its_minimum(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    given = {"FunctionName": "f", "ReservedConcurrentExecutions": 901}
    assert await refused(platform, "PutFunctionConcurrency", **given) == (
        "InvalidParameterValueException",
        400,
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    )
    assert await platform("lambda", "GetFunctionConcurrency", FunctionName="f") == {}


async def test_version_keeps_its_code_and_alias_follows(
    platform: MemoryPlatform, recorder: Recorder
) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform("lambda", "CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Handler="app.fail")
    for qualifier, version, fails in (("$LATEST", "$LATEST", True), ("1", "1", False),
                                      ("live", "1", False)):  # fmt: skip
        output = await platform("lambda", "Invoke", FunctionName="f", Qualifier=qualifier)
        assert (output["ExecutedVersion"], "FunctionError" in output) == (version, fails)
    arns = [
        invocation.invoked_arn.rpartition("function:")[2] for invocation in recorder.invocations
    ]
    assert arns == ["f:$LATEST", "f:1", "f:live"]


async def test_alias_shares_its_calls_by_weight(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    await platform("lambda", "PublishVersion", FunctionName="f")
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    await platform("lambda", "PublishVersion", FunctionName="f")
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    await platform(
        "lambda", "CreateAlias", FunctionName="f", Name="live", FunctionVersion="1",
        RoutingConfig=routing,
    )  # fmt: skip
    counts = {"1": 0, "2": 0}
    for _ in range(200):
        output = await platform("lambda", "Invoke", FunctionName="f:live")
        counts[output["ExecutedVersion"]] += 1
    assert 30 <= counts["2"] <= 70


async def test_layers_are_merged_in_order(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    arns = []
    for name, text in (("one", "1"), ("two", "2")):
        content = {"ZipFile": package({"shared.txt": text, f"{name}.txt": ""})}
        made = await platform("lambda", "PublishLayerVersion", LayerName=name, Content=content)
        arns.append(made["LayerVersionArn"])
    await add_function(platform, "f", "app.echo", Layers=arns)
    await platform("lambda", "Invoke", FunctionName="f")
    from pathlib import Path

    folder = Path(compute.nodes.links[0].spec.layers_dir)
    assert (folder / "shared.txt").read_text() == "2", "later layers win"
    assert (folder / "one.txt").exists() and (folder / "two.txt").exists()


async def test_host_layer_shows_the_platforms_environment(
    platform: MemoryPlatform, compute: ScriptedCompute
) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:pileus-host:1"
    await add_function(platform, "f", "app.echo", Layers=[arn])
    await platform("lambda", "Invoke", FunctionName="f")
    spec = compute.nodes.links[0].spec
    assert spec.shown and spec.layers_dir == ""


async def test_requests_per_second_are_ten_times_the_concurrency(
    tmp_path: Path, recorder: Recorder
) -> None:
    limits = PoolSettings(limits=ScalingLimits(account_concurrency=101))
    compute = ScriptedCompute(tmp_path, programs(recorder), limits)
    platform = await MemoryPlatform.start(prepare=compute)
    await add_role(platform)
    for name in ("f", "g"):
        await add_function(platform, name, "app.echo")
        await platform("lambda", "Invoke", FunctionName=name, Payload=b"1")
    reserve = {"FunctionName": "f", "ReservedConcurrentExecutions": 1}
    await platform("lambda", "PutFunctionConcurrency", **reserve)
    await platform.clock.advance(1000)

    async def asked(name: str, times: int) -> list[str]:
        reasons = []
        for _ in range(times):
            given = {"FunctionName": name, "Payload": b"1"}
            try:
                await platform.kernel.invoke(platform.context, "lambda", "Invoke", given)
                reasons.append("")
            except ServiceError as error:
                assert (error.code, error.status) == ("TooManyRequestsException", 429)
                assert error.message == "Rate Exceeded."
                reasons.append(dict(error.fields or {})["Reason"])
        return reasons

    began_ms = platform.clock.now_ms()
    own = "ReservedFunctionInvocationRateLimitExceeded"
    assert await asked("f", 12) == [*[""] * 10, own, own]
    others = 101 * 10 - 10
    assert await asked("g", others + 2) == [*[""] * others, *["CallerRateLimitExceeded"] * 2]
    assert platform.clock.now_ms() == began_ms, "no time went by"
    await platform.clock.advance(999)
    assert await asked("f", 1) == [own]
    for number in range(3):
        reply = await platform.reply(
            "lambda", "Invoke", FunctionName="f", InvocationType="Event", body=b"2"
        )
        assert reply.status == 202, number
    await platform.clock.advance(1)
    assert recorder.events.count(2) == 3, "events that were accepted have no such quota"
    assert await asked("f", 11) == [*[""] * 10, own]
    assert await asked("g", others + 1) == [*[""] * others, "CallerRateLimitExceeded"]
    await platform.crash()
