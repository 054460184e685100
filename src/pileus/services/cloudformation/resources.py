"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudFormation.html
"""

from __future__ import annotations

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import Resource, ResourceRequest, ResourceType, declared
from pileus.services.cloudformation import custom, nested, waiting


async def _note_metadata(call: StreamCall, request: ResourceRequest) -> Resource:
    """The toolkit's own record of how the template was made: nothing exists outside the stack."""
    return Resource(request.physical_id or request.generated_name())


RESOURCE_TYPES = {
    "AWS::CDK::Metadata": ResourceType(
        create=_note_metadata, update=_note_metadata, delete=waiting.forget
    ),
    "AWS::CloudFormation::CustomResource": ResourceType(
        create=custom.create, update=custom.update, delete=custom.delete
    ),
    "AWS::CloudFormation::Stack": ResourceType(
        create=nested.create,
        update=nested.update,
        delete=nested.delete,
        taggable="Tags",
        properties=declared(
            "NotificationARNs Parameters Tags TemplateURL TimeoutInMinutes",
        ),
    ),
    "AWS::CloudFormation::WaitCondition": ResourceType(
        create=waiting.create_condition,
        update=waiting.keep,
        delete=waiting.forget,
        properties=declared(
            "Count Handle Timeout",
        ),
    ),
    "AWS::CloudFormation::WaitConditionHandle": ResourceType(
        create=waiting.create_handle, update=waiting.keep, delete=waiting.forget
    ),
}
