"""What a stop of the platform cut short: deployments go on, archives nobody serves are deleted."""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.services.sagemaker import store
from pileus.services.sagemaker.deploying import blob_prefix, deploy, discard
from pileus.services.sagemaker.model import UNDER_WAY, Endpoint

_PAGE = 1000


async def start(call: StreamCall) -> None:
    """Resume what is under way in this account and region."""
    endpoints: list[Endpoint] = call.read(lambda view: store.all_of(view, "endpoint"))
    served = {variant.blob for endpoint in endpoints for variant in endpoint.variants}
    after = ""
    while found := await call.blobs.list(blob_prefix(call), after, _PAGE):
        after = found[-1].name
        await discard(call, [blob.name for blob in found if blob.name not in served])
    for endpoint in endpoints:
        if endpoint.status in UNDER_WAY:
            name = f"deployment of endpoint {endpoint.name}"
            call.spawn(name, deploy(call, endpoint.name, endpoint.deployment))
