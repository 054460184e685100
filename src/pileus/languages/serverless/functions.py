"""Functions as resources: the function itself, log group, version, aliases, URL, layers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from pileus.languages.cfn.model import text_of
from pileus.languages.serverless.build import (
    BUCKET_ID,
    ROLE_ID,
    Build,
    custom_role,
    role_logical_id,
)
from pileus.languages.serverless.images import image_properties
from pileus.languages.serverless.names import arn_of, function_id, lambda_id
from pileus.languages.serverless.reading import Reading, is_function

MEMORY_MB = 1024
TIMEOUT_S = 6
_KNOWN = [
    "handler",
    "name",
    "description",
    "runtime",
    "memorySize",
    "timeout",
    "environment",
    "role",
    "layers",
    "tags",
    "reservedConcurrency",
    "provisionedConcurrency",
    "tracing",
    "events",
    "destinations",
    "onError",
    "maximumRetryAttempts",
    "maximumEventAge",
    "package",
    "url",
    "ephemeralStorageSize",
    "architecture",
    "kmsKeyArn",
    "awsKmsKeyArn",
    "vpc",
    "disableLogs",
    "durableConfig",
    "logRetentionInDays",
    "condition",
    "dependsOn",
    "image",
    "snapStart",
    "versionFunction",
    "fileSystemConfig",
    "module",
]
_IGNORED = ("vpc", "fileSystemConfig")


def add_log_group(build: Build, name: str) -> None:
    """The function's log group, unless logs are off."""
    function = build.functions[name]
    if function["disableLogs"].boolean(False):
        return
    properties: dict[str, Any] = {"LogGroupName": f"/aws/lambda/{build.function_name(name)}"}
    days = function["logRetentionInDays"] or build.provider["logRetentionInDays"]
    if days:
        properties["RetentionInDays"] = days.integer(1, 3653)
    build.add(f"{function_id(name)}LogGroup", "AWS::Logs::LogGroup", properties)


def add_function(build: Build, name: str) -> None:
    """The function, its version, aliases and URL.

    Raises:
        ServiceFileError: no handler, or a setting outside its bounds.
    """
    function = build.functions[name]
    function.check_keys(*_KNOWN)
    for setting in _IGNORED:
        if function[setting]:
            function[setting].warn("has no meaning here; ignored")
    properties = _code(build, name)
    properties["FunctionName"] = build.function_name(name)
    properties.update(_sizes(build, function))
    properties.update(_optional(build, function))
    depends = [] if function["disableLogs"].boolean(False) else [f"{function_id(name)}LogGroup"]
    role, needed = _role(build, name)
    properties["Role"] = role
    resource: dict[str, Any] = {"Type": "AWS::Lambda::Function", "Properties": properties}
    depends += [item.text() for item in _listed(function["dependsOn"])]
    depends += needed
    if depends:
        resource["DependsOn"] = depends
    build.resources[lambda_id(name)] = resource


def _code(build: Build, name: str) -> dict[str, Any]:
    function = build.functions[name]
    if function["image"]:
        return image_properties(function, build.image_of(name))
    if not function["handler"]:
        raise function["handler"].error("expected module.function, found nothing")
    artifact = build.plan.of_function(name)
    runtime = function["runtime"] or build.provider["runtime"]
    if not runtime:
        raise build.provider["runtime"].error("expected a runtime such as python3.12")
    return {
        "Code": {"S3Bucket": bucket_reference(build), "S3Key": artifact.key if artifact else ""},
        "Handler": function["handler"].text(r"[^\s]+", "module.function"),
        "Runtime": runtime.text(r"[a-z]+[0-9a-z.]*", "a runtime such as python3.12"),
    }


def bucket_reference(build: Build) -> Any:
    """The deployment bucket: the user's own by name, or the one the template makes."""
    own = build.provider["deploymentBucket"]
    name = own["name"] if isinstance(own.value, dict) else own
    return name.text_or_function() if name else {"Ref": BUCKET_ID}


def _sizes(build: Build, function: Reading) -> dict[str, Any]:
    provider = build.provider
    memory = function["memorySize"] or provider["memorySize"]
    timeout = function["timeout"] or provider["timeout"]
    result: dict[str, Any] = {
        "MemorySize": memory.integer(128, 10_240) if memory else MEMORY_MB,
        "Timeout": timeout.integer(1, 900) if timeout else TIMEOUT_S,
    }
    if function["ephemeralStorageSize"]:
        result["EphemeralStorage"] = {"Size": function["ephemeralStorageSize"].integer(512, 10_240)}
    reserved = function["reservedConcurrency"]
    if reserved:
        found = reserved.value if is_function(reserved.value) else reserved.integer(0, 1_000_000)
        result["ReservedConcurrentExecutions"] = found
    return result


