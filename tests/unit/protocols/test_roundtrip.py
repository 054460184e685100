"""Every operation of our services against botocore, which is code of others."""

from __future__ import annotations

from typing import Any

import botocore.serialize
import pytest
from tests.unit.protocols.wire_samples import Sampler, parsed_by_botocore, request_of, service_model

from pileus import shapes
from pileus.protocols import codec
from pileus.protocols.router import is_form, route

SERVICES = (
    "apigateway apigatewayv2 cloudformation cloudwatch dynamodb ecr ecs events iam kinesis "
    "kinesisvideo kinesis-video-media kms lambda logs s3 sagemaker-runtime scheduler "
    "secretsmanager sns sqs ssm stepfunctions sts"
)
# Operations that a request cannot tell from a newer one of the same method, path and query.
SUPERSEDED = {
    ("s3", "GetBucketLifecycle"),
    ("s3", "GetBucketNotification"),
    ("s3", "ListDirectoryBuckets"),
    ("s3", "PutBucketLifecycle"),
    ("s3", "PutBucketNotification"),
}
# botocore checks a host label that our samples do not keep to.
UNSENDABLE = {("s3", "WriteGetObjectResponse")}


def spoken(service: str) -> list[str]:
    """The protocols botocore's current model can speak; SQS's query names are tested apart."""
    ours = shapes.service(service).protocols
    return [each for each in ours if not (service == "sqs" and each == "query")]


def without_timestamps_botocore_adds(service: str, given: dict[str, Any]) -> dict[str, Any]:
    """S3's Expires is text in AWS's model; botocore patches it to a timestamp on its side."""
    return {
        k: v
        for k, v in given.items()
        if not (service == "s3" and k in ("Expires", "ExpiresString"))
    }


@pytest.mark.parametrize("service", SERVICES.split())
async def test_requests_and_answers_survive_the_wire(service: str) -> None:
    model = service_model(service)
    for protocol in spoken(service):
        serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
        for name in model.operation_names:
            if (service, name) in SUPERSEDED | UNSENDABLE:
                continue
            operation = model.operation_model(name)
            sampler = Sampler(len(name))
            given = sampler.of(operation.input_shape)
            serialized = serializer.serialize_to_request(given, operation)
            request, raw = request_of(serialized, model.signing_name)
            target = route(request, raw if is_form(request) else b"")
            assert (target.service, target.operation, target.protocol) == (service, name, protocol)

            read, body = await codec.decode(target, request)
            if body is not None:
                read[operation.input_shape.serialization["payload"]] = await body.read()
            assert without_timestamps_botocore_adds(service, read) == (
                without_timestamps_botocore_adds(service, given)
            ), (name, protocol)

            if operation.has_event_stream_output or (service, name) == ("s3", "GetBucketLocation"):
                continue
            output = sampler.of(operation.output_shape)
            response = codec.encode(target, output, None, "the-id")
            parsed = parsed_by_botocore(response, operation, protocol)
            metadata = parsed.pop("ResponseMetadata")
            if operation.output_shape is not None or "cbor" not in protocol:
                assert metadata["RequestId"] == "the-id"
            if request.method != "HEAD":
                assert without_timestamps_botocore_adds(service, parsed) == (
                    without_timestamps_botocore_adds(service, output)
                ), (name, protocol)


@pytest.mark.parametrize("service", SERVICES.split())
def test_modelled_errors_survive_the_wire(service: str) -> None:
    model = service_model(service)
    for protocol in spoken(service):
        for name in model.operation_names:
            operation = model.operation_model(name)
            for shape in operation.error_shapes:
                target = codec.Target(service, name, protocol)
                error = codec.ServiceError(shape.name, "no such <thing>")
                response = codec.encode_error(target, error, "the-id")
                parsed = parsed_by_botocore(response, operation, protocol, None)
                wanted = shape.error_code
                assert parsed["Error"]["Message"] == "no such <thing>", (name, shape.name, parsed)
                if shapes.service(service).is_query_compatible:
                    wanted = shapes.service(service).errors[shape.name].code
                elif protocol in ("json", "rest-json", "smithy-rpc-v2-cbor"):
                    wanted = shape.name
                assert parsed["Error"]["Code"] == wanted
                assert parsed["ResponseMetadata"]["RequestId"] == "the-id"
                status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
                assert parsed["ResponseMetadata"]["HTTPStatusCode"] == status
