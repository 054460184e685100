"""A function's configuration: from a request, checked, and as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pileus.compute import runtimes
from pileus.compute.environment import RESERVED
from pileus.kernel.calls import Call
from pileus.services.lambda_ import errors, snapstart, store
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Configuration, Durable, Function, Layer
from pileus.services.lambda_.names import LATEST, function_name
from pileus.values.times import iso8601

_NEED_HANDLER_AND_RUNTIME = (
    "Runtime and Handler are mandatory parameters for functions created with deployment packages."
)
_LEVEL = "INFO"
_NOT_BUILT = ("CapacityProviderConfig", "FileSystemConfigs", "TenancyConfig")


def check(request: Mapping[str, Any], latest: Configuration | None = None) -> None:
    """Refuse what Lambda refuses, and by name what is not built yet. ``latest`` is the function as it
    is, for a change."""
    snapstart.check(latest, request)
    _check_sizes(request)
    for name in _NOT_BUILT:
        if request.get(name):
            raise errors.invalid(f"Pileus does not run functions with {name} yet.")
    runtime = request.get("Runtime")
    if runtime and not runtimes.is_run(runtime):
        raise errors.invalid(f"Pileus does not run functions of the runtime {runtime} yet.")
    variables = (request.get("Environment") or {}).get("Variables") or {}
    taken = sorted(name for name in variables if name in RESERVED)
    if taken:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(taken)}"
        )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > LIMITS.environment_bytes_max:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. String measured: "
            f"{orjson.dumps(variables).decode()}"
        )
    if (durable := request.get("DurableConfig")) and not durable.get("ExecutionTimeout"):
        raise errors.invalid("ExecutionTimeout is required in DurableConfig.")
    if len(request.get("Layers") or ()) > LIMITS.layers_max:
        raise errors.invalid("Cannot reference more than 5 layers.")
    letters = (request.get("DeadLetterConfig") or {}).get("TargetArn") or ""
    if letters and letters.split(":")[2] not in ("sqs", "sns"):
        raise errors.invalid(f"The provided target ARN {letters} is not valid for dead letters.")


def _check_sizes(request: Mapping[str, Any]) -> None:
    """AWS's model allows more, for functions of capacity providers."""
    tmp_mb = (request.get("EphemeralStorage") or {}).get("Size")
    for name, value, most in (
        ("MemorySize", request.get("MemorySize"), LIMITS.memory_mb_max),
        ("EphemeralStorage.Size", tmp_mb, LIMITS.tmp_mb_max),
        ("Timeout", request.get("Timeout"), LIMITS.timeout_s_max),
    ):
        if value is not None and value > most:
            raise errors.invalid(
                f"'{name}' value failed to satisfy constraint: Member must have value less than or "
                f"equal to {most}"
            )


def check_durable(latest: Configuration, request: Mapping[str, Any]) -> None:
    """Only a function that was created durable has durable settings to change.

    https://docs.aws.amazon.com/lambda/latest/dg/durable-configuration.html
    """
    if request.get("DurableConfig") and latest.durable is None:
        raise errors.invalid(
            "You can only enable durable execution when creating a function, not on an existing one."
        )


def check_kind(request: Mapping[str, Any], *, is_image: bool) -> None:
    """Refuse settings of the other kind of function: of packages, of container images."""
    if is_image and any(request.get(name) for name in ("Handler", "Runtime", "Layers")):
        raise errors.image_with_runtime()
    if not is_image and request.get("ImageConfig"):
        raise errors.image_config_with_package()


def is_of_image(request: Mapping[str, Any]) -> bool:
    """Whether CreateFunction is to make a function of a container image."""
    return bool(request.get("PackageType") == "Image")


def check_new(request: Mapping[str, Any]) -> None:
    """What only CreateFunction must have."""
    check_kind(request, is_image=is_of_image(request))
    name = function_name(request["FunctionName"])[0]
    if len(name) > LIMITS.name_characters_max:
        raise errors.validation(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy "
            "constraint: Member must have length less than or equal to "
            f"{LIMITS.name_characters_max}"
        )
    has_runtime = request.get("Runtime") and request.get("Handler")
    if not has_runtime and not is_of_image(request):
        raise errors.invalid(_NEED_HANDLER_AND_RUNTIME)


