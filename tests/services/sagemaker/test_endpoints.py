"""Models, configurations, endpoints: what there is, and what becomes of deployments."""

from __future__ import annotations

from pathlib import Path

import pytest

from pileus.kernel.resources import PartlyCreated, ResourceRequest
from pileus.services.sagemaker.resources import RESOURCE_TYPES
from pileus.values.errors import ServiceError
from tests.services.sagemaker.conftest import MODEL_DATA, ROLE, Bench, archive, one_instance

ARN = "arn:aws:sagemaker:us-east-1:000000000000"


async def test_what_was_created_is_described(bench: Bench) -> None:
    await bench.served()
    model = await bench("DescribeModel", ModelName="m")
    assert model["ModelArn"] == f"{ARN}:model/m"
    assert model["PrimaryContainer"]["ModelDataUrl"] == MODEL_DATA
    assert model["ExecutionRoleArn"] == ROLE
    config = await bench("DescribeEndpointConfig", EndpointConfigName="c")
    assert config["ProductionVariants"] == [{**one_instance(), "InitialVariantWeight": 1.0}]
    endpoint = await bench("DescribeEndpoint", EndpointName="e")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "c")
    variant = endpoint["ProductionVariants"][0]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("all", 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "image:1"


@pytest.mark.parametrize(
    ("operation", "member", "text"),
    [
        ("DescribeModel", "ModelName", f'Could not find model "{ARN}:model/gone".'),
        ("DeleteModel", "ModelName", f'Could not find model "{ARN}:model/gone".'),
        ("DescribeEndpoint", "EndpointName", f'Could not find endpoint "{ARN}:endpoint/gone".'),
        ("DeleteEndpoint", "EndpointName", f'Could not find endpoint "{ARN}:endpoint/gone".'),
        (
            "DescribeEndpointConfig",
            "EndpointConfigName",
            f'Could not find endpoint configuration "{ARN}:endpoint-config/gone".',
        ),
    ],
)
async def test_what_is_missing_is_named(
    bench: Bench, operation: str, member: str, text: str
) -> None:
    with pytest.raises(ServiceError) as missing:
        await bench(operation, **{member: "gone"})
    assert (missing.value.code, missing.value.message) == ("ValidationException", text)


async def test_names_are_taken_once(bench: Bench) -> None:
    await bench.served()
    for create in (bench.model, bench.config, bench.endpoint):
        with pytest.raises(ServiceError, match="Cannot create already existing"):
            await create()


async def test_a_configuration_needs_its_models(bench: Bench) -> None:
    with pytest.raises(ServiceError, match=f'Could not find model "{ARN}:model/m"'):
        await bench.config()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ModelPackageName": "p"}, "ModelPackageName"),
        ({"Mode": "MultiModel"}, "MultiModel"),
    ],
)
async def test_containers_that_cannot_be_served_are_refused(
    bench: Bench, given: dict[str, str], named: str
) -> None:
    with pytest.raises(ServiceError, match=named):
        await bench("CreateModel", ModelName="m", PrimaryContainer=given)


async def test_more_than_one_container_is_refused(bench: Bench) -> None:
    with pytest.raises(ServiceError, match="more than one entry in Containers"):
        await bench("CreateModel", ModelName="m", Containers=[{"Image": "a"}, {"Image": "b"}])


async def test_an_archive_that_is_not_there_fails_the_endpoint(bench: Bench) -> None:
    await bench.platform("s3", "DeleteObject", Bucket="models", Key="m/model.tar.gz")
    await bench.model()
    await bench.config()
    endpoint = await bench.endpoint()
    assert endpoint["EndpointStatus"] == "Failed"
    assert endpoint["FailureReason"].startswith(
        f'Failed to download model data for container "container_1" from URL: "{MODEL_DATA}".'
    )
    with pytest.raises(ServiceError, match="Endpoint e of account 000000000000 not found"):
        await bench.invoke()
    await bench("DeleteEndpoint", EndpointName="e")


