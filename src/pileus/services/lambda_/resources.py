"""The CloudFormation types of this room.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.resources import (
    Resource,
    ResourceRequest,
    ResourceType,
    completing,
    declared,
    tags_gone,
)
from pileus.services.lambda_ import errors, snapstart
from pileus.services.lambda_.names import function_name
from pileus.services.lambda_.snapshots import Snapshots
from pileus.values.errors import ServiceError

_SETTINGS = (
    "Architectures", "CodeSigningConfigArn", "DeadLetterConfig", "Description", "DurableConfig",
    "Environment", "EphemeralStorage", "Handler", "ImageConfig", "Layers", "LoggingConfig",
    "MemorySize", "PackageType", "Role",
    "Runtime", "SnapStart", "Timeout", "TracingConfig", "VpcConfig",
)  # fmt: skip
_NUMBERS = frozenset(
    {"BatchSize", "ExecutionTimeout", "MaxAge", "MaximumBatchingWindowInSeconds",
     "MaximumConcurrency", "MaximumEventAgeInSeconds", "MaximumRecordAgeInSeconds",
     "MaximumRetryAttempts", "MemorySize", "ParallelizationFactor", "ProvisionedConcurrentExecutions",
     "ReservedConcurrentExecutions", "RetentionPeriodInDays", "Size",
     "StartingPositionTimestamp", "Timeout", "TumblingWindowInSeconds"}
)  # fmt: skip


_BOOLEANS = frozenset(
    {"AllowCredentials", "BisectBatchOnFunctionError", "Enabled", "InvokedViaFunctionUrl"}
)


def _typed(name: str, value: Any) -> Any:
    """Numbers and booleans as such: templates may give them as text."""
    if isinstance(value, Mapping):
        if name == "Variables":
            return {key: _plain(item) for key, item in value.items()}
        return {key: _typed(key, item) for key, item in value.items()}
    if name in _NUMBERS:
        return int(value)
    if name in _BOOLEANS:
        return _plain(value) == "true"
    return value


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _chosen(properties: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _typed(name, properties[name]) for name in names if name in properties}


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What a function's configuration holds, in the API's names."""
    given = _chosen(properties, _SETTINGS)
    if "KmsKeyArn" in properties:
        given["KMSKeyArn"] = properties["KmsKeyArn"]
    return given


def _code(properties: Mapping[str, Any]) -> dict[str, Any]:
    """FunctionCode; inline text becomes a zip with ``index.py``, as CloudFormation makes it."""
    code = dict(properties["Code"])
    text = code.get("ZipFile")
    if isinstance(text, str):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("index.py"), text)
        code["ZipFile"] = packed.getvalue()
    return code


def _function(call: StreamCall, name: str) -> Resource:
    return Resource(name, {"Arn": call.arn(f"function:{name}")})


async def _create_function(call: StreamCall, request: ResourceRequest) -> Resource:
    properties = request.properties
    name = properties.get("FunctionName") or request.generated_name(64)
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or ()}
    given = {"FunctionName": name, "Code": _code(properties), "Tags": tags}
    await call.invoke("lambda", "CreateFunction", {**given, **_settings(properties)})
    made = _function(call, name)
    with completing(made):
        await _reserve(call, name, {}, properties)
    return made


