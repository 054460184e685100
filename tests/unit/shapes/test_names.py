from __future__ import annotations

import pytest
from botocore import xform_name

from pileus import shapes
from pileus.shapes.names import snake

OURS = "sqs sns s3 iam sts lambda dynamodb events logs cloudformation sagemaker stepfunctions ecs"


@pytest.mark.parametrize("service", OURS.split())
def test_names_are_those_of_boto3(service: str) -> None:
    operations = list(shapes.service(service).operations)
    assert [snake(name) for name in operations] == [xform_name(name) for name in operations]


@pytest.mark.parametrize(
    ("wire_name", "name"),
    [
        ("ListObjectsV2", "list_objects_v2"),
        ("DescribeCachediSCSIVolumes", "describe_cached_iscsi_volumes"),
        ("GetBucketACLs", "get_bucket_acls"),
        ("ExecutePartiQLStatement", "execute_partiql_statement"),
    ],
)
def test_unusual_names(wire_name: str, name: str) -> None:
    assert snake(wire_name) == name