async def test_a_role_that_sagemaker_may_not_assume_fails_the_endpoint(bench: Bench) -> None:
    container = {"ModelDataUrl": MODEL_DATA}
    role = "arn:aws:iam::000000000000:role/nobody"
    await bench("CreateModel", ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)
    await bench.config()
    assert "Could not assume role" in (await bench.endpoint())["FailureReason"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"weights.bin": b""}, "has no script code/inference.py"),
        ({"../outside": b""}, "'../outside' points outside the archive"),
        (
            {"code/inference.py": "", "code/requirements.txt": "numpy>=2\nno-such-thing\n"},
            "not satisfied: numpy>=2 (installed: 1.26.4), no-such-thing (not installed)",
        ),
    ],
)
async def test_an_archive_that_cannot_be_served_fails_the_endpoint(
    bench: Bench, tmp_path: Path, files: dict[str, str | bytes], reason: str
) -> None:
    metadata = tmp_path / "host" / "numpy-1.26.4.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n")
    await bench.store(archive(files))
    await bench.model()
    await bench.config()
    endpoint = await bench.endpoint()
    assert endpoint["EndpointStatus"] == "Failed"
    assert reason in endpoint["FailureReason"]
    assert await bench.platform.kernel.blobs.list("000000000000/sagemaker/") == []


async def test_requirements_can_be_left_unchecked(bench: Bench) -> None:
    await bench.store(archive({"code/inference.py": "", "code/requirements.txt": "no-such"}))
    await bench.model(PILEUS_REQUIREMENTS="unchecked")
    await bench.config()
    assert (await bench.endpoint())["EndpointStatus"] == "InService"


async def test_an_update_serves_the_other_configuration(bench: Bench) -> None:
    await bench.served()
    await bench.invoke()
    await bench.config("c2", {"VariantName": "new"})
    await bench("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    endpoint = await bench.settled()
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "c2")
    assert (await bench.invoke())["InvokedProductionVariant"] == "new"
    assert bench.nodes.running_count == 1
    await bench.discarded()
    assert len(await bench.platform.kernel.blobs.list("000000000000/sagemaker/")) == 1


async def test_an_update_that_fails_leaves_what_served(bench: Bench) -> None:
    await bench.served()
    await bench.store(b"no archive")
    await bench.config("c2", {"VariantName": "new"})
    await bench("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    endpoint = await bench.settled()
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "c")
    assert "cannot be unpacked" in endpoint["FailureReason"]
    assert (await bench.invoke())["InvokedProductionVariant"] == "all"


