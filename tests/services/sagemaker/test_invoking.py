"""Requests to endpoints: answers, errors, queues, variants."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pileus.ports.nodes import Exit, ExitReason, Invocation
from pileus.runtime.model_server import join_answer
from pileus.testing.fake_nodes import Answer, Program
from pileus.values.errors import ServiceError
from tests.services.sagemaker.conftest import Bench


def _slow(duration_s: float) -> Callable[[Invocation, int], Answer]:
    """A script that gives back what it got after a while."""

    def handle(invocation: Invocation, count: int) -> Answer:
        head = {"content_type": "text/plain"}
        return Answer(join_answer(head, invocation.payload), duration_s=duration_s)

    return handle


async def test_a_request_is_answered_by_the_script(bench: Bench) -> None:
    await bench.served()
    answer = await bench.invoke(b"\x00raw\xff", ContentType="application/x-npy")
    assert answer == {
        "Body": b"\x00raw\xff",
        "ContentType": "application/x-npy",
        "InvokedProductionVariant": "all",
    }
    assert bench.nodes.running_count == 1


async def test_an_instance_waits_for_the_first_request_and_goes_when_idle(bench: Bench) -> None:
    await bench.served()
    assert bench.nodes.running_count == 1
    await bench.invoke()
    await bench.invoke()
    assert len(bench.nodes.links) == 1
    await bench.platform.clock.advance(61_000)
    assert bench.nodes.running_count == 0
    await bench.invoke()
    assert (len(bench.nodes.links), bench.nodes.running_count) == (2, 1)


async def test_a_request_waits_for_the_instance_that_loads_its_model(bench: Bench) -> None:
    bench.programs["inference.py"] = Program(_slow(0.0), init_s=5.0)
    await bench.served()
    await bench.together(b"0")
    assert len(bench.nodes.links) == 1


async def test_a_serverless_variant_starts_with_a_request(bench: Bench) -> None:
    await bench.model()
    await bench.config("c", {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}})
    await bench.endpoint()
    await bench.platform.clock.advance(100)
    assert bench.nodes.running_count == 0


async def test_instances_get_the_roles_keys_and_the_models_environment(bench: Bench) -> None:
    await bench.model(THRESHOLD="0.4")
    await bench.config()
    await bench.endpoint()
    await bench.invoke()
    spec = bench.nodes.links[0].spec
    assert spec.environment["THRESHOLD"] == "0.4"
    assert spec.environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert (spec.memory_mb, spec.timeout_s) == (2048, 60.0)


async def test_requests_wait_their_turn_for_the_instance(bench: Bench) -> None:
    bench.programs["inference.py"] = Program(_slow(2.0))
    await bench.served()
    began_ms = bench.platform.clock.now_ms()
    answers = await bench.together(b"0", b"1", b"2")
    assert [answer["Body"] for answer in answers] == [b"0", b"1", b"2"]
    assert len(bench.nodes.links) == 1
    assert 6_000 <= bench.platform.clock.now_ms() - began_ms < 6_500


async def test_a_wait_of_a_minute_is_too_long(bench: Bench) -> None:
    bench.programs["inference.py"] = Program(_slow(59.0))
    await bench.served()
    outcomes = await bench.together(b"0", b"1", b"2")
    refused = [each for each in outcomes if isinstance(each, ServiceError)]
    assert [error.code for error in refused] == ["ServiceUnavailable"]
    assert bench.endpoints.waiting("000000000000/us-east-1", "e", "all") == 0


async def test_who_waited_is_served_by_what_serves_then(bench: Bench) -> None:
    bench.programs["inference.py"] = Program(_slow(30.0))
    await bench.served()
    await bench.config("c2", {"VariantName": "new"})
    requests = bench.begin(b"0", b"1")
    await bench("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    await bench.settled()
    assert not requests.done()
    answers = await bench.platform.clock.run(requests)
    assert [answer["InvokedProductionVariant"] for answer in answers] == ["all", "new"]
    assert bench.nodes.running_count == 1


async def test_a_serverless_variant_refuses_what_is_over_its_concurrency(bench: Bench) -> None:
    bench.programs["inference.py"] = Program(_slow(5.0))
    await bench.model()
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    await bench.config("c", {"ServerlessConfig": serverless})
    await bench.endpoint()
    first, second = await bench.together(b"0", b"1")
    assert first["Body"] == b"0"
    assert (second.code, second.status) == ("ThrottlingException", 429)


async def test_a_script_that_raises_is_a_model_error(bench: Bench) -> None:
    document = {
        "errorType": "ValueError",
        "errorMessage": "no pictures",
        "stackTrace": ['  File "inference.py", line 1\n'],
    }
    bench.programs["inference.py"] = Program(
        lambda *_: Answer(json.dumps(document).encode(), is_error=True)
    )
    await bench.served()
    with pytest.raises(ServiceError) as failed:
        await bench.invoke()
    error = failed.value
    assert (error.code, error.status) == ("ModelError", 424)
    assert error.fields["OriginalStatusCode"] == 500
    assert error.fields["OriginalMessage"].startswith("no pictures\nTraceback")
    assert error.message.startswith(
        'Received server error (500) from primary with message "no pictures\nTraceback'
    )
    assert error.message.endswith(
        "#logEventViewer:group=/aws/sagemaker/Endpoints/e in account 000000000000 for more "
        "information."
    )


async def test_a_model_that_takes_too_long_is_told_as_aws_tells_it(bench: Bench) -> None:
    bench.programs["inference.py"] = Program(lambda *_: Answer(duration_s=61))
    await bench.served()
    with pytest.raises(ServiceError) as failed:
        await bench.invoke()
    assert failed.value.fields["OriginalStatusCode"] == 0
    assert "Your invocation timed out" in failed.value.message


async def test_a_format_that_cannot_be_read_is_a_client_error(bench: Bench) -> None:
    document = {"errorType": "Model.UnsupportedFormatError", "errorMessage": "no"}
    bench.programs["inference.py"] = Program(
        lambda *_: Answer(json.dumps(document).encode(), is_error=True)
    )
    await bench.served()
    with pytest.raises(ServiceError) as failed:
        await bench.invoke()
    assert failed.value.message.startswith("Received client error (415) from primary")


async def test_a_model_that_does_not_load_fails_its_requests(bench: Bench) -> None:
    document = json.dumps({"errorType": "OSError", "errorMessage": "no weights"}).encode()
    exit = Exit(ExitReason.EXITED, code=1)
    bench.programs["inference.py"] = Program(
        lambda *_: Answer(), init_error=document, init_exit=exit
    )
    await bench.served()
    with pytest.raises(ServiceError) as failed:
        await bench.invoke()
    assert failed.value.fields["OriginalMessage"] == "no weights"


async def test_variants_share_requests_by_weight_and_can_be_named(bench: Bench) -> None:
    await bench.model()
    await bench.config(
        "c",
        {"VariantName": "one", "InitialVariantWeight": 3.0},
        {"VariantName": "two", "InitialVariantWeight": 1.0},
    )
    await bench.endpoint()
    names = [(await bench.invoke())["InvokedProductionVariant"] for _ in range(40)]
    assert 20 <= names.count("one") < 40
    answer = await bench.invoke(TargetVariant="two")
    assert answer["InvokedProductionVariant"] == "two"
    with pytest.raises(ServiceError) as unknown:
        await bench.invoke(TargetVariant="three")
    assert unknown.value.code == "ValidationError"


async def test_an_endpoint_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(ServiceError) as missing:
        await bench.invoke(EndpointName="nowhere")
    assert missing.value.code == "ValidationError"
    assert missing.value.message == "Endpoint nowhere of account 000000000000 not found."


async def test_bodies_are_bounded(bench: Bench) -> None:
    await bench.served()
    await bench.invoke(b"x" * 6_291_456)
    with pytest.raises(ServiceError) as refused:
        await bench.invoke(b"x" * 6_291_457)
    assert refused.value.code == "ValidationError"
    assert "less than or equal to 6291456" in refused.value.message


async def test_what_is_not_there_yet_is_refused_by_name(bench: Bench) -> None:
    await bench.served()
    with pytest.raises(ServiceError, match="TargetModel of InvokeEndpoint"):
        await bench.invoke(TargetModel="other.tar.gz")
    with pytest.raises(ServiceError, match="sagemaker-runtime:InvokeEndpointAsync"):
        await bench(
            "InvokeEndpointAsync", "sagemaker-runtime", EndpointName="e", InputLocation="s3://a/b"
        )


async def test_observers_are_told(bench: Bench) -> None:
    await bench.served()
    await bench.invoke()
    await bench.platform.clock.advance(1000)
    told = [record for record in bench.platform.records if record["kind"] == "invocation"]
    assert [(one["service"], one["function"], one["cold"]) for one in told] == [
        ("sagemaker", "e", False)
    ]
