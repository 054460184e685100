"""A serverless.yml as a whole: loaded, resolved for a stage, translated.

https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml (the behaviour of v3)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.parsing import SERVERLESS, line_of, parse_text
from pileus.languages.serverless.build import Build
from pileus.languages.serverless.errors import ServiceFileError
from pileus.languages.serverless.packaging import PackagePlan, plan_package, plugin_names
from pileus.languages.serverless.reading import Reading
from pileus.languages.serverless.sources import Options, Sources
from pileus.languages.serverless.support import Support, check_support
from pileus.languages.serverless.template import full_template, initial_template
from pileus.languages.serverless.variables import Variables, parse_dotenv
from pileus.values.times import iso8601

_TOP_LEVEL = [
    "service",
    "provider",
    "functions",
    "resources",
    "custom",
    "plugins",
    "package",
    "layers",
    "params",
    "useDotenv",
    "frameworkVersion",
    "configValidationMode",
    "variablesResolutionMode",
    "disabledDeprecations",
    "deprecationNotificationMode",
    "org",
    "app",
    "outputs",
    "console",
    "dashboard",
    "build",
    "stages",
]
_PROVIDER = [
    "name",
    "runtime",
    "stage",
    "region",
    "memorySize",
    "timeout",
    "environment",
    "iam",
    "iamRoleStatements",
    "iamManagedPolicies",
    "role",
    "logRetentionInDays",
    "tags",
    "stackTags",
    "stackName",
    "stackParameters",
    "stackPolicy",
    "notificationArns",
    "vpc",
    "deploymentBucket",
    "deploymentPrefix",
    "architecture",
    "layers",
    "tracing",
    "versionFunctions",
    "kmsKeyArn",
    "s3",
    "httpApi",
    "eventBridge",
    "lambdaHashingVersion",
    "profile",
    "endpointType",
    "logs",
    "apiGateway",
    "cfnRole",
    "rollbackConfiguration",
    "deploymentMethod",
    "apiName",
    "disableRollback",
    "ecr",
    "websocketsApiName",
    "alb",
]
_IGNORED_PROVIDER = ("vpc", "alb", "websocketsApiName")
_ECR = ("images", "scanOnPush")
_KNOWN_PLUGINS = frozenset(
    ("serverless-localstack", "serverless-python-requirements", "serverless-dotenv-plugin")
)
_REFUSED_PLUGINS = {
    "serverless-step-functions": "is not supported yet; declare AWS::StepFunctions::StateMachine "
    "under resources",
}


@dataclass(frozen=True, slots=True)
class StackSettings:
    """How the stack is to be deployed, beside its template."""

    name: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    notification_arns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """What a service becomes for one stage.

    Attributes:
        template: the whole stack.
        initial: the deployment bucket alone, deployed first where the stack does not exist;
            its bucket is the output ``ServerlessDeploymentBucketName``.
        functions: deployed names by the file's own names.
    """

    service: str
    stage: str
    region: str
    template: dict[str, Any]
    initial: dict[str, Any]
    plan: PackagePlan
    stack: StackSettings
    functions: Mapping[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerlessService:
    """A file read, its variables not yet resolved."""

    file: str
    document: Mapping[str, Any]
    sources: Sources = field(default_factory=Sources)
    text: str = ""

    @contextmanager
    def _told_with_line(self) -> Iterator[None]:
        """Complaints about a place of the file learn its line."""
        try:
            yield
        except ServiceFileError as error:
            if error.line is None and error.file == self.file:
                error.line = line_of(self.text, error.path.split("."))
            raise

    def check(self, options: Options, support: Support) -> None:
        """Refuse what a platform lacks, before anything is done for it.

        Raises:
            ServiceFileError: an event, a runtime or a setting that is not there.
        """
        root, _, _ = self.resolve(options)
        with self._told_with_line():
            check_support(root, _functions(root["functions"]), support)

    def resolve(self, options: Options | None = None) -> tuple[Reading, str, str]:
        """The configuration without variables, with its stage and region.

        Raises:
            ServiceFileError: a variable without a value, a circle.
        """
        with self._told_with_line():
            return self._resolved(options or Options())

    def _resolved(self, options: Options) -> tuple[Reading, str, str]:
        document = dict(self.document)
        document.pop("params", None)
        if "service" not in document:
            raise ServiceFileError(self.file, "service", "expected the service's name")
        variables = Variables(self.document, self.file, self.sources, options)
        if self.document.get("useDotenv"):
            variables.use_dotenv(self._dotenv(variables.stage))
        resolved = {name: variables.at(name) for name in document}
        root = Reading(self.file, (), resolved)
        return root, variables.stage, variables.region

    def _dotenv(self, stage: str) -> dict[str, str]:
        result: dict[str, str] = {}
        for name in (".env", f".env.{stage}"):
            result.update(parse_dotenv(self.sources.read_file(name) or ""))
        return result

    def to_template(
        self,
        options: Options | None = None,
        code_hashes: Mapping[str, str] | None = None,
        deployed_at_ms: int = 0,
        images: Mapping[str, str] | None = None,
    ) -> Translation:
        """Translate for one stage.

        Args:
            options: stage, region and parameters of the command line.
            code_hashes: for each artifact's name the base64 SHA-256 of its bytes. Without it
                versions change with the configuration only; translate once for the plan, pack,
                and once more with the hashes.
            deployed_at_ms: epoch milliseconds, the deployment's folder in the bucket.
            images: addresses with digests of the plan's images, by their keys.

        Raises:
            ServiceFileError: anything in the file that cannot be used.
        """
        root, stage, region = self.resolve(options)
        with self._told_with_line():
            packed = (dict(code_hashes or {}), dict(images or {}))
            return self._translated(root, (stage, region), packed, deployed_at_ms)

    def _translated(
        self,
        root: Reading,
        place: tuple[str, str],
        packed: tuple[dict[str, str], dict[str, str]],
        deployed_at_ms: int,
    ) -> Translation:
        stage, region = place
        _check(root)
        name = _service_name(root)
        prefix = root["provider"]["deploymentPrefix"].optional_text() or "serverless"
        folder = f"{prefix}/{name}/{stage}/{deployed_at_ms}-{iso8601(deployed_at_ms)}"
        functions = _functions(root["functions"])
        plan = plan_package(root, name, folder, functions)
        hashes, images = packed
        build = Build(root, name, stage, region, functions, plan, hashes, deployed_at_ms, images)
        template = full_template(build)
        return Translation(
            service=name,
            stage=stage,
            region=region,
            template=template,
            initial=initial_template(build),
            plan=plan,
            stack=_stack(build),
            functions={key: build.function_name(key) for key in functions},
            warnings=tuple(root.warnings),
        )


def load(
    text: str, sources: Sources | None = None, file: str = "serverless.yml"
) -> ServerlessService:
    """Read the text of a serverless.yml (or .json).

    Raises:
        ServiceFileError: not well-formed, or not a mapping.
    """
    try:
        document = parse_text(text, SERVERLESS)
    except TemplateError as error:
        raise ServiceFileError(file, "", str(error)) from error
    if not isinstance(document, dict):
        raise ServiceFileError(file, "", "expected a mapping with service, provider, functions")
    return ServerlessService(file, document, sources or Sources(), text)


def load_file(file: str, sources: Sources) -> ServerlessService:
    """Read a file through ``sources.read_file``.

    Raises:
        ServiceFileError: the file is not there, or as :func:`load`.
    """
    text = sources.read_file(file)
    if text is None:
        raise ServiceFileError(file, "", "the file does not exist")
    return load(text, sources, file)


def _check(root: Reading) -> None:
    _check_top_level(root)
    provider = root["provider"]
    if isinstance(provider.value, str):
        raise provider.expected("a mapping with name: aws and runtime")
    provider["name"].one_of("aws")
    provider.check_keys(*_PROVIDER)
    for setting in _IGNORED_PROVIDER:
        if provider[setting]:
            provider[setting].warn("has no meaning here; ignored")
    provider["ecr"].check_keys(*_ECR)
    for name in plugin_names(root):
        if name in _REFUSED_PLUGINS:
            raise root["plugins"].error(f"{name} {_REFUSED_PLUGINS[name]}")
        if name not in _KNOWN_PLUGINS:
            root["plugins"].warn(f"{name} is not known here; ignored")


def _check_top_level(root: Reading) -> None:
    """Refuse what is one slip away from a key that counts: all below it would be lost unsaid."""
    for name in root.mapping():
        meant = difflib.get_close_matches(name, _TOP_LEVEL, n=1, cutoff=0.8)
        if name not in _TOP_LEVEL and meant:
            raise root[name].error(f"unrecognized property; did you mean {meant[0]}?")
    root.check_keys(*_TOP_LEVEL)
    if not root["functions"] and not root["resources"]:
        root["functions"].warn("there are none, and no resources either; nothing is deployed")


def _service_name(root: Reading) -> str:
    service = root["service"]
    place = service["name"] if isinstance(service.value, dict) else service
    return place.text(r"[a-zA-Z][0-9a-zA-Z-]*", "a name of letters, digits and hyphens")


def _functions(place: Reading) -> dict[str, Reading]:
    """The functions by name; a list of mappings is laid together."""
    parts = place.entries() if isinstance(place.value, list) else [place]
    result: dict[str, Reading] = {}
    for part in parts:
        for name, function in part.items():
            if not name.replace("-", "").replace("_", "").isalnum():
                raise function.error("expected a name of letters, digits, hyphens, underscores")
            if not isinstance(function.value, dict):
                raise function.expected("a mapping with handler")
            result[name] = function
    return result


def _stack(build: Build) -> StackSettings:
    provider = build.provider
    own = provider["stackName"].optional_text()
    tags = {"STAGE": build.stage}
    for place in (provider["tags"], provider["stackTags"]):
        tags.update({key: value.text() for key, value in place.items()})
    parameters = {
        item["ParameterKey"].text(): item["ParameterValue"].text()
        for item in provider["stackParameters"].entries()
    }
    arns = tuple(item.text() for item in provider["notificationArns"].entries())
    return StackSettings(own or f"{build.service}-{build.stage}", tags, parameters, arns)