async def test_while_a_deployment_is_under_way_nothing_else_begins(bench: Bench) -> None:
    await bench.model()
    await bench.config()
    await bench("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
        await bench("DeleteEndpoint", EndpointName="e")
    await bench.settled()
    await bench.invoke()
    await bench("DeleteEndpoint", EndpointName="e")
    assert bench.nodes.running_count == 0
    await bench.discarded()
    assert await bench.platform.kernel.blobs.list("000000000000/sagemaker/") == []


async def test_a_deployment_goes_on_after_a_crash(bench: Bench, start_bench) -> None:
    await bench.model()
    await bench.config()
    await bench("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    await bench.platform.crash()
    disks = bench.platform.disks
    disks.state.crashed.clear()
    again: Bench = await start_bench(disks)
    assert (await again.settled())["EndpointStatus"] == "InService"
    assert (await again.invoke())["Body"] == b"[1]"


async def test_archives_nobody_serves_are_deleted_at_the_next_start(
    bench: Bench, start_bench
) -> None:
    await bench.served()
    await bench("CreateEndpoint", EndpointName="other", EndpointConfigName="c")
    await bench.settled("other")
    await bench("DeleteEndpoint", EndpointName="e")
    await bench.platform.crash()
    disks = bench.platform.disks
    disks.state.crashed.clear()
    again: Bench = await start_bench(disks)
    assert len(await again.platform.kernel.blobs.list("000000000000/sagemaker/")) == 1
    assert (await again.invoke(EndpointName="other"))["Body"] == b"[1]"


async def test_listings_are_sorted_filtered_and_cut(bench: Bench) -> None:
    for name in ("b-one", "a-two", "c-one"):
        await bench.model(name)
        await bench.platform.clock.advance(1000)
    pages = []
    token: dict[str, str] = {}
    while True:
        page = await bench("ListModels", MaxResults=2, **token)
        pages.append([model["ModelName"] for model in page["Models"]])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == [["c-one", "a-two"], ["b-one"]]
    by_name = await bench("ListModels", SortBy="Name", SortOrder="Ascending", NameContains="one")
    assert [model["ModelName"] for model in by_name["Models"]] == ["b-one", "c-one"]


async def test_tags(bench: Bench) -> None:
    await bench.served()
    arn = f"{ARN}:endpoint/e"
    tags = [{"Key": "team", "Value": "video"}, {"Key": "stage", "Value": "dev"}]
    assert (await bench("AddTags", ResourceArn=arn, Tags=tags))["Tags"] == tags
    await bench("DeleteTags", ResourceArn=arn, TagKeys=["stage"])
    assert (await bench("ListTags", ResourceArn=arn))["Tags"] == tags[:1]
    with pytest.raises(ServiceError, match="Could not find model"):
        await bench("ListTags", ResourceArn=f"{ARN}:model/gone")


def _request(kind: str, **properties: object) -> ResourceRequest:
    return ResourceRequest(
        type=f"AWS::SageMaker::{kind}",
        logical_id=kind,
        stack_id="s",
        stack_name="stack",
        properties=properties,
        token="ABCDEFGHIJKL",
    )


async def test_stacks_make_and_delete_endpoints(bench: Bench) -> None:
    kernel = bench.platform.kernel
    call = kernel.stream_call(("000000000000", "us-east-1", "sagemaker"))
    model_type = RESOURCE_TYPES["AWS::SageMaker::Model"]
    model = await model_type.create(
        call,
        _request(
            "Model",
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"ModelDataUrl": MODEL_DATA, "Environment": {"N": 1}},
        ),
    )
    name = model.attributes["ModelName"]
    assert name == "stack-Model-ABCDEFGHIJKL"
    variant = {**one_instance(), "ModelName": name, "InitialInstanceCount": "1"}
    config = await RESOURCE_TYPES["AWS::SageMaker::EndpointConfig"].create(
        call, _request("EndpointConfig", ProductionVariants=[variant])
    )
    endpoint_type = RESOURCE_TYPES["AWS::SageMaker::Endpoint"]
    config_name = config.attributes["EndpointConfigName"]
    request = _request("Endpoint", EndpointName="Detector", EndpointConfigName=config_name)
    endpoint = await endpoint_type.create(call, request)
    assert endpoint.physical_id == f"{ARN}:endpoint/detector"
    assert endpoint.attributes["EndpointName"] == "Detector"
    assert (await bench.invoke(EndpointName="Detector"))["Body"] == b"[1]"
    for kind, made in (("Endpoint", endpoint), ("EndpointConfig", config), ("Model", model)):
        resource_type = RESOURCE_TYPES[f"AWS::SageMaker::{kind}"]
        gone = ResourceRequest(
            type=kind,
            logical_id=kind,
            stack_id="s",
            stack_name="stack",
            properties={},
            token="t",
            physical_id=made.physical_id,
            attributes=made.attributes,
        )
        await resource_type.delete(call, gone)
        await resource_type.delete(call, gone)
    assert (await bench("ListEndpoints"))["Endpoints"] == []


async def test_a_stack_learns_why_an_endpoint_failed(bench: Bench) -> None:
    await bench.store(b"no archive")
    await bench.model()
    await bench.config()
    call = bench.platform.kernel.stream_call(("000000000000", "us-east-1", "sagemaker"))
    with pytest.raises(PartlyCreated, match="cannot be unpacked") as failed:
        await RESOURCE_TYPES["AWS::SageMaker::Endpoint"].create(
            call, _request("Endpoint", EndpointName="e", EndpointConfigName="c")
        )
    assert failed.value.resource.physical_id == f"{ARN}:endpoint/e"