async def _reserve(
    call: StreamCall, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    wanted = new.get("ReservedConcurrentExecutions")
    if wanted == old.get("ReservedConcurrentExecutions"):
        return
    if wanted is None:
        await call.invoke("lambda", "DeleteFunctionConcurrency", {"FunctionName": name})
        return
    given = {"FunctionName": name, "ReservedConcurrentExecutions": int(wanted)}
    await call.invoke("lambda", "PutFunctionConcurrency", given)


async def _update_function(call: StreamCall, request: ResourceRequest) -> Resource:
    name, old, new = request.physical_id, request.old_properties, request.properties
    if old.get("Code") != new.get("Code"):
        await call.invoke("lambda", "UpdateFunctionCode", {"FunctionName": name, **_code(new)})
    before, after = _settings(old), _settings(new)
    change = {key: value for key, value in after.items() if before.get(key) != value}
    empty = {"Environment": {"Variables": {}}, "Layers": [], "Description": "",
             "ImageConfig": {}, "KMSKeyArn": "",
             "DeadLetterConfig": {"TargetArn": ""}, "Timeout": 3, "MemorySize": 128,
             "SnapStart": {"ApplyOn": "None"}}  # fmt: skip
    change.update(
        {key: value for key, value in empty.items() if key in before and key not in after}
    )
    await _sign(call, name, change.pop("CodeSigningConfigArn", None), before, after)
    if change:
        await call.invoke("lambda", "UpdateFunctionConfiguration", {"FunctionName": name, **change})
    await _reserve(call, name, old, new)
    where = {"Resource": call.arn(f"function:{name}")}
    if gone := tags_gone(request):
        await call.invoke("lambda", "UntagResource", {**where, "TagKeys": gone})
    if tags := {tag["Key"]: tag["Value"] for tag in new.get("Tags") or ()}:
        await call.invoke("lambda", "TagResource", {**where, "Tags": tags})
    return _function(call, name)


async def _sign(
    call: StreamCall, name: str, wanted: str | None, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    about = {"FunctionName": name}
    if wanted:
        given = {**about, "CodeSigningConfigArn": wanted}
        await call.invoke("lambda", "PutFunctionCodeSigningConfig", given)
    elif "CodeSigningConfigArn" in old and "CodeSigningConfigArn" not in new:
        await call.invoke("lambda", "DeleteFunctionCodeSigningConfig", about)


async def _delete_function(call: StreamCall, request: ResourceRequest) -> None:
    await _unless_gone(call, "DeleteFunction", {"FunctionName": request.physical_id})


async def _unless_gone(call: StreamCall, operation: str, given: Mapping[str, Any]) -> None:
    try:
        await call.invoke("lambda", operation, given)
    except ServiceError as error:
        if error.code not in ("ResourceNotFoundException", "CodeSigningConfigNotFoundException"):
            raise


async def _create_version(call: StreamCall, request: ResourceRequest) -> Resource:
    given = _chosen(request.properties, ("FunctionName", "Description", "CodeSha256"))
    output = (await call.invoke("lambda", "PublishVersion", given)).output
    arn = output["FunctionArn"]
    made = Resource(arn, {"FunctionArn": arn, "Version": output["Version"]})
    with completing(made):
        await _wait_for_snapshot(call, output)
        await _provision(call, request, output["Version"])
    return made


async def _wait_for_snapshot(call: StreamCall, output: Mapping[str, Any]) -> None:
    """A version with SnapStart is there when it is active."""
    if output["State"] != snapstart.PENDING:
        return
    name, version = output["FunctionName"], output["Version"]
    found = await call.part(Snapshots).settled(call, name, version)
    if found is not None and found.state_reason is not None:
        raise errors.invalid(f"Version {version} of {name} failed: {found.state_reason[0]}")


async def _provision(call: StreamCall, request: ResourceRequest, qualifier: str) -> None:
    """Instances kept ready, of a version or alias: asked for, changed, or no longer wanted."""
    where = {"FunctionName": request.properties["FunctionName"], "Qualifier": qualifier}
    wanted = request.properties.get("ProvisionedConcurrencyConfig")
    if wanted:
        given = {**where, **_chosen(wanted, ("ProvisionedConcurrentExecutions",))}
        await call.invoke("lambda", "PutProvisionedConcurrencyConfig", given)
    elif request.old_properties.get("ProvisionedConcurrencyConfig"):
        await _unless_gone(call, "DeleteProvisionedConcurrencyConfig", where)


async def _delete_version(call: StreamCall, request: ResourceRequest) -> None:
    name, _, version = request.physical_id.rpartition(":")
    await _unless_gone(call, "DeleteFunction", {"FunctionName": name, "Qualifier": version})


async def _put_alias(call: StreamCall, request: ResourceRequest) -> Resource:
    names = ("FunctionName", "Name", "FunctionVersion", "Description")
    given = _chosen(request.properties, names)
    weights = (request.properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or ()
    chosen = {each["FunctionVersion"]: float(each["FunctionWeight"]) for each in weights}
    given["RoutingConfig"] = {"AdditionalVersionWeights": chosen}
    operation = "UpdateAlias" if request.physical_id else "CreateAlias"
    arn = (await call.invoke("lambda", operation, given)).output["AliasArn"]
    made = Resource(arn, {"AliasArn": arn})
    with completing(made):
        await _provision(call, request, request.properties["Name"])
    return made


async def _delete_alias(call: StreamCall, request: ResourceRequest) -> None:
    name, _, alias = request.physical_id.rpartition(":")
    await _unless_gone(call, "DeleteAlias", {"FunctionName": name, "Name": alias})


async def _add_permission(call: StreamCall, request: ResourceRequest) -> Resource:
    names = (
        "Action", "EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "Principal",
        "PrincipalOrgID", "SourceAccount", "SourceArn",
    )  # fmt: skip
    statement_id = request.generated_name(100)
    given = _chosen(request.properties, names)
    given["FunctionName"] = request.properties["FunctionName"]
    await call.invoke("lambda", "AddPermission", {**given, "StatementId": statement_id})
    return Resource(statement_id, {"Id": statement_id})


async def _remove_permission(call: StreamCall, request: ResourceRequest) -> None:
    given = {
        "FunctionName": request.properties["FunctionName"],
        "StatementId": request.physical_id,
    }
    await _unless_gone(call, "RemovePermission", given)


async def _put_url(call: StreamCall, request: ResourceRequest) -> Resource:
    given = _chosen(request.properties, ("AuthType", "Cors", "InvokeMode", "Qualifier"))
    given["FunctionName"] = request.properties["TargetFunctionArn"]
    operation = "CreateFunctionUrlConfig"
    if request.physical_id:
        operation = "UpdateFunctionUrlConfig"
        given = {"Cors": {}, "InvokeMode": "BUFFERED", **given}
    output = (await call.invoke("lambda", operation, given)).output
    told = {name: output[name] for name in ("FunctionArn", "FunctionUrl")}
    return Resource(output["FunctionArn"], told)


async def _delete_url(call: StreamCall, request: ResourceRequest) -> None:
    given = _chosen(request.properties, ("Qualifier",))
    given["FunctionName"] = request.physical_id
    await _unless_gone(call, "DeleteFunctionUrlConfig", given)


_MAPPING = (
    "BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "EventSourceArn",
    "FilterCriteria", "FunctionName", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor",
    "ProvisionedPollerConfig", "ScalingConfig", "SourceAccessConfigurations",
    "TumblingWindowInSeconds",
)  # fmt: skip

_START = (
    "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig", "StartingPosition",
    "StartingPositionTimestamp", "Topics",
)  # fmt: skip
_MAPPING_DEFAULTS: dict[str, Any] = {
    "BisectBatchOnFunctionError": False, "DestinationConfig": {}, "Enabled": True,
    "FilterCriteria": {}, "FunctionResponseTypes": [], "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
    "ProvisionedPollerConfig": {}, "ScalingConfig": {}, "SourceAccessConfigurations": [],
    "TumblingWindowInSeconds": 0,
}  # fmt: skip


async def _create_mapping(call: StreamCall, request: ResourceRequest) -> Resource:
    given = _chosen(request.properties, (*_MAPPING, *_START))
    if source := given.get("SelfManagedEventSource"):
        # Templates have a name of their own for what the API calls KAFKA_BOOTSTRAP_SERVERS.
        servers = (source.get("Endpoints") or {}).get("KafkaBootstrapServers") or []
        given["SelfManagedEventSource"] = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": servers}}
    output = (await call.invoke("lambda", "CreateEventSourceMapping", given)).output
    return _mapping(output)


def _mapping(output: Mapping[str, Any]) -> Resource:
    arn = output["EventSourceMappingArn"]
    return Resource(output["UUID"], {"Id": output["UUID"], "EventSourceMappingArn": arn})


async def _update_mapping(call: StreamCall, request: ResourceRequest) -> Resource:
    given = _chosen(request.properties, _MAPPING)
    gone = [name for name in request.old_properties if name not in request.properties]
    given |= {name: _MAPPING_DEFAULTS[name] for name in gone if name in _MAPPING_DEFAULTS}
    given.pop("EventSourceArn", None)
    given["UUID"] = request.physical_id
    output = (await call.invoke("lambda", "UpdateEventSourceMapping", given)).output
    return _mapping(output)


async def _delete_mapping(call: StreamCall, request: ResourceRequest) -> None:
    await _unless_gone(call, "DeleteEventSourceMapping", {"UUID": request.physical_id})


async def _put_invoke_config(call: StreamCall, request: ResourceRequest) -> Resource:
    names = (
        "FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds",
        "DestinationConfig",
    )  # fmt: skip
    given = _chosen(request.properties, names)
    await call.invoke("lambda", "PutFunctionEventInvokeConfig", given)
    name = function_name(given["FunctionName"])[0]
    return Resource(f"{name}|{given['Qualifier']}")


async def _delete_invoke_config(call: StreamCall, request: ResourceRequest) -> None:
    given = _chosen(request.properties, ("FunctionName", "Qualifier"))
    await _unless_gone(call, "DeleteFunctionEventInvokeConfig", given)


async def _create_layer(call: StreamCall, request: ResourceRequest) -> Resource:
    names = (
        "Content",
        "Description",
        "CompatibleRuntimes",
        "CompatibleArchitectures",
        "LicenseInfo",
    )
    given = _chosen(request.properties, names)
    given["LayerName"] = request.properties.get("LayerName") or request.generated_name(140)
    arn = (await call.invoke("lambda", "PublishLayerVersion", given)).output["LayerVersionArn"]
    return Resource(arn, {"LayerVersionArn": arn})


async def _delete_layer(call: StreamCall, request: ResourceRequest) -> None:
    name, _, version = request.physical_id.rpartition(":")
    given = {"LayerName": name.rpartition(":")[2], "VersionNumber": int(version)}
    await call.invoke("lambda", "DeleteLayerVersion", given)


async def _put_code_signing(call: StreamCall, request: ResourceRequest) -> Resource:
    names = ("AllowedPublishers", "CodeSigningPolicies", "Description")
    given = _chosen(request.properties, names)
    operation = "CreateCodeSigningConfig"
    if request.physical_id:
        operation, given["CodeSigningConfigArn"] = "UpdateCodeSigningConfig", request.physical_id
    elif tags := {tag["Key"]: tag["Value"] for tag in request.properties.get("Tags") or ()}:
        given["Tags"] = tags
    made = (await call.invoke("lambda", operation, given)).output["CodeSigningConfig"]
    arn = made["CodeSigningConfigArn"]
    told = {"CodeSigningConfigArn": arn, "CodeSigningConfigId": made["CodeSigningConfigId"]}
    return Resource(arn, told)


async def _delete_code_signing(call: StreamCall, request: ResourceRequest) -> None:
    given = {"CodeSigningConfigArn": request.physical_id}
    await _unless_gone(call, "DeleteCodeSigningConfig", given)


RESOURCE_TYPES = {
    "AWS::Lambda::Function": ResourceType(
        create=_create_function,
        update=_update_function,
        delete=_delete_function,
        replaced_by=frozenset({"FunctionName", "PackageType"}),
        taggable="Tags",
        properties=declared(
            "Architectures Code CodeSigningConfigArn DeadLetterConfig Description "
            "DurableConfig Environment EphemeralStorage FunctionName Handler ImageConfig KmsKeyArn "
            "Layers LoggingConfig MemorySize PackageType ReservedConcurrentExecutions Role "
            "Runtime SnapStart Tags Timeout TracingConfig VpcConfig",
            ignored="PublishToLatestPublished RecursiveLoop RuntimeManagementConfig",
            refused="CapacityProviderConfig FileSystemConfigs FunctionScalingConfig TenancyConfig",
        ),
    ),
    "AWS::Lambda::CodeSigningConfig": ResourceType(
        create=_put_code_signing,
        update=_put_code_signing,
        delete=_delete_code_signing,
        taggable="Tags",
        properties=declared(
            "AllowedPublishers CodeSigningPolicies Description Tags",
        ),
    ),
    "AWS::Lambda::Version": ResourceType(
        create=_create_version,
        delete=_delete_version,
        properties=declared(
            "CodeSha256 Description FunctionName ProvisionedConcurrencyConfig",
            ignored="RuntimePolicy",
            refused="FunctionScalingConfig",
        ),
    ),
    "AWS::Lambda::Alias": ResourceType(
        create=_put_alias,
        update=_put_alias,
        delete=_delete_alias,
        replaced_by=frozenset({"FunctionName", "Name"}),
        properties=declared(
            "Description FunctionName FunctionVersion Name ProvisionedConcurrencyConfig "
            "RoutingConfig",
        ),
    ),
    "AWS::Lambda::Permission": ResourceType(
        create=_add_permission,
        delete=_remove_permission,
        properties=declared(
            "Action EventSourceToken FunctionName FunctionUrlAuthType InvokedViaFunctionUrl "
            "Principal PrincipalOrgID SourceAccount SourceArn",
        ),
    ),
    "AWS::Lambda::Url": ResourceType(
        create=_put_url,
        update=_put_url,
        delete=_delete_url,
        replaced_by=frozenset({"Qualifier", "TargetFunctionArn"}),
        properties=declared(
            "AuthType Cors InvokeMode Qualifier TargetFunctionArn",
        ),
    ),
    "AWS::Lambda::EventSourceMapping": ResourceType(
        create=_create_mapping,
        update=_update_mapping,
        delete=_delete_mapping,
        replaced_by=frozenset({"EventSourceArn", *_START}),
        properties=declared(
            "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled EventSourceArn "
            "FilterCriteria FunctionName FunctionResponseTypes LoggingConfig "
            "MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts "
            "ParallelizationFactor ProvisionedPollerConfig ScalingConfig "
            "SelfManagedEventSource SelfManagedKafkaEventSourceConfig "
            "SourceAccessConfigurations StartingPosition StartingPositionTimestamp Tags "
            "Topics TumblingWindowInSeconds",
            ignored="KmsKeyArn MetricsConfig",
            refused="AmazonManagedKafkaEventSourceConfig DocumentDBEventSourceConfig Queues",
        ),
    ),
    "AWS::Lambda::EventInvokeConfig": ResourceType(
        create=_put_invoke_config,
        update=_put_invoke_config,
        delete=_delete_invoke_config,
        replaced_by=frozenset({"FunctionName", "Qualifier"}),
        properties=declared(
            "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts "
            "Qualifier",
        ),
    ),
    "AWS::Lambda::LayerVersion": ResourceType(
        create=_create_layer,
        delete=_delete_layer,
        properties=declared(
            "CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo",
        ),
    ),
}
