"""From the properties of an AWS::S3::Bucket to S3's own configurations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.services.s3.notices import TARGETS

NOTIFICATION_LISTS = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function"),
    "QueueConfigurations": ("QueueConfigurations", "Queue"),
    "TopicConfigurations": ("TopicConfigurations", "Topic"),
}
"""A property → the list of the API, and the entry's member that names the target."""


def flag(value: Any) -> bool:
    """A boolean property, which templates may write as text."""
    return value if isinstance(value, bool) else str(value).lower() == "true"


def canned_acl(name: str) -> str:
    """``BucketOwnerFullControl`` → ``bucket-owner-full-control``."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def notification(properties: Mapping[str, Any], id_prefix: str = "") -> dict[str, Any]:
    """A NotificationConfiguration property; entries get ids under ``id_prefix`` where given."""
    config: dict[str, Any] = {}
    count = 0
    for name, (kind, member) in NOTIFICATION_LISTS.items():
        for entry in properties.get(name) or ():
            wire = {TARGETS[kind]: entry[member], "Events": [entry["Event"]]}
            rules = ((entry.get("Filter") or {}).get("S3Key") or {}).get("Rules")
            if rules:
                wire["Filter"] = {"Key": {"FilterRules": [dict(rule) for rule in rules]}}
            if id_prefix:
                wire["Id"] = f"{id_prefix}-{count}"
            config.setdefault(kind, []).append(wire)
            count += 1
    bridge = properties.get("EventBridgeConfiguration")
    if bridge is not None and flag(bridge.get("EventBridgeEnabled", True)):
        config["EventBridgeConfiguration"] = {}
    return config


def encryption(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A BucketEncryption property."""
    rules = []
    for rule in properties["ServerSideEncryptionConfiguration"]:
        wire: dict[str, Any] = {}
        if "ServerSideEncryptionByDefault" in rule:
            wire["ApplyServerSideEncryptionByDefault"] = rule["ServerSideEncryptionByDefault"]
        if "BucketKeyEnabled" in rule:
            wire["BucketKeyEnabled"] = flag(rule["BucketKeyEnabled"])
        rules.append(wire)
    return {"Rules": rules}


def public_access(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A PublicAccessBlockConfiguration property."""
    return {name: flag(value) for name, value in properties.items()}


def cors(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A CorsConfiguration property."""
    names = {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}
    rules = []
    for rule in properties["CorsRules"]:
        wire = {names.get(name, name): value for name, value in rule.items()}
        if "MaxAgeSeconds" in wire:
            wire["MaxAgeSeconds"] = int(wire["MaxAgeSeconds"])
        rules.append(wire)
    return {"CORSRules": rules}


def website(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A WebsiteConfiguration property."""
    config: dict[str, Any] = {}
    if "IndexDocument" in properties:
        config["IndexDocument"] = {"Suffix": properties["IndexDocument"]}
    if "ErrorDocument" in properties:
        config["ErrorDocument"] = {"Key": properties["ErrorDocument"]}
    if "RedirectAllRequestsTo" in properties:
        config["RedirectAllRequestsTo"] = dict(properties["RedirectAllRequestsTo"])
    if "RoutingRules" in properties:
        config["RoutingRules"] = [
            {
                "Redirect": rule["RedirectRule"],
                **(
                    {"Condition": rule["RoutingRuleCondition"]}
                    if "RoutingRuleCondition" in rule
                    else {}
                ),
            }
            for rule in properties["RoutingRules"]
        ]
    return config


def logging(properties: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    """A LoggingConfiguration property."""
    target = properties.get("DestinationBucketName") or bucket
    prefix = properties.get("LogFilePrefix") or ""
    return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix}}


def lifecycle(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A LifecycleConfiguration property."""
    return {"Rules": [_lifecycle_rule(rule) for rule in properties["Rules"]]}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    wire: dict[str, Any] = {"Status": rule["Status"], "Filter": _lifecycle_filter(rule)}
    if "Id" in rule:
        wire["ID"] = rule["Id"]
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpirationDate" in rule:
        expiration["Date"] = rule["ExpirationDate"]
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = flag(rule["ExpiredObjectDeleteMarker"])
    if expiration:
        wire["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        days = int(rule["NoncurrentVersionExpirationInDays"])
        wire["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            wire[name] = {key: int(value) for key, value in rule[name].items()}
    moves = [
        *(rule.get("Transitions") or ()),
        *([rule["Transition"]] if "Transition" in rule else ()),
    ]
    if moves:
        wire["Transitions"] = [_transition(move, "TransitionInDays", "Days") for move in moves]
    older = list(rule.get("NoncurrentVersionTransitions") or ())
    if older:
        wire["NoncurrentVersionTransitions"] = [
            _transition(move, "TransitionInDays", "NoncurrentDays") for move in older
        ]
    return wire


def _transition(move: Mapping[str, Any], name: str, wire_name: str) -> dict[str, Any]:
    wire: dict[str, Any] = {"StorageClass": move["StorageClass"]}
    if name in move:
        wire[wire_name] = int(move[name])
    if "TransitionDate" in move:
        wire["Date"] = move["TransitionDate"]
    if "NewerNoncurrentVersions" in move:
        wire["NewerNoncurrentVersions"] = int(move["NewerNoncurrentVersions"])
    return wire


def _lifecycle_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if rule.get("Prefix"):
        parts["Prefix"] = rule["Prefix"]
    for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if name in rule:
            parts[name] = int(rule[name])
    tags = list(rule.get("TagFilters") or ())
    if len(tags) == 1 and not parts:
        return {"Tag": tags[0]}
    if tags:
        parts["Tags"] = tags
    if len(parts) > 1 or tags:
        return {"And": parts}
    return parts or {"Prefix": ""}
