"""Quotas as data. https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints.html"""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes unless named otherwise, times in seconds.

    Attributes:
        body_bytes_max: of a request and of an answer, as the API's model states it.
        serverless_bytes_max: the same for serverless variants.
        invoke_s_max: the longest a model may take to answer.
        queue_s_max: the longest a request waits for an instance of its variant.
        queue_length_max: requests that wait for the instances of one variant.
        memory_mb_default: of an instance where no ServerlessConfig states it.
        startup_s_default: the longest init phase, unless the variant states it.
        deploy_s_max: how long a stack waits for an endpoint.
        tags_max: tags of one resource.
        list_default: entries of a page of a listing.
    """

    body_bytes_max: int = 6_291_456
    serverless_bytes_max: int = 4 * 1024 * 1024
    invoke_s_max: float = 60.0
    queue_s_max: float = 60.0
    queue_length_max: int = 100
    memory_mb_default: int = 2048
    startup_s_default: float = 60.0
    deploy_s_max: float = 3600.0
    tags_max: int = 50
    list_default: int = 10


LIMITS = Limits()
