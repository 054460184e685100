"""Models, endpoint configurations and endpoints as records, and what follows from them alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

CREATING = "Creating"
UPDATING = "Updating"
IN_SERVICE = "InService"
FAILED = "Failed"
UNDER_WAY = frozenset({CREATING, UPDATING})


class Model(msgspec.Struct, kw_only=True):
    """A model. ``containers`` are in wire form; ``is_list`` tells how they were given."""

    name: str
    created_ms: int
    containers: list[dict[str, Any]]
    is_list: bool = False
    role: str = ""
    vpc: dict[str, Any] = {}
    is_isolated: bool = False
    execution: dict[str, Any] = {}
    tags: dict[str, str] = {}


class EndpointConfig(msgspec.Struct, kw_only=True):
    """A configuration; ``variants`` and ``others`` are in wire form and never change."""

    name: str
    created_ms: int
    variants: list[dict[str, Any]]
    others: dict[str, Any] = {}
    tags: dict[str, str] = {}


class Variant(msgspec.Struct, kw_only=True):
    """A production variant with everything its instances need.

    Attributes:
        model_data: ``s3://`` address of the archive.
        blob: our copy of the archive; empty until it was fetched.
        serverless: the variant's ServerlessConfig; empty for one on instances.
        concurrency_max: instances, each with one request at a time.
    """

    name: str
    model: str
    image: str
    role: str
    model_data: str
    environment: dict[str, str]
    weight: float
    concurrency_max: int
    memory_mb: int
    startup_s: float
    serverless: dict[str, int] = {}
    blob: str = ""


class Endpoint(msgspec.Struct, kw_only=True):
    """An endpoint.

    Attributes:
        config: name of the configuration that serves.
        variants: what serves; empty before the first deployment.
        deployment: id of the latest deployment, under way or done.
        pending_config, pending: what a deployment under way is to become.
        serving: id of the deployment that serves.
    """

    name: str
    config: str
    status: str
    deployment: str
    created_ms: int
    modified_ms: int
    failure: str = ""
    serving: str = ""
    variants: list[Variant] = []
    pending_config: str = ""
    pending: list[Variant] = []
    tags: dict[str, str] = {}

    @property
    def is_serving(self) -> bool:
        """Whether requests are answered: an update goes on beside what serves."""
        return bool(self.variants) and self.status in (IN_SERVICE, UPDATING)


def choose(variants: Sequence[Variant], draw: float) -> Variant:
    """The variant a request goes to: each gets its weight's share.

    Args:
        draw: chance, from 0 up to, not including, 1.
    """
    total = sum(variant.weight for variant in variants)
    left = draw * total
    for variant in variants:
        if left < variant.weight:
            return variant
        left -= variant.weight
    return variants[-1]
