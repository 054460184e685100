"""What AWS's current models no longer say, although older clients still rely on it.

The SQS model describes the JSON protocol only, while SDKs from before 2023 speak the query
protocol. Names: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/ (the query
examples of each operation).
"""

from __future__ import annotations

from typing import Any

Raw = dict[str, Any]

_SQS_ELEMENT_NAMES = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
_SQS_MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}


_SQS_CODES = {
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "InvalidBatchEntryId": "AWS.SimpleQueueService.InvalidBatchEntryId",
    "KmsAccessDenied": "KMS.AccessDeniedException",
    "KmsDisabled": "KMS.DisabledException",
    "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
    "KmsInvalidState": "KMS.InvalidStateException",
    "KmsNotFound": "KMS.NotFoundException",
    "KmsOptInRequired": "KMS.OptInRequired",
    "KmsThrottled": "KMS.ThrottlingException",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
    "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
}


def _sqs(raw: Raw) -> None:
    raw["metadata"]["protocols"] = ["json", "query"]
    raw["metadata"]["xmlNamespace"] = "http://queue.amazonaws.com/doc/2012-11-05/"
    shapes = raw["shapes"]
    for name, wire_name in _SQS_ELEMENT_NAMES.items():
        shapes[name]["member"]["locationName"] = wire_name
    for name, (_, key, value) in _SQS_MAPS.items():
        shapes[name]["key"]["locationName"] = key
        shapes[name]["value"]["locationName"] = value
    for shape in shapes.values():
        for member in shape.get("members", {}).values():
            if member["shape"] in _SQS_MAPS:
                member["queryName"] = _SQS_MAPS[member["shape"]][0]
    # What ReceiveMessage names so are attributes of messages; the model says those of queues.
    shapes["ReceivedAttributeNameList"] = {
        "type": "list",
        "member": {"shape": "MessageSystemAttributeName", "locationName": "AttributeName"},
        "flattened": True,
    }
    shapes["ReceiveMessageRequest"]["members"]["AttributeNames"]["shape"] = (
        "ReceivedAttributeNameList"
    )
    for name, code in _SQS_CODES.items():
        shapes[name]["error"] = {"code": code, "httpStatusCode": 400, "senderFault": True}
    for operation in raw["operations"].values():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{operation['name']}Result"


def _s3(raw: Raw) -> None:
    # S3 takes the names of filter rules in any case, and shows them as ``Prefix`` and ``Suffix``.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_FilterRule.html
    del raw["shapes"]["FilterRuleName"]["enum"]


def _kinesis_video_media(raw: Raw) -> None:
    # No SDK's model has it: producers speak it by themselves.
    # https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
    members = {
        "StreamName": "x-amzn-stream-name",
        "StreamARN": "x-amzn-stream-arn",
        "FragmentTimecodeType": "x-amzn-fragment-timecode-type",
        "ProducerStartTimestamp": "x-amzn-producer-start-timestamp",
    }
    shapes = raw["shapes"]
    shapes["PutMediaText"] = {"type": "string"}
    shapes["FragmentTimecodeType"] = {"type": "string", "enum": ["ABSOLUTE", "RELATIVE"]}
    shapes["PutMediaInput"] = {
        "type": "structure",
        "required": ["FragmentTimecodeType"],
        "members": {
            **{
                name: {
                    "shape": name if name == "FragmentTimecodeType" else "PutMediaText",
                    "location": "header",
                    "locationName": header,
                }
                for name, header in members.items()
            },
            "Payload": {"shape": "Payload"},
        },
        "payload": "Payload",
    }
    shapes["PutMediaOutput"] = {
        "type": "structure",
        "members": {"Payload": {"shape": "Payload"}},
        "payload": "Payload",
    }
    raw["operations"]["PutMedia"] = {
        "name": "PutMedia",
        "http": {"method": "POST", "requestUri": "/putMedia"},
        "input": {"shape": "PutMediaInput"},
        "output": {"shape": "PutMediaOutput"},
        "errors": [{"shape": "ResourceNotFoundException"}, {"shape": "InvalidArgumentException"}],
    }


_OVERLAYS = {"kinesis-video-media": _kinesis_video_media, "s3": _s3, "sqs": _sqs}


def apply(name: str, raw: Raw) -> None:
    """Complete the raw model of service ``name`` in place."""
    overlay = _OVERLAYS.get(name)
    if overlay is not None:
        overlay(raw)