def _optional(build: Build, function: Reading) -> dict[str, Any]:
    provider = build.provider
    result: dict[str, Any] = {}
    if function["description"]:
        result["Description"] = function["description"].text()
    architecture = function["architecture"] or provider["architecture"]
    if architecture:
        result["Architectures"] = [architecture.one_of("x86_64", "arm64")]
    tags = {**provider["tags"].mapping(), **function["tags"].mapping()}
    if tags:
        result["Tags"] = [{"Key": key, "Value": _plain(value)} for key, value in tags.items()]
    if function["onError"]:
        result["DeadLetterConfig"] = {"TargetArn": function["onError"].text_or_function()}
    key = function["kmsKeyArn"] or function["awsKmsKeyArn"] or provider["kmsKeyArn"]
    if key:
        result["KmsKeyArn"] = key.text_or_function()
    if function["durableConfig"]:
        result["DurableConfig"] = _durable(function)
    if function["snapStart"].boolean(False):
        result["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    mode = _tracing(function["tracing"] or provider["tracing"]["lambda"])
    if mode:
        result["TracingConfig"] = {"Mode": mode}
    variables = _environment(provider["environment"], function["environment"])
    if variables is not None:
        result["Environment"] = {"Variables": variables}
    layers = function["layers"] or provider["layers"]
    if layers and not function["image"]:
        result["Layers"] = [item.text_or_function() for item in layers.entries()]
    return result


def _durable(function: Reading) -> dict[str, Any]:
    """DurableConfig. Events go through an alias: durable functions have no unqualified invocations.

    https://www.serverless.com/framework/docs/providers/aws/guide/functions#durable-functions
    """
    settings = function["durableConfig"]
    settings.check_keys("executionTimeout", "retentionPeriodInDays")
    if not settings["executionTimeout"]:
        raise settings.error("expected executionTimeout, in seconds")
    for other in ("destinations", "maximumRetryAttempts"):
        if function[other]:
            raise function[other].error("durable functions have none")
    result = {"ExecutionTimeout": settings["executionTimeout"].integer(1, 31_622_400)}
    if settings["retentionPeriodInDays"]:
        result["RetentionPeriodInDays"] = settings["retentionPeriodInDays"].integer(1, 90)
    return result


def _plain(value: Any) -> Any:
    return value if isinstance(value, (dict, list)) else text_of(value)


def _tracing(setting: Reading) -> str | None:
    if not setting or setting.value is False:
        return None
    if setting.value is True:
        return "Active"
    return setting.one_of("Active", "PassThrough")


def _environment(*places: Reading) -> dict[str, Any] | None:
    if not any(places):
        return None
    result: dict[str, Any] = {}
    for place in places:
        for name, value in place.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise value.error("expected a name of letters, digits and underscores")
            result.pop(name, None)
            if value:
                result[name] = value.text_or_function()
    return result


def _listed(value: Reading) -> list[Reading]:
    return value.entries() if isinstance(value.value, list) else ([value] if value else [])


def _role(build: Build, name: str) -> tuple[Any, list[str]]:
    """The function's role and what must exist before it."""
    role = custom_role(build, name)
    if role is None:
        return {"Fn::GetAtt": [ROLE_ID, "Arn"]}, []
    logical_id = role_logical_id(role.value)
    if isinstance(role.value, str) and logical_id:
        return {"Fn::GetAtt": [logical_id, "Arn"]}, [logical_id]
    return role.text_or_function("a role's ARN, logical id or function"), (
        [logical_id] if logical_id else []
    )


def add_version(build: Build, name: str) -> None:
    """A version for each change of code or configuration, and the aliases upon it."""
    function = build.functions[name]
    versioned = function["versionFunction"] or build.provider["versionFunctions"]
    if not versioned.boolean(True) and build.alias(name) is None:
        return
    artifact = build.plan.of_function(name)
    code_hash = build.code_hashes.get(artifact.name, "") if artifact else ""
    if function["image"]:
        code_hash = (build.image_of(name) or "").partition("@sha256:")[2]
    logical_id = f"{function_id(name)}LambdaVersion{_digest(build, name, code_hash)}"
    properties: dict[str, Any] = {"FunctionName": {"Ref": lambda_id(name)}}
    if code_hash:
        properties["CodeSha256"] = code_hash
    if function["description"]:
        properties["Description"] = function["description"].text()
    build.add(logical_id, "AWS::Lambda::Version", properties, DeletionPolicy="Retain")
    build.output(
        f"{lambda_id(name)}QualifiedArn", {"Ref": logical_id}, "Current Lambda function version"
    )
    _add_alias(build, name, logical_id)


def _digest(build: Build, name: str, code_hash: str) -> str:
    """Letters and digits that change with the code and with the configuration."""
    properties = dict(build.function_resource(name)["Properties"])
    for without in ("Code", "Tags", "ReservedConcurrentExecutions"):
        properties.pop(without, None)
    text = json.dumps([code_hash, properties], sort_keys=True)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return re.sub(r"[^0-9A-Za-z]", "", digest)


def _add_alias(build: Build, name: str, version_id: str) -> None:
    alias = build.alias(name)
    if alias is None:
        return
    properties: dict[str, Any] = {
        "FunctionName": {"Ref": lambda_id(name)},
        "FunctionVersion": {"Fn::GetAtt": [version_id, "Version"]},
        "Name": alias[0],
    }
    if alias[0] == "provisioned":
        count = build.functions[name]["provisionedConcurrency"].integer(1, 1_000_000)
        properties["ProvisionedConcurrencyConfig"] = {"ProvisionedConcurrentExecutions": count}
    build.add(alias[1], "AWS::Lambda::Alias", properties, DependsOn=lambda_id(name))


_CORS_HEADERS = ["Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key",
                 "X-Amz-Security-Token", "X-Amzn-Trace-Id"]  # fmt: skip
_CORS = {
    "allowedHeaders": "AllowHeaders",
    "allowedMethods": "AllowMethods",
    "allowedOrigins": "AllowOrigins",
    "exposedResponseHeaders": "ExposeHeaders",
    "allowCredentials": "AllowCredentials",
    "maxAge": "MaxAge",
}


def add_url(build: Build, name: str) -> None:
    """The function's own URL, with the permissions it needs."""
    url = build.functions[name]["url"]
    if not url or url.value is False:
        return
    settings = url if isinstance(url.value, dict) else Reading(url.file, url.path, {}, url.warnings)
    settings.check_keys("authorizer", "cors", "invokeMode")
    is_open = not settings["authorizer"]
    if not is_open:
        settings["authorizer"].one_of("aws_iam")
    stem, alias = function_id(name), build.alias(name)
    kind = "NONE" if is_open else "AWS_IAM"
    properties: dict[str, Any] = {"AuthType": kind, "TargetFunctionArn": build.target(name)}
    cors = _url_cors(settings["cors"])
    if cors:
        properties["Cors"] = cors
    if settings["invokeMode"]:
        properties["InvokeMode"] = settings["invokeMode"].one_of("BUFFERED", "RESPONSE_STREAM")
    others = {"DependsOn": alias[1]} if alias else {}
    build.add(f"{stem}LambdaFunctionUrl", "AWS::Lambda::Url", properties, **others)
    if is_open:
        build.permit(f"{stem}LambdaPermissionFnUrl", name, "*", None, FunctionUrlAuthType=kind)
        first = build.resources[f"{stem}LambdaPermissionFnUrl"]["Properties"]
        first["Action"] = "lambda:InvokeFunctionUrl"
        build.permit(f"{stem}LambdaPermissionFn", name, "*", None, InvokedViaFunctionUrl=True)
    build.output(
        f"{stem}LambdaFunctionUrl",
        {"Fn::GetAtt": [f"{stem}LambdaFunctionUrl", "FunctionUrl"]},
        "Lambda Function URL",
    )


def _url_cors(cors: Reading) -> dict[str, Any] | None:
    if not cors or cors.value is False:
        return None
    default = {"AllowHeaders": _CORS_HEADERS, "AllowMethods": ["*"], "AllowOrigins": ["*"]}
    if cors.value is True:
        return default
    cors.check_keys(*_CORS)
    return {
        **default,
        **{_CORS[key]: value for key, value in cors.mapping().items() if key in _CORS},
    }


def add_layers(build: Build) -> None:
    """The service's own layers."""
    for name, layer in build.root["layers"].items():
        artifact = build.plan.of_layer(name)
        logical_id = f"{function_id(name)}LambdaLayer"
        content = {"S3Bucket": bucket_reference(build), "S3Key": artifact.key}
        properties: dict[str, Any] = {
            "Content": content,
            "LayerName": layer["name"].text() if layer["name"] else name,
        }
        for source, target in _LAYER.items():
            if layer[source]:
                properties[target] = layer[source].value
        others = {"DeletionPolicy": "Retain"} if layer["retain"].boolean(False) else {}
        build.add(logical_id, "AWS::Lambda::LayerVersion", properties, **others)
        build.output(
            f"{logical_id}QualifiedArn", {"Ref": logical_id}, "Current Lambda layer version"
        )


_LAYER = {
    "description": "Description",
    "compatibleRuntimes": "CompatibleRuntimes",
    "compatibleArchitectures": "CompatibleArchitectures",
    "licenseInfo": "LicenseInfo",
}


def same_service_arn(build: Build, name: str) -> dict[str, Any] | None:
    """The ARN of a function of this service by its key; None for another name."""
    return arn_of(name) if name in build.functions else None
