"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudFormation.html
"""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType


async def _note_metadata(call: StreamCall, request: ResourceRequest) -> Resource:
    """The toolkit's own record of how the template was made: nothing exists outside the stack."""
    return Resource(request.physical_id or request.generated_name())


async def _forget_metadata(call: StreamCall, request: ResourceRequest) -> None:
    return None


RESOURCE_TYPES = {
    "AWS::CDK::Metadata": ResourceType(
        create=_note_metadata, update=_note_metadata, delete=_forget_metadata
    ),
}
