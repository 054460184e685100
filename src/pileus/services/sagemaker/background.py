"""Deployments that a stop of the platform cut short go on."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.sagemaker import store
from pileus.services.sagemaker.deploying import deploy
from pileus.services.sagemaker.model import UNDER_WAY, Endpoint


async def start(call: StreamCall) -> None:
    """Resume what is under way in this account and region."""
    endpoints: list[Endpoint] = call.read(lambda view: store.all_of(view, "endpoint"))
    for endpoint in endpoints:
        if endpoint.status in UNDER_WAY:
            name = f"deployment of endpoint {endpoint.name}"
            call.spawn(name, deploy(call, endpoint.name, endpoint.deployment))
