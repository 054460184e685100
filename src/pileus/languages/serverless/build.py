"""A template in the making, and what its parts need to know of the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pileus.languages.serverless.names import arn_of, function_id, lambda_id
from pileus.languages.serverless.packaging import PackagePlan
from pileus.languages.serverless.reading import Reading

ROLE_ID = "IamRoleLambdaExecution"
BUCKET_ID = "ServerlessDeploymentBucket"


@dataclass(slots=True)
class Build:
    """The state of one translation.

    Attributes:
        statements: IAM statements that events and destinations ask for, for the shared role.
        images: addresses with digests of the images that functions run, by ``ServiceImage.key``.
        deployed_at_ms: epoch milliseconds; part of the ids that must change with each deployment.
    """

    root: Reading
    service: str
    stage: str
    region: str
    functions: dict[str, Reading]
    plan: PackagePlan
    code_hashes: dict[str, str]
    deployed_at_ms: int
    images: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    statements: list[dict[str, Any]] = field(default_factory=list)

    @property
    def provider(self) -> Reading:
        return self.root["provider"]

    def function_name(self, name: str) -> str:
        """The deployed name of a function: its own, or ``service-stage-function``."""
        own = self.functions[name]["name"]
        return own.text() if own else f"{self.service}-{self.stage}-{name}"

    def image_of(self, name: str) -> str | None:
        """The address of the image that a function runs; None where only the stack will know."""
        key = self.plan.function_images.get(name)
        return None if key is None else self.images.get(key, key)

    def add(self, logical_id: str, kind: str, properties: dict[str, Any], **others: Any) -> None:
        """Add a resource; ``others`` are members beside Type and Properties."""
        self.resources[logical_id] = {"Type": kind, **others, "Properties": properties}

    def output(self, name: str, value: Any, description: str = "") -> None:
        """Add an output, exported as the framework does."""
        body: dict[str, Any] = {"Description": description} if description else {}
        body["Value"] = value
        body["Export"] = {"Name": f"sls-{self.service}-{self.stage}-{name}"}
        self.outputs[name] = body

    def alias(self, name: str) -> tuple[str, str] | None:
        """The alias events go through: (alias, its logical id); None for ``$LATEST``."""
        function = self.functions[name]
        if function["durableConfig"]:
            return "durable", f"{function_id(name)}DurableLambdaAlias"
        if function["provisionedConcurrency"] and function["provisionedConcurrency"].value != 0:
            return "provisioned", f"{function_id(name)}ProvConcLambdaAlias"
        if function["snapStart"].boolean(False):
            return "snapstart", f"{function_id(name)}SnapStartLambdaAlias"
        return None

    def target(self, name: str) -> Any:
        """What an event source invokes: the function, or its alias."""
        alias = self.alias(name)
        if alias is None:
            return arn_of(name)
        return {"Fn::Join": [":", [arn_of(name), alias[0]]]}

    def alias_dependency(self, name: str) -> list[str]:
        """The logical id of the alias, where events go through one."""
        alias = self.alias(name)
        return [alias[1]] if alias else []

    def permit(
        self, logical_id: str, name: str, principal: Any, source_arn: Any, **others: Any
    ) -> None:
        """Let a service invoke a function."""
        properties = {
            "FunctionName": self.target(name),
            "Action": "lambda:InvokeFunction",
            "Principal": principal,
        }
        if source_arn is not None:
            properties["SourceArn"] = source_arn
        extra = {"DependsOn": self.alias_dependency(name)} if self.alias(name) else {}
        self.add(logical_id, "AWS::Lambda::Permission", {**properties, **others}, **extra)

    def role_dependency(self, name: str) -> list[str]:
        """What must exist before an event source is mapped to the function."""
        role = custom_role(self, name)
        if role is None:
            return [ROLE_ID]
        logical_id = role_logical_id(role.value)
        return [logical_id] if logical_id else []

    def function_resource(self, name: str) -> dict[str, Any]:
        """The function's resource, once added."""
        resource: dict[str, Any] = self.resources[lambda_id(name)]
        return resource


def custom_role(build: Build, name: str) -> Reading | None:
    """The role the user named for a function; None where the shared one is made."""
    own = build.functions[name]["role"]
    if own:
        return own
    role = build.provider["iam"]["role"]
    if role and (isinstance(role.value, str) or _is_reference(role.value)):
        return role
    legacy = build.provider["role"]
    return legacy if legacy else None


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)).startswith(("Fn::", "Ref"))
    )


def role_logical_id(role: Any) -> str | None:
    """The logical id of a role in the same template; None for one that lies outside."""
    if isinstance(role, str):
        return None if role.startswith("arn:") else role
    if isinstance(role, dict) and "Fn::GetAtt" in role:
        found = role["Fn::GetAtt"]
        return str(found.split(".")[0] if isinstance(found, str) else found[0])
    return None