def apply(
    configuration: Configuration, request: Mapping[str, Any], layers: Sequence[Layer] | None
) -> None:
    """Change what the request names."""
    simple = {
        "Runtime": "runtime",
        "Handler": "handler",
        "Role": "role",
        "Description": "description",
        "Timeout": "timeout_s",
        "MemorySize": "memory_mb",
    }
    for wire, field in simple.items():
        if request.get(wire) is not None:
            setattr(configuration, field, request[wire])
    if (storage := request.get("EphemeralStorage")) is not None:
        configuration.tmp_mb = storage["Size"]
    if (environment := request.get("Environment")) is not None:
        configuration.environment = dict(environment.get("Variables") or {})
        configuration.has_environment = True
    if layers is not None:
        configuration.layers = list(layers)
    if apply_on := (request.get("SnapStart") or {}).get("ApplyOn"):
        configuration.snap_start = apply_on == snapstart.PUBLISHED_VERSIONS
    if request.get("Architectures"):
        configuration.architectures = list(request["Architectures"])
    if (letters := request.get("DeadLetterConfig")) is not None:
        configuration.dead_letter = letters.get("TargetArn") or ""
    if (tracing := request.get("TracingConfig")) is not None:
        configuration.tracing = tracing.get("Mode") or "PassThrough"
    if (vpc := request.get("VpcConfig")) is not None:
        configuration.vpc = dict(vpc)
    if (image := request.get("ImageConfig")) is not None:
        configuration.image_config = {name: value for name, value in image.items() if value}
    if durable := request.get("DurableConfig"):
        configuration.durable = Durable(
            timeout_s=durable["ExecutionTimeout"],
            retention_days=durable.get("RetentionPeriodInDays")
            or DURABLE_LIMITS.retention_days_default,
            kms_key=durable.get("KMSKeyArn") or "",
        )
    if (logging := request.get("LoggingConfig")) is not None:
        configuration.log_group = logging.get("LogGroup") or configuration.log_group
        configuration.log_format = logging.get("LogFormat") or configuration.log_format
        configuration.log_level = logging.get("ApplicationLogLevel") or configuration.log_level
        system = logging.get("SystemLogLevel") or configuration.system_log_level
        configuration.system_log_level = system
    if (key := request.get("KMSKeyArn")) is not None:
        configuration.kms_key = key


def log_group(function: str, configuration: Configuration) -> str:
    """Where the function's output goes."""
    return configuration.log_group or f"/aws/lambda/{function}"


def shown(
    call: Call, function: Function, configuration: Configuration, qualifier: str = ""
) -> dict[str, Any]:
    """FunctionConfiguration. The ARN carries the qualifier that was asked for, as on AWS."""
    version = configuration.version
    tail = qualifier or ("" if version == LATEST else version)
    output: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": store.arn_of(call, function.name, tail),
        "Role": configuration.role,
        "CodeSize": configuration.code.size_bytes,
        "Description": configuration.description,
        "Timeout": configuration.timeout_s,
        "MemorySize": configuration.memory_mb,
        "LastModified": iso8601(configuration.modified_ms).replace("Z", "+0000"),
        "CodeSha256": configuration.code.sha256,
        "Version": version,
        "TracingConfig": {"Mode": configuration.tracing},
        "RevisionId": configuration.revision,
        "LastUpdateStatus": "Successful",
        "Architectures": configuration.architectures,
        "EphemeralStorage": {"Size": configuration.tmp_mb},
        **snapstart.shown(configuration),
        "LoggingConfig": {
            "LogFormat": configuration.log_format,
            **_levels_shown(configuration),
            "LogGroup": log_group(function.name, configuration),
        },
    }
    output |= _kind_shown(call, configuration)
    if configuration.environment or configuration.has_environment:
        output["Environment"] = {"Variables": configuration.environment}
    if configuration.layers:
        output["Layers"] = [
            {"Arn": layer.arn, "CodeSize": layer.size_bytes} for layer in configuration.layers
        ]
    if configuration.dead_letter:
        output["DeadLetterConfig"] = {"TargetArn": configuration.dead_letter}
    if configuration.durable is not None:
        output["DurableConfig"] = durable_shown(configuration.durable)
    if configuration.kms_key:
        output["KMSKeyArn"] = configuration.kms_key
    if configuration.vpc:
        output["VpcConfig"] = {"VpcId": "", **configuration.vpc}
    return output


def _levels_shown(configuration: Configuration) -> dict[str, str]:
    """Lines in JSON have levels, INFO where none is asked for."""
    if configuration.log_format != "JSON":
        return {}
    return {
        "ApplicationLogLevel": configuration.log_level or _LEVEL,
        "SystemLogLevel": configuration.system_log_level or _LEVEL,
    }


def _kind_shown(call: Call, configuration: Configuration) -> dict[str, Any]:
    """What only functions of a package have, or only those of an image."""
    if configuration.code.image is not None:
        told = configuration.image_config
        more = {"ImageConfigResponse": {"ImageConfig": told}} if told else {}
        return {"PackageType": "Image", **more}
    return {
        "PackageType": "Zip",
        "Runtime": configuration.runtime,
        "Handler": configuration.handler,
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_arn(call, configuration.runtime)},
    }


def durable_shown(durable: Durable) -> dict[str, Any]:
    """DurableConfig."""
    shown: dict[str, Any] = {
        "ExecutionTimeout": durable.timeout_s,
        "RetentionPeriodInDays": durable.retention_days,
    }
    return {**shown, "KMSKeyArn": durable.kms_key} if durable.kms_key else shown


def runtime_arn(call: Call, runtime: str) -> str:
    """The ARN of the one version of a runtime that there is here."""
    return runtimes.version_arn(call.region, runtime)
